"""What the names of a statement stand for: tables of the scope, or its own WITH queries. What the words mean is in `grammar`.

Rule 1. Names are folded as the database folds them, and then written in quotes: there is one way to read them.
Rule 2. A table is written with its schema. A WITH query is renamed to one that no table can have (`due_cte_1`), so that
        one which takes a table's name is never taken for it, nor the table for it, whatever a database thinks of scopes.
Rule 3. Every table and WITH query is known by an alias. Columns are those listed of the tables read, or names that the
        statement itself gives; a name that is neither is refused, also where the table has such a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from dueprocess.sql.reader import exp
from dueprocess.sql.scope import RESERVED, TENANT_PARAMETER, Dialect, Scope, Table
from dueprocess.sql.statement import Refusal, Refused

CTE: Final = f"{RESERVED}cte_"
_Seen = Mapping[str, str]  # a WITH query's name -> what it is written as


@dataclass(slots=True)
class Found:
    """What a statement names."""

    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    aliases: set[str] = field(default_factory=set[str])
    given: set[str] = field(default_factory=set[str])
    parameters: set[str] = field(default_factory=set[str])
    queries: int = 0


class _Refuse(Exception):
    """How the walk stops at a name that cannot be used."""

    def __init__(self, rule: Refusal, reason: str) -> None:
        self.refused = Refused(rule=rule, reason=reason)
        super().__init__(reason)


def resolve(tree: exp.Expr, scope: Scope) -> Found | Refused:
    """Folds, looks up and writes out the names of a tree, in place. Its parts must have been allowed before."""
    found = Found()
    try:
        _fold(tree, scope.dialect)
        _walk(tree, {}, scope=scope, found=found)
        for node in tree.walk():
            _collect(node, found)
        _check_columns(tree, scope, found)
    except _Refuse as refuse:
        return refuse.refused
    return found


def _fold(tree: exp.Expr, dialect: Dialect) -> None:
    for node in tree.find_all(exp.Identifier):
        name = str(node.this)
        if dialect is Dialect.POSTGRES and node.args.get("quoted") and name != name.lower():
            raise _Refuse(Refusal.NAME, "a quoted name with capitals; the names that are listed have none")
        node.set("this", name.lower())
        node.set("quoted", True)  # noqa: FBT003 - the reader's own form
        ours = name.lower().startswith(RESERVED)
        if ours and not name.lower().startswith(CTE):
            raise _Refuse(Refusal.NAME, f"names that begin with {RESERVED} are kept for this library")


def _walk(node: exp.Expr, seen: _Seen, *, scope: Scope, found: Found) -> None:
    with_ = cast("object", node.args.get("with_"))
    if isinstance(with_, exp.With):
        seen = _with(with_, seen, scope=scope, found=found)
    if isinstance(node, exp.Table):
        _table(node, seen, scope=scope, found=found)
        return
    for child in node.iter_expressions():
        if child is not with_:
            _walk(child, seen, scope=scope, found=found)


def _with(with_: exp.With, seen: _Seen, *, scope: Scope, found: Found) -> _Seen:
    inside, here = dict(seen), set[str]()
    for query in cast("list[exp.CTE]", with_.expressions):
        # Without RECURSIVE a query does not see itself, only what stands before it.
        _walk(cast("exp.Expr", query.this), inside, scope=scope, found=found)
        alias = cast("exp.TableAlias", query.args["alias"])
        name = alias.name
        if name in here:
            raise _Refuse(Refusal.NAME, f"two WITH queries are named {name}")
        here.add(name)
        found.queries += 1
        inside[name] = f"{CTE}{found.queries}"
        _rename(alias, inside[name])
    return inside


def _table(node: exp.Table, seen: _Seen, *, scope: Scope, found: Found) -> None:
    name, schema = node.name, node.text("db")
    if not node.args.get("alias"):
        node.set("alias", exp.TableAlias(this=_quoted(name)))
    if not schema and name in seen:
        _rename(node, seen[name])
        return
    table = scope.table(name)
    if table is None or schema not in {"", scope.schema_of(table)}:
        listed = ", ".join(table.name for table in scope.tables)
        told = f"{schema}.{name}" if schema else name
        raise _Refuse(Refusal.TABLE, f"{told} is not among the tables; expected {listed}")
    node.set("db", _quoted(scope.schema_of(table)))
    found.tables[name] = table


def _rename(node: exp.Expr, name: str) -> None:
    node.set("this", _quoted(name))


def _quoted(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


def _collect(node: exp.Expr, found: Found) -> None:
    match node:
        case exp.TableAlias():
            above = node.parent
            found.aliases.add(node.name)
            found.given.update(column.name for column in cast("list[exp.Expr]", node.args.get("columns") or []))
            if isinstance(above, exp.CTE):
                found.aliases.discard(node.name)
        case exp.Alias():
            found.given.add(node.alias)
        case exp.Placeholder():
            found.parameters.add(node.name)
        case _:
            pass


def _check_columns(tree: exp.Expr, scope: Scope, found: Found) -> None:
    if TENANT_PARAMETER in found.parameters or any(name.startswith(RESERVED) for name in found.parameters):
        raise _Refuse(Refusal.PARAMETER, f"parameters that begin with {RESERVED} are kept for this library")
    listed = {column for table in found.tables.values() for column in table.columns}
    known = listed | found.given
    for node in tree.find_all(exp.Column, exp.Join):
        if isinstance(node, exp.Join):
            names = [each.name for each in cast("list[exp.Expr]", node.args.get("using") or [])]
        else:
            names = [] if isinstance(cast("object", node.this), exp.Star) else [node.name]
            if node.table and node.table not in found.aliases:
                raise _Refuse(Refusal.COLUMN, f"{node.table} is no table or alias of this statement")
        for name in names:
            if name not in known:
                columns = "; ".join(f"{table.name}({', '.join(table.columns)})" for table in found.tables.values())
                raise _Refuse(Refusal.COLUMN, f"{name} is not among the columns; expected of {columns or 'no table'}")
