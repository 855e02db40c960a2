import json

import msgspec
import pytest
from tests.unit.ledger.logbook import envelope

from dueprocess.errors import RecordInvalid
from dueprocess.ledger.event import (
    MAX_LINE_BYTES,
    Envelope,
    LineInvalid,
    decode_line,
    encode_line,
    later_fields,
    link,
)
from dueprocess.ledger.tree import leaf_hash

# The oldest version, byte for byte. These bytes were hashed into logs: they must be read, and written, for ever.
OLDEST = (
    b'{"v":1,"leaf":7,"prev":"qtqYKAbQLbd5Hw-bNjZ1r9LK1b6_fH6_aC7bMUOYOWs","tenant":"acme","run":"run_0001","seq":3,'
    b'"kind":"action.settled","at":1764000000000007,"release":"r","policy":"p","epoch":2,"action":"act_9","attempt":1,'
    b'"body":"AAECAw==","clear":""}'
)


def later(line: bytes, more: bytes) -> bytes:
    return line.replace(b'{"v":1,', b'{"v":2,', 1)[:-1] + more + b"}"


def test_a_line_of_the_oldest_version_is_read_and_written_again_to_the_same_bytes():
    event = decode_line(OLDEST)
    assert event == Envelope(
        leaf=7,
        prev="qtqYKAbQLbd5Hw-bNjZ1r9LK1b6_fH6_aC7bMUOYOWs",
        tenant="acme",
        run="run_0001",
        seq=3,
        kind="action.settled",
        at=1764000000000007,
        release="r",
        policy="p",
        epoch=2,
        action="act_9",
        attempt=1,
        body="AAECAw==",
    )
    assert encode_line(event) == OLDEST


def test_a_line_is_plain_json_that_any_reader_understands():
    assert json.loads(OLDEST)["kind"] == "action.settled"


def test_a_clear_body_may_hold_any_text_and_comes_back_equal():
    event = envelope(clear='{"reason":"Löschung \\"§17\\"\\n\u202e"}')
    line = encode_line(event)
    assert decode_line(line) == event
    assert b"\n" not in line
    assert "Löschung".encode() in line


def test_an_event_may_have_a_sealed_and_a_clear_body():
    event = envelope(body="AAAA", clear="{}")
    assert decode_line(encode_line(event)) == event


def test_the_link_is_the_hash_in_base64_for_urls_without_padding():
    assert link(bytes(32)) == "A" * 43
    assert link(b"\xff" * 32) == "_" * 42 + "8"
    assert link(leaf_hash(OLDEST)) == "FlYyAWDFxKYRTsLcpTqVl7-lrM74qOYD3R6SAc2ys4E"


@pytest.mark.parametrize(
    ("got", "put"),
    [
        (b'{"v":1', b'{"v":0'),
        (b'{"v":1', b'{"v":true'),
        (b'{"v":1', b'{"v":1.0'),
        (b'{"v":1,', b"{"),
        (b'"leaf":7', b'"leaf":07'),
        (b'"leaf":7', b'"leaf":-7'),
        (b'"leaf":7', b'"leaf": 7'),
        (b'"leaf":7', b'"leaf":7e0'),
        (b'"leaf":7', b'"leaf":9223372036854775808'),
        (b'"leaf":7', b'"leaf":"7"'),
        (b'"leaf":7', b'"leaf":7,"leaf":7'),
        (b'"leaf":7', b'"leaf":6,"leaf":7'),
        (b'"leaf":7', b'"leaf":0'),
        (b'"prev":"qt', b'"prev":"q'),
        (b'"prev":"qt', b'"prev":"qtt'),
        (b'"tenant":"acme"', b'"tenant":"ac\\u006de"'),
        (b'"tenant":"acme"', b'"tenant":"ac\\"e"'),
        (b'"tenant":"acme"', b'"tenant":"ac\\\\e"'),
        (b'"tenant":"acme"', b'"tenant":"ac\\u001be"'),
        (b'"tenant":"acme"', b'"tenant":"ac\x7fe"'),
        (b'"tenant":"acme"', b'"tenant":"ac\xe2\x80\xaee"'),
        (b'"tenant":"acme"', b'"tenant":"ac\xffe"'),
        (b'"tenant":"acme"', b'"tenant":"\\ud800"'),
        (b'"tenant":"acme"', b'"tenant":null'),
        (b'"tenant":"acme","run":"run_0001"', b'"run":"run_0001","tenant":"acme"'),
        (b'"run":"run_0001"', b'"run":""'),
        (b'"seq":3', b'"seq":0'),
        (b'"kind":"action.settled"', b'"kind":"action"'),
        (b'"kind":"action.settled"', b'"kind":"Action.settled"'),
        (b'"kind":"action.settled"', b'"kind":"action.settled.twice"'),
        (b'"body":"AAECAw=="', b'"body":""'),
        (b'"clear":""', b'"clear":"{"'),
        (b'"clear":""', b'"clear":"{ }"'),
        (b'"clear":""', b'"clear":"{\\"a\\":1,\\"a\\":2}"'),
        (b'"clear":""}', b'"clear":"","more":1}'),
        (b',"clear":""}', b"}"),
        (b'"clear":""}', b'"clear":""} '),
        (b'"clear":""}', b'"clear":""}\r'),
        (b'"clear":""}', b'"clear":""}{}'),
        (b'"clear":""}', b'"clear":""'),
        (b'{"v":1', b'\xef\xbb\xbf{"v":1'),
        (b'{"v":1', b' {"v":1'),
    ],
)
def test_every_other_spelling_is_refused(got: bytes, put: bytes):
    assert OLDEST.count(got) == 1
    with pytest.raises(LineInvalid):
        decode_line(OLDEST.replace(got, put))


