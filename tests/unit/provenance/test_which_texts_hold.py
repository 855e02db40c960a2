"""Which texts may hold a token is told without reading them, and errs to one side alone: no place is ever passed over."""

import random

import pytest

from dueprocess.provenance import Token, said, token_of
from dueprocess.provenance.active import is_part_of_account
from dueprocess.provenance.holding import NO_TEXTS, Texts, heads
from dueprocess.provenance.place import places
from dueprocess.provenance.standing import EMPTY_STANDING
from dueprocess.provenance.token import Kind
from dueprocess.provenance.words import Words


def texts(*each: Words) -> Texts:
    found = NO_TEXTS
    for words in each:
        found = found.also(words)
    return found


# As it is given, and as it may stand in a text.
SPELT = [
    ("W2345", "order W2345."),
    ("W2345", "(_W2345_)"),
    ("Ann Lee", "to Ann Lee, please"),
    ("__init__", "of __init__ here"),
    ("王小明", "给 王小明 100"),
    ("o'brien", "by O\u2019Brien or o'brien"),
    (1250, "1250 now"),
    (1250, "pay 1,250.00 now"),
    (1250000, "1.250.000"),
    (12500, "12'500 francs"),
    ("-3.5", "from -3.50 on"),
    ("2026-11-29", "by 29 November 2026x"),
    ("2026-11-29", "by Nov. 29th, 2026"),
    ("2026-11-29", "by 2026/11/29"),
    ("DE89370400440532013000", "account DE89 3704 0044 0532 0130 00 and"),
    ("DE89370400440532013000", "de89370400440532013000"),
    ("+49 30 1234567", "call 0049 (30) 1234-567"),
    ("212 555 1234", "call 212 555 1234"),
    ("ann@shop.example", "<ann@shop.example>"),
    ("ann@shop.example", "_ann@shop.example_"),
    ("ann@shop.example", "__ann@shop.example__"),
    ("+x@shop.example", "+x@shop.example"),
    ("ann@m\u00fcnchen.example", "ann@M\u00dcNCHEN.example"),
    ("a@stra\u00dfe.example", "a@stra\u00dfe.example"),
    ("https://shop.example/a", "see http://shop.example/a/"),
    ("shop.example", "_shop.example:80_"),
    ("ftp://files.example/y", "ftp://files.example/y"),
    ("localhost:3000", "open localhost:3000."),
    ("x" * 700, f"{'x' * 700} y"),
]


@pytest.mark.parametrize(("value", "text"), SPELT)
def test_a_text_in_which_a_token_stands_is_told_in_every_spelling(value: str | int, text: str) -> None:
    token, words = token_of(value), Words(text)
    assert token is not None
    assert token.kind is Kind.WORDS or list(places(token, words))
    if list(places(token, words)):
        told = list(texts(Words("of nothing"), words, Words("")).holding(token))
        assert told == [1] if heads(token) else 1 in told


def test_no_text_is_passed_over_in_which_a_token_stands() -> None:
    rng = random.Random(29)
    values = [value for value, _ in SPELT] + [text for _, text in SPELT]
    found = 0
    for _ in range(3_000):
        text = "".join(
            str(rng.choice(values)) + rng.choice((" ", " ", ", ", "_", "-", "", ".", "\0", "/", "'")) for _ in range(4)
        )
        words = Words(text)
        for value in rng.sample(values, 6):
            token = token_of(value)
            if token is not None and list(places(token, words)):
                found += 1
                assert list(texts(words).holding(token)) == [0], (value, text)
    assert found > 1_000


def test_most_texts_that_hold_no_piece_of_a_token_are_not_read() -> None:
    class Read(Words):
        @property
        def folded(self) -> str:  # type: ignore[override]
            raise AssertionError("a text was read that holds no piece of the token")

    texts: list[Words] = []
    for number in range(50):
        words = Words(f"order {number} of customer{number} was sent with a note about delivery on monday")
        unread = Read(words.text)
        unread.__dict__["heads"] = words.heads
        texts.append(unread)
    told = 0
    for wanted in ("W2345", "GB29NWBK60161331926819", "ann@shop.example", "Zacharias Quill", "press", "2026-11-29"):
        token = token_of(wanted)
        assert token is not None
        told += sum(_is_read(each, token) for each in texts)
    assert told < 6 * 50 / 4


def _is_read(text: Words, token: Token) -> bool:
    try:
        return bool(list(texts(text).holding(token)))
    except AssertionError:
        return True


