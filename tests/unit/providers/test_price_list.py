from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from dueprocess.model import Price, Usage
from dueprocess.model import Tier as OurTier
from dueprocess.providers.price_list import _in_force, _price, listed_price
from dueprocess.values import Money

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPENAI = "https://api.openai.com/v1"


def cheap(dollars: str) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(dollars), output_mtok=Decimal(dollars))


def in_force(*conditions: ConditionalPrice) -> list[Decimal]:
    model = ModelInfo(id="m", match=ClauseEquals("m"), prices=list(conditions))
    return [price.input_mtok for price in _in_force(model, NOW) if isinstance(price.input_mtok, Decimal)]


def test_a_price_is_in_micro_usd_per_million_tokens_and_rounded_up():
    listed = ModelPrice(input_mtok=Decimal("0.1500001"), output_mtok=Decimal("0.6"), cache_read_mtok=Decimal("0.075"))
    assert _price(listed) == Price(input=Money(150_001), output=Money(600_000), cached_input=Money(75_000))


def test_input_that_is_written_to_a_cache_may_be_dearer_so_all_input_is():
    listed = ModelPrice(input_mtok=Decimal(4), output_mtok=Decimal(20), cache_write_mtok=Decimal(5))
    assert _price(listed) == Price(input=Money(5_000_000), output=Money(20_000_000))


def test_reasoning_may_be_dearer_than_output_so_all_output_is():
    listed = ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), output_reasoning_mtok=Decimal(3))
    assert _price(listed) == Price(input=Money(1_000_000), output=Money(3_000_000))


def test_cached_input_is_never_dearer_than_input():
    listed = ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), cache_read_mtok=Decimal(9))
    assert _price(listed) == Price(input=Money(1_000_000), output=Money(2_000_000), cached_input=Money(1_000_000))


def test_tiers_are_kept_also_where_only_one_of_the_prices_has_them():
    listed = ModelPrice(
        input_mtok=TieredPrices(
            base=Decimal(1), tiers=[Tier(start=200, price=Decimal(4)), Tier(start=100, price=Decimal(2))]
        ),
        output_mtok=TieredPrices(base=Decimal(5), tiers=[Tier(start=150, price=Decimal(7))]),
    )
    assert _price(listed) == Price(
        input=Money(1_000_000),
        output=Money(5_000_000),
        tiers=(
            OurTier(above=100, input=Money(2_000_000), output=Money(5_000_000)),
            OurTier(above=150, input=Money(2_000_000), output=Money(7_000_000)),
            OurTier(above=200, input=Money(4_000_000), output=Money(7_000_000)),
        ),
    )


@pytest.mark.parametrize(
    "listed",
    [
        ModelPrice(input_mtok=Decimal(1)),
        ModelPrice(output_mtok=Decimal(1)),
        ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1), requests_kcount=Decimal(5)),
        ModelPrice(),
    ],
)
def test_a_price_that_cannot_be_said_is_unknown(listed: ModelPrice):
    assert _price(listed) is None


def test_the_last_date_that_has_come_counts():
    assert in_force(
        ConditionalPrice(prices=cheap("3")),
        ConditionalPrice(StartDateConstraint(date(2026, 1, 1)), prices=cheap("2")),
        ConditionalPrice(StartDateConstraint(date(2027, 1, 1)), prices=cheap("1")),
    ) == [Decimal(2)]


def test_every_price_of_the_day_counts_whatever_the_time():
    night = TimeOfDateConstraint(clock(0, 0, tzinfo=UTC), clock(6, 0, tzinfo=UTC))
    assert in_force(ConditionalPrice(prices=cheap("3")), ConditionalPrice(night, prices=cheap("1"))) == [
        Decimal(1),
        Decimal(3),
    ]


def test_a_list_on_which_no_price_is_in_force_yet_gives_none():
    assert in_force(ConditionalPrice(StartDateConstraint(date(2030, 1, 1)), prices=cheap("1"))) == []


@pytest.mark.parametrize(
    ("model", "base_url"),
    [("no-such-model", OPENAI), ("gpt-4o", "http://127.0.0.1/v1"), ("", OPENAI), ("gpt-4o", "")],
)
def test_what_is_not_listed_has_no_price(model: str, base_url: str):
    assert listed_price(model, base_url=base_url, at=NOW) is None


def test_no_listed_price_is_lower_than_the_list_itself_calculates():
    usages = [Usage(input_tokens=10, output_tokens=10), Usage(input_tokens=300_000, output_tokens=50)]
    compared = 0
    for provider in get_snapshot().providers:
        if provider.id != "openai":
            continue
        for model in provider.models:
            price = listed_price(model.id, base_url=OPENAI, at=NOW)
            if price is None:
                continue
            for usage in usages:
                listed = model.get_prices(NOW).calc_price(
                    type("Told", (), {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens})()
                )
                assert price.cost(usage).decimal >= listed["total_price"], model.id
                compared += 1
    assert compared > 50
