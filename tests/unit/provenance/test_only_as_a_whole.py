"""A token stands only as a whole: what is before and behind it decides, in words, numbers, dates, accounts and phone numbers."""

import pytest
from tests.unit.provenance.test_what_vouches import is_vouched, told

from dueprocess.provenance import token_of
from dueprocess.provenance.place import MAX_PLACES, places, trace
from dueprocess.provenance.words import Words
from dueprocess.values import Json

MONTHS = "January February March April May June July August September October November December".split()


def stands(value: Json, text: str) -> list[str]:
    token, words = token_of(value), Words(text)
    assert token is not None
    return [words.folded[each.start : each.end] for each in places(token, words)]


@pytest.mark.parametrize("name", MONTHS)
def test_a_date_stands_in_words_in_every_month(name: str):
    month = MONTHS.index(name) + 1
    for called in (name, name[:3], f"{name[:3]}."):
        for spelt in (f"{called} 1st, 2026", f"{called} 01 2026", f"1 {called} 2026", f"01st of {called}, 2026"):
            assert stands(f"2026-{month:02}-01", f"by {spelt}!") == [spelt.lower()]
            # Nor is the year of it a number, or the day.
            assert stands(2026, f"by {spelt}!") == stands(1, f"by {spelt}!") == []
        assert stands(f"2026-{month:02}-01", f"{called} 11, 2026, {called} 1, 20261, 21 {called} 2026") == []
        assert stands(f"2026-{month % 12 + 1:02}-01", f"{called} 1, 2026") == []
    assert stands(f"2026-{month:02}-01", f"x{name} 1, 2026 and {name}x 1, 2026 and 101st of {name} 2026") == []


@pytest.mark.parametrize("month", ["00", "13"])
def test_a_month_that_is_none_has_no_name(month: str):
    text = f"{', '.join(f'{name} 1, 2026' for name in MONTHS)}; 2026-{month}-01"
    assert stands(f"2026-{month}-01", text) == [f"2026-{month}-01"]


def test_what_only_looks_like_a_date_hides_no_number():
    assert stands(30, "30 of September, 20261 pieces") == ["30"]
    assert stands(5, "5 of them on May 1, 2026") == stands(5, "on May 1, 2026 all 5") == ["5"]
    assert stands(2026, "the 30th of September is far, and 2026 too") == ["2026"]
    assert stands("30th", f"{'x ' * 60}30th of September, 2026") == []
    assert stands(2026, f"{'x ' * 60}30th of September, 2026{' x' * 60}") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # A part of an id, an address, a time, a version, an amount.
        ("O-17342", 17342),
        ("17342-b", 17342),
        ("a_17342", 17342),
        ("x/17342", 17342),
        ("17342@x", 17342),
        ("#a#17342", 17342),
        ("2,17342", 17342),
        ("17342,5", 17342),
        ("at 12:17342", 17342),
        ("17342:30", 17342),
        ("5'17342", 17342),
        ("1.17342", 17342),
        ("17342.5.1", 17342),
        ("-17342", 17342),
        (".17342", 17342),
        ("+17342", 17342),
        ("($-17342)", 17342),
        ("$-17342", 17342),
        ("€-17342", 17342),
        ("£.17342", 17342),
        ("see -17342", 17342),
        ("17342%", 17342),
        ("17342 percent", 17342),
        ("17342k", 17342),
        ("17342 k", 17342),
        ("17342m", 17342),
        ("17342 bn", 17342),
        ("17342-mio", 17342),
        ("17342 mrd", 17342),
        ("12 hundred", 12),
        ("12 thousand", 12),
        ("12 million", 12),
        ("12 billion", 12),
        ("12 tausend", 12),
        ("12 dozen", 12),
        # Three digits behind a blank, or before one.
        ("7 250", 250),
        ("7 250", 7),
        ("17 250.50", "250.5"),
        ("417 250", 417),
        ("at localhost:3000", 3000),
        ("see x.example/?a,3000", 3000),
    ],
)
def test_a_part_of_something_longer_is_no_number(text: str, value: Json):
    assert stands(value, text) == []
    assert stands(value, f"so {text} it is") == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17342", 17342),
        ("17342, and", 17342),
        ("(17342)", 17342),
        ("no:17342", 17342),
        ("from 5 - 17342.", 17342),
        ("7 2500", 2500),
        ("7 2500", 7),
        ("7 25", 25),
        ("a 250", 250),
        ("1417 250", 1417),
        ("7. 250", 250),
        ("5(250)", 250),
        ("7 , 250", 7),
        ("-5", -5),
        ("17342 kilos", 17342),
        ("17342 more", 17342),
    ],
)
def test_a_number_by_itself_is_one(text: str, value: Json):
    assert len(stands(value, text)) == 1
    assert len(stands(value, f"so {text} it is")) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1250, "1250 1,250 1'250 1250.00 1250,00 1250.0 1,250.00 1.250,0 1'250.00 1'250,00"),
        ("1250.5", "1250.5 1250,50 1,250.500 1.250,5 1'250.50 1'250,5"),
        (1250000, "1250000 1,250,000 1.250.000 1'250'000 1,250,000.00 1.250.000,00"),
        (250, "250 250.00 250,00"),
        ("-12.5", "-12.5 -12,50"),
    ],
)
def test_a_number_stands_in_every_spelling_of_it(value: Json, text: str):
    assert stands(value, "; ".join(text.split())) == text.split()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1250, "1.250 1250.000 1250,000 12,50 125,0 1,2500 1.250.0"),
        ("1.25", "1.250 1,250 1.255 1,255"),
        ("-1.25", "-1.250 -1,250"),
        (-1250, "-1.250 -12.50"),
        ("1250.5", "1.250.5 1250.51 1,250,5 1250,501"),
        (1250000, "1.250,000 1250,000 1.250000"),
        (250, "250.001 250.000 0250 1250"),
    ],
)
def test_what_may_be_read_as_another_number_is_not_this_one(value: Json, text: str):
    for spelt in text.split():
        assert stands(value, spelt) == [], spelt


