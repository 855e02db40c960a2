"""I5: an approval is for exactly what was shown, by somebody else, once, in time, under the policy in force."""

import threading

import pytest
from tests.unit.runtime.shop import ANN, FIN, FIN2, OPS, POLICY, Shop

from dueprocess.agent.records import RunHandedOff
from dueprocess.errors import BadValue, Conflict, NotFound
from dueprocess.gate import (
    ActionDispatched,
    ActionEdited,
    ActionExpired,
    ActionHeld,
    ApprovalGiven,
    ApprovalRefused,
    ApprovalRejected,
)
from dueprocess.ledger import Store
from dueprocess.runtime import Person, RunStatus, approve, card, edit, reject
from dueprocess.testing.workbench import Line, Workbench

PAY_30 = ("pay", {"order_id": "A", "amount_usd": "30"})
SCRIPT = [Line(calls=(PAY_30,)), Line(text="done")]
TWO = POLICY.replace('{any_of: ["group:finance"]}', '{any_of: ["group:finance"], quorum: 2}')
BOTH = POLICY.replace('{any_of: ["group:finance"]}', '{all_of: ["group:finance", "group:ops"], quorum: 2}')
EDITABLE = POLICY.replace('{any_of: ["group:finance"]}', '{any_of: ["group:finance"], editable: [amount_usd]}')


@pytest.fixture
def shop() -> Shop:
    return Shop()


def held(bench: Workbench) -> tuple[str, str]:
    """A run with one open hold: the run and the action."""
    run = bench.submit()
    bench.work()
    assert bench.status(run) is RunStatus.HELD
    return run, bench.holds()[0].action


def workbench(shop: Shop, store: Store | None = None, *, policy: str = POLICY) -> Workbench:
    return Workbench(tools=shop.tools(), policy=policy, script=SCRIPT, store=store)


def refusals(bench: Workbench, run: str) -> list[str]:
    return [record.rule for record in bench.records(run, ApprovalRefused)]


def test_i5_an_approved_hold_runs_once_and_a_second_approval_has_no_effect(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN).complete
        with pytest.raises(Conflict, match="has all its approvals"):
            approve(bench.shell, action, person=FIN2)
        bench.work()
        with pytest.raises(Conflict, match="closed: it is succeeded"):
            approve(bench.shell, action, person=FIN2)
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)
        assert [a.by for a in bench.records(run, ActionDispatched)[0].granted] == ["user:fin"]


def test_i5_two_who_approve_at_once_and_two_workers_make_one_effect(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        barrier, said = threading.Barrier(8), []

        def click(person: Person) -> None:
            barrier.wait()
            try:
                said.append(approve(bench.shell, action, person=person).complete)
            except Conflict:
                said.append(False)

        people = [Person(id=f"user:f{n}", groups=frozenset({"group:finance"})) for n in range(8)]
        threads = [threading.Thread(target=click, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said.count(True) == 1
        claims = [bench.claim(run), bench.claim(run)]
        assert claims[1] is None
        bench.drive(claims[0])
        assert (bench.status(run), len(shop.paid), len(bench.records(run, ApprovalGiven))) == (RunStatus.FINISHED, 1, 1)


@pytest.mark.parametrize(
    ("person", "rule"),
    [
        (ANN, "approval.requester"),
        (OPS, "approval.approver"),
        (Person(id="user:fin"), "approval.approver"),
        (Person(id="agent:support", groups=frozenset({"group:finance"})), "approval.requester"),
        (Person(id="unknown", groups=frozenset({"group:finance"})), "approval.publisher"),
    ],
)
def test_i5_requester_agent_outsider_and_publisher_do_not_count(person: Person, rule: str, shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        answer = approve(bench.shell, action, person=person)
        assert (answer.complete, answer.refused is not None) == (False, True)
        assert refusals(bench, run) == [rule]
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.HELD, [])


def test_i5_who_published_the_policy_in_force_does_not_count_under_it(shop: Shop):
    with workbench(shop) as bench:
        bench.publish(POLICY, by=FIN.id)
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN).refused is not None
        assert refusals(bench, run) == ["approval.publisher"]
        assert approve(bench.shell, action, person=FIN2).complete


def test_i5_who_publishes_after_approving_does_not_count_any_more(shop: Shop):
    with workbench(shop) as bench:
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN).complete
        bench.publish(POLICY + "# the same, published by the approver\n", by=FIN.id)
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.HELD, [])


