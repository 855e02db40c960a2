"""Read the source as a syntax tree and say where it breaks the rules of the house that no linter knows.

    python tools/house.py            every finding, one a line; ends with 3 if there is any

Rule 1, size: a file has at most 400 lines (600 and only shrinking, if it is on the ratchet), a function 50, a face 60.
Rule 2, name: a file is a noun or a verb of the domain, never a drawer.
Rule 3, door: what the face of a room passes on takes at most two arguments by position and never `**kwargs`.
Rule 4, pure: a pure room has no clock, randomness or I/O, and no float where money is.
Rule 5, import: imports stand at the top, but in `cli` and for an optional SDK in a shelf.
Rule 6, catch: `except Exception` stands in `runtime/perform.py` alone.
Rule 7, sleep: no test waits for time to pass.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("src/dueprocess")
PROGRAMS = (Path("bench"), Path("chaos"), Path("tools"))

FILE_LINES, FILE_CEILING, FUNCTION_LINES, FACE_LINES, POSITIONAL = 400, 600, 50, 60, 2

RATCHET: dict[str, int] = {
    "src/dueprocess/agent/__init__.py": 62,
    "src/dueprocess/gate/__init__.py": 87,
    "src/dueprocess/ledger/__init__.py": 82,
    "src/dueprocess/values/__init__.py": 62,
}
"""Files above 400 lines, and faces above 60, with their length. An entry may only get smaller, and leaves when the file is short enough."""

DRAWERS = frozenset(
    "util utils common helper helpers service services manager managers core internal internals base misc".split()
)
PURE = frozenset(
    "errors values tool model ledger policy meter approval evidence provenance routing context release metric sql gate "
    "agent".split()
)
SHELVES = frozenset("engines stores databases providers retrievers channels gateways integrations evals".split())

FLOAT_DOORS = frozenset({PACKAGE / "tool" / "shape.py"})
"""Where an exact number becomes a float: a tool that only reads may have asked for one in its signature."""

CODE_DOOR = PACKAGE / "policy" / "program.py"
"""Where conditions, typed and closed, become a function: made of syntax nodes, never of a text (ADR 0017)."""

HAND_OVER = frozenset(
    {
        PACKAGE / "stores" / "sqlite" / "writer.py",
        PACKAGE / "runtime" / "child.py",
        PACKAGE / "evidence" / "narrowing.py",
    }
)
"""Where what another's work raised is handed to who asked, a thread, a process or a judgement: nothing is swallowed."""

LOADED_WHEN_ASKED = frozenset({PACKAGE / "gate" / "statements.py"})
"""Where a room of ours that stands on an extra is loaded only once a policy asks for it."""

FOUND_BY_NAME = frozenset({PACKAGE / "runtime" / "child.py"})
"""Where a module is found by a name that comes at run time: the tool that a child process is asked to run."""

