"""`retries` of the agent are defaults for tools: what a tool's entry says of its own goes for that tool and no other."""

import pytest
from tests.unit.runtime.shop import AGENT, Shop

from dueprocess.agent.records import RunSuspended
from dueprocess.gate import ActionDispatched
from dueprocess.ledger import Store
from dueprocess.runtime import RunStatus, UnknownCall
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.values import seconds

LOOK = [Line(calls=(("look", {"order_id": "A"}),)), Line(text="done")]
PAY = [Line(calls=(("pay", {"order_id": "A", "amount_usd": "5"}),)), Line(text="done")]
DEFAULTS = "retries: {max_attempts: 2, backoff_seconds: [3], timeout_seconds: 7}"
OWN = "retries: {max_attempts: 4, backoff_seconds: [1, 2], timeout_seconds: 60}"


def policy(look: str = "", pay: str = "") -> str:
    entries = (
        f"  {name}: {{allowed: true{', ' + keys if keys else ''}}}\n" for name, keys in (("look", look), ("pay", pay))
    )
    return f"{AGENT}, {DEFAULTS}}}\ntools:\n{''.join(entries)}"


def intents(bench: Workbench, run: str) -> list[ActionDispatched]:
    return [record for record in bench.records(run, ActionDispatched) if isinstance(record, ActionDispatched)]


def pauses(bench: Workbench, run: str) -> list[int]:
    rests = [event for event in bench.events(run) if isinstance(event.record, RunSuspended)]
    return [event.record.wake_at - event.envelope.at for event in rests]


@pytest.mark.parametrize(("keys", "attempts", "waited"), [("", 2, [3]), (OWN, 4, [1, 2, 2])])
def test_a_read_that_fails_is_tried_as_often_and_with_the_pauses_that_its_entry_says(
    keys: str, attempts: int, waited: list[int], store: Store
):
    shop = Shop(on_look=lambda: 1 / 0)
    with Workbench(tools=shop.tools(), policy=policy(look=keys), script=LOOK, store=store) as bench:
        run = bench.submit()
        bench.work()
        for _ in range(5):
            bench.advance(3)
        assert (bench.status(run), shop.looked) == (RunStatus.HANDED_OFF, attempts)
        assert pauses(bench, run) == [seconds(pause) for pause in waited]


@pytest.mark.parametrize(("keys", "timeout"), [("", 7), (OWN, 60), ("retries: {max_attempts: 1}", 7)])
def test_an_attempt_has_the_time_that_its_entry_says_and_what_it_leaves_out_is_the_agents(
    keys: str, timeout: int, store: Store
):
    with Workbench(tools=Shop().tools(), policy=policy(pay=keys), script=PAY, store=store) as bench:
        run = bench.submit()
        bench.work()
        (intent,) = intents(bench, run)
        assert intent.dispatch_before - bench.clock.now() == seconds(timeout)


def test_what_one_tool_says_of_itself_is_not_said_of_another(store: Store):
    shop = Shop(on_look=lambda: 1 / 0)
    with Workbench(tools=shop.tools(), policy=policy(pay=OWN), script=LOOK, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(3)
        assert (bench.status(run), shop.looked) == (RunStatus.HANDED_OFF, 2)


@pytest.mark.parametrize(("keys", "attempts"), [("", 2), (OWN, 4)])
def test_i4_a_lost_outcome_is_repeated_under_its_key_as_often_as_its_entry_says(keys: str, attempts: int, store: Store):
    shop = Shop(faults=["error_before"] * 9, enforces=True)
    tools = shop.tools(idempotency="sink")
    with Workbench(tools=tools, policy=policy(pay=keys), script=PAY, store=store) as bench:
        run = bench.submit()
        bench.work()
        for _ in range(6):
            bench.advance(3)
        assert [row.state for row in bench.actions(run)] == ["unsettled"]
        assert len(intents(bench, run)) == attempts
        assert len({intent.sink_key for intent in intents(bench, run)}) == 1


@pytest.mark.parametrize(("keys", "repeats"), [("", 1), (OWN, 3)])
def test_i4_a_governed_call_is_repeated_as_often_as_its_entry_says(keys: str, repeats: int, store: Store):
    shop = Shop(faults=["error_before"] * (repeats + 1), enforces=True)
    with Workbench(tools=shop.tools(idempotency="sink"), policy=policy(pay=keys), store=store) as bench:
        governed = bench.govern()
        told = governed.call("pay", {"order_id": "A", "amount_usd": "5"})
        for _ in range(repeats):
            assert isinstance(told, UnknownCall)
            assert bench.actions(governed.run)[0].state == "unknown"
            told = governed.resume(told.action)
        assert isinstance(told, UnknownCall)
        assert bench.actions(governed.run)[0].state == "unsettled"
        assert shop.paid == []


def test_a_policy_published_meanwhile_brings_its_own_pauses(store: Store):
    shop = Shop(faults=["no_effect"] * 2)
    with Workbench(tools=shop.tools(), policy=policy(), script=PAY, store=store) as bench:
        bench.publish(policy(pay="retries: {backoff_seconds: [9]}"))
        run = bench.submit()
        bench.work()
        assert pauses(bench, run) == [seconds(9)]
