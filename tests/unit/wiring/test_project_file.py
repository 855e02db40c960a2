"""The project file: read whole or not at all, and what is wrong with it said with its line."""

from pathlib import Path

import pytest

from dueprocess.errors import FileInvalid, NotFound, StoreUnavailable
from dueprocess.meter import ScopeKind
from dueprocess.model import Price
from dueprocess.release.manifest import Mode
from dueprocess.values import usd
from dueprocess.wiring.project import load_project, read_project

SMALL = b"""
project: 1
agents:
  support: {tools: tools.py, prompt: prompt.md, policy: policy.yaml, model: gpt-4o-mini}
"""


def test_a_small_file_gets_the_defaults(tmp_path: Path):
    project = read_project(SMALL, folder=tmp_path)
    agent = project.agent("")
    assert (project.tenant, project.environment, project.spend_limits, project.prices) == ("default", "prod", {}, {})
    assert (agent.name, agent.tools, agent.policy, agent.model) == (
        "support",
        ("tools.py",),
        Path("policy.yaml"),
        "gpt-4o-mini",
    )
    assert (agent.max_output_tokens, agent.clarifies, agent.workflow, agent.sub_agents) == (1024, False, "", ())
    assert agent.mode is Mode.TOOL_LOOP


@pytest.mark.parametrize("mode", Mode)
def test_how_an_agent_works_is_read(tmp_path: Path, mode: Mode):
    project = read_project(SMALL.replace(b"-mini}", f"-mini, mode: {mode.value}}}".encode()), folder=tmp_path)
    assert project.agent("").mode is mode


def test_a_full_file_is_read(tmp_path: Path):
    project = read_project(
        b"""
project: 1
tenant: acme
environment: staging
agents:
  a: {tools: [one.py, my.tools:ALL], prompt: p, policy: q, model: m, max_output_tokens: 7, clarifies: true, workflow: w.py:W}
  b: {tools: two.py, prompt: p, policy: q, model: "scripted:x.py:s"}
spend_limits: {tenant: 10, agent: 5.5, session: 1, task: 0.000001}
prices:
  m: {input_usd: 0.1, output_usd: 0.4, cached_input_usd: 0.05}
""",
        folder=tmp_path,
    )
    assert (project.tenant, project.environment) == ("acme", "staging")
    assert project.agents["a"].tools == ("one.py", "my.tools:ALL")
    assert project.spend_limits == {
        ScopeKind.TENANT: usd("10"),
        ScopeKind.AGENT: usd("5.5"),
        ScopeKind.SESSION: usd("1"),
        ScopeKind.TASK: usd("0.000001"),
    }
    assert project.prices == {"m": Price(input=usd("0.1"), output=usd("0.4"), cached_input=usd("0.05"))}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("project: 1", "project: 2", "line 2: project: got '2'; expected 1"),
        ("project: 1", "projekt: 1", "unknown key 'projekt'; did you mean 'project'?"),
        ("project: 1", "tenant: 1", "the key project is missing"),
        ("agents:", "agent:", "did you mean 'agents'?"),
        ("model: gpt-4o-mini", "modell: gpt", "line 4: agents.support.modell: unknown key"),
        (", model: gpt-4o-mini", "", "line 4: agents.support: the key model is missing"),
        ("model: gpt-4o-mini", "model: 5", "agents.support.model: got '5'"),
        ("tools: tools.py", "tools: []", "agents.support.tools: got an empty list"),
        ("tools: tools.py", "tools: [a.py, a.py]", "listed twice"),
        ("prompt: prompt.md", "prompt: ", "agents.support.prompt: got nothing"),
        ("model: gpt-4o-mini", "model: m, max_output_tokens: 0", "whole number from 1"),
        ("model: gpt-4o-mini", "model: m, clarifies: maybe", "expected true or false"),
        ("model: gpt-4o-mini", "model: m, mode: plan_last", "unknown value 'plan_last'; did you mean 'plan_first'?"),
        ("model: gpt-4o-mini", "model: m, mode: 1", "agents.support.mode: got '1'"),
        ("model: gpt-4o-mini", "model: m, mode: plan_first, workflow: w.py:W", "expected one of mode and workflow"),
        ("  support:", "  sup@port:", "no name of an agent"),
        ("  support:", "  ..:", "no name of an agent"),
        ("project: 1", "project: 1\ntenant: a b", "no name of a tenant"),
        ("project: 1", "project: 1\nspend_limits: {run: 1}", "unknown key 'run'"),
        ("project: 1", "project: 1\nspend_limits: {tenant: '1'}", "spend_limits.tenant: got the text '1'"),
        ("project: 1", "project: 1\nprices: {m: {input_usd: 1}}", "the key output_usd is missing"),
        ("project: 1", "project: 1\nprices: {m: {input_usd: 1, output_usd: -1}}", "prices.m.output_usd"),
        (
            "project: 1",
            "project: 1\nprices: {m: {input_usd: 1, output_usd: 1, cached_input_usd: 2}}",
            "at most input_usd",
        ),
        ("project: 1", "project: 1\nproject: 1", "occurs twice"),
        ("project: 1", "project: &a 1", "anchor"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, old: str, new: str, said: str):
    with pytest.raises(FileInvalid) as caught:
        read_project(SMALL.decode().replace(old, new).encode(), folder=tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).startswith("due.yaml does not load:")


