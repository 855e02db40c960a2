"""A value is one token of one kind, and stands in a text only whole: however it is spelt there, and never as a part."""

import pytest

from dueprocess.provenance import Kind, active_tokens, token_of
from dueprocess.provenance.place import places
from dueprocess.provenance.words import Words
from dueprocess.values import Json


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("Ann@House.Example", Kind.EMAIL, "ann@house.example"),
        ("ann@b\u00fccher.example", Kind.EMAIL, "ann@xn--bcher-kva.example"),
        ("https://Shop.example/", Kind.LINK, "shop.example"),
        ("http://shop.example:80/a/", Kind.LINK, "shop.example/a"),
        ("www.shop.example", Kind.LINK, "www.shop.example"),
        ("ftp://shop.example", Kind.LINK, "ftp://shop.example"),
        ("10.0.0.1", Kind.LINK, "10.0.0.1"),
        ("bill.pdf", Kind.WORDS, "bill.pdf"),
        ("DE89 3704 0044 0532 0130 00", Kind.IBAN, "de89370400440532013000"),
        ("2026-04-01", Kind.DATE, "2026-04-01"),
        (1200, Kind.NUMBER, "1200"),
        ("1200.50", Kind.NUMBER, "1200.5"),
        ("007", Kind.WORDS, "007"),
        ("+49 (171) 555-1234", Kind.PHONE, "+491715551234"),
        ("0049 171 5551234", Kind.PHONE, "+491715551234"),
        ("  The\u00a0Big   House ", Kind.WORDS, "the big house"),
        ("\uff21lice", Kind.WORDS, "alice"),
    ],
)
def test_equal_values_have_one_text(value: Json, kind: Kind, text: str):
    token = token_of(value)
    assert token is not None
    assert (token.kind, token.text) == (kind, text)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [],
        {},
        "",
        "   ",
        "al\u200bice",
        "\u202eecila",
        "\u0430lice",
        "ali\u00adce",
        "a" * 2001,
        "tag\U000e0041",
        "v\ufe0f",
    ],
)
def test_what_misleads_or_is_no_single_value_is_no_token(value: Json):
    assert token_of(value) is None


SAID = (
    "Pay DE89 3704 0044 0532 0130 00 1,200.50 EUR by April 1st, 2026 to Alice (alice@x.example), "
    "see http://b.example/path?x=1! Call +49 (171) 555-1234; order #W2378156, 'general'. Also 98.70, and 2026-05-02."
)


@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        ("DE89370400440532013000", "de89 3704 0044 0532 0130 00"),
        ("1200.5", "1,200.50"),
        ("2026-04-01", "april 1st, 2026"),
        ("2026-05-02", "2026-05-02"),
        ("alice@x.example", "alice@x.example"),
        ("https://b.example/path?x=1", "http://b.example/path?x=1"),
        ("+491715551234", "49 (171) 555-1234"),
        ("w2378156", "w2378156"),
        ("#W2378156", "#w2378156"),
        ("General", "general"),
        ("98.7", "98.70"),
    ],
)
def test_a_token_is_found_however_it_is_spelt(value: Json, spelt: str):
    token, words = token_of(value), Words(SAID)
    assert token is not None
    assert [words.folded[each.start : each.end] for each in places(token, words)] == [spelt]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("b.example", SAID),
        ("b.example/path", SAID),
        ("1200", SAID),
        ("200.5", SAID),
        ("de8937040044053201300", SAID),
        ("lice@x.example", SAID),
        ("x.example", SAID),
        ("ali", SAID),
        ("2378156", SAID),
        ("491715551", SAID),
        ("2026", "by 2026-05-02"),
        ("5", "by 2026-05-02, at 5:30, 5%, 5k, 1.5, -5 and v5"),
        ("1", "1,000"),
        ("alice", "alice-b, bob@alice, alice.b, a/alice/b, alice_b, alice\u200bb"),
        ("evil.example", "evil.example.org and not-evil.example, x@evil.example, evil.example/x"),
        ("a@evil.example", "ba@evil.example a@evil.example.org +a@evil.example"),
        ("GB29NWBK60161331926819", "GB29NWBK601613319268190"),
        ("12345678", "+12345678 99"),
        ("2026-04-01", "april 1st, 20261 and 11 april 2026x"),
    ],
)
def test_a_part_of_a_longer_token_is_not_found(value: Json, text: str):
    token = token_of(value)
    assert token is not None
    assert list(places(token, Words(text))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to bob@mail.example.", [(Kind.EMAIL, "bob@mail.example")]),
        ("see (https://a.example/b), [x](http://evil.zip)", [(Kind.LINK, "a.example/b"), (Kind.LINK, "evil.zip")]),
        ("go to evil.example/x?y=1", [(Kind.LINK, "evil.example/x?y=1")]),
        ("x='http://evil.example'", [(Kind.LINK, "evil.example")]),
        ("pay GB29NWBK60161331926819 10.00", [(Kind.IBAN, "gb29nwbk60161331926819")]),
        ("pay GB29 NWBK 6016 1331 9268 19 for tea", [(Kind.IBAN, "gb29nwbk60161331926819")]),
        ("call +1 555 123 4567", [(Kind.PHONE, "+15551234567")]),
        ("call (555) 123-4567", [(Kind.PHONE, "5551234567")]),
        ("javascript://x", [(Kind.LINK, "javascript://x")]),
        ("\uff45vil.\uff45xample", [(Kind.LINK, "evil.example")]),
        ("order #W2378156 on 2026-04-01 10:00 for 98.70, see bill.pdf, e.g. this one. Thanks.", []),
        ("", []),
    ],
)
def test_what_a_reader_may_follow_is_found(text: str, found: list[tuple[Kind, str]]):
    assert [(each.kind, each.text) for each in active_tokens(text)] == found


def test_what_is_too_long_to_be_taken_apart_counts_as_a_whole():
    (token,) = active_tokens("x" * 5000 + ".example")
    assert token.kind is Kind.LINK


@pytest.mark.parametrize("piece", ["a", "a.", "a@", "+1 ", "1 ", "aa11", "aa11 ", "<a>", "://", "(", "1,"])
def test_no_text_is_slow(piece: str):
    text = piece * (100_000 // len(piece))
    active_tokens(text)
    words = Words(text)
    for value in ("a@b.example", "12", "DE89370400440532013000", "a", "b.example", "+4912345678", "2026-04-01"):
        token = token_of(value)
        assert token is not None
        assert len(list(places(token, words))) <= 200
