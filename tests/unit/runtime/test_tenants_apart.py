"""Two tenants on one store: what one of them stops, publishes, uses up or decides touches nothing of the other."""

import pytest
from tests.unit.runtime.shop import FIN, FIN2, OPS, POLICY, Shop

from dueprocess.agent.records import BudgetExceeded
from dueprocess.engines import LocalEngine
from dueprocess.errors import Conflict, NotFound
from dueprocess.gate import ActionReused, Outcome
from dueprocess.ledger import Store, decode_line
from dueprocess.meter import ScopeKind, within
from dueprocess.runtime import (
    Governed,
    RunStatus,
    answer,
    approve,
    cancel,
    card,
    edit,
    lift,
    order,
    reject,
    settle,
)
from dueprocess.runtime.erase import erase
from dueprocess.runtime.policies import in_force, published, publisher
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.runtime.tables import POLICIES, RELEASES, RUNS, STOPS
from dueprocess.stores.journal import opened
from dueprocess.stores.memory import MemoryStore
from dueprocess.testing.workbench import Line, Workbench, signing_key
from dueprocess.values import usd

PAY = ("pay", {"order_id": "A", "amount_usd": "20"})
PAY_30 = ("pay", {"order_id": "A", "amount_usd": "30"})
LOOK = ("look", {"order_id": "A"})
RULED = POLICY.replace("look: {allowed: true}", "look: {allowed: true, rate: {count: 1, window: 1h}}").replace(
    "require_approval_over_usd: 25", "require_approval_over_usd: 25, idempotency_key: [$.order_id]"
)
STRICT = RULED.replace("pay: {allowed: true,", "pay: {allowed: false,")


def two(
    store: Store, *calls: tuple[str, dict[str, str]], policy: str = RULED, **changed: object
) -> tuple[Workbench, Workbench, Shop, Shop]:
    """The same agent under the same policy, for two tenants that share a store."""
    script = [Line(calls=calls or (PAY,)), Line(text="done")]
    shops = Shop(), Shop()
    first, second = (
        Workbench(tools=shop.tools(), policy=policy, script=script, store=store, tenant=tenant, **changed)
        for shop, tenant in zip(shops, ("acme", "bolt"), strict=True)
    )
    return first, second, *shops


def is_what_the_events_make(store: Store) -> bool:
    events = (opened(decode_line(line), store._keys) for line in store.lines())
    return replay_into(events, MemoryStore(signing_key=signing_key())) == snapshot(store)


@pytest.mark.parametrize("target", ["all", "agent:support", "tool:pay"])
def test_i2_a_stop_of_one_tenant_stops_nothing_of_another(target: str, store: Store):
    acme, bolt, mine, others = two(store)
    with acme, bolt:
        order(acme.shell, target, person=OPS)
        mine_run, other = acme.submit(), bolt.submit()
        acme.work()
        bolt.work()
        assert (mine.paid, bolt.status(other), len(others.paid)) == ([], RunStatus.FINISHED, 1)
        with pytest.raises(Conflict, match="is not stopped"):
            lift(bolt.shell, target, person=FIN)
        order(bolt.shell, target, person=FIN)
        lift(acme.shell, target, person=FIN)
        assert [(row.tenant, row.target) for row in store.read(lambda tx: tx.find(STOPS))] == [("bolt", target)]
        acme.work()
        assert acme.status(mine_run) is RunStatus.FINISHED
        assert is_what_the_events_make(store)


def test_i2_lifting_a_stop_wakes_the_runs_of_its_tenant_and_no_others(store: Store):
    acme, bolt, _, _ = two(store)
    with acme, bolt:
        for bench in (acme, bolt):
            order(bench.shell, "all", person=OPS)
            bench.submit()
            bench.work()
        lift(acme.shell, "all", person=FIN)
        assert (len(acme.due()), bolt.due()) == (1, [])
        assert is_what_the_events_make(store)


def test_i5_a_policy_that_one_tenant_publishes_is_in_force_for_it_alone(store: Store):
    acme, bolt, mine, others = two(store)
    with acme, bolt:
        acme.publish(STRICT, by="user:fin")
        runs = acme.submit(), bolt.submit()
        acme.work()
        bolt.work()
        assert (acme.kinds(runs[0]), mine.paid) == (["action.denied"], [])
        assert (bolt.kinds(runs[1]), len(others.paid)) == (["action.dispatched", "action.settled"], 1)

        def query(tx):
            rows = [tx.get(RUNS, run) for run in runs]
            texts = [published(tx, "support", tenant=name).text for name in ("acme", "bolt")]
            return [in_force(tx, row) for row in rows], texts, publisher(tx, "support", tenant="bolt")

        digests, told, author = store.read(query)
        assert len(set(digests)) == 2
        assert (told, author) == ([STRICT, RULED], "unknown")
        assert len(store.read(lambda tx: tx.find(POLICIES))) == len(store.read(lambda tx: tx.find(RELEASES))) == 2
        assert is_what_the_events_make(store)