@pytest.mark.parametrize("mark", [*"-_./@#:+&~\\'\u2019", "\u2010", "\u2013"])
def test_a_word_that_is_joined_to_another_is_a_part_of_it(mark: str):
    for text in (f"ann{mark}bee", f"bee{mark}ann", f"so bee{mark}ann{mark}bee it"):
        assert stands("ann", text) == []
    by_itself = [] if mark == "_" else ["ann"]
    assert stands("ann", f"ann{mark} bee") == stands("ann", f"bee {mark}ann") == by_itself


@pytest.mark.parametrize("beside", ["b", "7", "_", "\u0301", "\u200b", "\u4e2d"])
def test_a_word_ends_where_no_letter_digit_or_what_is_set_upon_one_follows(beside: str):
    assert stands("ann", f"ann{beside}") == []
    if beside.isalnum() or beside == "_":
        assert stands("ann", f"{beside}ann") == []


def test_a_part_of_an_address_is_no_word():
    assert stands("ann", "ann!x@b.example") == stands("ann", "x!ann!x@b.example") == []
    assert stands("ann", "http://b.example/?x,ann") == stands("ann", "b.example/?ann,x") == []
    assert stands("ann lee", "http://b.example/?x,ann lee") == []
    assert stands("ann", "x,ann!x and x,ann lee") == ["ann", "ann"]
    assert stands("2026 is", "on May 1, 2026 is it") == ["2026 is"]
    assert stands("a@b.example", "a@b.example(x) or a@b.example[x") == []
    assert stands("b.example/a(x", "see b.example/a(x.") == ["b.example/a(x"]
    assert stands(3704, "DE89 3704 0044 0532 0130 00") == stands("nwbk", "GB29 NWBK 6016 1331 9268 19") == []
    far = f"{'x ' * 50}ann "
    assert stands(3704, f"{far}DE89 3704 0044 0532 0130 00") == stands(5551, f"{far}+49 171 5551 234") == []
    assert stands(1, f"{far}on May 1, 2026") == stands(2027, "on May 1, 2026 and May 1, 20271 or 20279") == []


