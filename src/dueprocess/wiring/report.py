"""The audit report as one value: the stories of runs and actions, the rules that were asked, and the proof of every event.

How it is written, as text, JSON or HTML, is in `report_text`, `report_json` and `report_html`.

Rule 1. What was recorded is told as recorded. The rules that had nothing against a call were not recorded; they are asked
        again, under the policy that decided then and on the arguments that were decided, and marked as asked again.
Rule 2. Every event of the report is proven under one checkpoint: the report says of itself what can be checked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dueprocess.errors import NotFound
from dueprocess.evidence import Viewer, retrieved
from dueprocess.gate import ActionSettled, CallRecord, Outcome, RawCall, judge
from dueprocess.ledger import Event, Reader
from dueprocess.policy import DEFAULT_ENVIRONMENT, Passed, Principal, explain
from dueprocess.runtime.lineage import ActionStory, RunStory, SubAgentStory
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.system import PolicyPublished, system_run
from dueprocess.runtime.tables import ACTIONS, RUNS
from dueprocess.values import Instant, Json, RunId, canonical, parse, rfc3339
from dueprocess.values.canonical import parse_or
from dueprocess.wiring.access import Access
from dueprocess.wiring.proofs import Proofs, prove
from dueprocess.wiring.told import Told, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedRule:
    """A rule that had nothing against the call, with the values it compared."""

    rule: str
    compared: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A policy that decided: who put it in force, how they were known, when."""

    digest: str
    author: str
    how: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAction:
    """An action and the rules that had nothing against it, under the policy that decided last.

    `taken_back`: the runs in which its effect was, or is, to be taken back, each with the state of that.
    """

    story: ActionStory
    passed: tuple[PassedRule, ...]
    taken_back: tuple[tuple[RunId, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRun:
    """A run with those of its actions that the report is about. `takes_back`: the action whose effect it takes back, if any.

    `sub_agents`: their work, of a report on the whole run, or of the one that asked for the action it is about.
    """

    story: RunStory
    takes_back: str
    model: str
    environment: str
    actions: tuple[ReportedAction, ...]
    policies: tuple[Publication, ...]
    sub_agents: tuple[SubAgentStory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report. `subject`: what it is about, in words; `key`: the public key that its proofs are checked with."""

    subject: str
    tenant: str
    made_at: Instant
    key: str
    runs: tuple[ReportedRun, ...]
    proofs: Proofs


def report_on_action(here: Access, action: str) -> Report:
    """The report on one action.

    Raises:
        NotFound: no such action, or its run was erased. RecordInvalid: the ledger was altered.
    """

    def query(tx: Reader) -> str:
        row = tx.get(ACTIONS, action)
        if row is None:
            raise NotFound(f"no action {action} here; `due runs show RUN` names those of a run")
        return row.run

    run = here.home.store.read(query)
    return _report(here, [run], subject=f"action {action}", only=action)


def report_on_run(here: Access, run: str) -> Report:
    """The report on one run and all its actions.

    Raises:
        NotFound: no such run. RecordInvalid: the ledger was altered.
    """
    return _report(here, [run], subject=f"run {run}")


def report_since(here: Access, since: Instant) -> Report:
    """The report on every run in which something happened since an instant.

    Raises:
        RecordInvalid: the ledger was altered.
    """

    def query(tx: Reader) -> list[str]:
        rows = [
            row
            for row in tx.find(RUNS, equal=(("tenant", here.tenant),))
            if row.at >= since and row.status != RunStatus.SYSTEM.value
        ]
        return [row.run for row in sorted(rows, key=lambda row: (row.submitted_at or row.at, row.run))]

    return _report(here, here.home.store.read(query), subject=f"everything since {rfc3339(since)}")


def _report(here: Access, runs: Sequence[str], *, subject: str, only: str = "") -> Report:
    told = [here.home.store.read(lambda tx, run=run: tell(tx, run, tenant=here.tenant)) for run in runs]
    published = here.home.store.read(lambda tx: _publications(tx, here.tenant))
    about = {only, *(sub.action for each in told for sub in _sub_agents(each, only))}
    leaves = [
        event.envelope.leaf for each in told for event in each.events if not only or event.envelope.action in about
    ]
    return Report(
        subject=subject,
        tenant=here.tenant,
        made_at=here.shell.clock.now(),
        key=str(here.home.verifier),
        runs=tuple(_run(each, published, only) for each in told),
        proofs=prove(here.home.store, leaves),
    )


def _run(told: Told, published: Mapping[str, Publication], only: str) -> ReportedRun:
    story = told.story
    actions = [action for action in story.actions if not only or action.action == only]
    decided = dict.fromkeys(decision.policy for action in actions for decision in action.decisions)
    return ReportedRun(
        story=story,
        takes_back=told.takes_back,
        model=told.manifest.model if told.manifest is not None else "",
        environment=told.manifest.environment if told.manifest is not None else "",
        actions=tuple(
            ReportedAction(
                story=action,
                passed=_passed(told, action),
                taken_back=tuple(told.taken_back.get(action.action, ())),
            )
            for action in actions
        ),
        policies=tuple(
            published.get(digest, Publication(digest=digest, author="", how="", at=Instant(0))) for digest in decided
        ),
        sub_agents=_sub_agents(told, only),
    )


def _sub_agents(told: Told, only: str) -> tuple[SubAgentStory, ...]:
    asked = {action.frame for action in told.story.actions if action.action == only}
    return tuple(each for each in told.story.sub_agents if not only or each.action in asked)


def _publications(tx: Reader, tenant: str) -> dict[str, Publication]:
    """The last publication of each policy."""
    return {
        event.record.digest: Publication(
            digest=event.record.digest,
            author=event.record.author,
            how=event.record.how,
            at=Instant(event.envelope.at),
        )
        for event in tx.events(system_run(tenant))
        if isinstance(event.record, PolicyPublished)
    }


def _passed(told: Told, action: ActionStory) -> tuple[PassedRule, ...]:
    # Rule 1: asked again on what was recorded.
    decided = [(event, _call_of(event)) for event in told.events if event.envelope.action == action.action]
    calls = [(event, call) for event, call in decided if call is not None]
    if not calls or told.redaction.all_hidden:
        return ()
    event, call = calls[-1]
    policy = told.policies.get(event.envelope.policy)
    if policy is None:
        return ()
    judged = judge(policy, told.tools, call=raw_call(told, call, before=event.envelope.seq))
    if judged.call is None:
        return ()
    return tuple(
        PassedRule(rule=each.rule, compared=told.redaction.result("", canonical(dict(each.compared))))
        for each in explain(policy, judged.call)
        if isinstance(each, Passed)
    )


def raw_call(told: Told, call: CallRecord, *, before: int) -> RawCall:
    """A recorded call as it was given to the gate, with the evidence that its run had retrieved before that event."""
    who = call.principal
    principal = Principal(id=who, on_behalf_of=call.on_behalf_of or None, through=call.through) if who else None
    calls = {event.envelope.action: made for event in told.events if (made := _call_of(event)) is not None}
    chunks = [
        chunk
        for event in told.events
        if event.envelope.seq < before and (made := calls.get(event.envelope.action)) and _retrieves(told, made.tool)
        for chunk in retrieved(
            _result(event),
            by=Viewer.of(made.principal, on_behalf_of=made.on_behalf_of),
            at=Instant(event.envelope.at),
        )
    ]
    return RawCall(
        tool=call.tool,
        arguments=call.arguments,
        principal=principal,
        environment=told.manifest.environment if told.manifest is not None else DEFAULT_ENVIRONMENT,
        evidence=tuple(chunks),
        citations=parse(call.citations) if call.citations else None,
        within=told.within.get(call.through[-1], frozenset()) if call.through else None,
    )


def _retrieves(told: Told, tool: str) -> bool:
    spec = told.tools.get(tool)
    return spec is not None and spec.retrieves


def _result(event: Event) -> Json:
    record = event.record
    if not isinstance(record, ActionSettled) or record.outcome is not Outcome.SUCCEEDED:
        return None
    return parse_or(record.result)


def _call_of(event: Event) -> CallRecord | None:
    call = getattr(event.record, "call", None)
    return call if isinstance(call, CallRecord) else None
