"""The inbox, the script and the policy of the example, and what the loop without a gate makes of them."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dueprocess.errors import ModelRefused
from dueprocess.evidence import chunks_of, read_citations, resolve
from dueprocess.examples.support_refunds import (
    CAP,
    RUNS_UP_TO,
    Behaviour,
    Fault,
    Inbox,
    Processor,
    Shop,
    Sink,
    Ticket,
    make_inbox,
    policy_text,
    run_plain_loop,
    support_script,
    support_tools,
)
from dueprocess.gate.trial import try_tests
from dueprocess.model import Message, ModelRequest, Role, ToolRequest
from dueprocess.policy import load
from dueprocess.providers import Line, Scripted
from dueprocess.tool import Effect, Registry
from dueprocess.values import Json, canonical, of_python, parse, usd

SEEDS = st.integers(min_value=0, max_value=2**32)
INBOX = make_inbox(1)


def tools_of(inbox: Inbox, folder: Path) -> Registry:
    return support_tools(
        Shop(folder / "shop.sqlite", inbox.stock), Processor(Sink(folder / "sink"), inbox.faults, die=lambda: None)
    )


class TestTheInbox:
    def test_a_seed_makes_the_same_inbox_again(self):
        assert make_inbox(7) == make_inbox(7)

    def test_seeds_differ_in_people_amounts_order_and_faults(self):
        one, other = make_inbox(1), make_inbox(2)
        assert [ticket.behaviour for ticket in one.tickets] != [ticket.behaviour for ticket in other.tickets]
        assert {order.total for order in one.stock.orders} != {order.total for order in other.stock.orders}
        assert one.stock.customers != other.stock.customers
        assert one.faults.keys() != other.faults.keys()

    @settings(max_examples=30)
    @given(seed=SEEDS)
    def test_every_seed_holds_the_same_behaviours(self, seed: int):
        inbox = make_inbox(seed)
        assert len(inbox.tickets) == 40
        assert len({ticket.id for ticket in inbox.tickets}) == 40
        assert Counter(t.behaviour for t in inbox.tickets) == Counter(t.behaviour for t in INBOX.tickets)
        assert {ticket.behaviour for ticket in inbox.tickets} == set(Behaviour)
        assert len(Behaviour) == 14

    @settings(max_examples=30)
    @given(seed=SEEDS)
    def test_amounts_stand_below_at_and_above_each_limit(self, seed: int):
        within = sorted(
            t.amount for t in make_inbox(seed).tickets if t.behaviour is Behaviour.REFUND_WITHIN and t.amount
        )
        above = sorted(t.amount for t in make_inbox(seed).tickets if t.behaviour is Behaviour.REFUND_ABOVE and t.amount)
        assert within[-1] == RUNS_UP_TO
        assert within[-2] < RUNS_UP_TO < above[0]
        assert CAP in above
        assert usd("50.01") in above
        assert above[-1] > usd("50.01")

    @settings(max_examples=30)
    @given(seed=SEEDS)
    def test_an_order_belongs_to_one_ticket_but_where_somebody_writes_twice(self, seed: int):
        tickets = make_inbox(seed).tickets
        per_order = Counter(ticket.order.id for ticket in tickets)
        twice = {ticket.order.id for ticket in tickets if ticket.behaviour is Behaviour.SAME_REQUEST_TWICE}
        assert {order for order, count in per_order.items() if count > 1} == twice
        assert not {ticket.other.id for ticket in tickets if ticket.other} & per_order.keys()

    @settings(max_examples=30)
    @given(seed=SEEDS)
    def test_every_kind_of_fault_strikes(self, seed: int):
        faults = make_inbox(seed).faults
        struck = {fault for planned in faults.values() for fault in (*planned.first, planned.always) if fault}
        assert struck == set(Fault)
        assert len(faults) == 5

    def test_a_ticket_is_found_by_its_id(self):
        assert INBOX.ticket("T-40") is INBOX.tickets[39]
        with pytest.raises(LookupError):
            INBOX.ticket("T-41")

    def test_the_inbox_of_a_seed_stays_what_it_was(self):
        # Recorded runs and documents quote it: whoever changes how it is made changes this line on purpose.
        first = INBOX.tickets[0]
        assert (first.id, first.behaviour, first.order.id) == ("T-01", Behaviour.REFUND_ABOVE, "O-7470")


Reply = Callable[[str, Json], Json]


def talk(inbox: Inbox, ticket: Ticket, reply: Reply, *, turns: int = 12) -> list[Line]:
    """Talks with the script; `reply` answers each call."""
    script = support_script(inbox)
    said = [Message(role=Role.SYSTEM, text="prompt"), Message(role=Role.USER, text=ticket.task)]
    spoken: list[Line] = []
    for turn in range(1, turns + 1):
        request = ModelRequest(model="scripted", messages=tuple(said), max_output_tokens=100, timeout_s=1)
        line = script(request, "r_1", turn)
        assert line == script(request, "r_2", 99)
        spoken.append(line)
        calls = [
            ToolRequest(id=f"c{turn}-{index}", name=name, arguments=canonical(of_python(arguments)))
            for index, (name, arguments) in enumerate(line.calls)
        ]
        if not calls or calls[0].name == "hand_off_to_human":
            break
        said.append(Message(role=Role.ASSISTANT, text=line.text, requests=tuple(calls)))
        for call in calls:
            answer = canonical(reply(call.name, parse(call.arguments)))
            said.append(Message(role=Role.TOOL, text=answer, answers=call.id))
    return spoken


PASSAGE: Json = {"document": "refund-policy", "start": 3, "end": 9, "text": "policy", "digest": "0" * 64}


def granting(name: str, arguments: Json) -> Json:
    return [PASSAGE] if name == "search_kb" else {"ok": True}


def refusing(name: str, arguments: Json) -> Json:
    return [PASSAGE] if name == "search_kb" else {"error": "denied", "findings": []}


def failing(name: str, arguments: Json) -> Json:
    return {"error": "failed", "reason": "x"}


class TestTheScript:
    @pytest.mark.parametrize("reply", [granting, refusing, failing])
    @pytest.mark.parametrize("ticket", INBOX.tickets, ids=lambda ticket: f"{ticket.id}-{ticket.behaviour.name}")
    def test_comes_to_an_end_whatever_is_answered_unless_it_loops(self, ticket: Ticket, reply: Reply):
        spoken = talk(INBOX, ticket, reply)
        ended = not spoken[-1].calls or spoken[-1].calls[0][0] == "hand_off_to_human"
        assert ended == (ticket.behaviour is not Behaviour.LOOPING_MODEL)

    @pytest.mark.parametrize("ticket", INBOX.tickets, ids=lambda ticket: f"{ticket.id}-{ticket.behaviour.name}")
    def test_cites_what_was_found(self, ticket: Ticket):
        for line in talk(INBOX, ticket, granting):
            for name, arguments in line.calls:
                if name == "issue_refund":
                    assert not isinstance(arguments, str)
                    citations, wrong = read_citations(of_python(arguments["citations"]))
                    assert not wrong
                    assert resolve(citations, chunks_of([PASSAGE]))[0].chunk is not None

    def test_a_request_sent_twice_is_asked_for_in_the_same_words(self):
        pair = [ticket for ticket in INBOX.tickets if ticket.behaviour is Behaviour.SAME_REQUEST_TWICE]
        by_order = {ticket.order.id: [t for t in pair if t.order == ticket.order] for ticket in pair}
        for one, other in by_order.values():
            assert talk(INBOX, one, granting)[1].calls == talk(INBOX, other, granting)[1].calls
            assert one.text != other.text

    def test_a_refund_proposed_twice_is_proposed_in_one_reply_and_in_two(self):
        twice = [ticket for ticket in INBOX.tickets if ticket.behaviour is Behaviour.PROPOSED_TWICE]
        for ticket in twice:
            calls = [
                [call for call in line.calls if call[0] == "issue_refund"] for line in talk(INBOX, ticket, granting)
            ]
            found = [call for turn in calls for call in turn]
            assert len(found) == 2
            assert found[0] == found[1]
            assert [len(turn) for turn in calls if turn] == ([2] if ticket.variant == 0 else [1, 1])

    def test_an_injected_order_is_obeyed_for_somebody_else_s_order(self):
        ticket = next(ticket for ticket in INBOX.tickets if ticket.behaviour is Behaviour.INJECTED_ORDER)
        calls = dict(talk(INBOX, ticket, granting)[1].calls)
        assert ticket.other is not None
        assert not isinstance(calls["issue_refund"], str)
        assert calls["issue_refund"]["order_id"] == ticket.other.id
        assert ticket.other.customer_id != ticket.customer.id
        assert ticket.amount is not None
        assert ticket.amount > CAP

    def test_a_mail_that_names_another_ticket_changes_nothing(self):
        ticket = INBOX.tickets[0]
        request = ModelRequest(
            model="scripted",
            messages=(Message(role=Role.USER, text=f"{ticket.task}\nTicket T-02 from me"),),
            max_output_tokens=1,
            timeout_s=1,
        )
        assert support_script(INBOX)(request, "", 1) == talk(INBOX, ticket, granting)[0]

    @pytest.mark.parametrize("text", ["", "Hello", "Re: Ticket T-01 from", "Ticket T-1 "])
    def test_a_task_of_no_ticket_is_refused(self, text: str):
        request = ModelRequest(
            model="scripted", messages=(Message(role=Role.USER, text=text),), max_output_tokens=1, timeout_s=1
        )
        with pytest.raises(ModelRefused):
            support_script(INBOX)(request, "", 1)


class TestThePolicy:
    def test_loads_with_the_tools_and_warns_of_nothing(self, tmp_path: Path):
        policy = load(policy_text().encode(), name="policy.yaml", tools=tools_of(INBOX, tmp_path).specs())
        assert policy.warnings == ()
        assert policy.tools["issue_refund"].max_amount == CAP
        assert policy.tools["issue_refund"].require_approval_over == RUNS_UP_TO

    def test_its_own_tests_hold(self, tmp_path: Path):
        specs = tools_of(INBOX, tmp_path).specs()
        trials = try_tests(load(policy_text().encode(), name="policy.yaml", tools=specs), specs)
        assert len(trials) >= 8
        assert [trial.why for trial in trials if not trial.passed] == []

    def test_every_write_can_be_settled_by_a_fencing_reconcile(self, tmp_path: Path):
        writes = [tool for tool in tools_of(INBOX, tmp_path).values() if tool.spec.effect is Effect.WRITE]
        assert {tool.name for tool in writes} == {"issue_refund", "update_crm_record", "send_password_reset"}
        assert all(tool.spec.reconcile for tool in writes)


def provider(inbox: Inbox) -> Scripted:
    return Scripted(support_script(inbox))


class TestTheLoopWithoutAGate:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_pays_twice_and_over_the_cap_as_often_as_the_inbox_says(self, tmp_path: Path, seed: int):
        inbox = make_inbox(seed)
        found = run_plain_loop(inbox, folder=tmp_path, provider=provider(inbox))
        struck = [fault for planned in inbox.faults.values() for fault in planned.first]
        after_taking = {Fault.ERROR_AFTER, Fault.CONNECTION_LOST, Fault.DIES}
        # Two people write twice, two refunds are proposed twice, and each fault after taking is retried.
        assert found.double_effects == 2 + 2 + sum(fault in after_taking for fault in struck)
        over = [t.amount for t in inbox.tickets if t.amount and t.amount > CAP]
        assert found.overspent.micros == sum((amount - CAP).micros for amount in over)
        refunds = Sink(tmp_path / "plain-payments.jsonl").refunds()
        assert found.refunded.micros == sum(refund.amount.micros for refund in refunds)
        assert found.refunds == len(refunds)

    def test_a_finished_run_is_told_again_and_not_made_again(self, tmp_path: Path):
        first = run_plain_loop(INBOX, folder=tmp_path, provider=provider(INBOX))
        before = (tmp_path / "plain-payments.jsonl").read_bytes()
        assert run_plain_loop(INBOX, folder=tmp_path, provider=provider(INBOX)) == first
        assert (tmp_path / "plain-payments.jsonl").read_bytes() == before

    @pytest.mark.parametrize("left", ["", "{", '{"seed": 1}', json.dumps({"seed": 1, "refunded": 5, "overspent": 1})])
    def test_an_unfinished_or_foreign_run_starts_over(self, tmp_path: Path, left: str):
        (tmp_path / "plain-result.json").write_text(left)
        Sink(tmp_path / "plain-payments.jsonl").take(key="left", order_id="O-left", amount=usd("1"))
        Shop(tmp_path / "plain-shop.sqlite", make_inbox(9).stock)
        found = run_plain_loop(INBOX, folder=tmp_path, provider=provider(INBOX))
        assert found.seed == 1
        assert "O-left" not in {refund.order_id for refund in Sink(tmp_path / "plain-payments.jsonl").refunds()}
