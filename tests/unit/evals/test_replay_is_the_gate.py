"""What a replay says of a run is what the runtime does with the same calls: same ends, in the same order, on the same counters."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.evals.replay_suite import Ticks

from dueprocess.errors import NoEffect
from dueprocess.evals import Bench, Counters, RecordedCall, Ruled, walk
from dueprocess.gate import Admitted, Denied, Exceeded, HeldFor, ReuseOf, Stopped, WaitFor
from dueprocess.ledger import SigningKey
from dueprocess.policy import load
from dueprocess.release import Manifest
from dueprocess.runtime import (
    DeniedCall,
    FailedCall,
    Governed,
    HeldCall,
    Loop,
    Performed,
    ReusedCall,
    Shell,
    SucceededCall,
    Task,
    UnknownCall,
    introduce,
    loaded,
    submit,
)
from dueprocess.stores.memory import MemoryStore
from dueprocess.tool import Effect
from dueprocess.tool.function import tool
from dueprocess.values import Instant

KEY = SigningKey.from_seed(b"1" * 32, name="test")


@tool(effect="read")
def look(page: int, then: str) -> str:
    """Look something up."""
    if then != "ok":
        raise ValueError(then)
    return "seen"


@tool(effect="write")
def pay(to: str, amount: Decimal, then: str) -> str:
    """Pay somebody."""
    if then == "no effect":
        raise NoEffect("refused")
    if then == "lost":
        raise ValueError(then)
    return "paid"


TOOLS = {each.name: each for each in (look, pay)}
SPECS = {name: each.spec for name, each in TOOLS.items()}


class Still:
    """Time does not pass."""

    def now(self) -> Instant:
        return Instant(1_000_000)


def happened(ruled: Ruled) -> str:
    match ruled.admission:
        case Admitted():
            is_write = SPECS[ruled.call.tool].effect is Effect.WRITE
            return f"ran: {ruled.call.outcome(is_write=is_write).value}"
        case Denied():
            return f"denied: {ruled.rules}"
        case HeldFor():
            return f"held: {ruled.rules}"
        case WaitFor():
            return "waits"
        case ReuseOf():
            return "reused"
        case Exceeded():
            return "over"
        case Stopped():
            return "stopped"


def did(performed: Performed) -> str:
    match performed:
        case SucceededCall():
            return "ran: succeeded"
        case UnknownCall():
            return "ran: unknown"
        case FailedCall(reason=reason):
            return "over" if reason.startswith("budget exceeded") else "ran: failed"
        case ReusedCall():
            return "reused"
        case HeldCall(original=original, findings=findings):
            return "waits" if original else f"held: {tuple(dict.fromkeys(each.rule for each in findings))}"
        case DeniedCall(findings=findings):
            return f"denied: {tuple(dict.fromkeys(each.rule for each in findings))}"


policies = st.builds(
    lambda calls, rate, key, hold: (
        f"agent: {{max_tool_calls: {calls}}}\n"
        "tools:\n"
        f"  look: {{allowed: true, rate: {{count: {rate}, window: 1h}}}}\n"
        f"  pay:\n    allowed: true\n    bind: {{amount: $.amount}}\n    max_amount_usd: 50\n"
        f"    rate: {{count: {rate + 1}, window: 1h}}\n"
        + ("    require_approval_over_usd: 20\n" if hold else "")
        + ("    idempotency_key: [$.to]\n" if key else "")
    ),
    st.sampled_from((0, 1, 3, 8, 8, 8)),
    st.sampled_from((0, 1, 2, 8, 8, 8)),
    st.sampled_from((True, True, False)),
    st.sampled_from((True, True, False)),
)
looks = st.builds(
    lambda page, then: RecordedCall(tool="look", arguments={"page": page, "then": then}, failed=then != "ok"),
    st.integers(0, 1),
    st.sampled_from(("ok", "error")),
)
payments = st.builds(
    lambda to, amount, then: RecordedCall(
        tool="pay",
        arguments={"to": to, "amount": amount, "then": then},
        failed=then != "ok",
        changed={"ok": True, "no effect": False, "lost": None}[then],
    ),
    st.sampled_from(("ann", "ann", "bob")),
    st.sampled_from((5, 5, Decimal("5.5"), 30, 60, Decimal("1.234"))),
    st.sampled_from(("ok", "ok", "ok", "no effect", "lost")),
)
unknown = st.just(RecordedCall(tool="nothing", arguments={}))


@settings(max_examples=100)
@given(policy=policies, calls=st.lists(st.one_of(payments, looks, payments, unknown), max_size=8))
def test_a_replay_ends_as_the_run_would(policy: str, calls: list[RecordedCall]):
    bench = Bench(policy=load(policy.encode(), name="policy.yaml", tools=SPECS), tools=SPECS)
    replayed = walk(bench, calls, start=Counters(), assumed=False, tick=Ticks(), spent=[])
    assert [happened(each) for each in replayed.ruled] == governed(policy, calls)


def governed(policy: str, calls: list[RecordedCall]) -> list[str]:
    manifest = Manifest(
        agent="a", prompt="", model="none", max_output_tokens=1, tools=tuple(SPECS.values()), policy=policy
    )
    release, loop = loaded(manifest), Loop()
    try:
        shell = Shell(store=MemoryStore(signing_key=KEY), clock=Still(), loop=loop, tools=TOOLS)
        introduce(shell, release)
        run = Governed(shell, release, run=submit(shell, release, task=Task(text="", key="t")))
        return [did(run.call(each.tool, arguments_of(each))) for each in calls]
    finally:
        loop.close()


def arguments_of(call: RecordedCall) -> dict[str, Any]:
    assert isinstance(call.arguments, dict)
    return dict(call.arguments)
