"""Sliding windows of a tool: what counts, apart for what, and what cannot be counted."""

from decimal import Decimal

import pytest

from dueprocess.gate.judge import RawCall, judge
from dueprocess.gate.limits import over_limit
from dueprocess.gate.line import CallLine, beyond_empty
from dueprocess.meter import Mark
from dueprocess.policy import Policy, Verdict, load
from dueprocess.tool import ToolSpec
from dueprocess.values import Instant, Json, seconds

PAY: dict[str, Json] = {"to": {"type": "string"}, "amount_usd": {"type": "number"}, "card": {"type": "string"}}
TOOLS = {"pay": ToolSpec(name="pay", parameters={"type": "object", "properties": PAY})}
COUNT = "{count: 2, per: [$.to], window: 1h, over: hold}"
SUM = "{sum: amount, max_usd: 100, per: [$.to], window: 30d, over: deny}"


def policy(*limits: str, more: str = "") -> Policy:
    text = f"environments: {{test: {{mode: shadow}}}}\ntools: {{pay: {{allowed: true, limits: [{', '.join(limits)}]{more}}}}}"
    return load(text.encode(), name="p.yaml", tools=TOOLS)


def asked(
    of: Policy, arguments: dict[str, Json], marks: tuple[Mark, ...] = (), *, now: int = 0
) -> list[tuple[str, Verdict]]:
    judged = judge(of, TOOLS, call=RawCall(tool="pay", arguments=arguments))
    over = (over_limit(of.tools["pay"], each, marks=marks, now=Instant(now)) for each in judged.windows)
    return [(each.rule, each.decision) for each in (*judged.findings, *over) if each is not None]


def at(second: int, amount: int = 1) -> Mark:
    return Mark(at=Instant(seconds(second)), amount=amount)


def test_a_count_is_held_beyond_its_number_within_the_window():
    of, call = policy(COUNT), {"to": "ann", "amount_usd": 1}
    assert asked(of, call, (at(1),), now=seconds(2)) == []
    assert asked(of, call, (at(1), at(2)), now=seconds(3)) == [("pay.limits", Verdict.HOLD)]
    assert asked(of, call, (at(1), at(2)), now=seconds(3601)) == []


def test_a_sum_counts_money():
    of = policy(SUM)
    taken = (at(1, 60_000_000),)
    assert asked(of, {"to": "ann", "amount_usd": 40}, taken, now=seconds(2)) == []
    assert asked(of, {"to": "ann", "amount_usd": Decimal("40.01")}, taken, now=seconds(2)) == [
        ("pay.limits", Verdict.DENY)
    ]


def test_what_is_said_holds_the_compared_values():
    of = policy(SUM)
    judged = judge(of, TOOLS, call=RawCall(tool="pay", arguments={"to": "ann", "amount_usd": 50}))
    (window,) = judged.windows
    found = over_limit(of.tools["pay"], window, marks=(at(0, 60_000_000),), now=Instant(seconds(1)))
    assert found is not None
    assert found.reason == "60.00 + 50.00 > 100.00 USD within 30d for this to; retry after 1970-01-31T00:00:00.000Z"
    assert found.compared == {
        "to": "ann",
        "counted": Decimal("60.00"),
        "asked": Decimal("50.00"),
        "limit": Decimal("100.00"),
        "window_s": 2592000,
        "retry_after": "1970-01-31T00:00:00.000Z",
    }


def test_windows_are_apart_by_value_and_by_what_they_count():
    judged = judge(policy(COUNT, SUM), TOOLS, call=RawCall(tool="pay", arguments={"to": "ann", "amount_usd": 5}))
    assert [(each.scope, each.asked) for each in judged.windows] == [
        ('["count",["to"],["ann"]]', 1),
        ('["sum",["to"],["ann"]]', 5_000_000),
    ]
    other = judge(policy(COUNT), TOOLS, call=RawCall(tool="pay", arguments={"to": "bob", "amount_usd": 5}))
    assert other.windows[0].scope == '["count",["to"],["bob"]]'


@pytest.mark.parametrize("arguments", [{"amount_usd": 5}, {"to": None, "amount_usd": 5}])
def test_a_call_that_cannot_be_counted_is_denied(arguments: dict[str, Json]):
    assert ("pay.limits", Verdict.DENY) in asked(policy(COUNT), arguments)


@pytest.mark.parametrize("amount", [None, "many", -5, Decimal("1.001"), [5], True])
def test_an_amount_that_is_none_cannot_be_summed(amount: Json):
    assert ("pay.limits", Verdict.DENY) in asked(policy(SUM), {"to": "ann", "amount_usd": amount})


def test_equal_amounts_are_one_value_apart():
    per_amount = policy("{count: 1, per: [$.amount_usd], window: 1h, over: deny}", more=", max_amount_usd: 50")
    scopes = {
        judge(per_amount, TOOLS, call=RawCall(tool="pay", arguments={"to": "a", "amount_usd": each})).windows[0].scope
        for each in (25, Decimal("25.0"), "25.00")
    }
    assert len(scopes) == 1


def test_what_is_redacted_is_not_shown():
    of = policy("{count: 1, per: [$.card], window: 1h, over: deny}", more=", redact: [$.card]")
    judged = judge(of, TOOLS, call=RawCall(tool="pay", arguments={"to": "a", "card": "4111"}))
    found = over_limit(of.tools["pay"], judged.windows[0], marks=(at(0),), now=Instant(1))
    assert found is not None
    assert found.compared["card"] == "[redacted]"


def test_with_empty_counters_only_what_passes_a_sum_alone_is_over():
    of = policy(COUNT, SUM)

    def beyond(amount: int, environment: str = "prod") -> list[tuple[Verdict, bool, str]]:
        call = RawCall(tool="pay", arguments={"to": "a", "amount_usd": amount}, environment=environment)
        found = beyond_empty(of, judge(of, TOOLS, call=call), call=CallLine(id=1, call=call).call)
        return [(each.decision, each.advisory, each.reason) for each in found]

    assert beyond(100) == []
    reason = "0.00 + 101.00 > 100.00 USD within 30d for this to; no window ever has room for it"
    assert beyond(101) == [(Verdict.DENY, False, reason)]
    assert beyond(101, "test") == [(Verdict.DENY, True, reason)]