@pytest.mark.parametrize("line", [b"", b"null", b"[]", b"{}", b"7", b'"a"', b"NaN", b"[" * 200_000, b'{"a":' * 200_000])
def test_what_is_no_event_is_refused(line: bytes):
    with pytest.raises(LineInvalid, match="not an event line"):
        decode_line(line)


def test_a_message_about_foreign_bytes_shows_them_escaped_and_cut():
    with pytest.raises(LineInvalid) as caught:
        decode_line(OLDEST.replace(b'"clear":""', '"clear":"\u202e{'.encode() + b"x" * 1000 + b'"'))
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 300


def test_a_line_beyond_the_limit_is_refused_unread():
    with pytest.raises(LineInvalid, match=f"at most {MAX_LINE_BYTES}"):
        decode_line(bytes(MAX_LINE_BYTES + 1))


def test_an_invalid_line_is_a_fault_of_what_is_stored():
    assert issubclass(LineInvalid, RecordInvalid)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": 0},
        {"leaf": -1},
        {"leaf": True},
        {"leaf": 2**63},
        {"leaf": 1},
        {"prev": "A" * 43},
        {"tenant": "ac\nme"},
        {"tenant": "ac\u202eme"},
        {"tenant": "\ud800"},
        {"tenant": 5},
        {"tenant": object()},
        {"run": ""},
        {"seq": 0},
        {"kind": "noun"},
        {"kind": "noun.verb\n"},
        {"at": 1.5},
        {"at": -1},
        {"body": ""},
        {"clear": "{ }"},
        {"body": "\n"},
    ],
)
def test_an_event_that_breaks_a_rule_is_not_written(change: dict[str, object]):
    with pytest.raises(LineInvalid):
        encode_line(msgspec.structs.replace(envelope(), **change))


def test_fields_of_a_later_version_are_readable_and_their_bytes_are_kept():
    line = later(OLDEST, b',"shard":{"a": [1, 2.50]},"note":"\xc3\xa9\\n"')
    event = decode_line(line)
    assert (event.v, event.leaf, event.kind) == (2, 7, "action.settled")
    assert later_fields(line) == {"shard": b'{"a": [1, 2.50]}', "note": b'"\xc3\xa9\\n"'}
    assert later_fields(OLDEST) == {}


def test_fields_are_not_read_out_of_what_is_no_event():
    with pytest.raises(LineInvalid):
        later_fields(b'{"v":2,"shard":1}')


def test_a_line_of_a_later_version_without_new_fields_is_read():
    assert decode_line(later(OLDEST, b"")).v == 2


def test_a_line_of_a_later_version_is_never_written_by_this_one():
    with pytest.raises(LineInvalid, match="version 2: this release writes version 1"):
        encode_line(decode_line(later(OLDEST, b',"shard":1')))


@pytest.mark.parametrize(
    "line",
    [
        later(OLDEST, b',"leaf":7'),
        later(OLDEST, b',"shard":1,"shard":1'),
        later(OLDEST, b', "shard":1'),
        later(OLDEST, b',"shard": 1'),
        later(OLDEST, b',"shard":[1,\r1]'),
        later(OLDEST, b',"shard":[1,\n1]'),
        later(OLDEST, b',"shard":'),
        later(OLDEST, b',"shard":' + b"[" * 200_000 + b"]" * 200_000),
        later(OLDEST, b',"shard":1').replace(b'"leaf":7,', b"").replace(b',"shard"', b',"leaf":7,"shard"'),
        later(OLDEST, b',"shard":1').replace(b',"clear":""', b""),
        later(OLDEST, b',"shard":1').replace(b'"acme"', b'"ac\xc3\xa9"'),
        later(OLDEST, b',"shard":1').replace(b"action.settled", b"action"),
    ],
)
def test_a_later_version_still_begins_with_these_fields_each_once(line: bytes):
    with pytest.raises(LineInvalid):
        decode_line(line)
