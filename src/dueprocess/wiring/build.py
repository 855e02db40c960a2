"""A project made ready to run: tools, model, releases, engine. What the project file says is read in `project`.

Rule 1. What cannot be loaded is refused before anything runs: code, prompt, policy against the tools, the model's server.
Rule 2. One name is one tool in a project: the ledger names tools, and a run may be taken up by another agent's driver.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dueprocess.agent import Workflow, workflow_to_json
from dueprocess.agent.state import BUILT_IN
from dueprocess.agent.sub_agents import SubAgent, misfits, sub_agents_from_json, sub_agents_to_json
from dueprocess.engines import LocalEngine
from dueprocess.engines.local import Failed
from dueprocess.errors import BadValue, DueProcessError, FileInvalid, Problem, RecordInvalid, StoreUnavailable
from dueprocess.ledger import Reader
from dueprocess.release import STEP_VERSION, Manifest
from dueprocess.runtime import TERMINAL, Loaded, Releases, Shell, introduce, loaded, queue_of
from dueprocess.runtime.policies import manifest_of
from dueprocess.runtime.status import RunStatus
from dueprocess.runtime.tables import RUNS
from dueprocess.tool import Tool, ToolSpec
from dueprocess.values import Json, RunId
from dueprocess.values.foreign import visible
from dueprocess.wiring.access import Access
from dueprocess.wiring.code import Modules
from dueprocess.wiring.models import models
from dueprocess.wiring.project import PROJECT_FILE, AgentEntry, Project, load_project
from dueprocess.wiring.settings import Settings

_UNDER_WAY: Final = frozenset(
    status for status in RunStatus if status.value not in TERMINAL and status is not RunStatus.SYSTEM
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A project ready to run. `releases` are the present ones, by agent."""

    project: Project
    shell: Shell
    releases: Mapping[str, Loaded]

    def engine(
        self, *, only: RunId | None = None, on_failure: Callable[[RunId, DueProcessError], None] | None = None
    ) -> LocalEngine:
        """An engine for all agents of the project, or for one run."""
        queues = frozenset(queue_of(name, STEP_VERSION) for name in self.releases)
        known = Releases(*self.releases.values())
        chosen = None if only is None else frozenset({only})

        def told(failed: Failed) -> None:
            if on_failure is not None:
                on_failure(failed.run, failed.error)

        return LocalEngine(self.shell, known, queues=queues, only=chosen, on_failure=told)


def build(here: Access, environment: Mapping[str, str] = os.environ) -> Built:
    """Puts a project together and makes its releases known to its store.

    Raises:
        StoreUnavailable: no project file, or a file it names cannot be read. FileInvalid: a policy does not load.
        BadValue, ToolInvalid: code cannot be loaded, or the model has no server.
    """
    project = here.project
    if project is None:
        raise StoreUnavailable(f"{here.folder / PROJECT_FILE} is not there; only a project can run its agents")
    settings = Settings.of(environment)
    modules = Modules(project.folder)
    tools = {name: _tools_of(agent, modules) for name, agent in project.agents.items()}
    releases = {
        name: released(agent, project=project, tools=tools[name], modules=modules, settings=settings)
        for name, agent in project.agents.items()
    }
    provider = models(
        tuple(name for release in releases.values() for name in models_of(release.manifest)),
        older=here.home.store.read(lambda tx: _models_under_way(tx, here.tenant)),
        modules=modules,
        settings=settings,
        prices=project.prices,
    )
    shell = replace(here.shell, tools=_all_tools(tools), provider=provider, spend_limits=project.spend_limits)
    for release in releases.values():
        introduce(shell, release)
    return Built(project=project, shell=shell, releases=releases)


def released(
    agent: AgentEntry, *, project: Project, tools: tuple[Tool, ...], modules: Modules, settings: Settings
) -> Loaded:
    """The release that an agent of the project file is now.

    Raises:
        As `build`.
    """
    manifest = Manifest(
        agent=agent.name,
        prompt=read_text(project.folder / agent.prompt),
        model=settings.model or agent.model,
        max_output_tokens=agent.max_output_tokens,
        tools=tuple(tool.spec for tool in tools),
        policy=read_text(project.folder / agent.policy),
        policy_name=agent.policy.name,
        environment=project.environment,
        workflow=_workflow(agent.workflow, modules),
        clarifies=agent.clarifies,
        sub_agents=sub_agents_to_json(_sub_agents(agent, project=project, tools=tools, settings=settings)),
        mode=agent.mode,
    )
    return loaded(manifest)


