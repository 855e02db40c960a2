"""`temporal`: what must or must not have happened in a run before a call. Read here; asked of a run's past in `sequence`.

Rule 1. `before T, require S`: a call of T needs a succeeded S before it (`within` counts from its success). Where several
        tools are listed any of them is meant.
Rule 2. `never {after A, then B}`: once A has happened, B may not.
Rule 3. `at_most N of S`: dispatched actions that S chooses, unknown ones too; only a proven failure does not count.
Rule 4. A selector chooses by tool, by arguments (`where`: a value, or a path into the call that is decided), or by what
        entered the run (`audience: ">=confidential"`), or by what leaves it (`egress: external`).
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from dueprocess.policy.document import (
    ArgumentPath,
    AtMost,
    Before,
    Egress,
    Never,
    Selector,
    Sequence,
)
from dueprocess.policy.origins import Restraint, tool_names
from dueprocess.policy.reader import Spot
from dueprocess.policy.where import read_where
from dueprocess.values.foreign import quoted
from dueprocess.values.trust import Audience

_KEYS: Final = ("id", "never", "before", "require", "at_most", "of", "effect")
_FORMS: Final = ("never", "before", "at_most")
_AUDIENCE = re.compile(r"(>=|==)?\s*([a-z]+)")


def read_temporal(spot: Spot | None, *, tools: Collection[str] | None) -> tuple[Sequence, ...]:
    """The sequences of a file, in order."""
    seen: set[str] = set()

    def read(item: Spot) -> Sequence | None:
        found = _sequence(item, tools)
        if found is not None and found.id in seen:
            item.wrong(f"the sequence {quoted(found.id)} is there twice; expected each id once")
        if found is not None:
            seen.add(found.id)
        return found

    return (spot.listed(read, empty=True) if spot is not None else None) or ()


def _sequence(spot: Spot, tools: Collection[str] | None) -> Sequence | None:
    keys = spot.table(_KEYS, required=("id", "effect"))
    forms = [key for key in _FORMS if key in keys]
    if len(forms) != 1:
        spot.wrong("expected exactly one of: never, before, at_most")
        return None
    for key, partner in (("before", "require"), ("at_most", "of")):
        if (key in keys) != (partner in keys):
            spot.wrong(f"{key} and {partner} belong together")
            return None
    name = keys["id"].name() if "id" in keys else None
    effect = keys["effect"].choice(Restraint) if "effect" in keys else None
    form = _form(forms[0], keys, tools)
    if name is None or effect is None or form is None:
        return None
    return Sequence(id=name, form=form, effect=effect.verdict)


def _form(form: str, keys: Mapping[str, Spot], tools: Collection[str] | None) -> Before | Never | AtMost | None:
    match form:
        case "before":
            before = tool_names(keys["before"], tools)
            require = _selector(keys["require"], tools, known=("tool", "where", "within"), required=("tool",))
            return Before(tools=before, require=require) if before is not None and require is not None else None
        case "at_most":
            count = keys["at_most"].count()
            of = _selector(keys["of"], tools, known=("tool", "where", "same", "egress"))
            return AtMost(count=count, of=of) if count is not None and of is not None else None
        case _:
            parts = keys["never"].table(("after", "then"), required=("after", "then"))
            if len(parts) < len(("after", "then")):
                return None
            after = _selector(parts["after"], tools, known=("tool", "where", "audience", "egress"))
            then = _selector(parts["then"], tools, known=("tool", "egress"))
            return Never(after=after, then=then) if after is not None and then is not None else None


def _selector(
    spot: Spot, tools: Collection[str] | None, *, known: tuple[str, ...], required: tuple[str, ...] = ()
) -> Selector | None:
    keys = spot.table(known, required=required)
    if not keys:
        spot.wrong(f"chooses nothing; expected one of: {', '.join(known)}")
        return None
    named = tool_names(keys["tool"], tools) if "tool" in keys else None
    where = read_where(keys["where"]) if "where" in keys else ()
    same = keys["same"].distinct(_argument) if "same" in keys else ()
    within = keys["within"].duration() if "within" in keys else None
    audience = _audience(keys["audience"]) if "audience" in keys else None
    egress = keys["egress"].choice(Egress) if "egress" in keys else None
    wanted = {"tool": named, "where": where, "same": same, "within": within, "audience": audience, "egress": egress}
    if any(wanted[key] is None for key in keys):
        return None
    return Selector(
        tools=named or (), where=where or (), same=same or (), within=within, audience=audience, egress=egress
    )


def _argument(spot: Spot) -> ArgumentPath | None:
    text = spot.text("the name of an argument")
    return tuple(text.removeprefix("$.").split(".")) if text is not None else None


def _audience(spot: Spot) -> tuple[bool, Audience] | None:
    text = spot.text('an audience such as ">=confidential"')
    found = _AUDIENCE.fullmatch(text) if text is not None else None
    words = {each.value: each for each in Audience}
    if found is None or found[2] not in words:
        if text is not None:
            spot.unknown("audience", text, (*words, *(f">={word}" for word in words)))
        return None
    return (found[1] == ">=", words[found[2]])
