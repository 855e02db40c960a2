"""The part of SQL that a statement may be made of: a closed list of the reader's nodes. Names are looked up in `names`.

Rule 1. A node that is not listed is refused by its name, and so is a part of a listed node that is not listed with it.
        A later version of the reader that knows more constructs makes more refusals, never fewer.
Rule 2. Where a part is not a node but a word or a flag, the words are listed too: the writer copies them as they are.
Rule 3. No value stands in the text: whole numbers after LIMIT and OFFSET, and NULL, TRUE, FALSE after IS, are all.
Rule 4. `*` stands alone, after a table's name in a SELECT list, or inside `count`; nowhere else, so that no row becomes
        one value.
"""

from collections.abc import Callable, Mapping
from typing import Final, cast

from dueprocess.sql.functions import CASTS, UNITS
from dueprocess.sql.reader import exp
from dueprocess.sql.scope import NAME, Dialect, Scope
from dueprocess.sql.statement import Refusal, Refused

MAX_PARTS: Final = 1_500  # nodes; a statement of a page of text has some three hundred
MAX_JOINED_TEXTS: Final = 8  # `||`: each may double a text, and eight of them make at most 256 times of it
_LONGEST_NUMBER: Final = 9  # digits after LIMIT and OFFSET: within 32 bits

_PARTS: Final = None
_FLAG: Final[frozenset[object]] = frozenset({True, False})
_Argument = frozenset[object] | None


def _node(parts: str, **words: frozenset[object]) -> dict[str, _Argument]:
    return {**dict.fromkeys(parts.split(), _PARTS), **words}


def _words(text: str) -> frozenset[object]:
    return frozenset(text.split(","))


_BINARY: Final = _node("this expression")
_ENDS: Final = "order limit offset"
_GRAMMAR: Final[dict[type[exp.Expr], Mapping[str, _Argument]]] = {
    # queries
    exp.Select: _node(f"with_ expressions from_ joins where group having distinct {_ENDS}"),
    exp.Union: _node(f"with_ this expression {_ENDS}", distinct=_FLAG),
    exp.Intersect: _node(f"with_ this expression {_ENDS}", distinct=_FLAG),
    exp.Except: _node(f"with_ this expression {_ENDS}", distinct=_FLAG),
    exp.Subquery: _node(f"this alias {_ENDS}"),
    exp.With: _node("expressions"),
    exp.CTE: _node("this alias"),
    exp.From: _node("this"),
    exp.Join: _node("this on using", kind=_words("INNER,CROSS,OUTER"), side=_words("LEFT,RIGHT,FULL")),
    exp.Where: _node("this"),
    exp.Group: _node("expressions"),
    exp.Having: _node("this"),
    exp.Order: _node("expressions"),
    exp.Ordered: _node("this", desc=_FLAG, nulls_first=_FLAG),
    exp.Limit: _node("expression"),
    exp.Offset: _node("expression"),
    exp.Distinct: _node("expressions"),
    # names and values
    exp.Table: _node("this db alias"),
    exp.TableAlias: _node("this columns"),
    exp.Column: _node("this table"),
    exp.Alias: _node("this alias"),
    exp.Star: _node(""),
    exp.Placeholder: _node(""),
    exp.Null: _node(""),
    # expressions
    exp.Paren: _node("this"),
    exp.And: _BINARY,
    exp.Or: _BINARY,
    exp.Not: _node("this"),
    exp.EQ: _BINARY,
    exp.NEQ: _BINARY,
    exp.GT: _BINARY,
    exp.GTE: _BINARY,
    exp.LT: _BINARY,
    exp.LTE: _BINARY,
    exp.Is: _node("this expression", negate=_FLAG),
    exp.In: _node("this expressions query"),
    exp.Between: _node("this low high"),
    exp.Like: _BINARY,
    exp.ILike: _BINARY,
    exp.Escape: _BINARY,
    exp.Exists: _node("this"),
    exp.Add: _BINARY,
    exp.Sub: _BINARY,
    exp.Mul: _BINARY,
    exp.Div: _node("this expression", typed=_FLAG, safe=_FLAG),
    exp.Mod: _BINARY,
    exp.Neg: _node("this"),
    exp.DPipe: _node("this expression", safe=_FLAG),
    exp.Case: _node("this ifs default"),
    exp.If: _node("this true"),
    exp.Cast: _node("this to"),
    exp.Filter: _node("this expression"),
    exp.Window: _node("this partition_by order spec", over=_words("OVER")),
    exp.WindowSpec: _node(
        "",
        kind=_words("ROWS,RANGE"),
        start=_words("UNBOUNDED,CURRENT ROW"),
        start_side=_words("PRECEDING,FOLLOWING"),
        end=_words("UNBOUNDED,CURRENT ROW"),
        end_side=_words("PRECEDING,FOLLOWING"),
    ),
}

