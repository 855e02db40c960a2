import re
import tomllib
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
def test_a_shelf_is_reached_through_wiring_and_testing_only(shelf: str):
    expected = {"wiring", "testing"} & ROOMS if shelf in ROOMS else set[str]()
    assert guarded(f"dueprocess.{shelf}") == expected


def test_the_step_of_the_agent_is_driven_by_the_runtime_and_by_tests_only():
    there = (house.ROOT / house.PACKAGE / "agent" / "step.py").is_file()
    # The face of the room passes it on; whoever imports it from there is seen as importing the file.
    expected = {"agent", *({"runtime", "evals", "testing"} & ROOMS)} if there else set[str]()
    assert guarded("dueprocess.agent.step") == expected


def test_no_contract_has_an_exception():
    assert [contract["name"] for contract in CONTRACTS if "ignore_imports" in contract] == []
