"""Rules of a policy that cannot do what they seem to: proved over every call that fits the schema, or shown by one.

What does not load is found in `policy.load`; nothing here is a matter of taste but the warnings.

Rule 1. Problems: a condition that never holds, or always; one that a call which fits makes fail; a rule or threshold that
        others cover whole, so that taking it out would change no decision.
Rule 2. Of rules that cover each other the later is told: thresholds come before conditions, these by id.
Rule 3. Warnings: what could not be decided; names that nothing uses; tools without a test.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.analysis.difference import possible, readable
from dueprocess.analysis.regions import Ground, Regions, Ruled, common_ground, regions
from dueprocess.analysis.solver import Found, solve
from dueprocess.analysis.terms import FALSE, Term, both, either, negated
from dueprocess.analysis.witness import Decided, Witness, decided, witness_of
from dueprocess.errors import BadValue
from dueprocess.policy import Policy, Verdict
from dueprocess.policy.source import Listing, Node, Scalar, Table, read_nodes
from dueprocess.tool import ToolSpec
from dueprocess.values.foreign import quoted

_THRESHOLDS: Final = ("max_amount_usd", "require_approval_over_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Something that is not as it seems: a problem, or only a warning; with a call that shows it, where one does."""

    line: int
    path: str
    message: str
    problem: bool
    witness: Witness | None = None


