"""`due policy backtest`: recorded calls decided again under another policy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due
from tests.unit.cli.shop_project import POLICY, refund, task

Token = Callable[..., str]


@pytest.fixture
def recorded(due: Due, shop: Path) -> Path:
    """Refunds of 10, 20, 30 (held) and 60 (denied), and a look-up."""
    for amount in ("10", "20", "30", "60"):
        due("run", refund(amount))
    due("run", task(("get_order", {"order_id": "A1"})))
    return shop


def other(shop: Path, old: str, new: str) -> Path:
    assert old in POLICY
    path = shop / "other.yaml"
    path.write_text(POLICY.replace(old, new), encoding="utf-8")
    return path


def test_under_the_same_policy_everything_is_decided_as_it_was(due: Due, recorded: Path):
    told = due("policy", "backtest", "policy.yaml", "--since", "1d", "--json").json
    assert told["changed"] == told["not_decidable"] == told["unclear"] == []
    assert {(each["then"], each["now"]): each["calls"] for each in told["decisions"]} == {
        ("allow", "allow"): 3,
        ("hold", "hold"): 1,
        ("deny", "deny"): 1,
    }
    assert told["money_without_a_person"] == {"then": 30, "now": 30}
    assert due("policy", "backtest", "policy.yaml", "--since", "1d").code == 0


def test_what_a_looser_policy_would_have_let_through_is_listed_with_its_money(due: Due, recorded: Path):
    path = other(
        recorded,
        "max_amount_usd: 50, require_approval_over_usd: 25",
        "max_amount_usd: 80, require_approval_over_usd: 70",
    )
    told = due("policy", "backtest", path, "--since", "1d", "--json").json
    assert [(each["then"], each["now"], each["amount_usd"]) for each in told["changed"]] == [
        ("hold", "allow", 30),
        ("deny", "allow", 60),
    ]
    assert told["money_without_a_person"] == {"then": 30, "now": 120}
    (day,) = told["held"]
    assert (day["then"], day["now"]) == (1, 0)
    printed = due("policy", "backtest", path, "--since", "1d")
    assert "2 would have been let through or held instead of denied:" in printed.out
    assert "money moved without a person: 30.00 USD then, 120.00 USD now" in printed.out


def test_a_rate_is_counted_again_over_what_the_other_policy_would_have_dispatched(due: Due, recorded: Path):
    path = other(recorded, "redact: [$.card]", "redact: [$.card], rate: {count: 1, window: 1h}")
    told = due("policy", "backtest", path, "--since", "1d", "--json").json
    (changed,) = [each for each in told["changed"] if each["then"] == "allow"]
    assert (changed["amount_usd"], changed["now"], changed["rules"]) == (20, "deny", ["issue_refund.rate"])


def test_a_limit_on_a_sum_counts_a_held_call_only_once_people_have_let_it_run(due: Due, shop: Path, token: Token):
    told = due("run", refund("30"), "--on-behalf-of", "user:cust", "--json").json
    due("run", refund("20"))
    limit = "redact: [$.card], limits: [{sum: amount, max_usd: 40, per: [], window: 1h, over: hold}]"
    path = other(shop, "redact: [$.card]", limit)
    assert due("policy", "backtest", path, "--since", "1d", "--json").json["changed"] == []
    due("approvals", "approve", told["actions"][0]["action"], token=token("fin", "finance"))
    assert due("run", "--resume", told["run"]).code == 0
    # It ran after the 20, which therefore had room; what comes now has none.
    due("run", refund("5"))
    changed = due("policy", "backtest", path, "--since", "1d", "--json").json["changed"]
    assert [(each["amount_usd"], each["then"], each["now"], each["rules"]) for each in changed] == [
        (5, "allow", "hold", ["issue_refund.limits"])
    ]


def test_a_limit_on_a_count_is_counted_for_each_of_its_keys(due: Due, shop: Path):
    for order in ("A1", "A2", "A1"):
        due("run", task(("issue_refund", {"order_id": order, "amount_usd": "5"})))
    limit = "redact: [$.card], limits: [{count: 1, per: [$.order_id], window: 1h, over: deny}]"
    told = due("policy", "backtest", other(shop, "redact: [$.card]", limit), "--since", "1d", "--json").json
    assert [(each["now"], each["rules"]) for each in told["changed"]] == [("deny", ["issue_refund.limits"])]


def test_calls_of_a_run_are_counted_again(due: Due, shop: Path):
    due("run", task(*[("get_order", {"order_id": f"A{number}"}) for number in range(3)]))
    told = due(
        "policy", "backtest", other(shop, "max_tool_calls: 8", "max_tool_calls: 2"), "--since", "1d", "--json"
    ).json
    assert [each["rules"] for each in told["changed"]] == [["agent.max_tool_calls"]]


def test_rules_over_the_order_of_calls_are_asked_of_what_had_happened_in_each_run(due: Due, shop: Path):
    due("run", task(*[("get_order", {"order_id": f"A{number}"}) for number in range(2)]))
    due("run", task(("get_order", {"order_id": "A0"})))
    ordered = "temporal: [{id: t, at_most: 1, of: {tool: get_order}, effect: deny}]\ntools:"
    told = due("policy", "backtest", other(shop, "tools:", ordered), "--since", "1d", "--json").json
    assert told["unclear"] == []
    assert [(each["now"], each["rules"]) for each in told["changed"]] == [("deny", ["temporal.t"])]


def test_what_a_narrower_policy_would_have_held_or_denied_is_printed(due: Due, recorded: Path):
    path = other(recorded, "require_approval_over_usd: 25", "require_approval_over_usd: 15")
    printed = due("policy", "backtest", path, "--since", "1d")
    assert "1 would have been held or denied:" in printed.out
    assert "allow -> hold  20.00 USD  issue_refund.require_approval_over_usd" in printed.out


def test_the_same_key_is_not_counted_twice_and_another_use_of_it_is_held(due: Due, recorded: Path):
    path = other(recorded, "redact: [$.card]", "redact: [$.card], idempotency_key: [$.order_id]")
    told = due("policy", "backtest", path, "--since", "1d", "--json").json
    assert [(each["amount_usd"], each["now"], each["rules"]) for each in told["changed"]] == [
        (20, "hold", ["issue_refund.idempotency_key"])
    ]


def test_what_directs_a_call_is_asked_of_what_its_run_had_read(due: Due, shop: Path):
    # Letters of two scripts in one word: what reads other than it is can be vouched by nobody.
    mixed = ("issue_refund", {"order_id": "p\u0430y", "amount_usd": "10"})
    due("run", task(("get_order", {"order_id": "A1"}), mixed))
    due("run", task(mixed))
    path = other(shop, "redact: [$.card]", "redact: [$.card], control: [order_id, card]")
    told = due("policy", "backtest", path, "--since", "1d", "--json").json
    assert told["unclear"] == told["not_decidable"] == []
    # Only the run that had looked something up had read what is not trusted.
    assert [(each["now"], each["rules"]) for each in told["changed"]] == [("hold", ["issue_refund.control"])]


def test_a_read_that_nobody_recorded_is_named(due: Due, recorded: Path):
    check = (
        "checks: [{name: whole, from: get_order, where: {order_id: $.order_id}, assert: \"result.total == '48.00'\"}]"
    )
    path = other(recorded, "redact: [$.card]", f"redact: [$.card], {check}")
    told = due("policy", "backtest", path, "--since", "1d", "--json").json
    # The refund of 60 is denied whatever the order says.
    assert [(each["tool"], len(each["why"])) for each in told["unclear"]] == [("issue_refund", 1)] * 3
    assert told["unclear"][0]["why"] == [
        (
            "issue_refund.checks.whole: get_order has not answered for this in this run; "
            'nobody recorded the answer of get_order to {"order_id":"A1"}'
        )
    ]
    printed = due("policy", "backtest", path, "--since", "1d").out
    assert "3 depend on what nobody recorded, and are decided by their other rules alone:" in printed
    assert 'nobody recorded the answer of get_order to {"order_id":"A1"}' in printed


def test_a_policy_that_does_not_load_with_the_tools_of_a_run_decides_none_of_its_calls(due: Due, recorded: Path):
    path = other(recorded, "close_shop", "open_shop")
    told = due("policy", "backtest", path, "--since", "1d", "--json").json
    assert told["calls"] == 0
    assert len(told["not_decidable"]) == 5
    assert "unknown tool 'open_shop'" in told["not_decidable"][0]["why"]


def test_the_same_call_again_moves_no_money_and_asks_nobody(due: Due, shop: Path):
    once = POLICY.replace("redact: [$.card]", "redact: [$.card], idempotency_key: [$.order_id]")
    (shop / "policy.yaml").write_text(once, encoding="utf-8")
    due("run", refund("20"))
    due("run", refund("20"))
    strict = shop / "strict.yaml"
    strict.write_text(once.replace("require_approval_over_usd: 25", "require_approval_over_usd: 10"), encoding="utf-8")
    told = due("policy", "backtest", strict, "--since", "1d", "--json").json
    assert told["money_without_a_person"] == {"then": 20, "now": 0}
    assert [(each["then"], each["now"]) for each in told["changed"]] == [("allow", "hold")]


def test_a_file_that_is_no_policy_is_refused_at_once(due: Due, recorded: Path):
    (recorded / "empty.yaml").write_text("")
    told = due("policy", "backtest", "empty.yaml", "--since", "1d")
    assert told.code == 1
    assert "the file is empty" in told.err


def test_an_erased_run_is_counted_and_its_calls_are_gone(due: Due, recorded: Path, token: Token):
    run = json.loads(due("runs", "list", "--json").out)["runs"][-1]["run"]
    assert due("ledger", "erase", run, "--reason", "asked for", token=token("dpo", "privacy")).code == 0
    told = due("policy", "backtest", "policy.yaml", "--since", "1d", "--json").json
    assert told["erased_runs"] == 1
    assert told["calls"] + len(told["not_decidable"]) == 4


def test_nothing_before_that_time_is_decided(due: Due, recorded: Path):
    told = due("policy", "backtest", "policy.yaml", "--since", "2100-01-01", "--json").json
    assert (told["runs"], told["calls"]) == (0, 0)


def test_a_time_that_is_none_is_refused(due: Due, recorded: Path):
    told = due("policy", "backtest", "policy.yaml", "--since", "yesterday")
    assert told.code == 1
    assert "is no time" in told.err
