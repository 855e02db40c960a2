"""Signed notes and checkpoints, against notes that other programs signed, and against every small change."""

import base64

import pytest
from tests.unit.ledger.logbook import KEY, ORIGIN, OTHER_KEY

from dueprocess.errors import BadValue
from dueprocess.ledger.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    CheckpointInvalid,
    SigningKey,
    VerifierKey,
    open_note,
    sign_checkpoint,
    sign_note,
    verify_checkpoint,
)
from dueprocess.ledger.tree import EMPTY_ROOT

# The worked example of the Go note package: seed, verifier key and note, signed by another implementation.
PETER = SigningKey.from_seed(base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:], name="PeterNeumann")
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_NOTE = (
    f"{PETER_TEXT}\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

# Checkpoints of the Go checksum database, as it published them.
GO_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
GO_CHECKPOINTS = [
    (
        31700353,
        "qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=",
        "Az3grnmrIUEDFqHzAElIQCPNoRFRAAdFo47fooyWKMHb89k11GJh5zHIfNCOBmwn/C3YI8oW9/C8DJ87F61QqspBYwM=",
    ),
    (
        65209736,
        "5+uGFjx6xBZG8ip1+wi77v+grwbhhukIrxEUS8PXvRo=",
        "Az3grnbssgK7ubgFX36gVETtNv0U23qxyAhAMai2QUfeGa3nB/akvkMdlUErfcZz7l/R3cVtYspg3dxXABkGZZKdsQ8=",
    ),
]

CHECKPOINT = Checkpoint(origin=ORIGIN, size=12, root=bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, key=KEY)


def test_a_note_signed_by_another_program_opens():
    assert open_note(PETER_NOTE, key=VerifierKey.parse(PETER_KEY)) == PETER_TEXT


def test_the_same_seed_and_text_give_the_same_note_as_another_program():
    assert str(PETER.verifier) == PETER_KEY
    assert sign_note(PETER_TEXT, key=PETER) == PETER_NOTE


@pytest.mark.parametrize(("size", "root", "signature"), GO_CHECKPOINTS)
def test_a_checkpoint_signed_by_another_log_is_read(size: int, root: str, signature: str):
    note = f"go.sum database tree\n{size}\n{root}\n\n— sum.golang.org {signature}\n".encode()
    assert verify_checkpoint(note, key=VerifierKey.parse(GO_KEY)) == Checkpoint(
        origin="go.sum database tree", size=size, root=base64.b64decode(root)
    )


def test_a_signed_checkpoint_comes_back_equal():
    assert verify_checkpoint(NOTE, key=KEY.verifier) == CHECKPOINT


def test_the_form_of_a_checkpoint_is_that_of_c2sp():
    text, _, signature = NOTE.decode().partition("\n\n")
    assert text == f"{ORIGIN}\n12\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert signature.startswith(f"— {ORIGIN} ")
    assert base64.b64decode(signature.split(" ")[-1])[:4] == KEY.verifier.key_id


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint(origin="o", size=0, root=EMPTY_ROOT),
        Checkpoint(origin="with space é", size=2**63 - 1, root=bytes(32)),
        Checkpoint(origin="o", size=1, root=bytes(32), extensions=("one", "— two")),
    ],
)
def test_every_checkpoint_comes_back_equal(checkpoint: Checkpoint):
    assert verify_checkpoint(sign_checkpoint(checkpoint, key=KEY), key=KEY.verifier) == checkpoint


def test_no_changed_byte_passes():
    for at in range(len(NOTE)):
        for bit in range(8):
            bent = bytearray(NOTE)
            bent[at] ^= 1 << bit
            with pytest.raises(CheckpointInvalid):
                verify_checkpoint(bytes(bent), key=KEY.verifier)


def test_no_byte_taken_out_or_put_in_passes():
    for at in range(len(NOTE)):
        with pytest.raises(CheckpointInvalid):
            verify_checkpoint(NOTE[:at] + NOTE[at + 1 :], key=KEY.verifier)
        for put in (b"\n", b"\r", b" ", b"0", b"=", b"A"):
            with pytest.raises(CheckpointInvalid):
                verify_checkpoint(NOTE[:at] + put + NOTE[at:], key=KEY.verifier)


