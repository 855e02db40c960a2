import pytest
from tests.unit.ledger.logbook import envelope

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger.seal import Erased, RunKey, SealBroken, read_body, unwrap, wrap

KEY = RunKey(secret=bytes(range(32)))
NONCE = bytes(range(12))
BODY = b'{"amount":"12.50"}'
SEALED = KEY.seal(BODY, nonce=NONCE, run="run_1", seq=3, kind="action.settled")


def test_a_sealed_body_opens_at_its_place():
    assert KEY.unseal(SEALED, run="run_1", seq=3, kind="action.settled") == BODY


def test_the_sealed_form_stays_what_it_was():
    # Stored bodies must open for ever: derivation, place and form are frozen by this value.
    assert SEALED == "AAECAwQFBgcICQoL0+b+Rtf7CqXxHuu/iTYDJCDBCuc0A4146ebi0E1xkI29cQ=="


def test_the_sealed_form_does_not_show_the_body():
    assert "12.50" not in SEALED
    assert KEY.seal(BODY, nonce=bytes(12), run="run_1", seq=3, kind="action.settled")[16:] != SEALED[16:]


@pytest.mark.parametrize(
    ("run", "seq", "kind"),
    [
        ("run_2", 3, "action.settled"),
        ("run_1", 4, "action.settled"),
        ("run_1", 3, "action.held"),
        ("run_1|3", 3, "action.settled"),
        ("run_", 13, "action.settled"),
        ("", 3, "action.settled"),
    ],
)
def test_a_body_moved_to_another_place_does_not_open(run: str, seq: int, kind: str):
    with pytest.raises(SealBroken, match="altered, moved, or sealed under another key"):
        KEY.unseal(SEALED, run=run, seq=seq, kind=kind)


def test_two_places_never_share_one_text():
    sealed = KEY.seal(BODY, nonce=NONCE, run="a|1|b", seq=2, kind="c")
    with pytest.raises(SealBroken):
        KEY.unseal(sealed, run="a", seq=1, kind="b|2|c")


def test_a_body_does_not_open_under_another_key():
    with pytest.raises(SealBroken):
        RunKey(secret=bytes(32)).unseal(SEALED, run="run_1", seq=3, kind="action.settled")


def test_no_changed_character_opens():
    for at in range(len(SEALED)):
        for other in "AB/=":
            if SEALED[at] != other:
                with pytest.raises(SealBroken):
                    KEY.unseal(SEALED[:at] + other + SEALED[at + 1 :], run="run_1", seq=3, kind="action.settled")


@pytest.mark.parametrize(
    "sealed",
    [
        "",
        "A",
        "AAAA",
        SEALED + "\n",
        " " + SEALED,
        SEALED.rstrip("="),
        SEALED + "AAAA",
        SEALED[:-1],
        "é" * 80,
        "A" * 36,
    ],
)
def test_what_is_not_the_one_spelling_of_a_sealed_body_is_refused(sealed: str):
    with pytest.raises(SealBroken):
        KEY.unseal(sealed, run="run_1", seq=3, kind="action.settled")


