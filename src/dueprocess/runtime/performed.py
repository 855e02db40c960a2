"""What became of a guarded call, as values: a denial or a hold is an answer, not an exception."""

from dataclasses import dataclass

from dueprocess.gate import FindingRecord
from dueprocess.values import ActionId, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class SucceededCall:
    """It ran once and its outcome is on the record. `value` is the result as JSON."""

    action: ActionId
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusedCall:
    """The same key and arguments had run before: the recorded result, no second effect."""

    action: ActionId
    original: ActionId
    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedCall:
    """It did not run and will not. `findings` say why."""

    action: ActionId
    findings: tuple[FindingRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCall:
    """It waits: for people (`due approvals approve ACTION`), for a stop to be lifted, or for `original`, which is under way."""

    action: ActionId
    findings: tuple[FindingRecord, ...] = ()
    reason: str = ""
    original: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """It surely had no effect, or a budget had no room for it."""

    action: ActionId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownCall:
    """Nobody knows yet whether it had an effect: `settle` asks the sink, or a person does (`due actions settle`)."""

    action: ActionId
    reason: str


Performed = SucceededCall | ReusedCall | DeniedCall | HeldCall | FailedCall | UnknownCall
