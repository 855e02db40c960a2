"""The section `tests`: calls written beside the policy, and what must be decided of them.

They are run above the gate.
"""

from enum import Enum
from typing import Final

from dueprocess.policy.document import PolicyTest
from dueprocess.policy.finding import Verdict
from dueprocess.policy.reader import Spot
from dueprocess.policy.source import plain_json
from dueprocess.values import Json

_CALL: Final = ("tool", "args", "principal", "environment", "evidence", "citations", "confirmed")


class _Decision(Enum):
    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


def read_tests(spot: Spot | None) -> tuple[PolicyTest, ...]:
    """The tests, in file order."""
    if spot is None:
        return ()
    found = spot.listed(_test, empty=True) or ()
    names = [test.name for test in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        spot.wrong(f"the test {name!a} is there twice; expected each name once")
    return found


def _test(spot: Spot) -> PolicyTest | None:
    keys = spot.table(("name", "call", "expect"), required=("name", "call", "expect"))
    name = keys["name"].text("the name of a test") if "name" in keys else None
    call = keys["call"].table(_CALL, required=("tool",)) if "call" in keys else {}
    expect = keys["expect"].table(("decision", "rule"), required=("decision",)) if "expect" in keys else {}
    tool = call["tool"].text("the name of a tool") if "tool" in call else None
    environment = call["environment"].text("the name of an environment") if "environment" in call else None
    decision = expect["decision"].choice(_Decision) if "decision" in expect else None
    rule = expect["rule"].text("the id of a rule") if "rule" in expect else None
    arguments = _object(call.get("args"))
    if name is None or tool is None or decision is None or arguments is None:
        return None
    return PolicyTest(
        name=name,
        tool=tool,
        arguments=arguments,
        principal=_object(call["principal"]) if "principal" in call else None,
        environment=environment,
        evidence=plain_json(call["evidence"].node) if "evidence" in call else None,
        citations=plain_json(call["citations"].node) if "citations" in call else None,
        confirmed="confirmed" in call and call["confirmed"].boolean() is True,
        decision=Verdict(decision.value),
        rule=rule,
        line=spot.line,
    )


def _object(spot: Spot | None) -> dict[str, Json] | None:
    if spot is None:
        return {}
    value = plain_json(spot.node)
    if isinstance(value, dict):
        return value
    spot.expected("a mapping")
    return None
