"""How each safeguard is removed from a process: another piece is put in the place of the product's. Which tests notice is in `sabotage`."""

# ruff: noqa: ANN401, ARG005, PLC0415, SLF001 - pieces of any form take the place of what is private; nothing of the package
# may be loaded before the plugin runs.

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any


def everywhere(was: object, now: object) -> None:
    """Puts `now` in the place of `was` in every module of the package that imported it by name."""
    for name, module in list(sys.modules.items()):
        if name.startswith("dueprocess"):
            for attribute, value in list(vars(module).items()):
                if value is was:
                    setattr(module, attribute, now)


def load_all() -> None:
    """Imports what the safeguards stand in, so that every name that is to be replaced is there."""
    for name in ("testing.workbench", "wiring.guard"):
        importlib.import_module(f"dueprocess.{name}")


def call_tools_directly() -> None:
    from dueprocess.tool.governed import Tool

    Tool.__call__ = lambda self, *args, **kwargs: self.function(*args, **kwargs)  # type: ignore[method-assign,assignment]


def run_on_other_arguments() -> None:
    from dueprocess.runtime import perform

    decided = perform._keywords

    def other(tool: Any, dispatch: Any) -> Any:
        keywords = decided(tool, dispatch)
        return {**keywords, "order_id": "another"} if isinstance(keywords, dict) else keywords

    perform._keywords = other


def give_sub_agents_every_tool() -> None:
    judge = importlib.import_module("dueprocess.gate.judge")

    judged = judge.judge
    everywhere(judged, lambda *args, call, **named: judged(*args, call=replace(call, within=None), **named))


def check_no_schema() -> None:
    judge = importlib.import_module("dueprocess.gate.judge")  # the room's face has a function of this name

    judge._schema = lambda *_: ()


def ask_without_a_price() -> None:
    from dueprocess.model import Price
    from dueprocess.runtime import ask
    from dueprocess.values import ZERO

    priced = ask.admit_question

    class Free:
        def price(self, model: str) -> Price:
            return Price(input=ZERO, output=ZERO)

    ask.admit_question = lambda tx, shell, *args, **kwargs: priced(tx, replace(shell, provider=Free()), *args, **kwargs)


def act_before_the_intent() -> None:
    from dueprocess.gate import ActionDispatched
    from dueprocess.runtime import act, perform
    from dueprocess.tool import Attempt

    decide = act._decide

    def eager(run: Any, tx: Any, items: Any, batch: Any) -> Iterator[Any]:
        for item in decide(run, tx, items, batch):
            record = item.record
            if isinstance(record, ActionDispatched):
                attempt = Attempt(
                    key=record.sink_key,  # type: ignore[arg-type]
                    action=item.action,
                    number=item.attempt,
                    run=run.claim.run,
                    deadline=record.dispatch_before,  # type: ignore[arg-type]
                    principal="",  # type: ignore[arg-type]
                )
                dispatch = perform.Dispatch(intent=record, attempt=attempt)
                perform.start(run.shell, run.shell.tools[record.call.tool], dispatch).result()
            yield item

    act._decide = eager


def ask_for_no_epoch() -> None:
    from chaos.controls import Control, remove_safeguard

    remove_safeguard(Control.NO_EPOCH)


def call_the_unknown_failed() -> None:
    from dueprocess.gate import SettledBy
    from dueprocess.runtime import perform

    perform._unknown_or_failed = lambda dispatch, error: perform._failed(SettledBy.TOOL, error)


def wait_for_no_deadline() -> None:
    from dueprocess.agent import DeclareLost, todo
    from dueprocess.agent.state import Status

    def at_once(state: Any) -> Any:
        gone = tuple(i.action for i in state.pending if i.status is Status.DISPATCHED and i.epoch < state.epoch)
        return (DeclareLost(actions=gone),) if gone else ()

    todo._lost = at_once


def repeat_under_a_new_key() -> None:
    from dueprocess.runtime import admission

    # No tool counts as one whose sink enforces keys, so every attempt is given a key of its own.
    admission.Idempotency = SimpleNamespace(SINK=object())


def consume_no_grant() -> None:
    from chaos.controls import Control, remove_safeguard

    remove_safeguard(Control.NO_GRANT)


