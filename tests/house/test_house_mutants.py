"""The tool that breaks the pure rooms on purpose: what it changes, what it leaves alone, and that it tells the truth."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import mutants
import mutation
import mutation_tree
import pytest

TOOL = Path(mutants.__file__)


def changes(text: str) -> list[str]:
    known = mutation_tree.survey([ast.parse(text)])
    return [mutant.change for mutant in mutation.mutants_of("src/p/a.py", text, known)]


COLOUR = "class Colour(Enum):\n    RED = 1\n    BLUE = 2\n    GREEN = 3\n"
RECORD = "@dataclass(frozen=True)\nclass Record:\n    name: str\n    many: int = 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < b", {"a < b -> a <= b", "a < b -> a >= b"}),
        ("a >= b", {"a >= b -> a > b", "a >= b -> a < b"}),
        ("a == b", {"a == b -> a != b"}),
        ("a is None", {"a is None -> a is not None"}),
        ("a in b", {"a in b -> a not in b"}),
        ("a < b < c", {"a < b < c -> a <= b < c", "a < b < c -> a < b >= c"}),
        ("a and b", {"a and b -> a or b", "without a in a and b", "without b in a and b"}),
        ("not a", {"not a -> a"}),
        ("-a", {"-a -> a"}),
        ("a + b", {"a + b -> a - b"}),
        ("a // b", {"a // b -> a * b"}),
        ("x = 5", {"5 -> 6", "5 -> 4"}),
        ("x = True", {"True -> False"}),
        ("x = 'rule'", {"'rule' -> 'rule~'"}),
        ("x = ''", {"'' -> '~'"}),
        ("x = f'{tool}.rate'", {"'.rate' -> '.rate~'"}),
        ("x = b'a'", {"b'a' -> b'a~'"}),
        ("if a:\n    b()", {"a -> always", "a -> never", "left out: b()"}),
        ("x = a if b else c", {"b -> always", "b -> never"}),
        ("while a:\n    b()", {"a -> never"}),
        ("[a for a in b if c]", {"without the filter: c"}),
        ("def f():\n    return a", {"return a -> return None"}),
        ("def f() -> bool:\n    return a", {"return a -> return True", "return a -> return False"}),
        ("raise A", {"left out: raise A"}),
        ("for a in b:\n    continue", {"left out: continue", "continue -> break"}),
        ("for a in b:\n    break", {"left out: break", "break -> continue"}),
        ("a += b", {"left out: a += b", "a += b -> a -= b"}),
        ("a[b] = c", {"left out: a[b] = c"}),
        ("def f(a):\n    a = b", {"left out: a = b"}),
        ("def f():\n    a = b\n    a = c", {"left out: a = c"}),
        ("del a", {"left out: del a"}),
        ("any(a)", {"any(a) -> all(a)"}),
        ("max(a, b)", {"max(a, b) -> min(a, b)", "without a in max(a, b)", "without b in max(a, b)"}),
        ("sorted(a, key=b)", {"sorted(a, key=b) -> list(a)", "without key=b in sorted(a, key=b)"}),
        ("f(a, b)", {"f(a, b) -> f(b, a)"}),
        ("replace(a, b=c)", {"without b=c in replace(a, b=c)"}),
        (f"{RECORD}x = Record(name=a, many=b)", {"without many=b in Record(name=a, many=b)", "1 -> 2", "1 -> 0"}),
        ("try:\n    a()\nexcept B:\n    c()", {"except B: raises on", "except B: swallows"}),
        (f"{COLOUR}x = Colour.RED", {"Colour.RED -> Colour.BLUE"}),
        (f"{COLOUR}x = Colour.GREEN", {"Colour.GREEN -> Colour.RED"}),
        (f"{COLOUR}_C = Colour\nx = _C.RED", {"_C.RED -> _C.BLUE"}),
        ("x = {a, b}", {"without a in {a, b}", "without b in {a, b}"}),
        ("x = (*a, *b)", {"without *a in (*a, *b)", "without *b in (*a, *b)"}),
        ("x = {'k': a}", {"without the entry 'k': a", "'k' -> 'k~'"}),
        ("class A:\n    b: int | None = None", {"without the default: b: int | None = None"}),
        ("def f(*, a=None): ...", {"without the default: a = None"}),
        ("match a:\n    case 1:\n        b()", {"case 1 -> never", "1 -> 2"}),
        ("match a:\n    case _ if b:\n        c()", {"b -> always", "b -> never"}),
        ("raise ValueError(f'{a + b}')", {"a + b -> a - b"}),
        ("x = Refused(rule='r', reason=f'{a - b} is gone')", {"'r' -> 'r~'", "a - b -> a + b"}),
    ],
)
def test_each_kind_of_change_is_made(text: str, expected: set[str]):
    assert expected <= set(changes(text))


@pytest.mark.parametrize(
    "text",
    [
        '"""A docstring."""',
        'def f() -> int | None:\n    """Another."""\n',
        "x: int | str",
        "def f(a: Literal['b']) -> dict[str, 'c']: ...",
        "A = B | C | None",
        "A = dict[str, B]",
        "__all__ = ['a', 'b']",
        "import a\nfrom b import c",
        "Id = NewType('Id', int)",
        "@dataclass(frozen=True)\nclass A:\n    b: int",
        "assert_never(a)",
        "if TYPE_CHECKING:\n    a()\n",
        "x = cast('A', b)",
        "x = zip(a, strict=True)",
        "x = Refused(reason='gone')",
        "class Gone(ValueError): ...\nx = Gone('away')",
        "a.wrong('not a duration')",
        "match a:\n    case _:\n        assert_never(a)",
    ],
)
def test_what_no_test_can_or_should_tell_is_left_alone(text: str):
    gone = {"left out: a.wrong('not a duration')", "left out: assert_never(a)"}
    assert set(changes(text)) - gone == set()


def test_the_changed_tree_is_the_file_with_this_one_change():
    text = "def reached(count, least):\n    return count >= least and count > 0\n"
    known = mutation_tree.survey([ast.parse(text)])
    made = {
        mutant.change: ast.unparse(mutation.mutated(text, mutant, known))
        for mutant in mutation.mutants_of("src/p/a.py", text, known)
    }
    assert made["count >= least -> count > least"] == text.replace(">=", ">").strip()
    assert made["without count > 0 in count >= least and count > 0"] == text.replace(" and count > 0", "").strip()
    assert made["0 -> 1"] == text.replace("0", "1").strip()
    assert len({*made.values()}) == len(made)


def test_every_change_of_the_real_rooms_gives_a_program():
    package = TOOL.parent.parent / "src" / "dueprocess"
    known = mutation_tree.survey(ast.parse(path.read_text()) for path in sorted(package.rglob("*.py")))
    for room in ("meter", "approval"):
        for path in sorted((package / room).glob("*.py")):
            text = path.read_text()
            before = ast.dump(ast.parse(text))
            for mutant in mutation.mutants_of(path.name, text, known):
                tree = mutation.mutated(text, mutant, known)
                assert ast.dump(tree) != before, mutant
                compile(tree, path.name, "exec")
                assert mutant.first <= mutant.line <= mutant.last or mutant.first <= mutant.last


# A small project, of the same name as the package that is installed: it must not be taken for it ----------------------

ROOM = """
def spend(spent: int, asked: int, limit: int) -> int | None:
    if spent + asked > limit:
        return None
    return spent + asked
