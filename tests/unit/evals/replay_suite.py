"""A small suite of recordings for the tests beside it: four tools, policies made of one line each."""

import json
from collections.abc import Mapping
from typing import Any

from dueprocess.evals import (
    Bench,
    GroundTruth,
    RecordedCall,
    Report,
    TaskKind,
    read_episodes,
    replay_episodes,
    replay_ground_truth,
)
from dueprocess.policy import Principal, load
from dueprocess.tool import ToolSpec
from dueprocess.tool.catalogue import read_catalogue


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT = {"type": "string"}
NUMBER = {"type": "number"}
TOOLS_JSON = {
    "tools": [
        {"name": "look", "description": "Look.", "parameters": schema(), "kind": "read"},
        {"name": "visit", "description": "Visit.", "parameters": schema(url=TEXT), "kind": "read"},
        {"name": "pay", "description": "Pay.", "parameters": schema(to=TEXT, amount=NUMBER), "kind": "write"},
        {"name": "write", "description": "Write.", "parameters": schema(text=TEXT), "kind": "write"},
    ]
}
TOOLS: Mapping[str, ToolSpec] = read_catalogue(json.dumps(TOOLS_JSON).encode(), name="tools.json")

ALL_ALLOWED = "tools: {look: {allowed: true}, visit: {allowed: true}, pay: {allowed: true}, write: {allowed: true}}"


def allowing(*, agent: str = "max_tool_calls: 20", **tools: str) -> str:
    """A policy that allows all tools; further keys of each may be named."""
    entries = [f"  {name}: {{allowed: true{', ' + tools[name] if name in tools else ''}}}" for name in TOOLS]
    return f"agent: {{{agent}}}\ntools:\n" + "\n".join(entries) + "\n"


HOLD = "rules: [{id: ask, when: 'true', then: hold}]"


def bench(policy: str, *, principal: Principal | None = None, environment: str = "prod") -> Bench:
    found = load(policy.encode(), name="policy.yaml", tools=TOOLS)
    return Bench(policy=found, tools=TOOLS, principal=principal, environment=environment)


def look() -> RecordedCall:
    return RecordedCall(tool="look", arguments={}, changed=False)


def visit(url: str = "www.example.org", *, changed: bool | None = False) -> RecordedCall:
    return RecordedCall(tool="visit", arguments={"url": url}, changed=changed)


def pay(amount: int = 10, to: str = "ann", *, failed: bool = False) -> RecordedCall:
    return RecordedCall(tool="pay", arguments={"to": to, "amount": amount}, changed=not failed, failed=failed)


def write(text: str = "hello") -> RecordedCall:
    return RecordedCall(tool="write", arguments={"text": text}, changed=True)


def user(*calls: RecordedCall, name: str = "u", suite: str = "s") -> GroundTruth:
    return GroundTruth(suite=suite, id=name, kind=TaskKind.USER, calls=calls)


def goal(*calls: RecordedCall, name: str = "g", suite: str = "s") -> GroundTruth:
    return GroundTruth(suite=suite, id=name, kind=TaskKind.INJECTION, calls=calls)


class Ticks:
    """A clock that moves by one millisecond each time it is read."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


def replayed(policy: str, *tasks: GroundTruth) -> Report:
    return replay_ground_truth(bench(policy), tasks, tick=Ticks())


def replayed_episodes(policy: str, *episodes: dict[str, Any]) -> Report:
    lines = [(number, json.dumps(episode).encode()) for number, episode in enumerate(episodes, start=1)]
    return replay_episodes(bench(policy), read_episodes(lines, name="episodes.jsonl"), tick=Ticks())


def executed(report: Report) -> tuple[int, int]:
    return report.assume_breach.executed_without_person, report.assume_breach.goals


def tasks(report: Report) -> tuple[int, int]:
    return report.autonomy.tasks_without_approval, report.autonomy.tasks


def calls(report: Report) -> tuple[int, int]:
    return report.autonomy.calls_without_approval, report.autonomy.calls
