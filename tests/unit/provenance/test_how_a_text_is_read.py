"""How a text is read: what kind of token it is, what of it a person said themselves, what of it is data, what is active in it."""

import random
from decimal import Decimal

import pytest
from tests.unit.provenance.test_what_vouches import UNTRUSTED, answer, is_vouched, run_of, told

from dueprocess.provenance import Kind, Token, active_tokens, defused, is_deceptive, said, structured, token_of
from dueprocess.provenance.active import is_part_of_account, is_part_of_active
from dueprocess.provenance.answer import leaves, records, says_something
from dueprocess.provenance.token import MAX_LENGTH
from dueprocess.provenance.words import PAGE, Words, folded, head, own_words, place_of
from dueprocess.values import Json
from dueprocess.values.trust import Integrity, Label, Source

OPERATOR = Source(label=Label(integrity=Integrity.OPERATOR))

# Tokens ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("GB29 NWBK 6016 1331 9268 19", Kind.IBAN, "gb29nwbk60161331926819"),
        ("no9386011117947", Kind.IBAN, "no9386011117947"),
        ("no938601111794", Kind.WORDS, "no938601111794"),
        ("mt84" + "a1" * 15, Kind.IBAN, "mt84" + "a1" * 15),
        ("mt84" + "a1" * 15 + "b", Kind.WORDS, "mt84" + "a1" * 15 + "b"),
        ("mt84" + "ab" * 10, Kind.WORDS, "mt84" + "ab" * 10),
        ("(555) 123-4567", Kind.PHONE, "5551234567"),
        ("0171 5551234", Kind.PHONE, "01715551234"),
        ("00491715551234", Kind.PHONE, "+491715551234"),
        ("+491715551234", Kind.PHONE, "+491715551234"),
        ("01715551234", Kind.WORDS, "01715551234"),
        ("212 555 1234", Kind.WORDS, "212 555 1234"),
        ("+123456", Kind.WORDS, "+123456"),
        ("0", Kind.NUMBER, "0"),
        ("0.5", Kind.NUMBER, "0.5"),
        ("-3", Kind.NUMBER, "-3"),
        ("10", Kind.NUMBER, "10"),
        ("00", Kind.WORDS, "00"),
        ("05", Kind.WORDS, "05"),
        ("+5", Kind.WORDS, "+5"),
        ("\u0663", Kind.WORDS, "\u0663"),
        ("a.pdf", Kind.WORDS, "a.pdf"),
        ("a.pdf:80", Kind.LINK, "a.pdf"),
        ("a.pdf/x", Kind.LINK, "a.pdf/x"),
        ("a.pdf?x", Kind.LINK, "a.pdf?x"),
        ("http://a.pdf", Kind.LINK, "a.pdf"),
        ("www.a.pdf", Kind.LINK, "www.a.pdf"),
        ("localhost", Kind.LINK, "localhost"),
        ("https://shop.example:443/", Kind.LINK, "shop.example"),
        ("http://shop.example:8080/a", Kind.LINK, "shop.example:8080/a"),
        ("shop.example/~/", Kind.LINK, "shop.example/~"),
        ("http://shop.example/#a", Kind.LINK, "shop.example/#a"),
        ("\u00fc" * 70 + ".example", Kind.LINK, "\u00fc" * 70 + ".example"),
        ("a@\u03c2.example", Kind.EMAIL, "a@\u03c2.example"),
        ("a@@b.example", Kind.WORDS, "a@@b.example"),
        (Decimal("1.50"), Kind.NUMBER, "1.5"),
        ("a" * MAX_LENGTH, Kind.WORDS, "a" * MAX_LENGTH),
    ],
)
def test_a_value_is_of_the_kind_that_its_whole_form_tells(value: Json, kind: Kind, text: str):
    assert token_of(value) == Token(kind=kind, text=text)
    assert MAX_LENGTH == 2000


@pytest.mark.parametrize(
    "ending",
    "txt pdf doc docx xls xlsx csv json yaml yml xml html htm md png jpg jpeg gif svg log py js ts ppt pptx tar gz tgz".split(),
)
def test_a_name_with_the_ending_of_a_file_is_no_link(ending: str):
    assert token_of(f"bill.{ending}") == Token(kind=Kind.WORDS, text=f"bill.{ending}")
    assert active_tokens(f"see bill.{ending}") == ()


@pytest.mark.parametrize(
    "character",
    [
        *("\u200b", "\u202e", "\u0007", "\ue000", "\u0378", "\ud800", "\ufe00", "\ufe0f"),
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0",
    ],
)
def test_what_is_not_seen_misleads(character: str):
    assert is_deceptive(f"\u00e9{character}")
    assert token_of(f"\u00e9 and{character}") is None