"""
STRONG = """
from dueprocess.till.spend import spend

def test_boundaries():
    assert [spend(3, asked, 5) for asked in (0, 1, 2, 3)] == [3, 4, 5, None]
    assert spend(3, 9, 5) is None
"""
WEAK = """
from dueprocess.till.spend import spend

def test_it_runs():
    assert spend(1, 1, 5) == 2
"""
LOOP = """
def down(count: int) -> int:
    while count > 0:
        count -= 1
    return count
"""
DOWN = """
from dueprocess.till.spend import down

def test_down():
    assert down(3) == 0
    assert down(-1) == -1
"""
LISTED = """
file: src/dueprocess/till/spend.py
line: if spent + asked > limit:
change: spent + asked > limit -> never
because: nobody has ever asked for more
"""


def project(folder: Path, *, room: str = ROOM, test: str, listed: str = "") -> Path:
    files = {
        "src/dueprocess/__init__.py": "",
        "src/dueprocess/till/__init__.py": "from dueprocess.till.spend import *\n",
        "src/dueprocess/till/spend.py": room,
        "tests/unit/till/test_till.py": test,
        "tools/mutants_equivalent.txt": listed,
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, TOOL, "--root", folder, "--room", "till", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.slow
def test_tests_that_tell_every_change_pass(tmp_path: Path):
    done = run(project(tmp_path, test=STRONG), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["score"] == 100
    assert told["rooms"]["till"]["killed"] == told["mutants"] == 7
    assert (tmp_path / "src/dueprocess/till/spend.py").read_text() == ROOM


@pytest.mark.slow
def test_tests_that_tell_little_fail_and_every_survivor_is_named(tmp_path: Path):
    done = run(project(tmp_path, test=WEAK))
    assert done.returncode == 3, done.stderr
    assert "src/dueprocess/till/spend.py:3: spent + asked > limit -> never" in done.stdout
    assert "src/dueprocess/till/spend.py:3: spent + asked > limit -> spent + asked >= limit" in done.stdout
    assert "spent + asked > limit -> always" not in done.stdout


@pytest.mark.slow
def test_a_change_that_never_ends_is_noticed_by_the_clock_and_told_apart(tmp_path: Path):
    done = run(project(tmp_path, room=LOOP, test=DOWN), "--json", "--patience", "2")
    told = json.loads(done.stdout)
    assert "left out: count -= 1" in {one["change"] for one in told["timeouts"]}
    assert told["mutants"] == told["killed"] + told["timed_out"] + told["survived"]


@pytest.mark.slow
def test_what_makes_no_difference_does_not_count_and_is_told_apart(tmp_path: Path):
    done = run(project(tmp_path, test=WEAK, listed=LISTED), "--json")
    told = json.loads(done.stdout)
    assert [one["because"] for one in told["equivalents"]] == ["nobody has ever asked for more"]
    assert told["mutants"] == 6
    assert "spent + asked > limit -> never" not in {one["change"] for one in told["survivors"]}


@pytest.mark.slow
def test_tests_that_fail_without_any_change_tell_nothing(tmp_path: Path):
    done = run(project(tmp_path, test=STRONG.replace("9", "1")))
    assert done.returncode == 1
    assert "the tests of till fail as they are" in done.stderr
    assert "test_till.py::test_boundaries" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (
            LISTED.replace("never", "sometimes"),
            "no mutant of src/dueprocess/till/spend.py is `spent + asked > limit -> some",
        ),
        (LISTED.replace("if spent", "if spend"), "in `if spend + asked > limit:`"),
        (LISTED.replace("because", "why"), "mutants_equivalent.txt:5: 'why: nobody"),
        (LISTED.replace("line: if spent + asked > limit:\n", ""), "mutants_equivalent.txt:2: an entry needs"),
        (LISTED.replace("file: ", ""), "mutants_equivalent.txt:2: 'src/dueprocess"),
    ],
)
def test_a_list_of_equivalents_that_does_not_fit_is_an_error(
    tmp_path: Path, listed: str, said: str, capsys: pytest.CaptureFixture[str]
):
    folder = project(tmp_path, test=STRONG, listed=listed)
    assert mutants.main(["--root", str(folder), "--room", "till", "--list"]) == 1
    assert said in capsys.readouterr().err


def test_a_sample_is_the_same_for_the_same_seed(capsys: pytest.CaptureFixture[str]):
    def listed(*options: str) -> list[str]:
        assert mutants.main(["--list", "--room", "meter", *options]) == 0
        return capsys.readouterr().out.splitlines()

    everything = listed()
    sample = listed("--sample", "10", "--seed", "1")
    assert len(sample) == 10
    assert set(sample) <= set(everything)
    assert listed("--sample", "10", "--seed", "1") == sample
    assert listed("--sample", "10", "--seed", "2") != sample


@pytest.mark.parametrize("options", [["--room", "nowhere"], ["--room", "meter", "--sample", "0"]])
def test_nothing_to_try_is_an_error(options: list[str], capsys: pytest.CaptureFixture[str]):
    assert mutants.main(["--list", *options]) == 1
    assert "mutants: " in capsys.readouterr().err


def test_every_listed_change_that_makes_no_difference_is_still_there():
    assert mutants.main(["--list"]) == 0
