"""The counters of a policy, counted again over recorded calls: rates, limits, idempotency keys, calls of a run. Nothing is stored.

Rule 1. A call takes its places when it is dispatched; one that was held takes them only if people let it run then. What
        surely failed gives them back.
Rule 2. Limits are read as the file writes them; what cannot be read of a call (a missing `per`, no amount) is told, not guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dueprocess.errors import BadValue
from dueprocess.meter import Mark, room
from dueprocess.policy import Policy, ToolPolicy, Verdict
from dueprocess.policy.arguments import Missing, find, with_plain_amount
from dueprocess.policy.source import plain_json, read_nodes
from dueprocess.values import Duration, Instant, Json, amount_micros, canonical, parse_duration, usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A counter that speaks against a call: its rule and what that asks for."""

    rule: str
    decision: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that a call takes where it is dispatched: in which window, and how much of it."""

    key: str
    amount: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One call as the counters see it."""

    agent: str
    run: str
    tool: ToolPolicy
    arguments: Mapping[str, Json]
    key: str | None
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the counters say of a call: what speaks against it, which places it would take, whether it was done already."""

    against: tuple[Counted, ...]
    places: tuple[Place, ...]
    unclear: tuple[str, ...] = ()
    reused: bool = False


@dataclass(slots=True, kw_only=True)
class Counters:
    """The counters of one policy, empty at first."""

    marks: dict[str, list[Mark]] = field(default_factory=dict[str, list[Mark]])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    calls: dict[str, int] = field(default_factory=dict[str, int])

    def ask(self, policy: Policy, use: Use) -> Counts:
        """What they say now. Nothing is counted yet."""
        found = [*self._rate(use), *self._key(use), *self._calls(policy, use)]
        places: list[Place] = []
        unclear: list[str] = []
        if use.tool.rate is not None:
            places.append(Place(key=_rate_key(use)))
        for index, limit in enumerate(_limits(policy, use.tool.name)):
            read = _read(limit, use, index)
            if isinstance(read, str):
                unclear.append(read)
                continue
            place, bound, window = read
            places.append(place)
            if (
                room(self.marks.get(place.key, ()), asked=place.amount, limit=bound, window=window, now=use.at)
                is not None
            ):
                over = Verdict.HOLD if limit.get("over") == "hold" else Verdict.DENY
                found.append(Counted(rule=f"{use.tool.name}.limits", decision=over))
        known = self.keys.get(_key_of(use)) if use.key is not None else None
        return Counts(
            against=tuple(found),
            places=tuple(places),
            unclear=tuple(unclear),
            reused=known is not None and known == _comparable(use),
        )

    def take(self, use: Use, places: Sequence[Place]) -> None:
        """Counts a call that was dispatched."""
        for place in places:
            self.marks.setdefault(place.key, []).append(Mark(at=use.at, amount=place.amount))
        if use.key is not None:
            self.keys.setdefault(_key_of(use), _comparable(use))
        self.calls[use.run] = self.calls.get(use.run, 0) + 1

    def _rate(self, use: Use) -> Iterator[Counted]:
        rate = use.tool.rate
        if rate is None:
            return
        if (
            room(self.marks.get(_rate_key(use), ()), asked=1, limit=rate.count, window=rate.window, now=use.at)
            is not None
        ):
            yield Counted(rule=f"{use.tool.name}.rate", decision=Verdict.DENY)

    def _key(self, use: Use) -> Iterator[Counted]:
        known = self.keys.get(_key_of(use)) if use.key is not None else None
        if known is not None and known != _comparable(use):
            yield Counted(rule=f"{use.tool.name}.idempotency_key", decision=Verdict.HOLD)

    def _calls(self, policy: Policy, use: Use) -> Iterator[Counted]:
        if self.calls.get(use.run, 0) >= policy.agent.max_tool_calls:
            yield Counted(rule="agent.max_tool_calls", decision=Verdict.DENY)


def _rate_key(use: Use) -> str:
    return canonical(["rate", use.agent, use.tool.name])


def _key_of(use: Use) -> str:
    return canonical([use.tool.name, use.key])


def _comparable(use: Use) -> str:
    return canonical({**with_plain_amount(use.arguments, use.tool.amount)})


def _limits(policy: Policy, name: str) -> list[dict[str, Json]]:
    top = plain_json(read_nodes(policy.source.encode(), name=policy.name))
    tools = top.get("tools") if isinstance(top, dict) else None
    entry = tools.get(name) if isinstance(tools, dict) else None
    listed = entry.get("limits") if isinstance(entry, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _read(limit: Mapping[str, Json], use: Use, index: int) -> tuple[Place, int, Duration] | str:
    """The place, the bound and the window of a limit for one call, or what of the call cannot be read (rule 2)."""
    per: list[Json] = []
    paths = limit.get("per")
    for path in paths if isinstance(paths, list) else []:
        value = find(use.arguments, tuple(str(path).removeprefix("$.").split(".")))
        if isinstance(value, Missing):
            return f"limits: {path} is missing"
        per.append(value)
    key = canonical(["limit", use.agent, use.tool.name, index, per])
    try:
        window = parse_duration(str(limit.get("window")))
        if "count" in limit:
            return Place(key=key), int(str(limit["count"])), window
        amount = find(use.arguments, use.tool.amount) if use.tool.amount is not None else None
        micros = None if isinstance(amount, Missing) else amount_micros(amount)
        if micros is None:
            return "limits: there is no amount"
        return Place(key=key, amount=micros), usd(canonical(limit.get("max_usd"))).micros, window
    except (BadValue, ValueError) as error:
        return f"limits: {error}"