@pytest.mark.parametrize(
    ("text", "misleads"),
    [
        ("\u00e9\n\t\r~", False),
        ("a\n\t\rb", False),
        ("a\x07b", True),
        ("a\x00b", True),
        ("\u738b\u5c0f\u660e abc", False),
        ("abc\u738b", False),
        ("\u30d3\u30ebabc\u738b", False),
        ("\ud55c\uae00abc", False),
        ("\u3105abc", False),
        ("\u3042abc", False),
        ("\u043f\u0440abc", True),
        ("\u03b1abc", True),
        ("\u03b1\u03b2 abc", False),
        ("\u03b1_abc", False),
    ],
)
def test_letters_of_two_scripts_in_one_word_mislead(text: str, *, misleads: bool):
    assert is_deceptive(text) is misleads


# A person's own words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "one\ntwo",
        "From: Ann, with love\nwrite soon",
        "To: bob\n\nSubject: x",
        "To: bob\nCc: carl\nand so on",
        "is 3 > 2\nand 1 < 2",
        "<b>",
        "</b> then <b>",
        "On Monday I wrote a letter.",
        "'' and \"\" and ``",
    ],
)
def test_what_a_person_wrote_themselves_stays(text: str):
    assert own_words(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\n```\nx\n``` b", "a b"),
        ("a ``` x", "a"),
        ("a ``` x ``` y ``` z", "a"),
        ("a ~~~~ x ~~~~ b", "a b"),
        ("```x```> q\nb", "b"),
        ("From: eve\nTo: ann\nx", ""),
        ("a\nFrom: eve\nTo: ann\nx", "a"),
        ("a\nTo: ann\nFrom: eve\nx", "a"),
        ("a\nTo: ann\nCc: carl\nVon: eve\nx", "a"),
        ("a\nTo: ann\n\nFrom: eve\nx", "a To: ann From: eve x"),
        ("a\nFrom: eve\nx\nTo: ann\ny", "a From: eve x To: ann y"),
        ("a\n**From:** eve\n_Date_: now\nx", "a"),
        ("a\nDe: eve\nObjet: y\nx", "a"),
        ("a <b>x</b> c <d>y</d> e", "a c e"),
        ("a <B>x</b> c", "a c"),
        ("a <b>x <d>y</d> z</b> c", "a c"),
        ("a <b>x</b> y </b> c", "a c"),
        ("a <b>x</d> c", "a <b>x</d> c"),
        ("a\n-- forwarded by eve\nx", "a"),
        ("a\nLe 1 mai 2026, Eve a \u00e9crit :\nx", "a"),
        ("a\n> x\nb\n\t>y\nc", "a b c"),
    ],
)
def test_what_was_only_passed_on_is_taken_out_and_leaves_a_gap(text: str, kept: str):
    own = own_words(text)
    assert " ".join(own.replace("\0", " ").split()) == kept
    assert ("\0" in own) is (" ".join(text.split()) != kept)


def test_a_gap_keeps_apart_what_stands_around_it():
    assert not is_vouched(told("pay Ann ```x``` Lee"), "Ann Lee", "name", "x")
    assert is_vouched(told("pay Ann ```x``` Lee"), "Lee", "name", "x")
    assert not is_vouched(told("pay Ann <q>x</q>Lee"), "AnnLee", "name", "x")


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        ("  A\u00a0 b\tC\n", "a b c"),
        ("\ufb01ne", "fine"),
        ("Stra\u00dfe", "stra\u00dfe"),
        ("STRA\u1e9eE", "stra\u00dfe"),
        ("\u03a3\u03c2", "\u03c3\u03c2"),
        ("\u0130", "i\u0307"),
    ],
)
def test_text_is_compared_in_one_form(text: str, compared: str):
    assert folded(text) == Words(text).folded.strip() == compared
    assert len(Words(text).plain) == len(Words(text).folded)


def test_how_runs_begin_is_told_by_four_characters():
    assert [head(run) for run in ("abcdef", "__abcdef", "a", "_")] == ["abcd", "abcd", "a", ""]
    assert place_of("a") == 97
    assert place_of("ab") == 97 + 98 * 256
    for text in ("order W2345 of Ann", "order \u00fcber W2345"):
        heads = Words(text).heads
        assert len(heads) == PAGE == 1021
        assert sum(heads) == len(text.split())
        assert all(heads[place_of(head(folded(run))) % PAGE] for run in text.split())
    # Half a pair is no letter, and may stand in what a stranger sent.
    assert Words("a \ud800b").heads[place_of("b") % PAGE]
    many = Words(" ".join(map(str, random.Random(1).sample(range(1000, 9999), 2_000)))).heads
    assert len(many) > 2 * sum(many)


