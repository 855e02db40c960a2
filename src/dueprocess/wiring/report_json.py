"""The audit report as JSON, with the proof of every event in the form that `due ledger verify` checks."""

from base64 import b64encode
from collections.abc import Iterable

from dueprocess.runtime.lineage import EventRef
from dueprocess.values import Json, rfc3339
from dueprocess.wiring.report import Report, ReportedAction, ReportedRun
from dueprocess.wiring.story_json import instant_json, story_json


def report_json(report: Report) -> dict[str, Json]:
    """The report as JSON."""
    return {
        "report": "dueprocess-audit/1",
        "subject": report.subject,
        "tenant": report.tenant,
        "made_at": rfc3339(report.made_at),
        "key": report.key,
        "checkpoint": report.proofs.note.decode(),
        "runs": [_run(report, each) for each in report.runs],
    }


def _run(report: Report, run: ReportedRun) -> dict[str, Json]:
    story = story_json(run.story)
    events: list[Json] = [_event(report, ref) for ref in run.story.events if ref.leaf in report.proofs.events]
    return {
        **{name: value for name, value in story.items() if name not in {"actions", "events", "sub_agents"}},
        "takes_back": run.takes_back or None,
        "model": run.model,
        "environment": run.environment,
        "policies": [
            {"digest": each.digest, "author": each.author, "how": each.how, "published_at": instant_json(each.at)}
            for each in run.policies
        ],
        "sub_agents": [{**story_json(each), "events": _leaves(each.events)} for each in run.sub_agents],
        "actions": [_action(each) for each in run.actions],
        "events": events,
    }


def _action(action: ReportedAction) -> dict[str, Json]:
    story = story_json(action.story)
    return {
        **story,
        "events": _leaves(action.story.events),
        "taken_back": [{"run": run, "state": state} for run, state in action.taken_back],
        "passed": [{"rule": each.rule, "compared": each.compared} for each in action.passed],
    }


def _event(report: Report, ref: EventRef) -> dict[str, Json]:
    proven = report.proofs.events[ref.leaf]
    return {
        "seq": ref.seq,
        "kind": ref.kind,
        "at": instant_json(ref.at),
        "release": ref.release,
        "policy": ref.policy,
        "epoch": ref.epoch,
        "leaf": ref.leaf,
        "line": proven.line.decode(),
        "path": [b64encode(step).decode() for step in proven.path],
    }


def _leaves(refs: Iterable[EventRef]) -> list[Json]:
    return [ref.leaf for ref in refs]
