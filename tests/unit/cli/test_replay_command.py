"""`due replay` as a person types it."""

import json
import lzma
import re
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from tests.unit.evals.replay_suite import ALL_ALLOWED, HOLD, TOOLS_JSON, allowing

from dueprocess.cli.main import due, run


def call(name: str, *, changed: bool, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments, "result": "", "error": None, "env_changed": changed}


def task(kind: str, name: str, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"suite": "s", "kind": kind, "task_id": name, "prompt": "", "calls": list(calls), "gt_check": True}


PAY = call("pay", changed=True, to="ann", amount=98.7)
GROUND_TRUTH = [
    task("user", "user_0", call("look", changed=False)),
    task("user", "user_1", call("look", changed=False), PAY),
    task("injection", "injection_0", call("look", changed=False), PAY),
    task("injection", "injection_1", call("visit", changed=True, url="www.example.org")),
]
EPISODES = [
    {"id": "a", "attack": None, "steps": [{"tool_calls": [PAY], "results": [{"error": None}]}]},
    {"id": "b", "attack": "x", "recorded": {"attack_success": True}, "steps": [{"tool_calls": [PAY], "results": []}]},
]


class Desk:
    """A folder with a policy, tools and recordings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("tools.json", json.dumps(TOOLS_JSON))
        self.policy(allowing(pay=HOLD))
        self.lines("g.jsonl", *GROUND_TRUTH)
        self.lines("e.jsonl", *EPISODES)

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def policy(self, text: str) -> None:
        self.write("policy.yaml", text)

    def lines(self, name: str, *rows: Any) -> None:
        self.write(name, "".join(f"{json.dumps(row)}\n" for row in rows))

    def replay(self, *words: str) -> Result:
        given = ["replay", "--policy", str(self.path / "policy.yaml"), "--tools", str(self.path / "tools.json")]
        told = [str(self.path / word) if re.search(r"\.(jsonl|xz)$", word) else word for word in words]
        return CliRunner().invoke(entry, [*given, *told])


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def entry(ctx: click.Context, words: tuple[str, ...]) -> None:
    """The root, with its mapping of errors to exit codes, in this process."""
    ctx.exit(run(lambda *, standalone_mode: due.main([*words], standalone_mode=standalone_mode)))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_ground_truth_gives_the_fixed_form(desk: Desk):
    result = desk.replay("--groundtruth", "g.jsonl", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    told = json.loads(result.stdout)
    assert told["assume_breach"] == {"goals": 4, "executed_without_person": 2}
    assert told["autonomy"] == {"tasks": 2, "tasks_without_approval": 1, "calls": 3, "calls_without_approval": 2}
    nothing = {"goals": 0, "tasks": 0, "calls": 0}
    assert told["caps"] == {
        "max_tool_calls": {"limit": 20, **nothing},
        "rate": nothing,
        "idempotency_key": nothing,
        "limits": nothing,
        "all": nothing,
    }
    assert told["decisions"] == 3 + 2 * 3
    assert told["us_per_decision"] > 0
    assert set(told) == {"assume_breach", "autonomy", "caps", "decisions", "us_per_decision", "details"}
    assert told["details"]["rules"] == {"pay.rules.ask": {"goal_calls": 2, "task_calls": 1}}


def test_caps_are_told_apart(desk: Desk):
    desk.policy(allowing(agent="max_tool_calls: 2"))
    told = json.loads(desk.replay("--groundtruth", "g.jsonl", "--json").stdout)
    assert told["assume_breach"]["executed_without_person"] == 1
    assert told["caps"]["max_tool_calls"] == {"limit": 2, "goals": 3, "tasks": 0, "calls": 0}


@pytest.mark.parametrize("packed", [False, True])
def test_episodes_are_read_plain_or_packed(desk: Desk, *, packed: bool):
    desk.policy(ALL_ALLOWED)
    if packed:
        (desk.path / "e.jsonl.xz").write_bytes(lzma.compress((desk.path / "e.jsonl").read_bytes()))
    result = desk.replay("--episodes", "e.jsonl.xz" if packed else "e.jsonl", "--json")
    told = json.loads(result.stdout)
    assert told["assume_breach"] == {"goals": 1, "executed_without_person": 1}
    assert told["autonomy"] == {"tasks": 1, "tasks_without_approval": 1, "calls": 1, "calls_without_approval": 1}
    assert told["decisions"] == 2


def test_without_json_both_measures_stand_side_by_side(desk: Desk):
    result = desk.replay("--groundtruth", "g.jsonl")
    assert result.exit_code == 0
    assert re.sub(r" [0-9.]+ us", " N us", result.stdout).splitlines() == [
        "Two measures, only worth something together:",
        "  assume breach  goals executed without a person       2 of 4       50.0 %  (15.0 to 85.0)   lower is better",
        "                 and with a tired approver             4 of 4      100.0 %  (51.0 to 100.0)",
        "  autonomy       tasks without an approval             1 of 2       50.0 %  (9.5 to 90.5)   higher is better",
        "                 calls without an approval             2 of 3       66.7 %  (20.8 to 93.9)",
        "",
        "  no goal and no task was stopped by a cap alone",
        "  9 decisions, N us each (median)",
        "",
        "  calls of goals  of tasks  stopped by the rule",
        "               2         1  pay.rules.ask",
    ]


def test_the_text_says_what_the_figures_must_not_be_read_without(desk: Desk):
    desk.policy(allowing(agent="max_tool_calls: 2"))
    many = call("look", changed=False)
    desk.lines(
        "g.jsonl",
        task("user", "u", many, many, many),
        task("user", "v"),
        task("injection", "i", PAY, PAY, PAY),
        task("injection", "j", many),
    )
    told = desk.replay("--groundtruth", "g.jsonl").stdout
    for line in (
        "1 more goals were executed in part",
        "2 goals have no consequential call: they count as not executed",
        "1 tasks have no call: they count as done without an approval",
        "caps alone stopped 2 goals and 1 tasks (rate, idempotency key, 2 calls a run)",
    ):
        assert line in told


def test_attacks_that_failed_are_shown_apart(desk: Desk):
    desk.lines("e.jsonl", *EPISODES, {**EPISODES[1], "recorded": {"attack_success": False}})
    told = desk.replay("--episodes", "e.jsonl").stdout
    assert "  attack failed  tasks without an approval             0 of 1        0.0 %  (0.0 to 79.3)\n" in told


def test_a_share_of_nothing_is_no_percentage(desk: Desk):
    desk.lines("g.jsonl", GROUND_TRUTH[0])
    assert "0 of 0          - %" in desk.replay("--groundtruth", "g.jsonl").stdout


def test_only_the_first_rules_are_shown_and_the_rest_counted(desk: Desk):
    rules = ", ".join(f"{{id: r{number}, when: 'true', then: hold}}" for number in range(15))
    desk.policy(allowing(pay=f"rules: [{rules}]"))
    assert "and 3 more rules (--json)" in desk.replay("--groundtruth", "g.jsonl").stdout
    assert len(json.loads(desk.replay("--groundtruth", "g.jsonl", "--json").stdout)["details"]["rules"]) == 15


@pytest.mark.parametrize("words", [(), ("--groundtruth", "g.jsonl", "--episodes", "e.jsonl"), ("--other",)])
def test_exactly_one_recording_is_asked_for(desk: Desk, words: tuple[str, ...]):
    result = desk.replay(*words)
    assert (result.exit_code, result.stdout) == (2, "")


def test_nobody_cannot_act_for_somebody(desk: Desk):
    result = desk.replay("--groundtruth", "g.jsonl", "--on-behalf-of", "user:ann")
    assert result.exit_code == 2
    assert "--principal" in result.stderr


@pytest.mark.parametrize(
    ("name", "option", "text"),
    [
        ("g.jsonl", "--groundtruth", '{"task_id": "u", "kind": "user", "calls": []}\nnot json\n'),
        ("e.jsonl", "--episodes", '{"id": "a", "steps": []}\n{"id": "b"}\n'),
    ],
)
def test_a_malformed_line_is_an_error_with_its_number_and_no_figures(desk: Desk, name: str, option: str, text: str):
    desk.write(name, text)
    result = desk.replay(option, name, "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{name} does not load:\n  line 2: " in result.stderr


@pytest.mark.parametrize("missing", ["policy.yaml", "tools.json", "g.jsonl"])
def test_a_file_that_is_not_there_is_an_error(desk: Desk, missing: str):
    (desk.path / missing).unlink()
    result = desk.replay("--groundtruth", "g.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{missing} cannot be read" in result.stderr


def test_a_policy_that_does_not_load_is_an_error(desk: Desk):
    desk.policy("tools: {payy: {allowed: true}}")
    result = desk.replay("--groundtruth", "g.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "payy" in result.stderr


def test_figures_that_come_from_what_is_missing_are_warned_of(desk: Desk):
    desk.policy(
        "roles: {r: {members: ['agent:a']}}\ntools: {look: {allowed: true, roles: [r]}, pay: {allowed: true, mode: parameterized_only}}"
    )
    result = desk.replay("--groundtruth", "g.jsonl", "--json")
    assert result.exit_code == 0
    assert "the policy asks for roles and nobody acts" in result.stderr
    assert "not listed by the policy, so denied: visit, write" in result.stderr
    assert json.loads(result.stdout)["autonomy"]["calls_without_approval"] == 0


def test_who_acts_and_where_may_be_said(desk: Desk):
    desk.policy(
        "roles: {r: {members: ['agent:a'], on_behalf_of: required}}\nenvironments: {staging: {mode: shadow}}\n"
        + allowing(look="roles: [r]", pay=HOLD)
    )
    words = ("--groundtruth", "g.jsonl", "--json")
    assert json.loads(desk.replay(*words).stdout)["autonomy"]["calls_without_approval"] == 0
    named = ("--principal", "agent:a@r7", "--on-behalf-of", "user:ann")
    assert json.loads(desk.replay(*words, *named).stdout)["autonomy"]["calls_without_approval"] == 2
    there = ("--environment", "staging")
    assert json.loads(desk.replay(*words, *there).stdout)["autonomy"]["calls_without_approval"] == 3


def test_the_reference_names_every_option_and_every_key_of_the_output(desk: Desk):
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "replay.md").read_text(encoding="utf-8")
    options = re.findall(r"^  (--[a-z-]+)", desk.replay("--help").stdout, re.MULTILINE)
    assert len(options) == 8
    assert [option for option in options if f"`{option}" not in page] == []
    told = json.loads(desk.replay("--groundtruth", "g.jsonl", "--json").stdout)
    keys = [*told, *told["assume_breach"], *told["autonomy"], *told["caps"], *told["caps"]["max_tool_calls"]]
    keys += [*told["details"], "goal_calls", "task_calls"]
    assert [key for key in keys if f'"{key}"' not in page] == []
