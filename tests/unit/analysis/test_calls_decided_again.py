"""Calls decided again on what their runs had read and done: origins, sequences, scope, and what people said to them."""

from collections.abc import Sequence

import pytest
from tests.unit.runtime.post import CLERK, POLICY, Post

from dueprocess.analysis.recorded import Again
from dueprocess.runtime import Person, Task, approve, submit
from dueprocess.runtime.answers import confirm, edit, endorse, reject
from dueprocess.testing.workbench import Line, Workbench
from dueprocess.values import Instant, Json
from dueprocess.wiring.backtest import Backtest, backtest

TASK = "write to bob@house.example that his parcel is here"
PLAIN = """
agent: {max_tool_calls: 20, max_model_spend_usd: 5}
approvers: {default: {any_of: ["group:clerks"]}}
tools:
  read_letter: {allowed: true}
  find_person: {allowed: true}
  read_file: {allowed: true}
  send_letter: {allowed: true}
  move_house: {allowed: true}
  fetch: {allowed: true}
"""
Asked = tuple[str, dict[str, Json]]
READ: Asked = ("read_letter", {})


def send(to: str, text: str = "your parcel is here") -> Asked:
    return ("send_letter", {"to": to, "text": text})


def workbench(*turns: Asked | Sequence[Asked], policy: str = POLICY, post: Post | None = None) -> Workbench:
    """A post office whose model calls these, a turn each; several at once where a turn is a list."""
    lines = [Line(calls=(turn,)) if isinstance(turn, tuple) else Line(calls=tuple(turn)) for turn in turns]
    office = post if post is not None else Post()
    return Workbench(tools=office.tools(), policy=policy, script=[*lines, Line(text="done")])


def ran(*turns: Asked | Sequence[Asked], policy: str = POLICY, task: str = TASK) -> Workbench:
    bench = workbench(*turns, policy=policy)
    bench.submit(task)
    bench.work()
    return bench


def again(bench: Workbench, policy: str) -> Backtest:
    found = backtest(bench.shell, policy.encode(), name="other.yaml", agent="", since=Instant(0))
    assert found.lost == ()
    return found


def turns_of(found: Backtest) -> list[tuple[str, str, str]]:
    return [(each.recorded.tool, each.recorded.decision.value, each.after.value) for each in found.again]


def changed(found: Backtest) -> list[tuple[str, str, str]]:
    return [turn for turn in turns_of(found) if turn[1] != turn[2]]


def last(found: Backtest) -> Again:
    return found.again[-1]


# Where values come from


def test_a_policy_that_does_not_ask_where_values_come_from_lets_a_held_call_through():
    with ran(READ, send("eve@evil.example")) as bench:
        found = again(bench, PLAIN)
        assert changed(found) == [("send_letter", "hold", "allow")]
        assert [each.unclear for each in found.again] == [(), ()]


def test_a_policy_that_asks_holds_what_a_stranger_named_and_lets_through_what_the_requester_did():
    with ran(READ, send("eve@evil.example"), send("bob@house.example"), policy=PLAIN) as bench:
        found = again(bench, POLICY)
        assert turns_of(found) == [
            ("read_letter", "allow", "allow"),
            ("send_letter", "allow", "hold"),
            ("send_letter", "allow", "allow"),
        ]
        assert found.again[1].rules == ("send_letter.control",)
        assert [each.unclear for each in found.again] == [(), (), ()]


def test_a_tier_that_denies_what_is_not_trusted_denies_it():
    strict = POLICY.replace("send_letter: {allowed: true,", "send_letter: {allowed: true, tier: critical,")
    with ran(READ, send("eve@evil.example")) as bench:
        assert changed(again(bench, strict)) == [("send_letter", "hold", "deny")]


def test_a_source_that_becomes_a_directory_vouches_for_what_it_had_answered():
    unlabelled = POLICY.replace("  find_person: {integrity: directory}\n", "")
    with ran(("find_person", {"name": "Ann"}), READ, send("ann@house.example"), policy=unlabelled) as bench:
        assert turns_of(again(bench, unlabelled))[-1] == ("send_letter", "hold", "hold")
        assert changed(again(bench, POLICY)) == [("send_letter", "hold", "allow")]


def test_a_source_that_is_no_directory_any_more_vouches_for_nothing():
    unlabelled = POLICY.replace("  find_person: {integrity: directory}\n", "")
    with ran(("find_person", {"name": "Ann"}), READ, send("ann@house.example")) as bench:
        assert changed(again(bench, unlabelled)) == [("send_letter", "allow", "hold")]


def test_a_place_vouches_once_under_the_other_policy_too_also_for_calls_made_at_once():
    both = [send("bob@house.example", "one"), send("bob@house.example", "two")]
    with ran(READ, both, policy=PLAIN) as bench:
        assert turns_of(again(bench, POLICY))[1:] == [
            ("send_letter", "allow", "allow"),
            ("send_letter", "allow", "hold"),
        ]


