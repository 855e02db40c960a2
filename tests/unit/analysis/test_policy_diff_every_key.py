"""No key of the language can be taken out, and no number in it raised, without the diff saying so."""

import copy
from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.unit.policy.test_policy_every_key import EVERYTHING, TOOLS

from dueprocess.analysis.difference import differences
from dueprocess.analysis.structure import structural
from dueprocess.analysis.way import Way
from dueprocess.errors import FileInvalid
from dueprocess.policy import Policy, load
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.values import Json, canonical

Path = tuple[str | int, ...]
WHOLE = plain_json(read_nodes(EVERYTHING.encode(), name="everything"))
BASE = load(EVERYTHING.encode(), name="everything", tools=TOOLS)
DECIDES_NOTHING = ("policy", "tests", "why", "name")

SAME = "it is what would hold without it"
UNUSED = "no tool of the example uses it"
UNSEEN: dict[str, str] = {
    "agent.retries": SAME,
    "agent.retries.max_attempts": SAME,
    "agent.retries.backoff_seconds": SAME,
    "agent.retries.timeout_seconds": SAME,
    "environments.prod": SAME,
    "environments.prod.mode": SAME,
    "tiers.read.effect": SAME,
    "tiers.write.effect": SAME,
    "tiers.critical.effect": SAME,
    "approvers.default.quorum": SAME,
    "approvers.refunds.quorum": SAME,
    "approvers.refunds.execute_within": SAME,
    "approvers.refunds.on_timeout": SAME,
    "approvers.refunds.remind": "a reminder lets nothing through",
    "approvers.refunds.remind.0": "a reminder lets nothing through",
    "approvers.refunds.remind.1": "a reminder lets nothing through",
    "approvers.keys": UNUSED,
    "approvers.keys.all_of.0": UNUSED,
    "approvers.keys.all_of.1": UNUSED,
    "approvers.keys.quorum": UNUSED,
    "approvers.keys.expires_after": UNUSED,
    "sources.read_email.integrity": SAME,
    "sources.read_email.audience": SAME,
    "tools.get_order.tier": SAME,
    "tools.verify_identity.tier": SAME,
    "tools.issue_refund.environments.1": "staging only records what its rules say",
    "tools.issue_refund.bind.amount": SAME,
    "tools.send_email.control": SAME,
}
"""What is taken out unseen, each with its reason."""


def places(value: Json, path: Path = ()) -> Iterator[Path]:
    """Every key and item of the file, outside what decides nothing."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in below:
        if key not in DECIDES_NOTHING:
            yield (*path, key)
            yield from places(item, (*path, key))


def at(path: Path) -> Json:
    found = WHOLE
    for step in path:
        found = found[step]  # type: ignore[index,call-overload]
    return found


def changed(path: Path, number: int | Decimal | None = None) -> Policy | None:
    """The file without what stands at a path, or with a number there; None where it does not load so."""
    whole = copy.deepcopy(WHOLE)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]  # type: ignore[index,call-overload]
    if number is None:
        del holder[path[-1]]  # type: ignore[union-attr,arg-type]
    else:
        holder[path[-1]] = number  # type: ignore[index,call-overload]
    try:
        return load(canonical(whole).encode(), name="changed", tools=TOOLS)
    except FileInvalid:
        return None


def told(after: Policy) -> bool:
    weighed = [each for each in structural(BASE, after, TOOLS) if each.way is not Way.NEUTRAL]
    return bool(weighed or differences(BASE, after, TOOLS))


ALL = {".".join(map(str, path)): path for path in places(WHOLE)}
LOADING = {name: after for name, path in ALL.items() if (after := changed(path)) is not None}
NUMBERS = [name for name, path in ALL.items() if type(at(path)) in (int, Decimal)]


@pytest.mark.parametrize("name", [*LOADING])
def test_nothing_that_decides_is_taken_out_unseen(name: str):
    assert told(LOADING[name]) is (name not in UNSEEN), UNSEEN.get(name, "it is not told")


def test_every_exception_is_one_of_a_key_that_can_be_taken_out():
    assert UNSEEN.keys() <= LOADING.keys()
    assert len(LOADING) > 100


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_is_raised_unseen(name: str):
    number = at(ALL[name])
    assert isinstance(number, (int, Decimal))
    after = changed(ALL[name], number + 1)
    assert after is None or told(after) or UNSEEN.get(name) == UNUSED
