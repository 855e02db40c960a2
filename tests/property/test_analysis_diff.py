"""The diff of two policies against many calls: what a call shows is told, and what is told is so."""

import random
from dataclasses import replace

import pytest
from tests.property.test_policy_against_cedar import TOOL, Written, asked, our_call, ours, policy

from dueprocess.analysis.difference import Difference, differences
from dueprocess.analysis.way import Way
from dueprocess.policy import Verdict, decide, verdict

SEED = 20261130
PAIRS, CALLS = 20, 120
STRICTNESS = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.DENY: 2}


def changed(rng: random.Random, written: Written) -> Written:
    other = policy(rng)
    key = rng.choice(("allowed", "maximum", "threshold", "fields", "roles", "environments", "rules"))
    made = replace(written, **{key: getattr(other, key)})
    if made.maximum is not None and made.threshold is not None and made.threshold >= made.maximum:
        made = replace(made, threshold=made.maximum - 1)
    return made


@pytest.mark.slow
def test_no_call_shows_a_widening_that_the_diff_does_not_tell_and_every_one_it_tells_is_confirmed():
    rng = random.Random(SEED)
    seen = dict.fromkeys(Way, 0)
    for _ in range(PAIRS):
        written = policy(rng)
        other = changed(rng, written)
        before, after = ours(written), ours(other)
        told = differences(before, after, {TOOL.name: TOOL})
        ways = {each.way if isinstance(each, Difference) else Way.WIDENING for each in told}
        for each in told:
            if isinstance(each, Difference):
                first, second = STRICTNESS[each.before.verdict], STRICTNESS[each.after.verdict]
                assert first != second
                assert each.way is (Way.WIDENING if first > second else Way.NARROWING)
        calls = [our_call(asked(rng, rng.choice((written, other)))) for _ in range(CALLS)]
        for call in calls:
            first, second = (STRICTNESS[verdict(decide(each, call))] for each in (before, after))
            if first != second:
                way = Way.WIDENING if first > second else Way.NARROWING
                assert way in ways, (written, other, call)
                seen[way] += 1
    assert seen[Way.WIDENING] >= 20, seen
    assert seen[Way.NARROWING] >= 20, seen
