"""What a database does for a tool that takes statements. How SQLite and Postgres do it is in `databases`.

Rule 1. `verify` comes first: a database that cannot keep tenants apart is not asked anything.
Rule 2. Only checked statements are run, inside a transaction that cannot write, under a deadline, for one tenant.
Rule 3. What went wrong is told by class, code and a fixed sentence: the words of a database's own message may be data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from dueprocess.errors import BadValue
from dueprocess.sql.scope import Scope
from dueprocess.sql.statement import Checked
from dueprocess.values import Json


class RowSecurity(Enum):
    """What keeps the rows of one tenant from another: the database itself, or the statement that was rewritten."""

    NATIVE = "native"
    REWRITE = "rewrite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What `verify` found. `remarks` are sentences for the operator: what is right, and could be stronger."""

    row_security: RowSecurity
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one statement may take and give. A result beyond `rows` or `bytes` is cut, and says so.

    Raises:
        BadValue: one of them is not positive: for a database, a deadline of 0 is none.
    """

    rows: int = 200
    bytes: int = 100_000
    timeout_ms: int = 5_000

    def __post_init__(self) -> None:
        if min(self.rows, self.bytes, self.timeout_ms) < 1:
            raise BadValue(
                f"limits of {self.rows} rows, {self.bytes} bytes, {self.timeout_ms} ms; expected each at least 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A result. `cut`: there was more than the limits let through."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The database did not run the statement to its end: SQLSTATE or error name, and a fixed sentence (rule 3)."""

    code: str
    reason: str


class Database(Protocol):
    """A place that answers checked statements for one tenant at a time. Safe to use from several threads."""

    @property
    def scope(self) -> Scope:
        """What it was opened for."""
        ...

    def verify(self) -> Standing:
        """Proves that tenants are kept apart.

        Raises:
            NotAllowed: it cannot; says what to run or change. StoreUnavailable: it cannot be reached.
        """
        ...

    def query(self, statement: Checked, parameters: Mapping[str, Json], *, tenant: str) -> Rows | Failed:
        """Runs a checked statement for a tenant, with these values bound.

        Raises:
            NotAllowed: `verify` has not succeeded before, or the tenant is empty. StoreUnavailable: it cannot be reached.
        """
        ...

    def close(self) -> None:
        """Frees connections. Again is no change."""
        ...
