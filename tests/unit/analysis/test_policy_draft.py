import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dueprocess.analysis import draft
from dueprocess.analysis.guess import Use, guess
from dueprocess.cli.main import due
from dueprocess.errors import FileInvalid
from dueprocess.gate.trial import try_tests
from dueprocess.policy import Egress, Policy, load
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.tool import ToolSpec
from dueprocess.tool.catalogue import read_catalogue
from dueprocess.values import Json

TEXT: dict[str, Json] = {"type": "string"}


def catalogue(*tools: dict[str, Json]) -> dict[str, ToolSpec]:
    return read_catalogue(json.dumps({"tools": tools}).encode(), name="tools.json")


def tool(name: str, kind: str = "write", *, description: str = "", **properties: Json) -> dict[str, Json]:
    parameters = {"type": "object", "properties": properties, "required": sorted(properties)}
    return {"name": name, "description": description, "parameters": parameters, "kind": kind}


def drafted(*tools: dict[str, Json]) -> Policy:
    return load(draft(catalogue(*tools)).encode(), name="draft", tools=catalogue(*tools))


def entry(of: dict[str, Json]) -> dict[str, Json]:
    top = plain_json(read_nodes(draft(catalogue(of)).encode(), name="draft"))
    return top["tools"][of["name"]]  # type: ignore[index,return-value,call-overload]


def test_a_read_in_the_house_is_allowed_and_what_it_brings_is_untrusted():
    policy = drafted(tool("get_order", "read", order_id=TEXT))
    assert policy.tools["get_order"].allowed
    assert policy.tools["get_order"].tier == "read"
    assert "  get_order: {integrity: untrusted, audience: internal}" in policy.source


@pytest.mark.parametrize(
    ("name", "description", "properties"),
    [
        ("fetch_page", "", {"url": TEXT}),
        ("look_up", "Asks the DNS.", {"what": TEXT}),
        ("search_web", "", {"query": TEXT}),
        ("get_link_title", "", {"it": {"type": "string", "format": "uri"}}),
    ],
)
def test_a_read_whose_arguments_leave_the_house_is_an_egress_with_all_of_them_control(name, description, properties):
    found = entry(tool(name, "read", description=description, **properties))
    assert found["egress"] == "external"
    assert found["control"] == [*properties]


def test_a_search_in_the_house_is_no_egress():
    assert "egress" not in entry(tool("search_orders", "read", description="Finds orders by text.", query=TEXT))


@pytest.mark.parametrize(
    "name",
    [
        "delete_file",
        "removeUser",
        "grant_role",
        "reset_password",
        "run_shell",
        "execute_sql",
        "transfer_funds",
        "CancelOrder",
    ],
)
def test_what_destroys_grants_runs_or_pays_is_critical_and_has_a_test_that_passes(name):
    of = tool(name, target=TEXT)
    policy = drafted(of)
    assert policy.tools[name].tier == "critical"
    trials = try_tests(policy, catalogue(of))
    assert [trial.test.tool for trial in trials] == [name]
    assert all(trial.passed for trial in trials)


def test_an_effect_that_no_word_tells_counts_as_a_write():
    assert drafted(tool("frobnicate", x=TEXT)).tools["frobnicate"].tier == "write"


def test_a_tool_that_calls_itself_a_read_and_acts_counts_as_a_write():
    assert drafted(tool("delete_everything", "read")).tools["delete_everything"].tier == "critical"


def test_a_handover_to_a_person_is_left_a_read():
    assert drafted(tool("transfer_to_human", "read", summary=TEXT)).tools["transfer_to_human"].tier == "read"


def test_free_text_is_content_and_what_says_where_to_is_control():
    found = entry(
        tool(
            "send_email",
            to=TEXT,
            cc={"type": "array", "items": TEXT},
            subject=TEXT,
            body=TEXT,
            urgent={"type": "boolean"},
        )
    )
    assert found["control"] == ["to", "cc", "urgent"]
    assert found["content"] == ["subject", "body"]
    assert found["egress"] == "external"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "enum": ["a", "b"]},
        {"type": "string", "maxLength": 8},
        {"type": "string", "format": "email"},
        {"type": "string", "pattern": "^x"},
        {"type": "string", "description": "Either 'lost' or 'stolen'."},
        {"type": "string", "description": "The path of the file."},
        {"type": "object"},
        {"type": ["string", "array"]},
        {},
    ],
)
def test_a_text_that_chooses_or_addresses_is_control_whatever_it_is_called(schema):
    assert entry(tool("file_report", message=schema))["control"] == ["message"]


def test_nothing_that_a_program_is_made_of_is_content():
    assert entry(tool("run_script", text=TEXT, comment=TEXT))["control"] == ["text", "comment"]


def test_an_amount_in_dollars_is_bounded_by_all_three_keys():
    found = entry(tool("issue_refund", order_id=TEXT, amount_usd={"type": "number"}))
    assert found["bounded"] == ["amount_usd"]
    assert {"max_amount_usd", "require_approval_over_usd", "limits", "bind"} <= found.keys()


