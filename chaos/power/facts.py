"""What somebody was told, and so what must be there after the power came back. Whether it is there is asked in `check`."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from chaos.power.trace import Kind, Record, TraceUnusable


class Told(Enum):
    """Kinds of facts, with what their two words are."""

    OPENED = "opened"  # the store, the log's public key
    NAMED = "named"  # a token, the person it was given to
    COMMITTED = "committed"  # the number of a leaf, its hash: a synced write returned
    SUBMITTED = "submitted"  # a run, its task key
    APPROVED = "approved"  # an action, by whom
    SETTLED = "settled"  # an action, its outcome
    PAID = "paid"  # a key at the sink, the order
    ANCHORED = "anchored"  # the size of the log, the root: a signed checkpoint was handed out
    ERASED = "erased"  # a run, ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that was told."""

    kind: Told
    subject: str
    detail: str = ""

    def text(self) -> str:
        """Its form in the log."""
        return json.dumps([self.kind.value, self.subject, self.detail])

    @classmethod
    def parse(cls, text: bytes | str) -> "Fact":
        """Reads the form in the log.

        Raises:
            TraceUnusable: it is not of that form.
        """
        try:
            kind, subject, detail = json.loads(text)
            return cls(kind=Told(kind), subject=subject, detail=detail)
        except ValueError:
            raise TraceUnusable(f"no fact: {text[:80]!r}") from None


def facts_in(records: Iterable[Record]) -> tuple[Fact, ...]:
    """The facts that were told among these records, in order."""
    return tuple(Fact.parse(record.data) for record in records if record.kind is Kind.TOLD)
