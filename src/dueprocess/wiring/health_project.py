"""A project as it stands in its files: whether each agent could run now, under which policy, and who could approve."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from dueprocess.agent.sub_agents import principal_of
from dueprocess.errors import DueProcessError
from dueprocess.runtime import Loaded
from dueprocess.runtime.tables import POLICIES, PolicyRow
from dueprocess.values import Instant, rfc3339
from dueprocess.wiring.access import IDENTITIES, Access, home_of
from dueprocess.wiring.build import models_of, released, tools_of
from dueprocess.wiring.code import Modules
from dueprocess.wiring.identity import IdentityFile
from dueprocess.wiring.models import SCRIPTED
from dueprocess.wiring.project import AgentEntry, Project
from dueprocess.wiring.settings import KEY_VARIABLE, URL_VARIABLE, Settings
from dueprocess.wiring.symptom import Symptom, fail, fine, warn
from dueprocess.wiring.wording import DIGEST_SHOWN


def check_project(project: Project, *, here: Access | None, environment: Mapping[str, str]) -> Iterator[Symptom]:
    """Agents, models, policies and approvers. `here` is None where nothing has run yet."""
    try:
        settings = Settings.of(environment)
        known = _known(project.folder)
    except DueProcessError as error:
        yield fail("settings", str(error), todo="correct it")
        return
    for name, agent in sorted(project.agents.items()):
        check = f"agent {name}"
        try:
            release = released(
                agent,
                project=project,
                tools=tools_of(agent, project),
                modules=Modules(project.folder),
                settings=settings,
            )
        except DueProcessError as error:
            yield fail(check, str(error), todo="correct what it names")
            continue
        yield _model(check, release, settings)
        if here is not None:
            row = here.home.store.read(lambda tx, agent=name: tx.get(POLICIES, here.tenant, agent))
            yield _policy(check, agent, release, row)
        yield from _without_role(check, release)
        yield from _approvers(check, release, known)


def _known(folder: Path) -> set[str]:
    people = IdentityFile.open(home_of(folder) / IDENTITIES).people()
    return {entry.id for entry in people} | {f"group:{group}" for entry in people for group in entry.groups}


def _model(check: str, release: Loaded, settings: Settings) -> Symptom:
    names = models_of(release.manifest)
    unanswered = [name for name in names if not name.startswith(SCRIPTED)]
    if unanswered and not settings.api_key and not settings.base_url:
        who = f"the model {unanswered[0]}" if len(unanswered) == 1 else f"the models {', '.join(unanswered)}"
        return warn(check, f"nobody answers for {who}", todo=f"set {KEY_VARIABLE}, or {URL_VARIABLE}")
    subs = len(release.config.sub_agents)
    beside = f", {subs} sub-agent{'s' if subs > 1 else ''}" if subs else ""
    model = f"model{'s' if len(names) > 1 else ''} {', '.join(names)}"
    return fine(check, f"{len(release.manifest.tools)} tools{beside}, {model}, release {release.digest[:DIGEST_SHOWN]}")


def _without_role(check: str, release: Loaded) -> Iterator[Symptom]:
    """Sub-agents with a tool that the policy gives to roles in which they are not: every call of theirs is denied."""
    policy = release.policy
    for name, sub_agent in release.config.sub_agents.items():
        who = principal_of(release.manifest.agent, name)
        for tool in sub_agent.tools:
            roles = policy.tools[tool].roles if tool in policy.tools else None
            if roles is not None and not any(who in policy.roles[role].members for role in roles):
                yield warn(
                    check,
                    f"{who} is no member of {', '.join(roles)}: its every call of {tool} is denied",
                    todo=f"add {who} to the members of a role in {release.manifest.policy_name}, or take {tool} from it",
                )


def _policy(check: str, agent: AgentEntry, release: Loaded, row: PolicyRow | None) -> Symptom:
    if row is None:
        return fine(check, f"{agent.policy} comes in force at the first run")
    by = f"published by {row.author} {rfc3339(Instant(row.at))}"
    if row.digest != release.policy.digest:
        return warn(
            check,
            f"{agent.policy} is not the policy in force, which was {by}",
            todo=f"put it in force: due policy publish {agent.policy} --agent {agent.name}",
        )
    return fine(check, f"{agent.policy} is in force, {by}")


def _approvers(check: str, release: Loaded, known: set[str]) -> Iterator[Symptom]:
    for name in release.policy.tools:
        approvers = release.policy.approvers_of(name)
        wanted = (*approvers.any_of, *approvers.all_of)
        if release.policy.tools[name].require_approval_over is not None and not known.intersection(wanted):
            group = next((each.removeprefix("group:") for each in wanted if each.startswith("group:")), "GROUP")
            yield warn(
                check,
                f"nobody could approve a hold of {name}: expected one of {', '.join(wanted)}",
                todo=f"due identity add NAME --group {group}",
            )
            return