def test_i5_a_quorum_needs_distinct_people(shop: Shop, store: Store):
    with workbench(shop, store, policy=TWO) as bench:
        run, action = held(bench)
        assert not approve(bench.shell, action, person=FIN).complete
        assert not approve(bench.shell, action, person=FIN).complete
        assert refusals(bench, run) == ["approval.twice"]
        bench.work()
        assert shop.paid == []
        assert approve(bench.shell, action, person=FIN2).complete
        bench.work()
        assert len(shop.paid) == 1


def test_i5_all_of_needs_one_person_for_each(shop: Shop):
    both = Person(id="user:both", groups=frozenset({"group:finance", "group:ops"}))
    with workbench(shop, policy=BOTH) as bench:
        _, action = held(bench)
        assert not approve(bench.shell, action, person=both).complete
        assert approve(bench.shell, action, person=OPS).complete


def test_i5_an_approval_of_another_digest_does_not_count(shop: Shop):
    with workbench(shop) as bench:
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN, digest="another").refused is not None
        assert refusals(bench, run) == ["approval.digest"]
        shown = bench.store.read(lambda tx: card(tx, action, tenant="default"))
        assert approve(bench.shell, action, person=FIN, digest=shown.row.digest).complete


@pytest.mark.parametrize(
    "policy",
    [
        TWO,
        POLICY.replace('["group:finance"]', '["group:ops"]'),
        POLICY.replace(
            "require_approval_over_usd: 25",
            "require_approval_over_usd: 25, rules: [{id: late, when: \"args.order_id == 'A'\", then: hold}]",
        ),
    ],
    ids=["more people", "other people", "another finding"],
)
def test_i5_a_stricter_policy_after_the_approval_asks_again(policy: str, shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN).complete
        bench.publish(policy)
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.HELD, [])
        second = bench.holds()[0]
        assert second.action != action
        assert [row.state for row in bench.actions(run) if row.action == action] == ["superseded"]
        with pytest.raises(Conflict):
            approve(bench.shell, action, person=FIN2)


def test_i5_a_laxer_policy_after_the_hold_lets_the_approved_call_run_as_it_was_shown(shop: Shop):
    with workbench(shop) as bench:
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN).complete
        bench.publish(POLICY.replace("usd: 25", "usd: 40"))
        bench.work()
        assert (bench.status(run), len(shop.paid)) == (RunStatus.FINISHED, 1)


def test_i5_a_grant_that_was_not_used_in_time_asks_again(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        assert approve(bench.shell, action, person=FIN).complete
        bench.clock.advance(seconds=15 * 60 + 1)
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.HELD, [])
        assert bench.holds()[0].action != action


def test_i5_nobody_answers_and_the_hold_expires_with_a_person(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        bench.advance(24 * 3600 + 1)
        assert bench.status(run) is RunStatus.HANDED_OFF
        assert len(bench.records(run, ActionExpired)) == 1
        with pytest.raises(Conflict, match="expired"):
            approve(bench.shell, action, person=FIN)


def test_i5_a_late_approval_does_not_count_also_where_the_clock_went_back(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        bench.clock.advance(seconds=24 * 3600 + 1)
        assert approve(bench.shell, action, person=FIN).refused is not None
        bench.clock.advance(seconds=-24 * 3600)
        assert approve(bench.shell, action, person=FIN2).refused is not None
        assert refusals(bench, run) == ["approval.expired", "approval.expired"]
        bench.clock.advance(seconds=24 * 3600)
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.HANDED_OFF, [])


def test_i5_a_rejected_call_never_runs(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        assert not reject(bench.shell, action, person=OPS).complete
        assert reject(bench.shell, action, person=FIN, reason="too much").complete
        with pytest.raises(Conflict, match="closed"):
            approve(bench.shell, action, person=FIN2)
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.FINISHED, [])
        assert bench.records(run, ApprovalRejected)[0].reason == "too much"


def test_i5_a_rejection_beats_an_approval_that_has_not_been_used(shop: Shop, store: Store):
    with workbench(shop, store, policy=TWO) as bench:
        run, action = held(bench)
        approve(bench.shell, action, person=FIN)
        assert reject(bench.shell, action, person=FIN2).complete
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.FINISHED, [])


def test_a_requester_may_withdraw_what_they_asked_for(shop: Shop):
    with workbench(shop) as bench:
        run, action = held(bench)
        assert reject(bench.shell, action, person=ANN).complete
        bench.work()
        assert (bench.status(run), shop.paid) == (RunStatus.FINISHED, [])


