"""What somebody else asks of a citation that resolves: a hook that can only take away. No entailment is claimed here.

Rule 1. A validator hears of citations that resolve, and of no others: it cannot make one count.
Rule 2. A reason, or an error of the validator, makes the citation count as none. Of an error the class and a digest are
        told: its text is foreign.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from dueprocess.evidence.citation import Chunk, Citation, Resolution
from dueprocess.values import Json
from dueprocess.values.foreign import described, visible

Validator = Callable[[Citation, Chunk, Mapping[str, Json]], str | None]
"""Asked with a citation, the chunk it lies in and the arguments of the call; answers why it does not count, or None."""


def narrow(
    resolutions: Iterable[Resolution], validator: Validator, *, arguments: Mapping[str, Json]
) -> tuple[Resolution, ...]:
    """The resolutions as they are after the validator was asked (rules 1 and 2), in order."""
    return tuple(_asked(each, validator, arguments) for each in resolutions)


def _asked(resolution: Resolution, validator: Validator, arguments: Mapping[str, Json]) -> Resolution:
    chunk = resolution.chunk
    if chunk is None:
        return resolution
    try:
        reason = validator(resolution.citation, chunk, arguments)
    except Exception as error:  # noqa: BLE001 - rule 2: whatever it raises is why the citation counts as none
        reason = f"the validator failed: {described(error)}"
    if reason is None:
        return resolution
    told = visible(reason, limit=400) if isinstance(reason, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]
    return replace(resolution, chunk=None, reason=told or "the validator refused it and gave no reason")
