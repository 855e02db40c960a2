"""The reference says what the program has: every command with its help, every error, every key of the policy language."""

import inspect
import re
from pathlib import Path

import pytest
import reference
import yaml
from tests.unit.policy.test_policy_every_key import EVERYTHING

from dueprocess import errors
from dueprocess.cli.exits import Exit
from dueprocess.cli.main import main
from dueprocess.release.manifest import Mode
from dueprocess.wiring import sub_agents
from dueprocess.wiring.project import AGENT_KEYS, PRICE_KEYS, SECTION_KEYS, read_project

PAGES = Path(__file__).parents[2] / "docs" / "reference"
OPEN = {"roles", "environments", "tiers", "approvers", "sources", "tools", "where", "args", "fields"}
SEED = ("mode", "row_level_security", "require_citation", "allowed_fields", "escalation", "clock", "schema_digest")


def keys_of(value: object, *, named: bool = False) -> set[str]:
    """The keys of the language in a file: those of a section of names are names."""
    match value:
        case dict():
            found: set[str] = set() if named else set(value)
            for key, item in value.items():
                found |= keys_of(item, named=not named and key in OPEN and isinstance(item, dict))
            return found
        case list():
            return set[str]().union(*(keys_of(item) for item in value))
        case _:
            return set()


def enforced() -> dict[str, object]:
    """The file with every key, without what stands inside those that this version does not enforce."""
    whole = yaml.safe_load(EVERYTHING)
    for section in ("sources", "temporal"):
        del whole[section]
    for tool in whole["tools"].values():
        for key in ("limits", "checks"):
            if key in tool:
                tool[key] = []
    return whole


def test_the_page_of_commands_is_what_the_program_says():
    assert (PAGES / "command.md").read_text("utf-8") == reference.page(), "write it again: python tools/reference.py"


def test_the_page_of_commands_has_every_verb_and_the_exit_codes():
    page = (PAGES / "command.md").read_text("utf-8")
    assert page.count("Usage: due") > 30
    for code in Exit:
        assert f"| {int(code)} |" in page
    told = re.findall(r"(\d+) \w", inspect.getdoc(main) or "")
    assert {int(each) for each in told} == {int(code) for code in Exit}


@pytest.mark.parametrize(
    "name", [name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)]
)
def test_every_error_is_explained(name: str):
    assert f"\n| `{name}` |" in (PAGES / "errors.md").read_text("utf-8")


@pytest.mark.parametrize("key", sorted({*keys_of(enforced()), *SEED, "sources", "temporal"}))
def test_every_key_of_a_policy_is_explained(key: str):
    assert re.search(rf"`[^`\n]*\b{re.escape(key)}\b[^`\n]*`", (PAGES / "policy.md").read_text("utf-8")), key


PROJECT = (PAGES / "project.md").read_text("utf-8")


@pytest.mark.parametrize(
    "key", sorted({*SECTION_KEYS, *AGENT_KEYS, *PRICE_KEYS, *sub_agents._KEYS, *(mode.value for mode in Mode)})
)
def test_every_key_of_the_project_file_is_explained(key: str):
    assert re.search(rf"`[^`\n]*\b{re.escape(key)}\b[^`\n]*`", PROJECT), key


def test_the_project_file_on_the_page_is_read(tmp_path: Path):
    (text,) = re.findall(r"```yaml\n(.*?)```", PROJECT, re.DOTALL)
    assert read_project(text.encode(), folder=tmp_path).agents["support"].sub_agents[0].max_turns == 4