def test_i5_an_edit_makes_the_editor_a_requester_and_what_runs_is_the_edit(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        run, action = held(bench)
        assert not edit(bench.shell, action, person=FIN, arguments={"order_id": "A", "amount_usd": "28"}).complete
        bench.work()
        second = bench.holds()[0].action
        assert approve(bench.shell, second, person=FIN).refused is not None
        assert approve(bench.shell, second, person=FIN2).complete
        bench.work()
        assert [(order, amount) for _, order, amount in shop.paid] == [("A", "28.00")]
        assert bench.records(run, ActionEdited)[0].approves is False


def test_i5_an_edit_to_another_order_meets_the_gate_of_what_it_now_says(shop: Shop):
    with workbench(shop) as bench:
        run, action = held(bench)
        edit(bench.shell, action, person=FIN, arguments={"order_id": "A", "amount_usd": "60"})
        bench.work()
        assert (bench.status(run), shop.paid, bench.kinds(run)[-1]) == (RunStatus.FINISHED, [], "action.denied")


def test_i5_an_edit_that_only_lowers_what_may_be_lowered_counts_as_the_editors_approval(shop: Shop, store: Store):
    with workbench(shop, store, policy=EDITABLE) as bench:
        run, action = held(bench)
        assert edit(bench.shell, action, person=FIN, arguments={"order_id": "A", "amount_usd": "28"}).complete
        bench.work()
        assert [(order, amount) for _, order, amount in shop.paid] == [("A", "28.00")]
        assert [a.by for a in bench.records(run, ActionDispatched)[0].granted] == ["user:fin"]


def test_i5_a_lowering_edit_of_one_of_two_needs_the_other_person(shop: Shop):
    policy = EDITABLE.replace("editable:", "quorum: 2, editable:")
    with workbench(shop, policy=policy) as bench:
        _, action = held(bench)
        edit(bench.shell, action, person=FIN, arguments={"order_id": "A", "amount_usd": "28"})
        bench.work()
        second = bench.holds()[0].action
        assert approve(bench.shell, second, person=FIN).refused is not None
        assert approve(bench.shell, second, person=FIN2).complete
        bench.work()
        assert len(shop.paid) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"order_id": "A", "amount_usd": "31"},
        {"order_id": "B", "amount_usd": "28"},
        {"order_id": "A", "amount_usd": "30.00"},
        {"order_id": "A", "amount_usd": "28", "note": "x"},
        {"order_id": "A", "amount_usd": "-28"},
    ],
)
def test_i5_any_other_edit_does_not_count_as_an_approval(arguments: dict[str, str], shop: Shop):
    with workbench(shop, policy=EDITABLE) as bench:
        run, action = held(bench)
        assert not edit(bench.shell, action, person=FIN, arguments=arguments).complete
        bench.work()
        assert shop.paid == []
        assert bench.records(run, ActionEdited)[0].approves is False


def test_i5_only_an_eligible_person_who_asked_for_nothing_may_edit(shop: Shop):
    with workbench(shop) as bench:
        run, action = held(bench)
        for person in (ANN, OPS):
            assert edit(bench.shell, action, person=person, arguments={"order_id": "A"}).refused is not None
        assert refusals(bench, run) == ["approval.approver"] * 2
        assert bench.records(run, ActionEdited) == []


def test_an_edit_is_json(shop: Shop):
    with workbench(shop) as bench:
        _, action = held(bench)
        with pytest.raises(BadValue):
            edit(bench.shell, action, person=FIN, arguments={"order_id": "\ud800"})


def test_a_hold_that_is_not_there_is_said_so(shop: Shop):
    with workbench(shop) as bench:
        for answer in (approve, reject):
            with pytest.raises(NotFound, match="no hold of action a_none"):
                answer(bench.shell, "a_none", person=FIN)


def test_i5_the_digest_binds_arguments_run_and_person_and_tells_nothing_of_them(shop: Shop, store: Store):
    with workbench(shop, store) as bench:
        first = bench.submit("one")
        second = bench.submit("two")
        third = bench.submit("three", on_behalf_of="user:bob")
        bench.work()
        digests = {row.digest for row in bench.holds()}
        assert len(digests) == 3
        assert {row.run for row in bench.holds()} == {first, second, third}
        held_ = bench.records(first, ActionHeld)[0]
        assert held_.requesters == ("agent:support", "user:ann")


def test_what_the_requester_is_told_names_no_approver_when_a_hold_expires(shop: Shop):
    with workbench(shop) as bench:
        run, _ = held(bench)
        bench.advance(24 * 3600 + 1)
        assert "user:fin" not in bench.records(run, RunHandedOff)[0].packet
