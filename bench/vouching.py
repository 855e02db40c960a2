"""Where values come from, asked of a run that has read 100 kB: what indexing costs once, and what one decision costs then.

The context is thirty answers of a shop's tools and a page of prose, 100 kB together. The calls are those of a support agent: ids,
names, addresses and amounts that the requester named, that a directory holds, that only a stranger wrote, or that are
nowhere. Both are timed in processor time of this thread. Memory is what the process holds more after thousands of
decisions on the same context: nothing of a call may stay behind.
"""

import gc
import random
import time
import tracemalloc
from dataclasses import dataclass
from typing import Final

from bench.figures import Part, in_turns, spread
from dueprocess.gate.history import History
from dueprocess.gate.judge import RawCall, judge
from dueprocess.policy import Policy, load
from dueprocess.provenance import Entered, Standing, answered, said
from dueprocess.tool import Effect, ToolSpec
from dueprocess.values import Json, canonical

CONTEXT_KB: Final = 100
_SEED: Final = 20261129
_WORDS: Final = (
    "the order of this customer was sent with a note about delivery on monday and costs less than before".split()
)
_POLICY: Final = b"""
sources: {find_customer: {integrity: directory}, read_page: {integrity: untrusted}}
tools:
  find_customer: {allowed: true}
  read_page: {allowed: true}
  refund: {allowed: true, control: [order_id, to, iban], content: [reason]}
"""
_TEXT: Final[dict[str, Json]] = {"type": "string"}
_TOOLS: Final = {
    "refund": ToolSpec(
        name="refund",
        parameters={"type": "object", "properties": dict.fromkeys(("order_id", "to", "iban", "reason"), _TEXT)},
    ),
    "find_customer": ToolSpec(name="find_customer", effect=Effect.READ),
    "read_page": ToolSpec(name="read_page", effect=Effect.READ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many calls in how many turns, and how many for the memory."""

    calls: int
    repeats: int
    kept: int


FULL: Final = Sizes(calls=2_000, repeats=20, kept=5_000)
QUICK: Final = Sizes(calls=200, repeats=4, kept=500)


def measure(sizes: Sizes) -> Part:
    """Times indexing and deciding in turns."""
    policy = load(_POLICY, name="bench.yaml", tools=_TOOLS)
    rng = random.Random(_SEED)
    spans = _spans(rng, policy)
    standing = Standing()
    for span in spans:
        standing = standing.enter(span)
    history = History(policy=policy, standing=standing)
    each = sizes.calls // sizes.repeats
    calls = [_call(rng, history) for _ in range(each * sizes.repeats)]

    def decided(repeat: int) -> float:
        mine = calls[repeat * each : (repeat + 1) * each]
        start = time.thread_time()
        for call in mine:
            judge(policy, _TOOLS, call=call)
        return (time.thread_time() - start) * 1e6 / each

    def indexed(repeat: int) -> float:
        fresh = _spans(random.Random(_SEED + repeat), policy)
        start = time.thread_time()
        for span in fresh:
            # What a search needs first: it is made once, and kept with the span.
            _ = span.words.heads, span.vouching.heads
        return (time.thread_time() - start) * 1e6 / CONTEXT_KB

    decided(0)
    took, index = in_turns(sizes.repeats, decided, indexed)
    absolute = spread("vouch_us_100kb", took) | spread("index_us_per_kb", index)
    absolute["vouch_kept_kb"] = _kept(policy, calls, sizes.kept)
    return Part(
        figures={name: absolute[name] for name in ("vouch_us_100kb", "index_us_per_kb", "vouch_kept_kb")},
        absolute=absolute,
        repeats={"vouch": sizes.repeats, "vouch_calls": each},
    )


def _kept(policy: Policy, calls: list[RawCall], times: int) -> float:
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(times):
        judge(policy, _TOOLS, call=calls[number % len(calls)])
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return max(0.0, (after - before) / 1024)


def _spans(rng: random.Random, policy: Policy) -> list[Entered]:
    task = "Please refund order W2345 to ann@shop.example, account DE89 3704 0044 0532 0130 00, and order W2346 to Bob."
    spans = [said(task, origin="task")]
    for number in range(30):
        record: Json = {
            "name": f"Customer {number}",
            "email": f"c{number}@shop.example",
            "orders": [{"id": f"W{rng.randrange(10**6)}", "total": rng.randrange(1, 500)} for _ in range(30)],
            "note": " ".join(rng.choices(_WORDS, k=40)),
        }
        spans.append(_answer("find_customer", record, policy))
    size = sum(len(span.words.text) for span in spans)
    prose: list[str] = []
    while size < CONTEXT_KB * 1024:
        line = f"{' '.join(rng.choices(_WORDS, k=12))} {rng.randrange(1000)} x{rng.randrange(99)}@evil.example. "
        prose.append(line)
        size += len(line)
    return [*spans, _answer("read_page", "".join(prose), policy)]


def _answer(tool: str, value: Json, policy: Policy) -> Entered:
    return answered(value, origin=tool, tool=tool, source=policy.source_of(tool), query_vouched=True)


def _call(rng: random.Random, history: History) -> RawCall:
    arguments: dict[str, Json] = {
        "order_id": rng.choice(("W2345", "W2346", f"W{rng.randrange(10**6)}")),
        "to": rng.choice(
            ("ann@shop.example", f"c{rng.randrange(30)}@shop.example", f"x{rng.randrange(99)}@evil.example")
        ),
        "iban": rng.choice(("DE89370400440532013000", "GB29NWBK60161331926819")),
        "reason": " ".join(rng.choices(_WORDS, k=20)),
    }
    return RawCall(tool="refund", arguments=canonical(arguments), history=history, action=f"a{rng.randrange(10**9)}")
