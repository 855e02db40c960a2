"""Which model answers the inbox: the script, or a real one that the environment names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dueprocess.errors import BadValue
from dueprocess.model import Price, Provider
from dueprocess.providers import PydanticAi
from dueprocess.values import usd

SCRIPTED: Final = "scripted"
_DEFAULT_MODEL: Final = "gpt-4o-mini"
_PRICE_PARTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A model: `provider` is None for the script."""

    name: str = SCRIPTED
    provider: Provider | None = None


def chosen_model(environment: Mapping[str, str]) -> Chosen:
    """The model that `DUE_MODEL` at `DUE_BASE_URL`, or `OPENAI_API_KEY`, stands for; without them the script.

    `DUE_PRICE` is the price of a model that no list knows, as INPUT,OUTPUT in USD per million tokens: without a price
    nothing is admitted under the policy's spend cap.
    """
    key, base_url = environment.get("OPENAI_API_KEY"), environment.get("DUE_BASE_URL")
    if not key and not base_url:
        return Chosen()
    name = environment.get("DUE_MODEL", _DEFAULT_MODEL)
    prices = _prices(name, environment.get("DUE_PRICE"))
    if base_url:
        return Chosen(name=name, provider=PydanticAi(base_url=base_url, api_key=key, prices=prices))
    return Chosen(name=name, provider=PydanticAi(api_key=key, prices=prices))


def _prices(name: str, text: str | None) -> dict[str, Price]:
    if text is None:
        return {}
    parts = text.split(",")
    if len(parts) != _PRICE_PARTS:
        raise BadValue(f"DUE_PRICE is {text!a}; expected INPUT,OUTPUT in USD per million tokens, such as 0.10,0.40")
    return {name: Price(input=usd(parts[0].strip()), output=usd(parts[1].strip()))}
