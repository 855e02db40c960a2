"""LangGraph doing the same work: one node in a loop, AsyncSqliteSaver, durability `sync`. No gate is asked of it.

Rule 1. It is given its best: one saver for all threads, the smallest state, many steps in one invocation, and a new file a turn.
"""

import asyncio
import time
from pathlib import Path
from typing import TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    """What a thread carries from step to step."""

    left: int
    result: dict[str, str]


async def refund(state: State) -> State:
    """The same work as the measured tool's, in a node."""
    return State(left=state["left"] - 1, result={"refunded": "20.00", "order": f"order-{state['left']}", "key": ""})


def steps_per_second(folder: Path, threads: int, each: int) -> float:
    """Runs this many threads at once, each this many steps."""
    folder.mkdir()
    return asyncio.run(_run(folder / "checkpoints.db", threads, each))


async def _run(path: Path, threads: int, each: int) -> float:
    graph = StateGraph(State)
    graph.add_node("refund", refund)
    graph.add_edge(START, "refund")
    graph.add_conditional_edges("refund", lambda state: "refund" if state["left"] else END)
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        await saver.setup()
        await _check_synced(saver)
        compiled = graph.compile(checkpointer=saver)

        async def thread(name: str, steps: int) -> None:
            config = {"configurable": {"thread_id": name}, "recursion_limit": steps + 5}
            done = await compiled.ainvoke(State(left=steps, result={}), config, durability="sync")
            assert done["left"] == 0, done

        await thread("warm", 1)
        start = time.perf_counter()
        await asyncio.gather(*(thread(f"thread-{number}", each) for number in range(threads)))
        return threads * each / (time.perf_counter() - start)


async def _check_synced(saver: AsyncSqliteSaver) -> None:
    # What is compared is durable on both sides: WAL, and each commit synced (2 is FULL).
    for pragma, wanted in (("journal_mode", "wal"), ("synchronous", 2)):
        async with saver.conn.execute(f"PRAGMA {pragma}") as rows:
            got = await rows.fetchone()
        assert got is not None, pragma
        assert got[0] == wanted, f"{pragma} is {got[0]}; expected {wanted}"
