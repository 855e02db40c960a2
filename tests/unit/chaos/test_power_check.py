"""The checker of images: what is whole passes, and each thing that a power loss could take or twist is named."""

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from chaos.power.case import Case
from chaos.power.check import check_image
from chaos.power.disk import real_files
from chaos.power.facts import Fact, Told
from chaos.power.image import SECTOR, Fate, Image
from chaos.power.judge import judge_kept, keep
from chaos.power.recovery import LeapingClock, recover
from chaos.power.shop import AGENT, FINANCE, Order, Trait, home_below, make_orders, sink_below

from dueprocess.examples.support_refunds.sink import Sink
from dueprocess.gate import ActionSettled
from dueprocess.ledger import Store, leaf_hash
from dueprocess.runtime import Loop, Shell
from dueprocess.runtime.erase import erase
from dueprocess.stores.keyfile import KeyFile
from dueprocess.values import Instant, run_id, usd
from dueprocess.wiring.home import open_home

ORDERS = make_orders(8, seed=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop in which all orders were dealt with, from nothing."""
    root = tmp_path_factory.mktemp("whole")
    assert recover(root, Case(facts=(), orders=ORDERS)) == []
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "root")
    return tmp_path / "root"


def facts_of(root: Path) -> list[Fact]:
    """All that could be told of a shop, read from itself."""
    home = open_home(home_below(root), {})
    try:
        checkpoint, _ = home.store.checkpoint()
        lines = list(home.store.lines())
        run = run_id(tenant="default", agent=AGENT, task_key=ORDERS[0].name)
        events = home.store.read(lambda tx: tx.events(run))
        settled = next(event for event in events if isinstance(event.record, ActionSettled))
        token = home.identities.add("fay", groups=("finance",))
    finally:
        home.store.close()
    paid = Sink(sink_below(root)).refunds()[0]
    return [
        Fact(kind=Told.OPENED, subject=str(home.verifier)),
        Fact(kind=Told.NAMED, subject=token, detail="user:fay"),
        Fact(kind=Told.COMMITTED, subject="5", detail=leaf_hash(lines[5]).hex()),
        Fact(kind=Told.SUBMITTED, subject=run, detail=ORDERS[0].name),
        Fact(kind=Told.SETTLED, subject=settled.envelope.action, detail="succeeded"),
        Fact(kind=Told.PAID, subject=paid.key, detail=paid.order_id),
        Fact(kind=Told.ANCHORED, subject=str(checkpoint.size), detail=checkpoint.root.hex()),
    ]


def change(root: Path, sql: str) -> None:
    database = sqlite3.connect(home_below(root) / "ledger.db")
    database.execute(sql)
    database.commit()
    database.close()


def assert_found(violations: Sequence[str], words: str) -> None:
    assert any(words in violation for violation in violations), violations


def test_a_whole_shop_passes_with_all_that_was_told_of_it(root: Path):
    facts = facts_of(root)
    assert check_image(root, facts) == []
    assert recover(root, Case(facts=tuple(facts), orders=ORDERS)) == []


def test_nothing_at_all_is_whole_if_nobody_was_told_anything(tmp_path: Path):
    (tmp_path / "root").mkdir()
    assert check_image(tmp_path / "root", ()) == []


def test_nothing_at_all_is_a_loss_if_somebody_was_told(root: Path):
    facts = facts_of(root)
    shutil.rmtree(root / "shop")
    assert_found(check_image(root, facts), "the store is gone")


@pytest.mark.parametrize(
    "gone",
    [
        Fact(kind=Told.OPENED, subject="another+key"),
        Fact(kind=Told.NAMED, subject="due_token", detail="user:ben"),
        Fact(kind=Told.COMMITTED, subject="5", detail="00"),
        Fact(kind=Told.COMMITTED, subject="99999", detail="00"),
        Fact(kind=Told.SUBMITTED, subject="r_nobody"),
        Fact(kind=Told.APPROVED, subject="a_nobody", detail="user:fay"),
        Fact(kind=Told.SETTLED, subject="a_nobody", detail="succeeded"),
        Fact(kind=Told.PAID, subject="k_nobody", detail="O-1"),
        Fact(kind=Told.ERASED, subject="r_nobody"),
    ],
    ids=lambda fact: fact.kind.value + fact.subject,
)
def test_each_fact_that_is_gone_is_named(root: Path, gone: Fact):
    assert_found(check_image(root, [gone]), f"told, and gone: {gone.kind.value} {gone.subject}")


def test_a_log_that_is_shorter_than_what_was_handed_out_is_found(root: Path):
    anchor = Fact(kind=Told.ANCHORED, subject="9999", detail="00" * 32)
    assert_found(check_image(root, [anchor]), "an export does not verify")


def test_an_outcome_that_differs_from_the_one_told_is_found(root: Path):
    settled = next(fact for fact in facts_of(root) if fact.kind is Told.SETTLED)
    told = Fact(kind=Told.SETTLED, subject=settled.subject, detail="failed")
    assert_found(check_image(root, [told]), "told, and gone: settled")


def test_a_run_whose_key_is_gone_is_found(root: Path):
    content = (home_below(root) / "keys.due").read_bytes()
    (home_below(root) / "keys.due").write_bytes(content[:-KEY_SLOT])
    assert_found(check_image(root, ()), "cannot be opened: Missing")


KEY_SLOT = 128


def test_a_key_that_was_erased_before_the_ledger_said_so_is_found(root: Path):
    run = run_id(tenant="default", agent=AGENT, task_key=ORDERS[0].name)
    home = open_home(home_below(root), {})
    assert isinstance(home.keys, KeyFile)
    home.keys.erase(run)
    home.store.close()
    assert_found(check_image(root, ()), "cannot be opened: Erased")


def test_a_run_that_the_ledger_calls_erased_passes_with_its_key_and_without(root: Path):
    denied = next(order for order in ORDERS if order.trait is Trait.DENIED)
    run = run_id(tenant="default", agent=AGENT, task_key=denied.name)
    home = open_home(home_below(root), {})
    loop = Loop()
    shell = Shell(store=Forgetful(home.store), clock=LeapingClock(Instant(1)), loop=loop, tools={})
    erase(shell, run, person=FINANCE)
    loop.close()
    home.store.close()
    told = [Fact(kind=Told.ERASED, subject=run)]
    assert check_image(root, ()) == []
    assert_found(check_image(root, told), "told, and gone: erased")
    assert recover(root, Case(facts=(), orders=ORDERS)) == []
    assert check_image(root, told) == []


class Forgetful:
    """A store whose process dies before a key is destroyed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def erase_key(self, run: str) -> None:
        pass

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


def test_a_table_that_says_other_than_the_ledger_is_found(root: Path):
    change(root, "UPDATE runs SET due = 1 WHERE status = 'finished'")
    assert_found(check_image(root, ()), "table runs is not what the ledger says")


def test_a_ledger_that_lost_its_end_is_found(root: Path):
    change(root, "DELETE FROM events WHERE leaf = (SELECT max(leaf) FROM events)")
    assert check_image(root, ())


def test_a_torn_database_is_found(root: Path):
    path = home_below(root) / "ledger.db"
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 4 * 4096] = bytes(4096)
    path.write_bytes(content)
    assert check_image(root, ())


