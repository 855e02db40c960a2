"""Checking an export with the public key alone: how fast, and in how much memory. `python -m bench.verifying FILE KEY` checks one.

Each check is a process of its own, so that its peak of memory is its own and not that of whoever made the file. Its speed is
told in processor time, since it waits for nothing else; by the clock it stands beside it.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Part, spread
from dueprocess.gate import ActionDispatched, ActionSettled, CallRecord, FindingRecord, Outcome, SettledBy
from dueprocess.ledger import Draft, SigningKey, Verified, VerifierKey, export_log, verify_export
from dueprocess.stores.journal import Head, MemoryKeys, compose
from dueprocess.values import Instant, RunId

_CHUNK: Final = 1 << 20
_RUNS: Final = 500
_SEED: Final = bytes(range(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many events, and how often they are checked."""

    events: int
    repeats: int


FULL: Final = Sizes(events=100_000, repeats=7)
QUICK: Final = Sizes(events=4_000, repeats=2)


def measure(sizes: Sizes, folder: Path) -> Part:
    """Makes an export of the lines that governed writes leave behind, and checks it again and again."""
    folder.mkdir(parents=True)
    file, key = folder / "ledger.jsonl", folder / "ledger.pub"
    made = make_export(file, key, events=sizes.events)
    found = [check_apart(file, key) for _ in range(sizes.repeats)]
    assert all(each["events"] == sizes.events for each in found), found
    per_second = [each["events"] / each["cpu_seconds"] for each in found]
    by_clock = [each["events"] / each["seconds"] for each in found]
    peak = median(each["peak_rss_mb"] for each in found)
    return Part(
        figures={"verify_events_per_s": median(per_second), "peak_rss_mb": peak},
        absolute=spread("verify_events_per_s", per_second)
        | spread("verify_by_the_clock_per_s", by_clock)
        | {"peak_rss_mb": peak, "export_mb": made / 1e6},
        repeats={"verify": sizes.repeats, "verify_events": sizes.events},
    )


def make_export(file: Path, key: Path, *, events: int) -> int:
    """Writes a signed export of so many events, and the public key; returns its size in bytes."""
    signing_key, keys, head = SigningKey.from_seed(_SEED, name="bench"), MemoryKeys(), Head()
    runs = [RunId(f"run-{number:04}") for number in range(min(_RUNS, events))]
    keys.create(runs)
    lines: list[bytes] = []
    for number in range(events):
        run, turn = runs[number % len(runs)], number // len(runs)
        action = sha256(f"{run} {turn // 2}".encode()).hexdigest()[:26]
        draft = Draft(
            run=run,
            tenant="default",
            record=_outcome() if turn % 2 else _intent(action),
            at=Instant(1_700_000_000_000_000 + number),
            release="r" * 43,
            policy="p" * 43,
            epoch=1,
            action=action,
            attempt=1,
        )
        written = compose(draft, seq=turn + 1, head=head, keys=keys)
        head = written.head
        lines.append(written.line)
    checkpoint, _ = head.checkpoint(origin="bench", key=signing_key)
    with file.open("wb") as out:
        export_log(lambda: lines, out, checkpoint=checkpoint, key=signing_key)
    key.write_text(f"{signing_key.verifier}\n")
    return file.stat().st_size


def check_apart(file: Path, key: Path) -> dict[str, float]:
    """Checks an export in a new process; returns how many events, seconds of clock and processor, and its peak of memory in MB."""
    command = [sys.executable, "-m", "bench.verifying", str(file), str(key)]
    # The folder above this one: where `bench` is found, wherever this process was started.
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    return json.loads(done.stdout)


def check(file: Path, key: Path) -> dict[str, float]:
    """Checks an export in this process."""
    verifier = VerifierKey.parse(key.read_text().strip())
    with file.open("rb") as source:
        start, cpu = time.perf_counter(), time.process_time()
        told = verify_export(iter(lambda: source.read(_CHUNK), b""), key=verifier)
        took, used = time.perf_counter() - start, time.process_time() - cpu
    assert isinstance(told, Verified), told
    return {"events": told.lines, "seconds": took, "cpu_seconds": used, "peak_rss_mb": _peak_mb()}


def _peak_mb() -> float:
    # What `getrusage` tells is inherited from the parent on Linux; the mark of this process alone is in /proc.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


def _intent(action: str) -> ActionDispatched:
    call = CallRecord(
        tool="refund",
        arguments='{"amount_usd":"20.00","order_id":"order-1"}',
        schema="s" * 43,
        principal="agent:guard@release",
        on_behalf_of="user:ann",
        cause=1,
        index=0,
        revision=0,
        request="",
        citations="",
        edited_by=(),
    )
    finding = FindingRecord(rule="refund.note", decision="allow", reason="within bounds", compared="{}", advisory=True)
    return ActionDispatched(
        call=call,
        findings=(finding,),
        effect="write",
        sink_key=f"key-{action}",
        dispatch_before=1_700_000_030_000_000,
        calls=1,
        marks=(),
        key=None,
        granted=(),
        fee_micros=0,
    )


def _outcome() -> ActionSettled:
    return ActionSettled(outcome=Outcome.SUCCEEDED, by=SettledBy.TOOL, result='{"refunded":"20.00"}')


if __name__ == "__main__":
    print(json.dumps(check(Path(sys.argv[1]), Path(sys.argv[2]))))
