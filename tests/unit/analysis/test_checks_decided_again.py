"""Checks of recorded calls under another policy: what was read counts, what was not is said to be open, and the gate's own reads."""

from dataclasses import dataclass, field

import pytest

from dueprocess.model import ModelRequest
from dueprocess.runtime import SucceededCall
from dueprocess.testing.clock import FakeClock
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.tool import Tool, tool
from dueprocess.values import Instant, Json
from dueprocess.wiring.backtest import Backtest, backtest

HEAD = "agent: {max_tool_calls: 20, max_model_spend_usd: 5, max_wall_clock_seconds: 5000}\n"
PLAIN = HEAD + "tools: {get_order: {allowed: true}, refund: {allowed: true}, close: {allowed: true}}\n"
RECENT = "{name: recent, from: get_order, where: {id: $.order}, assert: 'result.age_days <= 30', max_age: 10m}"
CHECKED = PLAIN.replace("refund: {allowed: true}", f"refund: {{allowed: true, checks: [{RECENT}]}}")
NOT_RECORDED = (
    "refund.checks.recent: get_order has not answered for this in this run; "
    'nobody recorded the answer of get_order to {"id":"A"}'
)


@dataclass(slots=True)
class Shop:
    """Orders by their id; `asked`: those that were looked up, by a model or by the gate."""

    ages: dict[str, int] = field(default_factory=lambda: {"A": 3, "B": 31})
    asked: list[str] = field(default_factory=list[str])

    def tools(self) -> tuple[Tool, ...]:
        """A look-up and two effects that answer nothing."""
        shop = self

        @tool(effect="read")
        async def get_order(id: str) -> dict[str, Json]:  # noqa: A002
            """Look an order up."""
            shop.asked.append(id)
            return {"id": id, "age_days": shop.ages[id], "mail": f"{id.lower()}@house.example"}

        @tool(effect="write")
        async def refund(order: str, to: str = "") -> None:
            """Pay money back."""

        @tool(effect="write")
        async def close(order: str) -> None:
            """Close an order."""

        return get_order, refund, close


LOOK = ("get_order", {"id": "A"})
PAY = ("refund", {"order": "A"})


def ran(*turns: tuple[str, dict[str, str]], policy: str = PLAIN, pause: int = 0) -> Workbench:
    """A run whose model calls these, a turn each; the clock goes on by so many seconds with every one."""
    clock = FakeClock()

    def script(request: ModelRequest, run: str, turn: int) -> Line:
        if turn > 1:
            clock.advance(seconds=pause)
        return Line(calls=(turns[turn - 1],)) if turn <= len(turns) else Line(text="done")

    bench = Workbench(tools=Shop().tools(), policy=policy, script=script, clock=clock)
    bench.submit("please refund order A")
    bench.work()
    return bench


def again(bench: Workbench, policy: str) -> Backtest:
    found = backtest(bench.shell, policy.encode(), name="other.yaml", agent="", since=Instant(0))
    assert found.lost == ()
    return found


def after(found: Backtest) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.recorded.tool, each.after.value, each.unclear) for each in found.again]


def test_a_new_check_rests_on_what_the_run_had_read():
    with ran(LOOK, PAY) as bench:
        assert after(again(bench, CHECKED)) == [("get_order", "allow", ()), ("refund", "allow", ())]


def test_a_new_check_that_what_was_read_does_not_meet_denies():
    with ran(("get_order", {"id": "B"}), ("refund", {"order": "B"})) as bench:
        found = again(bench, CHECKED)
        assert after(found)[-1] == ("refund", "deny", ())
        assert found.again[-1].rules == ("refund.checks.recent",)


def test_a_read_that_nobody_made_leaves_the_check_open_and_says_which():
    with ran(("get_order", {"id": "B"}), PAY) as bench:
        assert after(again(bench, CHECKED))[-1] == ("refund", "allow", (NOT_RECORDED,))


def test_an_answer_that_is_too_old_leaves_the_check_open_and_says_how_old_it_was():
    with ran(LOOK, PAY, PAY, pause=500) as bench:
        assert after(again(bench, CHECKED)) == [
            ("get_order", "allow", ()),
            ("refund", "allow", ()),
            (
                "refund",
                "allow",
                (
                    (
                        "refund.checks.recent: the answer of get_order is 1000 s old; expected at most 600 s; "
                        'nobody recorded the answer of get_order to {"id":"A"}'
                    ),
                ),
            ),
        ]


def test_what_the_policy_redacts_is_not_said():
    with ran(PAY) as bench:
        found = again(bench, CHECKED.replace("checks: [", "redact: [$.order], checks: ["))
        assert "[redacted]" in found.again[0].unclear[0]
        assert '"A"' not in found.again[0].unclear[0]


def test_a_call_that_another_rule_denies_does_not_depend_on_the_read():
    with ran(PAY) as bench:
        strict = CHECKED.replace("checks: [", "rules: [{id: no, when: \"args.order == 'A'\", then: deny}], checks: [")
        assert after(again(bench, strict)) == [("refund", "deny", ())]


@pytest.mark.parametrize(
    "strict",
    [
        CHECKED.replace("get_order: {allowed: true}", "get_order: {allowed: true, roles: [boss]}")
        + "roles: {boss: {members: ['agent:boss']}}\n",
        CHECKED.replace("get_order: {allowed: true}", "get_order: {allowed: true, rate: {count: 1, window: 1h}}"),
        CHECKED.replace("max_tool_calls: 20", "max_tool_calls: 1"),
    ],
    ids=["a rule", "its rate", "the calls of the run"],
)
def test_a_read_that_the_other_policy_does_not_let_the_gate_make_meets_no_check(strict: str):
    with ran(("get_order", {"id": "B"}), PAY) as bench:
        assert after(again(bench, strict))[-1] == ("refund", "deny", ())


