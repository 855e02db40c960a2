"""A checked statement, confined: every table in it shows the listed columns only and, where asked for, one tenant's rows.

Rule 1. Each table is replaced where it stands by `(SELECT columns FROM table WHERE tenant = :due_tenant)` under its alias:
        at every depth, in joins, WITH queries, both sides of a UNION. What is around it sees nothing else of the table.
Rule 2. Nothing around it is computed on a row before the tenant was compared: LIMIT -1 keeps SQLite from moving conditions
        inside, OFFSET 0 Postgres. One that fails on another tenant's row (`abs` of the smallest integer) would tell of it.
        On SQLite the tenant is compared byte for byte.
Rule 3. What was made is read again: each table stands in exactly one such query, and with these taken out the checked
        statement comes back, letter by letter. Else it is a defect and nothing runs.
"""

from functools import lru_cache
from typing import Final, cast

from dueprocess.errors import Defect
from dueprocess.sql.grammar import refusal_in
from dueprocess.sql.names import CTE
from dueprocess.sql.reader import exp
from dueprocess.sql.scope import TENANT_PARAMETER, Dialect, Scope, Table
from dueprocess.sql.statement import Checked, Confined, Refused
from dueprocess.sql.text import foreign_in, read, write

_ALIAS: Final = "due_base"  # what a table is called inside the query that it is replaced by


def confine(checked: Checked, scope: Scope) -> Confined:
    """The statement with the listed columns of each table, for a database that keeps tenants apart itself.

    Raises:
        Defect: by rule 3.
    """
    return _confined(checked.sql, scope, "")


def rewrite(checked: Checked, scope: Scope, *, tenant_parameter: str = TENANT_PARAMETER) -> Confined:
    """The statement with the rows of the tenant that is bound to the parameter, and the listed columns of each table.

    Raises:
        Defect: by rule 3.
    """
    return _confined(checked.sql, scope, tenant_parameter)


# Kept by its content, as the reading of a statement is (`judge`).
@lru_cache(maxsize=256)
def _confined(checked: str, scope: Scope, tenant: str) -> Confined:
    tree = _tree(checked, scope)
    for node in _tables(tree):
        node.replace(_view(node, scope, tenant))
    text = write(tree, scope.dialect)
    if isinstance(text, Refused):
        raise Defect(f"a checked statement cannot be confined: {text.reason}")
    _check(text, checked, scope=scope, tenant=tenant)
    return Confined(sql=text, tenant=tenant)


def _tree(sql: str, scope: Scope) -> exp.Expr:
    tree = read(sql, scope.dialect)
    if isinstance(tree, Refused):
        raise Defect(f"a checked statement cannot be read: {tree.reason}")
    return tree


def _tables(tree: exp.Expr) -> list[exp.Table]:
    # Those with a schema: the others are WITH queries, which `names` has told apart and named.
    every = list(tree.find_all(exp.Table))
    bare = next((node for node in every if not node.args.get("db") and not node.name.startswith(CTE)), None)
    if bare is not None:
        raise Defect(f"a checked statement reads {bare.name} without its schema")
    return [node for node in every if node.args.get("db")]


def _view(node: exp.Table, scope: Scope, tenant: str) -> exp.Subquery:
    table = _listed(node, scope)
    base = exp.Table(
        this=_name(table.name),
        db=_name(scope.schema_of(table)),
        alias=exp.TableAlias(this=_name(_ALIAS)),
    )
    inner = exp.Select(expressions=[_column(name) for name in table.columns], from_=exp.From(this=base))
    if tenant:
        inner.set("where", exp.Where(this=exp.EQ(this=_column(table.tenant), expression=_same(scope.dialect, tenant))))
        fence = _fence(scope.dialect)
        inner.set(fence.key, fence)
    return exp.Subquery(this=inner, alias=cast("exp.TableAlias", node.args["alias"]).copy())


def _same(dialect: Dialect, tenant: str) -> exp.Expr:
    parameter = exp.Placeholder(this=tenant)
    if dialect is Dialect.SQLITE:
        # Byte for byte, also where the column was declared to ignore case or blanks.
        return exp.Collate(this=parameter, expression=exp.Var(this="BINARY"))
    return parameter


def _fence(dialect: Dialect) -> exp.Limit | exp.Offset:
    if dialect is Dialect.SQLITE:
        return exp.Limit(expression=exp.Neg(this=exp.Literal(this="1", is_string=False)))
    return exp.Offset(expression=exp.Literal(this="0", is_string=False))


def _listed(node: exp.Table, scope: Scope) -> Table:
    table = scope.table(node.name)
    if table is None or node.text("db") != scope.schema_of(table) or not node.args.get("alias"):
        raise Defect(f"a checked statement reads {node.name}, which is not among the tables")
    return table


def _name(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


def _column(name: str) -> exp.Column:
    return exp.Column(this=_name(name), table=_name(_ALIAS))


# Rule 3 ---------------------------------------------------------------------------------------------------------------


def _check(text: str, checked: str, *, scope: Scope, tenant: str) -> None:
    wrong = foreign_in(text, scope)
    if wrong is not None:
        raise Defect(f"a confined statement is not of its form: {wrong.reason}")
    tree = _tree(text, scope)
    for node in _tables(tree):
        view = _around(node)
        expected = _view(_outside(node, view), scope, tenant)
        if write(view, scope.dialect) != write(expected, scope.dialect):
            raise Defect(f"the table {node.name} does not stand in the query that confines it")
        view.replace(_outside(node, view))
    again = write(tree, scope.dialect)
    if again != checked or refusal_in(tree, scope) is not None:
        raise Defect("a confined statement is not the checked one, confined")


def _around(node: exp.Table) -> exp.Subquery:
    from_ = node.parent
    select = from_.parent if isinstance(from_, exp.From) else None
    view = select.parent if isinstance(select, exp.Select) else None
    if not isinstance(view, exp.Subquery) or not isinstance(view.args.get("alias"), exp.TableAlias):
        raise Defect(f"the table {node.name} stands bare in a confined statement")
    return view


def _outside(node: exp.Table, view: exp.Subquery) -> exp.Table:
    return exp.Table(
        this=_name(node.name), db=_name(node.text("db")), alias=cast("exp.TableAlias", view.args["alias"]).copy()
    )
