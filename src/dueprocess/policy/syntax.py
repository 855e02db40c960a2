"""The text of a condition as a tree: CEL's syntax, closed.

What the names mean and which types fit is in `policy.expression`.

Rule 1. There are literals, `args`, selection, index, lists, comparisons, `in`, `&&`, `||`, `!`, `has`, `all`,
        `exists`, `size`, `startsWith`, `endsWith`, `domain`. All else of CEL is refused by name: arithmetic, `?:`,
        maps, regular expressions.
Rule 2. Precedence is CEL's: selection, unary, comparison and `in` (left to right), `&&`, `||`.
Rule 3. At most 4,096 characters and 32 levels; numbers are exact decimals.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NoReturn

from dueprocess.errors import BadValue
from dueprocess.values import MAX_DEPTH, Json
from dueprocess.values.foreign import quoted

_FIRST_SURROGATE, _LAST_SURROGATE, _LAST_POINT = 0xD800, 0xDFFF, 0x10FFFF
MAX_LENGTH: Final = 4096  # a condition that a person can still review


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """A value written out."""

    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list written out."""

    items: tuple["Expression", ...]

    @property
    def literals(self) -> tuple[Json, ...]:
        """Those of its items that are values written out."""
        return tuple(item.value for item in self.items if isinstance(item, Literal))


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """`args`, or the variable of a quantifier."""

    name: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """`of.field`."""

    of: "Expression"
    field: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """`of[key]`."""

    of: "Expression"
    key: "Expression"
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """`has(of.field)`: whether the field is there."""

    select: Select


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """`!of`."""

    of: "Expression"
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """`a && b && ...`, from left to right."""

    of: tuple["Expression", ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    """`a || b || ...`, from left to right."""

    of: tuple["Expression", ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """`left operator right`; the operator is one of == != < <= > >= in."""

    operator: str
    left: "Expression"
    right: "Expression"
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """`size(of)`, `domain(of)`, `of.startsWith(with_)`, `of.endsWith(with_)`."""

    function: str
    of: "Expression"
    with_: "Expression | None"
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantified:
    """`over.all(variable, body)`, `over.exists(variable, body)`."""

    every: bool
    over: "Expression"
    variable: str
    body: "Expression"
    at: int


Expression = Literal | ListOf | Name | Select | Index | Has | Not | Every | Some | Compare | Invoke | Quantified

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n\f]+|//[^\n]*)
    |(?P<number>0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)
    |(?P<word>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<text>"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')
    |(?P<sign>&&|\|\||[=!<>]=|[<>!()\[\].,]|-)""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|[abfnrtv\\?\"'`]|.?)", re.DOTALL
)
_ESCAPED: Final = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))
_COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "in")
_LITERALS: Final = {"true": True, "false": False, "null": None}
_RESERVED: Final = frozenset(
    "as break const continue else for function if import in let loop package namespace return var void while "
    "true false null args result".split()
)
_GLOBAL: Final = ("has", "size", "domain")
_METHODS: Final = ("all", "exists", "size", "startsWith", "endsWith", "domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_condition(source: str) -> Expression:
    """Reads a condition.

    Raises:
        BadValue: it is not of the language; the message says what was got, where, and what was expected.
    """
    if len(source) > MAX_LENGTH:
        raise BadValue(f"a condition of {len(source)} characters; expected at most {MAX_LENGTH}")
    parser = _Parser(_tokens(source))
    found = parser.disjunction()
    parser.expect_end()
    return found


def _tokens(source: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise BadValue(f"got {quoted(source[at : at + 12])} at character {at + 1}; it is not part of the language")
        if match.lastgroup is not None and match.lastgroup != "blank":
            found.append(_Token(kind=match.lastgroup, text=match[0], at=at + 1))
        at = match.end()
    found.append(_Token(kind="end", text="", at=at + 1))
    return found


class _Parser:
    """Recursive descent; each level of nesting is counted."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def disjunction(self) -> Expression:
        self._deeper()
        found = self._chain("||")
        self._depth -= 1
        return found

    def expect_end(self) -> None:
        if self._now.kind != "end":
            self._unexpected("the end")

    @property
    def _now(self) -> _Token:
        return self._tokens[self._next]

    def _chain(self, operator: str) -> Expression:
        at = self._now.at
        parts = [self._below(operator)]
        while self._take(operator):
            parts.append(self._below(operator))
        if len(parts) == 1:
            return parts[0]
        return Every(of=tuple(parts), at=at) if operator == "&&" else Some(of=tuple(parts), at=at)

    def _below(self, operator: str) -> Expression:
        return self._comparison() if operator == "&&" else self._chain("&&")

    def _comparison(self) -> Expression:
        found = self._unary()
        compared = 0
        while self._now.kind in ("sign", "word") and self._now.text in _COMPARISONS:
            token = self._advance()
            compared += 1
            if compared > MAX_DEPTH:
                self._too_deep(token)
            found = Compare(operator=token.text, left=found, right=self._unary(), at=token.at)
        return found

    def _unary(self) -> Expression:
        token = self._now
        if self._take("!"):
            self._deeper()
            found = Not(of=self._unary(), at=token.at)
            self._depth -= 1
            return found
        if self._take("-"):
            if self._now.kind != "number":
                raise BadValue(f"arithmetic at character {token.at}; a minus stands only before a number")
            return Literal(value=_negated(_number(self._advance())))
        return self._member()

    def _member(self) -> Expression:
        found = self._primary()
        for _ in range(MAX_DEPTH):
            token = self._now
            if self._take("."):
                found = self._selected(found)
            elif self._take("["):
                key = self.disjunction()
                self._expect("]")
                found = Index(of=found, key=key, at=token.at)
            else:
                return found
        return self._too_deep(self._now)

    def _selected(self, of: Expression) -> Expression:
        token = self._advance()
        if token.kind != "word" or token.text in ("true", "false", "null", "in"):
            self._unexpected("the name of a field", token)
        if not self._take("("):
            return Select(of=of, field=token.text, at=token.at)
        if token.text not in _METHODS:
            raise BadValue(
                f"got the function {quoted(token.text)} at character {token.at}; expected one of: {', '.join(_METHODS)}"
            )
        if token.text in ("all", "exists"):
            return self._quantified(of, token)
        with_ = self.disjunction() if token.text in ("startsWith", "endsWith") else None
        self._expect(")")
        return Invoke(function=token.text, of=of, with_=with_, at=token.at)

    def _quantified(self, over: Expression, token: _Token) -> Expression:
        variable = self._advance()
        if variable.kind != "word" or variable.text in _RESERVED:
            self._unexpected("the name of a variable that is not reserved", variable)
        self._expect(",")
        body = self.disjunction()
        self._expect(")")
        return Quantified(every=token.text == "all", over=over, variable=variable.text, body=body, at=token.at)

    def _primary(self) -> Expression:
        token = self._advance()
        match token.kind:
            case "number":
                return Literal(value=_number(token))
            case "text":
                return Literal(value=_text(token))
            case "word" if token.text in _LITERALS:
                return Literal(value=_LITERALS[token.text])
            case "word" if self._now.text == "(" and self._now.kind == "sign":
                return self._function(token)
            case "word" if token.text != "in":
                return Name(name=token.text, at=token.at)
            case "sign" if token.text == "(":
                found = self.disjunction()
                self._expect(")")
                return found
            case "sign" if token.text == "[":
                return self._list()
            case _:
                return self._unexpected("a value", token)

    def _function(self, token: _Token) -> Expression:
        if token.text not in _GLOBAL:
            raise BadValue(
                f"got the function {quoted(token.text)} at character {token.at}; expected one of: {', '.join(_GLOBAL)}"
            )
        self._expect("(")
        of = self.disjunction()
        self._expect(")")
        if token.text != "has":
            return Invoke(function=token.text, of=of, with_=None, at=token.at)
        if not isinstance(of, Select):
            raise BadValue(f"has() at character {token.at} asks for a field; expected has(args.name)")
        return Has(select=of)

    def _list(self) -> Expression:
        items: list[Expression] = []
        while not self._take("]"):
            if items:
                self._expect(",")
            items.append(self.disjunction())
        return ListOf(items=tuple(items))

    def _advance(self) -> _Token:
        token = self._now
        if token.kind != "end":
            self._next += 1
        return token

    def _take(self, sign: str) -> bool:
        if self._now.kind == "sign" and self._now.text == sign:
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            self._unexpected(quoted(sign))

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._too_deep(self._now)

    def _too_deep(self, token: _Token) -> NoReturn:
        raise BadValue(f"nested too deep at character {token.at}; expected at most {MAX_DEPTH} levels")

    def _unexpected(self, expected: str, token: _Token | None = None) -> NoReturn:
        found = token or self._now
        what = quoted(found.text) if found.text else "the end"
        raise BadValue(f"got {what} at character {found.at}; expected {expected}")


def _number(token: _Token) -> int | Decimal:
    text = token.text
    if len(text) > 400:  # noqa: PLR2004 - as for JSON
        raise BadValue(f"a number of {len(text)} characters at character {token.at}; expected at most 400")
    if text.startswith("0x"):
        return int(text, 16)
    return int(text) if text.isdigit() else Decimal(text)


def _negated(number: int | Decimal) -> int | Decimal:
    # A minus sign on a Decimal would round it to the context's precision.
    return number.copy_negate() if isinstance(number, Decimal) else -number


def _text(token: _Token) -> str:
    def unescaped(match: re.Match[str]) -> str:
        code = match[1]
        if code in _ESCAPED:
            return _ESCAPED[code]
        if len(code) < 3:  # noqa: PLR2004 - the shortest code of a character is xHH or three octal digits
            raise BadValue(f"the escape {quoted(match[0])} in the text at character {token.at} is not one of CEL's")
        point = int(code, 8) if code[0].isdigit() else int(code[1:], 16)
        if point > _LAST_POINT or _FIRST_SURROGATE <= point <= _LAST_SURROGATE:
            raise BadValue(f"the escape {quoted(match[0])} in the text at character {token.at} is no character")
        return chr(point)

    return _ESCAPE.sub(unescaped, token.text[1:-1])
