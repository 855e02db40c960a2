"""The shop: customers with CRM records, orders, and a small knowledge base, in one SQLite file. Money is in `sink`.

Rule 1. The file is made in one transaction from the inbox: killed at any moment it is whole or not there.
Rule 2. A change is made once per key, and a key that was voided is refused: the shop itself enforces both, in the
        transaction that makes the change. So a change whose answer was lost may be sent again under its key.
"""

import json
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from dueprocess.errors import Conflict, NoEffect
from dueprocess.sqlite_file import switch_to_wal
from dueprocess.values import Digest, Money, digest_text, usd

_PACKAGE: Final = "dueprocess.examples.support_refunds"
DOCUMENTS: Final = ("refund-policy", "accounts", "shipping")
_BUSY_SECONDS: Final = 10.0
_SHORTEST_WORD: Final = 4  # shorter ones are in every paragraph
_MOST_PASSAGES: Final = 3
_SCHEMA: Final = """
CREATE TABLE made_from (seed INTEGER NOT NULL);
CREATE TABLE customers (id TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE orders (
    id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, item TEXT NOT NULL, total_usd TEXT NOT NULL, status TEXT NOT NULL
);
CREATE TABLE passages (document TEXT NOT NULL, first INTEGER NOT NULL, after INTEGER NOT NULL, text TEXT NOT NULL);
CREATE TABLE changes (key TEXT PRIMARY KEY, kind TEXT NOT NULL, customer_id TEXT NOT NULL, receipt TEXT NOT NULL);
"""
_VOID: Final = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A CRM record."""

    id: str
    name: str
    email: str
    phone: str
    shipping_address: str
    loyalty_tier: str = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody bought."""

    id: str
    customer_id: str
    item: str
    total: Money
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A paragraph of a document: code points from `start` to before `end`, and the SHA-256 of its UTF-8."""

    document: str
    start: int
    end: int
    text: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What a new shop holds. `seed` is the number that all of it was made from."""

    seed: int
    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]


class Shop:
    """A shop in a SQLite file."""

    def __init__(self, path: Path, stock: Stock) -> None:
        """Opens the shop; makes it from the stock where it is not there yet.

        Raises:
            Conflict: the file holds a shop made from another seed.
        """
        self._path = path
        with self._connected() as database:
            # Kept in the file: a commit then costs one sync. Not possible inside a transaction.
            switch_to_wal(database)
        with self._transaction() as database:
            known = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'made_from'").fetchone()
            if known is None:
                _make(database, stock)
            (seed,) = database.execute("SELECT seed FROM made_from").fetchone()
        if seed != stock.seed:
            raise Conflict(f"{path} was made from seed {seed}, not {stock.seed}; use that seed or another folder")

    def order(self, order_id: str) -> Order:
        """An order.

        Raises:
            LookupError: there is none of that id.
        """
        with self._connected() as database:
            row = database.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        if row is None:
            raise LookupError(f"no order {order_id}")
        return Order(id=row[0], customer_id=row[1], item=row[2], total=usd(row[3]), status=row[4])

    def customer(self, customer_id: str) -> Customer:
        """A customer.

        Raises:
            LookupError: there is none of that id.
        """
        with self._connected() as database:
            record = _record(database, customer_id)
        if record is None:
            raise LookupError(f"no customer {customer_id}")
        return Customer(**record)

    def search(self, query: str) -> tuple[Passage, ...]:
        """The paragraphs that share most words with the query."""
        words = {word for word in _words(query) if len(word) >= _SHORTEST_WORD}
        with self._connected() as database:
            rows = database.execute("SELECT document, first, after, text FROM passages ORDER BY rowid").fetchall()
        scored = [(len(words & _words(row[3])), row) for row in rows]
        best = sorted((one for one in scored if one[0]), key=lambda one: -one[0])[:_MOST_PASSAGES]
        return tuple(
            Passage(document=row[0], start=row[1], end=row[2], text=row[3], digest=digest_text(row[3]))
            for _, row in best
        )

    def update_customer(self, customer_id: str, fields: Mapping[str, str], *, key: str) -> dict[str, str]:
        """Sets fields of a CRM record, once per key; asked again it gives the same receipt.

        Raises:
            NoEffect: no such customer or field, or the key was voided.
        """
        with self._transaction() as database:
            made = _made(database, key)
            if made is not None:
                return made
            record = _record(database, customer_id)
            if record is None:
                raise NoEffect(f"no customer {customer_id}")
            unknown = sorted(fields.keys() - (record.keys() - {"id"}))
            if unknown:
                raise NoEffect(f"a CRM record has no field {', '.join(unknown)}")
            changed = json.dumps({**record, **fields})
            database.execute("UPDATE customers SET record = ? WHERE id = ?", (changed, customer_id))
            receipt = {"customer_id": customer_id, "updated": ", ".join(sorted(fields))}
            return _note(database, key, kind="update", receipt=receipt)

    def send_reset(self, customer_id: str, *, key: str) -> dict[str, str]:
        """Sends a link for a new password, once per key; asked again it gives the same receipt.

        Raises:
            NoEffect: no such customer, or the key was voided.
        """
        with self._transaction() as database:
            made = _made(database, key)
            if made is not None:
                return made
            record = _record(database, customer_id)
            if record is None:
                raise NoEffect(f"no customer {customer_id}")
            receipt = {"customer_id": customer_id, "sent_to": record["email"]}
            return _note(database, key, kind="reset", receipt=receipt)

    def void(self, key: str) -> dict[str, str] | None:
        """The receipt of the change made under this key; if none was, closes the key for ever and returns None."""
        with self._transaction() as database:
            row = database.execute("SELECT kind, receipt FROM changes WHERE key = ?", (key,)).fetchone()
            if row is None:
                _note(database, key, kind=_VOID, receipt={"customer_id": ""})
                return None
            return None if row[0] == _VOID else json.loads(row[1])

    def changes(self, kind: str) -> int:
        """How many changes of a kind (`update`, `reset`) were made."""
        with self._connected() as database:
            return database.execute("SELECT count(*) FROM changes WHERE kind = ?", (kind,)).fetchone()[0]

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection, None, None]:
        # A connection per question: tools run in any thread or process, and a demo asks some hundred questions.
        database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = FULL")
            yield database
        finally:
            database.close()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        with self._connected() as database:
            database.execute("BEGIN IMMEDIATE")
            # Left by an exception, the connection is closed, and closing takes back what was not committed.
            yield database
            database.execute("COMMIT")


