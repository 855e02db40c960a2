import ast

import house
import pytest

GOOD = "src/dueprocess/meter/gauge.py"


def findings(path: str, text: str) -> list[str]:
    return [finding.rule for finding in house.examine(house.source(path, text))]


def test_every_source_file_keeps_the_rules_of_the_house():
    found = [str(finding) for one in house.sources(house.ROOT) for finding in house.examine(one)]
    assert not found, "\n".join(found)


def test_the_rules_look_at_every_python_file_of_the_package():
    looked_at = {one.path for one in house.sources(house.ROOT)}
    package = house.ROOT / house.PACKAGE
    assert {path.relative_to(house.ROOT) for path in package.rglob("*.py")} <= looked_at
    assert len(looked_at) > 10


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "import os.path",
        "from random import choice",
        "from secrets import token_hex",
        "import sqlite3 as db",
        "from urllib.request import urlopen",
        "import logging",
        "import uuid",
        "from threading import Lock",
        "import pydantic_ai",
        "import click",
        "x = open('a')",
        "print('a')",
        "input()",
        "eval('1')",
        "__import__('os')",
        "hash('a')",
        "id(x)",
        "float('1.5')",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "clock = datetime.now",
        "self.clock.now()",
        "moment.astimezone()",
        "uuid.uuid4()",
        "os.urandom(12)",
        "Ed25519PrivateKey.generate()",
        "AESGCM.generate_key(256)",
        "path.read_text()",
        "path.write_bytes(b'')",
        "amount: float = 1",
        "max_cost: float | None = None",
        "def pay(*, amount_usd: float) -> None: ...",
        "def pay(*, amount_usd: list[float]) -> None: ...",
        "def price(tokens: int) -> float: ...",
        "async def fee() -> float: ...",
        "class A:\n    cost: float\n",
    ],
)
def test_a_pure_room_has_no_clock_no_randomness_no_io_and_no_float_of_money(text: str):
    assert "pure" in findings(GOOD, text)
    assert "pure" not in findings("src/dueprocess/runtime/drive.py", text)


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import UTC, datetime",
        "from decimal import Decimal",
        "import hashlib, re, json",
        "moment.astimezone(UTC)",
        "later = event.now",
        "reopen(x)",
        "pattern = re.compile('a')",
        "timeout_s: float = 1.0",
        "isinstance(value, float)",
        "def wait(*, timeout_s: float) -> float: ...",
        "amount: Decimal",
    ],
)
def test_a_pure_room_may_hold_what_gives_the_same_twice(text: str):
    assert findings(GOOD, text) == []


def test_an_exact_number_becomes_a_float_at_one_door_only():
    assert findings("src/dueprocess/tool/shape.py", "float(value)") == []
    assert findings("src/dueprocess/tool/shape.py", "amount: float") == ["pure"]
    assert findings("src/dueprocess/tool/spec.py", "float(value)") == ["pure"]


def test_code_is_made_at_one_door_only():
    assert findings("src/dueprocess/policy/program.py", "exec(compile(tree, 'a', 'exec'), {})") == []
    assert findings("src/dueprocess/policy/program.py", "eval('1')") == ["pure"]
    assert findings("src/dueprocess/policy/expression.py", "exec(code, {})") == ["pure"]
    assert findings("src/dueprocess/policy/expression.py", "compile(tree, 'a', 'exec')") == ["pure"]


def test_errors_are_pure_too():
    assert findings("src/dueprocess/errors.py", "import os") == ["pure"]


def lines(number: int) -> str:
    return "x = 1\n" * number


@pytest.mark.parametrize(
    ("path", "longest"),
    [
        ("src/dueprocess/gate/decide.py", 400),
        ("chaos/kill.py", 400),
        ("tools/mutants.py", 400),
        ("src/dueprocess/meter/__init__.py", 60),
        ("src/dueprocess/__init__.py", 60),
    ],
)
def test_a_file_is_no_longer_than_its_kind_allows(path: str, longest: int):
    assert findings(path, lines(longest)) == []
    assert findings(path, lines(longest + 1)) == ["size"]


def test_a_function_has_at_most_fifty_lines_besides_its_docstring():
    docstring = '    """Told.\n' + "\n    More." * 20 + '\n    """\n'
    body = "    x = 1\n"
    assert findings(GOOD, f"def f():\n{docstring}{body * 49}") == []
    assert findings(GOOD, f"def f():\n{docstring}{body * 50}") == ["size"]
    assert findings(GOOD, "class A:\n    async def f(self):\n" + "        x = 1\n" * 50) == ["size"]
    assert findings("tests/unit/test_x.py", f"def test_f():\n{body * 50}") == ["size"]


@pytest.mark.parametrize(
    ("length", "recorded", "said"),
    [
        (500, 500, []),
        (501, 500, ["split it"]),
        (499, 500, ["set its entry to 499"]),
        (399, 500, ["remove its entry"]),
        (700, 700, ["ceiling is 600"]),
    ],
)
def test_the_ratchet_only_shrinks(monkeypatch: pytest.MonkeyPatch, length: int, recorded: int, said: list[str]):
    monkeypatch.setitem(house.RATCHET, GOOD, recorded)
    found = house.examine(house.source(GOOD, lines(length)))
    assert len(found) == len(said)
    assert all(words in finding.text for words, finding in zip(said, found, strict=True))