def idle(policy: Policy, tools: Mapping[str, ToolSpec]) -> tuple[Doubt, ...]:
    """Every rule that is not as it seems, by line."""
    lines = _Lines(policy)
    found = [*_unused(policy, lines)]
    for name, listed in sorted(policy.tools.items()):
        spec = tools.get(name)
        if spec is not None and listed.allowed:
            found += _of_tool(policy, tools, spec, lines)
    return tuple(sorted(found, key=lambda doubt: (doubt.line, doubt.path)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One tool of a policy. A question is asked with those conditions alone that it is about: the solver's effort is theirs."""

    policy: Policy
    tools: Mapping[str, ToolSpec]
    spec: ToolSpec

    def part(self, names: Iterable[str]) -> tuple[Ground, Regions]:
        """Ground and regions with these conditions and no others."""
        ground = common_ground(self.spec.name, self.spec, (self.policy,))
        return ground, regions(self.policy, self.spec.name, ground, only=frozenset(names))

    def call(self, ground: Ground, found: Regions, rule: Ruled, term: Term) -> Iterator[tuple[Witness, Decided]]:
        """Calls in a region that fit the schema, as the decider sees them; not all there are."""
        # What is not there is the likeliest reason for a failure, and the shortest call.
        bare = next(readable(ground, replace(rule, reads=frozenset()), found.rules))
        for further in (bare, *readable(ground, rule, found.rules), []):
            answer = solve(ground.script, [*ground.facts, term, *further])
            if not isinstance(answer, Found):
                continue
            try:
                call = witness_of(answer, tool=self.spec.name, arguments=ground.arguments, callers=ground.callers)
            except BadValue:
                continue
            asked = decided(self.policy, self.tools, call)
            if not any(finding.rule == "schema" for finding in asked.findings):
                yield call, asked


def _of_tool(policy: Policy, tools: Mapping[str, ToolSpec], spec: ToolSpec, lines: "_Lines") -> Iterator[Doubt]:
    look = _Look(policy=policy, tools=tools, spec=spec)
    ground = common_ground(spec.name, spec, (policy,))
    rules = regions(policy, spec.name, ground).rules
    told: set[str] = set()
    heard: dict[str, frozenset[str]] = {}
    for rule in rules:
        said: list[tuple[str, bool, Witness | None]] = []
        if rule.opaque:
            said.append((f"not decided: it is beyond the encoding: {rule.opaque}", False, None))
        elif _is_condition(rule, spec.name):
            said += _condition(look, rule.rule, heard)
        elif rule.rule.rpartition(".")[2] in _THRESHOLDS and not possible(ground, either(rule.denies, rule.holds)):
            said.append(("no amount that the tool's schema admits is over it", True, None))
        if said:
            told.add(rule.rule)
        for message, problem, witness in said:
            path = f"tools.{rule.rule}"
            yield Doubt(line=lines.of(rule.rule), path=path, message=message, problem=problem, witness=witness)
    for name, by in _covered(look, [rule for rule in rules if rule.rule not in told], heard):
        message = f"it changes no decision: {by}"
        yield Doubt(line=lines.of(name), path=f"tools.{name}", message=message, problem=True)


def _is_condition(rule: Ruled, tool: str) -> bool:
    return rule.rule.startswith(f"{tool}.rules.")


def _condition(look: _Look, name: str, heard: dict[str, frozenset[str]]) -> Iterator[tuple[str, bool, Witness | None]]:
    """What is wrong with a condition by itself. Notes in `heard` which rules a call hears for which it holds."""
    ground, found = look.part({name})
    rule = _named(found, name)
    holds = either(rule.denies, rule.holds)
    shown = next((asked for _, asked in look.call(ground, found, rule, holds) if _speaks(asked, name)), None)
    if shown is not None:
        heard[name] = frozenset(finding.rule for finding in shown.findings)
    elif not possible(ground, holds):
        yield "it holds for no call that fits the tool's schema", True, None
    silent = both(negated(holds), negated(rule.always))
    quiet = next((asked for _, asked in look.call(ground, found, rule, silent) if not _hears(asked, name)), None)
    if quiet is None and not possible(ground, silent) and possible(ground, holds):
        yield "it holds for every call that fits the tool's schema", True, None
    if rule.always == FALSE:
        return
    for call, asked in look.call(ground, found, rule, rule.always):
        reason = next((each.reason for each in asked.findings if each.rule == name and each.always), None)
        if reason is not None:
            why = reason.removeprefix("the rule cannot be decided: ")
            yield f"a call that fits the tool's schema makes it fail, which denies: {why}", True, call
            return
    if possible(ground, rule.always):
        yield "not decided: a call may make it fail, which denies; none was confirmed", False, None


def _named(found: Regions, name: str) -> Ruled:
    return next(rule for rule in found.rules if rule.rule == name)


def _hears(asked: Decided, name: str) -> bool:
    return any(finding.rule == name for finding in asked.findings)


def _speaks(asked: Decided, name: str) -> bool:
    return any(finding.rule == name and not finding.always and not finding.advisory for finding in asked.findings)


def _covered(look: _Look, rules: Sequence[Ruled], heard: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    """Rules that only speak where an equal or stricter one does (rule 2), and which those are."""
    candidates = [
        (rule, verdict)
        for rule in rules
        if _is_condition(rule, look.spec.name) or rule.rule.rpartition(".")[2] in _THRESHOLDS
        for verdict, term in ((Verdict.DENY, rule.denies), (Verdict.HOLD, rule.holds))
        if term != FALSE
    ]
    kept = list(candidates)
    for candidate in reversed(candidates):
        name = candidate[0].rule
        stricter = _about_the_same(candidate, [each for each in kept if each[1] in (Verdict.DENY, candidate[1])])
        others = [each[0].rule for each in stricter]
        # Where a call has been seen that hears this rule and none of those, nothing need be proved.
        if not others or (name in heard and not heard[name] & frozenset(others)) or not _within(look, name, others):
            continue
        kept.remove(candidate)
        # Whichever covers it alone speaks in every call that hears it, the one that was seen too.
        likely = [other for other in others if other in heard.get(name, others)]
        alone = next((other for other in likely if _within(look, name, [other])), None)
        if alone is not None:
            yield name, f"where it speaks, {quoted(alone)} says the same or more"
        else:
            yield name, f"where it speaks, others say the same or more: {', '.join(map(quoted, others[:5]))}"


def _within(look: _Look, name: str, others: Sequence[str]) -> bool:
    """Whether a rule speaks nowhere but where one of the others does."""
    ground, found = look.part({name, *others})
    rule = _named(found, name)
    # One of the others that fails denies as well.
    covering = [_named(found, other) for other in others]
    elsewhere = [negated(either(each.always, each.denies, each.holds)) for each in covering]
    return not possible(ground, both(either(rule.denies, rule.holds), *elsewhere))


_Candidate = tuple[Ruled, Verdict]


def _about_the_same(one: _Candidate, of: Sequence[_Candidate]) -> list[_Candidate]:
    """Those that ask about arguments that this one asks about, or that others of them do: the rest cannot cover it."""
    reads, left, found = set(one[0].reads), [each for each in of if each is not one], list[_Candidate]()
    while near := [each for each in left if each[0].reads & reads]:
        found += near
        left = [each for each in left if each not in near]
        reads.update(*(each[0].reads for each in near))
    return found


def _unused(policy: Policy, lines: "_Lines") -> Iterator[Doubt]:
    tools = policy.tools.values()
    used: Mapping[str, set[str | None]] = {
        "roles": {name for tool in tools for name in tool.roles or ()},
        "tiers": {tool.tier for tool in tools},
        "approvers": {"default", *(tool.approvers for tool in tools)},
    }
    for section, named in (("roles", policy.roles), ("tiers", policy.tiers), ("approvers", policy.approvers)):
        for name in sorted(named.keys() - used[section]):
            yield lines.warning(section, name, "no tool uses it")
    tested = {test.tool for test in policy.tests}
    for name in sorted(policy.tools.keys() - tested):
        yield lines.warning("tools", name, "no test calls it")


class _Lines:
    """Where things stand in the file."""

    def __init__(self, policy: Policy) -> None:
        self._top = read_nodes(policy.source.encode(), name=policy.name)

    def warning(self, section: str, name: str, message: str) -> Doubt:
        """A warning about a named entry of a section."""
        inside = self._top.items.get(section)
        line = inside.lines.get(name, 0) if isinstance(inside, Table) else 0
        return Doubt(line=line, path=f"{section}.{name}", message=message, problem=False)

    def of(self, rule: str) -> int:
        """The line of a rule, by its id: `TOOL.KEY` or `TOOL.rules.ID`."""
        tools = self._top.items.get("tools")
        for name, entry in tools.items.items() if isinstance(tools, Table) else ():
            if not isinstance(entry, Table) or not rule.startswith(f"{name}."):
                continue
            key = rule.removeprefix(f"{name}.")
            if key in entry.lines:
                return entry.lines[key]
            listed = entry.items.get("rules")
            for item in listed.items if isinstance(listed, Listing) else ():
                if key == f"rules.{_id(item)}":
                    return item.line
        return 0


def _id(item: Node) -> str:
    found = item.items.get("id") if isinstance(item, Table) else None
    return found.text if isinstance(found, Scalar) else ""
