"""An event as a run sees it: its record and where it stands. The stored line and its encryption are the ledger's."""

from dataclasses import dataclass

from dueprocess.values import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One event of the run, in the order of its sequence number."""

    seq: int
    at: Instant
    record: object
    epoch: int = 0
    action: str = ""
    attempt: int = 0
