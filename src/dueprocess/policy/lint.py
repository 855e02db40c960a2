"""Checks across the sections of a file: what can never work is a problem, what is probably not meant a warning.

Rule 1. A quorum that the named people cannot reach is a problem: of users always, of groups where identities are
        known.
Rule 2. Approvers who may all be requesters of the tools they approve are a problem, as far as identities are known.
Rule 3. An `editable` name is an argument of a tool that uses the approvers.
Rule 4. A check rests on what may be called and believed: on a tool that the file does not allow, or whose answers it calls
        untrusted, is a problem; on one that it does not label, where it labels any, a warning.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dueprocess.errors import Problem
from dueprocess.policy.document import IMPLICIT_APPROVERS, Approvers, PolicyTest, Role
from dueprocess.policy.entry import Entry
from dueprocess.policy.finding import Verdict
from dueprocess.policy.reader import Problems, Spot, nearest
from dueprocess.policy.source import Table
from dueprocess.tool import Effect
from dueprocess.values.foreign import quoted, visible
from dueprocess.values.trust import Integrity, Source

Groups = Mapping[str, frozenset[str]]
"""The people behind each name: `{"group:finance": {"user:ann"}, "user:ann": {"user:ann"}}`."""

CRITICAL: Final = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file's sections as read."""

    sections: Mapping[str, Spot]
    entries: Mapping[str, Entry]
    roles: Mapping[str, Role]
    approvers: Mapping[str, Approvers]
    tests: Sequence[PolicyTest]
    sources: Mapping[str, Source] = field(default_factory=dict[str, Source])


def lint(
    written: Written, *, tools: Collection[str] | None, groups: Groups | None, problems: Problems
) -> tuple[Problem, ...]:
    """Notes problems across sections, and returns the warnings."""
    warnings = Problems()
    entries, approvers = written.entries, written.approvers
    if not entries:
        warnings.add(0, "tools", "no tool is listed: every call is denied")
    for name, who in approvers.items():
        users = _users(entries, name, approvers)
        spot = (written.sections["approvers"].entries() or {})[name]
        _reachable(spot, who, users, roles=written.roles, groups=groups)
        _editable(spot, who, users)
    tested = {test.tool for test in written.tests}
    _known_tools(written, tools, problems=problems, warnings=warnings)
    _known_sources(written, tools, warnings)
    for name, entry in entries.items():
        for message in _doubts(entry, tested=name in tested):
            warnings.add(entry.spot.line, entry.spot.path, message)
        _bounded(entry)
        _believable(entry, written, tools=tools, warnings=warnings)
        implicit = entry.policy.approvers is None and "default" not in approvers
        if implicit and groups is not None and _may_hold(entry) and not groups.get(IMPLICIT_APPROVERS.any_of[0]):
            warnings.add(
                entry.spot.line,
                entry.spot.path,
                f"no approvers are named and {IMPLICIT_APPROVERS.any_of[0]} is empty: a hold ends in a human handoff",
            )
    return warnings.all()


def _known_tools(written: Written, tools: Collection[str] | None, *, problems: Problems, warnings: Problems) -> None:
    known = {*written.entries, *(tools or ())}
    for test in written.tests:
        if test.tool in known:
            continue
        # That an unknown tool is denied may be what is tested; anything else can only be a slip.
        expected = test.decision is Verdict.DENY
        message = (
            f"the test {quoted(test.name)} calls the unknown tool {quoted(test.tool)}; {nearest(test.tool, known)}"
        )
        (warnings if expected else problems).add(test.line, "tests", message)


def _known_sources(written: Written, tools: Collection[str] | None, warnings: Problems) -> None:
    spot = written.sections.get("sources")
    if tools is None or spot is None or not isinstance(spot.node, Table):
        return
    known = {*written.entries, *tools}
    for name, line in spot.node.lines.items():
        if name not in known:
            message = f"no tool is named {quoted(name)}, so this labels nothing; {nearest(name, known)}"
            warnings.add(line, f"sources.{visible(name)}", message)


def _users(entries: Mapping[str, Entry], name: str, approvers: Mapping[str, Approvers]) -> list[Entry]:
    found = [entry for entry in entries.values() if entry.policy.approvers == name]
    if name == "default":
        found += [entry for entry in entries.values() if entry.policy.approvers is None]
    return found