def test_i5_who_publishes_for_one_tenant_may_still_approve_for_another(store: Store):
    acme, bolt, _, others = two(store, PAY_30)
    with acme, bolt:
        acme.publish(RULED + "# mine\n", by=FIN.id)
        for bench in (acme, bolt):
            bench.submit()
            bench.work()
        assert approve(acme.shell, acme.holds()[0].action, person=FIN).refused.rule == "approval.publisher"
        assert approve(bolt.shell, bolt.holds()[0].action, person=FIN).complete
        bolt.work()
        assert len(others.paid) == 1


def test_i4_the_same_idempotency_key_of_two_tenants_is_two_keys(store: Store):
    acme, bolt, mine, others = two(store)
    with acme, bolt:
        acme.submit("one")
        acme.work()
        other = bolt.submit("one")
        bolt.work()
        assert (len(mine.paid), len(others.paid), bolt.records(other, ActionReused)) == (1, 1, [])
        again = acme.submit("two")
        acme.work()
        assert (len(mine.paid), len(acme.records(again, ActionReused))) == (1, 1)
        assert is_what_the_events_make(store)


def test_i6_a_rate_is_per_tool_and_agent_within_the_tenant(store: Store):
    acme, bolt, mine, others = two(store, LOOK)
    with acme, bolt:
        runs = [acme.submit("one"), acme.submit("two")]
        other = bolt.submit("one")
        acme.work()
        bolt.work()
        assert sorted(acme.kinds(run)[0] for run in runs) == ["action.denied", "action.dispatched"]
        assert (bolt.kinds(other)[0], mine.looked, others.looked) == ("action.dispatched", 1, 1)


def test_i6_a_spend_limit_of_a_session_or_agent_is_the_tenants_own(store: Store):
    limits = {kind: usd("0.003") for kind in (ScopeKind.SESSION, ScopeKind.AGENT, ScopeKind.TENANT)}
    acme, bolt, _, _ = two(store, spend_limits=limits)
    with acme, bolt:
        runs = [acme.submit(str(number), session="s") for number in range(20)]
        acme.work()
        assert any(acme.records(run, BudgetExceeded) for run in runs)
        other = bolt.submit("0", session="s")
        bolt.work()
        assert bolt.status(other) is RunStatus.FINISHED


def test_i6_no_two_lists_of_names_make_the_same_place():
    lists = [("a", "b/c"), ("a/b", "c"), ("a", "b", "c"), ("a%2Fb", "c"), ("a%252Fb", "c"), ("", "a"), ("a", "")]
    assert len({within(*names) for names in lists}) == len(lists)
    assert within("default", "support") == "default/support"


def test_a_tenant_can_neither_see_nor_answer_nor_end_what_is_anothers(store: Store):
    acme, bolt, mine, _ = two(store, PAY_30, clarifies=True)
    with acme, bolt:
        run = acme.submit()
        acme.work()
        action = acme.holds()[0].action
        attempts = (
            lambda: approve(bolt.shell, action, person=FIN),
            lambda: reject(bolt.shell, action, person=FIN),
            lambda: edit(bolt.shell, action, person=FIN, arguments={"order_id": "A", "amount_usd": "1"}),
            lambda: settle(bolt.shell, action, person=FIN, outcome=Outcome.SUCCEEDED),
            lambda: cancel(bolt.shell, run, by="user:ann"),
            lambda: answer(bolt.shell, run, text="yes", by="user:ann"),
            lambda: erase(bolt.shell, run, person=FIN),
            lambda: store.read(lambda tx: card(tx, action, tenant="bolt")),
            lambda: Governed(bolt.shell, bolt.release, run),
        )
        seen = len(acme.events(run))
        for attempt in attempts:
            with pytest.raises(NotFound, match=r"no (run|hold|action)"):
                attempt()
        assert (len(acme.events(run)), acme.status(run), mine.paid) == (seen, RunStatus.HELD, [])
        assert approve(acme.shell, action, person=FIN2).complete


def test_an_engine_drives_the_runs_of_its_tenant_only(store: Store):
    acme, bolt, mine, others = two(store)
    with acme, bolt:
        run, other = acme.submit(), bolt.submit()
        assert acme.queue == bolt.queue
        LocalEngine(acme.shell, acme.releases, queues=frozenset({acme.queue})).run_worker(until_idle=True)
        assert (acme.status(run), len(mine.paid)) == (RunStatus.FINISHED, 1)
        assert (bolt.status(other), others.paid) == (RunStatus.READY, [])
        only = frozenset({other})
        LocalEngine(acme.shell, acme.releases, queues=frozenset({acme.queue}), only=only).run_worker(until_idle=True)
        assert bolt.status(other) is RunStatus.READY