def test_under_the_same_policy_the_read_that_the_gate_made_is_its_answer_and_no_call_of_the_run():
    with ran(PAY, ("refund", {"order": "B"}), policy=CHECKED) as bench:
        assert after(again(bench, CHECKED)) == [("refund", "allow", ()), ("refund", "deny", ())]


def test_another_check_that_asks_the_same_at_the_same_call_is_answered_by_it():
    older = CHECKED.replace("<= 30", "<= 2")
    with ran(PAY, policy=CHECKED) as bench:
        assert after(again(bench, older)) == [("refund", "deny", ())]


def test_without_the_check_the_gate_would_not_have_read_and_what_it_read_never_entered():
    # The answer would taint the run, and would count as a call.
    asks = HEAD.replace("20", "1") + "sources: {}\n" + PLAIN.removeprefix(HEAD)
    asks = asks.replace("refund: {allowed: true}", "refund: {allowed: true, control: [to]}")
    with ran(("refund", {"order": "A", "to": "eve@evil.example"}), policy=CHECKED) as bench:
        assert after(again(bench, asks)) == [("refund", "allow", ())]
        held = asks.replace("control: [to]", f"control: [to], checks: [{RECENT}]").replace(
            "max_tool_calls: 1", "max_tool_calls: 2"
        )
        found = again(bench, held)
        assert after(found) == [("refund", "hold", ())]
        assert found.again[0].rules == ("refund.control",)
        assert after(again(bench, held.replace("max_tool_calls: 2", "max_tool_calls: 1"))) == [("refund", "deny", ())]


def test_a_read_made_for_one_call_does_not_answer_a_later_one():
    late = PLAIN.replace("close: {allowed: true}", f"close: {{allowed: true, checks: [{RECENT}]}}")
    with ran(PAY, ("close", {"order": "A"}), policy=CHECKED) as bench:
        found = again(bench, late)
        assert [each[:2] for each in after(found)] == [("refund", "allow"), ("close", "allow")]
        assert found.again[1].unclear[0].startswith("close.checks.recent: get_order has not answered")


def test_what_a_missing_answer_might_vouch_for_leaves_later_calls_open():
    asks = "sources: {get_order: {integrity: directory}}\n" + CHECKED.replace(
        "close: {allowed: true}", "close: {allowed: true, control: [order]}"
    )
    known, unknown = ("close", {"order": "A"}), ("close", {"order": "a@house.example"})
    with ran(PAY, known, unknown) as bench:
        found = again(bench, asks)
        assert [each[:2] for each in after(found)] == [("refund", "allow"), ("close", "allow"), ("close", "allow")]
        assert found.again[0].unclear == (NOT_RECORDED,)
        assert found.again[2].unclear == (
            (
                "close.control: order 'a@house.example' was found nowhere: nobody has named it, and nothing that was read holds it; "
                'nobody recorded the answer of get_order to {"id":"A"}'
            ),
        )


def test_what_may_have_run_or_not_leaves_open_what_depends_on_it():
    # Whether the order is closed hangs on a read that nobody made, and whether it may be paid back, on that.
    never = CHECKED.replace("refund: {allowed: true, checks", "close: {allowed: true, checks").replace(
        "close: {allowed: true}", "refund: {allowed: true}"
    )
    never += "temporal: [{id: closed, never: {after: {tool: close}, then: {tool: refund}}, effect: hold}]\n"
    with ran(("close", {"order": "A"}), PAY, LOOK) as bench:
        found = again(bench, never)
        closed, paid, looked = found.again
        assert closed.unclear[0].startswith("close.checks.recent: get_order has not answered")
        assert [each.after.value for each in found.again] == ["allow", "allow", "allow"]
        (why,) = paid.unclear
        assert why.startswith("temporal.closed: close is part of this run")
        assert why.endswith(
            f"nobody knows whether {closed.recorded.action} would have run and succeeded under this policy"
        )
        assert looked.unclear == ()
        # Where another rule holds the later call anyway, nothing is open.
        held = never.replace(
            "refund: {allowed: true}", 'refund: {allowed: true, rules: [{id: h, when: "true", then: hold}]}'
        )
        assert [(each.after.value, each.unclear) for each in again(bench, held).again[1:2]] == [("hold", ())]


def test_a_place_that_may_have_been_taken_leaves_open_who_takes_the_last():
    limited = CHECKED.replace("refund: {allowed: true,", "refund: {allowed: true, rate: {count: 1, window: 1h},")
    with ran(PAY, ("refund", {"order": "A", "to": "x"})) as bench:
        first, second = again(bench, limited).again
        assert first.after.value == second.after.value == "allow"
        assert second.unclear


def test_a_guarded_call_is_answered_by_the_read_that_was_made_for_it():
    shop = Shop()
    with Workbench(tools=shop.tools(), policy=CHECKED) as bench:
        guarded = bench.govern()
        assert isinstance(guarded.call("refund", {"order": "A"}), SucceededCall)
        assert isinstance(guarded.call("refund", {"order": "A"}), SucceededCall)
        guarded.call("refund", {"order": "B"})
        guarded.close()
        assert shop.asked == ["A", "B"]
        assert after(again(bench, CHECKED)) == [
            ("refund", "allow", ()),
            ("refund", "allow", ()),
            ("refund", "deny", ()),
        ]
        assert [each[2] for each in after(again(bench, PLAIN))] == [(), (), ()]
