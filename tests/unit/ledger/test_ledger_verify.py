"""INVARIANT I9: what was exported verifies; what differs is found, and the first broken event is named."""

import base64
from collections.abc import Sequence

import msgspec
import pytest
from tests.unit.ledger.logbook import KEY, ORIGIN, OTHER_KEY, Log, chained, log_of, one_run, run_name, whole

from dueprocess.ledger.checkpoint import Checkpoint, SigningKey
from dueprocess.ledger.event import MAX_LINE_BYTES, link
from dueprocess.ledger.export import ExportHeader, Proof, encode_header, signed_message
from dueprocess.ledger.tree import EMPTY_ROOT, Tree, leaf_hash
from dueprocess.ledger.verdict import Anchor, Broken, Fault, Verified
from dueprocess.ledger.verify import verify_export

LOG = log_of([0, 1, 0, 2, 1, 0, 0, 3, 1, 0])
WHOLE = whole(LOG)
HEADER, *EVENTS = WHOLE.split(b"\n")[:-1]
RUN = one_run(LOG, run_name(0))
RUN_HEADER, *RUN_EVENTS = RUN.split(b"\n")[:-1]
RUN_LEAVES = [0, 2, 5, 6, 9]
CR = [event + b"\r" for event in EVENTS]


def check(content: bytes, *, newer_than: Checkpoint | None = None) -> Verified | Broken:
    return verify_export([content], key=KEY.verifier, newer_than=newer_than)


def joined(events: Sequence[bytes], header: bytes = HEADER) -> bytes:
    return b"".join(line + b"\n" for line in (header, *events))


def broken(content: bytes, *, newer_than: Checkpoint | None = None) -> tuple[Fault, int, int | None]:
    found = check(content, newer_than=newer_than)
    assert isinstance(found, Broken)
    assert found.reason
    assert found.reason.isascii()
    return found.fault, found.line_number, found.leaf


def altered(event: bytes) -> bytes:
    return event.replace(b'"tenant":"acme"', b'"tenant":"acne"')


def prev_altered(event: bytes) -> bytes:
    at = event.index(b'"prev":"') + 8
    return event[:at] + (b"B" if event[at : at + 1] == b"A" else b"A") + event[at + 1 :]


def placed(changes: dict[int, bytes], events: Sequence[bytes] = EVENTS) -> list[bytes]:
    return [changes.get(at, event) for at, event in enumerate(events)]


def test_a_whole_log_verifies_with_the_public_key_alone():
    assert check(WHOLE) == Verified(
        origin=ORIGIN,
        key_id=KEY.verifier.key_id.hex(),
        size=10,
        root=LOG.tree.root(),
        lines=10,
        run="",
        anchor=Anchor.NOT_ASKED,
    )


def test_one_run_verifies_with_the_public_key_alone():
    found = check(RUN)
    assert isinstance(found, Verified)
    assert (found.run, found.lines, found.size) == (run_name(0), 5, 10)


@pytest.mark.parametrize("runs", [[], [0], [0, 0], [0, 1, 2], [0] * 17])
def test_logs_of_every_size_verify(runs: list[int]):
    assert isinstance(check(whole(log_of(runs))), Verified)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000, 10**6])
def test_the_size_of_the_pieces_does_not_matter(size: int):
    for content in (WHOLE, RUN):
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        assert isinstance(verify_export(iter(pieces), key=KEY.verifier), Verified)
        assert isinstance(verify_export([b"", *pieces, b""], key=KEY.verifier), Verified)
        assert isinstance(verify_export([*pieces, b"\n"], key=KEY.verifier), Broken)


# What happens to whole lines of a whole log.


@pytest.mark.parametrize("at", range(10))
def test_a_dropped_event_is_named(at: int):
    expected = Fault.CUT if at == 9 else Fault.MISPLACED
    assert broken(joined(EVENTS[:at] + EVENTS[at + 1 :])) == (expected, at + 2, at)


@pytest.mark.parametrize("at", range(10))
def test_a_doubled_event_is_named_where_it_stands_again(at: int):
    found = broken(joined([*EVENTS[: at + 1], *EVENTS[at:]]))
    assert found == ((Fault.EXTRA, 12, None) if at == 9 else (Fault.MISPLACED, at + 3, at + 1))


