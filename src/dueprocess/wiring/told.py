"""A run read from its store and told: its events, its story, and the policies that decided in it. Telling is pure, in `runtime`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dueprocess.agent.sub_agents import principal_of, sub_agents_from_json
from dueprocess.errors import BadValue, FileInvalid, RecordInvalid
from dueprocess.ledger import Event, Reader
from dueprocess.policy import Policy, load
from dueprocess.release import Manifest
from dueprocess.runtime.compensate import compensations, takes_back
from dueprocess.runtime.journal import own_run
from dueprocess.runtime.lineage import RunStory
from dueprocess.runtime.policies import manifest_of
from dueprocess.runtime.redaction import Redaction
from dueprocess.runtime.retell import retell
from dueprocess.runtime.system import PolicyPublished, system_run
from dueprocess.runtime.tables import POLICIES, RunRow
from dueprocess.tool import ToolSpec
from dueprocess.values import RunId

_KEPT: Final = 64  # policies and manifests read once per process: a list of runs has few of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A run as it may be shown. `policies` are those that decided in it, by digest, None for one that cannot be read.

    `within`: the tools of each sub-agent, by the name that a policy has for it.
    `takes_back`: the action whose effect this run takes back, if it is one of those. `taken_back`: by action of this run,
    the runs in which its effect was, or is, to be taken back, each with the state of that.
    """

    row: RunRow
    events: tuple[Event, ...]
    redaction: Redaction
    story: RunStory
    policies: Mapping[str, Policy | None]
    manifest: Manifest | None
    tools: Mapping[str, ToolSpec]
    within: Mapping[str, frozenset[str]]
    takes_back: str
    taken_back: Mapping[str, Sequence[tuple[RunId, str]]]


def tell(tx: Reader, run: str, *, tenant: str) -> Told:
    """Reads and tells a run.

    Raises:
        NotFound: the tenant has no such run.
    """
    row = own_run(tx, run, tenant=tenant)
    events = tuple(tx.events(RunId(run)))
    release = manifest_of(tx, row.release, tenant=row.tenant) if row.release else None
    manifest = _manifest(release)
    tools = {tool.name: tool for tool in manifest.tools} if manifest is not None else {}
    texts = _policy_texts(tx, row, events, manifest)
    policies = {digest: _policy(text, release) for digest, text in texts.items()}
    redaction = Redaction.of(policies.values(), events)
    retrieving = frozenset(name for name, tool in tools.items() if tool.retrieves)
    story = retell(row, events, redaction=redaction, retrieving=retrieving)
    returnable = [each.action for each in story.actions if each.tool in tools and tools[each.tool].compensate]
    return Told(
        row=row,
        events=events,
        redaction=redaction,
        story=story,
        policies=policies,
        manifest=manifest,
        tools=tools,
        within=_within(manifest),
        takes_back=takes_back(events),
        taken_back={
            action: found
            for action in returnable
            if (found := compensations(tx, action, agent=row.agent, tenant=row.tenant))
        },
    )


@lru_cache(maxsize=_KEPT)
def _manifest(text: str | None) -> Manifest | None:
    try:
        return Manifest.from_text(text) if text is not None else None
    except RecordInvalid:
        return None


def _within(manifest: Manifest | None) -> Mapping[str, frozenset[str]]:
    if manifest is None:
        return {}
    try:
        found = sub_agents_from_json(manifest.sub_agents).values()
    except (RecordInvalid, BadValue):
        return {}
    return {principal_of(manifest.agent, each.name): frozenset(each.tools) for each in found}


def _policy_texts(
    tx: Reader, row: RunRow, events: Iterable[Event], manifest: Manifest | None
) -> Mapping[str, str | None]:
    """The texts of all policies that decided in a run, and of the one in force: what any of them hides stays hidden."""
    wanted = {event.envelope.policy for event in events if event.envelope.policy}
    current = tx.get(POLICIES, row.tenant, row.agent)
    if current is not None and row.agent:
        wanted.add(current.digest)
    found: dict[str, str | None] = dict.fromkeys(wanted)
    if manifest is not None:
        found[manifest.policy_digest] = manifest.policy
    for event in tx.events(system_run(row.tenant)) if wanted else ():
        record = event.record
        if isinstance(record, PolicyPublished) and record.digest in wanted:
            found[record.digest] = record.text
    return found


@lru_cache(maxsize=_KEPT)
def _policy(text: str | None, release: str | None) -> Policy | None:
    if text is None:
        return None
    manifest = _manifest(release)
    # With the tools of the run, as it decided; without them if it was made for others: what it redacts still counts.
    for tools in ({tool.name: tool for tool in manifest.tools} if manifest is not None else None, None):
        try:
            return load(text.encode(), name="policy", tools=tools)
        except FileInvalid:
            continue
    return None
