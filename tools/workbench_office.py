"""The tools of WorkBench's office, as their descriptions say: names, arguments, kinds. How recordings are made of its files: `workbench`.

A schema says what a description says of one argument by itself: text, a date as YYYY-MM-DD, a time, a number of minutes. What an
office allows (closed lists, addresses, how much) is the policy's, and stands in `examples/replay/workbench.yaml`.
"""

import json
from typing import Any, Final

Row = dict[str, Any]

_DAY: Final = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
TEXT: Final = {"type": "string"}
DATE: Final = {"type": "string", "pattern": f"^{_DAY}$"}
MOMENT: Final = {"type": "string", "pattern": f"^{_DAY} {_CLOCK}$"}
MINUTES: Final = {"type": "string", "pattern": "^[1-9][0-9]{0,3}$"}

_SPAN: Final = {"time_min": DATE, "time_max": DATE}
_CUSTOMER: Final = {
    "customer_email": TEXT,
    "customer_phone": TEXT,
    "last_contact_date": DATE,
    "product_interest": TEXT,
    "notes": TEXT,
    "follow_up_by": DATE,
}
_FOUND_BY: Final = {
    "customer_name": TEXT,
    "customer_email": TEXT,
    "product_interest": TEXT,
    "status": TEXT,
    "assigned_to_email": TEXT,
    "last_contact_date_min": TEXT,
    "last_contact_date_max": TEXT,
    "follow_up_by_min": TEXT,
    "follow_up_by_max": TEXT,
}
_TASK: Final = {"task_name": TEXT, "assigned_to_email": TEXT, "list_name": TEXT, "due_date": DATE, "board": TEXT}

# A read may leave out any of its arguments. A write needs all of them, but for the second table of `add_customer`.
READS: Final[dict[str, dict[str, Row]]] = {
    "company_directory.find_email_address": {"name": TEXT},
    "email.search_emails": {"query": TEXT, "date_min": TEXT, "date_max": TEXT},
    "email.get_email_information_by_id": {"email_id": TEXT, "field": TEXT},
    "calendar.search_events": {"query": TEXT, "time_min": TEXT, "time_max": TEXT},
    "calendar.get_event_information_by_id": {"event_id": TEXT, "field": TEXT},
    "analytics.get_visitor_information_by_id": {"visitor_id": TEXT},
    "analytics.total_visits_count": {"time_min": TEXT, "time_max": TEXT},
    "analytics.engaged_users_count": {"time_min": TEXT, "time_max": TEXT},
    "analytics.traffic_source_count": {"time_min": TEXT, "time_max": TEXT, "traffic_source": TEXT},
    "analytics.get_average_session_duration": {"time_min": TEXT, "time_max": TEXT},
    "project_management.search_tasks": dict.fromkeys(_TASK, TEXT),
    "project_management.get_task_information_by_id": {"task_id": TEXT, "field": TEXT},
    "customer_relationship_manager.search_customers": _FOUND_BY,
}
WRITES: Final[dict[str, dict[str, Row]]] = {
    "email.send_email": {"recipient": TEXT, "subject": TEXT, "body": TEXT},
    "email.forward_email": {"email_id": TEXT, "recipient": TEXT},
    "email.reply_email": {"email_id": TEXT, "body": TEXT},
    "email.delete_email": {"email_id": TEXT},
    "calendar.create_event": {
        "event_name": TEXT,
        "participant_email": TEXT,
        "event_start": MOMENT,
        "duration": MINUTES,
    },
    "calendar.update_event": {"event_id": TEXT, "field": TEXT, "new_value": TEXT},
    "calendar.delete_event": {"event_id": TEXT},
    "analytics.create_plot": {**_SPAN, "value_to_plot": TEXT, "plot_type": TEXT},
    "project_management.create_task": _TASK,
    "project_management.update_task": {"task_id": TEXT, "field": TEXT, "new_value": TEXT},
    "project_management.delete_task": {"task_id": TEXT},
    "customer_relationship_manager.add_customer": {"customer_name": TEXT, "assigned_to_email": TEXT, "status": TEXT},
    "customer_relationship_manager.update_customer": {"customer_id": TEXT, "field": TEXT, "new_value": TEXT},
    "customer_relationship_manager.delete_customer": {"customer_id": TEXT},
}
# What the new value of a field must look like, where its description says so.
_NEW_VALUES: Final[dict[str, dict[str, Row]]] = {
    "calendar.update_event": {"event_start": MOMENT, "duration": MINUTES},
    "project_management.update_task": {"due_date": DATE},
    "customer_relationship_manager.update_customer": {"last_contact_date": DATE, "follow_up_by": DATE},
}


def catalogue() -> str:
    """The tools file, as text."""
    reads = [_tool(name, "read", properties, required=[]) for name, properties in READS.items()]
    writes = [_tool(name, "write", properties, required=[*properties]) for name, properties in WRITES.items()]
    return json.dumps({"tools": reads + writes}, indent=1)


def _tool(name: str, kind: str, properties: dict[str, Row], *, required: list[str]) -> Row:
    more = _CUSTOMER if name == "customer_relationship_manager.add_customer" else {}
    parameters: Row = {"type": "object", "properties": {**properties, **more}, "required": required}
    if name in _NEW_VALUES:
        parameters["allOf"] = [
            {"if": {"properties": {"field": {"const": field}}}, "then": {"properties": {"new_value": form}}}
            for field, form in _NEW_VALUES[name].items()
        ]
    return {"name": name, "description": "", "kind": kind, "parameters": parameters}
