"""The database of two shops, north and south, made on first use. In life it is there already, and this file is not."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

SHOPS = ("north", "south")
_STATUS = ("paid", "paid", "open", "refunded")
_TABLES = """
CREATE TABLE customers (shop TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL, city TEXT NOT NULL, card TEXT NOT NULL);
CREATE TABLE orders (shop TEXT NOT NULL, id INTEGER NOT NULL, customer_id INTEGER NOT NULL, total_cents INTEGER NOT NULL,
                     status TEXT NOT NULL, placed TEXT NOT NULL);
CREATE INDEX customers_of ON customers (shop);
CREATE INDEX orders_of ON orders (shop);
"""


def make_shop(path: Path) -> Path:
    """Makes the file unless it is there; several that open the example at once each make one, and none meets a half-made one."""
    if not path.exists():
        part = path.with_suffix(f".part-{os.getpid()}")
        with closing(sqlite3.connect(part)) as connection:
            connection.executescript(_TABLES)
            connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", _customers())
            connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", _orders())
            connection.commit()
        part.replace(path)
    return path


def _customers() -> Iterator[tuple[str, int, str, str, str]]:
    for shop in SHOPS:
        for number in range(1, 9):
            city = ("Kiel", "Husum") if shop == "north" else ("Ulm", "Lindau")
            yield shop, number, f"{shop.title()} customer {number}", city[number % 2], f"4000-{shop}-{number:04d}"


def _orders() -> Iterator[tuple[str, int, int, int, str, str]]:
    for shop in SHOPS:
        for number in range(1, 41):
            cents = number * (310 if shop == "north" else 9_900)
            yield shop, number, number % 8 + 1, cents, _STATUS[number % 4], f"2026-{number % 12 + 1:02d}-15"
