"""Due process for AI agents: every action is decided, approved where it must be, done once, and provable.

Names are loaded when they are first used (PEP 562), so that the command starts fast; `__all__` is all there is.
The decorator that makes a function a tool is `dueprocess.tool.tool`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dueprocess.errors import NoEffect as NoEffect
    from dueprocess.runtime import DeniedCall as DeniedCall
    from dueprocess.runtime import FailedCall as FailedCall
    from dueprocess.runtime import HeldCall as HeldCall
    from dueprocess.runtime import Performed as Performed
    from dueprocess.runtime import ReusedCall as ReusedCall
    from dueprocess.runtime import SucceededCall as SucceededCall
    from dueprocess.runtime import UnknownCall as UnknownCall
    from dueprocess.tool import Attempt as Attempt
    from dueprocess.tool import Done as Done
    from dueprocess.tool import Found as Found
    from dueprocess.tool import Unclear as Unclear
    from dueprocess.tool import Voided as Voided
    from dueprocess.values import Money as Money
    from dueprocess.wiring.guard import Guarded as Guarded
    from dueprocess.wiring.guard import guard as guard

_HOME = {
    **dict.fromkeys(("NoEffect",), "errors"),
    **dict.fromkeys(
        ("DeniedCall", "FailedCall", "HeldCall", "Performed", "ReusedCall", "SucceededCall", "UnknownCall"), "runtime"
    ),
    **dict.fromkeys(("Attempt", "Done", "Found", "Unclear", "Voided"), "tool"),
    "Money": "values",
    **dict.fromkeys(("Guarded", "guard"), "wiring.guard"),
}
__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'dueprocess' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}")
    return getattr(import_module(f"dueprocess.{_HOME[name]}"), name)
