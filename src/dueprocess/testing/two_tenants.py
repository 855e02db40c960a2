"""Two tenants in one database, for tests of what keeps them apart: tables, rows, and how to tell one's from the other's.

Rule 1. Every value of the other tenant carries a mark, and none of the own does: wherever it shows, in a row, a name or a
        message, it is seen.
Rule 2. The database holds what must not be read besides: a table and a column that are not listed, a view over all rows.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from dueprocess.sql import Dialect, Scope, Table

OWN: Final = "acme"
OTHER: Final = "zeta"
MARK: Final = "zulu"  # in every text of the other tenant, in this or another case
HIDDEN: Final = "hush"  # in every text that is not listed, of either tenant
MARK_NUMBER: Final = 770_000_000  # every number of the other tenant is a little beyond it
_MARK_YEAR: Final = "1977-"  # every date of the other tenant
_SPAN: Final = 1_000_000
_NUMBER: Final = re.compile(r"[0-9]{1,18}")

TABLES: Final = (
    Table(name="customers", columns=("id", "name", "email", "city"), tenant="tenant"),
    Table(name="orders", columns=("id", "customer_id", "total", "status", "note", "placed"), tenant="tenant"),
)


def scope(dialect: Dialect) -> Scope:
    """What statements may speak of in these databases."""
    return Scope(dialect=dialect, tables=TABLES)


def customers(tenant: str) -> Iterator[tuple[object, ...]]:
    """The rows of `customers`: tenant, id, name, email, city, secret."""
    other = tenant == OTHER
    for number in range(1, 7):
        id_ = MARK_NUMBER + number if other else number
        name = f"{MARK.title()} {number}" if other else f"Ann {number}"
        city = f"{MARK}ville" if other else ("Bonn" if number % 2 else "Ulm")
        yield tenant, id_, name, f"{name.replace(' ', '.').lower()}@example.test", city, f"{HIDDEN}-{tenant}-{number}"


def orders(tenant: str) -> Iterator[tuple[object, ...]]:
    """The rows of `orders`: tenant, id, customer_id, total, status, note, placed, margin."""
    other = tenant == OTHER
    for number in range(1, 13):
        base = MARK_NUMBER if other else 0
        note = f"{MARK} note {number}" if other else (None if number % 4 == 0 else f"note {number}")
        status = f"{MARK}-paid" if other else ("paid" if number % 3 else "open")
        placed = f"2026-{number:02d}-01" if not other else f"1977-{number:02d}-07"
        yield tenant, base + 100 + number, base + number % 6 + 1, base + number * 10, status, note, placed, base + 5


def leaks_in(values: Iterable[object], *, unlisted: bool = True) -> list[str]:
    """What of these values is the other tenant's or, unless told otherwise, is not listed (rules 1 and 2)."""
    found: list[str] = []
    for value in values:
        text = str(value).lower()
        numbers = (int(each) for each in _NUMBER.findall(text))
        marked = any(mark in text for mark in (MARK, _MARK_YEAR)) or any(
            0 <= each - MARK_NUMBER < _SPAN for each in numbers
        )
        if marked or (unlisted and HIDDEN in text):
            found.append(text[:80])
    return found


_CREATE: Final = tuple(
    line.strip()
    for line in """
CREATE TABLE customers (tenant TEXT NOT NULL, id BIGINT NOT NULL, name TEXT, email TEXT, city TEXT, secret TEXT);
CREATE TABLE orders (tenant TEXT NOT NULL, id BIGINT NOT NULL, customer_id BIGINT, total BIGINT, status TEXT, note TEXT,
                     placed DATE, margin BIGINT);
CREATE TABLE payroll (tenant TEXT NOT NULL, id BIGINT, wage TEXT);
CREATE VIEW everything AS SELECT * FROM orders
""".split(";")
)
_PAYROLL: Final = tuple((tenant, number, f"{HIDDEN} wage {number}") for tenant in (OWN, OTHER) for number in range(3))


def sqlite_file(path: Path, *, tenants: Sequence[str] = (OWN, OTHER)) -> Path:
    """Makes the database as a file, with the rows of these tenants."""
    with closing(sqlite3.connect(path)) as connection:
        for line in _CREATE:
            connection.execute(line)
        for tenant in tenants:
            connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", customers(tenant))
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", orders(tenant))
        connection.executemany("INSERT INTO payroll VALUES (?, ?, ?)", _PAYROLL)
        connection.commit()
    return path


def postgres_script(*, role: str, tenants: Sequence[str] = (OWN, OTHER)) -> Iterator[tuple[str, tuple[object, ...]]]:
    """The statements, each with its values, that make the database as Postgres should have it, for a role that reads."""
    for line in _CREATE:
        yield line, ()
    for table in TABLES:
        name = f"public.{table.name}"
        yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY", ()
        yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY", ()
        yield f"CREATE POLICY tenant ON {name} USING (tenant = current_setting('due.tenant', true))", ()
        yield f"GRANT SELECT ON {name} TO {role}", ()
    for tenant in tenants:
        for row in customers(tenant):
            yield "INSERT INTO customers VALUES (%s, %s, %s, %s, %s, %s)", row
        for row in orders(tenant):
            yield "INSERT INTO orders VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", row
    for row in _PAYROLL:
        yield "INSERT INTO payroll VALUES (%s, %s, %s)", row
