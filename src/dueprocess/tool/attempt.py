"""What a tool function is told about its dispatch, and what a reconcile answers. How they are called is in `runtime`.

Rule 1. `Attempt.key` is the idempotency key for the sink. One dispatch has one key; a voided key is never used again.
Rule 2. A reconcile answers `Found` or `Voided` only when it is certain. `Voided` is a promise about the future too: the
        key is tombstoned at the sink, so that an attempt still on its way is refused there. Anything less is `Unclear`.
"""

from dataclasses import dataclass

from dueprocess.values import ActionId, AttemptKey, Instant, Json, PrincipalId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One dispatch of an action, as the tool function sees it where it declares a parameter of this type.

    `number` counts from 1; it is 0 in a dry run, which is no dispatch. After `deadline` (absolute) the runtime counts the
    outcome as unknown: stop before it. `through`: the sub-agent of the principal that asked for it, if one did.
    """

    key: AttemptKey
    action: ActionId
    number: int
    run: RunId
    deadline: Instant
    principal: PrincipalId
    on_behalf_of: str | None = None
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The effect that a compensate takes back, where it declares a parameter of this type.

    `key` is what the sink knows the effect by: the `Attempt.key` of the attempt that made it. `result` is what was recorded.
    """

    action: ActionId
    key: AttemptKey
    result: Json


@dataclass(frozen=True, slots=True)
class Found:
    """The effect is there. `value` is the receipt: it takes the place of the result that was lost."""

    value: object = None


@dataclass(frozen=True, slots=True)
class Voided:
    """There is no effect and there will be none: the sink refuses this key from now on."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """The sink could not tell. The action stays unknown."""

    reason: str


Reconciled = Found | Voided | Unclear
