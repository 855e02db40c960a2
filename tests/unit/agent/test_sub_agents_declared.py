"""A sub-agent as a release declares it: valid from birth, part of the digest, read back as it was written."""

from dataclasses import replace

import pytest

from dueprocess.agent import End, Workflow
from dueprocess.agent.sub_agents import (
    SubAgent,
    misfits,
    principal_of,
    refuse_misfit,
    sub_agents_from_json,
    sub_agents_to_json,
)
from dueprocess.errors import BadValue, RecordInvalid, ToolInvalid
from dueprocess.release import Manifest
from dueprocess.values import Json, digest_text, parse

FINDER = SubAgent(name="finder", prompt="Find.", describe="Finds.", tools=("look",), model="small", max_turns=3)
WRITER = SubAgent(name="writer", prompt="", describe="Writes.")
BOTH = {"writer": WRITER, "finder": FINDER}
PLAIN = Manifest(agent="support", prompt="Be fair.", model="m", max_output_tokens=9, tools=(), policy="tools: {}")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "'' is no name of a sub-agent"),
        ({"name": "a/b"}, "'a/b' is no name of a sub-agent; expected 1 to 64 letters"),
        ({"name": "1st"}, "the first no digit"),
        ({"name": "a" * 65}, "is no name"),
        ({"name": "finder@1"}, "is no name"),
        ({"describe": " \n"}, "sub-agent finder has no describe"),
        ({"tools": ("look", "look")}, "names a tool twice"),
        ({"max_turns": 0}, "sub-agent finder has 0 turns; expected 1 to 1000"),
        ({"max_turns": 1001}, "has 1001 turns"),
    ],
)
def test_what_no_run_could_use_is_refused_when_it_is_made(wrong: dict[str, object], said: str):
    with pytest.raises(BadValue, match=said):
        replace(FINDER, **wrong)


def test_what_is_just_possible_is_possible():
    assert replace(FINDER, name="_" + "a" * 63, max_turns=1000).max_turns == 1000
    assert replace(FINDER, max_turns=1).max_turns == 1


def test_a_sub_agent_is_read_back_as_it_was_written():
    assert sub_agents_from_json(sub_agents_to_json(BOTH)) == BOTH
    assert sub_agents_to_json({}) is None
    assert sub_agents_from_json(None) == {}


@pytest.mark.parametrize(
    "stored", [5, [5], [{}], [{"name": "a", "tools": []}], [{"tools": [], "other": 1}], [{"tools": 5}]]
)
def test_what_is_not_of_this_version_is_refused(stored: Json):
    with pytest.raises(RecordInvalid, match="stored sub-agents"):
        sub_agents_from_json(stored)


def test_i12_every_part_of_a_sub_agent_is_part_of_the_release():
    changed = (
        {},
        {"finder": FINDER},
        {"finder": replace(FINDER, prompt="Find!")},
        {"finder": replace(FINDER, describe="Finds!")},
        {"finder": replace(FINDER, tools=())},
        {"finder": replace(FINDER, model="")},
        {"finder": replace(FINDER, max_turns=4)},
        BOTH,
    )
    digests = {replace(PLAIN, sub_agents=sub_agents_to_json(each)).digest for each in changed}
    assert len(digests) == len(changed)
    order = {"finder": FINDER, "writer": WRITER}
    same = replace(PLAIN, sub_agents=sub_agents_to_json(order)).digest
    assert same == replace(PLAIN, sub_agents=sub_agents_to_json(BOTH)).digest


def test_i12_a_release_without_sub_agents_keeps_its_digest_and_an_older_one_can_be_read():
    text = PLAIN.to_text()
    assert "sub_agents" not in text
    assert PLAIN.digest == digest_text(text)
    assert Manifest.from_text(text) == PLAIN
    whole = replace(PLAIN, sub_agents=sub_agents_to_json(BOTH))
    assert Manifest.from_text(whole.to_text()) == whole


def test_misfits_are_named_each_with_what_was_expected():
    assert misfits(BOTH, {"look"}, others=frozenset()) == {}
    assert misfits(BOTH, {"see"}, others=frozenset()) == {
        "finder": "sub-agent finder has 'look'; expected tools of its agent alone: see"
    }
    assert misfits({"finder": FINDER}, (), others=frozenset()) == {
        "finder": "sub-agent finder has 'look'; expected tools of its agent alone: none"
    }
    assert set(misfits(BOTH, {"look", "writer"}, others={"finder"})) == {"finder", "writer"}


def test_sub_agents_beside_a_workflow_are_refused():
    workflow = Workflow(start="end", steps=(End(id="end", result=""),))
    with pytest.raises(ToolInvalid, match="expected no sub_agents beside it"):
        refuse_misfit(BOTH, {"look"}, others=(), workflow=workflow)
    refuse_misfit({}, {"look"}, others=(), workflow=workflow)
    refuse_misfit(BOTH, {"look"}, others=(), workflow=None)


def test_a_policy_names_a_sub_agent_as_no_agent_is_named():
    assert principal_of("support", "finder") == "agent:support/finder"


def test_how_it_is_offered_says_what_a_task_is():
    parameters = parse(
        '{"additionalProperties":false,"properties":{"task":{"type":"string"}},"required":["task"],"type":"object"}'
    )
    assert FINDER.offered.parameters == parameters
    assert FINDER.offered.description.startswith("Finds. ")