@pytest.mark.parametrize("at", range(9))
def test_of_two_swapped_events_the_first_place_is_named(at: int):
    swapped = placed({at: EVENTS[at + 1], at + 1: EVENTS[at]})
    assert broken(joined(swapped)) == (Fault.MISPLACED, at + 2, at)


@pytest.mark.parametrize("at", range(10))
def test_a_file_cut_before_or_in_a_line_names_the_event_that_is_lost(at: int):
    start = len(joined(EVENTS[:at]))
    for inside in (0, 1, len(EVENTS[at]) // 2, len(EVENTS[at])):
        assert broken(WHOLE[: start + inside]) == (Fault.CUT, at + 2, at)


@pytest.mark.parametrize("tail", [b"\n", b" ", b"\x00", b"{}\n", EVENTS[9] + b"\n", b"\r\n", b"\x1a"])
def test_anything_behind_the_end_is_found(tail: bytes):
    assert broken(WHOLE + tail) == (Fault.EXTRA, 12, None)
    assert broken(RUN + tail) == (Fault.EXTRA, 7, None)


@pytest.mark.parametrize("put", [b"", b" ", b"{}", b"[]", b"not json", b"\xff\xfe", b"[" * 200_000])
def test_a_line_that_is_no_event_is_named(put: bytes):
    assert broken(joined([*EVENTS[:4], put, *EVENTS[4:]])) == (Fault.UNREADABLE, 6, 4)
    assert broken(joined(placed({4: put}))) == (Fault.UNREADABLE, 6, 4)
    assert broken(joined(placed({2: put}, RUN_EVENTS), RUN_HEADER)) == (Fault.UNREADABLE, 4, 5)


def test_windows_line_ends_and_byte_order_marks_are_found():
    assert broken(joined(CR)) == (Fault.UNREADABLE, 2, 0)
    assert broken(joined(placed({3: CR[3]}))) == (Fault.UNREADABLE, 5, 3)
    assert broken(joined(placed({3: b"\xef\xbb\xbf" + EVENTS[3]}))) == (Fault.UNREADABLE, 5, 3)
    assert broken(WHOLE.replace(b"\n", b"\r\n"))[:2] == (Fault.HEADER, 1)
    assert broken(WHOLE.replace(b"\n", b"\r"))[:2] == (Fault.HEADER, 1)
    assert broken(b"\xef\xbb\xbf" + WHOLE)[:2] == (Fault.HEADER, 1)
    assert broken(WHOLE.decode().encode("utf-16"))[:2] == (Fault.HEADER, 1)


def test_an_event_of_another_log_is_named():
    other = log_of([0, 1, 0, 2, 1, 0, 1, 3, 1, 0])
    # The first six lines are the same; the seventh is another, and the eighth still fits the one that was there.
    assert broken(joined(placed({6: other.lines[6]}))) == (Fault.ALTERED, 8, 6)


# What happens inside the lines of a whole log.


@pytest.mark.parametrize("at", range(10))
def test_an_altered_event_is_named(at: int):
    assert broken(joined(placed({at: altered(EVENTS[at])}))) == (Fault.ALTERED, at + 2, at)


@pytest.mark.parametrize("at", range(1, 10))
def test_an_event_whose_link_is_altered_is_named_and_not_the_one_before(at: int):
    assert broken(joined(placed({at: prev_altered(EVENTS[at])}))) == (Fault.ALTERED, at + 2, at)
    assert broken(joined(placed({at: altered(prev_altered(EVENTS[at]))}))) == (Fault.ALTERED, at + 2, at)


@pytest.mark.parametrize("at", range(9))
def test_of_two_altered_events_side_by_side_the_first_is_named(at: int):
    both = {at: altered(EVENTS[at]), at + 1: altered(EVENTS[at + 1])}
    assert broken(joined(placed(both))) == (Fault.ALTERED, at + 2, at)


def test_an_event_fitted_to_hide_the_altered_one_does_not_hide_it():
    # Event 4 is altered, and the link of event 6 is set so that event 5 looks like the one with the wrong link.
    bent = altered(EVENTS[4])
    fitted = EVENTS[5].replace(link(leaf_hash(EVENTS[4])).encode(), link(leaf_hash(bent)).encode())
    after = EVENTS[6].replace(link(leaf_hash(EVENTS[5])).encode(), link(leaf_hash(fitted)).encode())
    assert broken(joined(placed({4: bent, 6: after}))) == (Fault.ALTERED, 6, 4)


def test_when_every_event_is_altered_the_first_is_named():
    assert broken(joined([altered(event) for event in EVENTS])) == (Fault.ALTERED, 2, 0)
    many = log_of([0] * 40)
    lines = whole(many).split(b"\n")[:-1]
    assert broken(joined([altered(event) for event in lines[1:]], lines[0])) == (Fault.ALTERED, 2, 0)
    assert broken(joined([*lines[1:20], *[altered(event) for event in lines[20:]]], lines[0])) == (
        Fault.ALTERED,
        21,
        19,
    )


def test_an_altered_event_is_named_even_if_a_later_one_is_missing_or_unreadable():
    assert broken(joined([*placed({2: altered(EVENTS[2])})[:7], *EVENTS[8:]])) == (Fault.ALTERED, 4, 2)
    assert broken(joined(placed({2: altered(EVENTS[2]), 6: b"{}"}))) == (Fault.ALTERED, 4, 2)
    assert broken(joined(placed({2: altered(EVENTS[2])})[:7])) == (Fault.ALTERED, 4, 2)
    assert broken(joined([*placed({2: altered(EVENTS[2])}), b"{}"])) == (Fault.ALTERED, 4, 2)
    assert broken(joined(placed({2: altered(EVENTS[2])})) + b"x") == (Fault.ALTERED, 4, 2)


def test_a_guess_is_called_a_guess():
    found = check(joined(placed({2: altered(EVENTS[2]), 6: b"{}"})))
    assert isinstance(found, Broken)
    assert "too broken to tell" in found.reason
    sure = check(joined(placed({2: altered(EVENTS[2])})))
    assert isinstance(sure, Broken)
    assert "too broken" not in sure.reason


@pytest.mark.parametrize("first", range(1, 10))
def test_a_log_rewritten_with_fitting_links_is_found_and_called_so(first: int):
    forged = chained(placed({first - 1: altered(EVENTS[first - 1])}), first=first)
    fault, line_number, leaf = broken(joined(forged))
    assert (fault, line_number, leaf) == (Fault.REWRITTEN, 11, 9)


def test_events_rewritten_up_to_a_place_name_that_place():
    forged = chained(placed({3: altered(EVENTS[3])})[:7], first=4)
    assert broken(joined([*forged, *EVENTS[7:]])) == (Fault.REWRITTEN, 8, 6)


def test_a_log_cut_with_a_header_that_fits_fails_by_its_signature():
    header = msgspec.json.decode(HEADER, type=ExportHeader)
    shorter = Tree([leaf_hash(event) for event in EVENTS[:8]])
    forged = msgspec.structs.replace(
        header, size=8, lines=8, root=base64.b64encode(shorter.root()).decode(), head=link(shorter.leaf(7))
    )
    assert broken(joined(EVENTS[:8], encode_header(forged)))[:2] == (Fault.SIGNATURE, 1)


def test_a_renumbered_swap_is_found():
    swapped = [
        EVENTS[5].replace(b'"leaf":5', b'"leaf":4'),
        EVENTS[4].replace(b'"leaf":4', b'"leaf":5'),
    ]
    fault, line_number, _ = broken(joined([*EVENTS[:4], *swapped, *EVENTS[6:]]))
    assert (fault, line_number) == (Fault.REWRITTEN, 6)


def test_what_is_said_of_a_broken_event_is_what_its_line_says():
    found = check(joined(placed({4: altered(EVENTS[4])})))
    assert isinstance(found, Broken)
    assert (found.run, found.seq, found.kind) == (run_name(1), 2, "action.proposed")
    assert (found.got, found.expected) == (link(leaf_hash(altered(EVENTS[4]))), link(leaf_hash(EVENTS[4])))


# The header.


def test_no_changed_byte_of_the_header_passes():
    for at in range(len(HEADER) + 1):
        for bit in (0, 1, 4, 5, 7):
            bent = bytearray(WHOLE)
            bent[at] ^= 1 << bit
            assert broken(bytes(bent))[1:] == (1, None)


def test_no_byte_taken_out_of_or_put_into_the_header_passes():
    for at in range(len(HEADER) + 1):
        assert broken(WHOLE[:at] + WHOLE[at + 1 :])[1:] == (1, None)
        for put in (b" ", b"\n", b"0", b",", b'"'):
            if (at, put) != (len(HEADER), b"\n"):  # that is an empty line 2
                assert broken(WHOLE[:at] + put + WHOLE[at:])[1:] == (1, None)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"{}",
        b"[" * 200_000,
        EVENTS[0],
        HEADER.replace(b'"size":10', b'"size":10,"size":10'),
        HEADER.replace(b'"size":10', b'"size":9,"size":10'),
        HEADER.replace(b'"size":10', b'"size":10.0'),
        HEADER.replace(b'"size":10', b'"size": 10'),
        HEADER.replace(b'"origin":"example', b'"origin":"\\u0065xample'),
        HEADER.replace(b'"proofs":[]', b'"proofs":[],"more":1'),
        HEADER.replace(b'"lines":10,', b""),
        HEADER + b"\r",
        HEADER + b" ",
        b" " + HEADER,
        b"\xff" + HEADER,
        HEADER.replace(b"example", b"ex\xffmple"),
        HEADER.replace(b"example", b"ex\\ud800mple"),
        HEADER.replace(b"ledger/1", b"ledger/2"),
    ],
)
def test_what_is_not_the_one_spelling_of_a_header_is_refused(header: bytes):
    assert broken(joined(EVENTS, header)) == (Fault.HEADER, 1, None)


