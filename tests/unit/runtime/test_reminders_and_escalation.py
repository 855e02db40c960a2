"""A hold that nobody answers: people are reminded, then it goes to others too. Each is one event, whoever sees it first (I5, I11)."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.runtime.shop import AGENT, ANN, FIN, OPS, Shop

from dueprocess.gate import (
    ActionExpired,
    ActionHeld,
)
from dueprocess.gate.held import request_of
from dueprocess.gate.records import ApprovalEscalated, ApprovalReminded
from dueprocess.ledger import Store, decode_line
from dueprocess.runtime import (
    FailedCall,
    HeldCall,
    Person,
    RunStatus,
    SucceededCall,
    approve,
    edit,
    reject,
)
from dueprocess.runtime.rebuild import replay_into, snapshot
from dueprocess.stores.journal import MemoryKeys
from dueprocess.stores.journal import opened as opened_line
from dueprocess.stores.memory import MemoryStore
from dueprocess.stores.sqlite import SqliteStore
from dueprocess.testing.clock import START, FakeClock
from dueprocess.testing.workbench import Line, Workbench, signing_key
from dueprocess.values import SECOND, Instant

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
BOSS = Person(id="user:boss", groups=frozenset({"group:bosses"}), how="test")
BOSS2 = Person(id="user:boss2", groups=frozenset({"group:bosses"}), how="test")
A30 = {"order_id": "A", "amount_usd": "30"}
SCRIPT = [Line(calls=(("pay", A30),)), Line(text="done")]
WHO = "any_of: ['group:finance'], expires_after: 4h, remind: [30m, 2h], escalate: {after: 1h, to: 'group:bosses'}"


def policy(who: str = WHO, *, pay: str = "") -> str:
    return (
        f"{AGENT}}}\napprovers: {{default: {{{who}}}}}\ntools:\n  look: {{allowed: true}}\n"
        f"  pay: {{allowed: true, max_amount_usd: 50, require_approval_over_usd: 25{pay}}}\n"
    )


def told(bench: Workbench, run: str) -> list[tuple[str, int]]:
    """What fell due at the holds of a run: what, and how many minutes after the clock began."""
    return [
        (event.envelope.kind.removeprefix("approval."), (event.record.due_at - START) // MINUTE)
        for event in bench.events(run)
        if isinstance(event.record, (ApprovalReminded, ApprovalEscalated))
    ]


def test_i11_a_resting_run_wakes_for_each_reminder_and_the_escalation_and_says_each_once(store: Store):
    with Workbench(tools=Shop().tools(), policy=policy(), script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        for minute, after in ((30, 60), (60, 120), (120, 240)):
            assert bench.wakes_at(run) == START + minute * MINUTE
            bench.clock.set(Instant(START + minute * MINUTE - 1))
            assert bench.due() == []
            bench.clock.advance(micros=1)
            bench.work()
            assert bench.status(run) is RunStatus.HELD
            expires = 1 if after == 240 else 0
            assert bench.wakes_at(run) == START + after * MINUTE + expires
        assert told(bench, run) == [("reminded", 30), ("escalated", 60), ("reminded", 120)]
        bench.advance(3600)
        assert len(told(bench, run)) == 3


def test_i11_what_fell_due_while_nobody_drove_is_said_once_and_nothing_after_the_hold_has_expired(store: Store):
    with Workbench(tools=Shop().tools(), policy=policy(), script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.clock.set(Instant(START + 3 * HOUR))
        bench.work()
        assert told(bench, run) == [("reminded", 30), ("escalated", 60), ("reminded", 120)]
    with Workbench(tools=Shop().tools(), policy=policy(), script=SCRIPT) as bench:
        run = bench.submit()
        bench.work()
        bench.clock.set(Instant(START + 4 * HOUR + 1))
        late = approve(bench.shell, bench.holds()[0].action, person=FIN).refused
        assert late is not None
        assert late.rule == "approval.expired"
        bench.work()
        assert (bench.status(run), told(bench, run)) == (RunStatus.HANDED_OFF, [])


def test_i8_i11_what_fell_due_survives_a_restart_and_a_rebuild(tmp_path: Path):
    keys, clock = MemoryKeys(), FakeClock()

    def opened() -> Workbench:
        store = SqliteStore(tmp_path / "ledger.db", keys=keys, signing_key=signing_key(), origin="memory")
        return Workbench(tools=Shop().tools(), policy=policy(), script=SCRIPT, store=store, clock=clock)

    with opened() as bench:
        run = bench.submit()
        bench.work()
        clock.advance(seconds=3600)
        bench.work()
        bench.store.close()
    with opened() as bench:
        assert bench.work() == 0
        assert bench.wakes_at(run) == START + 2 * HOUR
        events = (opened_line(decode_line(line), keys) for line in bench.store.lines())
        assert replay_into(events, MemoryStore(signing_key=signing_key())) == snapshot(bench.store)
        clock.advance(seconds=3600)
        bench.work()
        assert told(bench, run) == [("reminded", 30), ("escalated", 60), ("reminded", 120)]
        bench.store.close()


def test_i5_whom_a_hold_escalates_to_may_approve_it_from_that_instant_on_and_not_before(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=policy(), script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        action = bench.holds()[0].action
        bench.clock.set(Instant(START + HOUR - 1))
        early = approve(bench.shell, action, person=BOSS).refused
        assert early is not None
        assert (early.rule, early.reason) == (
            "approval.approver",
            "user:boss is none of the approvers: group:finance",
        )
        assert reject(bench.shell, action, person=BOSS).refused is not None
        assert edit(bench.shell, action, person=BOSS, arguments=A30).refused is not None
        bench.clock.advance(micros=1)
        # No driver has looked since: whoever answers first records what fell due, and the driver does not again.
        assert approve(bench.shell, action, person=BOSS).complete
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        assert told(bench, run) == [("reminded", 30), ("escalated", 60)]


def test_i5_those_who_were_asked_first_still_may_and_a_rejection_by_the_others_counts(store: Store):
    for person, answer, status in ((FIN, approve, 1), (BOSS, reject, 0)):
        shop = Shop()
        with Workbench(tools=shop.tools(), policy=policy(), script=SCRIPT) as bench:
            bench.submit()
            bench.work()
            bench.clock.set(Instant(START + HOUR))
            assert answer(bench.shell, bench.holds()[0].action, person=person).complete
            bench.work()
            assert len(shop.paid) == status


@pytest.mark.parametrize("by", ["user:ann", "user:boss"])
def test_i5_escalating_lifts_no_other_rule_requesters_and_publishers_never_approve(by: str, store: Store):
    with Workbench(tools=Shop().tools(), policy=policy(), script=SCRIPT, store=store) as bench:
        bench.publish(policy() + "# published\n", by="user:boss")
        bench.submit()
        bench.work()
        bench.clock.set(Instant(START + HOUR))
        who = replace(BOSS, id=by)
        refused = approve(bench.shell, bench.holds()[0].action, person=who).refused
        assert refused is not None
        assert refused.rule == ("approval.requester" if by == ANN.id else "approval.publisher")


def test_i5_whom_it_escalates_to_stands_for_no_entry_of_all_of_and_counts_for_the_quorum(store: Store):
    who = WHO.replace("any_of: ['group:finance']", "all_of: ['group:finance', 'group:ops']")
    for quorum, people, enough in (
        (2, (BOSS, BOSS2), False),
        (2, (BOSS, FIN), False),
        (2, (FIN, OPS), True),
        (3, (FIN, OPS, BOSS), True),
    ):
        with Workbench(tools=Shop().tools(), policy=policy(f"{who}, quorum: {quorum}"), script=SCRIPT) as bench:
            bench.submit()
            bench.work()
            bench.clock.set(Instant(START + HOUR))
            answers = [approve(bench.shell, bench.holds()[0].action, person=person) for person in people]
            assert [answer.refused for answer in answers] == [None] * len(people)
            assert answers[-1].complete is enough


@pytest.mark.parametrize(
    "now", [WHO.replace("after: 1h", "after: 3h"), WHO.partition(", escalate")[0], WHO.replace("bosses", "others")]
)
def test_i5_an_approval_by_whom_the_policy_in_force_does_not_ask_yet_makes_a_new_hold(now: str, store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=policy(), script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.clock.set(Instant(START + HOUR))
        assert approve(bench.shell, bench.holds()[0].action, person=BOSS).complete
        bench.publish(policy(now))
        bench.work()
        assert (bench.status(run), shop.paid, len(bench.records(run, ActionHeld))) == (RunStatus.HELD, [], 2)


def test_i5_whom_it_escalates_to_may_edit_which_is_a_new_hold_that_they_have_not_approved(store: Store):
    shop = Shop()
    who = f"{WHO}, editable: [amount_usd]"
    with Workbench(tools=shop.tools(), policy=policy(who), script=SCRIPT, store=store) as bench:
        bench.submit()
        bench.work()
        bench.clock.set(Instant(START + HOUR))
        lowered = {"order_id": "A", "amount_usd": "28"}
        assert not edit(bench.shell, bench.holds()[0].action, person=BOSS, arguments=lowered).complete
        bench.work()
        (hold,) = bench.holds()
        bench.clock.advance(seconds=3600)
        refused = approve(bench.shell, hold.action, person=BOSS).refused
        assert refused is not None
        assert refused.rule == "approval.requester"
        assert approve(bench.shell, hold.action, person=BOSS2).complete
        bench.work()
        assert [amount for _, _, amount in shop.paid] == ["28.00"]


def test_i5_a_guarded_call_that_nobody_drives_escalates_too_and_says_so_once(store: Store):
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=policy(), store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        for minute in (45, 60, 60):
            bench.clock.set(Instant(START + minute * MINUTE))
            assert isinstance(governed.resume(held.action), HeldCall)
        assert told(bench, governed.run) == [("reminded", 30), ("escalated", 60)]
        assert approve(bench.shell, held.action, person=BOSS).complete
        assert isinstance(governed.resume(held.action), SucceededCall)
        assert told(bench, governed.run) == [("reminded", 30), ("escalated", 60)]


def test_a_guarded_call_that_expires_says_what_the_policy_wants_then(store: Store):
    with Workbench(tools=Shop().tools(), policy=policy(f"{WHO}, on_timeout: stop"), store=store) as bench:
        governed = bench.govern()
        held = governed.call("pay", A30)
        bench.clock.set(Instant(START + 4 * HOUR + 1))
        assert isinstance(governed.resume(held.action), FailedCall)
        (expired,) = bench.records(governed.run, ActionExpired)
        assert (expired.on_timeout, told(bench, governed.run)) == ("stop", [])


@pytest.mark.parametrize("timeout", ["handoff_to_human", "stop", "ask_clarification"])
def test_a_hold_that_nobody_answers_in_time_ends_as_on_timeout_says(timeout: str, store: Store):
    rules = policy(f"any_of: ['group:finance'], expires_after: 1h, on_timeout: {timeout}")
    ends = {
        "handoff_to_human": RunStatus.HANDED_OFF,
        "stop": RunStatus.STOPPED,
        "ask_clarification": RunStatus.CLARIFICATION,
    }
    with Workbench(tools=Shop().tools(), policy=rules, script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.advance(3601)
        assert bench.status(run) is ends[timeout]


def test_i11_a_run_that_waits_for_something_sooner_still_wakes_for_its_hold(store: Store):
    shop = Shop(on_look=lambda: 1 / 0)
    who = WHO.replace("[30m, 2h]", "[10s, 2h]")
    rules = policy(who).replace("look: {allowed: true}", "look: {allowed: true, retries: {backoff_seconds: [20]}}")
    both = [Line(calls=(("pay", A30), ("look", {"order_id": "A"}))), Line(text="done")]
    with Workbench(tools=shop.tools(), policy=rules, script=both, store=store) as bench:
        run = bench.submit()
        bench.work()
        assert bench.wakes_at(run) == START + 10_000_000
        bench.advance(10)
        assert (len(bench.records(run, ApprovalReminded)), shop.looked) == (1, 1)
        bench.advance(10)
        assert shop.looked == 2


def test_what_is_due_is_told_from_the_hold_itself(store: Store):
    with Workbench(tools=Shop().tools(), policy=policy(), script=SCRIPT, store=store) as bench:
        run = bench.submit()
        bench.work()
        bench.publish(policy("any_of: ['group:finance']"))
        (held,) = bench.records(run, ActionHeld)
        asked = request_of(held, action="a", asked_at=START).requirement
        assert asked.remind == (30 * MINUTE, 2 * HOUR)
        bench.advance(1800)
        assert told(bench, run) == [("reminded", 30)]