def test_a_flipped_unused_bit_of_the_signature_is_refused():
    # 68 bytes leave four unused bits in the last character: it decodes to the same signature.
    text = NOTE.decode()
    last = text[-3]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = text[:-3] + alphabet[alphabet.index(last) ^ 1] + text[-2:]
    assert base64.b64decode(twin.split(" ")[-1]) == base64.b64decode(text.split(" ")[-1])
    with pytest.raises(CheckpointInvalid, match="base64 is not exact"):
        verify_checkpoint(twin.encode(), key=KEY.verifier)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n\n",
        b"text\n",
        NOTE.rstrip(b"\n"),
        NOTE + b"\n",
        NOTE + b"more\n",
        b"\n" + NOTE,
        b"\xef\xbb\xbf" + NOTE,
        NOTE.replace(b"\n", b"\r\n"),
        NOTE + NOTE.splitlines(keepends=True)[-1],
        NOTE + sign_checkpoint(CHECKPOINT, key=OTHER_KEY).splitlines(keepends=True)[-1],
        NOTE.replace("—".encode(), b"-"),
        NOTE.replace(b"example", b"\xff\xff"),
        NOTE[:-10] + b"\n",
        b"\x00" * (MAX_NOTE_BYTES + 1),
    ],
)
def test_what_is_not_one_text_with_one_signature_is_refused(note: bytes):
    with pytest.raises(CheckpointInvalid):
        verify_checkpoint(note, key=KEY.verifier)


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n12\n",
        f"{ORIGIN}\n012\n{'A' * 43}=\n",
        f"{ORIGIN}\n+12\n{'A' * 43}=\n",
        f"{ORIGIN}\n1_2\n{'A' * 43}=\n",
        f"{ORIGIN}\n１２\n{'A' * 43}=\n",
        f"{ORIGIN}\n-1\n{'A' * 43}=\n",
        f"{ORIGIN}\n\n{'A' * 43}=\n",
        f"{ORIGIN}\n9223372036854775808\n{'A' * 43}=\n",
        f"{ORIGIN}\n{'9' * 5000}\n{'A' * 43}=\n",
        f"{ORIGIN}\n12\n{'A' * 42}B=\n",
        f"{ORIGIN}\n12\n{'A' * 43}\n",
        f"{ORIGIN}\n12\n{'A' * 40}\n",
        f"{ORIGIN}\n12\n{'A' * 43}= \n",
        f"\n12\n{'A' * 43}=\n",
        f"{ORIGIN}\n12\n{'A' * 43}=\n\nextension\n",
        f"{ORIGIN}\n12\n{'A' * 43}=\n\u202e\n",
    ],
)
def test_a_well_signed_text_that_is_no_checkpoint_is_refused(text: str):
    note = sign_note(text, key=KEY)
    assert open_note(note, key=KEY.verifier) == text
    with pytest.raises(CheckpointInvalid, match="not a checkpoint"):
        verify_checkpoint(note, key=KEY.verifier)


def test_another_key_of_the_same_name_is_refused():
    with pytest.raises(CheckpointInvalid, match=f"key id '{KEY.verifier.key_id.hex()}', expected"):
        verify_checkpoint(NOTE, key=OTHER_KEY.verifier)


def test_the_same_key_under_another_name_is_refused():
    with pytest.raises(CheckpointInvalid, match="not signed by the key 'other'"):
        verify_checkpoint(NOTE, key=VerifierKey(name="other", public=KEY.verifier.public))


def test_a_signature_that_only_names_the_right_key_is_refused():
    # The attacker signs with a key of their own and writes the key id of the genuine one.
    forged = OTHER_KEY.sign(CHECKPOINT.text().encode())
    line = base64.b64encode(KEY.verifier.key_id + forged).decode()
    with pytest.raises(CheckpointInvalid, match="does not hold"):
        verify_checkpoint(f"{CHECKPOINT.text()}\n— {ORIGIN} {line}\n".encode(), key=KEY.verifier)


def test_a_verifier_key_comes_back_from_its_text():
    assert VerifierKey.parse(str(KEY.verifier)) == KEY.verifier
    assert VerifierKey.parse(f"{KEY.verifier}\n") == KEY.verifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "a+b+c",
        PETER_KEY + "A",
        PETER_KEY[:-1],
        PETER_KEY + "\n\n",
        " " + PETER_KEY,
        PETER_KEY.replace("c74f20a3", "C74F20A3"),
        PETER_KEY.replace("c74f20a3", "c74f20a4"),
        PETER_KEY.replace("PeterNeumann", "Peter"),
        PETER_KEY.replace("PeterNeumann", "Peter Neumann"),
        PETER_KEY.replace("PeterNeumann", ""),
        PETER_KEY.replace("+AR", "+AB"),
        "PeterNeumann+c74f20a3+" + base64.b64encode(b"\x02" + PETER.verifier.public).decode(),
        "PeterNeumann+c74f20a3+" + base64.b64encode(b"\x01" + PETER.verifier.public[:-1]).decode(),
        "\x1b[2J" + PETER_KEY,
    ],
)
def test_what_is_not_exactly_a_verifier_key_is_refused(text: str):
    with pytest.raises(BadValue) as caught:
        VerifierKey.parse(text)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u00a0b", "a\u202eb", "a\nb"])
def test_a_key_name_without_meaning_is_refused(name: str):
    with pytest.raises(BadValue, match="key name"):
        VerifierKey(name=name, public=bytes(32))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_have_their_size(size: int):
    with pytest.raises(BadValue, match=f"{size} bytes: expected 32"):
        VerifierKey(name="n", public=bytes(size))
    with pytest.raises(BadValue, match=f"{size} bytes: expected 32"):
        SigningKey.from_seed(bytes(size), name="n")


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 1, bytes(32), ()),
        ("a\nb", 1, bytes(32), ()),
        ("a", -1, bytes(32), ()),
        ("a", 2**63, bytes(32), ()),
        ("a", 1, bytes(31), ()),
        ("a", 1, bytes(32), ("",)),
        ("a", 1, bytes(32), ("b\n",)),
    ],
)
def test_a_checkpoint_that_has_no_text_is_refused(origin: str, size: int, root: bytes, extensions: tuple[str, ...]):
    with pytest.raises(BadValue, match="checkpoint"):
        Checkpoint(origin=origin, size=size, root=root, extensions=extensions)


@pytest.mark.parametrize("text", ["", "no end", "a\rb\n", "a\tb\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str):
    with pytest.raises(BadValue, match="newline"):
        sign_note(text, key=KEY)


def test_a_private_key_shows_nothing_of_itself():
    assert "private" not in repr(KEY)