@pytest.mark.parametrize("content", [b"", b"\n", b"x", HEADER, b"\x00" * 5000])
def test_a_file_without_a_whole_header_is_refused(content: bytes):
    assert broken(content) == (Fault.HEADER, 1, None)


def test_a_header_without_line_end_is_refused_even_where_no_event_follows():
    empty = whole(log_of([]))
    assert isinstance(check(empty), Verified)
    assert broken(empty[:-1]) == (Fault.HEADER, 1, None)


def test_another_key_is_told_from_a_forged_header():
    found = verify_export([WHOLE], key=OTHER_KEY.verifier)
    assert isinstance(found, Broken)
    assert (found.fault, found.got, found.expected) == (
        Fault.KEY,
        KEY.verifier.key_id.hex(),
        OTHER_KEY.verifier.key_id.hex(),
    )
    forged = signed(msgspec.json.decode(HEADER, type=ExportHeader), by=OTHER_KEY)
    assert broken(joined(EVENTS, forged)) == (Fault.SIGNATURE, 1, None)


def test_an_unused_bit_of_the_signature_is_not_passed_over():
    header = msgspec.json.decode(HEADER, type=ExportHeader)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert header.signature.endswith("==")
    twin = header.signature[:-3] + alphabet[alphabet.index(header.signature[-3]) ^ 1] + "=="
    assert base64.b64decode(twin) == base64.b64decode(header.signature)
    assert broken(WHOLE.replace(header.signature.encode(), twin.encode())) == (Fault.SIGNATURE, 1, None)


