"""I4, I8: a run is erased, its idempotency keys are not free: what was done once is not done again because it was forgotten."""

import json

import pytest
from tests.unit.runtime.shop import FIN, POLICY, Shop

from dueprocess.gate import ActionHeld, ActionReused
from dueprocess.ledger import Store, decode_line
from dueprocess.runtime import ReusedCall, RunStatus
from dueprocess.runtime.erase import erase, finish_erasures
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.runtime.tables import KEYS
from dueprocess.stores.journal import MemoryKeys, opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.workbench import Line, Workbench, signing_key
from dueprocess.values import canonical, digest_text

KEYED = POLICY.replace("require_approval_over_usd: 25", "require_approval_over_usd: 25, idempotency_key: [$.order_id]")
SECRET = "order-of-ann-4711"


def script(request: object, run: str, turn: int) -> Line:
    amount = AMOUNTS.get(run, "20")
    return Line(calls=(("pay", {"order_id": SECRET, "amount_usd": amount}),)) if turn == 1 else Line(text="done")


AMOUNTS: dict[str, str] = {}


@pytest.fixture(autouse=True)
def usual_amounts() -> None:
    AMOUNTS.clear()


def paid_and_erased(store: Store, shop: Shop) -> tuple[Workbench, str, str]:
    """A run has paid and is erased; returns it and its action."""
    bench = Workbench(tools=shop.tools(), policy=KEYED, script=script, store=store)
    run = bench.submit("first")
    bench.work()
    action = bench.actions(run)[0].action
    erase(bench.shell, run, person=FIN)
    return bench, run, action


def rebuilt(store: Store) -> dict[str, list[object]]:
    events = (opened(decode_line(line), store._keys) for line in store.lines())
    return replay_into(events, MemoryStore(signing_key=signing_key()))


def test_i4_the_same_key_of_an_erased_run_acts_no_second_time(store: Store):
    shop = Shop()
    bench, _, action = paid_and_erased(store, shop)
    with bench:
        again = bench.submit("again")
        bench.work()
        assert (bench.status(again), len(shop.paid)) == (RunStatus.FINISHED, 1)
        (reused,) = bench.records(again, ActionReused)
        assert reused.original == action
        assert json.loads(reused.result) == {"reused": action, "erased": True}
        guarded = bench.govern().call("pay", {"order_id": SECRET, "amount_usd": "20.00"})
        assert isinstance(guarded, ReusedCall)
        assert (guarded.original, len(shop.paid)) == (action, 1)


def test_i4_the_same_key_of_an_erased_run_with_other_arguments_is_held(store: Store):
    shop = Shop()
    bench, _, action = paid_and_erased(store, shop)
    with bench:
        again = bench.submit("again")
        AMOUNTS[again] = "19"
        bench.work()
        assert (bench.status(again), len(shop.paid)) == (RunStatus.HELD, 1)
        (held,) = bench.records(again, ActionHeld)
        assert [finding.rule for finding in held.findings] == ["pay.idempotency_key"]
        assert action in held.findings[0].reason


def test_i8_what_is_left_of_the_keys_is_made_from_the_tombstone_alone(store: Store):
    bench, run, _ = paid_and_erased(store, Shop())
    with bench:
        assert [row.run for row in store.read(lambda tx: tx.find(KEYS))] == [run]
        assert rebuilt(store) == snapshot(store)


def test_what_is_left_of_the_keys_is_digested_under_a_secret_key_and_says_nothing(store: Store):
    bench, _, _ = paid_and_erased(store, Shop())
    with bench:
        assert SECRET.encode() not in b"".join(store.lines())
        (row,) = store.read(lambda tx: tx.find(KEYS))
        content = canonical(["pay", canonical([SECRET])])
        assert row.scope == store.read(lambda tx: tx.digest("s_default", "idempotency", content=content))
        assert row.scope != digest_text(content)
        assert digest_text(content).encode() not in b"".join(store.lines())


def test_i4_keys_that_were_given_back_stay_free_after_an_erasure(store: Store):
    shop = Shop(faults=["no_effect"] * 3)
    with Workbench(tools=shop.tools(), policy=KEYED, script=script, store=store) as bench:
        run = bench.submit("first")
        bench.work()
        for _ in range(5):
            bench.advance(10)
        assert (bench.status(run), shop.paid) == (RunStatus.HANDED_OFF, [])
        erase(bench.shell, run, person=FIN)
        again = bench.submit("again")
        bench.work()
        assert (bench.status(again), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i8_a_program_that_dies_while_it_erases_leaves_the_keys_used_and_the_same_rows():
    keys, shop = MemoryKeys(), Shop()

    class Dies(MemoryStore):
        def erase_key(self, run):
            raise KeyboardInterrupt

    store = Dies(signing_key=signing_key(), keys=keys)
    with Workbench(tools=shop.tools(), policy=KEYED, script=script, store=store) as bench:
        run = bench.submit("first")
        bench.work()
        with pytest.raises(KeyboardInterrupt):
            erase(bench.shell, run, person=FIN)
        assert rebuilt(store) == snapshot(store)
        Dies.erase_key = MemoryStore.erase_key
        finish_erasures(store, keys)
        assert rebuilt(store) == snapshot(store)
        bench.submit("again")
        bench.work()
        assert len(shop.paid) == 1
