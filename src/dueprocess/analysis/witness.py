"""A call made of the values that a solver found, and asked of the decider itself: what it does not confirm is not shown.

Rule 1. What the solver left open is filled with a small value that fits the schema.
Rule 2. What the tool or a counter decides (`mode`, `row_level_security`, `limits`) is left out of the verdict: a change of
        these is told by comparing the keys, and no change behind them is to be hidden.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Final

from dueprocess.analysis.callers import Callers
from dueprocess.analysis.sample import sample
from dueprocess.analysis.solver import Found
from dueprocess.analysis.symbol import Symbol
from dueprocess.analysis.terms import Term
from dueprocess.errors import BadValue
from dueprocess.evidence import read_chunks
from dueprocess.gate.judge import RawCall, judge
from dueprocess.gate.line import rate_of_none
from dueprocess.policy import Finding, Policy, Principal, Verdict, verdict
from dueprocess.tool import ToolSpec
from dueprocess.tool.schema import Kind, Type
from dueprocess.values import Json, digest_text

_CITED: Final = "a text"
_BESIDE: Final = (".mode", ".row_level_security", ".limits")
_KINDS: Final = tuple(Kind)
_DIGITS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One concrete call: what `due policy decide` can be given."""

    tool: str
    arguments: Mapping[str, Json]
    principal: Principal | None
    environment: str
    cited: bool

    def line(self) -> dict[str, Json]:
        """The call as a line for `due policy decide` and `explain`; the environment is theirs to be told."""
        line: dict[str, Json] = {"id": 1, "tool": self.tool, "arguments": dict(self.arguments)}
        if self.principal is not None:
            line["principal"] = {"id": self.principal.id, "on_behalf_of": self.principal.on_behalf_of}
        if self.cited:
            line["evidence"] = [_chunk()]
            line["citations"] = [{key: value for key, value in _chunk().items() if key != "text"}]
        return line


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the decider says of a witness, without what this version cannot enforce (rule 2)."""

    verdict: Verdict
    findings: tuple[Finding, ...]


def decided(policy: Policy, tools: Mapping[str, ToolSpec], witness: Witness) -> Decided:
    """Asks the decider."""
    chunks, _ = read_chunks([_chunk()] if witness.cited else None)
    call = RawCall(
        tool=witness.tool,
        arguments=dict(witness.arguments),
        principal=witness.principal,
        environment=witness.environment,
        evidence=chunks,
        citations=witness.line().get("citations"),
    )
    findings = (*judge(policy, tools, call=call).findings, *rate_of_none(policy, witness.tool))
    kept = tuple(finding for finding in findings if not finding.rule.endswith(_BESIDE))
    return Decided(verdict=verdict(kept), findings=kept)


def witness_of(found: Found, *, tool: str, arguments: Symbol, callers: Callers) -> Witness:
    """The call that the solver's values are.

    Raises:
        BadValue: a value that no JSON has, such as a third.
    """
    value = _value(arguments, found)
    return Witness(
        tool=tool,
        arguments=value if isinstance(value, dict) else {},
        principal=callers.principals[_whole(found, callers.principal)],
        environment=callers.environments[_whole(found, callers.environment)],
        cited=found.values.get(callers.cited) is True,
    )


def _value(of: Symbol, found: Found) -> Json:
    kind = _KINDS[_whole(found, of.code) - 1]
    match kind:
        case Kind.NULL:
            return None
        case Kind.BOOLEAN:
            return found.values.get(of.truth) is True
        case Kind.NUMBER:
            number = found.values.get(of.number)
            return _exact(number) if isinstance(number, Fraction) else _made(of.type, Kind.NUMBER, 0)
        case Kind.TEXT:
            text = found.values.get(of.text)
            return text if isinstance(text, str) and kind in of.used else _made(of.type, Kind.TEXT, "a")
        case Kind.LIST:
            count = _whole(found, of.length)
            return [
                _value(of.item(index), found) if index < len(of.items) else _filled(of.type.item())
                for index in range(count)
            ]
        case Kind.OBJECT:
            return _object(of, found)


def _object(of: Symbol, found: Found) -> Json:
    made: dict[str, Json] = {}
    for name, below in of.fields.items():
        if _whole(found, below.code):
            made[name] = _value(below, found)
    offered = _filled(of.type)
    if isinstance(offered, dict):
        made |= {name: value for name, value in offered.items() if name not in of.fields}
    if of.open and found.values.get(of.extra) is True:
        free = "other"
        while free in made or free in of.fields:
            free += "_"
        made[free] = "a"
    return made


def _filled(type_: Type) -> Json:
    return sample({**type_.schemas[0], **_definitions(type_)}) if len(type_.schemas) == 1 else "a"


def _definitions(type_: Type) -> dict[str, Json]:
    root = type_.root if isinstance(type_.root, dict) else {}
    return {key: root[key] for key in ("$defs", "definitions") if key in root}


def _made(type_: Type, kind: Kind, otherwise: Json) -> Json:
    value = _filled(type_)
    fits = (
        isinstance(value, str)
        if kind is Kind.TEXT
        else isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    )
    return value if fits else otherwise


def _exact(number: Fraction) -> int | Decimal:
    if number.denominator == 1:
        return number.numerator
    with localcontext(Context(prec=_DIGITS, traps=[Inexact])):
        try:
            return Decimal(number.numerator) / Decimal(number.denominator)
        except Inexact:
            raise BadValue("a number without a last digit") from None


def _whole(found: Found, of: Term) -> int:
    value = found.values.get(of, 0)
    return value if isinstance(value, int) else 0


def _chunk() -> dict[str, Json]:
    return {"document": "any", "digest": digest_text(_CITED), "start": 0, "end": len(_CITED), "text": _CITED}
