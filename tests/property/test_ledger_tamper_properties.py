"""INVARIANT I9: whatever is done to an export, it is found, and the first event that was touched is named."""

import itertools

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.unit.ledger.logbook import KEY, Log, log_of, one_run, run_name, whole

from dueprocess.ledger.verdict import Broken, Fault, Verified
from dueprocess.ledger.verify import verify_export

LOGS = [log_of(runs) for runs in ([0], [0, 0], [0, 1, 0], [0, 1, 0, 2, 1, 0, 0], [0] * 8, [0, 1] * 10)]
logs = st.sampled_from(LOGS)
FIELDS = (b'"tenant":"acme"', b'"release":"aaaa', b'"policy":"bbbb', b'"epoch":1', b'"attempt":0', b'"at":17')
CHANGED = (b'"tenant":"acne"', b'"release":"aaab', b'"policy":"bbba', b'"epoch":2', b'"attempt":1', b'"at":18')


def check(content: bytes) -> Verified | Broken:
    return verify_export([content], key=KEY.verifier)


def named(content: bytes) -> tuple[int, int | None]:
    found = check(content)
    assert isinstance(found, Broken), "a changed file was called whole"
    return found.line_number, found.leaf


def split(content: bytes) -> tuple[bytes, list[bytes]]:
    header, *events = content.split(b"\n")[:-1]
    return header, events


def joined(header: bytes, events: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in (header, *events))


def leaves_of(log: Log, *, run: str) -> list[int]:
    return [leaf for leaf, line in enumerate(log.lines) if not run or f'"run":"{run}"'.encode() in line]


exports = st.tuples(logs, st.sampled_from(["", run_name(0)]))


def exported(log: Log, run: str) -> bytes:
    return one_run(log, run) if run else whole(log)


@settings(max_examples=400)
@given(exports, st.data())
def test_a_single_changed_byte_names_exactly_the_line_it_is_in(chosen: tuple[Log, str], data: st.DataObject):
    content = exported(*chosen)
    at = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != content[at]))
    line = content[:at].count(b"\n")
    leaf = leaves_of(chosen[0], run=chosen[1])[line - 1] if line else None
    assert named(content[:at] + bytes([byte]) + content[at + 1 :]) == (line + 1, leaf)


@given(exports, st.data())
def test_a_single_byte_taken_out_names_exactly_the_line_it_was_in(chosen: tuple[Log, str], data: st.DataObject):
    content = exported(*chosen)
    at = data.draw(st.integers(0, len(content) - 1))
    line = content[:at].count(b"\n")
    assert named(content[:at] + content[at + 1 :])[0] == line + 1


@given(exports, st.binary(min_size=1, max_size=5), st.data())
def test_bytes_put_in_are_found_where_they_stand(chosen: tuple[Log, str], put: bytes, data: st.DataObject):
    content = exported(*chosen)
    at = data.draw(st.integers(0, len(content)))
    # Bytes before a line end make the line, and after one the next line, another.
    assume(content[:at] + put + content[at:] != content)
    line = content[:at].count(b"\n") + 1
    assert named(content[:at] + put + content[at:])[0] in {line, line + 1}


def change(event: bytes, *, which: set[int], link: bool) -> bytes:
    for field in which:
        event = event.replace(FIELDS[field], CHANGED[field])
    if link and b'"prev":""' not in event:
        at = event.index(b'"prev":"') + 12
        event = event[:at] + (b"y" if event[at : at + 1] == b"x" else b"x") + event[at + 1 :]
    return event


changes = st.tuples(st.sets(st.integers(0, len(FIELDS) - 1), min_size=1, max_size=3), st.booleans())


@settings(max_examples=300)
@given(exports, st.dictionaries(st.integers(0, 19), changes, min_size=1, max_size=6))
@example((LOGS[4], ""), {3: ({0}, False), 5: ({0}, True), 6: ({1}, False)})
@example((LOGS[4], ""), {3: ({0}, True), 4: ({0}, False), 7: ({1}, True)})
def test_of_many_altered_events_the_first_is_named_if_links_were_altered_apart(
    chosen: tuple[Log, str], altered: dict[int, tuple[set[int], bool]]
):
    header, events = split(exported(*chosen))
    # Of an altered event before one whose link is altered too, no trace is left of its true hash: see the next test.
    touched = {at: each for at, each in altered.items() if at < len(events)}
    assume(touched)
    assume(chosen[1] or not any(link and at - 1 in touched for at, (_, link) in touched.items()))
    bent = [
        change(event, which=touched[at][0], link=touched[at][1]) if at in touched else event
        for at, event in enumerate(events)
    ]
    first = min(touched)
    assert named(joined(header, bent)) == (first + 2, leaves_of(chosen[0], run=chosen[1])[first])
    found = check(joined(header, bent))
    assert isinstance(found, Broken)
    assert found.fault is Fault.ALTERED


@given(exports, st.dictionaries(st.integers(0, 19), changes, min_size=1, max_size=20))
@example((LOGS[3], ""), {0: ({0}, False), 2: ({0}, True), 3: ({0}, True)})
def test_however_many_events_are_altered_and_how_the_file_is_called_broken_at_one_of_them_or_beside_it(
    chosen: tuple[Log, str], altered: dict[int, tuple[set[int], bool]]
):
    header, events = split(exported(*chosen))
    touched = {at for at in altered if at < len(events)}
    assume(touched)
    bent = [
        change(event, which=altered[at][0], link=altered[at][1]) if at in touched else event
        for at, event in enumerate(events)
    ]
    line_number, _ = named(joined(header, bent))
    assert {line_number - 2, line_number - 3} & touched


@given(exports, st.data())
def test_lines_in_any_other_order_or_number_name_the_first_place_that_differs(
    chosen: tuple[Log, str], data: st.DataObject
):
    header, events = split(exported(*chosen))
    others = data.draw(st.lists(st.sampled_from(events), max_size=len(events) + 2))
    assume(others != events)
    first = next((at for at, (one, two) in enumerate(zip(others, events, strict=False)) if one != two), None)
    at = min(len(others), len(events)) if first is None else first
    leaves = leaves_of(chosen[0], run=chosen[1])
    assert named(joined(header, others)) == (at + 2, leaves[at] if at < len(leaves) else None)


@given(exports, st.data())
def test_every_proper_beginning_of_a_file_is_found_to_be_cut(chosen: tuple[Log, str], data: st.DataObject):
    content = exported(*chosen)
    end = data.draw(st.integers(0, len(content) - 1))
    assert named(content[:end])[0] == content[:end].count(b"\n") + 1


@given(exports, st.lists(st.integers(0, 5000), max_size=6))
def test_pieces_of_any_sizes_give_the_same_answer(chosen: tuple[Log, str], cuts: list[int]):
    content = exported(*chosen)
    for whole_or_not in (content, content[:-1], content.replace(b"acme", b"acne", 1)):
        ends = [0, *sorted(cut for cut in cuts if cut < len(whole_or_not)), len(whole_or_not)]
        pieces = [whole_or_not[start:end] for start, end in itertools.pairwise(ends)]
        assert verify_export(pieces, key=KEY.verifier) == check(whole_or_not)


@given(st.binary(max_size=400))
def test_no_bytes_whatever_are_verified_or_raise(content: bytes):
    assert isinstance(check(content), Broken)
    header = split(whole(LOGS[3]))[0]
    assert isinstance(check(header + b"\n" + content), Broken)
