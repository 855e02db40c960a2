"""The tools of one agent by name. What a policy allows of them is not known here."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Self

from dueprocess.errors import ToolInvalid
from dueprocess.tool.governed import Tool
from dueprocess.tool.spec import ToolSpec


class Registry(Mapping[str, Tool]):
    """An immutable mapping from exact name to tool.

    Raises:
        ToolInvalid: two tools share a name, or something is not a tool.
    """

    __slots__ = ("_tools",)

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        found: dict[str, Tool] = {}
        for tool in tools:
            if not isinstance(tool, Tool):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
                raise ToolInvalid(f"{tool!r} is not a tool; decorate the function with @tool(effect=...)")
            if tool.name in found:
                raise ToolInvalid(f"two tools are named {tool.name}; give one of them another name=")
            found[tool.name] = tool
        self._tools = MappingProxyType(found)

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def specs(self) -> dict[str, ToolSpec]:
        """What policy, gate and model see of each tool."""
        return {name: tool.spec for name, tool in self._tools.items()}

    def with_tools(self, tools: Iterable[Tool]) -> Self:
        """A new registry of these tools and those."""
        return type(self)((*self._tools.values(), *tools))
