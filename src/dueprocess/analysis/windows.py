"""The counters of a policy, counted again: rates, limits, idempotency keys, calls of a run. What they ask is the gate's; nothing is stored.

Rule 1. A call takes its places when it is dispatched, a further attempt as the gate counts one: once more in the rate and
        in the calls of the run, in a limit only where it has no place any more. What surely failed gives them back, but
        for the calls of the run.
Rule 2. A call occupies its key from its hold on, or from its dispatch, until it is over and had no effect.
Rule 3. Of a call that may not have been dispatched the places may not have been taken: both ways can be asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dueprocess.gate import ActionState, Admission, Judgement, KeyUse, Neighbour, Situation, admit
from dueprocess.meter import Gauge, Mark
from dueprocess.policy import Finding, Mode, Policy, ToolPolicy
from dueprocess.policy.arguments import with_plain_amount
from dueprocess.runtime.forms import requirement_of
from dueprocess.values import Duration, Instant, canonical

_Places = dict[tuple[str, int], Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One call as the counters see it: judged by the other policy, whose entry of the tool is `tool`."""

    agent: str
    run: str
    action: str
    policy: Policy
    tool: ToolPolicy
    environment: str
    judged: Judgement
    at: Instant
    stop: str = ""


@dataclass(slots=True, kw_only=True)
class Counters:
    """The counters of one policy, empty at first."""

    marks: dict[str, _Places] = field(default_factory=dict[str, _Places])
    places: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict[tuple[str, int], tuple[str, ...]])
    keys: dict[str, dict[str, Neighbour]] = field(default_factory=dict[str, dict[str, Neighbour]])
    occupied: dict[str, str] = field(default_factory=dict[str, str])
    calls: dict[str, int] = field(default_factory=dict[str, int])
    open: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    def ask(self, use: Use, findings: Sequence[Finding], *, surely: bool = False) -> Admission:
        """What the gate makes of these findings and of what is counted now. Nothing is counted yet.

        `surely`: without the calls that may not have been dispatched (rule 3).
        """
        key = _key_of(use)
        others = self.keys.get(key, {}) if key is not None else {}
        without = frozenset({use.action, *self.open}) if surely else frozenset({use.action})
        fewer = sum(calls for run, calls in self.open.values() if run == use.run) if surely else 0
        return admit(
            Situation(
                tool=use.tool.name,
                findings=tuple(findings),
                stop=use.stop,
                rate=use.tool.rate,
                marks=self._marks(_rate_key(use), use, use.tool.rate.window, without)
                if use.tool.rate is not None
                else (),
                listed=use.tool,
                windows=tuple(
                    (window, self._marks(_window_key(use, window.scope), use, _longest(use.tool), without))
                    for window in use.judged.windows
                ),
                advisory=use.policy.mode(use.environment) is Mode.SHADOW,
                key=KeyUse(
                    arguments=_comparable(use),
                    others=tuple(each for each in others.values() if each.action not in without),
                )
                if key is not None
                else None,
                calls=Gauge(spent=self.calls.get(use.run, 0) - fewer),
                calls_limit=use.policy.agent.max_tool_calls,
                calls_key=use.run,
                requirement=requirement_of(use.policy.approvers_of(use.tool.name), amount=""),
                publisher="",
                now=use.at,
            )
        )

    def occupy(self, use: Use, state: ActionState) -> None:
        """A call that has its key from now on, being held or dispatched (rule 2)."""
        key = _key_of(use)
        if key is not None:
            there = Neighbour(action=use.action, arguments=_comparable(use), state=state)
            self.keys.setdefault(key, {})[use.action] = there
            self.occupied[use.action] = key

    def take(self, use: Use, *, attempt: int, calls: int = 1, state: ActionState = ActionState.DISPATCHED) -> None:
        """Counts an attempt that was dispatched (rule 1)."""
        wanted: dict[str, int] = {}
        if use.tool.rate is not None:
            wanted[_rate_key(use)] = 1
        for window in use.judged.windows:
            key = _window_key(use, window.scope)
            if not any(key in self.places.get((use.action, earlier), ()) for earlier in range(1, attempt)):
                wanted[key] = window.asked
        for key, amount in wanted.items():
            self.marks.setdefault(key, {})[use.action, attempt] = Mark(at=use.at, amount=amount)
        self.places[use.action, attempt] = tuple(wanted)
        self.calls[use.run] = self.calls.get(use.run, 0) + calls
        self.occupy(use, state)

    def settle(self, action: str, *, attempt: int, state: ActionState) -> None:
        """Counts the outcome of an attempt, or the end of a hold."""
        if state is ActionState.FAILED:
            for place in self.places.pop((action, attempt), ()):
                self.marks.get(place, {}).pop((action, attempt), None)
        there = self.keys.get(self.occupied.get(action, ""), {})
        if action in there:
            there[action] = Neighbour(action=action, arguments=there[action].arguments, state=state)

    def doubt(self, use: Use, *, calls: int) -> None:
        """This attempt was counted, and may not have been dispatched (rule 3)."""
        before = self.open.get(use.action, (use.run, 0))
        self.open[use.action] = (use.run, before[1] + calls)

    def _marks(self, key: str, use: Use, window: Duration, without: frozenset[str]) -> tuple[Mark, ...]:
        found = self.marks.get(key)
        if not found:
            return ()
        # What has left the window never comes back into it.
        while found:
            first = next(iter(found))
            if found[first].at > use.at - window:
                break
            del found[first]
        return tuple(mark for (action, _), mark in found.items() if action not in without)


def _longest(tool: ToolPolicy) -> Duration:
    return max(limit.window for limit in tool.limits)


def _rate_key(use: Use) -> str:
    return canonical(["rate", use.agent, use.tool.name])


def _window_key(use: Use, scope: str) -> str:
    return canonical(["limit", use.agent, use.tool.name, scope])


def _key_of(use: Use) -> str | None:
    return canonical([use.tool.name, use.judged.key]) if use.judged.key is not None else None


def _comparable(use: Use) -> str:
    call = use.judged.call
    return canonical({**with_plain_amount(call.arguments, use.tool.amount)}) if call is not None else ""
