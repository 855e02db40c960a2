"""I11: a run that waits for several things wakes when the first of them comes, not at the last, nor an hour later."""

from tests.unit.runtime.shop import FIN, POLICY, Shop

from dueprocess.gate import ActionReused
from dueprocess.ledger import Store, decode_line
from dueprocess.runtime import RunStatus, approve
from dueprocess.runtime.erase import erase
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.runtime.tables import WAITS
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.workbench import Line, Workbench, signing_key

KEYED = POLICY.replace("require_approval_over_usd: 25", "require_approval_over_usd: 25, idempotency_key: [$.order_id]")


def pays(*orders: str) -> list[Line]:
    calls = tuple(("pay", {"order_id": order, "amount_usd": "30"}) for order in orders)
    return [Line(calls=calls), Line(text="done")]


def script(request: object, run: str, turn: int) -> Line:
    return SCRIPTS[run][min(turn, 2) - 1]


SCRIPTS: dict[str, list[Line]] = {}


def waiting(store: Store) -> tuple[Workbench, str, str, str]:
    """Two runs whose payments are held, and one that wants both payments too and waits for them."""
    bench = Workbench(tools=Shop().tools(), policy=KEYED, script=script, store=store)
    runs: list[str] = []
    for name, orders in (("first", "A"), ("second", "B"), ("third", "AB")):
        run = bench.submit(name)
        SCRIPTS[run] = pays(*orders)
        runs.append(run)
        bench.work()
    return bench, *runs


def test_i11_a_run_that_waits_for_two_others_wakes_when_either_has_an_outcome(store: Store):
    bench, _, second, third = waiting(store)
    with bench:
        assert bench.status(third) is RunStatus.OTHER_ACTION
        assert len(store.read(lambda tx: tx.find(WAITS))) == 2
        held = {row.run: row.action for row in bench.holds()}
        assert approve(bench.shell, held[second], person=FIN).complete
        bench.work()
        assert bench.status(second) is RunStatus.FINISHED
        # The one of B has its outcome, the one of A still waits; nothing of this took any time.
        assert len(bench.records(third, ActionReused)) == 1
        assert bench.status(third) is RunStatus.OTHER_ACTION
        assert [row.run for row in store.read(lambda tx: tx.find(WAITS))] == [third]


def test_i11_a_run_whose_original_was_erased_meanwhile_does_not_wait_for_it(store: Store):
    bench, _, second, third = waiting(store)
    with bench:
        held = {row.run: row.action for row in bench.holds()}
        assert approve(bench.shell, held[second], person=FIN).complete
        while bench.status(second) is not RunStatus.FINISHED:
            made = bench.claim(second)
            bench.drive(made)
        erase(bench.shell, second, person=FIN)
        assert third in bench.due()
        scratch = MemoryStore(signing_key=signing_key())
        events = (opened(decode_line(line), store._keys) for line in store.lines())
        assert replay_into(events, scratch) == snapshot(store)


def test_i11_a_hold_and_a_wait_in_one_run_wake_it_at_the_sooner_one(store: Store):
    bench = Workbench(tools=Shop().tools(), policy=KEYED, script=script, store=store)
    with bench:
        first, second = bench.submit("first"), bench.submit("second")
        SCRIPTS[first], SCRIPTS[second] = pays("A"), pays("A", "C")
        bench.work()
        assert bench.status(second) is RunStatus.HELD
        held = {row.run: row.action for row in bench.holds()}
        assert approve(bench.shell, held[first], person=FIN).complete
        bench.work()
        assert len(bench.records(second, ActionReused)) == 1
        assert bench.status(second) is RunStatus.HELD
