"""Tools over a database: one that takes a checked statement, one that offers reviewed templates. Both only read.

Rule 1. A tool is made only of a database that has proved that it keeps tenants apart (`Database.verify`).
Rule 2. Whose rows are read is never an argument: it comes from who made the tool, or from the attempt that is being made.
Rule 3. The function judges what it is given, again, whatever was decided before it: what runs is what was checked here.
Rule 4. Every answer says what ran and what kept tenants apart; so does the record, which holds the answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from dueprocess.sql import (
    PARAMETERS,
    SQL,
    TEMPLATE,
    Checked,
    Database,
    Dialect,
    Failed,
    Refused,
    Rows,
    RowSecurity,
    Scope,
    Template,
    Templates,
    declaration,
    judge,
)
from dueprocess.tool import Attempt, Tool, tool
from dueprocess.values import Json

Tenant = str | Callable[[Attempt], str]
"""Whose rows a tool reads: always this tenant's, or that of the attempt (its principal, on whose behalf it is made).

A function that answers "" says that there is none: the call is refused.
"""
_NOBODY: Final = "the requester is nobody's here: there are no rows to read"

Value = str | int | Decimal | bool | None
"""What may be bound to a parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a tool gives back: rows, or why there are none.

    `ran` is the statement as it was written anew. `cut`: there was more than is shown. `refused` is the rule of a statement
    that was not run, `failed` the code of one that the database did not run to its end; `reason` is a fixed sentence for
    either. `row_security`: what kept tenants apart.
    """

    row_security: RowSecurity
    ran: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[object, ...], ...] = ()
    cut: bool = False
    refused: str = ""
    failed: str = ""
    reason: str = ""


def sql_tool(name: str, database: Database, *, tenant: Tenant, description: str = "") -> Tool:
    """A read that takes `sql`, one query with `:named` parameters, and `parameters`, their values.

    Raises:
        NotAllowed: the database does not keep tenants apart; says what to change. ToolInvalid: the name is none.
    """
    security = database.verify().row_security

    def ask(sql: str, parameters: dict[str, Value], *, attempt: Attempt) -> Answer:
        """Asks."""
        judged = judge(database.scope, {SQL: sql, PARAMETERS: {**parameters}})
        return _answer(judged, database, tenant=_whose(tenant, attempt), security=security)

    made = tool(effect="read", name=name)(ask)
    spec = replace(
        made.spec,
        description=_described(description, database.scope),
        statements=declaration(database.scope),
        row_security=security.value,
    )
    return replace(made, spec=spec)


def template_tool(
    name: str, database: Database, *, templates: tuple[Template, ...], tenant: Tenant, description: str = ""
) -> Tool:
    """A read that takes `template`, one of these names, and its `parameters`. What is asked was reviewed by people.

    Raises:
        NotAllowed: the database does not keep tenants apart; says what to change. BadValue: a template is refused.
        ToolInvalid: the name is none.
    """
    offered = Templates(scope=database.scope, templates=templates)
    security = database.verify().row_security

    def ask(template: str, parameters: dict[str, Value] | None = None, *, attempt: Attempt) -> Answer:
        """Asks."""
        judged = offered.judge({TEMPLATE: template, PARAMETERS: {**(parameters or {})}})
        return _answer(judged, database, tenant=_whose(tenant, attempt), security=security)

    made = tool(effect="read", name=name)(ask)
    listed = "\n".join(f"- {each.name}({', '.join(each.parameters)}): {each.description}" for each in templates)
    told = f"{description or 'Answers one of a list of questions.'}\n{listed}"
    spec = replace(
        made.spec,
        description=told,
        parameters=offered.parameters,
        statements=declaration(database.scope, templates),
        row_security=security.value,
    )
    return replace(made, spec=spec)


def _whose(tenant: Tenant, attempt: Attempt) -> str:
    return tenant if isinstance(tenant, str) else tenant(attempt)


def _answer(judged: Checked | Refused, database: Database, *, tenant: str, security: RowSecurity) -> Answer:
    if isinstance(judged, Refused):
        return Answer(row_security=security, refused=judged.rule.value, reason=judged.reason)
    if not tenant:
        return Answer(row_security=security, refused="tenant", reason=_NOBODY)
    values: Mapping[str, Json] = judged.values
    found = database.query(judged, values, tenant=tenant)
    match found:
        case Failed():
            return Answer(row_security=security, ran=judged.sql, failed=found.code, reason=found.reason)
        case Rows():
            return Answer(row_security=security, ran=judged.sql, columns=found.columns, rows=found.rows, cut=found.cut)


def _described(description: str, scope: Scope) -> str:
    tables = "\n".join(f"- {table.name}({', '.join(table.columns)})" for table in scope.tables)
    dialect = "SQLite" if scope.dialect is Dialect.SQLITE else "Postgres"
    return (
        f"{description or 'Answers a question about the data.'}\n"
        f"One {dialect} query that only reads. Every value is a parameter: write :name in the query and give it in "
        f"`parameters`; numbers may stand only after LIMIT and OFFSET. Whose rows are read is settled.\n"
        f"Tables:\n{tables}\nFunctions: {', '.join(sorted(scope.callable))}"
    )
