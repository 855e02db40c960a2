import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import house
import pytest

SETTINGS = tomllib.loads((house.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: list[dict[str, Any]] = SETTINGS["tool"]["importlinter"]["contracts"]
ROOMS = {
    path.parent.name if path.name == "__init__.py" else path.stem
    for path in [*(house.ROOT / house.PACKAGE).glob("*/__init__.py"), *(house.ROOT / house.PACKAGE).glob("[!_]*.py")]
}


def contracts(kind: str) -> list[dict[str, Any]]:
    return [contract for contract in CONTRACTS if contract["type"] == kind]


def rooms(modules: list[str]) -> set[str]:
    return {module.removeprefix("dueprocess.") for module in modules}


def floors() -> list[set[str]]:
    (layers,) = contracts("layers")
    return [set(re.findall(r"\w+", floor)) for floor in layers["layers"]]


def test_the_floors_name_every_room_and_allow_no_other():
    (layers,) = contracts("layers")
    assert layers["exhaustive"] is True
    assert "exhaustive_ignores" not in layers
    assert set.union(*floors()) >= ROOMS


def test_the_pure_rooms_are_all_on_the_floors_of_the_agent_and_below():
    names = floors()
    agent = names.index({"agent"})
    assert set.union(*names[agent:]) == house.PURE


def test_every_pure_room_is_in_the_contract_against_impurity():
    (forbidden,) = contracts("forbidden")
    assert rooms(forbidden["source_modules"]) == house.PURE & ROOMS


@pytest.mark.parametrize(
    "module", ["time", "random", "secrets", "os", "socket", "sqlite3", "logging", "asyncio", "click"]
)
def test_the_contract_against_impurity_names_what_must_not_be_reached(module: str):
    (forbidden,) = contracts("forbidden")
    assert module in forbidden["forbidden_modules"]
    # Without this, the linter would not see one of them.
    assert SETTINGS["tool"]["importlinter"]["include_external_packages"] is True
    # Nor may a pure room reach it through another.
    assert "allow_indirect_imports" not in forbidden


def guarded(module: str) -> set[str]:
    """Return the rooms that may import a module; empty when no contract guards it."""
    found = [contract for contract in contracts("protected") if module in contract["protected_modules"]]
    return {room for contract in found for room in rooms(contract["allowed_importers"])}


@pytest.mark.parametrize("shelf", sorted(house.SHELVES))
def test_a_shelf_is_reached_only_where_things_are_put_together(shelf: str):
    # An example is a small application: it puts its own adapters together, as wiring does for a project.
    # An evaluation is what a verb is about: there is no port behind which it could be exchanged.
    allowed = {"wiring", "testing", "examples"} | ({"cli"} if shelf == "evals" else set())
    expected = allowed & ROOMS if shelf in ROOMS else set[str]()
    assert guarded(f"dueprocess.{shelf}") == expected


def test_the_step_of_the_agent_is_driven_by_the_runtime_and_by_tests_only():
    there = (house.ROOT / house.PACKAGE / "agent" / "step.py").is_file()
    # The face of the room passes it on; whoever imports it from there is seen as importing the file.
    expected = {"agent", *({"runtime", "evals", "testing", "examples"} & ROOMS)} if there else set[str]()
    assert guarded("dueprocess.agent.step") == expected


def test_no_contract_has_an_exception():
    assert [contract["name"] for contract in CONTRACTS if "ignore_imports" in contract] == []


# The linter itself, on a copy of the house with one wall taken out


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("copy")
    shutil.copytree(house.ROOT / house.PACKAGE, place / house.PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(house.ROOT / "pyproject.toml", place)
    return place


def linted(place: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    variables = {**os.environ, "PYTHONPATH": str(place / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, check=False)


def test_the_house_keeps_its_contracts(copy: Path):
    done = linted(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("room", "line", "broken"),
    [
        ("values", "import time", "Pure rooms"),
        ("meter", "from pathlib import Path", "Pure rooms"),
        ("ledger", "import sqlite3", "Pure rooms"),
        ("values", "import dueprocess.errors, dueprocess.meter", "Imports go down only"),
        ("model", "import dueprocess.tool", "Imports go down only"),
        ("meter", "import dueprocess.approval", "Imports go down only"),
        ("cli", "import dueprocess.providers", "Shelves"),
        ("cli", "from dueprocess.agent import step", "The step of the agent"),
        ("runtime", "from dueprocess.providers import tape", "Imports go down only"),
        ("errors_of_all", "import dueprocess.errors", "Imports go down only"),
    ],
)
def test_a_wall_taken_out_is_noticed(copy: Path, room: str, line: str, broken: str):
    broken_into = copy / house.PACKAGE / room / "hole.py"
    is_new = not broken_into.parent.exists()
    broken_into.parent.mkdir(exist_ok=True)
    if is_new:
        (broken_into.parent / "__init__.py").touch()
    broken_into.write_text(f'"""A hole."""\n\n{line}\n')
    try:
        done = linted(copy)
    finally:
        shutil.rmtree(broken_into.parent) if is_new else broken_into.unlink()
    assert done.returncode != 0
    assert re.search(rf"{broken}.* BROKEN", done.stdout), done.stdout