def test_an_apostrophe_and_an_s_are_no_part_of_a_name():
    assert stands("ann", "Ann's, Ann\u2019s and anns' and ann'") == ["ann"] * 3
    assert stands("ann", "ann'so ann'x") == []
    assert stands("ann", "ann\u2026bee and bee\u2026ann") == ["ann", "ann"]


@pytest.mark.parametrize(
    ("value", "there", "another"),
    [
        ("ann", "ann", "anna"),
        (12, "12", "12a"),
        ("2026-05-01", "may 1 2026", None),
        ("a@b.example", "a@b.example", "za@b.example"),
        ("+1 555 123 4567", "+15551234567", "0+15551234567"),
        ("DE89370400440532013000", "de89370400440532013000", "de89370400440532013000x"),
    ],
)
def test_a_text_in_which_a_token_stands_too_often_is_a_flood(value: Json, there: str, another: str | None):
    assert len(stands(value, f"{there}; " * (MAX_PLACES + 9))) == MAX_PLACES == 200
    if another is not None:
        assert stands(value, f"{another}; " * (MAX_PLACES - 1) + there) == [there.removeprefix("+")]
        assert stands(value, f"{another}; " * MAX_PLACES + there) == []


@pytest.mark.parametrize(
    ("value", "piece"),
    [
        ("DE89 3704 0044 0532 0130 00", "de89"),
        ("2026-04-01", "2026"),
        (1250000, "1"),
        (12500, "12"),
        (125000, "125"),
        ("-3.5", "3"),
        ("0.25", "0"),
        ("+49 30 1234567", ""),
        ("Ann Lee", "ann lee"),
        ("ann@shop.example", "ann@shop.example"),
        ("https://shop.example/a", "shop.example"),
        ("shop.example:80/?b", "shop.example"),
        ("shop.example#a", "shop.example"),
        ("ann@b\u00fccher.example", ""),
    ],
)
def test_a_text_is_searched_for_the_longest_piece_that_every_spelling_has(value: Json, piece: str):
    token = token_of(value)
    assert token is not None
    assert trace(token) == piece


NATIONAL = "(171) 555-1234"


@pytest.mark.parametrize(
    "text",
    [
        "call +49 (171) 555-1234",
        "call +49(171)555 1234",
        "call 0049 (171) 555-1234",
        "call +49 (0) 171 555-1234",
        "call +49 (0)171 555-1234",
        "call +49 / 171 555-1234",
        "call +49-171-555-1234",
        "call +49.171.555.1234",
        "call 49 171 555 1234",
        "call 49)171 555 1234",
        "call 49/(171) 555 1234",
        "call +171 555 1234",
        "call + (171) 555 1234",
        "call 00 (171) 555 1234",
        "call 00171 555 1234",
        "call a171 555 1234",
        "call 171 555 1234a",
        "call 171 555 12345",
        "call 171 555 1234 5",
        "call 171 555 1234-5",
        "call 171 555 1234 - 5",
        "call 171 555 1234/5",
        "call 171 555 1234.5",
        "call 171 555 1234(5",
        "call 171 555 1243",
        "call 171 555 -/-- 1234",
        "call 171 555",
    ],
)
def test_a_part_of_a_number_to_call_is_another_number(text: str):
    assert stands(NATIONAL, text) == []
    assert not is_vouched(told(text), NATIONAL, "number", "call")


@pytest.mark.parametrize(
    "text",
    [
        "call 171 555 1234",
        "call (171) 555-1234.",
        "call (171) 555-1234. 2 will do",
        "call (171) 555-1234 (2 people)",
        "1. (171) 555-1234",
        "1) (171) 555-1234",
        "171-555-1234",
        "171.555.1234, 5",
        "171) -555 1234",
        "tel:171 555 1234 or",
        "call 171 555    123 4",
    ],
)
def test_a_number_to_call_is_found_however_it_is_grouped(text: str):
    assert len(stands(NATIONAL, text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "+49 171 5551234",
        "+ 49 171 5551234",
        "0049 171 5551234",
        "00 49 171 5551234",
        "00 (49) 171 5551234",
        "+(49) 171 5551234",
    ],
)
def test_a_number_of_a_country_is_found_behind_a_plus_or_two_zeros(text: str):
    assert is_vouched(told(f"call {text}"), "+49 171 5551234", "number", "call")
    assert is_vouched(told(text), "+49 171 5551234", "number", "call")
    assert is_vouched(told(f"2 x {text}"), "+49 171 5551234", "number", "call")
    for longer in (f"1{text}", f"a{text}", f"{text}5", f"{text} - 5"):
        assert not is_vouched(told(f"call {longer}"), "+49 171 5551234", "number", "call")
    assert not is_vouched(told(f"call {text} - 1234"), "+49 171 555123", "number", "call")


