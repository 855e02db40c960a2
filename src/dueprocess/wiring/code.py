"""The user's own code: the modules and files that a project file names, and what stands in them. Their use is in `build`.

Rule 1. A reference is `PLACE[:NAME]`; a place is a `.py` file, relative to the project's folder, or a module's dotted name.
Rule 2. A file is loaded under a name of its own, so that a project's `code.py` takes no other module's place. Its tools
        name the file: that is where another process finds them.
Rule 3. What the code raises while it is loaded is its author's mistake: told with file and line, not as a traceback.
"""

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Final, cast

from dueprocess.errors import BadValue, DueProcessError, ToolInvalid
from dueprocess.tool import Tool
from dueprocess.values import digest_text
from dueprocess.values.foreign import quoted, visible

_FILE_ENDING: Final = ".py"
_FILE_MODULE: Final = "due_project_"  # how the names of modules made of files begin
_FAULTS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    DueProcessError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
_SHOWN: Final = 400  # characters of a foreign message: enough for what a decorator has to say about a signature


class Modules:
    """The user's modules, each loaded once. Code beside the project file can be imported by its siblings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._loaded: dict[str, ModuleType] = {}
        self._tools: dict[Tool, Tool] = {}
        if str(self._folder) not in sys.path:
            sys.path.append(str(self._folder))

    def tools(self, reference: str) -> tuple[Tool, ...]:
        """The tools of a place: all that stand in the module, or those under the name.

        Raises:
            BadValue: the place cannot be loaded, or has no tool there.
        """
        place, _, name = _split(reference)
        module = self._module(place)
        found = _tools_in(module) if not name else _tools_of(self.named(reference))
        if not found:
            raise BadValue(f"{visible(reference)} has no tool; expected functions decorated with @tool(effect=...)")
        return tuple(self._tools.setdefault(tool, _found_by_file(tool)) for tool in found)

    def named(self, reference: str) -> object:
        """What stands under the name of a reference.

        Raises:
            BadValue: the place cannot be loaded, or there is no such name in it.
        """
        place, _, name = _split(reference)
        if not name:
            raise BadValue(f"{visible(reference)} names no object; expected PLACE:NAME, such as offline.py:script")
        module = self._module(place)
        if not hasattr(module, name):
            raise BadValue(f"there is no {quoted(name)} in {visible(place)}")
        return getattr(module, name)

    def _module(self, place: str) -> ModuleType:
        if place not in self._loaded:
            self._loaded[place] = self._load(place)
        return self._loaded[place]

    def _load(self, place: str) -> ModuleType:
        is_file = place.endswith(_FILE_ENDING)
        try:
            spec = self._file_spec(place) if is_file else importlib.util.find_spec(place)
        except (ImportError, ValueError, AttributeError) as error:
            raise BadValue(f"the module {visible(place)} is not found: {visible(str(error), limit=_SHOWN)}") from None
        if spec is None or spec.loader is None:
            raise BadValue(
                f"the module {visible(place)} is not found; expected one beside the project file or installed"
            )
        if not is_file and spec.name in sys.modules:
            return sys.modules[spec.name]
        return _executed(spec, place)

    def _file_spec(self, place: str) -> ModuleSpec | None:
        path = self._folder / place
        if not path.is_file():
            raise BadValue(f"{visible(str(path), limit=_SHOWN)} is not there; expected a Python file")
        return importlib.util.spec_from_file_location(f"{_FILE_MODULE}{digest_text(str(path))[:12]}_{path.stem}", path)


def _split(reference: str) -> tuple[str, str, str]:
    return reference.partition(":")


def _executed(spec: ModuleSpec, place: str) -> ModuleType:
    module = importlib.util.module_from_spec(spec)
    # Before it runs, as an import does: annotations are read by the name of the module they stand in.
    sys.modules[spec.name] = module
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except _FAULTS as error:
        del sys.modules[spec.name]
        where = _line_in(error.__traceback__, str(spec.origin))
        line = error.lineno if isinstance(error, SyntaxError) else where
        told = visible(str(error), limit=_SHOWN)
        at = f"{visible(place)} line {line}" if line else visible(place)
        raise BadValue(f"{at} cannot be loaded: {type(error).__name__}: {told}") from None
    return module


def _line_in(trace: TracebackType | None, file: str) -> int:
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _found_by_file(tool: Tool) -> Tool:
    module, name = tool.importable or ("", "")
    file = getattr(sys.modules.get(module), "__file__", None)
    if not module.startswith(_FILE_MODULE) or not isinstance(file, str):
        return tool
    return replace(tool, importable=(file, name))


def _tools_in(module: ModuleType) -> tuple[Tool, ...]:
    values: dict[str, object] = vars(module)
    return tuple(dict.fromkeys(value for value in values.values() if isinstance(value, Tool)))


def _tools_of(value: object) -> tuple[Tool, ...]:
    if isinstance(value, Tool):
        return (value,)
    if isinstance(value, dict):
        value = cast("dict[object, object]", value).values()
    if not isinstance(value, Iterable):
        return ()
    items = tuple(cast("Iterable[object]", value))
    wrong = next((item for item in items if not isinstance(item, Tool)), None)
    if wrong is not None:
        raise ToolInvalid(f"a {type(wrong).__name__} among the tools; decorate the function with @tool(effect=...)")
    return tuple(item for item in items if isinstance(item, Tool))
