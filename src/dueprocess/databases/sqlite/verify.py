"""What is proved of a SQLite file before anything is asked: that the listed tables are what they are taken for.

Rule 1. A view, a virtual table or a shadow table is refused: what it reads is not what it is called.
Rule 2. Every listed column, and the tenant's, is there. A tenant's column that may be empty is remarked: such rows are
        nobody's and never seen.
"""

import sqlite3
from typing import cast

from dueprocess.errors import NotAllowed
from dueprocess.sql import RowSecurity, Scope, Standing, Table

_REMARK = "{name}.{column} may be NULL; rows without a tenant are never shown"


def standing(connection: sqlite3.Connection, scope: Scope) -> Standing:
    """What is right with the file.

    Raises:
        NotAllowed: by rules 1 and 2; names table and column, and what to change.
    """
    remarks = [remark for table in scope.tables for remark in _table(connection, table, scope)]
    return Standing(row_security=RowSecurity.REWRITE, remarks=tuple(remarks))


def _table(connection: sqlite3.Connection, table: Table, scope: Scope) -> list[str]:
    schema = scope.schema_of(table)
    if schema != "main":
        raise NotAllowed(f"{table.name} is listed in the schema {schema}; SQLite reads `main` alone here: leave it out")
    found = connection.execute(
        "SELECT type, coalesce(sql, '') FROM main.sqlite_schema WHERE lower(name) = ? AND type IN ('table', 'view')",
        (table.name,),
    ).fetchone()
    kind, made = cast("tuple[str, str]", found) if found else ("", "")
    if kind != "table" or made.upper().split()[:2] != ["CREATE", "TABLE"]:
        told = "a view or a virtual table" if found else "not there"
        raise NotAllowed(
            f"the table {table.name} is {told}; expected a plain table: take it off the list or list its tables"
        )
    rows = connection.execute('SELECT lower(name), "notnull", pk FROM pragma_table_xinfo(?)', (table.name,)).fetchall()
    columns = {name: bool(required or key) for name, required, key in cast("list[tuple[str, int, int]]", rows)}
    missing = sorted({*table.columns, table.tenant} - columns.keys())
    if missing:
        raise NotAllowed(f"{table.name} has no column {', '.join(missing)}; expected of: {', '.join(sorted(columns))}")
    if columns[table.tenant]:
        return []
    return [_REMARK.format(name=table.name, column=table.tenant)]