def test_a_line_beyond_the_limit_is_refused_without_being_read_whole():
    def endless(start: bytes):
        yield start
        for taken in range(1000):
            assert taken <= MAX_LINE_BYTES >> 20, "it read on"
            yield b"x" * (1 << 20)

    found = [verify_export(endless(start), key=KEY.verifier) for start in (b"", HEADER + b"\n", joined(EVENTS))]
    assert [(each.fault, each.line_number) for each in found if isinstance(each, Broken)] == [
        (Fault.HEADER, 1),
        (Fault.UNREADABLE, 2),
        (Fault.EXTRA, 12),
    ]


# Signed by the right key, but wrong: the signer's fault is told, never passed over.


def signed(header: ExportHeader, *, by: SigningKey = KEY) -> bytes:
    signature = base64.b64encode(by.sign(signed_message(header))).decode()
    return encode_header(msgspec.structs.replace(header, signature=signature))


def resigned(line: bytes, **changes: object) -> bytes:
    return signed(msgspec.structs.replace(msgspec.json.decode(line, type=ExportHeader), **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"root": base64.b64encode(EMPTY_ROOT).decode()},
        {"root": ""},
        {"root": "AAAA"},
        {"lines": 9},
        {"size": 11},
        {"size": 9, "lines": 9, "run": "x"},
        {"first_leaf": 1},
        {"run_length": 10},
        {"sha256": "0" * 64},
        {"proofs": (Proof(leaf=0, path=()),)},
    ],
)
def test_a_signed_header_that_contradicts_the_file_is_refused(changes: dict[str, object]):
    assert broken(joined(EVENTS, resigned(HEADER, **changes))) == (Fault.SIGNED_SO, 1, None)


