"""What a run had read and done before each of its calls, as two policies see it: the one that decided, and another one.

Rule 1. Then: a fold of every event before the decision, as the run itself remembered it.
Rule 2. Now: the same fold, with the labels of the other policy, over what that policy would have done. What it denies was
        not dispatched: it uses no place, counts for no sequence and answers no check. What it had brought back was shown to
        the model in fact, and stays in the run under the label of its tool.
Rule 3. What only the other policy lets run is dispatched, and nobody knows what came of it. Of what that policy may let run or
        not, nobody knows even that.
Rule 4. A read that the gate made for a check is set aside: the other policy makes its own. Where it makes the same one at the
        same call, the recorded answer is its answer; where it makes none, that answer never entered, for the model was
        not told of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from dueprocess.agent import Happened
from dueprocess.agent.remember import remember
from dueprocess.agent.workflow import Workflow
from dueprocess.errors import BadValue
from dueprocess.evidence import Chunk, Viewer, retrieved
from dueprocess.gate import ActionDenied, ActionDispatched, ActionSettled, ActionState, CallRecord, Outcome, RawCall
from dueprocess.gate.checks import Renewal
from dueprocess.gate.history import History
from dueprocess.gate.records import UseRecord
from dueprocess.policy import Policy, Principal
from dueprocess.provenance import Entered, Use
from dueprocess.provenance.words import Words
from dueprocess.tool import ToolSpec
from dueprocess.values import Instant, Json, canonical, parse
from dueprocess.values.trust import Integrity

_SURE: Final = frozenset({Integrity.OPERATOR, Integrity.USER, Integrity.ENDORSED})
"""What taints no run, whatever it says; of the rest it depends on the answer."""


class Past:
    """One run's past, told event by event."""

    def __init__(self, workflow: Workflow | None) -> None:
        """Nothing has happened yet."""
        self._workflow = workflow
        self._told: list[Happened] = []
        self._then: dict[str, History] = {}
        self._now: History | None = None
        self._aside: dict[str, list[Happened]] = {}
        self._of_aside: dict[str, str] = {}
        self._evidence: list[Chunk] = []
        self._alone: set[str] = set()
        self._open: set[str] = set()
        self.missing: list[str] = []

    def begins(self, policy: Policy) -> None:
        """From now on the other policy is told too. What happened before anything could be decided is as it was."""
        if self._now is None:
            self._now = self._remembered(History(policy=policy), self._told)

    def then(self, policy: Policy) -> History:
        """The past as the policy saw that decided (rule 1)."""
        if policy.digest not in self._then:
            self._then[policy.digest] = self._remembered(History(policy=policy), self._told)
        return self._then[policy.digest]

    def now(self, policy: Policy) -> History:
        """The past as the other policy sees it (rule 2)."""
        return self._now if self._now is not None else History(policy=policy)

    def told(self, event: Happened) -> None:
        """An event has happened: the policies that decide in this run have seen it."""
        self._told.append(event)
        self._then = {digest: self._remembered(history, (event,)) for digest, history in self._then.items()}

    def enters(self, event: Happened) -> None:
        """What an event brings into the run, it brings in under the other policy too."""
        if self._now is not None:
            self._now = self._remembered(self._now, (event,))

    def dispatched(self, call: CallRecord, *, action: str, at: Instant, uses: Iterable[Use], alone: bool) -> None:
        """An action that the other policy dispatches, with the places it uses; `alone`: it was not dispatched in fact (rule 3)."""
        if self._now is None:
            return
        used = tuple(UseRecord(argument=use.argument, span=use.span, start=use.start) for use in uses)
        record = ActionDispatched(call=call, effect="", sink_key="", dispatch_before=0, calls=1, uses=used)
        self._now = self._now.dispatched(record, action=action, at=at)
        (self._alone.add if alone else self._alone.discard)(action)

    def settled(self, record: ActionSettled, call: CallRecord, *, action: str, at: Instant, counts: bool) -> None:
        """The outcome of an action; `counts`: the other policy has dispatched it too (rule 2)."""
        if self._now is None:
            return
        if counts:
            self._alone.discard(action)
            self._now = self._now.settled(record, action=action, at=at)
            return
        made = ActionDispatched(call=call, effect="", sink_key="", dispatch_before=0, calls=1)
        shown = self._now.dispatched(made, action=action, at=at).settled(record, action=action, at=at)
        self._now = replace(shown, calls=self._now.calls, confirmed=self._now.confirmed)

    def aside(self, event: Happened, call: CallRecord | None) -> None:
        """An event of a read that the gate made for a check (rule 4)."""
        if call is not None:
            self._of_aside[event.action] = canonical([call.cause, call.tool, _json(call.arguments)])
        self._aside.setdefault(self._of_aside.get(event.action, ""), []).append(event)

    def answer(self, read: Renewal, *, cause: int) -> bool:
        """Takes in the recorded answer to a read that the other policy makes; False where nobody made it (rule 4)."""
        found = self._aside.pop(canonical([cause, read.tool, dict(read.arguments)]), [])
        # A stop is no policy's: what it kept from being read then, it keeps from any.
        if any(isinstance(each.record, ActionDenied) and _is_stopped(each.record) for each in found):
            return True
        if self._now is None or not any(isinstance(each.record, ActionDispatched) for each in found):
            return False
        self._now = self._remembered(self._now, found)
        return True

    def lacks(self, read: Renewal, told: str) -> None:
        """The other policy has made a read whose answer nobody knows: its label is known, but not what it would vouch."""
        self.missing.append(told)
        if self._now is not None:
            label = self._now.policy.source_of(read.tool).label
            label = label if label.integrity in _SURE else replace(label, integrity=Integrity.UNTRUSTED)
            self._now = self._now.enter(Entered(origin=read.tool, source=read.tool, label=label, words=Words("")))

    def doubts(self, action: str) -> None:
        """The other policy may have dispatched this action, or not (rule 3)."""
        self._open.add(action)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The actions of which it is not known what the other policy would have come to (rule 3)."""
        return tuple(sorted(self._open | self._alone))

    def extremes(self) -> tuple[History, ...]:
        """The past under the other policy if none of these had run, and if all had and had succeeded."""
        if self._now is None or not self.unknown:
            return ()
        calls, standing = self._now.calls, self._now.standing
        for action in self._open:
            standing = standing.free(action)
        sure = tuple(each for each in calls if each.action not in self._open)
        well = tuple(
            replace(each, state=ActionState.SUCCEEDED) if each.action in self._alone else each for each in calls
        )
        return replace(self._now, calls=sure, standing=standing), replace(self._now, calls=well)

    def retrieved(self, record: ActionSettled, call: CallRecord, tools: Mapping[str, ToolSpec], *, at: Instant) -> None:
        """What an action brought back is evidence from now on, if its tool retrieves."""
        spec = tools.get(call.tool)
        if spec is not None and spec.retrieves and record.outcome is Outcome.SUCCEEDED:
            viewer = Viewer.of(call.principal, on_behalf_of=call.on_behalf_of)
            self._evidence.extend(retrieved(_json(record.result), by=viewer, at=at))

    def raw(self, call: CallRecord, history: History, *, environment: str, action: str, at: Instant) -> RawCall:
        """A recorded call as the gate judges it under the policy of this history."""
        listed = history.policy.tools.get(call.tool)
        age = listed.citation_max_age if listed is not None else None
        return RawCall(
            tool=call.tool,
            arguments=call.arguments,
            principal=Principal(id=call.principal, on_behalf_of=call.on_behalf_of or None) if call.principal else None,
            environment=environment,
            evidence=tuple(self._evidence),
            citations=parse(call.citations) if call.citations else None,
            since=None if age is None else Instant(max(0, at - age)),
            history=history if history.is_asked else None,
            action=action,
            now=at,
        )

    def _remembered(self, history: History, events: Iterable[Happened]) -> History:
        if history.is_asked:
            for event in events:
                history = remember(history, event, workflow=self._workflow)
        return history


def _is_stopped(record: ActionDenied) -> bool:
    return any(finding.rule == "stop" for finding in record.findings)


def _json(text: str) -> Json:
    try:
        return parse(text) if text else None
    except BadValue:
        return text