def tools_of(agent: AgentEntry, project: Project) -> tuple[Tool, ...]:
    """The tools of one agent, for commands that run nothing.

    Raises:
        BadValue, ToolInvalid: its code cannot be loaded.
    """
    return _tools_of(agent, Modules(project.folder))


def tools_for(policy: Path) -> Mapping[str, ToolSpec] | None:
    """The tools of the agent whose policy this file is; None where it is no agent's in a project beside or above it.

    Raises:
        FileInvalid: the project file is not of its form. BadValue, ToolInvalid: its code cannot be loaded.
    """
    path = policy.resolve()
    folder = next((each for each in path.parents if (each / PROJECT_FILE).is_file()), None)
    if folder is None:
        return None
    project = load_project(folder)
    found = next((each for each in project.agents.values() if (folder / each.policy).resolve() == path), None)
    return None if found is None else {tool.name: tool.spec for tool in tools_of(found, project)}


def read_text(path: Path) -> str:
    """The exact text of a file in UTF-8, line ends and all: what it is a digest of must be what it is.

    Raises:
        StoreUnavailable: it cannot be read. FileInvalid: it is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = Problem(line=line, path="", message=f"not UTF-8: byte {content[error.start]:#04x}; save it as UTF-8")
        raise FileInvalid(path.name, (problem,)) from None


def _tools_of(agent: AgentEntry, modules: Modules) -> tuple[Tool, ...]:
    found: dict[str, Tool] = {}
    for reference in agent.tools:
        for tool in modules.tools(reference):
            if found.setdefault(tool.name, tool) is not tool:
                raise BadValue(f"agent {agent.name} has two tools named {tool.name}; give one of them another name=")
    return tuple(found.values())


def _all_tools(tools: Mapping[str, tuple[Tool, ...]]) -> Mapping[str, Tool]:
    found: dict[str, Tool] = {}
    for agent, mine in tools.items():
        for tool in mine:
            if found.setdefault(tool.name, tool) is not tool:  # rule 2
                raise BadValue(
                    f"agent {agent} has a tool {tool.name} that is not the other agents' {tool.name}; "
                    "give one of them another name="
                )
    return found


def models_of(manifest: Manifest) -> tuple[str, ...]:
    """The models that a release asks, its agent's first, each once."""
    own = (sub_agent.model for sub_agent in sub_agents_from_json(manifest.sub_agents).values())
    return tuple(dict.fromkeys((manifest.model, *(name for name in own if name))))


def _sub_agents(
    agent: AgentEntry, *, project: Project, tools: tuple[Tool, ...], settings: Settings
) -> Mapping[str, SubAgent]:
    found = {
        entry.name: SubAgent(
            name=entry.name,
            prompt=read_text(project.folder / entry.prompt),
            describe=entry.describe,
            tools=entry.tools,
            model=settings.model or entry.model,
            max_turns=entry.max_turns,
        )
        for entry in agent.sub_agents
    }
    wrong = misfits(found, {tool.name for tool in tools}, others=BUILT_IN)
    problems = tuple(
        Problem(line=entry.line, path=entry.place, message=wrong[entry.name])
        for entry in agent.sub_agents
        if entry.name in wrong
    )
    if problems:
        raise FileInvalid(PROJECT_FILE, problems)
    return found


def _workflow(reference: str, modules: Modules) -> Json:
    if not reference:
        return None
    found = modules.named(reference)
    if not isinstance(found, Workflow):
        raise BadValue(f"{visible(reference)} is a {type(found).__name__}; expected a Workflow")
    return workflow_to_json(found)


def _models_under_way(tx: Reader, tenant: str) -> tuple[str, ...]:
    """The models of releases that unfinished runs were started with: they go on with what they were started with."""
    mine = ("tenant", tenant)
    rows = [row for status in _UNDER_WAY for row in tx.find(RUNS, equal=(("status", status.value), mine)) if row.queue]
    texts = [manifest_of(tx, digest, tenant=tenant) for digest in dict.fromkeys(row.release for row in rows)]
    found: list[str] = []
    for text in texts:
        try:
            found += models_of(Manifest.from_text(text)) if text is not None else ()
        except (RecordInvalid, BadValue):
            continue  # a release of another version: its runs are for the program that knows it
    return tuple(found)