_FUNCTIONS: Final[dict[type[exp.Expr], tuple[str, Mapping[str, _Argument]]]] = {
    exp.Count: ("count", _node("this", big_int=_FLAG)),
    exp.Sum: ("sum", _node("this")),
    exp.Avg: ("avg", _node("this")),
    exp.Min: ("min", _node("this expressions")),
    exp.Max: ("max", _node("this expressions")),
    exp.RowNumber: ("row_number", _node("")),
    exp.Rank: ("rank", _node("")),
    exp.DenseRank: ("dense_rank", _node("")),
    exp.Lag: ("lag", _node("this offset default")),
    exp.Lead: ("lead", _node("this offset default")),
    exp.Coalesce: ("coalesce", _node("this expressions", is_nvl=_FLAG, is_null=_FLAG)),
    exp.Nullif: ("nullif", _BINARY),
    exp.Lower: ("lower", _node("this")),
    exp.Upper: ("upper", _node("this")),
    exp.Length: ("length", _node("this")),
    exp.Trim: ("trim", _node("this expression")),
    exp.Abs: ("abs", _node("this")),
    exp.Round: ("round", _node("this decimals")),
    exp.Substring: ("substring", _node("this start length")),
    exp.CurrentDate: ("current_date", _node("")),
    exp.CurrentTimestamp: ("current_timestamp", _node("")),
    exp.Date: ("date", _node("this")),
    exp.Extract: ("extract", _node("this expression")),
    exp.TimestampTrunc: ("date_trunc", _node("this unit")),
}
_STRFTIME: Final = {Dialect.SQLITE: "strftime", Dialect.POSTGRES: "to_char"}
# What the reader puts around an argument of `strftime`; it is written without a name of its own.
_BARE: Final[dict[type[exp.Expr], Mapping[str, _Argument]]] = {exp.TsOrDsToTimestamp: _node("this")}

ROOTS: Final = (exp.Select, exp.Union, exp.Intersect, exp.Except)
_BELOW_IS: Final = (exp.Null, exp.Boolean)


def refusal_in(tree: exp.Expr, scope: Scope) -> Refused | None:
    """The first part of a tree that is not allowed; None where all of it is."""
    parts = joined = 0
    for node in tree.walk():
        parts += 1
        joined += isinstance(node, exp.DPipe)
        found = _of_node(node, scope)
        if found is not None:
            return found
    if parts > MAX_PARTS:
        return Refused(rule=Refusal.SIZE, reason=f"{parts} parts; expected at most {MAX_PARTS}")
    if joined > MAX_JOINED_TEXTS:
        return Refused(rule=Refusal.SIZE, reason=f"|| stands {joined} times; expected at most {MAX_JOINED_TEXTS}")
    return None


