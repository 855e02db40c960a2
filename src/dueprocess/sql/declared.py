"""What a tool that takes statements says of itself, as JSON that a release can carry, and how its calls are judged by that alone.

Rule 1. A declaration is enough to judge a call again: whoever has the release needs neither the database nor the tool's code.
Rule 2. What cannot be read as a declaration judges nothing: BadValue, which is a denial for whoever decides.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.sql.judge import judge
from dueprocess.sql.scope import Dialect, Scope, Table
from dueprocess.sql.statement import Refused
from dueprocess.sql.template import Template, Templates
from dueprocess.values import Json, canonical, parse
from dueprocess.values.foreign import kind_of

_SCOPE: Final = "scope"
_TEMPLATES: Final = "templates"
_NESTED: Final = 64


def declaration(scope: Scope, templates: tuple[Template, ...] = ()) -> dict[str, Json]:
    """The declaration of a tool: its scope, and its templates if it takes no statements of a model's own."""
    listed: list[Json] = [
        {
            "name": each.name,
            "sql": each.sql,
            "description": each.description,
            "parameters": {name: {**schema} for name, schema in each.parameters.items()},
            "constants": {**each.constants},
        }
        for each in templates
    ]
    return {_SCOPE: scope.as_json(), _TEMPLATES: listed}


def arguments_that_run(declared: Mapping[str, Json], arguments: Mapping[str, Json]) -> dict[str, Json] | Refused:
    """The arguments to decide, record and run in the place of these: with the statement as it was written anew.

    Those of a template stay as they are: its statement is its author's. Judging the result again gives the same result.

    Raises:
        BadValue: by rule 2.
    """
    read = _read(canonical({**declared}))
    if isinstance(read, Templates):
        found = read.judge(arguments)
        return found if isinstance(found, Refused) else {**arguments}
    checked = judge(read, arguments)
    return checked if isinstance(checked, Refused) else checked.arguments


@lru_cache(maxsize=64)
def _read(text: str) -> Scope | Templates:
    declared = _object(parse(text, max_depth=_NESTED), "a declaration")
    scope = _scope(_object(declared.get(_SCOPE), "its scope"))
    templates = tuple(
        _template(_object(each, "a template")) for each in _list(declared.get(_TEMPLATES), "its templates")
    )
    return Templates(scope=scope, templates=templates) if templates else scope


def _scope(found: Mapping[str, Json]) -> Scope:
    dialect = _text(found.get("dialect"), "the dialect")
    if dialect not in {each.value for each in Dialect}:
        raise BadValue(f"the dialect {dialect!a}; expected {', '.join(each.value for each in Dialect)}")
    tables = tuple(_table(_object(each, "a table")) for each in _list(found.get("tables"), "the tables"))
    functions = _list(found.get("functions"), "the functions")
    return Scope(
        dialect=Dialect(dialect), tables=tables, functions=frozenset(_text(each, "a function") for each in functions)
    )


def _table(found: Mapping[str, Json]) -> Table:
    return Table(
        name=_text(found.get("name"), "a table's name"),
        columns=tuple(_text(each, "a column") for each in _list(found.get("columns"), "a table's columns")),
        tenant=_text(found.get("tenant"), "a table's tenant column"),
        schema=_text(found.get("schema"), "a table's schema"),
    )


def _template(found: Mapping[str, Json]) -> Template:
    parameters = _object(found.get("parameters"), "a template's parameters")
    return Template(
        name=_text(found.get("name"), "a template's name"),
        sql=_text(found.get("sql"), "a template's statement"),
        description=_text(found.get("description"), "a template's description"),
        parameters={name: _object(schema, "a parameter's schema") for name, schema in parameters.items()},
        constants=_object(found.get("constants"), "a template's constants"),
    )


def _object(value: Json, what: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise BadValue(f"{what} is {kind_of(value)}; expected an object")
    return value


def _list(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list):
        raise BadValue(f"{what}: {kind_of(value)}; expected a list")
    return value


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{what} is {kind_of(value)}; expected text")
    return value
