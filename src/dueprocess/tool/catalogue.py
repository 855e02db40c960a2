"""A tools file read into what policy, gate and model see of each tool. Which of them may run is the policy's matter.

Rule 1. A file is `{"tools": [{"name", "description", "parameters", "kind"}]}`; further keys are ignored.
Rule 2. A kind that is missing or unknown is a write. A tool without parameters takes no arguments.
Rule 3. A name occurs once; names compare byte for byte.
"""

from typing import Final

from dueprocess.errors import BadValue, FileInvalid, Problem, ToolInvalid
from dueprocess.tool.check import ArgumentCheck
from dueprocess.tool.spec import Effect, ToolSpec
from dueprocess.values import Json, parse
from dueprocess.values.foreign import kind_of, quoted

MAX_BYTES: Final = 16 << 20  # hundreds of tools with long schemas
_MAX_DEPTH: Final = 128  # schemas nest deeper than arguments
_MAX_NAME: Final = 128
_NO_ARGUMENTS: Final[dict[str, Json]] = {"type": "object", "properties": {}}


def read_catalogue(content: bytes, *, name: str) -> dict[str, ToolSpec]:
    """Reads a tools file (rules 1 to 3).

    Raises:
        FileInvalid: with every problem; a tool whose schema is not valid is one.
    """
    if len(content) > MAX_BYTES:
        raise _refused(name, "", f"{len(content)} bytes; expected at most {MAX_BYTES}")
    try:
        top = parse(content.removeprefix(b"\xef\xbb\xbf"), max_depth=_MAX_DEPTH)
    except BadValue as error:
        raise _refused(name, "", str(error)) from None
    entries = top.get("tools") if isinstance(top, dict) else None
    if not isinstance(entries, list):
        raise _refused(name, "tools", 'expected {"tools": [{"name", "description", "parameters", "kind"}]}')
    problems: list[Problem] = []
    tools: dict[str, ToolSpec] = {}
    for index, entry in enumerate(entries):
        path = f"tools[{index}]"
        try:
            tool = _tool(entry)
            if tool.name in tools:
                raise BadValue(f"the tool {quoted(tool.name)} is there twice; expected each name once")
            ArgumentCheck(tool.parameters)
            tools[tool.name] = tool
        except (BadValue, ToolInvalid) as error:
            problems.append(Problem(line=0, path=path, message=str(error)))
    if problems:
        raise FileInvalid(name, tuple(problems))
    return tools


def _tool(entry: Json) -> ToolSpec:
    if not isinstance(entry, dict):
        raise BadValue(f"got {kind_of(entry)}; expected an object with name, description, parameters and kind")
    name = entry.get("name")
    if not isinstance(name, str) or not name or len(name) > _MAX_NAME or not name.isprintable():
        raise BadValue(f"the name is {kind_of(name)}; expected text of 1 to {_MAX_NAME} visible characters")
    description = entry.get("description", "")
    if description is None:
        description = ""
    if not isinstance(description, str):
        raise BadValue(f"the description of {quoted(name)} is {kind_of(description)}; expected text")
    parameters = entry.get("parameters")
    if parameters is None:
        parameters = _NO_ARGUMENTS
    if not isinstance(parameters, dict):
        raise BadValue(
            f"the parameters of {quoted(name)} are {kind_of(parameters)}; expected a JSON Schema of an object"
        )
    # Anything but a plain "read" is a write: a misspelt kind must not weaken a tool.
    effect = Effect.READ if entry.get("kind") == "read" else Effect.WRITE
    return ToolSpec(name=name, description=description, parameters=parameters, effect=effect)


def _refused(name: str, path: str, message: str) -> FileInvalid:
    return FileInvalid(name, (Problem(line=0, path=path, message=message),))
