"""Where model replies come from: a script, a tape, a server. Which one a deployment uses is decided in `wiring`.

`pydantic_ai` needs the extra `models`; its SDK is loaded when a `PydanticAi` is made, not before.
"""

from dueprocess.providers.cassette import CassetteRecorder, CassetteReplayer
from dueprocess.providers.pydantic_ai import OutputLimit, PydanticAi
from dueprocess.providers.scripted import Line, Script, Scripted, by_turn

__all__ = [
    "CassetteRecorder",
    "CassetteReplayer",
    "Line",
    "OutputLimit",
    "PydanticAi",
    "Script",
    "Scripted",
    "by_turn",
]