def _may_hold(entry: Entry) -> bool:
    policy = entry.policy
    return (
        policy.require_approval_over is not None
        or any(rule.then is Verdict.HOLD for rule in policy.rules)
        or any(limit.over is Verdict.HOLD for limit in policy.limits)
    )


def _doubts(entry: Entry, *, tested: bool) -> Iterator[str]:
    policy = entry.policy
    if not policy.allowed:
        return
    bound = policy.max_amount is not None or policy.require_approval_over is not None or policy.rate is not None
    bound = bound or bool(policy.limits)
    if policy.effect is Effect.WRITE and not bound:
        yield "a write without a limit: neither an amount, nor a rate, nor limits bound it"
    if policy.tier == CRITICAL and not tested:
        yield "a critical tool without a test"


def _believable(entry: Entry, written: Written, *, tools: Collection[str] | None, warnings: Problems) -> None:
    rests = [(check.name, check.source) for check in entry.policy.checks if check.source is not None]
    rests += [(check.name, name) for check in entry.policy.checks for given in check.given for name in given.sources]
    for check, name in rests:
        listed, label = written.entries.get(name), written.sources.get(name)
        about = f"the check {quoted(check)} rests on {quoted(name)}"
        if listed is None and tools is not None and name not in tools:
            continue  # told where it is read
        if listed is None or not listed.policy.allowed:
            entry.spot.wrong(f"{about}, which this file does not allow: it is never answered")
        elif label is not None and label.label.integrity is Integrity.UNTRUSTED and not label.fields:
            entry.spot.wrong(f"{about}, whose answers this file calls untrusted: a stranger would decide")
        elif label is None and written.sources:
            message = f"{about}, which sources does not label: its answers count as untrusted everywhere else"
            warnings.add(entry.spot.line, entry.spot.path, message)


def _bounded(entry: Entry) -> None:
    spot = entry.spot
    thresholds = spot.holds("max_amount_usd") or spot.holds("require_approval_over_usd")
    if spot.holds("bounded") and not (thresholds and spot.holds("limits")):
        spot.wrong("what is bounded needs both bounds: a threshold (max_amount_usd) and limits")


def _editable(spot: Spot, who: Approvers, users: Sequence[Entry]) -> None:
    known: set[str] = set()
    for entry in users:
        names = entry.arguments.names() if entry.arguments is not None else None
        if names is None:
            return
        known |= names
    for name in who.editable:
        if users and name not in known:
            (spot.entries() or {})["editable"].unknown("argument", name, known)


def _reachable(
    spot: Spot, who: Approvers, users: Sequence[Entry], *, roles: Mapping[str, Role], groups: Groups | None
) -> None:
    named = (*who.any_of, *who.all_of)
    if groups is None:
        if named and all(entry.startswith("user:") for entry in named) and who.quorum > len(set(named)):
            spot.wrong(f"a quorum of {who.quorum} cannot be reached by {len(set(named))} named people")
        return
    further = (who.escalate.to,) if who.escalate is not None else ()
    unknown = [entry for entry in dict.fromkeys((*named, *further)) if entry not in groups]
    for entry in unknown:
        spot.unknown("approver", entry, groups)
    if unknown:
        return
    everyone = _people(named, groups)
    if who.quorum > len(everyone) or not _each_has_own(who.all_of, everyone, groups):
        spot.wrong(f"a quorum of {who.quorum} cannot be reached: these are {len(everyone)} people")
    for entry in users:
        acting = frozenset[str]().union(*(roles[role].members for role in entry.policy.roles or () if role in roles))
        free = everyone - acting
        if free != everyone and (who.quorum > len(free) or not _each_has_own(who.all_of, free, groups)):
            requesters = ", ".join(sorted(everyone & acting))
            spot.wrong(
                f"those who may call {quoted(entry.policy.name)} would have to approve it: {requesters}; "
                "a requester never approves"
            )


def _people(named: Sequence[str], groups: Groups) -> frozenset[str]:
    found: set[str] = set()
    for entry in named:
        found |= groups[entry]
    return frozenset(found)


def _each_has_own(entries: Sequence[str], people: frozenset[str], groups: Groups) -> bool:
    """Whether each entry can be given a person of its own (augmenting paths)."""
    given: dict[str, int] = {}

    def place(index: int, tried: set[str]) -> bool:
        for person in sorted(_people((entries[index],), groups) & people - tried):
            tried.add(person)
            if person not in given or place(given[person], tried):
                given[person] = index
                return True
        return False

    return all(place(index, set()) for index in range(len(entries)))