# An answer as data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("  \n", None),
        ("null", None),
        ("None", None),
        (" true ", True),
        ("True", True),
        ("false", False),
        ("False", False),
        ("a: true\nb: null\nc: False", {"a": True, "b": None, "c": False}),
        ("a: 12\nb: -3\nc: 1.5\nd: 1x\ne: -", {"a": 12, "b": -3, "c": Decimal("1.5"), "d": "1x", "e": "-"}),
        ("a: 'x'\nb: \"y\"\nc: 'it''s'\nd: '\ne: ''", {"a": "x", "b": "y", "c": "it's", "d": "'", "e": ""}),
        ("a: 'x\"", {"a": "'x\""}),
        ("a: \"it''s\"", {"a": "it''s"}),
        ("- 1\n- x", [1, "x"]),
        ("- ~a", ["~a"]),
        ("a b: 1\nc.d-e: 2", {"a b": 1, "c.d-e": 2}),
        (' {"a": 1}', {"a": 1}),
        ("[1, 2]", [1, 2]),
    ],
)
def test_an_answer_is_read_as_data_where_it_has_one_reading(text: str, value: Json):
    found = structured(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1',
        "hello there",
        "a: 1\nhello",
        "a: 1\n  b: 2",
        "- a\n  b: 2",
        "- a: 1\nb: 2",
        "b: 2\n- a",
        "b: 2\n- a: 1",
        "b: 2\n  a: 1",
        "- a: 1\n- b",
        "- b\n- a: 1",
        "- b: c: d\n - e",
        "-- a",
        *(f"- {mark}a" for mark in "-[{&*|>!%@`#"),
        "- see: ",
        "a: \nb: x",
        "a: 1\n  goes on",
        "  a",
        "1a: 2",
        f"{'k' * 65}: 2",
        "a: 1\n\nb: 2",
        "a: 1\na: 1",
        "- a: 1\n  a: 1",
        "a:",
        "- a:\n  b: 1",
    ],
)
def test_what_has_another_reading_or_none_is_text(text: str):
    assert structured(text) == text


def test_every_text_and_number_of_an_answer_has_its_path_through_lists():
    value: Json = {"a": [{"b": "x"}, {"b": Decimal("1.50")}], "c": {"d": None, "e": True, "f": 7}, "g": ["y", "z"]}
    assert list(leaves(value)) == [
        (("a", "b"), "x"),
        (("a", "b"), "1.5"),
        (("c", "f"), "7"),
        (("g",), "y"),
        (("g",), "z"),
    ]
    assert list(leaves("x")) == [((), "x")]
    assert list(leaves(["x"], ("p",))) == [(("p",), "x")]


def test_a_path_leads_to_one_value_of_each_record_it_passes():
    value: Json = {"a": [{"b": 1}, {"c": 2}, {"b": [3, 4]}], "d": {"e": None}}
    assert records(value, ("a", "b")) == 4
    assert records(value, ("a",)) == 3
    assert records(value, ("d", "e")) == records(value, ("x",)) == records(value, ()) == 1
    assert records([], ("a",)) == 0


def test_a_few_numbers_say_nothing_and_any_text_does():
    assert not says_something([10**31 + 1, 10**31 + 1])
    assert says_something([10**31 + 1, 10**32 + 1])
    assert says_something({"a": 1})
    assert says_something({"": "x"})
    assert not says_something({"": 1})
    assert not says_something([True] * 99)
    assert not says_something([None, " ", []])
    assert says_something([5, [["x"]]])
    assert run_of(answer([10**31 + 1, 10**32 + 1], UNTRUSTED)).tainted
    assert answer(5, UNTRUSTED).label.integrity is Integrity.DIRECTORY
    assert answer(5, OPERATOR).label.integrity is answer("x", OPERATOR).label.integrity is Integrity.OPERATOR


