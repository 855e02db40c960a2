"""How often a model cites what it has not read: a fold over calls. How the events of a run become calls is in `gate.cited`.

Rule 1. A citation is hallucinated where it resolves to no evidence that this principal had retrieved in this run when the
        call was decided. One that resolves may still not bear out what is claimed: that is not measured here.
Rule 2. A call that names no citation counts in neither number of the rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """One call: how many citations it named, and how many of them resolved."""

    named: int
    resolved: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CitationRate:
    """The citations of many calls. `without`: calls that were asked about and named none."""

    calls: int = 0
    without: int = 0
    named: int = 0
    resolved: int = 0

    @property
    def hallucinated(self) -> int:
        """Citations that resolve to nothing."""
        return self.named - self.resolved

    @property
    def rate(self) -> Fraction | None:
        """The part of the citations that is hallucinated, exactly; None where none was named."""
        return Fraction(self.hallucinated, self.named) if self.named else None


def citation_rate(calls: Iterable[Cited], *, before: CitationRate | None = None) -> CitationRate:
    """Folds calls, after those counted before. The order makes no difference."""
    told = before or CitationRate()
    count, without, named, resolved = told.calls, told.without, told.named, told.resolved
    for call in calls:
        count += 1
        without += call.named == 0
        named += call.named
        resolved += min(call.resolved, call.named)
    return CitationRate(calls=count, without=without, named=named, resolved=resolved)
