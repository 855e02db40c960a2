"""Rules of a policy that cannot do what they seem to: proved over every call that fits the schema, or shown by one.

What does not load is found in `policy.load`; nothing here is a matter of taste but the warnings.

Rule 1. Problems: a condition that never holds, or always; one that a call which fits makes fail; a rule or threshold that
        others cover whole, so that taking it out would change no decision.
Rule 2. Of rules that cover each other the later is told: thresholds come before conditions, these by id.
Rule 3. Warnings: what could not be decided; names that nothing uses; tools without a test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.analysis.difference import readable
from dueprocess.analysis.regions import Ground, Regions, Ruled, common_ground, regions
from dueprocess.analysis.solver import Found, Impossible, NotFoundOut, solve
from dueprocess.analysis.terms import FALSE, Term, both, either, negated
from dueprocess.analysis.witness import Witness, decided, witness_of
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


def _of_tool(policy: Policy, tools: Mapping[str, ToolSpec], spec: ToolSpec, lines: "_Lines") -> Iterator[Doubt]:
    ground = common_ground(spec.name, spec, (policy,))
    found = regions(policy, spec.name, ground)
    open_: set[str] = set()
    for rule in found.rules:
        path = f"tools.{rule.rule}"
        said: list[tuple[str, bool, Witness | None]] = []
        if rule.opaque:
            said.append((f"not decided: it is beyond the encoding: {rule.opaque}", False, None))
        elif _is_condition(rule, spec.name):
            said += _condition(policy, tools, spec, ground, found, rule)
        elif rule.rule.rpartition(".")[2] in _THRESHOLDS and _never(ground, either(rule.denies, rule.holds)):
            said.append(("no amount that the tool's schema admits is over it", True, None))
        if said:
            open_.add(rule.rule)
        yield from (
            Doubt(line=lines.of(rule.rule), path=path, message=message, problem=problem, witness=witness)
            for message, problem, witness in said
        )
    for rule, by in _covered(ground, found, spec.name, open_):
        message = f"it changes no decision: {by}"
        yield Doubt(line=lines.of(rule.rule), path=f"tools.{rule.rule}", message=message, problem=True)


def _is_condition(rule: Ruled, tool: str) -> bool:
    return rule.rule.startswith(f"{tool}.rules.")


def _condition(
    policy: Policy, tools: Mapping[str, ToolSpec], spec: ToolSpec, ground: Ground, found: Regions, rule: Ruled
) -> Iterator[tuple[str, bool, Witness | None]]:
    holds = either(rule.denies, rule.holds)
    answers = [
        solve(ground.script, [*ground.facts, each]) for each in (holds, both(negated(holds), negated(rule.always)))
    ]
    if isinstance(answers[0], Impossible):
        yield "it holds for no call that fits the tool's schema", True, None
    elif isinstance(answers[1], Impossible):
        yield "it holds for every call that fits the tool's schema", True, None
    if any(isinstance(answer, NotFoundOut) for answer in answers):
        yield "not decided: the solver gave up", False, None
    if rule.always != FALSE and not _never(ground, rule.always):
        shown = _failing(policy, tools, spec, ground, found, rule)
        if shown is None:
            yield "not decided: a call may make it fail, which denies; none was confirmed", False, None
        else:
            yield f"a call that fits the tool's schema makes it fail, which denies: {shown[1]}", True, shown[0]


def _failing(
    policy: Policy, tools: Mapping[str, ToolSpec], spec: ToolSpec, ground: Ground, found: Regions, rule: Ruled
) -> tuple[Witness, str] | None:
    # What is not there is the likeliest reason, and the shortest call.
    bare = readable(ground, replace(rule, reads=frozenset()), found.rules)
    for further in (*bare, *readable(ground, rule, found.rules), []):
        answer = solve(ground.script, [*ground.facts, rule.always, *further])
        if not isinstance(answer, Found):
            continue
        try:
            call = witness_of(answer, tool=spec.name, arguments=ground.arguments, callers=ground.callers)
        except BadValue:
            continue
        findings = decided(policy, tools, call).findings
        reasons = [finding.reason for finding in findings if finding.rule == rule.rule and finding.always]
        if reasons and not any(finding.rule == "schema" for finding in findings):
            return call, reasons[0].removeprefix("the rule cannot be decided: ")
    return None


def _covered(ground: Ground, found: Regions, tool: str, open_: set[str]) -> Iterator[tuple[Ruled, str]]:
    """Rules that only speak where an equal or stricter one does (rule 2), and which those are."""
    candidates = [
        (rule, verdict, term)
        for rule in found.rules
        if _is_condition(rule, tool) or rule.rule.rpartition(".")[2] in _THRESHOLDS
        for verdict, term in ((Verdict.DENY, rule.denies), (Verdict.HOLD, rule.holds))
        if term != FALSE and rule.rule not in open_
    ]
    fails = either(*(rule.always for rule in found.rules))
    kept = list(candidates)
    for candidate in reversed(candidates):
        rule, verdict, term = candidate
        stricter = [other for other in kept if other is not candidate and other[1] in (Verdict.DENY, verdict)]
        if not _never(ground, both(term, negated(fails), *(negated(other[2]) for other in stricter))):
            continue
        kept.remove(candidate)
        alone = [other[0].rule for other in stricter if _never(ground, both(term, negated(fails), negated(other[2])))]
        if alone:
            yield rule, f"where it speaks, {quoted(alone[0])} says the same or more"
        else:
            others = ", ".join(quoted(other[0].rule) for other in stricter[:5])
            yield (
                rule,
                f"where it speaks, others say the same or more: {others}"
                if others
                else "where it speaks, another fails",
            )


def _never(ground: Ground, term: Term) -> bool:
    return isinstance(solve(ground.script, [*ground.facts, term]), Impossible)


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