def test_a_long_text_among_short_ones_is_told_by_its_own_words() -> None:
    long = Words(" ".join(f"{number:05}x" for number in range(0, 90_000, 30)))
    several = texts(Words("nothing"), long, Words("12345 in short"), Words(""))
    assert len(long.heads) > len(Words("nothing").heads)
    for number in (0, 30, 12_360, 89_970):
        token = token_of(f"{number:05}x")
        assert token is not None
        assert 1 in several.holding(token)
    told = 0
    for other in range(100):
        unlike = token_of(f"{other}y")
        assert unlike is not None
        told += 1 in several._beginning(*heads(unlike))
    assert told < 100 / 2
    assert sum(heads(Token(kind=Kind.WORDS, text=each)) != () for each in ("$$", "_", "a")) == 1


def test_all_texts_that_hold_a_token_are_told_in_order() -> None:
    token = token_of("W2345")
    assert token is not None
    several = texts(*map(Words, ("W2345", "x", "a W2345", "", "b W2345", "W2345")))
    assert list(several.holding(token)) == [0, 2, 4, 5]
    assert list(several.holding(token, latest_first=True)) == [5, 4, 2, 0]
    assert "W2345" not in repr(several)
    assert "W2345" not in repr(Words("W2345"))


def test_what_cannot_be_told_is_asked_of_every_text() -> None:
    for value in ("+49 30 1234567", "ann@m\u00fcnchen.example", "x" * 700):
        token = token_of(value)
        assert token is not None
        assert heads(token) == ()


def test_the_last_text_is_asked_first_where_that_is_wanted() -> None:
    token = token_of("W2345")
    assert token is not None
    several = texts(*map(Words, ("W2345 one", "none", "W2345 two", "W2345 three")))
    assert list(several.holding(token)) == [0, 2, 3]
    assert list(several.holding(token, latest_first=True)) == [3, 2, 0]


def test_a_state_that_something_more_entered_tells_of_that_too() -> None:
    token = token_of("W2345")
    assert token is not None
    before = EMPTY_STANDING.enter(said("refund order W1111", origin="task"))
    assert list(before.vouching_texts.holding(token)) == []
    after = before.enter(said("and order W2345", origin="answer"))
    assert list(after.vouching_texts.holding(token)) == [1]
    assert list(after.texts.holding(token, latest_first=True)) == [1]


@pytest.mark.parametrize("by", [2, 3, 4, 5, 34])
@pytest.mark.parametrize("gap", [" ", "-", ".", "/"])
def test_an_account_is_told_by_its_check_digits_however_it_is_grouped(by: int, gap: str) -> None:
    rng = random.Random(by)
    for length in range(15, 35):
        body = "".join(rng.choice("0123456789abcxyz") for _ in range(length - 4))
        whole = f"gb{98 - _modulo(f'{body}gb00'):02}{body}"
        assert _modulo(whole[4:] + whole[:4]) == 1
        text = f"x {_grouped(whole, by, gap)}, y"
        assert is_part_of_account(text, 2, 6)
        assert is_part_of_account(text, len(text) - len("1, y"), len(text) - len(", y"))
        wrong = whole[:-1] + ("1" if whole[-1] != "1" else "2")
        ends = {*range(4, length, by), length}
        right = any(end in ends and _modulo(wrong[4:end] + wrong[:4]) == 1 for end in range(15, length + 1))
        if gap != " " and by < length - 4:
            assert is_part_of_account(f"x {_grouped(wrong, by, gap)}, y", 2, 6) == right


def test_a_digit_is_a_part_of_the_longest_account_set_apart_one_by_one() -> None:
    body = "a" * 29 + "7"
    text = f"gb{98 - _modulo(f'{body}gb00'):02} {' '.join(body)}"
    token = token_of(7)
    assert token is not None
    assert list(places(token, Words(f"to {text}"))) == []
    assert list(places(token, Words(f"to {text} 9 and 7"))) != []


def test_an_account_ends_where_its_characters_end() -> None:
    body = "3" * 30
    whole = f"gb{98 - _modulo(f'{body}gb00'):02}{body}"
    assert is_part_of_account(f"x {whole}", 2, 6)
    assert not is_part_of_account(f"x {whole}1", 2, 6)


def _grouped(account: str, by: int, gap: str) -> str:
    return gap.join((account[:4], *(account[at : at + by] for at in range(4, len(account), by))))


def _modulo(letters: str) -> int:
    return int("".join(str(int(each, 36)) for each in letters)) % 97
