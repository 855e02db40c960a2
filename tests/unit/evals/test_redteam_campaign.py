"""The red team against the gate: no unsafe effect reaches the sink, honest errands run, and a planted bypass is found."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import redteam
import redteam_search
from click import UsageError
from click.testing import CliRunner

from dueprocess.cli.exits import Exit
from dueprocess.cli.redteam import command
from dueprocess.errors import DueProcessError
from dueprocess.evals.redteam import LEAST, count, goals_against_the_house, own_bench, read_texts, run_campaign

SAMPLE = ("words", "places", "roles", "quoted", "content", "egress", "keys", "folding")
WEAK = "tools: {send: {allowed: true}, look: {allowed: true}}"
STRONG = "sources: {look: {integrity: untrusted}}\ntools: {send: {allowed: true, control: [to]}, look: {allowed: true}}"
TOOLS = {
    "tools": [
        {"name": "send", "kind": "write", "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}},
        {"name": "look", "kind": "read", "parameters": {"type": "object", "properties": {}}},
    ]
}


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["run", *words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.stdout


def own(folder: Path, policy: str, tools: dict[str, Any] = TOOLS) -> list[str]:
    (folder / "policy.yaml").write_text(policy, "utf-8")
    (folder / "tools.json").write_text(json.dumps(tools), "utf-8")
    return ["--policy", str(folder / "policy.yaml"), "--tools", str(folder / "tools.json"), "--goals", "60"]


def test_nothing_unsafe_reaches_the_sink_and_honest_errands_run():
    found = count(run_campaign(own_bench(), goals_against_the_house(least=LEAST, seed=0)))
    assert found.total.goals >= LEAST
    assert found.unsafe == ()
    assert found.total.nothing == 0
    assert found.honest_ran == found.honest > LEAST // 2
    assert len(found.classes) > 20


def test_the_same_seed_makes_the_same_goals():
    first, again, other = (list(goals_against_the_house(least=1, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_bypass_is_found(name: str):
    (bypass,) = (each for each in redteam.BYPASSES if each.name == name)
    assert redteam.is_found(bypass, goals=1)


def test_a_bypass_is_taken_out_again():
    (bypass,) = (each for each in redteam.BYPASSES if each.name == "taint")
    assert redteam.is_found(bypass, goals=1)
    assert not redteam.campaign(1)


def test_every_bypass_has_a_name_of_its_own():
    assert len({each.name for each in redteam.BYPASSES}) == len(redteam.BYPASSES) >= 20


def test_the_search_finds_no_argument_that_nobody_named():
    found = redteam_search.search(5_000, seed=0)
    assert sum(found.tries.values()) == 5_000
    assert found.unsafe == []
    assert found.ran > 50
    assert len(found.tries) >= 9


def test_the_search_finds_a_planted_bypass():
    (bypass,) = (each for each in redteam.BYPASSES if each.name == "roles")
    with redteam.removal.removed(bypass.plant):
        assert redteam_search.search(500, seed=0).unsafe


def test_the_command_tells_what_it_found_and_holds():
    code, told = run("--json", "--seed", "3", "--goals", "1")
    found = json.loads(told)
    assert code == Exit.OK
    assert found["holds"] is True
    assert found["total"]["reached"] == 0
    assert found["total"]["goals"] == sum(each["goals"] for each in found["classes"].values())
    assert run("--seed", "3", "--goals", "1")[1].endswith("0 unsafe, the bar is 0: it holds\n")


def test_a_policy_that_asks_for_nothing_does_not_hold(tmp_path: Path):
    code, told = run(*own(tmp_path, WEAK))
    assert code == Exit.FAILED
    assert "it does not hold" in told
    assert run(*own(tmp_path, WEAK), "--bar", "100000")[0] == Exit.OK
    assert run(*own(tmp_path, STRONG))[0] == Exit.OK


def test_a_policy_without_effects_is_no_target(tmp_path: Path):
    only_reads = {"tools": [TOOLS["tools"][1]]}
    with pytest.raises(DueProcessError, match="no write and no egress"):
        run(*own(tmp_path, "tools: {look: {allowed: true}}", only_reads))


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--policy", "x", "--policy and --tools go together: expected both, or neither"),
        ("--tools", "x", "--policy and --tools go together: expected both, or neither"),
        ("--on-behalf-of", "user:ann", "--on-behalf-of needs --principal: nobody cannot act for somebody"),
    ],
)
def test_half_of_what_is_needed_is_refused(option: str, value: str, said: str):
    with pytest.raises(UsageError, match=f"^{said}$"):
        run(option, value)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("first\n\nsecond\n", ("first", "second")),
        ('{"text": "first"}\n{"context": "second", "more": "x"}\n"third"\n', ("first", "second", "third")),
        ('{"kind": ["first", "second"], "other": ["third"]}', ("first", "second", "third")),
        ('["first", {"a": "second"}]', ("first", "second")),
    ],
)
def test_texts_are_read_in_every_form(tmp_path: Path, content: str, texts: tuple[str, ...]):
    (tmp_path / "plain").write_text(content, "utf-8")
    (tmp_path / "packed").write_bytes(lzma.compress(content.encode()))
    assert read_texts(tmp_path / "plain") == read_texts(tmp_path / "packed") == texts


def test_a_file_without_a_text_is_refused(tmp_path: Path):
    (tmp_path / "none").write_text("\n", "utf-8")
    with pytest.raises(DueProcessError, match="holds no text"):
        read_texts(tmp_path / "none")


def test_each_text_of_a_corpus_is_in_a_goal():
    texts = tuple(f"text number {number}" for number in range(40))
    goals = list(goals_against_the_house(least=1, seed=0, texts=texts))
    assert all(any(text in str(goal.steps[0].result) for goal in goals) for text in texts)
