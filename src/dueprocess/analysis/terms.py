"""Logical terms as SMT-LIB text, and the script that declares what they name. What they mean of a policy is not known here.

Rule 1. A term is made by the functions of this file alone; foreign text enters only through `text_term`, which escapes it.
Rule 2. What is already decided is not written: `true` and `false` are taken out, so that small questions stay small.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final, NewType

from dueprocess.errors import BadValue

Term = NewType("Term", str)
"""One SMT-LIB term."""

TRUE: Final = Term("true")
FALSE: Final = Term("false")
_LAST_CHARACTER: Final = 0x2FFFF  # SMT-LIB 2.6, theory Strings: characters end there
_MAX_DIGITS: Final = 60  # of a number; beyond it no threshold of any tool lies
_LONG: Final = 120  # characters of a term that is written out where it is used; a longer one gets a name


def apply(operator: str, *of: Term) -> Term:
    """An operator on terms."""
    return Term(f"({operator} {' '.join(of)})")


def both(*of: Term) -> Term:
    """All of these hold."""
    return _joined("and", of, idle=TRUE, final=FALSE)


def either(*of: Term) -> Term:
    """Some of these holds."""
    return _joined("or", of, idle=FALSE, final=TRUE)


def negated(of: Term) -> Term:
    """It does not hold."""
    if of in (TRUE, FALSE):
        return FALSE if of == TRUE else TRUE
    return apply("not", of)


def implies(condition: Term, of: Term) -> Term:
    """Where the condition holds, this does."""
    return either(negated(condition), of)


def equals(left: Term, right: Term) -> Term:
    """Both are the same value."""
    return TRUE if left == right else apply("=", left, right)


def integer(value: int) -> Term:
    """A whole number."""
    return Term(str(value)) if value >= 0 else apply("-", Term(str(-value)))


def real(value: int | Decimal) -> Term:
    """An exact number.

    Raises:
        BadValue: it has more digits than are compared here.
    """
    if isinstance(value, Decimal) and abs(value.adjusted()) > _MAX_DIGITS:
        raise BadValue(f"a number beyond 10^{_MAX_DIGITS}")
    exact = Fraction(value)
    if max(abs(exact.numerator), exact.denominator) > 10**_MAX_DIGITS:
        raise BadValue(f"a number beyond 10^{_MAX_DIGITS}")
    size = Term(f"(/ {abs(exact.numerator)}.0 {exact.denominator}.0)")
    return size if exact >= 0 else apply("-", size)


def text_term(value: str) -> Term:
    """A text.

    Raises:
        BadValue: it holds a character beyond those of SMT-LIB.
    """
    written: list[str] = []
    for character in value:
        if ord(character) > _LAST_CHARACTER:
            raise BadValue(f"the character U+{ord(character):04X}")
        plain = " " <= character <= "~" and character not in '"\\'
        written.append(character if plain else f"\\u{{{ord(character):x}}}")
    return Term(f'"{"".join(written)}"')


@dataclass(slots=True, kw_only=True)
class Script:
    """What terms name, in order. `variables` are the free ones with their sorts."""

    lines: list[str] = field(default_factory=list[str])
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def free(self, sort: str) -> Term:
        """A new free variable."""
        name = f"v{len(self.variables)}"
        self.variables[name] = sort
        self.lines.append(f"(declare-const {name} {sort})")
        return Term(name)

    def named(self, of: Term, sort: str = "Bool") -> Term:
        """The term, or a name for it where it is long: what is used twice is written once."""
        if len(of) <= _LONG:
            return of
        name = f"d{len(self.lines)}"
        self.lines.append(f"(define-fun {name} () {sort} {of})")
        return Term(name)


def _joined(operator: str, of: Iterable[Term], *, idle: Term, final: Term) -> Term:
    kept = [term for term in dict.fromkeys(of) if term != idle]
    if final in kept:
        return final
    return idle if not kept else kept[0] if len(kept) == 1 else apply(operator, *kept)
