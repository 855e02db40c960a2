"""Playbooks: a run told as events in and commands out, with no store, no model and no clock behind it.

    with Playbook(config) as play:
        play.on(TaskSubmitted(text="hello", key="k", agent="a", principal="agent:a@1")).wants(AskModel(turn=1, attempt=1))
        play.on(replied, then=5).wants(Finish(result="done"))

Rule 1. The whole transcript is compared: what the run wants is stated after every `on`, or the playbook fails.
Rule 2. After every `on` the run is folded anew from its first event too; both ways must give the same state (I4, I8).
"""

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from dueprocess.agent import AgentConfig, Command, Happened, Pending, RunState, initial, refold, step
from dueprocess.gate import CallRecord
from dueprocess.testing.clock import START
from dueprocess.values import SECOND, ActionId, Instant, RunId, action_id

RUN: Final = RunId("r_playbook")


class Playbook:
    """Steps one run through its events. Raises AssertionError, with the transcript so far, where it wants something else."""

    def __init__(self, config: AgentConfig, *, run: RunId = RUN, at: Instant = START, epoch: int = 1) -> None:
        self.run = run
        self.at = at
        self.epoch = epoch
        self.seq = 0
        self.state: RunState = initial(config, run)
        self.commands: tuple[Command, ...] = ()
        self._config = config
        self._events: list[Happened] = []
        self._told: list[str] = []
        self._unchecked = False

    def on(self, *records: object, action: str = "", attempt: int = 0, then: int = 0) -> Self:
        """These events happen, `then` seconds after the last ones. The commands after the last of them are to be stated."""
        assert records, "a playbook goes on with at least one event"
        assert not self._unchecked, self._failed("what the run wants was not stated after the last event")
        self.at = Instant(self.at + then * SECOND)
        for record in records:
            self.seq += 1
            event = Happened(seq=self.seq, at=self.at, record=record, epoch=self.epoch, action=action, attempt=attempt)
            self._events.append(event)
            self._told.append(f"  > {self.seq} {record}")
            self.state, self.commands = step(self.state, event)
        folded = refold(initial(self._config, self.run), tuple(self._events))
        assert folded == (self.state, self.commands), self._failed("folded anew, the run is another one")
        self._unchecked = True
        return self

    def wants(self, *commands: Command) -> Self:
        """The run wants exactly these, in this order."""
        assert self.commands == commands, self._failed(
            "the run wants\n"
            + "".join(f"    {command}\n" for command in self.commands)
            + "expected\n"
            + "".join(f"    {command}\n" for command in commands)
        )
        self._told += [f"  < {command}" for command in commands]
        self._unchecked = False
        return self

    def action(self, index: int = 0, *, cause: int | None = None, revision: int = 0) -> ActionId:
        """The id of the action that an event caused: by default the last one."""
        return action_id(run=self.run, cause=self.seq if cause is None else cause, index=index, revision=revision)

    def pending(self, action: ActionId) -> Pending:
        """The pending action of this id."""
        found = self.state.find(action)
        assert found is not None, self._failed(f"no action {action} is pending")
        return found

    def call(self, action: ActionId, *, arguments: str | None = None) -> CallRecord:
        """The call of a pending action, as an event of it carries it."""
        found = self.pending(action)
        return CallRecord(
            tool=found.request.name,
            arguments=found.request.arguments if arguments is None else arguments,
            schema="",
            principal=self.state.principal,
            cause=found.cause,
            index=found.index,
            revision=found.revision,
            request=found.request.id,
        )

    def transcript(self) -> str:
        """What happened (`>`) and what was wanted (`<`), one a line."""
        return "\n".join(self._told)

    def check(self, holds: Callable[[RunState], bool], why: str) -> Self:
        """Something holds of the state."""
        assert holds(self.state), self._failed(why)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            assert not self._unchecked, self._failed("what the run wants was not stated after the last event")

    def _failed(self, why: str) -> str:
        return f"{why}\ntranscript:\n{self.transcript()}"