def _of_node(node: exp.Expr, scope: Scope) -> Refused | None:
    kind = type(node)
    match node:
        case exp.Identifier():
            return _identifier(node)
        case exp.Literal():
            return _literal(node)
        case exp.Boolean() | exp.Null():
            return _constant(node)
        case exp.DataType():
            return _type(node, scope)
        case exp.Var():
            return _unit(node)
        case exp.Anonymous():
            return _anonymous(node, scope)
        case exp.TimeToStr():
            return _function(_STRFTIME[scope.dialect], scope) or _arguments(node, _node("this format"))
        case _:
            pass
    if kind in _FUNCTIONS:
        name, allowed = _FUNCTIONS[kind]
        return _function(name, scope) or _arguments(node, allowed)
    if kind in _BARE:
        return _arguments(node, _BARE[kind])
    if kind not in _GRAMMAR:
        return Refused(rule=Refusal.NODE, reason=f"{kind.__name__} is no part of a statement that is run here")
    if kind is exp.ILike and scope.dialect is not Dialect.POSTGRES:
        return Refused(rule=Refusal.NODE, reason="ILIKE is not known to SQLite, whose LIKE ignores case already")
    special = _SPECIAL.get(kind)
    return (special and special(node)) or _arguments(node, _GRAMMAR[kind])


def _arguments(node: exp.Expr, allowed: Mapping[str, _Argument]) -> Refused | None:
    name = type(node).__name__
    for key, value in cast("dict[str, object]", node.args).items():
        if not isinstance(value, exp.Expr) and not value:
            continue
        if key == "this" and isinstance(node, exp.Placeholder):
            continue  # its name was looked at in `_placeholder`
        if key not in allowed:
            return Refused(rule=Refusal.NODE, reason=f"{name} with {key.rstrip('_')} is no part of a statement here")
        words = allowed[key]
        listed = cast("list[object]", value) if isinstance(value, list) else [value]
        if words is None:
            fits = all(isinstance(item, exp.Expr) for item in listed)
        else:
            fits = all((item.upper() if isinstance(item, str) else item) in words for item in listed if _plain(item))
            fits = fits and all(_plain(item) for item in listed)
        if not fits:
            return Refused(rule=Refusal.NODE, reason=f"{name}: this form of {key.rstrip('_')} is not allowed")
    return None


def _plain(item: object) -> bool:
    return isinstance(item, (str, bool))


def _placeholder(node: exp.Expr) -> Refused | None:
    name = cast("object", node.args.get("this"))
    if isinstance(name, str) and NAME.fullmatch(name) is not None:
        return None
    return Refused(rule=Refusal.PARAMETER, reason="a parameter without a plain name; expected :name, in lower case")


def _star(node: exp.Expr) -> Refused | None:
    if isinstance(node, exp.Star) and _may_be_star(node):
        return None
    return Refused(rule=Refusal.NODE, reason="* stands where one value is expected; name the columns")


def _number(node: exp.Expr) -> Refused | None:
    if isinstance(node.expression, (exp.Literal, exp.Placeholder)):
        return None
    return Refused(rule=Refusal.NODE, reason="LIMIT and OFFSET take a whole number or a parameter, nothing computed")


def _is(node: exp.Expr) -> Refused | None:
    if isinstance(node.expression, _BELOW_IS):
        return None
    return Refused(rule=Refusal.NODE, reason="IS is followed by NULL, TRUE or FALSE; to compare, write =")


def _query(node: exp.Expr) -> Refused | None:
    if isinstance(cast("object", node.this), ROOTS):
        return None
    return Refused(rule=Refusal.NODE, reason=f"{type(node).__name__} holds no query")


def _in(node: exp.Expr) -> Refused | None:
    query = cast("object", node.args.get("query"))
    if query is None or isinstance(query, exp.Subquery):
        return None
    return Refused(rule=Refusal.NODE, reason="IN is followed by parameters, columns or a query")


def _named_table(node: exp.Expr) -> Refused | None:
    if isinstance(cast("object", node.this), exp.Identifier):
        return None
    return Refused(rule=Refusal.TABLE, reason="a function stands where a table is expected")


