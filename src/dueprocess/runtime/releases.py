"""Releases ready to run, from their manifests: a run folds with what it was started with, whatever the code beside it says now."""

from dataclasses import replace

from dueprocess.agent import AgentConfig, workflow_from_json
from dueprocess.agent.fits import refuse_misfit
from dueprocess.agent.state import BUILT_IN
from dueprocess.agent.sub_agents import refuse_misfit as refuse_misfit_sub_agents
from dueprocess.agent.sub_agents import sub_agents_from_json
from dueprocess.errors import BadValue, NotFound
from dueprocess.policy import load
from dueprocess.release import Manifest
from dueprocess.release.manifest import Mode
from dueprocess.runtime.policies import manifest_of
from dueprocess.runtime.shell import Loaded, Shell


def loaded(manifest: Manifest) -> Loaded:
    """A release from its manifest.

    Raises:
        FileInvalid: its policy does not load with its tools. BadValue, ToolInvalid: its workflow or its sub-agents cannot
        run, or not with them, or it has one of them and is to plan.
    """
    tools = {tool.name: tool for tool in manifest.tools}
    policy = load(manifest.policy.encode(), name=manifest.policy_name, tools=tools)
    workflow = workflow_from_json(manifest.workflow)
    if workflow is not None and manifest.mode is Mode.PLAN_FIRST:
        raise BadValue(f"agent {manifest.agent} has a workflow and is to plan first; expected one of them")
    if workflow is not None:
        refuse_misfit(workflow, tools)
    sub_agents = sub_agents_from_json(manifest.sub_agents)
    if sub_agents and manifest.mode is Mode.PLAN_FIRST:
        raise BadValue(f"agent {manifest.agent} has sub_agents and is to plan first; expected one of them")
    refuse_misfit_sub_agents(sub_agents, tools, others=BUILT_IN, workflow=workflow)
    config = AgentConfig(
        agent=manifest.agent,
        prompt=manifest.prompt,
        limits=policy.agent,
        # What the policy says of a tool's effect can only make it stricter: a write stays a write.
        tools={
            name: replace(tool, effect=policy.tools[name].effect) if name in policy.tools else tool
            for name, tool in tools.items()
        },
        workflow=workflow,
        clarifies=manifest.clarifies,
        mode=manifest.mode,
        citing=frozenset(name for name, tool in policy.tools.items() if tool.require_citation),
        retries={name: tool.retries for name, tool in policy.tools.items()},
        sub_agents=sub_agents,
    )
    return Loaded(manifest=manifest, digest=manifest.digest, config=config, policy=policy)


class Releases:
    """The releases that runs of one store name, each read once."""

    def __init__(self, *known: Loaded) -> None:
        self._known: dict[str, Loaded] = {release.digest: release for release in known}

    def find(self, shell: Shell, digest: str) -> Loaded:
        """The release of this digest.

        Raises:
            NotFound: it was never registered here.
        """
        if digest not in self._known:
            text = shell.store.read(lambda tx: manifest_of(tx, digest, tenant=shell.tenant))
            if text is None:
                raise NotFound(f"release {digest} is not known here; expected one that was registered in this store")
            found = loaded(Manifest.from_text(text))
            self._known[found.digest] = found
        return self._known[digest]
