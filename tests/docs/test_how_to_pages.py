"""Every command of the how-to pages prints what the page says, in a folder that holds the files of the page and nothing else."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = [*sorted(HOW_TO.glob("*policy*.md")), HOW_TO / "plan-first.md", HOW_TO / "use-sub-agents.md"]
BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[a-z]+)(?:: (?P<name>\S+))? -->\n)?```(?P<language>[a-z]+)\n(?P<text>.*?)```", re.DOTALL
)
DUE = f"{shlex.quote(sys.executable)} -c 'from dueprocess.cli.main import main; main()'"


def blocks(page: Path) -> Iterator[re.Match[str]]:
    return BLOCK.finditer(page.read_text("utf-8"))


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command with what is printed below it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_shows_what_happens(page: Path, tmp_path: Path):
    ran = 0
    for block in blocks(page):
        if block["mark"] == "file":
            (tmp_path / block["name"]).write_text(block["text"], encoding="utf-8")
        elif block["mark"] == "run":
            for command, printed in commands(block["text"]):
                words = command.replace("due ", f"{DUE} ", 1) if command.startswith("due ") else command
                done = subprocess.run(["sh", "-c", words], cwd=tmp_path, capture_output=True, text=True, check=False)
                assert done.stdout == printed, done.stderr
                ran += 1
            expected = int(block["name"] or 0)
            assert done.returncode == expected, done.stderr
    assert ran >= 2


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_block_of_a_page_is_a_file_or_runs_or_is_named_as_text(page: Path):
    assert {(block["language"], block["mark"]) for block in blocks(page)} <= {
        ("json", "file"),
        ("yaml", "file"),
        ("python", "file"),
        ("text", "file"),
        ("markdown", "file"),
        ("console", "run"),
        ("text", None),
    }
    assert len([*blocks(page)]) == page.read_text("utf-8").count("\n```") // 2


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_link_of_a_page_leads_to_a_file(page: Path):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