_SPECIAL: Final[dict[type[exp.Expr], Callable[[exp.Expr], Refused | None]]] = {
    exp.Placeholder: _placeholder,
    exp.Star: _star,
    exp.Limit: _number,
    exp.Offset: _number,
    exp.Is: _is,
    exp.Subquery: _query,
    exp.CTE: _query,
    exp.Exists: _query,
    exp.In: _in,
    exp.Table: _named_table,
}
"""What is asked of a node besides its parts."""


def _may_be_star(node: exp.Star) -> bool:
    above = node.parent
    if isinstance(above, exp.Count):
        return True
    if isinstance(above, exp.Column):
        above = above.parent
    return isinstance(above, exp.Select) and node.find_ancestor(exp.Select) is above and _in_list(node, above)


def _in_list(node: exp.Expr, select: exp.Select) -> bool:
    listed = cast("list[exp.Expr]", select.expressions)
    return any(item is node or item is node.parent for item in listed)


def _identifier(node: exp.Identifier) -> Refused | None:
    name = cast("object", node.args.get("this"))
    if not isinstance(name, str) or NAME.fullmatch(name.lower()) is None or not name.isascii():
        return Refused(rule=Refusal.NAME, reason="a name that is not plain; expected letters a to z, digits and _")
    return _arguments(node, {"this": frozenset({name.upper()}), "quoted": _FLAG})


def _literal(node: exp.Literal) -> Refused | None:
    text = cast("object", node.args.get("this"))
    counts = isinstance(node.parent, (exp.Limit, exp.Offset)) and not node.args.get("is_string")
    if counts and isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
        return None
    return Refused(rule=Refusal.LITERAL, reason="a value stands in the text; write :name and give it as a parameter")


def _constant(node: exp.Expr) -> Refused | None:
    above = node.parent
    if isinstance(above, exp.Is) and above.expression is node:
        return None
    return Refused(
        rule=Refusal.LITERAL, reason="NULL, TRUE and FALSE stand only after IS; else give them as a parameter"
    )


def _type(node: exp.DataType, scope: Scope) -> Refused | None:
    kind = cast("object", node.args.get("this"))
    name = kind.value if isinstance(kind, exp.DataType.Type) else ""
    allowed = CASTS[scope.dialect.value]
    if name not in allowed or not isinstance(node.parent, exp.Cast):
        return Refused(
            rule=Refusal.NODE, reason=f"a type that nothing is cast to here; expected {', '.join(sorted(allowed))}"
        )
    more = any(value for key, value in cast("dict[str, object]", node.args).items() if key != "this")
    return (
        Refused(rule=Refusal.LITERAL, reason="a type with figures; expected one without, such as NUMERIC")
        if more
        else None
    )


def _unit(node: exp.Var) -> Refused | None:
    above, name = node.parent, cast("object", node.args.get("this"))
    if isinstance(above, exp.Extract) and above.this is node and isinstance(name, str) and name.upper() in UNITS:
        return None
    return Refused(rule=Refusal.NODE, reason="a bare word that is no name")


def _anonymous(node: exp.Anonymous, scope: Scope) -> Refused | None:
    name = cast("object", node.args.get("this"))
    if not isinstance(name, str):
        return Refused(rule=Refusal.FUNCTION, reason="a function with a qualified or quoted name")
    return _function(name.lower(), scope) or _arguments(
        node, {"this": frozenset({name.upper()}), "expressions": _PARTS}
    )


def _function(name: str, scope: Scope) -> Refused | None:
    if name in scope.callable:
        return None
    told = name if NAME.fullmatch(name) else "a function of that name"
    return Refused(rule=Refusal.FUNCTION, reason=f"{told} is not among the functions; expected {_listed(scope)}")


def _listed(scope: Scope) -> str:
    return ", ".join(sorted(scope.callable))
