"""What was asked and what became of it: a statement, checked or refused, and confined. How is told in `judge` and `rewrite`.

Rule 1. Nothing here holds a value of a row or of a literal: a refusal names the rule and the part of the language, no data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.sql.scope import Dialect
from dueprocess.values import Json

SQL: Final = "sql"
PARAMETERS: Final = "parameters"
"""The arguments of a tool that takes statements."""


class Refusal(Enum):
    """Why a statement is not run. The value is the last part of the rule's id."""

    ARGUMENTS = "arguments"  # not of the form {sql, parameters}
    SIZE = "size"  # too long, too deep, too many parts
    SYNTAX = "syntax"  # cannot be read
    STATEMENT = "statement"  # more or other than one read-only query
    NODE = "node"  # a part of the language that is not allowed
    LITERAL = "literal"  # a value in the text instead of a parameter
    TABLE = "table"
    COLUMN = "column"
    FUNCTION = "function"
    NAME = "name"  # an identifier that is not plain, or used for two things
    PARAMETER = "parameter"  # missing, left over, reserved, or no plain value
    LOST = "lost"  # what was written is not what would be run


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A statement that is not run: the rule and a sentence that names the part, never a value."""

    rule: Refusal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A statement that may be run. `sql` is made anew from what was read: it, and never the text that was given, runs.

    `tables` are those of the scope that it reads, `parameters` the names that it binds, `values` what is bound to them.
    Checking `sql` again gives the same `sql`.
    """

    sql: str
    dialect: Dialect
    tables: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Mapping[str, Json]

    @property
    def arguments(self) -> dict[str, Json]:
        """The arguments of the call that runs exactly this."""
        return {SQL: self.sql, PARAMETERS: {name: self.values[name] for name in self.parameters}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confined:
    """A checked statement whose every table shows the listed columns only and, if `tenant` is not empty, one tenant's rows.

    `tenant` is the parameter to bind the tenant to.
    """

    sql: str
    tenant: str = ""
