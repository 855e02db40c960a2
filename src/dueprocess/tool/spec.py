"""What a tool is: its schema and what it does to the world. The function behind it is in `tool.function`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Final

from dueprocess.values import ZERO, Digest, Json, Money, canonical, digest_json

CITATIONS: Final = "citations"
"""The reserved argument in which the model names its evidence, where the policy asks for it."""

COMPENSATE: Final = ".compensate"
"""What follows a tool's name in that of its taking back."""


class Effect(Enum):
    """What a tool does to the world. `WRITE` beats any tier that says read."""

    READ = "read"
    WRITE = "write"


class Idempotency(Enum):
    """Who keeps a second use of the same key from acting twice: nobody, or the sink itself."""

    NONE = "none"
    SINK = "sink"


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """A tool as policy, gate and model see it. A value: its schema is not to be changed.

    `parameters` is a JSON Schema of one object. `reversible`: its effect can be taken back. `dry_run`, `reconcile`,
    `compensate`: it offers such a function. `retrieves`: its results are documents that citations may point into.
    `statements`: what it may be asked, of a tool that takes statements of a query language; `row_security`: what keeps
    tenants apart there. `timeout_s` of None leaves the deadline to the policy. `fee` is charged per dispatched attempt.
    """

    name: str
    description: str = ""
    parameters: dict[str, Json] = field(default_factory=lambda: {"type": "object", "properties": {}})
    effect: Effect = Effect.WRITE
    idempotency: Idempotency = Idempotency.NONE
    reversible: bool = False
    dry_run: bool = False
    reconcile: bool = False
    compensate: bool = False
    retrieves: bool = False
    fee: Money = ZERO
    statements: dict[str, Json] | None = None
    row_security: str = ""

    @cached_property
    def schema_text(self) -> str:
        """Its parameters as canonical text: by it a compiled schema is kept."""
        return canonical(self.parameters)

    @cached_property
    def digest(self) -> Digest:
        """The digest of all that a reviewer of this tool relies on."""
        declared: dict[str, Json] = {}
        if self.statements is not None:
            declared = {"statements": self.statements, "row_security": self.row_security}
        return digest_json(
            {
                **declared,
                "name": self.name,
                "description": self.description,
                "parameters": self.parameters,
                "effect": self.effect.value,
                "idempotency": self.idempotency.value,
                "reversible": self.reversible,
                "dry_run": self.dry_run,
                "reconcile": self.reconcile,
                "compensate": self.compensate,
                "retrieves": self.retrieves,
                "fee_micros": self.fee.micros,
            }
        )

    @property
    def compensation(self) -> "ToolSpec | None":
        """The taking back of its effect, a write of its own named `NAME.compensate`; None where it offers none.

        No model can name it: the name is none that a provider takes.
        """
        if not self.compensate:
            return None
        return replace(
            self,
            name=f"{self.name}{COMPENSATE}",
            description=f"Takes back what {self.name} did.",
            idempotency=Idempotency.NONE,
            reversible=False,
            dry_run=False,
            reconcile=False,
            compensate=False,
            fee=ZERO,
        )

    @property
    def properties(self) -> dict[str, Json]:
        """The declared top-level arguments and their schemas."""
        found = self.parameters.get("properties")
        return found if isinstance(found, dict) else {}


def with_compensations(tools: Mapping[str, ToolSpec]) -> dict[str, ToolSpec]:
    """These tools by name, and the taking back of each that offers it: all that a policy may list."""
    beside = (spec.compensation for spec in tools.values())
    return {**tools, **{spec.name: spec for spec in beside if spec is not None}}
