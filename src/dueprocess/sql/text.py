"""Statements as text: read, written anew, and looked at a second time without the reader. What they may hold is in `grammar`.

Rule 1. What is written is made of names in double quotes, `:parameters`, whole numbers, listed words and a few signs, and
        of nothing else: no quote of a text, no comment, no semicolon can stand in it.
Rule 2. Every word that was given is in what is written. The reader passes over some that it does not know (TABLESAMPLE,
        ONLY): the statement would then mean something else.
Rule 3. What could begin another kind of statement is refused before it is read: the reader would log it.
"""

import re
from collections import Counter
from typing import Final, cast

from sqlglot.dialects.dialect import Dialect as Reader
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generators.postgres import PostgresGenerator
from sqlglot.tokenizer_core import Token, TokenType

from dueprocess.sql.functions import KEYWORDS, SYNONYMS, TYPES, UNITS
from dueprocess.sql.reader import exp
from dueprocess.sql.scope import Dialect, Scope
from dueprocess.sql.statement import Refusal, Refused

MAX_TEXT: Final = 8_000  # characters of a statement
MAX_NESTED: Final = 30  # parentheses one inside the other
# What the reader raises for texts that are none, besides errors of its own.
FAULTS: Final = (
    SqlglotError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

_PART = re.compile(
    r'"(?P<name>[a-z_][a-z0-9_]*)"(?!")|:(?P<parameter>[a-z_][a-z0-9_]*)|(?P<number>[0-9]+)|(?P<word>[A-Za-z_]+)'
    r"|<=|>=|<>|\|\||[=<>+*/%(),.-]| "
)
_WORD = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_UNSEEN: Final = frozenset("as asc inner outer nulls first last".split())  # left out where nothing changes by it
_HARMLESS: Final = frozenset({TokenType.SEMICOLON, TokenType.DESC, TokenType.END})  # they begin nothing inside a query


class _Writer(PostgresGenerator):
    def placeholder_sql(self, expression: exp.Placeholder) -> str:
        return f":{expression.name}"

    TRANSFORMS = {**PostgresGenerator.TRANSFORMS, exp.Placeholder: placeholder_sql}  # noqa: RUF012 - the writer's own form


class DuePostgres(Postgres):
    """Postgres, written with parameters as they were given: `:name`."""

    Generator = _Writer


_WRITTEN_AS: Final[dict[Dialect, type[Reader]]] = {Dialect.SQLITE: SQLite, Dialect.POSTGRES: DuePostgres}


def read(sql: str, dialect: Dialect) -> exp.Expr | Refused:
    """The one statement of a text, as the reader's tree; nothing of it is allowed yet."""
    if len(sql) > MAX_TEXT:
        return Refused(rule=Refusal.SIZE, reason=f"{len(sql)} characters; expected at most {MAX_TEXT}")
    if _deepest(sql) > MAX_NESTED:
        return Refused(rule=Refusal.SIZE, reason=f"nested too deep; expected at most {MAX_NESTED} parentheses")
    reader = Reader.get_or_raise(dialect.value)
    try:
        tokens = reader.tokenize(sql)
        refused = _beginnings(tokens, reader)
        if refused is not None:
            return refused
        trees = reader.parser(error_level=ErrorLevel.IMMEDIATE).parse(tokens, sql)
    except FAULTS:
        return Refused(rule=Refusal.SYNTAX, reason=f"this is no statement of {dialect.value} that can be read")
    found = [tree for tree in trees if tree is not None]
    if len(found) != 1 or len(trees) != 1:
        return Refused(
            rule=Refusal.STATEMENT, reason=f"{len(found)} statements; expected one query, without a semicolon"
        )
    return found[0]


def write(tree: exp.Expr, dialect: Dialect) -> str | Refused:
    """The text of a tree of allowed parts. Whether it keeps rule 1 is to be looked at."""
    try:
        return tree.sql(
            dialect=_WRITTEN_AS[dialect],
            identify=True,
            comments=False,
            unsupported_level=ErrorLevel.IMMEDIATE,
            normalize_functions="lower",
        )
    except FAULTS:
        return Refused(rule=Refusal.LOST, reason=f"{dialect.value} has no way to write a part of this")


def foreign_in(text: str, scope: Scope) -> Refused | None:
    """What stands in a written statement against rule 1; None where it keeps it. It looks at the text alone."""
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None or text.startswith(("--", "/*"), at):
            return Refused(rule=Refusal.LOST, reason="it would be written with a sign that no statement has here")
        word = part["word"] or ""
        if word and word.upper() not in KEYWORDS | TYPES | UNITS and word.lower() not in scope.callable:
            return Refused(rule=Refusal.LOST, reason=f"it would be written with the word {word.upper()}")
        at = part.end()
    return None


def lost_from(given: str, written: str, dialect: Dialect) -> Refused | None:
    """The first word of a text that is not in what was written of it (rule 2)."""
    before, after = _words(given, dialect), _words(written, dialect)
    for word in before:
        if word not in _UNSEEN and before[word] > after[word]:
            return Refused(
                rule=Refusal.LOST,
                reason=f"{word.upper()} would not be in what is run; leave it out, or say it differently",
            )
    return None


def _words(sql: str, dialect: Dialect) -> Counter[str]:
    tokens = Reader.get_or_raise(dialect.value).tokenize(sql)
    words = (str(word) for token in tokens for word in _WORD.findall(token.text.lower()))
    return Counter(SYNONYMS.get(word, word) for word in words)


def _beginnings(tokens: list[Token], reader: Reader) -> Refused | None:
    parsers = cast("dict[TokenType, object]", reader.parser_class.STATEMENT_PARSERS)
    others = {*parsers, *reader.tokenizer_class.COMMANDS} - _HARMLESS
    for token in tokens:
        if token.token_type in others:
            word = token.text.split()[0].upper() if token.text.split() else ""
            told = word if word.isascii() and word.isalpha() else "a word"
            return Refused(
                rule=Refusal.STATEMENT, reason=f"{told} belongs to another kind of statement; expected one query"
            )
    if tokens and tokens[0].token_type not in {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN}:
        return Refused(rule=Refusal.STATEMENT, reason="it does not begin with SELECT or WITH; expected one query")
    return None


def _deepest(sql: str) -> int:
    depth = deepest = 0
    for sign in sql:
        depth += (sign in "([") - (sign in ")]")
        deepest = max(deepest, depth)
    return deepest
