"""The stateless judgement of one call: from what a model or a caller wrote to a verdict with every finding.

No counter is read here. What happened in the run before the call is part of the call (`history`).

The order, numbered at the code; whatever is written, nothing is raised:
1 the arguments are read: JSON text or data, one object (`parse`); where that fails nothing else can be judged
2 the tool is listed by the policy and known, byte for byte (`unlisted`); a sub-agent asks for one of its own (`sub_agent`)
3 the reserved citations are taken out where the policy asks for them, and resolved against the evidence of this run
4 the arguments are checked against the tool's schema (`schema`); a statement in them is written anew, where the policy asks
5 the policy's rules are asked, whatever the schema said
6 the windows of its limits are told; a call that could not be counted is denied
7 the requester's confirmation is asked for; checks, sequences and the origin of its values are asked of the run's history,
  where the call has one
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.evidence import (
    Chunk,
    Citation,
    Malformed,
    Resolution,
    Validator,
    Viewer,
    narrow,
    read_citations,
    resolve,
)
from dueprocess.gate.checks import Checked, Renewal, checked
from dueprocess.gate.confirm import unconfirmed
from dueprocess.gate.history import History
from dueprocess.gate.limits import Window, windows_of
from dueprocess.gate.sequence import out_of_sequence
from dueprocess.gate.statements import with_statement
from dueprocess.gate.vouching import weigh
from dueprocess.policy import (
    DEFAULT_ENVIRONMENT,
    Finding,
    Mode,
    Policy,
    PolicyCall,
    Principal,
    ToolPolicy,
    Verdict,
    decide,
    key_text,
    unlisted,
    verdict,
)
from dueprocess.policy.arguments import REDACTED, hidden, with_plain_amount
from dueprocess.provenance import Use
from dueprocess.tool import CITATIONS, ToolSpec
from dueprocess.tool.check import ArgumentProblem, check_arguments
from dueprocess.values import Instant, Json, canonical, of_python, parse
from dueprocess.values.foreign import kind_of, quoted, visible

MAX_TEXT: Final = 8 << 20  # characters of arguments as text; more is not a call


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCall:
    """A call as it was proposed. `arguments` is JSON text, as a model wrote it, or data.

    `evidence` are the chunks retrieved in this run, by this principal where a chunk does not say by whom; `citations`
    those named beside the arguments, in the form of JSON. `since`: what was retrieved before is no evidence, nor what
    does not say when.
    `history`: the run so far, under the policy that judges; None for a call by itself. `action`: its id, if it has one.
    `within`: the tools of the sub-agent that asks; None for a call that none asks for.
    """

    tool: str
    arguments: object
    principal: Principal | None = None
    environment: str = DEFAULT_ENVIRONMENT
    evidence: tuple[Chunk, ...] = ()
    citations: Json = None
    since: Instant | None = None
    history: History | None = None
    action: str = ""
    now: Instant = Instant(0)
    within: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was judged. `arguments` and `citations` are canonical JSON text: exactly what will run and what it rests on.

    `arguments` is empty where they could not be read. `key`: the canonical text of the idempotency key, None where the
    policy asks for none or it cannot be told. `call`: what the policy was asked about, None where it was not. `windows`:
    the places it asks for in limits; `uses`: the places of vouched values that it uses if it runs; `renewals`: the reads
    that would have to be made before its checks can be answered.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    arguments: str
    citations: str = ""
    key: str | None = None
    call: PolicyCall | None = None
    windows: tuple[Window, ...] = ()
    uses: tuple[Use, ...] = ()
    renewals: tuple[Renewal, ...] = ()


def judge(
    policy: Policy, tools: Mapping[str, ToolSpec], *, call: RawCall, validator: Validator | None = None
) -> Judgement:
    """Judges one call without any state, in the order above. Pure; never raises for what a call holds.

    `validator` is asked about each citation that resolves, and can only object (`evidence.narrow`).
    """
    try:  # 1
        arguments = _read(call.arguments)
    except BadValue as error:
        return _judged((parse_finding(str(error)),))
    if call.within is not None and call.tool not in call.within:  # 2
        return _judged((_outside(call, call.within),), arguments=canonical(arguments))
    listed, spec = policy.tools.get(call.tool), tools.get(call.tool)
    if listed is None or spec is None:
        return _judged((unlisted(call.tool),), arguments=canonical(arguments))
    cited = _cite(call, arguments, listed, validator)  # 3
    found = [*cited.findings, *_schema(spec, listed, cited.arguments)]  # 4
    if listed.parameterized_only or listed.row_level_security:
        arguments, refused = with_statement(spec, listed, cited.arguments)
        cited = replace(cited, arguments=arguments)
        found.extend(refused)
    seen = PolicyCall(
        tool=call.tool,
        arguments=cited.arguments,
        principal=call.principal,
        environment=call.environment,
        resolved=cited.resolved,
        unresolved=cited.unresolved,
    )
    found.extend(decide(policy, seen))  # 5
    windows, uncounted = windows_of(listed, cited.arguments)  # 6
    text = canonical(cited.arguments)
    said = unconfirmed(
        listed, arguments=text, principal=call.principal, history=call.history, now=call.now, action=call.action
    )  # 7
    past = _past(policy, spec, call, cited.arguments)
    found += in_mode(policy, call.environment, (*uncounted, *said, *past.findings))
    key = None
    if listed.idempotency_key:
        key = key_text(with_plain_amount(cited.arguments, listed.amount), listed.idempotency_key)
    judged = _judged(
        tuple(found),
        arguments=text,
        citations=cited.named,
        key=key if isinstance(key, str) else None,
        call=seen,
    )
    return replace(judged, windows=windows, uses=past.uses, renewals=past.renewals)


def in_mode(policy: Policy, environment: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Findings of the policy's own rules as they count in an environment: in shadow they are said and not enforced."""
    if not findings or policy.mode(environment) is not Mode.SHADOW:
        return findings
    return tuple(each if each.always else replace(each, advisory=True) for each in findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What the run's history says of a call."""

    findings: tuple[Finding, ...] = ()
    uses: tuple[Use, ...] = ()
    renewals: tuple[Renewal, ...] = ()


def _past(policy: Policy, spec: ToolSpec, call: RawCall, arguments: Mapping[str, Json]) -> _Past:
    history = call.history
    if history is None:
        return _Past()
    listed = policy.tools[spec.name]
    evidence = Checked()
    if listed.checks:
        evidence = checked(policy, listed, arguments=arguments, history=history, now=call.now)
    sequences = out_of_sequence(history, tool=spec.name, arguments=arguments, now=call.now, action=call.action)
    weighed = weigh(policy, spec, arguments=arguments, standing=history.standing, action=call.action)
    findings = (*evidence.findings, *sequences, *weighed.findings)
    return _Past(findings=findings, uses=weighed.uses, renewals=evidence.renewals)


def parse_finding(reason: str) -> Finding:
    """The finding for a call that cannot be read."""
    return Finding(rule="parse", decision=Verdict.DENY, reason=reason, always=True)


def _outside(call: RawCall, within: frozenset[str]) -> Finding:
    # INVARIANT I1: what a sub-agent was not given it does not get by asking, whatever the policy lets its agent do.
    asks = call.principal.through[-1] if call.principal is not None and call.principal.through else "the sub-agent"
    own = ", ".join(sorted(within)) or "none"
    return Finding(
        rule="sub_agent",
        decision=Verdict.DENY,
        reason=f"{quoted(call.tool)} is not among the tools of {visible(asks)}: {own}",
        compared={"tool": visible(call.tool), "sub_agent": visible(asks), "tools": list[Json](sorted(within))},
        always=True,
    )


def _judged(
    findings: tuple[Finding, ...],
    *,
    arguments: str = "",
    citations: str = "",
    key: str | None = None,
    call: PolicyCall | None = None,
) -> Judgement:
    return Judgement(
        verdict=verdict(findings), findings=findings, arguments=arguments, citations=citations, key=key, call=call
    )


def _read(arguments: object) -> dict[str, Json]:
    if isinstance(arguments, (str, bytes)):
        if len(arguments) > MAX_TEXT:
            raise BadValue(f"arguments of {len(arguments)} characters; expected at most {MAX_TEXT}")
        value = parse(arguments)
    else:
        try:
            value = of_python(arguments)
        except RecursionError:
            raise BadValue("the arguments are nested too deep") from None
    if not isinstance(value, dict):
        raise BadValue(f"the arguments are {kind_of(value)}; expected one JSON object")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cited:
    """The arguments without the reserved one, and what became of the citations."""

    arguments: dict[str, Json]
    named: str
    resolved: int
    unresolved: tuple[str, ...]
    findings: tuple[Finding, ...]


def _cite(call: RawCall, arguments: dict[str, Json], listed: ToolPolicy, validator: Validator | None) -> _Cited:
    given, malformed = read_citations(call.citations)
    findings = [parse_finding(_where(entry)) for entry in malformed[:1]]
    named = _listed(call.citations)
    wrong = list(malformed)
    if listed.require_citation and CITATIONS in arguments:
        value = arguments[CITATIONS]
        arguments = {name: item for name, item in arguments.items() if name != CITATIONS}
        inside, bad = read_citations(value, where=f"$.{CITATIONS}")
        if value is None:
            bad = (Malformed(where=f"$.{CITATIONS}", reason="got null; expected a list"),)
        findings.extend(_schema_finding([_where(entry)]) for entry in bad[:1])
        given, wrong = (*given, *inside), [*wrong, *bad]
        named.extend(_listed(value))
    resolutions = _resolved(given, call)
    if validator is not None:
        resolutions = narrow(resolutions, validator, arguments=arguments)
    return _Cited(
        arguments=arguments,
        named=canonical(named) if named else "",
        resolved=sum(1 for each in resolutions if each.chunk is not None),
        unresolved=(*(each.reason for each in resolutions if each.chunk is None), *map(_where, wrong)),
        findings=tuple(findings),
    )


def _resolved(given: tuple[Citation, ...], call: RawCall) -> tuple[Resolution, ...]:
    if not given or call.principal is None:
        return resolve(given, call.evidence, since=call.since)
    # INVARIANT I5: what another principal retrieved is no evidence of this one.
    viewer = Viewer.of(call.principal.id, on_behalf_of=call.principal.on_behalf_of)
    own = (chunk if chunk.retrieved_by else replace(chunk, retrieved_by=viewer) for chunk in call.evidence)
    return resolve(given, own, principal=viewer, since=call.since)


def _listed(citations: Json) -> list[Json]:
    return [] if citations is None else citations.copy() if isinstance(citations, list) else [citations]


def _where(entry: Malformed) -> str:
    return f"{entry.where}: {entry.reason}"


def _schema(spec: ToolSpec, listed: ToolPolicy, arguments: Mapping[str, Json]) -> tuple[Finding, ...]:
    try:
        problems = check_arguments(spec, arguments)
    except ToolInvalid as error:
        return (_schema_finding([f"the tool's schema cannot be used: {error}"]),)
    if not problems:
        return ()
    return (_schema_finding([*dict.fromkeys(_shown(problem, listed) for problem in problems)]),)


def _shown(problem: ArgumentProblem, listed: ToolPolicy) -> str:
    names = tuple(step for step in problem.where if isinstance(step, str))
    if not names or not hidden(names, listed.redact):
        return f"{problem.place} {problem.message}"
    # What lies below a redacted path may be spelt in its keys: only the path that the policy names is shown.
    secret = next(path for path in listed.redact if path[: len(names)] == names[: len(path)])
    return f"${''.join(f'.{name}' for name in secret)} {REDACTED}: {problem.message.split(';')[0]}"


def _schema_finding(problems: list[str]) -> Finding:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Finding(
        rule="schema",
        decision=Verdict.DENY,
        reason=f"the arguments do not fit the tool's schema: {problems[0]}{more}",
        compared={"problems": [visible(problem, limit=400) for problem in problems]},
        always=True,
    )
