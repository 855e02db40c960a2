"""What is known of an image beside its files: what had been told, which orders there are, how late it is when it goes on."""

import json
from dataclasses import dataclass

from chaos.power.facts import Fact
from chaos.power.shop import Order, trait_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that judging an image needs.

    `seconds_later`: what the clock says when somebody goes on, counted from the last event; below zero after a power loss
    that took the clock's time too. `is_blind`: see `Till`.
    """

    facts: tuple[Fact, ...]
    orders: tuple[Order, ...]
    seconds_later: int = 1
    is_blind: bool = False

    def text(self) -> str:
        """Its form in a file."""
        return json.dumps(
            {
                "facts": [fact.text() for fact in self.facts],
                "orders": [order.name for order in self.orders],
                "seconds_later": self.seconds_later,
                "is_blind": self.is_blind,
            }
        )

    @classmethod
    def parse(cls, text: str) -> "Case":
        """Reads the form in a file."""
        found = json.loads(text)
        return cls(
            facts=tuple(Fact.parse(fact) for fact in found["facts"]),
            orders=tuple(Order(name=name, trait=trait_of(name)) for name in found["orders"]),
            seconds_later=found["seconds_later"],
            is_blind=found["is_blind"],
        )