def _make(database: sqlite3.Connection, stock: Stock) -> None:
    for statement in _SCHEMA.split(";"):
        database.execute(statement)
    database.execute("INSERT INTO made_from VALUES (?)", (stock.seed,))
    database.executemany(
        "INSERT INTO customers VALUES (?, ?)", [(one.id, json.dumps(asdict(one))) for one in stock.customers]
    )
    database.executemany(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
        [(one.id, one.customer_id, one.item, str(one.total), one.status) for one in stock.orders],
    )
    for document in DOCUMENTS:
        database.executemany("INSERT INTO passages VALUES (?, ?, ?, ?)", _paragraphs(document))


def _paragraphs(document: str) -> list[tuple[str, int, int, str]]:
    text = (files(_PACKAGE) / "kb" / f"{document}.md").read_text(encoding="utf-8")
    found: list[tuple[str, int, int, str]] = []
    start = 0
    for paragraph in text.split("\n\n"):
        found.append((document, start, start + len(paragraph.rstrip()), paragraph.rstrip()))
        start += len(paragraph) + 2
    return found


def _words(text: str) -> set[str]:
    return {word.strip(".,:;!?'\"()").lower() for word in text.split()}


def _record(database: sqlite3.Connection, customer_id: str) -> dict[str, str] | None:
    row = database.execute("SELECT record FROM customers WHERE id = ?", (customer_id,)).fetchone()
    return None if row is None else json.loads(row[0])


def _made(database: sqlite3.Connection, key: str) -> dict[str, str] | None:
    row = database.execute("SELECT kind, receipt FROM changes WHERE key = ?", (key,)).fetchone()
    if row is not None and row[0] == _VOID:
        raise NoEffect(f"the shop refuses the key {key}: it was voided")
    return None if row is None else json.loads(row[1])


def _note(database: sqlite3.Connection, key: str, *, kind: str, receipt: dict[str, str]) -> dict[str, str]:
    written = (key, kind, receipt["customer_id"], json.dumps(receipt))
    database.execute("INSERT INTO changes VALUES (?, ?, ?, ?)", written)
    return receipt
