"""A release: one immutable, content-addressed version of an agent. How traffic is split among releases is not here yet.

Rule 1. The digest covers all that decides what a run does: prompt, tools, model pin, routing, policy text, workflow,
        sub-agents, environment and the version of the step function (I12).
Rule 2. A manifest is enough to fold a run again: a driver builds the run's configuration from it, not from its own code.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import msgspec

from dueprocess.errors import RecordInvalid
from dueprocess.tool import Effect, Idempotency, ToolSpec
from dueprocess.values import Digest, Json, Money, canonical, digest_text, of_python, parse

STEP_VERSION: Final = 1
"""Raised when the same events would fold to another state; a driver takes only runs of its own version."""


class Mode(Enum):
    """How an agent without a declared workflow works: it chooses from turn to turn, or plans before it has read anything."""

    TOOL_LOOP = "tool_loop"
    PLAN_FIRST = "plan_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a release is made of. `workflow` is its JSON form, None where the agent declares none; `sub_agents` theirs, None for none."""

    agent: str
    prompt: str
    model: str
    max_output_tokens: int
    tools: tuple[ToolSpec, ...]
    policy: str
    policy_name: str = "policy.yaml"
    environment: str = "prod"
    workflow: Json = None
    clarifies: bool = False
    mode: Mode = Mode.TOOL_LOOP
    step_version: int = STEP_VERSION
    sub_agents: Json = None

    def to_text(self) -> str:
        """The canonical JSON text: equal releases share it."""
        # Not told where it is the tool loop: a release of before there was a choice keeps its digest.
        mode: dict[str, Json] = {} if self.mode is Mode.TOOL_LOOP else {"mode": self.mode.value}
        tools: list[Json] = [_tool_to_json(tool) for tool in sorted(self.tools, key=lambda tool: tool.name)]
        # A release without sub-agents keeps the digest that it had before there were any.
        beside: dict[str, Json] = {} if self.sub_agents is None else {"sub_agents": self.sub_agents}
        return canonical(
            {
                **beside,
                "agent": self.agent,
                "prompt": self.prompt,
                "model": self.model,
                "max_output_tokens": self.max_output_tokens,
                "tools": tools,
                "policy": self.policy,
                "policy_name": self.policy_name,
                "environment": self.environment,
                "workflow": self.workflow,
                "clarifies": self.clarifies,
                **mode,
                "step_version": self.step_version,
            }
        )

    @property
    def digest(self) -> Digest:
        """The name of this release."""
        return digest_text(self.to_text())

    @property
    def policy_digest(self) -> Digest:
        """The digest of the policy text."""
        return digest_text(self.policy)

    @property
    def principal(self) -> str:
        """The principal that runs under this release: `agent:NAME@DIGEST`."""
        return f"agent:{self.agent}@{self.digest}"

    @classmethod
    def from_text(cls, text: str) -> "Manifest":
        """Reads a stored manifest.

        Raises:
            RecordInvalid: it is not one.
        """
        found = parse(text, max_depth=_DEPTH)
        if not isinstance(found, dict) or not isinstance(found.get("tools"), list):
            raise RecordInvalid("a stored manifest is not an object with tools")
        fields: dict[str, Any] = dict(found)
        fields["tools"] = tuple(_tool_from_json(tool) for tool in fields["tools"])
        try:
            fields["mode"] = Mode(fields.get("mode", Mode.TOOL_LOOP.value))
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise RecordInvalid(f"a stored manifest does not have the fields of this version: {error}") from None


_DEPTH: Final = 64  # a tool's JSON Schema nests deeper than arguments may


def _tool_to_json(tool: ToolSpec) -> Json:
    plain = msgspec.to_builtins(tool)
    return of_python(plain, max_depth=_DEPTH)


def _tool_from_json(value: dict[str, Any]) -> ToolSpec:
    fields = dict(value)
    fields["effect"] = Effect(fields["effect"])
    fields["idempotency"] = Idempotency(fields["idempotency"])
    fields["fee"] = Money(fields["fee"]["micros"])
    return ToolSpec(**fields)