def test_a_payment_that_nobody_intended_is_found(root: Path):
    Sink(sink_below(root)).take(key="k_stray", order_id="O-9-plain", amount=usd("10"))
    assert_found(check_image(root, ()), "the ledger has no intent for it")


def test_a_payment_that_was_made_twice_is_found(root: Path):
    sink = Sink(sink_below(root))
    first = sink.refunds()[0]
    sink.take(key=first.key, order_id=first.order_id, amount=first.amount)
    assert_found(check_image(root, ()), "was paid 2 times")


def test_recovery_finds_a_payment_that_was_lost(root: Path):
    path = sink_below(root)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[1:]))
    assert_found(recover(root, Case(facts=(), orders=ORDERS)), "was paid 0 times, not 1")


def test_recovery_deals_with_orders_that_were_never_submitted(root: Path):
    more = (*ORDERS, Order(name="O-77-held", trait=Trait.HELD))
    assert recover(root, Case(facts=(), orders=more)) == []
    assert "O-77-held" in {refund.order_id for refund in Sink(sink_below(root)).refunds()}


def test_a_kept_image_is_judged_again_as_it_was(root: Path, tmp_path: Path):
    files = real_files(root)
    made = Image(fate=Fate.NOTHING, unit=SECTOR, unsure=0, files=files, folders=("shop", "shop/.due"))
    case = Case(facts=(Fact(kind=Told.SUBMITTED, subject="r_nobody"),), orders=ORDERS, seconds_later=-5, is_blind=True)
    assert Case.parse(case.text()) == case
    keep(tmp_path / "kept", made, case)
    for _ in range(2):
        verdict = judge_kept(tmp_path / "kept")
        assert verdict.violations == ("told, and gone: submitted r_nobody ",)
