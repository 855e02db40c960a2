"""What a step of a run costs beside the model's own time, at step 1,000 against step 10. The model is a script.

A step is what lies between the end of one question and the start of the next: the reply recorded, a read tool taken through
the gate and called, its result recorded, the next question built, paid for and recorded.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Part, ratio, spread
from dueprocess.engines import LocalEngine
from dueprocess.model import ModelReply, ModelRequest, Price
from dueprocess.providers.scripted import Line, Scripted, by_turn
from dueprocess.release import Manifest
from dueprocess.runtime import Loop, Releases, RunStatus, Shell, Task, introduce, loaded, queue_of, submit
from dueprocess.runtime.tables import RUNS
from dueprocess.tool import tool
from dueprocess.values import usd
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import open_home

EARLY: Final = 10
_AROUND: Final = 8  # steps on each side of the one that is looked at: one step alone is mostly noise
_POLICY: Final = """
agent: {max_tool_calls: 1000000, max_model_spend_usd: 100000, max_wall_clock_seconds: 86400}
tools:
  get_order: {allowed: true}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Which late step is compared with the tenth, and in how many runs."""

    late: int
    runs: int


FULL: Final = Sizes(late=1_000, runs=5)
QUICK: Final = Sizes(late=60, runs=1)


@tool(effect="read")
async def get_order(order_id: str) -> dict[str, str]:
    """Looks up an order.

    Args:
        order_id: the order
    """
    return {"order": order_id, "total": "20.00", "status": "delivered"}


@dataclass(slots=True)
class Moments:
    """When each question began and ended: on the clock, and in processor time of the whole process, in seconds."""

    began: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    ended: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])

    def steps(self, place: int) -> list[float]:
        """How long each step took, in milliseconds; `place` 0 is the clock, 1 the processor."""
        pairs = zip(self.ended[:-1], self.began[1:], strict=True)
        return [(began[place] - ended[place]) * 1e3 for ended, began in pairs]


class Timed:
    """A provider that notes when it is asked and when it has answered."""

    def __init__(self, provider: Scripted, moments: Moments) -> None:
        self._provider = provider
        self._moments = moments

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Asks the script."""
        self._moments.began.append(_now())
        reply = await self._provider.request(request, run=run, turn=turn)
        self._moments.ended.append(_now())
        return reply

    def price(self, model: str) -> Price | None:
        """The script's price."""
        return self._provider.price(model)

    async def close(self) -> None:
        """Frees nothing."""
        await self._provider.close()


def measure(sizes: Sizes, folder: Path) -> Part:
    """Drives whole runs and compares their late steps with their early ones."""
    found = {name: ([], []) for name in ("step_ms", "step_cpu_ms")}
    for number in range(sizes.runs):
        moments = driven(folder / str(number), steps=sizes.late + _AROUND)
        for place, (early, late) in enumerate(found.values()):
            steps = moments.steps(place)
            early.append(_around(steps, EARLY))
            late.append(_around(steps, sizes.late))
    absolute: dict[str, float] = {}
    for name, (early, late) in found.items():
        absolute |= spread(f"{name}_at_10", early) | spread(f"{name}_at_{sizes.late}", late)
    early, late = found["step_cpu_ms"]
    absolute["step_cpu_growth"] = ratio(late, early)
    early, late = found["step_ms"]
    return Part(
        figures={"step_growth_10_to_1000": ratio(late, early)},
        absolute=absolute,
        repeats={"growth": sizes.runs, "growth_steps": sizes.late},
    )


def driven(folder: Path, *, steps: int) -> Moments:
    """One run of this many steps on a new store."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    home = open_home(folder, {})
    moments, loop = Moments(), Loop()
    lines = [Line(calls=(("get_order", {"order_id": f"A-{turn}"}),)) for turn in range(steps)]
    script = Scripted(by_turn([*lines, Line(text="done")]), price=Price(input=usd("0.1"), output=usd("0.4")))
    shell = Shell(
        store=home.store,
        clock=SystemClock(),
        loop=loop,
        tools={get_order.name: get_order},
        provider=Timed(script, moments),
    )
    manifest = Manifest(
        agent="bench",
        prompt="Look up orders.",
        model="scripted",
        max_output_tokens=100,
        tools=(get_order.spec,),
        policy=_POLICY,
    )
    release = loaded(manifest)
    introduce(shell, release)
    run = submit(shell, release, task=Task(text="look up all orders", key="bench", on_behalf_of="user:ann"))
    queues = frozenset({queue_of(manifest.agent, manifest.step_version)})
    LocalEngine(shell, Releases(release), queues=queues).run_worker(until_idle=True)
    row = home.store.read(lambda tx: tx.get(RUNS, run))
    assert row is not None, run
    assert row.status == RunStatus.FINISHED.value, f"the run is {row.status} after {len(moments.began)} questions"
    loop.close()
    home.store.close()
    return moments


def _around(steps: list[float], at: int) -> float:
    return median(steps[max(0, at - _AROUND) : at + _AROUND])


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
