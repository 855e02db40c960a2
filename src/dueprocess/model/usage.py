"""Tokens used, their price, and the worst case a call may cost before it is made.

Rule 1. A price is per million tokens, exact, in micro-USD. Costs are rounded up to the next micro-USD.
Rule 2. The worst case takes each byte of the request as one token, adds the overhead that providers wrap around
        messages and tools, and the whole allowed output; a call is admitted only against this figure.
Rule 3. Where a large input is dearer, the tier that the input has reached prices the whole call. The worst case is the
        dearest of all tiers that the input may reach.
"""

from dataclasses import dataclass
from typing import Final

from dueprocess.values import Money

OVERHEAD_TOKENS: Final = 512  # what chat templates and tool wrappers add around the bytes that are sent
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one reply; output includes reasoning. The cached input is the part of the input read from a cache."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """What a call costs per million tokens once its input is larger than `above` tokens."""

    above: int
    input: Money
    output: Money
    cached_input: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs per million tokens. `cached_input` never exceeds `input`; `tiers` rise by `above`."""

    input: Money
    output: Money
    cached_input: Money | None = None
    tiers: tuple[Tier, ...] = ()

    def cost(self, usage: Usage) -> Money:
        """The cost of this usage, rounded up."""
        return _cost(self._reached(usage.input_tokens)[-1], usage)

    def worst_case(self, *, request_bytes: int, max_output_tokens: int) -> Money:
        """The most a call can cost (rules 2 and 3)."""
        usage = Usage(input_tokens=request_bytes + OVERHEAD_TOKENS, output_tokens=max_output_tokens)
        return max(_cost(rate, usage) for rate in self._reached(usage.input_tokens))

    def output_that_fits(self, budget: Money, *, request_bytes: int) -> int:
        """The largest output, in tokens, whose worst case fits the budget; 0 where even the input does not."""
        tokens = request_bytes + OVERHEAD_TOKENS
        return min(_output_that_fits(rate, budget, tokens) for rate in self._reached(tokens))

    def _reached(self, input_tokens: int) -> tuple["Price | Tier", ...]:
        return (self, *(tier for tier in self.tiers if tier.above < input_tokens))


def _cost(rate: Price | Tier, usage: Usage) -> Money:
    cached = min(usage.cached_input_tokens, usage.input_tokens)
    fresh = usage.input_tokens - cached
    cached_price = rate.input if rate.cached_input is None else rate.cached_input
    total = fresh * rate.input.micros + cached * cached_price.micros + usage.output_tokens * rate.output.micros
    return Money(-(-total // _MILLION))


def _output_that_fits(rate: Price | Tier, budget: Money, input_tokens: int) -> int:
    left = budget.micros * _MILLION - input_tokens * rate.input.micros
    if left <= 0:
        return 0
    return left // rate.output.micros if rate.output.micros else _MILLION
