"""`guard`: thirteen ways in which a governance toolkit was passed, each refused; and what else a caller may do wrong (I1, I2)."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from dueprocess import (
    Attempt,
    DeniedCall,
    Done,
    FailedCall,
    Guarded,
    HeldCall,
    NoEffect,
    ReusedCall,
    SucceededCall,
    UnknownCall,
    guard,
)
from dueprocess.errors import CallerError, Conflict, FileInvalid, LeaseLost, NotAllowed, StoreUnavailable
from dueprocess.ledger import decode_line
from dueprocess.runtime import Governed, Loop, Person, Shell, approve
from dueprocess.tool import tool
from dueprocess.values import Money
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import Home, open_home

POLICY = """
agent: {max_tool_calls: 100}
approvers: {default: {any_of: ["group:finance"]}}
tools:
  issue_refund: {allowed: true, max_amount_usd: 50, require_approval_over_usd: 25, %s}
"""
ONCE = "idempotency_key: [$.order_id]"
PAID: list[tuple[str, str]] = []
RAISES: list[Exception] = []


@tool(effect="write")
def issue_refund(order_id: str, amount_usd: Money) -> str:
    """Refund an order."""
    if RAISES:
        raise RAISES.pop()
    PAID.append((order_id, str(amount_usd)))
    return f"refunded {amount_usd}"


@pytest.fixture(autouse=True)
def nothing_paid() -> None:
    PAID.clear()
    RAISES.clear()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home", {})
    yield opened
    opened.store.close()


@pytest.fixture
def guarded(home: Home, tmp_path: Path) -> Iterator[Guarded]:
    with guard(issue_refund, policy=policy_file(tmp_path), store=home, on_behalf_of="user:ann") as made:
        yield made


def policy_file(folder: Path, *, more: str = ONCE, text: str = POLICY) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text % more)
    return path


WAYS: dict[str, Callable[[Guarded], object]] = {
    "positional arguments": lambda g: g("A", "900"),
    "no action name": lambda g: g._governed.call("", {"order_id": "A", "amount_usd": "900"}),
    "the caller naming another action": lambda g: g._governed.call("get_order", {"order_id": "A", "amount_usd": "900"}),
    "Issue_Refund": lambda g: g._governed.call("Issue_Refund", {"order_id": "A", "amount_usd": "20"}),
    "NaN": lambda g: g._governed.call("issue_refund", '{"order_id": "A", "amount_usd": NaN}'),
    "900 USD": lambda g: g._governed.call("issue_refund", {"order_id": "A", "amount_usd": "900 USD"}),
    "[900]": lambda g: g._governed.call("issue_refund", {"order_id": "A", "amount_usd": [900]}),
    "None": lambda g: g._governed.call("issue_refund", {"order_id": "A", "amount_usd": None}),
    "-900": lambda g: g("A", -900),
    "an argument user={role: admin}": lambda g: g._governed.call(
        "issue_refund", {"order_id": "A", "amount_usd": "20", "user": {"role": "admin"}}
    ),
    "bool": lambda g: g._governed.call("issue_refund", {"order_id": "A", "amount_usd": True}),
    "exponent": lambda g: g._governed.call("issue_refund", '{"order_id": "A", "amount_usd": 1e1}'),
    "separators": lambda g: g._governed.call("issue_refund", {"order_id": "A", "amount_usd": "9,000"}),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_i2_a_way_around_a_limit_is_denied(way: str, guarded: Guarded):
    denied = WAYS[way](guarded)
    assert isinstance(denied, DeniedCall)
    assert denied.findings
    assert PAID == []


def test_i4_twenty_times_25_is_one_refund_of_an_order(guarded: Guarded):
    ends = [guarded("A", 25) for _ in range(20)]
    assert isinstance(ends[0], SucceededCall)
    assert PAID == [("A", "25.00")]


def test_i6_twenty_times_25_over_twenty_orders_ends_at_the_rate(home: Home, tmp_path: Path):
    path = policy_file(tmp_path, more="rate: {count: 3, window: 1h}")
    with guard(issue_refund, policy=path, store=home) as guarded:
        ends = [type(guarded(f"order {number}", 25)).__name__ for number in range(20)]
    assert (ends.count("SucceededCall"), ends.count("DeniedCall"), len(PAID)) == (3, 17, 3)


@pytest.mark.parametrize(
    "rule",
    [
        "rules: [{id: bad, when: 'args.amount_usd >', then: deny}]",
        "rules: [{id: bad, when: 'args.nothing == 1', then: deny}]",
        "max_amount: 3",
    ],
)
def test_i2_conditions_that_do_not_parse_do_not_load(rule: str, home: Home, tmp_path: Path):
    with pytest.raises(FileInvalid):
        guard(issue_refund, policy=policy_file(tmp_path, more=rule), store=home)


def test_i5_approving_ones_own_request_does_not_count(home: Home, tmp_path: Path):
    with guard(issue_refund, policy=policy_file(tmp_path), store=home, on_behalf_of="user:ann") as guarded:
        held = guarded("A", 30)
        loop = Loop()
        shell = Shell(store=home.store, clock=SystemClock(), loop=loop, tools={})
        ann = Person(id="user:ann", groups=frozenset({"group:finance"}), how="token")
        fin = Person(id="user:fin", groups=frozenset({"group:finance"}), how="token")
        assert approve(shell, held.action, person=ann).refused is not None
        assert isinstance(guarded.resume(held.action), HeldCall)
        assert PAID == []
        assert approve(shell, held.action, person=fin).complete
        assert isinstance(guarded.resume(held.action), SucceededCall)
        assert PAID == [("A", "30.00")]
        loop.close()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        (("A",), {}),
        (("A", 1, 2), {}),
        (("A",), {"order_id": "B", "amount_usd": 1}),
        (("A",), {"amount_usd": 1, "user": "admin"}),
        (("A", object()), {}),
        (("A", float("nan")), {}),
        (("A", float("inf")), {}),
        (("\ud800", 1), {}),
        (("A", b"1"), {}),
    ],
)
def test_i1_arguments_that_do_not_bind_or_are_no_json_are_denied_on_the_record(
    args: tuple[object, ...], kwargs: dict[str, object], guarded: Guarded, home: Home
):
    denied = guarded(*args, **kwargs)
    assert isinstance(denied, DeniedCall)
    assert {finding.rule for finding in denied.findings} & {"parse", "schema"}
    assert [event.envelope.kind for event in home.store.read(lambda tx: tx.lineage(denied.action))] == ["action.denied"]
    assert PAID == []


@pytest.mark.parametrize("amount", [5, "5", "5.00", Decimal("5.0"), 5.0, Money(5_000_000)])
def test_an_amount_may_be_written_in_every_exact_way(amount: object, guarded: Guarded):
    assert isinstance(guarded("A", amount), SucceededCall)
    assert PAID == [("A", "5.00")]


def test_keywords_and_positions_are_the_same_call(guarded: Guarded):
    guarded("A", 5)
    guarded(amount_usd="5.00", order_id="A")
    assert PAID == [("A", "5.00")]


def test_a_guarded_call_may_come_from_an_event_loop(guarded: Guarded):
    async def main() -> object:
        return await guarded.acall({"order_id": "A", "amount_usd": "5"})

    assert isinstance(anyio.run(main), SucceededCall)


def test_i4_an_error_of_the_function_is_unknown_and_a_declared_no_effect_is_failed(guarded: Guarded):
    RAISES.append(RuntimeError("500"))
    assert isinstance(guarded("A", 5), UnknownCall)
    RAISES.append(NoEffect("closed"))
    failed = guarded("B", 5)
    assert isinstance(failed, FailedCall)
    assert isinstance(guarded.resume(failed.action), SucceededCall)
    assert PAID == [("B", "5.00")]


def test_a_named_run_goes_on_and_fences_its_earlier_owner(home: Home, tmp_path: Path):
    path = policy_file(tmp_path)
    with guard(issue_refund, policy=path, store=home, run="job-1") as first:
        first("A", 5)
        with guard(issue_refund, policy=path, store=home, run="job-1") as second:
            assert second.run == first.run
            second("A", 5)
            with pytest.raises(LeaseLost):
                first("B", 5)
            second.finish()
    assert PAID == [("A", "5.00")]
    with pytest.raises(Conflict, match="has ended"):
        guard(issue_refund, policy=path, store=home, run="job-1")


def test_a_guard_without_a_run_name_is_a_run_of_its_own(home: Home, tmp_path: Path):
    path = policy_file(tmp_path)
    with guard(issue_refund, policy=path, store=home) as first, guard(issue_refund, policy=path, store=home) as second:
        assert first.run != second.run


def test_a_guard_of_a_folder_opens_and_closes_it(tmp_path: Path):
    path = policy_file(tmp_path)
    for _ in range(2):
        with guard(issue_refund, policy=path, store=tmp_path / "home", run="job") as guarded:
            assert isinstance(guarded("A", 5), (SucceededCall, ReusedCall))
    assert PAID == [("A", "5.00")]
    home = open_home(tmp_path / "home", {})
    kinds = [decode_line(line).kind for line in home.store.lines()]
    assert kinds.count("action.dispatched") == 1
    home.store.close()


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, CallerError), (b"\xff\xfe", CallerError), (b"", FileInvalid), (b"tools: {", FileInvalid)],
)
def test_i2_a_policy_that_cannot_be_read_guards_nothing(content: bytes | None, kind: type, home: Home, tmp_path: Path):
    path = tmp_path / "policy.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind):
        guard(issue_refund, policy=path, store=home)


def test_i2_a_folder_that_is_a_file_guards_nothing(tmp_path: Path):
    (tmp_path / "home").write_text("x")
    with pytest.raises(StoreUnavailable):
        guard(issue_refund, policy=policy_file(tmp_path), store=tmp_path / "home")


def test_i1_the_function_itself_is_no_way_around(guarded: Guarded):
    with pytest.raises(NotAllowed):
        issue_refund("A", 900)
    assert isinstance(guarded("A", 900), DeniedCall)


def test_an_effect_is_taken_back_by_a_new_action_that_somebody_else_approves(home: Home, tmp_path: Path):
    def take_back(order_id: str, done: Done) -> str:
        PAID.append(("back", f"{order_id} {done.key}"))
        return "taken"

    @tool(effect="write", compensate=take_back)
    def pay(order_id: str, amount_usd: Money) -> str:
        """Pays."""
        PAID.append((order_id, str(amount_usd)))
        return "paid"

    path = tmp_path / "pay.yaml"
    path.write_text(
        "approvers: {default: {any_of: ['group:finance']}}\n"
        "tools:\n  pay: {allowed: true}\n  pay.compensate: {allowed: true, require_approval_over_usd: 0}\n"
    )
    with guard(pay, policy=path, store=home) as pays:
        paid = pays("A1", "5")
        assert isinstance(paid, SucceededCall)
        waits = pays.compensate(paid.action, on_behalf_of="user:ann")
        assert isinstance(waits, HeldCall)
        shell = Shell(store=home.store, clock=SystemClock(), loop=Loop(), tools={})
        for name in ("user:ann", "user:ben"):
            approve(shell, waits.action, person=Person(id=name, groups=frozenset({"group:finance"}), how="test"))
        shell.loop.close()
        assert isinstance(pays.compensate(paid.action, on_behalf_of="user:ann"), SucceededCall)
        assert isinstance(pays.compensate(paid.action, on_behalf_of="user:ben"), SucceededCall)
    assert [name for name, _ in PAID] == ["A1", "back"]


def test_a_taking_back_that_failed_in_an_open_run_is_gone_on_with_there_and_nowhere_else(home: Home, tmp_path: Path):
    tries: list[str] = []

    def take_back(order_id: str, call: Attempt) -> str:
        tries.append(call.run)
        if len(tries) == 1:
            raise NoEffect("closed")
        return "taken"

    @tool(effect="write", compensate=take_back)
    def pay(order_id: str) -> str:
        """Pays."""
        return "paid"

    path = tmp_path / "pay.yaml"
    path.write_text("tools:\n  pay: {allowed: true}\n  pay.compensate: {allowed: true}\n")
    with guard(pay, policy=path, store=home) as pays:
        paid = pays("A1")
        with pytest.MonkeyPatch.context() as patch:  # whoever asked died before it left its run
            patch.setattr(Governed, "close", lambda governed: None)
            assert isinstance(pays.compensate(paid.action, on_behalf_of="user:ann"), FailedCall)
        assert isinstance(pays.compensate(paid.action, on_behalf_of="user:ben"), SucceededCall)
    assert len(set(tries)) == 1