def test_a_signed_header_with_a_wrong_head_is_refused():
    assert broken(joined(EVENTS, resigned(HEADER, head="A" * 43))) == (Fault.SIGNED_SO, 1, None)
    assert broken(joined(RUN_EVENTS, resigned(RUN_HEADER, head="A" * 43))) == (Fault.SIGNED_SO, 1, None)
    empty = whole(log_of([])).rstrip(b"\n")
    assert broken(joined([], resigned(empty, head="A" * 43))) == (Fault.SIGNED_SO, 1, None)


def of_lines(lines: Sequence[bytes]) -> bytes:
    """A log signed by the right key over whatever lines there are."""
    tree = Tree([leaf_hash(line) for line in lines])
    header = resigned(
        HEADER,
        size=len(lines),
        lines=len(lines),
        root=base64.b64encode(tree.root()).decode(),
        head=link(tree.leaf(len(lines) - 1)),
    )
    return joined(lines, header)


def test_a_gap_in_the_numbers_of_a_run_is_found_though_it_was_signed():
    gap = chained(placed({5: EVENTS[5].replace(b'"seq":3', b'"seq":4')}), first=6)
    assert broken(of_lines(gap)) == (Fault.SIGNED_SO, 7, 5)


def test_links_that_were_signed_wrong_are_found():
    assert broken(of_lines(placed({5: prev_altered(EVENTS[5])}))) == (Fault.SIGNED_SO, 1, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"run_length": 4},
        {"run_length": 4, "lines": 4},
        {"run_length": 6, "lines": 6},
        {"lines": 4},
        {"first_leaf": 1},
        {"proofs": ()},
        {"run_length": 0, "lines": 0, "proofs": ()},
        {"run": ""},
    ],
)
def test_a_signed_header_of_a_run_that_contradicts_itself_is_refused(changes: dict[str, object]):
    assert broken(joined(RUN_EVENTS, resigned(RUN_HEADER, **changes))) == (Fault.SIGNED_SO, 1, None)


def test_proofs_that_are_doubled_or_no_hashes_are_refused():
    header = msgspec.json.decode(RUN_HEADER, type=ExportHeader)
    first, second, *others = header.proofs
    for proofs in ((second, first, *others), (first, first, *others)):
        moved = resigned(RUN_HEADER, proofs=proofs, first_leaf=proofs[0].leaf)
        assert broken(joined(RUN_EVENTS, moved)) == (Fault.SIGNED_SO, 1, None)
    bad = (Proof(leaf=0, path=(*first.path[:-1], "AAAA")), second, *others)
    assert broken(joined(RUN_EVENTS, resigned(RUN_HEADER, proofs=bad))) == (Fault.SIGNED_SO, 1, None)


def test_events_of_another_run_are_found_though_they_are_in_the_log_and_signed():
    assert broken(joined(RUN_EVENTS, resigned(RUN_HEADER, run=run_name(7)))) == (Fault.SIGNED_SO, 2, 0)


# One run.


@pytest.mark.parametrize("at", range(5))
def test_in_one_run_an_altered_or_relinked_event_is_named(at: int):
    bent = altered(RUN_EVENTS[at])
    assert broken(joined(placed({at: bent}, RUN_EVENTS), RUN_HEADER)) == (Fault.ALTERED, at + 2, RUN_LEAVES[at])
    if at:
        bent = prev_altered(RUN_EVENTS[at])
        assert broken(joined(placed({at: bent}, RUN_EVENTS), RUN_HEADER)) == (Fault.ALTERED, at + 2, RUN_LEAVES[at])


