"""Where a run stands, in words, as JSON and as an exit code: its result, or who must do what for it to go on."""

from pathlib import Path
from typing import Final

from dueprocess.cli.commands import command as due
from dueprocess.cli.exits import Exit
from dueprocess.gate import ActionState
from dueprocess.gate.confirm import asks
from dueprocess.runtime.left_behind import Program, program_of
from dueprocess.runtime.lineage import ActionStory, RunStory
from dueprocess.runtime.status import TERMINAL, RunStatus
from dueprocess.values import Json, rfc3339
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import Access
from dueprocess.wiring.told import Told
from dueprocess.wiring.wording import LONG, call_text, duration_text, values_text

_WRITE: Final = "write"
_CLOSED: Final = "closed"
_GUARDED: Final = {
    Program.RUNNING.value: "open in its program",
    Program.GONE.value: "open, its program is gone",
    Program.UNKNOWN.value: "open, its program is elsewhere or gone",
    _CLOSED: "closed, its program may open it again",
}
STATUS_WORDS: Final = {
    RunStatus.HELD.value: "held for approval",
    RunStatus.CLARIFICATION.value: "waits for the requester",
    RunStatus.TIMER.value: "waits for a time",
    RunStatus.OTHER_ACTION.value: "waits for another action",
    RunStatus.STOP.value: "stopped by the kill switch",
    RunStatus.YIELDED.value: "given back",
    RunStatus.HANDED_OFF.value: "handed off to a person",
}


def status_words(status: str) -> str:
    """A status as people are told it."""
    return STATUS_WORDS.get(status, status)


def told_status(told: Told) -> str:
    """Where a run stands, as people are told it; of a guarded one, whether its program still has it."""
    if told.takes_back and open_holds(told.story):
        return status_words(RunStatus.HELD.value)
    program = program_word(told)
    return _GUARDED[program] if program else status_words(told.row.status)


def program_word(told: Told) -> str:
    """Of an open guarded run: `running`, `gone`, `unknown` or `closed`; empty for any other."""
    row = told.row
    if row.queue or row.status in TERMINAL:
        return ""
    return _CLOSED if row.status == RunStatus.YIELDED.value else program_of(told.events).value


def exit_of(story: RunStory) -> Exit:
    """The exit code of a run that has ended or rests; which is which stands in the help of `due run`."""
    if story.status not in TERMINAL:
        return Exit.WAITING
    denied = any(action.state == ActionState.DENIED.value for action in story.actions)
    if denied and not any(_took_effect(action) for action in story.actions):
        return Exit.DENIED
    return Exit.OK if story.status == RunStatus.FINISHED.value else Exit.ERROR


def open_holds(story: RunStory) -> tuple[ActionStory, ...]:
    """The actions that wait for people."""
    return tuple(action for action in story.actions if action.state == ActionState.HELD.value)


def standing_text(here: Access, told: Told) -> str:
    """Where the run stands and what to do next; the result of a finished one is not repeated."""
    story = told.story
    lines = [f"{story.run}  {told_status(told)}{_time_and_money(story)}"]
    if story.status in TERMINAL:
        if story.status != RunStatus.FINISHED.value and story.outcome:
            lines.append(f"  {visible(story.outcome, limit=LONG)}")
        lines += [f"  {line}" for action in story.actions for line in _refusal(action)]
        lines += next_lines(here, told)
        lines.append(f"the whole story: {due(here.folder, 'runs', 'show', story.run)}")
        return "\n".join(lines)
    for action in open_holds(story):
        lines += [f"  {line}" for line in hold_lines(action)]
    question = question_of(told)
    if question:
        lines.append(f"  it asks: {visible(question, limit=LONG)}")
    return "\n".join([*lines, *next_lines(here, told)])


def hold_lines(action: ActionStory) -> list[str]:
    """A hold in a few lines: the call, why it is held, who may approve it until when."""
    lines = [f"{action.action}  {call_text(action.tool, action.arguments)}"]
    for finding in action.decisions[-1].findings if action.decisions else ():
        values = values_text(finding.compared)
        shown = f" ({values})" if values else ""
        lines.append(f"  {visible(finding.rule)}: {visible(finding.reason, limit=LONG)}{shown}")
    if action.hold is not None:
        who = confirming(action)
        asked = f"to confirm: {visible(who)}" if who else f"approvers: {approvers_text(action)}"
        lines.append(f"  {asked}; until {rfc3339(action.hold.expires_at)}")
    return lines


def confirming(action: ActionStory) -> str:
    """Who must say yes to a held call before approvers are asked: whoever it is done for; empty where it waits for no such word."""
    findings = action.decisions[-1].findings if action.decisions else ()
    return action.on_behalf_of if asks(action.tool, findings) else ""


def approvers_text(action: ActionStory) -> str:
    """Who must approve: `1 of group:finance`, or everyone of a list; and who else may, from when on."""
    hold = action.hold
    if hold is None:
        return ""
    parts = [f"{hold.quorum} of {', '.join(hold.any_of)}"] if hold.any_of else []
    parts += [f"{hold.quorum} people, one for each of {', '.join(hold.all_of)}"] if hold.all_of else []
    parts += [f"also {hold.escalate_to} from {rfc3339(hold.escalate_at)}"] if hold.escalate_to else []
    return "; ".join(parts)


def reminders_of(action: ActionStory) -> int:
    """How often people were reminded of a hold."""
    return sum(not each.to for each in action.hold.notices) if action.hold is not None else 0


def escalated_to(action: ActionStory) -> str:
    """Whom a hold has gone to since nobody answered; empty where it has gone to nobody."""
    return next((each.to for each in action.hold.notices if each.to), "") if action.hold is not None else ""