def test_the_ratchet_names_only_files_that_are_there():
    assert [path for path in house.RATCHET if not (house.ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    "path",
    [
        "src/dueprocess/utils.py",
        "src/dueprocess/common/money.py",
        "src/dueprocess/gate/_helpers.py",
        "src/dueprocess/gate/retry_utils.py",
        "src/dueprocess/stores/base.py",
        "chaos/misc.py",
        "tests/unit/core/test_x.py",
    ],
)
def test_no_file_is_named_like_a_drawer(path: str):
    assert "name" in findings(path, "")


def test_a_word_of_the_domain_may_contain_the_word_of_a_drawer():
    assert findings("src/dueprocess/policy/score.py", "") == []
    assert findings("src/dueprocess/policy/baseline.py", "") == []


@pytest.mark.parametrize(
    "text",
    [
        "def act(one, two, three): ...",
        "async def act(one, /, two, three): ...",
        "class A:\n    def act(self, one, two, three): ...\n",
        "class A:\n    @staticmethod\n    def act(one, two, three): ...\n",
        "def act(**kwargs): ...",
    ],
)
def test_a_public_function_takes_two_by_position_and_the_rest_by_name(text: str):
    assert findings(GOOD, text) == ["door"]


@pytest.mark.parametrize(
    "text",
    [
        "def act(one, two, *, three): ...",
        "def _act(one, two, three): ...",
        "class A:\n    def act(self, one, two): ...\n",
        "class A:\n    @override\n    def act(self, one, two, three): ...\n",
        "class _A:\n    def act(self, one, two, three): ...\n",
    ],
)
def test_what_is_private_or_another_s_signature_is_free(text: str):
    assert findings(GOOD, text) == []


def test_only_what_the_face_of_a_room_passes_on_is_a_door():
    text = "def inner(one, two, three): ...\nclass Door:\n    def act(self, one, two, three): ...\n"
    for passed_on, found in ((frozenset[str](), 0), (frozenset({"Door"}), 1), (frozenset({"Door", "inner"}), 2)):
        assert len(house.examine(house.source(GOOD, text, passed_on=passed_on))) == found


@pytest.mark.parametrize(
    ("face", "names"),
    [
        ('__all__ = ["a", "b"]', {"a", "b"}),
        ('__all__ = ("a",)', {"a"}),
        ("__all__ = []", set()),
        ("from x import a", None),
    ],
)
def test_the_face_of_a_room_says_what_it_passes_on(face: str, names: set[str] | None):
    assert house.names_passed_on(ast.parse(face)) == names


def handler(caught: str, body: str = "pass") -> str:
    return f"try:\n    x = 1\nexcept{caught}:\n    {body}\n"


def test_what_another_thread_asked_for_may_be_kept_for_it_and_nothing_else():
    writer = "src/dueprocess/stores/sqlite/writer.py"
    assert findings(writer, handler(" BaseException as error", "member.error = error")) == []
    assert findings(
        "src/dueprocess/stores/sqlite/store.py", handler(" Exception as error", "member.error = error")
    ) == ["catch"]
    assert findings("src/dueprocess/stores/sqlite/store.py", handler(" BaseException as error", "a = error")) == [
        "catch"
    ]


SDK_INSIDE = "def load():\n    import openai\n"
OWN_INSIDE = "def load():\n    from dueprocess.values import money\n"
STANDARD_INSIDE = "async def load():\n    import sqlite3\n"
CALL_INSIDE = "def load():\n    return importlib.import_module('a')\n"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("src/dueprocess/runtime/drive.py", []),
        ("src/dueprocess/testing/store.py", []),
        ("src/dueprocess/providers/pydantic_ai.py", [SDK_INSIDE]),
        ("src/dueprocess/cli/demo.py", [SDK_INSIDE, OWN_INSIDE, STANDARD_INSIDE, CALL_INSIDE]),
        ("src/dueprocess/__init__.py", [CALL_INSIDE]),
    ],
)
def test_imports_stand_at_the_top_but_where_speed_or_an_option_asks_otherwise(path: str, allowed: list[str]):
    for text in (SDK_INSIDE, OWN_INSIDE, STANDARD_INSIDE, CALL_INSIDE):
        assert findings(path, text) == ([] if text in allowed else ["import"]), text


@pytest.mark.parametrize("caught", [" Exception", " Exception as error", " (ValueError, Exception)"])
def test_everything_is_caught_in_one_place_only(caught: str):
    assert findings("src/dueprocess/runtime/perform.py", handler(caught)) == []
    for path in ("src/dueprocess/runtime/drive.py", "src/dueprocess/stores/perform.py", "chaos/kill.py"):
        assert findings(path, handler(caught, "raise")) == ["catch"]


@pytest.mark.parametrize("caught", ["", " BaseException"])
def test_what_catches_everything_to_clean_up_raises_it_again(caught: str):
    assert findings(GOOD, handler(caught)) == ["catch"]
    assert findings(GOOD, handler(caught, "raise OtherError")) == ["catch"]
    assert findings(GOOD, handler(caught, "undo(); raise")) == []


@pytest.mark.parametrize(
    "text", ["time.sleep(1)", "asyncio.sleep(0.1)", "from time import sleep", "anyio.sleep(delay)"]
)
def test_no_test_sleeps(text: str):
    assert findings("tests/unit/test_x.py", text) == ["sleep"]
    assert findings("chaos/kill.py", text) == []


def test_giving_way_to_other_tasks_is_no_sleep():
    assert findings("tests/unit/test_x.py", "anyio.sleep(0)") == []
