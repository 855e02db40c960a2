"""What a public model service charges, from the offline list of genai-prices. Prices that a user gives are not here.

Rule 1. Only the service at the base URL counts: a gateway may charge what it likes, whatever a model is called there.
Rule 2. Where the list leaves a choice the dearer one is taken: the time of day, and input that is written to a cache.
        What this form of price cannot say (a fee per request) makes the price unknown.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Final

from dueprocess.model import Price, Tier
from dueprocess.values import MICROS, Money

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

_BEFORE_ALL: Final = -1  # below the start of every tier, also of one that starts at 0


def listed_price(model: str, *, base_url: str, at: datetime) -> Price | None:
    """The listed price of a model of the service at this URL, at this moment; None where it is not known."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, None, base_url)
    except LookupError:
        return None
    candidates = [_price(listed) for listed in _in_force(found, at)]
    prices = [price for price in candidates if price is not None]
    if not prices or len(prices) < len(candidates):
        return None
    return max(prices, key=lambda price: (price.input, price.output))


def _in_force(model: "ModelInfo", at: datetime) -> "Iterator[ModelPrice]":
    """The price of the last date that has come, and every one that holds at some time of the day."""
    from genai_prices.types import ModelPrice, StartDateConstraint

    if isinstance(model.prices, ModelPrice):
        yield model.prices
        return
    for conditional in reversed(model.prices):
        match conditional.constraint:
            case None:
                yield conditional.prices
                return
            case StartDateConstraint() as start:
                if start.active(at):
                    yield conditional.prices
                    return
            case _:
                yield conditional.prices


def _price(listed: "ModelPrice") -> Price | None:
    if listed.input_mtok is None or listed.output_mtok is None or listed.requests_kcount is not None:
        return None
    base = _rate(listed, above=_BEFORE_ALL)
    tiers = tuple(_rate(listed, above=start) for start in _starts(listed))
    return Price(input=base.input, output=base.output, cached_input=base.cached_input, tiers=tiers)


def _rate(listed: "ModelPrice", *, above: int) -> Tier:
    fresh = max(_micros(listed.input_mtok, above), _micros(listed.cache_write_mtok, above))
    output = max(_micros(listed.output_mtok, above), _micros(listed.output_reasoning_mtok, above))
    cached = None if listed.cache_read_mtok is None else min(_micros(listed.cache_read_mtok, above), fresh)
    return Tier(above=above, input=fresh, output=output, cached_input=cached)


def _starts(listed: "ModelPrice") -> Sequence[int]:
    from genai_prices.types import TieredPrices

    priced = (listed.input_mtok, listed.cache_write_mtok, listed.cache_read_mtok, listed.output_mtok)
    return sorted({tier.start for price in priced if isinstance(price, TieredPrices) for tier in price.tiers})


def _micros(price: "Decimal | TieredPrices | None", above: int) -> Money:
    match price:
        case None:
            return Money(0)
        case Decimal():
            return Money(int((price * MICROS).to_integral_value(rounding=ROUND_CEILING)))
        case _:
            reached = [tier.price for tier in price.tiers if tier.start <= above]
            return _micros(reached[-1] if reached else price.base, above)
