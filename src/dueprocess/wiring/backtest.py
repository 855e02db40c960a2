"""The recorded runs of an agent, read from the ledger for deciding their calls again. How that is done is in `analysis.backtest`.

Rule 1. One call is one decision: its first. What is retried, or asked for again, is the same call; what a person edited is
        another one.
Rule 2. A run that was erased, whose release is not kept, or whose policy cannot be read has calls that are not decided;
        so has one with whose tools the other policy does not load.
Rule 3. A policy is read as it is where it decides: with the tools of the release that the event names. The other one is read as
        if it had been published for that release.
Rule 4. A run is read from its beginning, also where only what came later is asked about: what it had read and done is part
        of every call.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dueprocess.analysis.backtest import decide_again
from dueprocess.analysis.recorded import Again, Frame, NotDecidable, RecordedRun, Step
from dueprocess.errors import BadValue, FileInvalid, RecordInvalid, ToolInvalid
from dueprocess.ledger import Reader
from dueprocess.policy import Policy, load
from dueprocess.release import Manifest
from dueprocess.runtime import Loaded, Shell
from dueprocess.runtime.journal import happened
from dueprocess.runtime.releases import loaded
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.system import PolicyPublished, ReleaseRegistered, system_run
from dueprocess.runtime.tables import RUNS, RunRow
from dueprocess.values import Digest, Instant, RunId, digest_bytes
from dueprocess.values.foreign import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What another policy makes of the recorded calls. `erased`: runs whose calls nobody can read any more."""

    agent: str
    since: Instant
    until: Instant
    runs: int
    erased: int
    again: tuple[Again, ...]
    lost: tuple[NotDecidable, ...]


def backtest(shell: Shell, content: bytes, *, name: str, agent: str, since: Instant) -> Backtest:
    """Decides the calls of an agent since an instant again under the policy of a file.

    Raises:
        FileInvalid: the file is no policy, whatever the tools. BadValue: several agents have run and none is named.
        RecordInvalid: the ledger was altered.
    """
    load(content, name=name, tools=None)

    def query(tx: Reader) -> tuple[list[RunRow], _Frames]:
        rows = [
            row
            for row in tx.find(RUNS, equal=(("tenant", shell.tenant),))
            if row.at >= since and row.status != RunStatus.SYSTEM.value and (not agent or row.agent in (agent, ""))
        ]
        return rows, _Frames(tx, shell.tenant, content, name)

    rows, frames = shell.store.read(query)
    # An erased run does not tell whose it was: it is counted as erased, whoever is asked about.
    agents = sorted({row.agent for row in rows if row.agent})
    if len(agents) > 1:
        raise BadValue(f"several agents have run: {', '.join(map(quoted, agents))}; say which one, --agent NAME")
    erased = [row for row in rows if row.status == RunStatus.ERASED.value]
    again, lost = decide_again(_run(shell, row, frames) for row in rows if row not in erased)
    return Backtest(
        agent=agents[0] if agents else agent,
        since=since,
        until=shell.clock.now(),
        runs=len(rows),
        erased=len(erased),
        again=tuple(each for each in again if each.recorded.at >= since),
        lost=tuple(each for each in lost if each.at >= since),
    )


def _run(shell: Shell, row: RunRow, frames: "_Frames") -> RecordedRun:
    is_looped = bool(row.queue)

    def read() -> Iterator[Step]:
        for event in shell.store.read(lambda tx: tx.events(RunId(row.run))):
            envelope = event.envelope
            frame = frames.of(envelope.release, envelope.policy)
            yield Step(event=happened(event), leaf=envelope.leaf, frame=frame)

    release = frames.release(row.release)
    return RecordedRun(
        run=row.run,
        agent=row.agent,
        begun=Instant(row.submitted_at),
        is_looped=is_looped,
        workflow=release.config.workflow if is_looped and not isinstance(release, str) else None,
        read=read,
    )


class _Frames:
    """Under what was decided, and under what it is decided again; each policy is read once for each release (rule 3)."""

    def __init__(self, tx: Reader, tenant: str, content: bytes, name: str) -> None:
        self._content = content
        self._name = name
        self._releases: dict[str, Loaded | str] = {}
        self._frames: dict[tuple[str, str], Frame | str] = {}
        manifests: dict[str, str] = {}
        texts: dict[str, str] = {}
        for event in tx.events(system_run(tenant)):
            match event.record:
                case ReleaseRegistered(digest=digest, manifest=manifest):
                    manifests[digest] = manifest
                case PolicyPublished(digest=digest, text=text):
                    texts[digest] = text
                case _:
                    pass
        self._manifests: Mapping[str, str] = manifests
        self._texts: Mapping[str, str] = texts

    def release(self, digest: str) -> Loaded | str:
        """A release as its runs fold with it, or why it cannot be used."""
        if digest not in self._releases:
            self._releases[digest] = self._release(digest)
        return self._releases[digest]

    def of(self, release: str, policy: str) -> Frame | str:
        """What decides, and what decides again, where an event names this release and this policy."""
        place = (release, policy)
        if place not in self._frames:
            self._frames[place] = self._frame(release, policy)
        return self._frames[place]

    def _release(self, digest: str) -> Loaded | str:
        text = self._manifests.get(digest)
        if text is None:
            return _NOT_KEPT
        try:
            return loaded(Manifest.from_text(text))
        except (BadValue, FileInvalid, RecordInvalid, ToolInvalid) as error:
            return f"the release of its run cannot be read: {error}"

    def _frame(self, digest: str, policy: str) -> Frame | str:
        release = self.release(digest)
        if isinstance(release, str):
            return release
        text = self._texts.get(policy)
        try:
            then = self._policy(release, policy, text.encode() if text is not None else None)
        except FileInvalid as error:
            return f"the policy that decided does not load with the tools of its release: {error.problems[0]}"
        if then is None:
            return _NOT_KEPT
        try:
            now = self._policy(release, digest_bytes(self._content), self._content)
        except FileInvalid as error:
            return f"the policy does not load with the tools of its release: {error.problems[0]}"
        if now is None:
            return _NOT_KEPT
        return Frame(then=then, now=now, tools=release.config.tools, environment=release.manifest.environment)

    def _policy(self, release: Loaded, digest: Digest | str, content: bytes | None) -> Policy | None:
        if digest in {release.policy.digest, ""}:
            return release.policy
        return load(content, name=self._name, tools=release.config.tools) if content is not None else None


_NOT_KEPT = "the release of its run, or the policy that decided, is not kept"