def test_an_unused_bit_of_base64_is_not_passed_over():
    sealed = KEY.seal(b"", nonce=NONCE, run="r", seq=1, kind="a.b")
    assert sealed.endswith("=") is True
    last = sealed.rstrip("=")[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = alphabet[alphabet.index(last) ^ 1]
    assert KEY.unseal(sealed, run="r", seq=1, kind="a.b") == b""
    with pytest.raises(SealBroken, match="not base64"):
        KEY.unseal(sealed.replace(f"{last}=", f"{twin}="), run="r", seq=1, kind="a.b")


def test_a_broken_seal_is_a_fault_of_what_is_stored_and_shows_no_content():
    with pytest.raises(RecordInvalid) as caught:
        RunKey(secret=bytes(32)).unseal(SEALED, run="run_1", seq=3, kind="action.settled")
    assert "12.50" not in str(caught.value)


def test_an_empty_body_can_be_sealed():
    assert KEY.unseal(KEY.seal(b"", nonce=NONCE, run="r", seq=1, kind="a.b"), run="r", seq=1, kind="a.b") == b""


def test_a_keyed_digest_depends_on_key_label_and_data_each_for_itself():
    digest = KEY.keyed_digest(label="email", data=b"ann@example.test")
    assert digest == KEY.keyed_digest(label="email", data=b"ann@example.test")
    assert len(digest) == 64
    others = {
        RunKey(secret=bytes(32)).keyed_digest(label="email", data=b"ann@example.test"),
        KEY.keyed_digest(label="phone", data=b"ann@example.test"),
        KEY.keyed_digest(label="emaila", data=b"nn@example.test"),
        KEY.keyed_digest(label="email|a", data=b"nn@example.test"),
        KEY.keyed_digest(label="email", data=b"bob@example.test"),
        KEY.keyed_digest(label="", data=b"email|ann@example.test"),
    }
    assert len(others | {digest}) == 7


def test_the_keyed_digest_stays_what_it_was():
    assert (
        KEY.keyed_digest(label="amount", data=b"12.50")
        == "eb30bf8bf070a429874613d309cda76fb58b22797b0c18aae915d20a9e99a556"
    )


def test_a_key_shows_nothing_of_itself():
    assert "secret" not in repr(KEY)
    assert "\\x00\\x01" not in repr(KEY)
    assert RunKey(secret=bytes(range(32))) == KEY


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_keys_and_nonces_have_their_size(size: int):
    with pytest.raises(BadValue, match=f"secret of {size} bytes"):
        RunKey(secret=bytes(size))
    with pytest.raises(BadValue, match=f"nonce of {size} bytes"):
        KEY.seal(b"", nonce=bytes(size), run="r", seq=1, kind="a.b")
    with pytest.raises(BadValue, match=f"secret of {size} bytes"):
        wrap(bytes(size), kek=bytes(32), nonce=NONCE, run="r")
    with pytest.raises(BadValue, match=f"key-encryption key of {size} bytes"):
        wrap(bytes(32), kek=bytes(size), nonce=NONCE, run="r")
    with pytest.raises(BadValue, match=f"key-encryption key of {size} bytes"):
        unwrap(bytes(60), kek=bytes(size), run="r")
    with pytest.raises(BadValue, match=f"nonce of {size} bytes"):
        wrap(bytes(32), kek=bytes(32), nonce=bytes(size), run="r")


def test_the_body_of_an_event_is_opened_by_its_run_s_key():
    event = envelope(run="run_1", seq=3, body=KEY.seal(BODY, nonce=NONCE, run="run_1", seq=3, kind="action.dispatched"))
    assert read_body(event, key=KEY) == BODY


def test_the_body_of_an_erased_run_is_gone_and_the_answer_says_so():
    event = envelope(run="run_1", body="AAAA", clear='{"kept":1}')
    assert read_body(event, key=Erased(run="run_1")) == Erased(run="run_1")


def test_a_clear_event_stays_readable_after_its_run_is_erased():
    assert read_body(envelope(clear='{"by":"user:ann"}'), key=Erased(run="run_0000")) == b'{"by":"user:ann"}'


def test_a_wrapped_key_comes_back_for_its_run_under_its_kek_only():
    wrapped = wrap(KEY.secret, kek=b"k" * 32, nonce=NONCE, run="run_1")
    assert len(wrapped) == 60
    assert unwrap(wrapped, kek=b"k" * 32, run="run_1") == KEY.secret
    with pytest.raises(SealBroken):
        unwrap(wrapped, kek=b"l" * 32, run="run_1")
    with pytest.raises(SealBroken):
        unwrap(wrapped, kek=b"k" * 32, run="run_2")
    with pytest.raises(SealBroken, match="59 bytes"):
        unwrap(wrapped[:-1], kek=b"k" * 32, run="run_1")
    for at in range(60):
        bent = bytearray(wrapped)
        bent[at] ^= 1
        with pytest.raises(SealBroken):
            unwrap(bytes(bent), kek=b"k" * 32, run="run_1")