def test_an_amount_of_no_known_currency_is_bound_and_still_control():
    found = entry(tool("send_payment", to=TEXT, amount={"type": "number"}))
    assert found["control"] == ["to", "amount"]
    assert found["bind"] == {"amount": "$.amount"}
    assert {"require_approval_over_usd", "limits"} <= found.keys()
    assert "bounded" not in found
    assert "max_amount_usd" not in found  # a person is asked: the figure may be an everyday one in its currency


def test_an_amount_that_may_be_left_out_gets_no_threshold_since_that_would_deny_every_call_without_it():
    of = tool("update_payment", payment_id=TEXT, amount_usd={"type": "number"})
    of["parameters"]["required"] = ["payment_id"]  # type: ignore[index,call-overload]
    assert "max_amount_usd" not in entry(of)
    assert entry(of)["control"] == ["payment_id", "amount_usd"]


def test_a_quantity_is_no_money():
    assert "bind" not in entry(tool("add_ingredient", what=TEXT, amount={"type": "number"}))


def test_every_write_has_a_rate():
    policy = drafted(tool("update_note", note=TEXT), tool("delete_note", note_id=TEXT), tool("get_note", "read"))
    assert {name: entry.rate is not None for name, entry in policy.tools.items()} == {
        "update_note": True,
        "delete_note": True,
        "get_note": False,
    }


def test_a_tool_that_no_policy_can_list_is_told_and_denied():
    policy = drafted(tool("two words"), tool("one"))
    assert [*policy.tools] == ["one"]
    assert "no policy can list it: two words" in policy.source


def test_the_verb_prints_a_policy_that_loads_and_nothing_else(tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps({"tools": [tool("issue_refund", amount_usd={"type": "number"})]}), encoding="utf-8")
    done = CliRunner().invoke(due, ["policy", "draft", "--tools", str(tools)], standalone_mode=False)
    (tmp_path / "policy.yaml").write_bytes(done.stdout_bytes)
    checked = CliRunner().invoke(
        due, ["policy", "check", str(tmp_path / "policy.yaml"), "--tools", str(tools), "--json"], standalone_mode=False
    )
    assert (done.return_value, checked.return_value) == (0, 0)
    assert json.loads(checked.output)["problems"] == []


# Whatever the tools are called and whatever their schemas say ---------------------------------------------------------

NAMES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "to",
            "amount",
            "amount_usd",
            "body",
            "null",
            "true",
            "1",
            "on",
            "a.b",
            "x y",
            "$ref",
            "<<",
            "\u202e",
            "\U0001f600",
        ]
    ),
)
LEAVES = st.one_of(
    st.sampled_from(
        [
            TEXT,
            {"type": "number"},
            {"type": "integer", "minimum": 2},
            {"type": "boolean"},
            {},
            {"type": ["string", "null"]},
        ]
    ),
    st.builds(lambda said: {"type": "string", "description": said}, st.text(max_size=30)),
    st.builds(
        lambda values: {"enum": values},
        st.lists(st.one_of(st.text(max_size=5), st.integers()), min_size=1, unique_by=repr),
    ),
    st.sampled_from(
        [{"type": "string", "format": "uri"}, {"anyOf": [TEXT, {"type": "null"}]}, {"type": "array", "items": TEXT}]
    ),
)
OBJECTS = st.builds(
    lambda properties, required: {
        "type": "object",
        "properties": properties,
        "required": sorted(properties)[:required],
    },
    st.dictionaries(
        NAMES,
        st.one_of(
            LEAVES,
            st.builds(lambda item: {"type": "object", "properties": item}, st.dictionaries(NAMES, LEAVES, max_size=3)),
        ),
    ),
    st.integers(0, 4),
)
TOOLS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.one_of(
                st.text(min_size=1, max_size=20),
                st.sampled_from(["send_money", "delete_x", "true", "get_url", "pay.now"]),
            ),
            "description": st.text(max_size=40),
            "parameters": OBJECTS,
            "kind": st.sampled_from(["read", "write", "other"]),
        }
    ),
    max_size=4,
    unique_by=lambda each: each["name"],
)


@settings(max_examples=150, deadline=None)
@given(TOOLS)
def test_a_draft_of_any_tools_loads_keeps_its_tests_and_leaves_nothing_unclear_free(written):
    try:
        tools = catalogue(*written)
    except FileInvalid:
        return  # no tools file: there is nothing to draft
    text = draft(tools)
    assert draft(dict(reversed(tools.items()))) == text
    policy = load(text.encode(), name="draft", tools=tools)
    assert all(trial.passed for trial in try_tests(policy, tools))
    top = plain_json(read_nodes(text.encode(), name="draft"))
    for name, listed in policy.tools.items():
        found, keys = guess(tools[name]), top["tools"][name]  # type: ignore[index,call-overload]
        if not listed.allowed:
            continue
        assert listed.tier in ("read", "write", "critical")
        if listed.tier == "read":
            assert tools[name].effect.value == "read"
            assert listed.egress is Egress.EXTERNAL or found.egress is None
            continue
        said = {use: set(keys.get(use.value, ())) for use in Use}
        assert set.union(*said.values()) == {argument.name for argument in found.arguments}
        assert said[Use.CONTROL] == {argument.name for argument in found.arguments if argument.use is Use.CONTROL}
        assert not said[Use.BOUNDED] or {"max_amount_usd", "require_approval_over_usd", "limits"} <= keys.keys()
        assert listed.rate is not None