def question_of(told: Told) -> str:
    """What the run asks its requester, redacted; empty where it asks nothing."""
    if told.story.status != RunStatus.CLARIFICATION.value:
        return ""
    asked = [
        getattr(event.record, "question", "") for event in told.events if event.envelope.kind == "clarification.asked"
    ]
    return told.redaction.text(asked[-1]) if asked else ""


def next_commands(here: Access, told: Told) -> list[tuple[str, str]]:
    """What to do next, each with the command that does it."""
    story, folder = told.story, here.folder
    resume = go_on(here, told)
    then = [("then go on", resume)] if resume else []
    holds = open_holds(story)
    if holds and (story.status == RunStatus.HELD.value or told.takes_back):
        found = [("look at it", due(folder, "approvals", "show", action.action)) for action in holds]
        found += [(f"{verb} it", due(folder, "approvals", verb, action.action)) for action, verb in map(_asked, holds)]
        return [*_nobody(here, holds), *found, *then]
    if story.status in TERMINAL:
        return [line for action in story.actions for line in _to_settle(action, folder)]
    match story.status:
        case RunStatus.CLARIFICATION.value:
            return [("answer", due(folder, "runs", "answer", story.run, "YOUR ANSWER")), *then]
        case RunStatus.STOP.value:
            return [("see the stops", due(folder, "stop", "--list")), *then]
        case _:
            return [("go on", resume)] if resume else []


def go_on(here: Access, told: Told) -> str:
    """The command that goes on with the run; empty where it has ended, or where only the program that owns it can."""
    if told.takes_back and here.project is not None and told.story.status not in TERMINAL:
        return due(here.folder, "actions", "compensate", told.takes_back)
    # A run that is guarded, or in a folder that is no project, is driven by whoever made it.
    if here.project is None or not told.row.queue or told.story.status in TERMINAL:
        return ""
    return due(here.folder, "run", "--resume", told.story.run)


def then_text(here: Access, told: Told) -> str:
    """What becomes of the run after somebody answered: how it goes on, or that it has ended."""
    if told.story.status in TERMINAL:
        return f"its run has ended: {due(here.folder, 'runs', 'show', told.story.run)}"
    resume = go_on(here, told)
    if resume:
        return f"its run goes on with: {resume}"
    gone = f"; if that is gone for good: {due(here.folder, 'runs', 'cancel', told.story.run)}"
    return f"its run goes on in the program that it belongs to{'' if told.row.queue else gone}"


def next_lines(here: Access, told: Told) -> list[str]:
    """The same as aligned lines."""
    found = next_commands(here, told)
    width = max((len(what) for what, _ in found), default=0)
    return [f"{what + ':':<{width + 1}} {line}" for what, line in found]


def standing_json(here: Access, told: Told) -> dict[str, Json]:
    """Where the run stands, for programs."""
    story = told.story
    ended = story.status in TERMINAL
    return {
        "run": story.run,
        "agent": story.agent,
        "status": story.status,
        "exit": int(exit_of(story)),
        "result": story.outcome if story.status == RunStatus.FINISHED.value else None,
        "reason": story.outcome if ended and story.status != RunStatus.FINISHED.value else None,
        "question": question_of(told) or None,
        "actions": [action_json(action) for action in story.actions],
        "model_cost_usd": str(story.model_cost),
        "fees_usd": str(story.fees),
        "next": [line for _, line in next_commands(here, told)],
    }


def action_json(action: ActionStory) -> dict[str, Json]:
    """An action in short."""
    findings = action.decisions[-1].findings if action.decisions else ()
    return {
        "action": action.action,
        "tool": action.tool,
        "arguments": action.arguments,
        "state": action.state,
        "findings": [
            {"rule": each.rule, "decision": each.decision, "reason": each.reason, "compared": each.compared}
            for each in findings
        ],
    }


def _asked(action: ActionStory) -> tuple[ActionStory, str]:
    return action, "confirm" if confirming(action) else "approve"


def _refusal(action: ActionStory) -> list[str]:
    if action.state != ActionState.DENIED.value:
        return []
    said = [f"rejected by {visible(each.by)}" for each in action.answers if each.what == "rejected"]
    why = [f"{visible(each.rule)}: {visible(each.reason, limit=LONG)}" for each in action.decisions[-1].findings]
    return [f"denied: {call_text(action.tool, action.arguments)}", *(f"  {line}" for line in said or why)]


def _to_settle(action: ActionStory, folder: Path) -> list[tuple[str, str]]:
    """What a person says of an action that nobody else can tell, after a look at the sink under its key."""
    if action.state != ActionState.UNSETTLED.value:
        return []
    settle = due(folder, "actions", "settle", action.action)
    return [("if it took effect", f"{settle} --succeeded"), ("if it did not", f"{settle} --failed")]


def _nobody(here: Access, holds: tuple[ActionStory, ...]) -> list[tuple[str, str]]:
    """How to make an approver, where the identities file has nobody who could be one."""
    people = here.home.identities.people()
    for action in holds:
        if confirming(action):
            continue
        wanted = (*action.hold.any_of, *action.hold.all_of) if action.hold is not None else ()
        known = {entry.id for entry in people} | {f"group:{group}" for entry in people for group in entry.groups}
        if not known.intersection(wanted):
            group = next((entry.removeprefix("group:") for entry in wanted if entry.startswith("group:")), "")
            words = ("identity", "add", "NAME", *(("--group", group) if group else ()))
            return [("make an approver", due(here.folder, *words))]
    return []


def _took_effect(action: ActionStory) -> bool:
    return any(each.effect == _WRITE and each.outcome != ActionState.FAILED.value for each in action.attempts)


def _time_and_money(story: RunStory) -> str:
    return f"  ({duration_text(story.active)}, {story.model_cost + story.fees} USD)"
