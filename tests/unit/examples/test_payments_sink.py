"""The payments file: what is in it was taken, what is voided is refused, and a crash inside a line costs nothing."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dueprocess.errors import NoEffect
from dueprocess.examples.support_refunds import KeyVoided, Refund, Sink
from dueprocess.values import usd

FIVE = usd("5")


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path / "payments.jsonl")


def lines(sink: Sink) -> list[object]:
    return [json.loads(line) for line in sink.path.read_text(encoding="utf-8").splitlines()]


def test_a_refund_is_one_line_with_its_cents(sink: Sink):
    sink.take(key="k1", order_id="O-1", amount=usd("19.90"))
    assert sink.path.read_bytes() == b'{"kind": "refund", "key": "k1", "order_id": "O-1", "amount_usd": 19.90}\n'
    assert sink.refunds() == (Refund(key="k1", order_id="O-1", amount=usd("19.90")),)


def test_whoever_asks_twice_pays_twice(sink: Sink):
    for _ in range(2):
        sink.take(key="k1", order_id="O-1", amount=FIVE)
    assert len(sink.refunds()) == 2


def test_a_voided_key_is_refused_for_ever(sink: Sink):
    assert sink.void("k1") is None
    for _ in range(2):
        with pytest.raises(KeyVoided):
            sink.take(key="k1", order_id="O-1", amount=FIVE)
    sink.take(key="k2", order_id="O-1", amount=FIVE)
    assert [refund.key for refund in sink.refunds()] == ["k2"]


def test_a_refusal_promises_that_nothing_happened():
    assert issubclass(KeyVoided, NoEffect)


def test_a_key_is_voided_once(sink: Sink):
    sink.void("k1")
    sink.void("k1")
    assert lines(sink) == [{"kind": "void", "key": "k1"}]


def test_what_was_taken_is_found_and_not_voided(sink: Sink):
    taken = sink.take(key="k1", order_id="O-1", amount=FIVE)
    assert sink.void("k1") == taken
    assert len(lines(sink)) == 1


def test_nothing_is_in_a_file_that_is_not_there(sink: Sink):
    assert sink.refunds() == ()
    assert not sink.path.exists()


@pytest.mark.parametrize("text", ["k\n1", 'k"1', "k\x001", "ключ", "k\ud800".encode("utf-8", "replace").decode()])
def test_keys_and_orders_of_any_text_stay_in_their_line(sink: Sink, text: str):
    sink.take(key=text, order_id=text, amount=FIVE)
    sink.take(key="k2", order_id="O-2", amount=FIVE)
    assert [refund.key for refund in sink.refunds()] == [text, "k2"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[]",
        "not json",
        '{"kind": "refund"}',
        '{"kind": "refund", "key": "k", "order_id": "O", "amount_usd": true}',
        '{"kind": "refund", "key": "k", "order_id": "O", "amount_usd": -5}',
        '{"kind": "refund", "key": "k", "order_id": "O", "amount_usd": NaN}',
        '{"kind": "other", "key": "k"}',
        "\udcff",
    ],
)
def test_what_is_no_whole_refund_is_none(sink: Sink, line: str):
    sink.path.write_bytes(line.encode("utf-8", "surrogateescape") + b"\n")
    sink.take(key="k", order_id="O", amount=FIVE)
    assert len(sink.refunds()) == 1
    assert sink.path.read_bytes().startswith(line.encode("utf-8", "surrogateescape") + b"\n")


class TestALineThatACrashCut:
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_costs_nothing_and_changes_no_whole_line(self, sink: Sink, data: st.DataObject):
        sink.path.unlink(missing_ok=True)
        sink.take(key="k1", order_id="O-1", amount=FIVE)
        whole = sink.path.stat().st_size
        sink.take(key="k2", order_id="O-2", amount=FIVE)
        content = sink.path.read_bytes()
        kept = content[: data.draw(st.integers(min_value=whole, max_value=len(content)))]
        sink.path.write_bytes(kept)
        found = sink.void("k2")
        # Found or void, one of the two and for good: the next attempt has a new key.
        if found is None:
            with pytest.raises(KeyVoided):
                sink.take(key="k2", order_id="O-2", amount=FIVE)
            sink.take(key="k3", order_id="O-2", amount=FIVE)
        assert sink.path.read_bytes().startswith(kept)
        assert sorted(refund.order_id for refund in sink.refunds()) == ["O-1", "O-2"]
        assert sink.void("k2") == found

    def test_is_not_counted_before_somebody_has_settled_it(self, sink: Sink):
        sink.take(key="k1", order_id="O-1", amount=FIVE)
        sink.path.write_bytes(sink.path.read_bytes()[:-1])
        assert sink.refunds() == ()
        assert sink.void("k1") is not None
        assert [refund.key for refund in sink.refunds()] == ["k1"]


def test_taking_and_voiding_at_once_ends_in_one_of_the_two(sink: Sink):
    keys = [f"k{index}" for index in range(40)]

    def take(key: str) -> bool:
        try:
            sink.take(key=key, order_id=key, amount=FIVE)
        except KeyVoided:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        taking = [pool.submit(take, key) for key in keys]
        voiding = [pool.submit(sink.void, key) for key in reversed(keys)]
    taken = {key for key, done in zip(keys, taking, strict=True) if done.result()}
    voided = {key for key, done in zip(reversed(keys), voiding, strict=True) if done.result() is None}
    assert taken | voided == set(keys)
    assert not taken & voided
    assert {refund.key for refund in sink.refunds()} == taken
    assert len(lines(sink)) == len(keys)


_TAKE_FOR_EVER = """
import sys
from pathlib import Path
from dueprocess.examples.support_refunds import Sink
from dueprocess.values import usd
sink = Sink(Path(sys.argv[1]))
for number in range(1_000_000):
    sink.take(key=f"{sys.argv[2]}-{number}", order_id=str(number), amount=usd("1"))
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(sink: Sink):
    takers = [
        subprocess.Popen([sys.executable, "-c", _TAKE_FOR_EVER, str(sink.path), name], stdout=subprocess.PIPE)
        for name in "ab"
    ]
    acknowledged: set[str] = set()
    for name, taker in zip("ab", takers, strict=True):
        assert taker.stdout is not None
        acknowledged |= {f"{name}-{int(taker.stdout.readline())}" for _ in range(20)}
        taker.kill()
        taker.communicate()
    assert acknowledged <= {refund.key for refund in sink.refunds()}
    sink.take(key="after", order_id="O", amount=FIVE)
    assert sink.refunds()[-1].key == "after"
