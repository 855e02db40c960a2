"""What every database behind `sql.Database` promises, as checks that run against yours.

    from dueprocess.testing import database_contract as contract

    @pytest.mark.parametrize("check", contract.CHECKS, ids=str)
    def test_my_database_keeps_the_contract(check):
        check.run(MyBench(...))

A bench opens handles on one place with the rows of `two_tenants`: both tenants' rows, and nothing verified yet.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from dueprocess.errors import Defect, NotAllowed
from dueprocess.sql import Checked, Database, Failed, Limits, Rows, RowSecurity, Scope, check
from dueprocess.testing.two_tenants import MARK, MARK_NUMBER, OTHER, OWN, leaks_in
from dueprocess.values import Json

_SLOW: Final = (
    "SELECT count(*) FROM orders a, orders b, orders c, orders d, orders e, orders f, orders g, orders h, orders i"
)
_SOON_MS: Final = 150
_ORDERS: Final = 12  # rows of each tenant in `orders`
_CALLS: Final = {
    **dict.fromkeys(("sum", "avg", "min", "max", "total", "abs"), "{}(total)"),
    **dict.fromkeys(("lower", "upper", "length", "trim"), "{}(note)"),
    **dict.fromkeys(("row_number", "rank", "dense_rank"), "{}() OVER (ORDER BY id)"),
    **dict.fromkeys(("lag", "lead"), "{}(total) OVER (ORDER BY id)"),
    **dict.fromkeys(("coalesce", "nullif"), "{}(note, status)"),
    **dict.fromkeys(("date", "datetime", "julianday"), "{}(placed)"),
    **dict.fromkeys(("current_date", "current_timestamp"), "{}"),
    "count": "count(*)",
    "round": "round(total, :n)",
    "substring": "substring(note, :n, :n), note LIKE :x",
    "strftime": "strftime(:t, placed)",
    "date_trunc": "date_trunc(:t, placed)",
    "extract": "EXTRACT(YEAR FROM placed)",
    "to_char": "to_char(placed, :t)",
}
_INJECTIONS: Final = ("acme' OR '1'='1", "acme'; --", "%", "ACME", " acme", "acme\\", "")


class DatabaseBench(Protocol):
    """One place with the rows of two tenants."""

    row_security: RowSecurity
    """What keeps them apart there."""

    def open(self, limits: Limits | None = None) -> Database:
        """A handle that was not verified yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise."""

    name: str
    body: Callable[[DatabaseBench], None]

    def run(self, bench: DatabaseBench) -> None:
        """Raises AssertionError where the promise is not kept."""
        self.body(bench)

    def __str__(self) -> str:
        return self.name


def asked(
    database: Database, sql: str, *, tenant: str = OWN, values: Mapping[str, Json] | None = None
) -> Rows | Failed:
    """What a statement, checked first, is answered."""
    found = checked(database.scope, sql, values=values)
    return database.query(found, found.values, tenant=tenant)


def checked(scope: Scope, sql: str, *, values: Mapping[str, Json] | None = None) -> Checked:
    """A statement that must pass the checker."""
    found = check(scope, sql, values=values or {})
    assert isinstance(found, Checked), f"{sql}: {found.reason}"
    return found


def _verified(bench: DatabaseBench, limits: Limits | None = None) -> Database:
    database = bench.open(limits)
    database.verify()
    return database


def _rows(found: Rows | Failed) -> Rows:
    assert isinstance(found, Rows), f"failed with {found.code}: {found.reason}"
    return found


def _it_says_what_keeps_tenants_apart(bench: DatabaseBench) -> None:
    database = bench.open()
    assert database.verify().row_security is bench.row_security
    database.close()


def _nothing_is_asked_before_it_was_verified(bench: DatabaseBench) -> None:
    database = bench.open()
    statement = checked(database.scope, "SELECT id FROM orders")
    for tenant in (OWN, ""):
        try:
            database.query(statement, {}, tenant=tenant)
        except NotAllowed:
            database.verify()  # the second round: verified, and without a tenant
            continue
        raise AssertionError("a query was answered before verify(), or for no tenant")
    database.close()


def _a_tenant_sees_all_of_its_rows_and_no_other(bench: DatabaseBench) -> None:
    database = _verified(bench)
    own = _rows(asked(database, "SELECT * FROM orders ORDER BY id"))
    other = _rows(asked(database, "SELECT * FROM orders ORDER BY id", tenant=OTHER))
    assert (len(own.rows), len(other.rows)) == (_ORDERS, _ORDERS), "a tenant does not see just its own rows"
    assert leaks_in(value for row in own.rows for value in row) == [], "a row of the other tenant shows"
    assert all(int(str(row[0])) > MARK_NUMBER for row in other.rows), "the other tenant sees rows that are not its own"
    assert own.columns == ("id", "customer_id", "total", "status", "note", "placed"), f"columns {own.columns}"
    database.close()


def _a_tenant_that_there_is_not_sees_nothing(bench: DatabaseBench) -> None:
    database = _verified(bench)
    for tenant in _INJECTIONS:
        if tenant:
            found = _rows(asked(database, "SELECT id FROM orders", tenant=tenant))
            assert found.rows == (), f"the tenant {tenant!a} sees rows"
    database.close()


def _a_value_is_bound_and_never_read_as_text(bench: DatabaseBench) -> None:
    database = _verified(bench)
    for value in (*_INJECTIONS, "%s", "%(x)s", ":x", "$1", "\x01"):
        found = _rows(asked(database, "SELECT :x FROM orders LIMIT 1", values={"x": value}))
        assert found.rows == ((value,),), f"{value!a} came back as {found.rows!a}"
    database.close()


def _a_number_is_compared_as_a_number(bench: DatabaseBench) -> None:
    database = _verified(bench)
    for value in (50, Decimal("50.5"), Decimal("5E+1")):
        found = _rows(asked(database, "SELECT count(*) FROM orders WHERE total > :x", values={"x": value}))
        assert found.rows == ((7,),), f"{found.rows} orders above {value}"
    database.close()


def _every_listed_function_may_be_called(bench: DatabaseBench) -> None:
    database = _verified(bench)
    missing = database.scope.callable - _CALLS.keys()
    assert not missing, f"no call of {missing} is tried"
    for name in sorted(database.scope.callable):
        values = {"n": 1, "t": "month" if name == "date_trunc" else "%Y", "x": "n"}
        sql = f"SELECT {_CALLS[name].format(name)} FROM orders"  # noqa: S608 - our own words
        used = {key: value for key, value in values.items() if f":{key}" in sql}
        found = asked(database, sql, values=used)
        assert isinstance(found, Rows), f"{name}: {found.code} {found.reason}"
        assert found.rows, f"{name} gave no row"
    database.close()


def _what_is_not_listed_is_not_shown_by_a_star(bench: DatabaseBench) -> None:
    database = _verified(bench)
    found = _rows(asked(database, "SELECT * FROM customers"))
    assert found.columns == ("id", "name", "email", "city"), f"columns {found.columns}"
    database.close()


def _an_empty_result_has_its_columns(bench: DatabaseBench) -> None:
    database = _verified(bench)
    found = _rows(asked(database, "SELECT id AS number, note FROM orders WHERE id = :n", values={"n": -1}))
    assert (found.columns, found.rows, found.cut) == (("number", "note"), (), False), str(found)
    database.close()


def _a_result_is_cut_at_its_limits_and_says_so(bench: DatabaseBench) -> None:
    database = _verified(bench, Limits(rows=5))
    found = _rows(asked(database, "SELECT id FROM orders"))
    assert (len(found.rows), found.cut, found.columns) == (5, True, ("id",)), f"{len(found.rows)} rows, cut {found.cut}"
    exact = _rows(asked(database, "SELECT id FROM orders LIMIT 5"))
    assert (len(exact.rows), exact.cut) == (5, False), "a result of just as many rows as allowed is told as cut"
    database.close()
    small = _verified(bench, Limits(bytes=50))
    found = _rows(asked(small, "SELECT * FROM orders"))
    assert found.cut, "a result beyond its bytes is not told as cut"
    assert len(found.rows) < _ORDERS, "all rows of a result beyond its bytes are there"
    assert _rows(asked(small, "SELECT count(*) FROM orders")).rows == ((_ORDERS,),), "the handle does not go on"
    small.close()


def _a_statement_that_takes_too_long_is_ended(bench: DatabaseBench) -> None:
    database = _verified(bench, Limits(timeout_ms=_SOON_MS))
    found = asked(database, _SLOW)
    assert isinstance(found, Failed), "a statement over some billions of rows came to its end"
    assert _rows(asked(database, "SELECT count(*) FROM orders")).rows == ((_ORDERS,),), "the handle does not go on"
    database.close()


def _a_failure_tells_no_data(bench: DatabaseBench) -> None:
    database = _verified(bench)
    failed = 0
    for sql in (
        "SELECT CAST(name AS INTEGER) FROM customers",
        "SELECT id, note FROM orders UNION SELECT id FROM customers",
    ):
        found = asked(database, sql, tenant=OTHER)
        if isinstance(found, Failed):
            failed += 1
            told = f"{found.code} {found.reason}".lower()
            assert MARK not in told, f"a failure says: {told}"
            assert found.reason, "a failure without a reason"
    assert failed, "no statement failed"
    assert _rows(asked(database, "SELECT count(*) FROM orders")).rows == ((_ORDERS,),), "the handle does not go on"
    database.close()


def _a_statement_that_was_not_checked_is_not_run(bench: DatabaseBench) -> None:
    database = _verified(bench)
    scope = database.scope
    for sql in (
        "DELETE FROM orders",
        "SELECT 1",
        "SELECT * FROM payroll",
        "SELECT * FROM orders",
        'SELECT * FROM "orders" AS "orders"',
        'SELECT * FROM "main"."payroll" AS "p"',
        'SELECT * FROM "public"."payroll" AS "p"',
        'SELECT "secret" FROM "main"."customers" AS "c"',
        'SELECT "secret" FROM "public"."customers" AS "c"',
    ):
        forged = Checked(sql=sql, dialect=scope.dialect, tables=(), parameters=(), values={})
        try:
            found = database.query(forged, {}, tenant=OWN)
        except Defect:
            continue
        told = [str(value) for row in found.rows for value in row] if isinstance(found, Rows) else []
        assert leaks_in(told) == [], f"{sql} was run and shows {told}"
        assert not told, f"{sql} was run"
    counted = _rows(asked(database, "SELECT count(*) FROM orders"))
    assert counted.rows == ((_ORDERS,),), "something was deleted"
    database.close()


def _threads_of_several_tenants_do_not_mix(bench: DatabaseBench) -> None:
    database = _verified(bench)

    def work(number: int) -> bool:
        tenant = OTHER if number % 2 else OWN
        found = _rows(asked(database, "SELECT min(id), max(id), count(*) FROM orders", tenant=tenant))
        least, most, count = (int(str(value)) for value in found.rows[0])
        return count == _ORDERS and (least > MARK_NUMBER) == (most > MARK_NUMBER) == (tenant == OTHER)

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert all(pool.map(work, range(40))), "a thread saw the rows of another's tenant"
    database.close()
    database.close()


CHECKS: Final = tuple(
    Check(name=body.__name__.removeprefix("_"), body=body)
    for body in (
        _it_says_what_keeps_tenants_apart,
        _nothing_is_asked_before_it_was_verified,
        _a_tenant_sees_all_of_its_rows_and_no_other,
        _a_tenant_that_there_is_not_sees_nothing,
        _a_value_is_bound_and_never_read_as_text,
        _a_number_is_compared_as_a_number,
        _every_listed_function_may_be_called,
        _what_is_not_listed_is_not_shown_by_a_star,
        _an_empty_result_has_its_columns,
        _a_result_is_cut_at_its_limits_and_says_so,
        _a_statement_that_takes_too_long_is_ended,
        _a_failure_tells_no_data,
        _a_statement_that_was_not_checked_is_not_run,
        _threads_of_several_tenants_do_not_mix,
    )
)
