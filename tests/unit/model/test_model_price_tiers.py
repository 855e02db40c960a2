from hypothesis import given
from hypothesis import strategies as st

from dueprocess.model import OVERHEAD_TOKENS, Price, Tier, Usage
from dueprocess.values import Money


def dollars(amount: int) -> Money:
    return Money(amount * 1_000_000)


TIERED = Price(
    input=dollars(4),
    output=dollars(20),
    cached_input=dollars(1),
    tiers=(
        Tier(above=1_000, input=dollars(8), output=dollars(30), cached_input=dollars(2)),
        Tier(above=5_000, input=dollars(16), output=dollars(30)),
    ),
)

moneys = st.integers(0, 50_000_000).map(Money)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    def cached(price: Money) -> Money | None:
        return draw(st.none() | st.integers(0, price.micros).map(Money))

    def tier(above: int) -> Tier:
        price = draw(moneys)
        return Tier(above=above, input=price, output=draw(moneys), cached_input=cached(price))

    starts = draw(st.sets(st.integers(0, 20_000), max_size=3))
    price = draw(moneys)
    return Price(
        input=price,
        output=draw(moneys),
        cached_input=cached(price),
        tiers=tuple(tier(start) for start in sorted(starts)),
    )


def test_the_tier_that_the_input_has_reached_prices_the_whole_call():
    assert TIERED.cost(Usage(input_tokens=1_000, output_tokens=10)) == Money(1_000 * 4 + 10 * 20)
    assert TIERED.cost(Usage(input_tokens=1_001, output_tokens=10)) == Money(1_001 * 8 + 10 * 30)
    assert TIERED.cost(Usage(input_tokens=5_001, output_tokens=10)) == Money(5_001 * 16 + 10 * 30)


def test_cached_input_has_the_price_of_its_tier():
    usage = Usage(input_tokens=2_000, cached_input_tokens=500)
    assert TIERED.cost(usage) == Money(1_500 * 8 + 500 * 2)
    assert TIERED.cost(Usage(input_tokens=6_000, cached_input_tokens=6_000)) == Money(6_000 * 16)


def test_the_worst_case_is_the_dearest_tier_that_the_input_may_reach():
    just_below = 1_000 - OVERHEAD_TOKENS
    assert TIERED.worst_case(request_bytes=just_below, max_output_tokens=1) == Money(1_000 * 4 + 20)
    assert TIERED.worst_case(request_bytes=just_below + 1, max_output_tokens=1) == Money(1_001 * 8 + 30)


def test_a_tier_that_is_cheaper_never_lowers_the_worst_case():
    price = Price(input=dollars(9), output=dollars(9), tiers=(Tier(above=0, input=dollars(1), output=dollars(1)),))
    assert price.worst_case(request_bytes=0, max_output_tokens=0) == Money(OVERHEAD_TOKENS * 9)


@given(prices(), st.integers(0, 30_000), st.integers(0, 5_000), st.data())
def test_no_usage_within_the_bounds_costs_more_than_the_worst_case(
    price: Price, size: int, max_output: int, data: st.DataObject
):
    tokens = data.draw(st.integers(0, size + OVERHEAD_TOKENS))
    usage = Usage(
        input_tokens=tokens,
        cached_input_tokens=data.draw(st.integers(0, tokens)),
        output_tokens=data.draw(st.integers(0, max_output)),
    )
    assert price.cost(usage) <= price.worst_case(request_bytes=size, max_output_tokens=max_output)


@given(prices(), st.integers(0, 30_000), st.integers(0, 10**9).map(Money))
def test_an_output_that_fits_keeps_the_worst_case_within_the_budget(price: Price, size: int, budget: Money):
    fits = price.output_that_fits(budget, request_bytes=size)
    if fits:
        assert price.worst_case(request_bytes=size, max_output_tokens=fits) <= budget
