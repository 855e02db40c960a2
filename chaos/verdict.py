"""What the judges of a round write down. What they look at is in `check` and `check_commands`."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """What was found: violations in words, by what is violated, and what was counted."""

    violations: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    counts: Counter[str] = field(default_factory=Counter[str])

    def expect(self, holds: object, what: str, said: str) -> None:
        """Notes a violation unless something holds."""
        if not holds:
            self.violations.append((what, said))

    def take(self, found: "Verdict") -> None:
        """Takes what another has found."""
        self.violations += found.violations
        self.counts.update(found.counts)