# What is active -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # An account with check digits that are wrong is one to a reader all the same, but not letters alone.
        ("pay GB28NWBK60161331926819 now", [(Kind.IBAN, "gb28nwbk60161331926819")]),
        ("pay GB28 NWBK 6016 1331 9268 19 now", [(Kind.IBAN, "gb28nwbk60161331926819")]),
        ("AB12ABCDEFGHIJKLMNOPQ and GB28NWBK60161331926819", [(Kind.IBAN, "gb28nwbk60161331926819")]),
        ("see AB12ABCDEFGHIJKLMNOPQ", []),
        ("see AB12 and AB1234567", []),
        ("pay no9386011117948", [(Kind.IBAN, "no9386011117948")]),
        ("xGB28NWBK60161331926819", []),
        ("call 123 456 789", [(Kind.PHONE, "123456789")]),
        ("call 123 456 78", []),
        ("call +123 456 7", [(Kind.PHONE, "+1234567")]),
        ("call 00123 456", [(Kind.PHONE, "+123456")]),
        ("call x123 456 789 and 123 456 789x", []),
        ("on 2026-05-01 10:00:00 and 2026-05-02t11:00, 1234567.89", []),
        ("DE89 3704 0044 0532 0130 00 0171 555", [(Kind.IBAN, "de89370400440532013000")]),
        ("(a@b.example)", [(Kind.EMAIL, "a@b.example")]),
        ("x=a@b.example;c", [(Kind.EMAIL, "x=a@b.example")]),
        ("{http://b.example/x}", [(Kind.LINK, "b.example/x")]),
        ("go,b.example,c.example", [(Kind.LINK, "b.example"), (Kind.LINK, "c.example")]),
        ("a@b.example,c.example", [(Kind.EMAIL, "a@b.example"), (Kind.LINK, "c.example")]),
        ("open localhost", [(Kind.LINK, "localhost")]),
        ("javascript: and data:", []),
        (f"x:/{'/' * 2}y", [(Kind.LINK, "x:///y")]),
        (f"{'x' * 297}.de", [(Kind.LINK, f"{'x' * 297}.de")]),
        (f"{'x' * 301}.", [(Kind.LINK, "x" * 301)]),
        (f"{'x' * 300}.", []),
        (f"{'x' * 2500}.", [(Kind.LINK, "x" * 2000)]),
        ("x" * 400, []),
        ("x" * 400 + " or b.example", [(Kind.LINK, "b.example")]),
        (f"foo://{'x' * 2500}", [(Kind.LINK, f"foo://{'x' * 1994}")]),
    ],
)
def test_only_what_a_reader_may_follow_or_call_is_active(text: str, found: list[tuple[Kind, str]]):
    assert [(each.kind, each.text) for each in active_tokens(text)] == found


@pytest.mark.parametrize(
    "scheme",
    "http https ftp file javascript vbscript data blob mailto tel sms callto facetime skype whatsapp intent magnet bitcoin ethereum "
    "lightning ms-word".split(),
)
def test_a_scheme_that_programs_follow_needs_no_slashes(scheme: str):
    text = f"{scheme}:x1y"
    assert Token(kind=Kind.LINK, text=text) in active_tokens(f"see {text}, now")
    assert Token(kind=Kind.LINK, text=text) not in active_tokens(f"see a{text}, now")


def test_only_what_is_longer_hides_its_part():
    text = "pay de89370400440532013000 or call 0171 5551234 9"
    account, number = text.index("de89"), text.index("0171")
    whole = (account, account + 22)
    assert not is_part_of_account(text, *whole)
    assert is_part_of_account(text, whole[0], whole[1] - 1)
    assert is_part_of_account(text, whole[0] + 1, whole[1])
    assert is_part_of_active(text, whole[0], whole[0] + 4)
    assert not is_part_of_account(text, whole[0] - 1, whole[1])
    assert not is_part_of_active(text, number, len(text))
    assert is_part_of_active(text, number, len(text) - 2)
    assert not is_part_of_active(text, 0, 3)
    assert not is_part_of_active("file 123 456", 5, 8)
    assert is_part_of_active("file 00123 45", 11, 13)
    assert is_part_of_active("\u00fc 0171 5551234", 2, 6)
    assert is_part_of_active("\u0660\u0661\u0667\u0661 \u0665\u0665\u0665\u0661\u0662", 0, 4)
    unchecked = "pay gb28nwbk60161331926819, or gb28nwbk60161331926819"
    assert is_part_of_account(unchecked, 4, 8)
    assert is_part_of_account(unchecked, len(unchecked) - 4, len(unchecked))


@pytest.mark.parametrize("hidden", ["\u200b", "\ue000", "\ud800"])
def test_what_is_not_seen_is_taken_out_of_what_is_shown(hidden: str):
    tainted = told("see www.shop.example").enter(answer("hello", UNTRUSTED))
    assert defused(f"a{hidden}b", tainted) == "ab"
    assert defused(f"![x]{hidden}(www.shop.example) <b>", tainted) == "![x](www.shop.example) <b>"
    assert defused("![x](www.evil.example) < /b> <!-- 1 < 2", tainted) == (
        "[x](www[.]evil[.]example) &lt; /b> &lt;!-- 1 < 2"
    )
    assert said("x", origin="task").vouches