@pytest.mark.parametrize("content", [b"", b"project: 1\nagents: {}", b"- 1", b"\xff", b"project: 1\nagents: []"])
def test_what_is_no_project_file_does_not_load(tmp_path: Path, content: bytes):
    with pytest.raises(FileInvalid):
        read_project(content, folder=tmp_path)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path):
    with pytest.raises(FileInvalid) as caught:
        read_project(b"project: 3\ntenant: 1\nagents: {a: {}}\nwhat: 1", folder=tmp_path)
    assert len(caught.value.problems) == 7


def test_an_agent_is_found_by_name_or_if_it_is_the_only_one(tmp_path: Path):
    project = read_project(SMALL, folder=tmp_path)
    assert project.agent("support") is project.agent("")
    with pytest.raises(NotFound, match="did you mean 'support'"):
        project.agent("suport")
    two = read_project(SMALL + SMALL.split(b"agents:\n")[1].replace(b"support", b"sales"), folder=tmp_path)
    with pytest.raises(NotFound, match=r"several agents; name one: --agent sales\|support"):
        two.agent("")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(StoreUnavailable, match="due init"):
        load_project(tmp_path)
    (tmp_path / "due.yaml").mkdir()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        load_project(tmp_path)


SUB = b"""
project: 1
agents:
  support:
    tools: tools.py
    prompt: prompt.md
    policy: policy.yaml
    model: gpt-4o-mini
    sub_agents:
      finder:
        prompt: finder.md
        describe: Finds facts.
        tools: [look, see]
"""


def test_sub_agents_are_read_in_file_order_with_their_defaults(tmp_path: Path):
    more = b"      writer: {prompt: w.md, describe: Writes., tools: [], model: small, max_turns: 1}\n"
    finder, writer = read_project(SUB + more, folder=tmp_path).agent("").sub_agents
    assert (finder.name, finder.prompt, finder.describe) == ("finder", Path("finder.md"), "Finds facts.")
    assert (finder.tools, finder.model, finder.max_turns) == (("look", "see"), "", 10)
    assert (finder.line, finder.place) == (13, "agents.support.sub_agents.finder.tools")
    assert (writer.tools, writer.model, writer.max_turns) == ((), "small", 1)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("finder:", "find/er:", "line 10: agents.support.sub_agents.find/er: 'find/er' is no name of a sub-agent"),
        ("finder:", "1st:", "is no name of a sub-agent; expected 1 to 64 letters, digits, - and _, the first no digit"),
        ("        prompt: finder.md\n", "", "line 10: agents.support.sub_agents.finder: the key prompt is missing"),
        ("        describe: Finds facts.\n", "", "the key describe is missing"),
        ("        tools: [look, see]\n", "", "the key tools is missing"),
        ("describe: Finds facts.", "describe: ''", "describe: got the text ''; expected what it is for"),
        ("[look, see]", "look", "tools: got the text 'look'; expected a list"),
        ("[look, see]", "[look, look]", "'look' is listed twice"),
        ("[look, see]", "[look, 5]", "tools[1]: got '5'; expected the name of a tool"),
        ("[look, see]", "[]\n        max_turns: 0", "max_turns: got '0'; expected a whole number from 1"),
        ("[look, see]", "[]\n        max_turns: 1001", "max_turns: got '1001'; expected at most 1000 turns"),
        ("[look, see]", "[]\n        model: 5", "model: got '5'; expected a model's name"),
        ("[look, see]", "[]\n        clarifies: true", "unknown key 'clarifies'"),
        ("[look, see]", "[]\n        sub_agents: {}", "a sub-agent has no sub_agents of its own"),
        ("    sub_agents:\n", "    sub_agent:\n", "did you mean 'sub_agents'?"),
    ],
)
def test_what_is_wrong_with_a_sub_agent_is_told_at_its_place(old: str, new: str, said: str, tmp_path: Path):
    text = SUB.decode()
    assert old in text
    with pytest.raises(FileInvalid) as caught:
        read_project(text.replace(old, new, 1).encode(), folder=tmp_path)
    assert said in str(caught.value)


def test_an_agent_that_plans_has_no_sub_agents(tmp_path: Path):
    text = SMALL.replace(
        b"-mini}", b"-mini, mode: plan_first, sub_agents: {a: {prompt: a.md, describe: helps, tools: []}}}"
    )
    with pytest.raises(FileInvalid, match="an agent that plans asks for its own calls alone; expected no sub_agents"):
        read_project(text, folder=tmp_path)
