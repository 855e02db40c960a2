"""The one door to z3: whether terms can hold together, and with which values. What they mean is not known here.

Rule 1. The answer is values, none, or that it was not found out; the effort is bounded in steps, so that the same question
        has the same answer on every machine, and in time only as a last resort.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, cast

import z3  # pyright: ignore[reportMissingTypeStubs]

from dueprocess.analysis.terms import Script, Term

_z3: Final = cast("Any", z3)  # it has no types of its own; this file is where that ends
_STEPS: Final = 12_000_000  # of z3's resource count: a few seconds
_MILLISECONDS: Final = 15_000
_ESCAPE = re.compile(r"\\u\{([0-9a-fA-F]+)\}")

Value = bool | int | Fraction | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Values under which all holds, by the names of the free variables; one that is left out may have any."""

    values: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """Nothing makes all of it hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFoundOut:
    """The effort ended before an answer."""

    why: str


Answer = Found | Impossible | NotFoundOut


def solve(script: Script, asserted: Iterable[Term]) -> Answer:
    """Whether all of these can hold together (rule 1)."""
    solver = _z3.Solver()
    solver.set("rlimit", _STEPS)
    solver.set("timeout", _MILLISECONDS)
    solver.from_string("\n".join((*script.lines, *(f"(assert {term})" for term in asserted))))
    answer = solver.check()
    if answer == _z3.unsat:
        return Impossible()
    if answer != _z3.sat:
        return NotFoundOut(why="the solver gave up")
    model = solver.model()
    values: dict[str, Value] = {}
    for declared in model.decls():
        name, value = str(declared.name()), _value(model[declared])
        if name in script.variables and value is not None:
            values[name] = value
    return Found(values=values)


def _value(of: Any) -> Value | None:  # noqa: ANN401 - a term of z3's
    if _z3.is_true(of) or _z3.is_false(of):
        return bool(_z3.is_true(of))
    if _z3.is_int_value(of):
        return int(of.as_long())
    if _z3.is_rational_value(of):
        return Fraction(of.numerator_as_long(), of.denominator_as_long())
    if _z3.is_string_value(of):
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), str(of.as_string()))
    return None
