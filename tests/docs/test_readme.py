"""Every block of the README does what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[a-z]+)(?:: (?P<name>\S+))? -->\n)?```(?P<language>[a-z]+)\n(?P<text>.*?)```", re.DOTALL
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(README)]
DUE = [sys.executable, "-c", "from dueprocess.cli.main import main; main()"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for block in BLOCKS:
        if block["mark"] == "file":
            (tmp_path / block["name"]).write_text(block["text"], encoding="utf-8")
    return tmp_path


def of(language: str, *, mark: str | None = None) -> list[str]:
    return [block["text"] for block in BLOCKS if block["language"] == language and block["mark"] == mark]


def test_every_block_is_of_a_kind_that_a_test_here_runs():
    kinds = {(block["language"], block["mark"]) for block in BLOCKS}
    assert kinds == {
        ("console", None),
        ("console", "run"),
        ("text", None),
        ("python", None),
        ("yaml", "file"),
        ("json", "file"),
    }
    assert len(BLOCKS) == README.count("\n```") // 2


def test_the_two_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    commands = [block.strip() for block in of("console")]
    assert commands == ["$ make demo", "$ make test"]
    for command in commands:
        assert f"\n{command.removeprefix('$ make ')}:" in makefile
    assert "test" in re.search(r"^check:(.*)$", makefile, re.MULTILINE)[1].split()


def test_the_guarded_function_prints_what_the_readme_says(folder: Path):
    (script,) = of("python")
    assert len(script.splitlines()) <= 30
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == of("text")[2]
    assert done.stderr == ""


def test_the_policy_commands_succeed(folder: Path):
    (block,) = of("console", mark="run")
    for line in block.splitlines():
        words = line.removeprefix("$ due ").split()
        done = subprocess.run([*DUE, *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_demo_ends_as_the_readme_says(tmp_path: Path):
    environment = {key: value for key, value in os.environ.items() if key not in {"OPENAI_API_KEY", "DUE_BASE_URL"}}
    done = subprocess.run(
        [*DUE, "demo", "--dir", str(tmp_path / "d")], capture_output=True, text=True, check=True, env=environment
    )
    expected = of("text")[0]
    assert expected in done.stdout
    assert len(done.stdout.splitlines()) <= 30
    assert json.loads((tmp_path / "d" / "summary.json").read_text("utf-8"))["ledger_verified"] is True


def test_the_life_of_an_action_shows_the_states_of_the_gate():
    picture = of("text")[1]
    for word in ("proposed", "denied", "held", "succeeded", "failed", "unknown"):
        assert word in picture


def test_every_link_leads_to_a_file():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
