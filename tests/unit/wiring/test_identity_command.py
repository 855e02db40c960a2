"""`due identity` as a person types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dueprocess.cli.identity import command
from dueprocess.errors import BadValue, FileInvalid, StoreUnavailable
from dueprocess.wiring.identity import IdentityFile


def due(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [*words], env={"DUE_DIR": str(directory)}, catch_exceptions=True)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a project file: what it says is not asked here."""
    (tmp_path / "due.yaml").write_text("")
    return tmp_path


def test_the_token_alone_is_on_standard_output(shop: Path):
    result = due(shop, "add", "ann", "--group", "finance", "--group", "leads")
    assert result.exit_code == 0
    person = IdentityFile.open(shop / ".due" / "identities.yaml").authenticate(result.stdout.strip())
    assert (person.id, person.groups) == ("user:ann", {"group:finance", "group:leads"})
    assert "this once" in result.stderr


def test_the_folder_may_be_named(shop: Path):
    result = due(shop / "other", "add", "ann", "--dir", str(shop), "--json")
    told = json.loads(result.stdout)
    person = IdentityFile.open(shop / ".due" / "identities.yaml").authenticate(told["token"])
    assert person.id == told["id"] == "user:ann"
    assert not (shop / "other").exists()


def test_a_store_by_itself_has_its_people_in_it(tmp_path: Path):
    (tmp_path / "ledger.db").write_text("")
    assert due(tmp_path, "add", "ann").exit_code == 0
    assert (tmp_path / "identities.yaml").exists()


@pytest.mark.parametrize("words", [("add", "ann"), ("list",)])
def test_a_folder_that_is_no_project_gets_no_people(tmp_path: Path, words: tuple[str, ...]):
    for folder in (tmp_path, tmp_path / "missing"):
        assert isinstance(due(folder, *words).exception, StoreUnavailable)
    assert list(tmp_path.iterdir()) == []


def test_listing_shows_people_and_no_tokens(shop: Path):
    token = due(shop, "add", "ann", "--group", "finance").stdout.strip()
    due(shop, "add", "ann")
    due(shop, "add", "zoe")
    told = json.loads(due(shop, "list", "--json").stdout)
    assert told == {
        "people": [
            {"id": "user:ann", "groups": ["group:finance"], "tokens": 2},
            {"id": "user:zoe", "groups": [], "tokens": 1},
        ]
    }
    text = due(shop, "list").stdout
    assert text.splitlines() == ["user:ann  2 tokens  finance", "user:zoe  1 token   -"]
    assert token not in text


def test_listing_nobody_says_what_to_do(shop: Path):
    result = due(shop, "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "due identity add" in result.stderr


@pytest.mark.parametrize("words", [("add",), ("add", "ann", "--admin"), ("remove", "ann"), ()])
def test_wrong_words_are_a_usage_error(shop: Path, words: tuple[str, ...]):
    assert due(shop, *words).exit_code == 2


def test_a_mistake_is_an_error_of_the_library(shop: Path):
    assert isinstance(due(shop, "add", "Ann").exception, BadValue)
    (shop / ".due").mkdir(exist_ok=True)
    (shop / ".due" / "identities.yaml").write_text("people: []")
    assert isinstance(due(shop, "list").exception, FileInvalid)
