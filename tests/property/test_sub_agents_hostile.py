"""Whatever an agent and its sub-agent say, and wherever their worker dies: walls, limits, at most once, and an end."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.runtime.delegation import FINDER, NAME
from tests.unit.runtime.shop import FIN, POLICY, Shop
from tests.unit.runtime.test_sub_agents_crashes import Dying, with_store

from dueprocess.agent.records import ModelReplied, SubAgentEnded, SubAgentStarted
from dueprocess.agent.state import MAX_FRAMES
from dueprocess.agent.sub_agents import SubAgent
from dueprocess.gate import ActionDispatched, ActionSettled, Outcome
from dueprocess.model import Finish, ModelRequest
from dueprocess.runtime import TERMINAL, RunStatus, answer, approve
from dueprocess.testing.workbench import Line, Workbench

LOOKS = SubAgent(name="finder", prompt=FINDER.prompt, describe="d", tools=("look",), max_turns=3)
PAYS = SubAgent(name="payer", prompt=FINDER.prompt, describe="d", tools=("pay", "look"), max_turns=2)
LIMIT = 20_000

calls = st.one_of(
    st.tuples(st.sampled_from(["finder", "payer"]), st.sampled_from(["t", "", 7]).map(lambda task: {"task": task})),
    st.tuples(
        st.sampled_from(["finder", "payer", "look", "pay", "none"]),
        st.sampled_from(["{", "[]", "{}", '{"task":"\\ud800"}']),
    ),
    st.tuples(st.just("look"), st.just({"order_id": "A"})),
    st.tuples(st.just("pay"), st.sampled_from(["5", "30", "60"]).map(lambda usd: {"order_id": "A", "amount_usd": usd})),
    st.tuples(st.just("ask_clarification"), st.just({"question": "which?"})),
    st.tuples(st.just("hand_off_to_human"), st.just({"reason": "odd"})),
)
lines = st.builds(
    Line,
    text=st.sampled_from(["", "done"]),
    calls=st.lists(calls, max_size=3).map(tuple),
    finish=st.sampled_from([None, None, None, Finish.LENGTH, Finish.CONTENT_FILTER]),
)


def playing(shop: Shop, said: list[Line]) -> Workbench:
    def script(request: ModelRequest, run: str, turn: int) -> Line:
        return said[(turn - 1) % len(said)]

    policy = POLICY.replace("max_model_spend_usd: 5", "max_model_spend_usd: 0.02")
    return Workbench(
        tools=shop.tools(reconcile=True), policy=policy, script=script, sub_agents=(LOOKS, PAYS), clarifies=True
    )


def carry_on(bench: Workbench, run: Any, *, at: int, after: bool) -> None:
    """Time passes, a worker dies at one of its writes, people say yes and answer, until the run is over."""
    people = bench.shell
    with_store(bench, Dying(bench.store, at=at, after=after))
    for _ in range(60):
        bench.work_until_killed()
        if bench.status(run).value in TERMINAL:
            return
        for hold in bench.holds():
            if not hold.execute_by:
                approve(people, hold.action, person=FIN)
        if bench.status(run) is RunStatus.CLARIFICATION:
            answer(people, run, text="that one", by="user:ann")
        bench.clock.advance(seconds=10)


@settings(deadline=None)
@given(said=st.lists(lines, min_size=1, max_size=12), at=st.integers(1, 40), after=st.booleans())
def test_a_hostile_agent_and_a_hostile_sub_agent_pass_no_wall_and_no_limit(said: list[Line], at: int, *, after: bool):
    shop = Shop()
    with playing(shop, said) as bench:
        run = bench.submit()
        carry_on(bench, run, at=at, after=after)
        assert bench.status(run).value in TERMINAL

        dispatched: list[Any] = bench.records(run, ActionDispatched)
        allowed = {(): {"look", "pay"}, (NAME,): {"look"}, ("agent:support/payer",): {"pay", "look"}}
        assert all(each.call.tool in allowed[each.call.through] for each in dispatched)
        assert sum(each.calls for each in dispatched) <= 8
        replies: list[Any] = bench.records(run, ModelReplied)
        assert sum(each.cost_micros for each in replies) <= LIMIT
        outcomes: list[Any] = bench.records(run, ActionSettled)
        writes = {each.sink_key for each in dispatched if each.effect == "write"}
        assert len(shop.paid) == len({key for key, _, _ in shop.paid} & writes)
        assert all(each.outcome is not Outcome.UNKNOWN or each.lost for each in outcomes)
        begun = [event.envelope.action for event in bench.events(run) if isinstance(event.record, SubAgentStarted)]
        assert len(begun) == len(set(begun)) <= MAX_FRAMES
        ended = [event.envelope.action for event in bench.events(run) if isinstance(event.record, SubAgentEnded)]
        assert len(ended) == len(set(ended))
        assert len(set(begun) - set(ended)) <= 1