@pytest.mark.parametrize("at", range(5))
def test_in_one_run_a_dropped_or_doubled_or_swapped_event_is_named(at: int):
    dropped = broken(joined(RUN_EVENTS[:at] + RUN_EVENTS[at + 1 :], RUN_HEADER))
    assert dropped == (Fault.CUT if at == 4 else Fault.MISPLACED, at + 2, RUN_LEAVES[at])
    doubled = broken(joined([*RUN_EVENTS[: at + 1], *RUN_EVENTS[at:]], RUN_HEADER))
    assert doubled == ((Fault.EXTRA, 7, None) if at == 4 else (Fault.MISPLACED, at + 3, RUN_LEAVES[at + 1]))
    if at < 4:
        swapped = placed({at: RUN_EVENTS[at + 1], at + 1: RUN_EVENTS[at]}, RUN_EVENTS)
        assert broken(joined(swapped, RUN_HEADER)) == (Fault.MISPLACED, at + 2, RUN_LEAVES[at])


def test_in_one_run_an_event_of_another_run_is_named():
    assert broken(joined(placed({2: EVENTS[4]}, RUN_EVENTS), RUN_HEADER)) == (Fault.MISPLACED, 4, 5)


def test_the_header_of_one_run_does_not_serve_another():
    other = one_run(LOG, run_name(1)).split(b"\n", 1)[1]
    assert broken(RUN_HEADER + b"\n" + other) == (Fault.MISPLACED, 2, 0)


# Newer than.


def older(size: int, *, log: Log = LOG) -> Checkpoint:
    tree = Tree([leaf_hash(line) for line in log.lines[:size]])
    return Checkpoint(origin=ORIGIN, size=size, root=tree.root())


@pytest.mark.parametrize("size", range(11))
def test_a_log_goes_on_from_every_checkpoint_of_its_past(size: int):
    found = check(WHOLE, newer_than=older(size))
    assert isinstance(found, Verified)
    assert found.anchor is Anchor.EXTENDS


def test_an_older_genuine_export_is_found_with_a_newer_checkpoint_only():
    past = whole(log_of([0, 1, 0, 2, 1]))
    assert isinstance(check(past), Verified)
    assert broken(past, newer_than=LOG.checkpoint) == (Fault.OLDER, 1, None)
    assert broken(one_run(log_of([0, 1, 0]), run_name(0)), newer_than=LOG.checkpoint) == (Fault.OLDER, 1, None)


def test_another_history_is_told():
    other = log_of([0, 1, 2, 2, 1, 0, 0, 3, 1, 0])
    for size in range(3, 11):
        assert broken(WHOLE, newer_than=older(size, log=other)) == (Fault.FORKED, 1, None)
    assert broken(RUN, newer_than=older(10, log=other)) == (Fault.FORKED, 1, None)


def test_a_checkpoint_of_another_log_is_told():
    other = Checkpoint(origin="other.test/log", size=3, root=older(3).root)
    assert broken(WHOLE, newer_than=other) == (Fault.FORKED, 1, None)


def test_one_run_cannot_be_compared_with_an_older_checkpoint_and_says_so():
    found = check(RUN, newer_than=older(5))
    assert isinstance(found, Verified)
    assert found.anchor is Anchor.CANNOT_TELL
    same = check(RUN, newer_than=LOG.checkpoint)
    assert isinstance(same, Verified)
    assert same.anchor is Anchor.EXTENDS


def test_a_broken_file_is_called_broken_before_it_is_called_old():
    assert broken(joined(placed({4: altered(EVENTS[4])})), newer_than=older(10)) == (Fault.ALTERED, 6, 4)


# Foreign bytes are data (INVARIANT I10).


@pytest.mark.parametrize("hostile", [b"\x1b[2J", "\u202e".encode(), b"<script>", b"\x00", b"\xff"])
def test_nothing_that_is_said_of_a_broken_file_carries_its_bytes_on(hostile: bytes):
    contents = [
        hostile + b"\n",
        hostile + WHOLE,
        joined(EVENTS, HEADER.replace(b"example", hostile)),
        joined(EVENTS, HEADER.replace(b'"proofs"', b'"' + hostile + b'"')),
        joined(placed({3: EVENTS[3].replace(b"acme", hostile)})),
        joined(placed({3: EVENTS[3].replace(b'"prev":"', b'"prev":"' + hostile)})),
        joined(placed({3: hostile * 1000})),
        WHOLE + hostile,
    ]
    for content in contents:
        found = check(content)
        assert isinstance(found, Broken)
        shown = " ".join(str(each) for each in (found.run, found.kind, found.reason, found.got, found.expected))
        assert shown.isascii()
        assert shown.isprintable()
        assert len(shown) < 1000
