"""What the environment says: which model answers, where, under which key and price. The project file says the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from dueprocess.errors import BadValue
from dueprocess.model import Price
from dueprocess.values import usd

MODEL_VARIABLE: Final = "DUE_MODEL"
URL_VARIABLE: Final = "DUE_BASE_URL"
PRICE_VARIABLE: Final = "DUE_PRICE"
KEY_VARIABLE: Final = "OPENAI_API_KEY"
_PRICE_PARTS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The environment's part. `model` takes the place of what the project file names; `price` is that model's."""

    model: str = ""
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    price: Price | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Reads DUE_MODEL, DUE_BASE_URL, OPENAI_API_KEY and DUE_PRICE (INPUT,OUTPUT in USD per million tokens).

        Raises:
            BadValue: DUE_PRICE is not of its form.
        """
        return cls(
            model=environment.get(MODEL_VARIABLE, ""),
            base_url=environment.get(URL_VARIABLE, ""),
            api_key=environment.get(KEY_VARIABLE, ""),
            price=_price(environment.get(PRICE_VARIABLE, "")),
        )


def _price(text: str) -> Price | None:
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != _PRICE_PARTS:
        raise BadValue(
            f"{PRICE_VARIABLE} is {text!a}; expected INPUT,OUTPUT in USD per million tokens, such as 0.10,0.40"
        )
    return Price(input=usd(parts[0]), output=usd(parts[1]))
