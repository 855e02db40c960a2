"""How often what is cited was never read."""

from fractions import Fraction

import pytest

from dueprocess.metric import CitationRate, Cited, citation_rate


@pytest.mark.parametrize(
    ("pairs", "expected", "rate"),
    [
        ([], CitationRate(), None),
        ([(0, 0)], CitationRate(calls=1, without=1), None),
        ([(2, 2)], CitationRate(calls=1, named=2, resolved=2), Fraction(0)),
        ([(2, 0)], CitationRate(calls=1, named=2), Fraction(1)),
        ([(2, 1), (1, 1), (0, 0)], CitationRate(calls=3, without=1, named=3, resolved=2), Fraction(1, 3)),
        ([(1, 2)], CitationRate(calls=1, named=1, resolved=1), Fraction(0)),
    ],
)
def test_the_rate_is_what_does_not_resolve_of_what_is_named(pairs, expected: CitationRate, rate: Fraction | None):
    told = citation_rate(Cited(named=named, resolved=resolved) for named, resolved in pairs)
    assert told == expected
    assert told.rate == rate
    assert told.hallucinated == expected.named - expected.resolved


def test_a_fold_goes_on_where_it_stopped():
    calls = [Cited(named=number % 4, resolved=number % 3 and number % 4) for number in range(20)]
    assert citation_rate(calls[7:], before=citation_rate(calls[:7])) == citation_rate(calls)
    assert citation_rate(reversed(calls)) == citation_rate(calls)