def let_requesters_approve() -> None:
    from dueprocess.gate import held

    asked = held.request_of
    everywhere(asked, lambda *args, **kwargs: replace(asked(*args, **kwargs), requesters=()))


def forget_the_chain() -> None:
    from dueprocess.agent.state import Asker, RunState

    asker: Any = RunState.asker.fget  # type: ignore[attr-defined]
    RunState.asker = property(lambda self: Asker(within=asker(self).within))  # type: ignore[assignment,method-assign]


def ask_nobody_to_confirm() -> None:
    from dueprocess.gate.confirm import unconfirmed

    everywhere(unconfirmed, lambda *_, **__: ())


def decide_only_once() -> None:
    from dueprocess.approval import covers

    everywhere(covers, lambda *_, **__: None)


def count_no_calls() -> None:
    from dueprocess.meter import Gauge
    from dueprocess.runtime import admission

    admission.calls_of = lambda *_: Gauge()


def count_no_reservation() -> None:
    from chaos.controls import Control, remove_safeguard

    remove_safeguard(Control.NO_RESERVATION)


def write_beside_the_ledger() -> None:
    from dueprocess.runtime import journal
    from dueprocess.runtime.tables import GAUGES, GaugeRow

    appended = journal.append

    def beside(tx: Any, *args: Any, **named: Any) -> Any:
        tx.put(GAUGES, GaugeRow(key="beside", spent=1, reserved=0))
        return appended(tx, *args, **named)

    everywhere(appended, beside)


def believe_every_line() -> None:
    from dueprocess.ledger import verify

    class Same(str):
        """A checksum that no other differs from."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __ne__(self, other: object) -> bool:
            return False

    # Two layers see a change: the root with the links, and the checksum of the file.
    verify._LogCheck.finish = lambda self: self._gap
    verify._Reader.sha256 = lambda self: Same()


def record_what_errors_say() -> None:
    from dueprocess.values.foreign import described

    everywhere(described, str)


def rest_without_looking() -> None:
    from dueprocess.runtime.run import Run

    looked = Run.commit
    Run.commit = lambda self, make, *, fresh=True, sync=True: looked(self, make, fresh=False, sync=sync)  # type: ignore[method-assign]


def ask_for_no_origin() -> None:
    from dueprocess.gate import vouching

    everywhere(vouching.weigh, lambda *args, **named: vouching.Weighed())


def believe_what_agents_tell_sub_agents() -> None:
    from dueprocess.agent import remember
    from dueprocess.agent.records import SubAgentStarted

    def told(history: Any, event: Any, record: Any, workflow: Any) -> Any:
        return history.enter(remember.said(record.task, origin="task"))

    remember._HANDLERS = {**remember._HANDLERS, SubAgentStarted: told}  # type: ignore[misc]


def use_no_place() -> None:
    from dueprocess.provenance.standing import Standing

    Standing.use = lambda self, uses: self  # type: ignore[method-assign]


def trust_what_a_plan_writes_out() -> None:
    from dueprocess.agent import remember
    from dueprocess.agent.declared import workflow_from_json
    from dueprocess.agent.records import PlanMade
    from dueprocess.values import parse

    planned = remember._planned

    def trusted(history: Any, event: Any, record: PlanMade, workflow: Any) -> Any:
        plan = workflow_from_json(parse(record.plan))
        after = planned(history, event, record, workflow)
        return after if plan is None else after.enter(remember._literals(plan))

    remember._HANDLERS[PlanMade] = trusted  # type: ignore[index]


def extract_in_the_same_conversation() -> None:
    from dueprocess.agent import turns

    # What is no extraction is taken for a plain decision, which sees all that was said.
    turns.Extract = type("Nothing", (), {})  # type: ignore[misc,assignment]


def name_no_release() -> None:
    from dueprocess.runtime import journal

    drafted = journal._draft
    journal._draft = lambda *args, **named: replace(drafted(*args, **named), release="")


def name_the_policy_of_the_claim() -> None:
    from dueprocess.runtime import journal

    drafted = journal._draft
    journal._draft = lambda claim, item, *, at: drafted(claim, replace(item, policy=""), at=at)
