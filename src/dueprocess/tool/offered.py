"""A tool's parameters as a model is offered them: with the reserved `citations` where its policy asks for evidence."""

from typing import Final

from dueprocess.tool.spec import CITATIONS, ToolSpec
from dueprocess.values import Json

_CITATIONS_SCHEMA: Final[dict[str, Json]] = {
    "type": "array",
    "description": (
        "Evidence for this call: spans of documents retrieved in this run. start and end are code points of the document, "
        "digest is the SHA-256 (hex) of the UTF-8 of the span."
    ),
    "items": {
        "type": "object",
        "properties": {
            "document": {"type": "string"},
            "start": {"type": "integer"},
            "end": {"type": "integer"},
            "digest": {"type": "string"},
        },
        "required": ["document", "start", "end", "digest"],
        "additionalProperties": False,
    },
}


def offered_parameters(spec: ToolSpec, *, citing: bool) -> dict[str, Json]:
    """The parameters to offer. The gate takes the citations out again before it checks the schema."""
    if not citing:
        return spec.parameters
    return {**spec.parameters, "properties": {**spec.properties, CITATIONS: _CITATIONS_SCHEMA}}
