"""`due init`: a newcomer's first minutes."""

from pathlib import Path

import pytest
from tests.unit.cli.conftest import Due

from dueprocess.policy import load

FILES = {"due.yaml", "policy.yaml", "tools.py", "prompt.md", "offline.py", ".gitignore"}


def test_an_empty_folder_becomes_a_project_and_is_told_what_to_do_next(due: Due, tmp_path: Path):
    told = due("init", tmp_path / "new")
    assert told.code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == FILES
    assert [Path(line).name for line in told.out.splitlines()] == [
        "due.yaml",
        "policy.yaml",
        "tools.py",
        "prompt.md",
        "offline.py",
    ]
    assert "due run" in told.err


@pytest.mark.slow
def test_what_it_wrote_allows_holds_and_denies_as_it_says(due: Due, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    due("init", tmp_path)
    monkeypatch.chdir(tmp_path)
    allowed = due("run", "Refund 20 USD of order A1")
    assert (allowed.code, allowed.out) == (0, "Refunded 20 USD of order A1.\n")
    assert len((tmp_path / "refunds.jsonl").read_text().splitlines()) == 1
    assert due("run", "Refund 30 USD of order A1").code == 5
    assert due("run", "Refund 60 USD of order A1").code == 4
    assert due("run", "Refund everything").code == 0
    assert len((tmp_path / "refunds.jsonl").read_text().splitlines()) == 1


def test_its_policy_is_the_seed_dialect_and_has_no_warnings_about_names(due: Due, tmp_path: Path):
    due("init", tmp_path)
    policy = load((tmp_path / "policy.yaml").read_bytes(), name="policy.yaml", tools=None)
    assert set(policy.tools) == {"get_order", "issue_refund"}


@pytest.mark.parametrize("name", ["due.yaml", "tools.py", "offline.py"])
def test_nothing_is_overwritten_and_nothing_half_written(due: Due, tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    told = due("init", tmp_path)
    assert told.code == 1
    assert name in told.err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_dangling_link_is_not_written_through(due: Due, tmp_path: Path):
    (tmp_path / "due.yaml").symlink_to(tmp_path / "elsewhere")
    assert due("init", tmp_path).code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_gitignore_of_ones_own_is_kept(due: Due, tmp_path: Path):
    (tmp_path / ".gitignore").write_text("mine")
    assert due("init", tmp_path).code == 0
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_an_error(due: Due, tmp_path: Path):
    (tmp_path / "file").write_text("")
    told = due("init", tmp_path / "file" / "below")
    assert told.code == 1
    assert "expected a folder" in told.err


def test_as_json_it_names_files_and_next_commands(due: Due, tmp_path: Path):
    told = due("init", tmp_path / "a b", "--json").json
    assert told["files"] == ["due.yaml", "policy.yaml", "tools.py", "prompt.md", "offline.py"]
    assert f"--dir '{tmp_path / 'a b'}'" in told["next"][0]


def test_the_commands_to_try_stand_in_columns(due: Due, tmp_path: Path):
    lines = [line for line in due("init", tmp_path).err.splitlines() if line.startswith("  due ")]
    assert {
        line.index(word)
        for line, word in zip(lines, ("allowed:", "held for", "makes that", "the promises"), strict=True)
    } == {lines[0].index("allowed:")}
