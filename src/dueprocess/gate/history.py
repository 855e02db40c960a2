"""What a decision knows of the run so far: what entered it, and which actions were dispatched with what outcome.

A fold over the run's records, under one policy: labels are that policy's. Nothing is judged here.

Rule 1. Only a policy that asks for it is remembered for: one that speaks of where values come from, of sequences, checks
        or confirmations.
Rule 2. A result enters when it succeeded, under the label of its tool. An error is told in our own words, so that it
        brings nothing in; what a person settles is theirs.
Rule 3. A repeat of an action replaces its earlier attempt: it is one action, and uses its places once.
Rule 4. A confirmation is for one action: the first that is dispatched with its call uses it up, and repeats of that one.
"""

from dataclasses import dataclass, replace

from dueprocess.gate.life import ActionState
from dueprocess.gate.records import (
    ActionConfirmed,
    ActionDispatched,
    ActionReused,
    ActionSettled,
    Outcome,
    SettledBy,
    ValueEndorsed,
)
from dueprocess.gate.vouching import query_is_vouched
from dueprocess.policy import Policy
from dueprocess.provenance import EMPTY_STANDING, Endorsed, Entered, Standing, Use, answered, structured, token_of
from dueprocess.values import Instant, Json
from dueprocess.values.canonical import parse_or
from dueprocess.values.trust import Integrity, Label, Source

_PERSONS_WORD = Source(label=Label(integrity=Integrity.ENDORSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """An action of the run that was dispatched: its arguments, where it stands, and since when.

    `result`: what it answered, of a tool that a check rests on.
    """

    action: str
    tool: str
    arguments: dict[str, Json]
    state: ActionState
    at: Instant
    result: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A yes of whoever the run acts for to one call: its tool, its arguments as canonical JSON text, by whom and when."""

    tool: str
    arguments: str
    by: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A run so far, as `policy` sees it."""

    policy: Policy
    standing: Standing = EMPTY_STANDING
    calls: tuple[PastCall, ...] = ()
    confirmed: tuple[Confirmed, ...] = ()

    @property
    def is_asked(self) -> bool:
        """Whether the policy asks for any of this (rule 1)."""
        policy = self.policy
        return policy.asks_origins or bool(policy.temporal) or bool(policy.check_sources) or policy.asks_to_confirm

    def enter(self, span: Entered) -> "History":
        """With a span that entered by itself: what a person said, what a workflow declares."""
        return replace(self, standing=self.standing.enter(span)) if self.is_asked else self

    def within(self, scope: frozenset[str]) -> "History":
        """With the tools that the task declares."""
        return replace(self, standing=replace(self.standing, scope=scope))

    def dispatched(self, record: ActionDispatched, *, action: str, at: Instant) -> "History":
        """With an action that was dispatched, and the places it uses."""
        if not self.is_asked:
            return self
        call = PastCall(
            action=action,
            tool=record.call.tool,
            arguments=_object(record.call.arguments),
            state=ActionState.DISPATCHED,
            at=at,
        )
        uses = tuple(Use(action=action, argument=use.argument, span=use.span, start=use.start) for use in record.uses)
        before = [each for each in self.calls if each.action != action]
        confirmed = self.confirmed
        if len(before) == len(self.calls):
            confirmed = _without_one(confirmed, tool=record.call.tool, arguments=record.call.arguments)
        return replace(self, calls=(*before, call), standing=self.standing.use(uses), confirmed=confirmed)

    def confirm(self, record: ActionConfirmed, *, at: Instant) -> "History":
        """With a call that whoever the run acts for has said yes to."""
        if not self.policy.asks_to_confirm:
            return self
        said = Confirmed(tool=record.tool, arguments=record.arguments, by=record.by, at=at)
        return replace(self, confirmed=(*self.confirmed, said))

    def settled(self, record: ActionSettled, *, action: str, at: Instant) -> "History":
        """With the outcome of an action."""
        place = next((at for at in range(len(self.calls) - 1, -1, -1) if self.calls[at].action == action), None)
        if place is None:
            return self
        call = self.calls[place]
        state = ActionState(record.outcome.value)
        rests = record.outcome is Outcome.SUCCEEDED and call.tool in self.policy.check_sources
        result = structured(parse_or(record.result, record.result)) if rests else None
        changed = replace(call, state=state, at=at, result=result)
        after = replace(self, calls=(*self.calls[:place], changed, *self.calls[place + 1 :]))
        if record.outcome is Outcome.FAILED:
            return replace(after, standing=after.standing.free(action))
        if record.outcome is not Outcome.SUCCEEDED:
            return after
        by_person = record.by is SettledBy.PERSON
        return _answered(after, call.tool, call.arguments, result=record.result, action=action, by_person=by_person)

    def endorsed(self, record: ValueEndorsed) -> "History":
        """With a value that a person vouches for."""
        token = token_of(parse_or(record.value, record.value))
        if token is None:
            return self
        value = Endorsed(tool=record.tool, argument=record.argument, token=token, by=record.by)
        return replace(self, standing=self.standing.endorse(value))

    def reused(self, record: ActionReused, *, action: str) -> "History":
        """With an outcome that was returned again: it is shown again, under the same label."""
        if not self.is_asked:
            return self
        return _answered(self, record.call.tool, _object(record.call.arguments), result=record.result, action=action)


def _answered(
    history: History, tool: str, arguments: dict[str, Json], *, result: str, action: str, by_person: bool = False
) -> History:
    policy, standing = history.policy, history.standing
    span = answered(
        parse_or(result, result),
        origin=action,
        tool=tool,
        source=_PERSONS_WORD if by_person else policy.source_of(tool),
        query_vouched=not by_person and query_is_vouched(policy, tool=tool, arguments=arguments, standing=standing),
    )
    return replace(history, standing=standing.enter(span))


def _without_one(confirmed: tuple[Confirmed, ...], *, tool: str, arguments: str) -> tuple[Confirmed, ...]:
    # The latest is used up: it is the one that the decision rested on.
    for index in reversed(range(len(confirmed))):
        if (confirmed[index].tool, confirmed[index].arguments) == (tool, arguments):
            return (*confirmed[:index], *confirmed[index + 1 :])
    return confirmed


def _object(text: str) -> dict[str, Json]:
    value = parse_or(text)
    return value if isinstance(value, dict) else {}
