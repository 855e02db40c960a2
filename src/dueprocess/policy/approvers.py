"""The section `approvers`: who must approve, how many, and how long they have. Whether they can is asked in `lint`."""

from typing import Final

from dueprocess.policy.document import Approvers, Escalate, Escalation
from dueprocess.policy.reader import Spot, named_tables
from dueprocess.values import Duration
from dueprocess.values.foreign import quoted

_KEYS: Final = (
    "any_of",
    "all_of",
    "quorum",
    "expires_after",
    "execute_within",
    "remind",
    "escalate",
    "on_timeout",
    "editable",
)
_DEFAULT: Final = Approvers(name="")


def read_approvers(spot: Spot | None) -> dict[str, Approvers]:
    """The approvers by name, with defaults filled in."""
    named = named_tables(spot, "the name of approvers")
    return {name: _approvers(name, entry) for name, entry in named.items()}


def _approvers(name: str, spot: Spot) -> Approvers:
    keys = spot.table(_KEYS)
    any_of = (keys["any_of"].distinct(approver) if "any_of" in keys else None) or ()
    all_of = (keys["all_of"].distinct(approver) if "all_of" in keys else None) or ()
    if "any_of" not in keys and "all_of" not in keys:
        spot.wrong("nobody is named; expected any_of or all_of")
    quorum = keys["quorum"].count(least=1) if "quorum" in keys else None
    if quorum is not None and quorum < len(all_of):
        keys["quorum"].wrong(
            f"a quorum of {quorum} is less than the {len(all_of)} entries of all_of; each needs a person of its own"
        )
    expires = keys["expires_after"].duration() if "expires_after" in keys else None
    lasts = expires or _DEFAULT.expires_after
    within = keys["execute_within"].duration() if "execute_within" in keys else None
    on_timeout = keys["on_timeout"].choice(Escalation) if "on_timeout" in keys else None
    return Approvers(
        name=name,
        any_of=any_of,
        all_of=all_of,
        quorum=quorum or max(1, len(all_of)),
        expires_after=lasts,
        execute_within=within or _DEFAULT.execute_within,
        remind=(keys["remind"].distinct(lambda item: _before(item, lasts), empty=True) if "remind" in keys else None)
        or (),
        escalate=_escalate(keys["escalate"], lasts) if "escalate" in keys else None,
        on_timeout=on_timeout or _DEFAULT.on_timeout,
        editable=(keys["editable"].distinct(_argument, empty=True) if "editable" in keys else None) or (),
    )


def approver(spot: Spot) -> str | None:
    """A group or a person."""
    text = spot.name("an approver")
    if text is None:
        return None
    kind, _, rest = text.partition(":")
    if kind not in ("group", "user") or not rest:
        spot.wrong(f"{quoted(text)} is not an approver; expected group:NAME or user:NAME")
        return None
    return text


def _argument(spot: Spot) -> str | None:
    return spot.text("the name of an argument")


def _before(spot: Spot, end: Duration) -> Duration | None:
    """A time that comes before a hold expires: anything later would never happen."""
    after = spot.duration()
    if after is not None and after >= end:
        spot.expected("less than expires_after: by then the hold has expired")
        return None
    return after


def _escalate(spot: Spot, end: Duration) -> Escalate | None:
    keys = spot.table(("after", "to"), required=("after", "to"))
    after = _before(keys["after"], end) if "after" in keys else None
    to = approver(keys["to"]) if "to" in keys else None
    return None if after is None or to is None else Escalate(after=after, to=to)
