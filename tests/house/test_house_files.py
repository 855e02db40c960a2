import ast
import os
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import pytest

ROOT = bootstrap.ROOT
# What .gitignore names, and git's own folder: made here, never handed on.
NOT_OURS = {".git", ".venv", ".tools", "build", "dist", "__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache"}
NOT_OURS |= {".import_linter_cache", "htmlcov"}

# In two parts, so that this file does not name what it looks for.
HOSTS = ["pypi" + ".org", "python" + "hosted", "npm" + "js.", "yarn" + "pkg.", "crates" + ".io", "ana" + "conda.org"]
HOSTS += ["ruby" + "gems.org", "debian" + ".org", "proxy.go" + "lang", "repo.ma" + "ven"]
PLACES = ["/ro" + "ot/", "/wo" + "rk/", "/op" + "t/pypi", "/etc/x" + "dg", "../sha" + "red", ".lib" + "rary/"]


def our_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(set(folders) - NOT_OURS)
        yield from (Path(folder, name) for name in files if not name.endswith((".pyc", ".coverage")))


def naming(words: list[str]) -> list[str]:
    found: list[str] = []
    for path in our_files():
        text = path.read_bytes().decode("utf-8", errors="replace").lower()
        found += [f"{path.relative_to(ROOT)} names {word}" for word in words if word in text]
    return found


def test_no_file_names_the_host_of_a_package_registry():
    assert naming(HOSTS) == []


def test_no_file_names_a_place_of_one_machine():
    assert naming(PLACES) == []


def test_the_search_would_find_a_name_that_is_there():
    assert "LICENSE names apache" in naming(["apache"])
    assert "Makefile names tools/bootstrap.py" in naming(["tools/bootstrap.py"])


def test_what_git_ignores_is_what_the_targets_make():
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    assert NOT_OURS - {".git"} <= ignored


def test_nothing_locks_addresses():
    assert [path.name for path in our_files() if path.name in {"uv.lock", "poetry.lock", "package-lock.json"}] == []


def test_every_file_in_tests_is_collected_or_holds_no_test(
    request: pytest.FixtureRequest, collected_files: frozenset[Path]
):
    asked = [Path(argument).resolve() for argument in request.config.args if "::" not in argument]
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if not path.name.startswith("test_"):
            tests = [name for name in _defined(path) if name.startswith(("test_", "Test"))]
            assert not tests, f"{path} holds tests and is not named so that they are found"
        elif any(path.is_relative_to(place) for place in asked):
            assert path in collected_files, f"{path} gave no test"


def _defined(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def test_the_licence_is_there_in_full():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
