"""`due identity` as a person types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dueprocess.cli.identity import command
from dueprocess.errors import BadValue, FileInvalid
from dueprocess.wiring.identity import IdentityFile


def due(directory: Path, *words: str) -> Result:
    return CliRunner().invoke(command, [*words], env={"DUE_DIR": str(directory)}, catch_exceptions=True)


def test_the_token_alone_is_on_standard_output(tmp_path: Path):
    result = due(tmp_path, "add", "ann", "--group", "finance", "--group", "leads")
    assert result.exit_code == 0
    person = IdentityFile.open(tmp_path / "identities.yaml").authenticate(result.stdout.strip())
    assert (person.id, person.groups) == ("user:ann", {"group:finance", "group:leads"})
    assert "this once" in result.stderr


def test_the_folder_may_be_named(tmp_path: Path):
    result = due(tmp_path / "other", "add", "ann", "--dir", str(tmp_path / "here"), "--json")
    told = json.loads(result.stdout)
    assert (
        IdentityFile.open(tmp_path / "here" / "identities.yaml").authenticate(told["token"]).id
        == told["id"]
        == "user:ann"
    )
    assert not (tmp_path / "other").exists()


def test_listing_shows_people_and_no_tokens(tmp_path: Path):
    token = due(tmp_path, "add", "ann", "--group", "finance").stdout.strip()
    due(tmp_path, "add", "ann")
    due(tmp_path, "add", "zoe")
    told = json.loads(due(tmp_path, "list", "--json").stdout)
    assert told == {
        "people": [
            {"id": "user:ann", "groups": ["group:finance"], "tokens": 2},
            {"id": "user:zoe", "groups": [], "tokens": 1},
        ]
    }
    text = due(tmp_path, "list").stdout
    assert text.splitlines() == ["user:ann  2 tokens  finance", "user:zoe  1 token  -"]
    assert token not in text


def test_listing_nobody_says_what_to_do(tmp_path: Path):
    result = due(tmp_path, "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "due identity add" in result.stderr


@pytest.mark.parametrize("words", [("add",), ("add", "ann", "--admin"), ("remove", "ann"), ()])
def test_wrong_words_are_a_usage_error(tmp_path: Path, words: tuple[str, ...]):
    assert due(tmp_path, *words).exit_code == 2


def test_a_mistake_is_an_error_of_the_library(tmp_path: Path):
    assert isinstance(due(tmp_path, "add", "Ann").exception, BadValue)
    (tmp_path / "identities.yaml").write_text("people: []")
    assert isinstance(due(tmp_path, "list").exception, FileInvalid)
