"""What statements may speak of: tables with their columns and tenant column, and functions. How one is checked is in `judge`.

Rule 1. Everything is listed; what is not listed does not exist. Names are plain, in lower case, and none begins with
        `due_`: those are ours.
Rule 2. Every table has a tenant column. A table that all tenants share cannot be listed.
Rule 3. Functions can be taken away from the list, none can be added: each was looked at for what it reads, keeps and costs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.sql.functions import ELSEWHERE, FUNCTIONS
from dueprocess.values import Digest, Json, digest_json
from dueprocess.values.foreign import quoted

NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)  # Postgres cuts a name after 63 bytes: one name, one thing
RESERVED: Final = "due_"
TENANT_PARAMETER: Final = "due_tenant"
"""The parameter that carries the tenant in a rewritten statement. No statement may name it itself."""


class Dialect(Enum):
    """Whose SQL it is. The value is the reader's name for it."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


_SCHEMAS: Final = {Dialect.SQLITE: "main", Dialect.POSTGRES: "public"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as statements may see it. `tenant` is the column that says whose a row is; it is seen only if it is in `columns`.

    `schema` of "" is that of the dialect: `main`, `public`.
    """

    name: str
    columns: tuple[str, ...]
    tenant: str
    schema: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """All that a statement may speak of.

    Raises:
        BadValue: by rules 1 to 3, or two tables share a name.
    """

    dialect: Dialect
    tables: tuple[Table, ...]
    functions: frozenset[str] = FUNCTIONS

    def __post_init__(self) -> None:
        if not self.tables:
            raise BadValue("a scope without tables; expected at least one")
        seen: set[str] = set()
        for table in self.tables:
            named = (table.name, table.tenant, *table.columns, *((table.schema,) if table.schema else ()))
            for name in named:
                _check_name(name)
            if table.name in seen:
                raise BadValue(f"two tables are named {table.name}; expected each once, whatever its schema")
            if not table.columns or len(set(table.columns)) != len(table.columns):
                raise BadValue(f"the columns of {table.name} are none, or one is there twice")
            seen.add(table.name)
        unknown = sorted(self.functions - FUNCTIONS)
        if unknown:
            raise BadValue(
                f"functions {', '.join(map(quoted, unknown))}; expected some of: {', '.join(sorted(FUNCTIONS))}"
            )

    def table(self, name: str) -> Table | None:
        """The table of this name, folded to lower case."""
        return next((table for table in self.tables if table.name == name), None)

    @property
    def callable(self) -> frozenset[str]:
        """The functions that a statement in this dialect may call."""
        return self.functions - ELSEWHERE[self.dialect.value]

    def schema_of(self, table: Table) -> str:
        """The schema that a table stands in."""
        return table.schema or _SCHEMAS[self.dialect]

    def as_json(self) -> dict[str, Json]:
        """The scope as JSON: what a reviewer of it relies on, and what a release can carry."""
        tables: list[Json] = [
            {
                "name": table.name,
                "schema": self.schema_of(table),
                "columns": [*table.columns],
                "tenant": table.tenant,
            }
            for table in self.tables
        ]
        return {"dialect": self.dialect.value, "tables": tables, "functions": [*sorted(self.callable)]}

    @property
    def digest(self) -> Digest:
        """The digest of all that the scope allows."""
        return digest_json(self.as_json())

    @classmethod
    def of(cls, dialect: Dialect, tables: Mapping[str, tuple[str, Iterable[str]]]) -> "Scope":
        """A scope written as table name -> (tenant column, columns)."""
        listed = (Table(name=name, tenant=tenant, columns=tuple(columns)) for name, (tenant, columns) in tables.items())
        return cls(dialect=dialect, tables=tuple(listed))


def _check_name(name: str) -> None:
    if NAME.fullmatch(name) is None:
        raise BadValue(
            f"{quoted(name)} is no name that can be listed; expected a to z, 0 to 9 and _, at most 63, in lower case"
        )
    if name.startswith(RESERVED):
        raise BadValue(f"{quoted(name)} begins with {RESERVED}, which is kept for names of our own")
