"""A small project and the command as a person types it: what is printed, what is said, and the exit code."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.shop_project import refund, write_project

from dueprocess.cli.main import due as root
from dueprocess.cli.main import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command printed, what it said besides, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON on stdout."""
        assert self.out.count("\n") == 1, self.out
        assert self.out.isascii()
        return json.loads(self.out)


Due = Callable[..., Outcome]


@pytest.fixture
def due(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Due:
    """Runs `due WORDS`, as `token` where one is given."""
    for variable in ("DUE_TOKEN", "DUE_DIR", "DUE_KEK", "DUE_MODEL", "DUE_BASE_URL", "DUE_PRICE", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)

    def call(*words: object, token: str = "") -> Outcome:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            if token:
                patch.setenv("DUE_TOKEN", token)
            code = run(functools.partial(root.main, args=[str(word) for word in words], prog_name="due"))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(code=code, out=printed.out, err=printed.err)

    return call


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder, which is also the present one."""
    folder = tmp_path / "shop"
    folder.mkdir()
    write_project(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def held(due: Due, shop: Path) -> tuple[str, str]:
    """A run that rests with one hold: (run, action)."""
    told = due("run", refund("30"), "--on-behalf-of", "user:cust", "--json")
    assert told.code == 5, told
    return told.json["run"], told.json["actions"][0]["action"]


@pytest.fixture
def token(due: Due, shop: Path) -> Callable[..., str]:
    """Makes a person and returns their token."""

    def make(name: str, *groups: str) -> str:
        words = [word for group in groups for word in ("--group", group)]
        return due("identity", "add", name, *words).out.strip()

    return make
