"""The story of a run told from its events. Pure: the same events give the same story. What is hidden is decided in `redaction`.

Rule 1. One handler per kind of record; what is not told here is still among the events.
Rule 2. Costs are what was settled: reservations that nobody settled are no cost, and stay at risk in the meter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from dueprocess.agent import records as run_records
from dueprocess.evidence import Chunk
from dueprocess.ledger import Envelope, Event
from dueprocess.runtime.lineage import ErasureStory, EventRef, ModelStory, RunStory, SubAgentStory, ref_of
from dueprocess.runtime.redaction import Redaction
from dueprocess.runtime.retell_action import ActionTeller
from dueprocess.runtime.system import RunErased
from dueprocess.runtime.tables import RunRow
from dueprocess.values import ZERO, Instant, Json, Money


def retell(row: RunRow, events: Iterable[Event], *, redaction: Redaction, retrieving: frozenset[str]) -> RunStory:
    """Tells a run. `row`: where it stands; `retrieving`: the tools whose results are evidence."""
    teller = _Teller(row, redaction, retrieving)
    for event in events:
        teller.hear(event)
    return teller.story()


class _Teller:
    """Hears events one by one."""

    def __init__(self, row: RunRow, redaction: Redaction, retrieving: frozenset[str]) -> None:
        self._row = row
        self._hide = redaction
        self._retrieving = retrieving
        self._chunks: list[Chunk] = []
        self._actions: dict[str, ActionTeller] = {}
        self._events: list[EventRef] = []
        self._models: list[ModelStory] = []
        self._task = run_records.TaskSubmitted(text="", key="", agent=row.agent, principal="")
        self._submitted = Instant(0)
        self._active = self._crashes = 0
        self._outcome = ""
        self._packet: Json = None
        self._plan: Json = None
        self._erased: ErasureStory | None = None
        self._sub_agents: dict[str, SubAgentStory] = {}
        self._at_work = ""

    def hear(self, event: Event) -> None:
        """Takes the next event."""
        envelope = event.envelope
        self._events.append(ref_of(envelope))
        if envelope.action:
            known = self._actions.get(envelope.action)
            if known is None:
                known = ActionTeller(
                    envelope.action,
                    self._hide,
                    chunks=self._chunks,
                    retrieving=self._retrieving,
                    frame=self._at_work,
                )
                self._actions[envelope.action] = known
            known.hear(event)
        handler = self._HANDLERS.get(type(event.record))
        if handler is not None:
            handler(self, envelope, event.record)

    def story(self) -> RunStory:
        """What was heard."""
        row, task, hide = self._row, self._task, self._hide
        actions = tuple(told.story(row.run) for told in self._actions.values() if told.was_called)
        return RunStory(
            run=row.run,
            tenant=row.tenant,
            agent=row.agent,
            status=row.status,
            release=row.release,
            policy=row.policy,
            principal=task.principal,
            on_behalf_of=task.on_behalf_of,
            session=hide.text(task.session),
            correlation=hide.text(task.correlation),
            task=hide.text(task.text),
            submitted_at=self._submitted,
            last_at=Instant(row.at),
            wake_at=Instant(row.wake_at),
            outcome=hide.text(self._outcome),
            packet=self._packet,
            active=self._active,
            epochs=row.epoch,
            crashes=self._crashes,
            model_cost=sum((model.cost for model in self._models), start=ZERO),
            fees=sum((action.fees for action in actions), start=ZERO),
            models=tuple(self._models),
            actions=actions,
            events=tuple(self._events),
            erased=self._erased,
            sub_agents=tuple(self._sub_agents.values()),
            plan=self._plan,
        )

    def submitted(self, envelope: Envelope, record: run_records.TaskSubmitted) -> None:
        self._task, self._submitted = record, Instant(envelope.at)

    def claimed(self, envelope: Envelope, record: run_records.RunClaimed) -> None:
        self._active += record.lost_active
        self._crashes += int(record.crashed)

    def suspended(self, envelope: Envelope, record: run_records.RunSuspended) -> None:
        self._active += record.active

    def finished(self, envelope: Envelope, record: run_records.RunFinished) -> None:
        self._active += record.active
        self._outcome = record.result

    def handed_off(self, envelope: Envelope, record: run_records.RunHandedOff) -> None:
        self._active += record.active
        self._outcome = record.reason
        self._packet = self._hide.result("", record.packet)

    def stopped(self, envelope: Envelope, record: run_records.RunStopped | run_records.RunCancelled) -> None:
        self._active += record.active
        self._outcome = record.reason

    def replied(self, envelope: Envelope, record: run_records.ModelReplied) -> None:
        self._models.append(
            ModelStory(
                turn=record.turn,
                at=Instant(envelope.at),
                requested=record.requested,
                reported=record.reported,
                input_tokens=record.usage.input_tokens,
                output_tokens=record.usage.output_tokens,
                cost=Money(record.cost_micros),
                finish=record.finish,
                through=record.through,
            )
        )
        story = self._sub_agents.get(self._at_work)
        if story is not None:
            cost = story.cost + Money(record.cost_micros)
            self._sub_agents[story.action] = replace(story, cost=cost, told=self._hide.text(record.text))

    def sub_agent_started(self, envelope: Envelope, record: run_records.SubAgentStarted) -> None:
        self._at_work = envelope.action
        self._sub_agents[envelope.action] = SubAgentStory(
            action=envelope.action,
            sub_agent=record.sub_agent,
            task=self._hide.text(record.task),
            at=Instant(envelope.at),
            events=(ref_of(envelope),),
        )

    def sub_agent_ended(self, envelope: Envelope, record: run_records.SubAgentEnded) -> None:
        never = SubAgentStory(action=envelope.action, sub_agent=record.sub_agent, task="", at=Instant(0))
        story = self._sub_agents.get(envelope.action, never)
        self._at_work = ""
        self._sub_agents[envelope.action] = replace(
            story,
            ended_at=Instant(envelope.at),
            how=record.how.value,
            turns=record.turns,
            told=self._hide.text(record.reason) or story.told,
            events=(*story.events, ref_of(envelope)),
        )

    def planned(self, envelope: Envelope, record: run_records.PlanMade) -> None:
        self._plan = self._hide.plan(record.plan)

    def erased(self, envelope: Envelope, record: RunErased) -> None:
        self._erased = ErasureStory(at=Instant(envelope.at), by=record.by, how=record.how, reason=record.reason)

    _HANDLERS: Final[Mapping[type, Callable[[Any, Envelope, Any], None]]] = MappingProxyType(
        {
            run_records.TaskSubmitted: submitted,
            run_records.RunClaimed: claimed,
            run_records.RunSuspended: suspended,
            run_records.RunFinished: finished,
            run_records.RunHandedOff: handed_off,
            run_records.RunStopped: stopped,
            run_records.RunCancelled: stopped,
            run_records.ModelReplied: replied,
            run_records.SubAgentStarted: sub_agent_started,
            run_records.SubAgentEnded: sub_agent_ended,
            run_records.PlanMade: planned,
            RunErased: erased,
        }
    )
