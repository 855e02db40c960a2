"""The table of safeguards names tests that exist, and every safeguard that can be taken out stands in it."""

import ast
import os
import re
import subprocess
import sys

import pytest
import sabotage

DOCUMENT = sabotage.ROOT / "docs/reference/invariants.md"
BUILT = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12"]
ROW = re.compile(r"^\| (I\d+) \|(.*)\|(.*)\| `(\w+)` \|$", re.MULTILINE)


def rows() -> list[tuple[str, list[str], str]]:
    """The invariant, the tests and the safeguard of each row."""
    found = ROW.findall(DOCUMENT.read_text("utf-8"))
    return [(number, re.findall(r"`([^`]+)`", tests), safeguard) for number, _, tests, safeguard in found]


def names_in(path: str) -> set[str]:
    """The names of the tests of a file."""
    tree = ast.parse((sabotage.ROOT / "tests" / path).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_invariant_that_is_built_is_in_the_table():
    assert sorted({number for number, _, _ in rows()}, key=BUILT.index) == BUILT


@pytest.mark.parametrize(("number", "tests", "safeguard"), rows(), ids=[row[2] for row in rows()])
def test_a_row_names_tests_of_its_number_that_exist(number: str, tests: list[str], safeguard: str):
    mark = f"test_{number.lower()}_"
    assert tests
    for test in tests:
        path, _, name = test.partition("::")
        names = names_in(path)
        assert name in names or (not name and any(each.startswith(mark) for each in names)), test
        assert not name or name.startswith(mark), test


def test_the_table_and_the_tool_have_the_same_safeguards_and_tests():
    table = {safeguard: (number, set(tests)) for number, tests, safeguard in rows()}
    assert table.keys() == {safeguard.name for safeguard in sabotage.SAFEGUARDS}
    for safeguard in sabotage.SAFEGUARDS:
        number, tests = table[safeguard.name]
        assert number == safeguard.invariant
        assert {test.removeprefix("tests/") for test in safeguard.tests} <= tests


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(sabotage.ROOT / "tools/sabotage.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_what_there_is_can_be_listed_and_a_wrong_word_is_said():
    listed = run("--list", "I4")
    assert (listed.returncode, [line.split()[:2] for line in listed.stdout.splitlines()]) == (
        0,
        [["I4", "unknown"], ["I4", "deadline"], ["I4", "key"]],
    )
    wrong = run("I99")
    assert (wrong.returncode, "no invariant or safeguard I99" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("name", [safeguard.name for safeguard in sabotage.SAFEGUARDS])
def test_each_safeguard_can_still_be_taken_out(name: str):
    # In a process of its own: what is taken out there stays here.
    code = f"import sabotage; next(one for one in sabotage.SAFEGUARDS if one.name == {name!r}).remove()"
    path = os.pathsep.join(map(str, (sabotage.ROOT / "tools", sabotage.ROOT, sabotage.ROOT / "src")))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_safeguard_that_is_taken_out_is_noticed():
    noticed = run("deadline")
    assert (noticed.returncode, noticed.stdout.count("fails without it")) == (0, 1), noticed.stdout
