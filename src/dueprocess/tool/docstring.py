"""What a docstring tells a model: the description, and a line for each parameter. Schemas are in `tool.signature`.

Rule 1. The description is the text before the first section (`Args:`, `Returns:`, ...); a paragraph becomes one line.
Rule 2. Parameters stand in an `Args:` section, or at the end without one, each as `name: text` or `name (type): text`;
        deeper indented lines continue the text.
"""

import inspect
import re
from collections.abc import Collection, Iterator
from typing import Final

_ARGUMENTS: Final = frozenset({"args", "arguments", "parameters", "params"})
_SECTIONS: Final = _ARGUMENTS | {"returns", "yields", "raises", "note", "notes", "example", "examples"}
_PARAMETER = re.compile(r"\*{0,2}([A-Za-z_][A-Za-z0-9_]*)\s*(?:\([^)]*\))?\s*:\s+(.*)")


def read_docstring(text: str | None, *, parameters: Collection[str]) -> tuple[str, dict[str, str]]:
    """Splits a docstring into its description and the lines of those parameters that it names."""
    about: list[str] = []
    named: dict[str, str] = {}
    current, depth = "", 0
    for section, line in _sections(inspect.cleandoc(text) if text else ""):
        if section and section not in _ARGUMENTS:
            continue
        indent = len(line) - len(line.lstrip())
        found = _PARAMETER.fullmatch(line.strip())
        if found is not None and found[1] in parameters and (section or indent == 0):
            current, depth = found[1], indent
            named[current] = found[2].strip()
        elif current and indent > depth:
            named[current] = f"{named[current]} {line.strip()}"
        elif not section and not named:
            about.append(line.strip())
        elif line.strip():
            current = ""
    paragraphs = "\n".join(about).strip().split("\n\n")
    return "\n\n".join(" ".join(part.split()) for part in paragraphs if part.strip()), named


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the name of the section it stands in, empty before the first."""
    section = ""
    for line in text.splitlines():
        title = line.removesuffix(":").lower()
        if line.endswith(":") and title in _SECTIONS:
            section = title
            continue
        yield section, line
