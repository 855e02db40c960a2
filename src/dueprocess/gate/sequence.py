"""`temporal`: what must or must not have happened in the run before a call, asked of its history. Reading it is the policy's.

Rule 1. `before` is met by a success; `within` counts from it, and a clock that went backwards does not renew it.
Rule 2. `at_most` and `never` count what was dispatched, unknown outcomes too; only a proven failure does not count.
Rule 3. A value that `where` or `same` refers to and that is missing in the call meets nothing: `before` is not met, and
        for `at_most` the call counts as the same.
"""

from collections.abc import Mapping

from dueprocess.gate.history import History, PastCall
from dueprocess.gate.life import ActionState
from dueprocess.policy import Finding, Policy
from dueprocess.policy.arguments import REDACTED, Missing, find, hidden, written
from dueprocess.policy.document import AtMost, Before, Never, Selector, Sequence, ToolPolicy
from dueprocess.values import Instant, Json, canonical
from dueprocess.values.foreign import quoted, shown
from dueprocess.values.trust import Audience


def out_of_sequence(
    history: History, *, tool: str, arguments: Mapping[str, Json], now: Instant, action: str = ""
) -> tuple[Finding, ...]:
    """Every sequence of the policy that this call would break. Pure. `action`: its own earlier attempts do not count."""
    policy = history.policy
    if not policy.temporal:
        return ()
    asked = _Asked(history=history, tool=tool, arguments=arguments, now=now, action=action)
    return tuple(found for each in policy.temporal if (found := asked.finding(each)) is not None)


class _Asked:
    """One call, asked of one history."""

    def __init__(
        self, *, history: History, tool: str, arguments: Mapping[str, Json], now: Instant, action: str
    ) -> None:
        self._history = history
        self._policy: Policy = history.policy
        self._tool = tool
        self._listed: ToolPolicy | None = history.policy.tools.get(tool)
        self._arguments = arguments
        self._now = now
        self._action = action

    def finding(self, sequence: Sequence) -> Finding | None:
        match sequence.form:
            case Before() as form:
                return self._before(sequence, form)
            case Never() as form:
                return self._never(sequence, form)
            case AtMost() as form:
                return self._at_most(sequence, form)

    def _before(self, sequence: Sequence, form: Before) -> Finding | None:
        if self._tool not in form.tools:
            return None
        wanted = form.require
        done: list[PastCall] = []
        for each in reversed(self._past(wanted)):  # the latest is the likeliest to be recent enough
            if each.state is ActionState.SUCCEEDED and self._is(wanted, each):
                if wanted.within is None or self._now - each.at <= wanted.within:
                    return None
                done.append(each)
        needed = f"successful {' or '.join(wanted.tools)}{self._with(wanted)}"
        reason = f"{self._tool} needs a {needed} before it in this run; there was none"
        if done:
            ago, most = (self._now - done[0].at) // 1_000_000, (wanted.within or 0) // 1_000_000
            reason = f"the last {needed} was {ago} s ago; expected one within {most} s"
        return self._said(sequence, reason, {"required": " or ".join(wanted.tools), **self._compared(wanted)})

    def _never(self, sequence: Sequence, form: Never) -> Finding | None:
        if not self._is_meant(form.then):
            return None
        after = form.after
        if after.audience is not None and not self._is_audience(after.audience):
            return None
        is_of_actions = bool(after.tools) or bool(after.where) or after.egress is not None
        if is_of_actions and not any(self._is(after, each) for each in self._past(after)):
            return None
        what = " or ".join(after.tools) or "what leaves the house"
        if after.audience is not None and not after.tools:
            what = f"what is {self._history.standing.audience.value}"
        reason = f"{what} is part of this run, and after it {quoted(self._tool)} may not be called"
        return self._said(sequence, reason, {"audience": self._history.standing.audience.value})

    def _at_most(self, sequence: Sequence, form: AtMost) -> Finding | None:
        if not self._is_meant(form.of):
            return None
        same = [each for each in self._past(form.of) if self._is(form.of, each) and self._is_same(form.of, each)]
        if len(same) < form.count:
            return None
        reason = (
            f"{len(same)} {'was' if len(same) == 1 else 'were'} dispatched in this run already, the last as "
            f"{same[-1].action if same else 'none'}; expected at most {form.count}"
        )
        return self._said(sequence, reason, {"counted": len(same), "limit": form.count, **self._compared(form.of)})

    def _is_meant(self, selector: Selector) -> bool:
        """Whether the call that is decided is one that the selector chooses."""
        if selector.tools and self._tool not in selector.tools:
            return False
        egress = self._listed.egress if self._listed is not None else None
        if selector.egress is not None and egress is not selector.egress:
            return False
        return all(
            isinstance(wanted, tuple) or _equal(find(self._arguments, tuple(name.split("."))), wanted)
            for name, wanted in selector.where
        )

    def _past(self, selector: Selector) -> list[PastCall]:
        """The earlier actions that count (rule 2), of the tools that the selector names, if it names any."""
        tools, failed = selector.tools, ActionState.FAILED
        return [
            each
            for each in self._history.calls
            if (not tools or each.tool in tools) and each.state is not failed and each.action != self._action
        ]

    def _is(self, selector: Selector, past: PastCall) -> bool:
        """Whether an action of the tools that the selector names is one that it chooses."""
        listed = self._policy.tools.get(past.tool)
        if selector.egress is not None and (listed is None or listed.egress is not selector.egress):
            return False
        return all(
            _equal(find(past.arguments, tuple(name.split("."))), self._wanted(wanted))
            for name, wanted in selector.where
        )

    def _is_same(self, selector: Selector, past: PastCall) -> bool:
        # Rule 3: what is left out cannot tell two calls apart.
        for path in selector.same:
            mine = find(self._arguments, path)
            if not isinstance(mine, Missing) and not _equal(find(past.arguments, path), mine):
                return False
        return True

    def _is_audience(self, wanted: tuple[bool, Audience]) -> bool:
        narrower, audience = wanted
        here = self._history.standing.audience
        return here.rank >= audience.rank if narrower else here is audience

    def _wanted(self, wanted: Json | tuple[str, ...]) -> Json | Missing:
        return find(self._arguments, wanted) if isinstance(wanted, tuple) else wanted

    def _with(self, selector: Selector) -> str:
        said = [f"{name} {self._shown(wanted)}" for name, wanted in selector.where]
        return f" with {', '.join(said)}" if said else ""

    def _shown(self, wanted: Json | tuple[str, ...]) -> str:
        if not isinstance(wanted, tuple):
            return str(shown(wanted))
        if self._is_secret(wanted):
            return REDACTED
        value = find(self._arguments, wanted)
        return "missing" if isinstance(value, Missing) else str(shown(value))

    def _compared(self, selector: Selector) -> dict[str, Json]:
        found: dict[str, Json] = {name: self._shown(wanted) for name, wanted in selector.where}
        for path in selector.same:
            value = find(self._arguments, path)
            if not isinstance(value, Missing):
                found[written(path)] = REDACTED if self._is_secret(path) else shown(value)
        return found

    def _is_secret(self, path: tuple[str, ...]) -> bool:
        return self._listed is not None and hidden(path, self._listed.redact)

    def _said(self, sequence: Sequence, reason: str, compared: Mapping[str, Json]) -> Finding:
        return Finding(rule=f"temporal.{sequence.id}", decision=sequence.effect, reason=reason, compared=compared)


def _equal(left: Json | Missing, right: Json | Missing) -> bool:
    if isinstance(left, Missing) or isinstance(right, Missing):
        return False
    return canonical(left) == canonical(right)
