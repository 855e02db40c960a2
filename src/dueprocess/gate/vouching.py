"""Where the values of a call come from, and what the policy makes of that (I7). How a value is vouched is in `provenance`.

Asked only of a policy that speaks of where values come from (`sources`, `control`, `bounded`, `content`, `egress`,
`on_untrusted_control`). The order, numbered at the code:
1 the audience of all that entered the run may go where the tool sends it (`<tool>.audience`), tainted or not
2 for a read that stays in the house no more is asked; in a run that nothing untrusted has entered neither, but what is
  used of it is noted: it shall not vouch once more when the run is tainted later
3 the tool lies within the declared scope, where the task has one (`<tool>.scope`)
4 every value of a control argument is vouched (`<tool>.control`): seen only in untrusted spans: as the policy says, else
  hold; seen nowhere: hold. An argument that is left out directs nothing, nor does one that is null or empty where the
  tool does not require it
5 every active token of a content argument is known from what vouches (`<tool>.content`), also in its keys and numbers
6 a call that no control argument directs lies within the declared scope, else it is held (`<tool>.scope`)

Rule 1. Control is what the policy lists; where it lists nothing, every argument that is neither bounded nor content. Where
        it lists something, an argument that it does not name is content.
Rule 2. A read whose arguments leave the house uses no place up: what it may ask once it may ask again.
Rule 3. The default of an argument, and the only value its schema admits, is the tool's own word: it needs nobody's, and
        directs nothing that the requester asked for.
Rule 4. A key that the schema does not declare was chosen as the value was: it has to be vouched too, and says nothing of
        the value's role. Under a key even nothing is a value: it empties what stood there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dueprocess.gate.written import Leaf, leaves, texts
from dueprocess.policy import Egress, Finding, Policy, ToolPolicy, Verdict
from dueprocess.policy.arguments import REDACTED, hidden
from dueprocess.provenance import (
    Seen,
    Spent,
    Standing,
    Token,
    Use,
    Vouched,
    active_tokens,
    is_deceptive,
    is_known,
    is_mentioned,
    role_of,
    seen,
    token_of,
    vouch,
)
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json, canonical
from dueprocess.values.foreign import quoted, shown, visible
from dueprocess.values.trust import Audience, Integrity

CLEARANCE: Final = (
    Audience.INTERNAL
)  # what an external sink may be given at most; a rule of the policy may ask for less
_EXCERPT: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What was found of a call's values, and the places that it uses if it runs."""

    findings: tuple[Finding, ...] = ()
    uses: tuple[Use, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Scale:
    """One weighing under way."""

    listed: ToolPolicy
    spec: ToolSpec
    standing: Standing
    action: str
    findings: list[Finding] = field(default_factory=list[Finding])
    uses: list[Use] = field(default_factory=list[Use])

    @property
    def uses_places(self) -> bool:
        return self.listed.effect is Effect.WRITE

    def note(self, key: str, decision: Verdict, reason: str, compared: Mapping[str, Json]) -> None:
        rule = f"{self.listed.name}.{key}"
        self.findings.append(Finding(rule=rule, decision=decision, reason=reason, compared=compared))


def weigh(
    policy: Policy, spec: ToolSpec, *, arguments: Mapping[str, Json], standing: Standing, action: str = ""
) -> Weighed:
    """Weighs the values of a call against what the run knows, in the order above. Pure.

    `action` is the id under which places are used; its own earlier uses do not stand in its way.
    """
    listed = policy.tools[spec.name]
    if not policy.asks_origins:
        return Weighed()
    scale = _Scale(listed=listed, spec=spec, standing=standing.free(action), action=action)
    _audience(scale)  # 1
    if listed.effect is Effect.READ and listed.egress is None:  # 2
        return Weighed(findings=tuple(scale.findings))
    if not standing.tainted:
        return Weighed(findings=tuple(scale.findings), uses=_used(scale, arguments))
    outside = standing.scope is not None and spec.name not in standing.scope
    if outside:  # 3
        scope = sorted(standing.scope or ())
        reason = f"{quoted(spec.name)} is not among the tools this task declares: {', '.join(scope) or 'none'}"
        scale.note("scope", Verdict.HOLD, reason, {"tool": spec.name, "scope": list[Json](scope)})
    directed = False
    for name, value in arguments.items():
        kind = _kind(listed, name)
        if kind == "control":
            directed = _control(scale, name, value) or directed  # 4
        elif kind == "content":
            _content(scale, name, value)  # 5
    if not directed and standing.scope is None:  # 6
        reason = "no argument says what it is directed at, something untrusted was read, and the task declares no tools"
        scale.note("scope", Verdict.HOLD, reason, {"tool": spec.name, "scope": None})
    return Weighed(findings=tuple(scale.findings), uses=tuple(scale.uses) if scale.uses_places else ())


def _used(scale: _Scale, arguments: Mapping[str, Json]) -> tuple[Use, ...]:
    """The places that a call uses whose values nobody needs to vouch for yet."""
    if not scale.uses_places:
        return ()
    trial = _Scale(listed=scale.listed, spec=scale.spec, standing=scale.standing, action=scale.action)
    for name, value in arguments.items():
        if _kind(scale.listed, name) == "control":
            _control(trial, name, value)
    return tuple(trial.uses)


def query_is_vouched(policy: Policy, *, tool: str, arguments: Json, standing: Standing) -> bool:
    """Whether what a read asks for is the requester's wish: nothing untrusted had entered, or every value is known."""
    if not standing.tainted:
        return True
    if not isinstance(arguments, dict) or tool not in policy.tools:
        return False
    # An empty text asks for everything: only null is left out. No schema is asked: every key below the first was chosen.
    return all(
        token is not None and is_known(standing, token, role=role_of(tool, leaf.declared), tool=tool)
        for leaf in leaves(None, arguments)
        if leaf.value is not None or len(leaf.path) > 1
        for token in (token_of(leaf.value),)
    )


def _kind(listed: ToolPolicy, name: str) -> str:
    if listed.control is not None and name in listed.control:
        return "control"
    if name in listed.bounded:
        return "bounded"
    if name in listed.content or listed.control is not None:
        return "content"
    return "control"


def _audience(scale: _Scale) -> None:
    run = scale.standing.audience
    if scale.listed.egress is not Egress.EXTERNAL or run.rank <= CLEARANCE.rank:
        return
    reason = f"what was read is {run.value}; what leaves the house may hold at most what is {CLEARANCE.value}"
    scale.note("audience", Verdict.HOLD, reason, {"audience": run.value, "clearance": CLEARANCE.value})


def _control(scale: _Scale, name: str, value: Json) -> bool:
    """Notes what of a control argument is not vouched; whether it directs anything that somebody has asked for."""
    directed = False
    for leaf in leaves(scale.spec, {name: value}):
        if leaf.is_left_out:
            continue
        token = token_of(leaf.value)
        if leaf.is_key:
            if token is None or not is_mentioned(scale.standing, token):
                _unvouched(scale, leaf.path, leaf.value, token)
            continue
        found = _found(scale, leaf, token)
        if _is_own_word(scale.spec, leaf.path, leaf.value):
            directed = isinstance(found, Vouched) or directed
            continue
        directed = True
        _note_found(scale, leaf, token, found)
    return directed


def _found(scale: _Scale, leaf: Leaf, token: Token | None) -> Vouched | Spent | None:
    """What vouches a value; the places that it uses are noted."""
    if token is None:
        return None
    role = role_of(scale.spec.name, leaf.declared, listed=_listed(scale.spec, leaf.path))
    if not scale.uses_places:
        known = is_known(scale.standing, token, role=role, tool=scale.spec.name)
        return Vouched(by=Integrity.USER, origin="") if known else None
    taken = {(use.span, use.start) for use in scale.uses}
    found = vouch(scale.standing, token, role=role, tool=scale.spec.name, taken=taken)
    if isinstance(found, Vouched):
        scale.uses += (
            Use(action=scale.action, argument=role.argument, span=found.span, start=start) for start in found.starts
        )
    return found


def _note_found(scale: _Scale, leaf: Leaf, token: Token | None, found: Vouched | Spent | None) -> None:
    match found:
        case None:
            _unvouched(scale, leaf.path, leaf.value, token)
        case Spent():
            by = found.action or "another argument of this call"
            reason = f"{_named(scale, leaf.path, leaf.value)} was named for one effect, and {by} has used that"
            scale.note("control", Verdict.HOLD, reason, _compared(scale, leaf.path, leaf.value, {"used_by": by}))
        case _:
            return


def _unvouched(scale: _Scale, path: tuple[str, ...], leaf: Json, token: Token | None) -> None:
    named = _named(scale, path, leaf)
    if token is None:
        reason = f"{named} cannot be vouched: it is {_unfit(leaf)}"
        scale.note("control", Verdict.HOLD, reason, _compared(scale, path, leaf, {"from": None}))
        return
    where = seen(scale.standing, token)
    if where is None:
        reason = f"{named} was found nowhere: nobody has named it, and nothing that was read holds it"
        scale.note("control", Verdict.HOLD, reason, _compared(scale, path, leaf, {"from": None}))
        return
    if where.integrity is not Integrity.UNTRUSTED:
        reason = f"{named} stands in {_source(where)}, but nothing there says that it is the {path[-1]}"
        decision = Verdict.HOLD
    else:
        reason = f"{named} comes from {_source(where)}, which is not trusted, and not from the requester"
        decision = scale.listed.on_untrusted_control
    about = {"from": _source(where), "origin": where.origin, "span": _shown_span(scale, path, where)}
    scale.note("control", decision, reason, _compared(scale, path, leaf, about))


def _listed(spec: ToolSpec, path: tuple[str, ...]) -> list[Json]:
    schema = spec.properties.get(path[0]) if len(path) == 1 else None
    values = schema.get("enum") if isinstance(schema, dict) else None
    return values if isinstance(values, list) else []


def _content(scale: _Scale, name: str, value: Json) -> None:
    for path, leaf in texts((name,), value):
        for token in active_tokens(leaf):
            if is_mentioned(scale.standing, token):
                continue
            where = seen(scale.standing, token)
            from_ = f"comes from {_source(where)}" if where is not None else "was found nowhere"
            secret = hidden(path, scale.listed.redact)
            named = REDACTED if secret else quoted(token.text)
            reason = f"{'.'.join(path)} holds the {token.kind.value} {named}, which {from_} and not from the requester"
            about: dict[str, Json] = {
                "argument": ".".join(path),
                "token": named if secret else visible(token.text),
                "from": _source(where) if where is not None else None,
            }
            if where is not None:
                about |= {"origin": where.origin, "span": _shown_span(scale, path, where)}
            scale.note("content", Verdict.HOLD, reason, about)
        if is_deceptive(leaf):
            reason = f"{'.'.join(path)} holds characters that are not seen, or letters of several scripts in one word"
            scale.note("content", Verdict.HOLD, reason, {"argument": ".".join(path)})


def _is_own_word(spec: ToolSpec, path: tuple[str, ...], leaf: Json) -> bool:
    """Rule 3; of top-level arguments alone."""
    declared = spec.properties.get(path[0]) if len(path) == 1 else None
    if not isinstance(declared, dict):
        return False
    values = declared.get("enum")
    only = values if isinstance(values, list) and len(values) == 1 else []
    own = [*only, *(declared[key] for key in ("default", "const") if key in declared)]
    return bool(own) and any(canonical(each) == canonical(leaf) for each in own)


def _named(scale: _Scale, path: tuple[str, ...], leaf: Json) -> str:
    value = REDACTED if hidden(path, scale.listed.redact) else f"'{shown(leaf)}'"
    return f"{'.'.join(path)} {value}"


def _compared(scale: _Scale, path: tuple[str, ...], leaf: Json, about: Mapping[str, Json]) -> dict[str, Json]:
    value = REDACTED if hidden(path, scale.listed.redact) else shown(leaf)
    return {"argument": ".".join(path), "value": value, **about}


def _shown_span(scale: _Scale, path: tuple[str, ...], where: Seen) -> str:
    return REDACTED if hidden(path, scale.listed.redact) else visible(where.excerpt, limit=_EXCERPT)


def _source(where: Seen) -> str:
    return where.source or where.origin


def _unfit(leaf: Json) -> str:
    match leaf:
        case bool():
            return "true or false, which no words name"
        case str() if is_deceptive(leaf):
            return "written with characters that mislead the eye"
        case _:
            return "no single value"