def test_what_the_other_policy_denies_uses_no_place():
    # The first of the two is denied for its text, so that the mention of Bob is still free for the second.
    rule = "send_letter: {allowed: true, rules: [{id: one, when: \"args.text == 'one'\", then: deny}],"
    strict = POLICY.replace("send_letter: {allowed: true,", rule)
    with ran(READ, send("bob@house.example", "one"), send("bob@house.example", "two"), policy=PLAIN) as bench:
        assert turns_of(again(bench, strict))[1:] == [
            ("send_letter", "allow", "deny"),
            ("send_letter", "allow", "allow"),
        ]


def test_what_a_denied_read_had_brought_back_did_enter_the_run():
    no_letters = POLICY.replace("read_letter: {allowed: true}", "read_letter: {allowed: false}")
    with ran(READ, send("eve@evil.example"), policy=PLAIN) as bench:
        assert turns_of(again(bench, no_letters)) == [
            ("read_letter", "allow", "deny"),
            ("send_letter", "allow", "hold"),
        ]


def test_the_declared_scope_of_a_task_counts_under_a_policy_that_asks_for_it():
    bench = workbench(READ, send("bob@house.example"), policy=PLAIN)
    with bench:
        submit(bench.shell, bench.release, task=Task(text=TASK, scope=("read_letter",)))
        bench.work()
        assert last(again(bench, POLICY)).rules == ("send_letter.scope",)
        assert changed(again(bench, POLICY)) == [("send_letter", "allow", "hold")]


# What people said


def test_an_approved_hold_is_decided_as_it_was_and_is_taken_as_approved():
    at_most = POLICY + "temporal: [{id: once, at_most: 1, of: {tool: send_letter}, effect: deny}]\n"
    bench = workbench(READ, send("eve@evil.example"), send("eve@evil.example", "again"))
    with bench:
        bench.submit(TASK)
        bench.work()
        approve(bench.shell, bench.holds()[0].action, person=CLERK)
        bench.work()
        assert changed(again(bench, POLICY)) == []
        # It ran because people let it: a policy that counts it finds it there.
        assert turns_of(again(bench, at_most))[1:] == [("send_letter", "hold", "hold"), ("send_letter", "hold", "deny")]


def test_a_rejected_hold_was_never_dispatched():
    at_most = POLICY + "temporal: [{id: once, at_most: 1, of: {tool: send_letter}, effect: deny}]\n"
    bench = workbench(READ, send("eve@evil.example"), send("bob@house.example"))
    with bench:
        bench.submit(TASK)
        bench.work()
        reject(bench.shell, bench.holds()[0].action, person=CLERK)
        bench.work()
        assert changed(again(bench, POLICY)) == changed(again(bench, at_most)) == []


def test_a_value_that_a_person_vouched_for_vouches_under_the_other_policy_too():
    bench = workbench(READ, send("eve@evil.example"), send("eve@evil.example", "again"))
    with bench:
        bench.submit(TASK)
        bench.work()
        endorse(bench.shell, bench.holds()[0].action, person=CLERK, argument="to")
        bench.work()
        found = again(bench, POLICY + "# another one\n")
        assert turns_of(found)[1:] == [("send_letter", "hold", "hold"), ("send_letter", "allow", "allow")]


def test_what_the_requester_confirmed_is_taken_as_confirmed_once():
    asks = PLAIN.replace("send_letter: {allowed: true}", "send_letter: {allowed: true, confirm: true}")
    bench = workbench(send("bob@house.example"), send("bob@house.example"), policy=asks)
    with bench:
        bench.submit(TASK)
        bench.work()
        confirm(bench.shell, bench.holds()[0].action, person=Person(id="user:ann", groups=frozenset(), how="test"))
        bench.work()
        assert turns_of(again(bench, asks)) == [("send_letter", "hold", "hold")] * 2
        assert turns_of(again(bench, PLAIN)) == [("send_letter", "hold", "allow")] * 2


EDITED = """
approvers: {default: {any_of: ["group:clerks"]}}
tools:
  send_letter: {allowed: true, rules: [{id: eve, when: "args.to == 'eve@evil.example'", then: hold}]}
"""


def test_what_a_person_edited_is_another_call_unless_the_other_policy_asks_nobody():
    bench = workbench(send("eve@evil.example"), policy="agent: {max_model_spend_usd: 5}" + EDITED)
    with bench:
        bench.submit(TASK)
        bench.work()
        edit(bench.shell, bench.holds()[0].action, person=CLERK, arguments={"to": "bob@house.example", "text": "x"})
        bench.work()
        same = "agent: {max_model_spend_usd: 5}" + EDITED
        assert turns_of(again(bench, same)) == [("send_letter", "hold", "hold"), ("send_letter", "allow", "allow")]
        assert turns_of(again(bench, PLAIN)) == [("send_letter", "hold", "allow")]


# The order of calls


def order(rule: str) -> str:
    return PLAIN + f"temporal: [{{id: t, {rule}, effect: deny}}]\n"


