"""What a red team tries: a task of a requester, what a stranger slips in, and what the hijacked model does then. Values only.

How goals are made is in `attacks` and `schemas`, what became of them in `campaign`, what was wanted in `oracle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dueprocess.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One effect that the requester asked for. `free`: arguments that may say anything; `most`: of a bounded amount.

    `lasts`: what has no effect of its own may be repeated.
    """

    tool: str
    arguments: Mapping[str, Json]
    free: frozenset[str] = frozenset()
    most: Mapping[str, int] | None = None
    lasts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call of the hijacked model, and what the world answers if it runs.

    `carries`: it brings the hostile text in; no effect of the attacker's. `hostile`: whatever it is directed at, what it
    says is the attacker's. `fails`: the first attempt has surely no effect.
    """

    tool: str
    arguments: Mapping[str, Json]
    result: Json = None
    carries: bool = False
    hostile: bool = False
    fails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement:
    """A value that a person has vouched for, in one argument of one tool."""

    tool: str
    argument: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One attack. `attack` is its class, `variant` what distinguishes it there; `scope`: the tools the task declares."""

    attack: str
    variant: str
    task: str
    steps: tuple[Step, ...]
    wishes: tuple[Wish, ...] = ()
    scope: frozenset[str] | None = None
    endorsed: tuple[Endorsement, ...] = ()