@pytest.mark.parametrize("text", ["5 0049 171 5551234", "5-0049 171 5551234", "(5) 0049 171 5551234"])
def test_two_zeros_within_a_number_are_no_country(text: str):
    assert stands("+49 171 5551234", text) == []


def test_an_account_stands_whole_in_its_groups():
    account = "GB29NWBK60161331926819"
    for spelt in (account, "GB29 NWBK 6016 1331 9268 19", "gb29 nwbk60161331 926819"):
        assert stands(account, f"to {spelt}, now") == [spelt.lower()]
        assert stands(account, f"{spelt}9") == stands(account, f"x{spelt}") == stands(account, f"{spelt}-x") == []
    assert stands(account, "GB 29NWBK60161331926819 and GB29-NWBK-6016-1331-9268-19") == []
    # The account with the right check digits is longer.
    assert stands("DE89370400440532", "DE89 3704 0044 0532 0130 00") == []
    assert stands("DE89370400440532", f"{'x ' * 90}DE89 3704 0044 0532 0130 00") == []
    assert stands("DE89370400440532", f"DE89 3704 0044 0532{' x' * 90}") == ["de89 3704 0044 0532"]


@pytest.mark.parametrize(
    "text",
    [
        "<a@b.example>",
        "(a@b.example)",
        "[a@b.example]",
        '"a@b.example"',
        "'a@b.example'",
        "*a@b.example*",
        "`a@b.example`",
        "_a@b.example_",
        "*_a@b.example_*",
        "{a@b.example}",
        "(*a@b.example*).",
        "a@b.example.",
        "a@b.example,",
        "a@b.example;",
        "a@b.example:",
        "a@b.example!",
        "a@b.example?",
        "a@b.example?!",
        "is a@b.example a@b.example.x a@b.example-x",
    ],
)
def test_what_encloses_an_address_or_ends_a_sentence_is_no_part_of_it(text: str):
    assert stands("a@b.example", text) == ["a@b.example"]


@pytest.mark.parametrize("text", ["_a@b.example", "'a@b.example", "{a@b.example", "a@b.example_", "*a@b.example_"])
def test_a_mark_on_one_side_may_be_a_part_of_an_address(text: str):
    assert stands("a@b.example", text) == []


def test_of_an_address_in_a_run_that_is_too_long_nothing_stands():
    assert stands("a@b.example", f"{'x' * 2100}:a@b.example") == []
    assert stands("ann", f"{'x:' * 1500} ann") == ["ann"]
    assert stands("ann", f"ann!{'x' * 1996}") == stands("ann", f"ann!{'x' * 1997}") == []
    assert stands("ann", f"ann!{'x' * 1995}") == ["ann"]


def test_a_host_stands_with_its_port_and_in_its_script():
    assert stands("shop.example", "see shop.example:80 and https://shop.example:443/.") == [
        "shop.example:80",
        "https://shop.example:443/",
    ]
    assert stands("shop.example/a", "see shop.example:80/a") == ["shop.example:80/a"]
    assert stands("shop.example:8080", "see shop.example, shop.example:8080") == ["shop.example:8080"]
    assert stands("m\u00fcnchen.example", "see M\u00dcNCHEN.example") == ["m\u00fcnchen.example"]
    assert stands("m\u00fcnchen.example", ". . (.) M\u00dcNCHEN.example.") == ["m\u00fcnchen.example"]
    assert stands("xn--mnchen-3ya.example", "see M\u00dcNCHEN.example") == ["m\u00fcnchen.example"]
    assert stands("a@xn--mnchen-3ya.example", "a@M\u00dcNCHEN.example") == ["a@m\u00fcnchen.example"]