def test_a_new_bound_on_how_often_counts_what_was_dispatched():
    with ran(send("bob@house.example", "1"), send("bob@house.example", "2"), policy=PLAIN) as bench:
        found = again(bench, order("at_most: 1, of: {tool: send_letter, same: [to]}"))
        assert turns_of(found) == [("send_letter", "allow", "allow"), ("send_letter", "allow", "deny")]
        assert last(found).rules == ("temporal.t",)
        assert last(found).unclear == ()


def test_a_call_that_the_other_policy_denies_counts_for_no_bound():
    with ran(*(send("bob@house.example", str(each)) for each in range(4)), policy=PLAIN) as bench:
        found = again(bench, order("at_most: 1, of: {tool: send_letter}"))
        assert [turn[2] for turn in turns_of(found)] == ["allow", "deny", "deny", "deny"]
        two = order("at_most: 2, of: {tool: send_letter}").replace(
            "send_letter: {allowed: true}",
            "send_letter: {allowed: true, rules: [{id: r, when: \"args.text == '1'\", then: deny}]}",
        )
        assert [turn[2] for turn in turns_of(again(bench, two))] == ["allow", "deny", "allow", "deny"]


def test_what_must_come_before_is_met_by_what_had_succeeded():
    needs = order("before: send_letter, require: {tool: find_person, where: {name: Ann}}")
    with ran(send("x@house.example"), ("find_person", {"name": "Ann"}), send("y@house.example"), policy=PLAIN) as bench:
        assert changed(again(bench, needs)) == [("send_letter", "allow", "deny")]
        assert again(bench, needs).again[0].rules == ("temporal.t",)
        # A read that the other policy denies has not happened under it.
        denied = needs.replace("find_person: {allowed: true}", "find_person: {allowed: false}")
        assert [turn[2] for turn in turns_of(again(bench, denied))] == ["deny", "deny", "deny"]


def test_what_may_never_follow_is_denied_after_it():
    never = order("never: {after: {tool: read_letter}, then: {tool: send_letter}}")
    with ran(send("x@house.example"), READ, send("y@house.example"), policy=PLAIN) as bench:
        assert turns_of(again(bench, never))[1:] == [
            ("read_letter", "allow", "allow"),
            ("send_letter", "allow", "deny"),
        ]


def test_what_may_never_follow_what_is_confidential_is_denied_after_it():
    never = (
        POLICY
        + "temporal: [{id: t, never: {after: {audience: '>=confidential'}, then: {tool: send_letter}}, effect: deny}]"
    )
    with ran(("read_file", {"name": "plan"}), send("bob@house.example"), policy=PLAIN) as bench:
        assert turns_of(again(bench, never))[-1] == ("send_letter", "allow", "deny")


def test_of_what_only_the_other_policy_lets_run_nobody_knows_whether_it_succeeded():
    closed = PLAIN.replace("find_person: {allowed: true}", "find_person: {allowed: false}")
    with ran(("find_person", {"name": "Ann"}), send("ann@house.example"), policy=closed) as bench:
        found = again(bench, order("before: send_letter, require: {tool: find_person}"))
        assert turns_of(found) == [("find_person", "deny", "allow"), ("send_letter", "allow", "allow")]
        (why,) = last(found).unclear
        assert why.startswith(
            "temporal.t: send_letter needs a successful find_person before it in this run; there was none; "
        )
        assert why.endswith(
            f"nobody knows whether {found.again[0].recorded.action} would have run and succeeded under this policy"
        )


def test_what_only_the_other_policy_lets_run_counts_as_dispatched():
    closed = PLAIN.replace("send_letter: {allowed: true}", "send_letter: {allowed: false}")
    with ran(send("a@house.example"), send("b@house.example"), policy=closed) as bench:
        found = again(bench, order("at_most: 1, of: {tool: send_letter}"))
        assert turns_of(found) == [("send_letter", "deny", "allow"), ("send_letter", "deny", "deny")]


def test_a_call_that_another_rule_decides_anyway_is_not_unclear():
    closed = PLAIN.replace("find_person: {allowed: true}", "find_person: {allowed: false}")
    needs = order("before: send_letter, require: {tool: find_person}")
    with ran(("find_person", {"name": "Ann"}), send("ann@house.example"), policy=closed) as bench:
        found = again(bench, needs.replace("send_letter: {allowed: true}", "send_letter: {allowed: false}"))
        assert turns_of(found)[-1] == ("send_letter", "allow", "deny")
        assert last(found).unclear == ()


@pytest.mark.parametrize("mode", ["shadow", "enforce"])
def test_a_policy_in_shadow_says_and_holds_nothing(mode: str):
    shadow = POLICY + f"environments: {{prod: {{mode: {mode}}}}}\n"
    with ran(READ, send("eve@evil.example"), policy=PLAIN) as bench:
        assert turns_of(again(bench, shadow))[-1][2] == {"shadow": "allow", "enforce": "hold"}[mode]