IMPURE_NAMES = frozenset(
    "open print input exec eval compile breakpoint __import__ "
    # Both differ from process to process: what is computed with them is not the same twice.
    "hash id".split()
)
IMPURE_METHODS = frozenset(
    "now utcnow today fromtimestamp utcfromtimestamp uuid1 uuid4 urandom getrandbits token_bytes token_hex "
    "token_urlsafe generate generate_key generate_private_key monotonic perf_counter time_ns "
    "read_text read_bytes write_text write_bytes".split()
)
MONEY_WORDS = frozenset(
    "amount amounts balance budget cap cost costs fee fees limit money micros paid price prices refund reserved "
    "settled spend spent sum total usd".split()
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One broken rule: where, which, and what to do instead."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        """Return the finding as editors know how to jump to it."""
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A parsed file and its place below the root."""

    path: Path
    text: str
    tree: ast.Module
    passed_on: frozenset[str] | None = None
    """The names in `__all__` of its room's face; None where no face tells: then every name without an underscore."""

    @property
    def room(self) -> str:
        """The room of the package it stands in; a file beside the rooms is its own, one outside has none."""
        inside = self.path.parts[len(PACKAGE.parts) :] if self.path.is_relative_to(PACKAGE) else ("",)
        return inside[0].removesuffix(".py")

    def finding(self, rule: str, node: ast.AST | int, text: str) -> Finding:
        """Return a finding in this file at a node or a line."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return Finding(path=self.path.as_posix(), line=line, rule=rule, text=text)


def source(path: Path | str, text: str, *, passed_on: frozenset[str] | None = None) -> Source:
    """Return a source made of a text, as if it stood at a path below the root."""
    return Source(path=Path(path), text=text, tree=ast.parse(text, filename=str(path)), passed_on=passed_on)


def names_passed_on(face: ast.Module) -> frozenset[str] | None:
    """Return what stands in `__all__` of a face, None if it has none."""
    for node in face.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() | ast.Tuple() as listed):
                return frozenset(ast.literal_eval(listed))
            case _:
                pass
    return None


def examine(one: Source) -> list[Finding]:
    """Return all findings of one file, in order of lines."""
    found: list[Finding] = [*names(one), *sizes(one), *catches(one)]
    if one.path.is_relative_to(PACKAGE):
        found += [*doors(one), *imports(one)]
        if one.room in PURE:
            found += [*impurities(one), *forbidden_imports(one)]
    if one.path.is_relative_to("tests"):
        found += sleeps(one)
    return sorted(set(found))


# Rule 1 and 2 ---------------------------------------------------------------------------------------------------------


def sizes(one: Source) -> Iterator[Finding]:
    """Find files, faces and functions that are too long."""
    if not one.path.is_relative_to("tests"):
        yield from _file_size(one)
    for node in ast.walk(one.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if ast.get_docstring(node, clean=False) else None
            told = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
            length = (node.end_lineno or node.lineno) - node.lineno + 1 - told
            if length > FUNCTION_LINES:
                yield one.finding(
                    "size",
                    node,
                    f"function {node.name} has {length} lines without its docstring, at most {FUNCTION_LINES}",
                )


def _file_size(one: Source) -> Iterator[Finding]:
    length = len(one.text.splitlines())
    is_face = one.path.name == "__init__.py" and one.path.is_relative_to(PACKAGE)
    allowed = FACE_LINES if is_face else FILE_LINES
    recorded = RATCHET.get(one.path.as_posix())
    if recorded is None:
        if length > allowed:
            yield one.finding("size", length, f"{length} lines, at most {allowed}: split it by what it is about")
    elif recorded > FILE_CEILING:
        yield one.finding("size", length, f"the ratchet allows {recorded} lines, its ceiling is {FILE_CEILING}")
    elif length != recorded:
        what = "remove its entry" if length <= allowed else f"set its entry to {length}"
        yield one.finding(
            "size", length, f"{length} lines, the ratchet says {recorded}: {'split it' if length > recorded else what}"
        )


def names(one: Source) -> Iterator[Finding]:
    """Find files and folders that are named as drawers, also in parts: `retry_utils`."""
    for part in one.path.with_suffix("").parts:
        for word in part.strip("_").lower().split("_"):
            if word in DRAWERS:
                yield one.finding("name", 1, f"{part!r} is a drawer: name it by the noun or verb of the domain in it")


# Rule 3 ---------------------------------------------------------------------------------------------------------------


def doors(one: Source) -> Iterator[Finding]:
    """Find public functions that take too much by position, or anything by `**kwargs`."""
    for owner, function in _functions(one.tree):
        if one.passed_on is not None and (owner or function.name) not in one.passed_on:
            continue
        is_override = any(isinstance(node, ast.Name) and node.id == "override" for node in function.decorator_list)
        if function.name.startswith("_") or is_override:
            continue
        static = any(isinstance(node, ast.Name) and node.id == "staticmethod" for node in function.decorator_list)
        positional = [*function.args.posonlyargs, *function.args.args][1 if owner and not static else 0 :]
        if len(positional) > POSITIONAL:
            told = ", ".join(argument.arg for argument in positional[POSITIONAL:])
            yield one.finding("door", function, f"{function.name}: by keyword, please (put `*` before them): {told}")
        if function.args.kwarg:
            yield one.finding(
                "door", function, f"{function.name}: name what it takes instead of **{function.args.kwarg.arg}"
            )


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "", node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (
                (node.name, inner) for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
            )


# Rule 4 ---------------------------------------------------------------------------------------------------------------


def impurities(one: Source) -> Iterator[Finding]:
    """Find clocks, randomness, I/O and floats of money in the tree of a pure room."""
    for node in ast.walk(one.tree):
        match node:
            case ast.Call(func=ast.Name(id="exec" | "compile")) if one.path == CODE_DOOR:
                pass
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_NAMES:
                yield one.finding(
                    "pure", node, f"{name}() acts or differs between processes: take its result as a value"
                )
            case ast.Call(func=ast.Name(id="float")) if one.path not in FLOAT_DOORS:
                yield one.finding("pure", node, "float(): exact numbers are int or Decimal")
            # A field may be called `now`: what counts is the call, or the clock itself handed on.
            case (
                ast.Call(func=ast.Attribute(attr=name))
                | ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=name)
            ) if name in IMPURE_METHODS:
                yield one.finding("pure", node, f".{name} is a clock, randomness or I/O: take its result as a value")
            case ast.Call(func=ast.Attribute(attr="astimezone"), args=[], keywords=[]):
                yield one.finding("pure", node, ".astimezone() without a zone asks the machine for its own")
            case (
                ast.AnnAssign(target=ast.Name(id=name), annotation=annotation)
                | ast.arg(arg=name, annotation=annotation)
            ) if annotation is not None and _is_money(name) and _mentions_float(annotation):
                yield one.finding("pure", node, f"{name} is money as a float: integer micro-USD, values.Money")
            case (
                ast.FunctionDef(name=name, returns=ast.AST() as returns)
                | ast.AsyncFunctionDef(name=name, returns=ast.AST() as returns)
            ) if _is_money(name) and _mentions_float(returns):
                yield one.finding("pure", node, f"{name} returns money as a float: integer micro-USD, values.Money")
            case _:
                pass


def _is_money(name: str) -> bool:
    return not MONEY_WORDS.isdisjoint(name.lower().split("_"))


def _mentions_float(annotation: ast.AST) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(annotation))


def forbidden_imports(one: Source) -> Iterator[Finding]:
    """Find imports that the contract on pure rooms forbids; its list in pyproject.toml is the only one."""
    forbidden = frozenset(contract("forbidden")["forbidden_modules"])
    for node, module in _imported(one.tree):
        if module.partition(".")[0] in forbidden:
            yield one.finding(
                "pure", node, f"imports {module}: a pure room reaches no clock, no randomness, no I/O, no SDK"
            )


def contract(kind: str) -> dict[str, list[str]]:
    """Return the first import contract of a kind, as pyproject.toml has it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return next(one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == kind)


# Rule 5, 6 and 7 ------------------------------------------------------------------------------------------------------


def imports(one: Source) -> Iterator[Finding]:
    """Find imports inside functions where they are not allowed, also those made by a call."""
    if one.room == "cli":
        return
    for function in ast.walk(one.tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node, module in _imported(function):
            top = module.partition(".")[0]
            is_sdk = top != "dueprocess" and top not in sys.stdlib_module_names
            is_asked = one.path in LOADED_WHEN_ASKED and module == "dueprocess.sql"
            if not (one.room in SHELVES and is_sdk) and not is_asked:
                yield one.finding("import", node, f"imports {module} inside a function: to the top, or split the file")
        # The face of the package loads what is asked of it when it is asked: that is what keeps the command fast.
        if one.path != PACKAGE / "__init__.py":
            calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
            for call in calls:
                by_name = isinstance(call, ast.Name | ast.Attribute) and "import_module" in ast.unparse(call)
                if by_name and one.path not in FOUND_BY_NAME:
                    yield one.finding("import", call, "import_module inside a function hides what a file needs")


def _imported(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from ((node, alias.name) for alias in aliases)
            case ast.ImportFrom(module=str() as module):
                yield node, module
            case _:
                pass


def catches(one: Source) -> Iterator[Finding]:
    """Find handlers that swallow everything; one that only cleans up ends with a bare `raise`."""
    is_shell = one.path == PACKAGE / "runtime" / "perform.py"
    for node in ast.walk(one.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = (
            {"BaseException"}
            if node.type is None
            else {inner.id for inner in ast.walk(node.type) if isinstance(inner, ast.Name)}
        )
        last = node.body[-1]
        cleans_up = isinstance(last, ast.Raise) and last.exc is None
        if "Exception" in caught and not is_shell and one.path not in HAND_OVER:
            yield one.finding(
                "catch", node, "except Exception: name what can fail here; the rest belongs to runtime.perform"
            )
        elif "BaseException" in caught and not cleans_up and one.path not in HAND_OVER:
            yield one.finding(
                "catch", node, "catches everything without a bare `raise` at its end: name what can fail here"
            )


def sleeps(one: Source) -> Iterator[Finding]:
    """Find tests that wait for time to pass."""
    for node in ast.walk(one.tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="time" | "asyncio" | "anyio"), attr="sleep"), args=arguments
            ):
                # Zero yields to other tasks, it waits for none.
                if not (len(arguments) == 1 and isinstance(arguments[0], ast.Constant) and arguments[0].value == 0):
                    yield one.finding(
                        "sleep", node, "a test does not sleep: use a fake clock, or wait for the event itself"
                    )
            case ast.ImportFrom(module="time", names=aliases) if any(alias.name == "sleep" for alias in aliases):
                yield one.finding(
                    "sleep", node, "a test does not sleep: use a fake clock, or wait for the event itself"
                )
            case _:
                pass


# The whole house ------------------------------------------------------------------------------------------------------


def sources(root: Path) -> Iterator[Source]:
    """Return every Python file of the package, the programs beside it and the tests, parsed."""
    faces: dict[str, frozenset[str] | None] = {}
    for face in (root / PACKAGE).glob("*/__init__.py"):
        text = face.read_text(encoding="utf-8")
        faces[face.parent.name] = names_passed_on(ast.parse(text, filename=str(face)))
    for folder in (PACKAGE, *PROGRAMS, Path("tests")):
        for path in sorted((root / folder).rglob("*.py")):
            place = path.relative_to(root)
            room = place.parts[len(PACKAGE.parts)] if folder == PACKAGE else ""
            yield source(place, path.read_text(encoding="utf-8"), passed_on=faces.get(room))


def main() -> int:
    """Print every finding in the house; return an exit code."""
    found = [finding for one in sources(ROOT) for finding in examine(one)]
    for finding in found:
        print(finding)
    return 3 if found else 0


if __name__ == "__main__":
    sys.exit(main())
