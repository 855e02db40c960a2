"""Publishing a policy: checked against the agent's tools and its own tests, then put in force by somebody who is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dueprocess.errors import FileInvalid, NotFound
from dueprocess.gate.trial import Trial, try_tests
from dueprocess.ledger import Reader, Transaction
from dueprocess.policy import Policy, load
from dueprocess.release import Manifest
from dueprocess.runtime import TERMINAL, Person, publish
from dueprocess.runtime.policies import manifest_of
from dueprocess.runtime.system import system_run
from dueprocess.runtime.tables import POLICIES, RELEASES, RUNS
from dueprocess.tool import ToolSpec
from dueprocess.values.foreign import quoted
from dueprocess.wiring.access import Access
from dueprocess.wiring.build import read_text, tools_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What became of it. `changed` is false where this person's same text was in force already; then nothing was recorded.

    `failed`: tests of its own that fail; then it was not published. `stuck`: runs that cannot go on under it, because it
    does not load with the tools of their release.
    """

    policy: Policy
    changed: bool = False
    failed: tuple[Trial, ...] = ()
    stuck: tuple[str, ...] = ()


def publish_policy(here: Access, path: Path, *, agent: str, person: Person) -> Published:
    """Puts the policy of a file in force for an agent, from the next decision on.

    Raises:
        NotFound: no such agent. StoreUnavailable: the file cannot be read. FileInvalid: it does not load with the agent's
        tools.
    """
    tools = _tools(here, agent)
    text = read_text(path)
    people = here.home.identities
    groups = people.names() if people.groups() else None
    policy = load(text.encode(), name=path.name, tools=tools, groups=groups)
    failed = tuple(trial for trial in try_tests(policy, tools) if not trial.passed)
    if failed:
        return Published(policy=policy, failed=failed)

    def unit(tx: Transaction) -> bool:
        current = tx.get(POLICIES, here.tenant, agent)
        if current is not None and (current.digest, current.author) == (policy.digest, person.id):
            return False
        publish(
            tx,
            tenant=here.tenant,
            agent=agent,
            digest=policy.digest,
            text=text,
            author=person.id,
            how=person.how,
            now=here.shell.clock.now(),
        )
        return True

    here.home.store.open_run(system_run(here.tenant))
    changed = here.home.store.write(unit)
    return Published(
        policy=policy,
        changed=changed,
        stuck=here.home.store.read(lambda tx: _stuck(tx, agent, policy, tenant=here.tenant)),
    )


def _tools(here: Access, agent: str) -> Mapping[str, ToolSpec]:
    if here.project is not None and agent in here.project.agents:
        return {tool.name: tool.spec for tool in tools_of(here.project.agents[agent], here.project)}

    def query(tx: Reader) -> str | None:
        rows = sorted(tx.find(RELEASES, equal=(("tenant", here.tenant), ("agent", agent))), key=lambda row: row.seq)
        return manifest_of(tx, rows[-1].digest, tenant=here.tenant) if rows else None

    text = here.home.store.read(query)
    if text is None:
        known = sorted(
            {
                *(here.project.agents if here.project is not None else ()),
                *here.home.store.read(lambda tx: _agents(tx, here.tenant)),
            }
        )
        raise NotFound(f"no agent {quoted(agent)} here; there is: {', '.join(known) or 'none'}")
    return {tool.name: tool for tool in Manifest.from_text(text).tools}


def _agents(tx: Reader, tenant: str) -> list[str]:
    return [row.agent for row in tx.find(RELEASES, equal=(("tenant", tenant),))]


def _stuck(tx: Reader, agent: str, policy: Policy, *, tenant: str) -> tuple[str, ...]:
    found: list[str] = []
    fits: dict[str, bool] = {}
    for row in tx.find(RUNS, equal=(("tenant", tenant), ("agent", agent))):
        if row.status in TERMINAL:
            continue
        if row.release not in fits:
            text = manifest_of(tx, row.release, tenant=row.tenant)
            fits[row.release] = text is None or _loads_with(policy, Manifest.from_text(text))
        if not fits[row.release]:
            found.append(row.run)
    return tuple(found)


def _loads_with(policy: Policy, manifest: Manifest) -> bool:
    try:
        load(policy.source.encode(), name=policy.name, tools={tool.name: tool for tool in manifest.tools})
    except FileInvalid:
        return False
    return True
