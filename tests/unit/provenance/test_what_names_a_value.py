"""What is not strong must be named: in quotes, as a name or an id, beside a word of its role; money by what tells a sum."""

import pytest
from tests.unit.provenance.test_what_vouches import (
    DIRECTORY,
    ID,
    UNTRUSTED,
    answer,
    found,
    is_vouched,
    run_of,
    told,
    uses_of,
)

from dueprocess.provenance import (
    EMPTY_STANDING,
    Endorsed,
    Spent,
    Token,
    Use,
    Vouched,
    answered,
    is_known,
    is_mentioned,
    role_of,
    said,
    seen,
    token_of,
    vouch,
    written_out,
)
from dueprocess.values.trust import Integrity, Label, Source

CURRENCIES = "usd eur gbp chf jpy dollar dollars euro euros pound pounds franc francs yen".split()
OF_MONEY = "amount price sum total cost fee fees money rent budget limit limits".split()
OF_IDS = "account box code id invoice item no number nr order page ref reference ticket year zip orders".split()
PLAIN = (
    "a an and as at by for from in into is it of off on or the this to up with be are was were been do does did have has had can could "
    "will would should that there here what which who when how not no yes all any so just now then please i you we he "
    "she they me my your our his her their its but if"
).split()
OPENERS = (
    "a add after again all also although an and any are as ask at be because before book buy by call can cancel change "
    "check close could create dear delete did do does draft each every fetch find first for forward from get give go "
    "good great has have he hello help here hey hi how i if in invite is it just kindly let list look mail make may me "
    "message my need next no not note now of ok okay on one open or our pay please post put read refund remind remove "
    "reply request reschedule respond save schedule search see send set she should show since so some sorry start stop "
    "summarise summarize tell thank thanks that the their then there these they thing this those to transfer try "
    "update upload use using visit we were what when where which while who why will with would write yes you your"
).split()


# Money --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_sum_is_told_by_its_currency(currency: str):
    for text in (
        f"transfer 9876 {currency} to Ann",
        f"transfer {currency} 9876 to Ann",
        f"give {currency.upper()} 9876",
    ):
        assert is_vouched(told(text), 9876, "amount", "pay")
        assert not is_vouched(told(text), 9876, "file", "delete"), "what vouches money is no id"


@pytest.mark.parametrize("sign", "$€£¥")
def test_a_sum_is_told_by_the_sign_of_its_currency(sign: str):
    for text in (f"give {sign}9876", f"give {sign} 9876", f"give 9876{sign}", f"give 9876 {sign} now"):
        assert is_vouched(told(text), 9876, "amount", "pay")
        assert not is_vouched(told(text), 9876, "file", "delete")
    # Beside it alone: a sign further on is of something else.
    for text in (f"give {sign} to 9876", f"give 9876, {sign}"):
        assert not is_vouched(told(text), 9876, "amount", "pay")
        assert is_vouched(told(text), 9876, "file", "delete")


@pytest.mark.parametrize("spelt", ["98.70", "98,70", "1,098.70"])
def test_a_sum_is_told_by_its_cents(spelt: str):
    value = spelt.replace(",", "") if "." in spelt else spelt.replace(",", ".")
    assert is_vouched(told(f"so {spelt} it is"), value, "amount", "pay")
    assert not is_vouched(told(f"delete file {spelt} now"), value, "file", "delete_file")
    assert not is_vouched(told("so 98.705 it is"), "98.705", "amount", "pay")


@pytest.mark.parametrize("word", OF_MONEY)
def test_a_sum_is_told_by_a_word_for_money_beside_it(word: str):
    argument = "cost" if word == "amount" else "amount"
    for text in (f"the {word} 9876", f"the {word} of it: 9876", f"the {word} we saw 9876", f"it is 9876 {word}"):
        assert is_vouched(told(text), 9876, argument, "move")
    for text in (
        f"the {word} all of us saw 9876",
        f"the {word}. See 9876",
        f"it is 9876. {word} is",
        f"9876 is {word}",
    ):
        assert not is_vouched(told(text), 9876, argument, "move")
    assert is_vouched(told(f"{word} 9876"), 9876, word, "move")


def test_another_sign_tells_no_sum():
    for text in ("give ~ 9876", "give 9876 ~", "give % 9876"):
        assert not is_vouched(told(text), 9876, "amount", "pay")


def is_vouched_as(text: str, value: int, argument: str) -> bool:
    return is_vouched(told(text), value, argument, "pay")


@pytest.mark.parametrize("word", OF_IDS)
def test_a_number_just_behind_a_word_for_ids_is_no_sum(word: str):
    assert not is_vouched_as(f"the total of {word} 9876 is known", 9876, "amount")
    assert not is_vouched_as(f"pay {word} 9876", 9876, "amount")
    assert is_vouched_as(f"the {word} and its total 9876", 9876, "amount")


def test_a_sum_is_told_by_its_own_argument_and_by_what_it_follows_at_once():
    assert is_vouched_as("the amounts: 9876", 9876, "amount")
    assert is_vouched_as("pay 9876", 9876, "amount")
    assert not is_vouched_as("pay all of 9876", 9876, "amount")
    assert not is_vouched_as("9876 pay", 9876, "amount")


def test_what_was_taken_out_in_between_says_nothing_of_a_sum():
    assert not is_vouched_as("a euro\n> x\n9876", 9876, "amount")
    assert not is_vouched_as("pay\n> x\n9876\n> x\neuros", 9876, "amount")
    assert not is_vouched_as("the price\n> x\n9876\n> x\ntotal", 9876, "amount")


def test_of_a_directory_too_money_alone_vouches_money():
    record = {"amount": 9876, "page": 4321, "cents": "12.50", "currency": "EUR", "count": 7654, "unit": "euros"}
    standing = run_of(answer(record, tool="find"))
    assert is_vouched(standing, 9876, "amount", "pay")
    assert is_vouched(standing, "12.5", "amount", "pay")
    assert is_vouched(standing, 9876, "price", "pay")
    assert is_vouched(run_of(answer({"value": 9876})), 9876, "rent_value", "pay")
    assert not is_vouched(standing, 4321, "amount", "pay")
    # The value that stands beside it in the record is another one.
    assert not is_vouched(standing, 7654, "amount", "pay")
    assert is_vouched(standing, 7654, "file", "delete")
    assert not is_vouched(standing, "12.5", "cents", "see")
    assert is_vouched(run_of(answer({"page": 12})), 12, "page", "open")
    assert not is_vouched(run_of(answer({"page": 12})), 12, "row", "open")


# Words ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opened", ["''", '""', "``", "\u2018\u2019", "\u201c\u201d", "\u00ab\u00bb", "\u201e\u201c"])
def test_what_stands_in_quotes_is_named(opened: str):
    first, last = opened
    assert is_vouched(told(f"say {first}no more{last} there"), "no more", "text", "say")
    assert is_vouched(told(f"{first}more{last}"), "more", "text", "say")
    for text in (f"say {first}no more there", f"say no more{last} there", f"say {first} no more {last} there"):
        assert not is_vouched(told(text), "no more", "text", "say")
    assert not is_vouched(told(f"say {first}no more"), "no more", "text", "say")
    assert not is_vouched(told("no more"), "no more", "text", "say")
    assert not is_vouched(told(f"say {last}no more{first if first != last else '('}"), "no more", "text", "say")


def test_a_mark_in_quotes_is_used_up_as_well():
    standing = told("set the mark '#'")
    place = found(standing, "#", "mark", "set")
    assert isinstance(place, Vouched)
    assert place.starts == (14,)
    assert isinstance(found(standing.use(uses_of("a1", place)), "#", "mark", "set"), Spent)


@pytest.mark.parametrize("word", PLAIN)
def test_a_word_that_any_sentence_is_full_of_names_no_role_and_is_none(word: str):
    assert not is_vouched(told(f"and {word} press"), "press", word, "say")
    assert not is_vouched(told(f"the channel {word}"), word, "channel", "say")


@pytest.mark.parametrize("word", OPENERS)
def test_what_a_sentence_usually_begins_with_is_no_name(word: str):
    assert not is_vouched(told(f"{word.capitalize()} it."), word, "name", "x")
    if word not in {"the", "and", "of"}:  # these stand in names
        assert not is_vouched(told(f"{word.capitalize()} Zed now"), f"{word} zed", "name", "x")
    assert is_vouched(told(f"{word.capitalize()} Zed now"), "zed", "name", "x")


@pytest.mark.parametrize(
    ("text", "value", "argument"),
    [
        ("the channel: press", "press", "channel"),
        ("the press channel", "press", "channel"),
        ("the channel is press", "press", "channel"),
        ("the channels press and mail", "press", "channel"),
        ("the channel press Ann reads", "press", "channel"),
        ("tell Ann press channel", "press", "channel"),
        ("file 12", 12, "file"),
        ("12 file", 12, "file"),
        ("remove 1234", 1234, "file"),
        ("it is for Zed 5", "Zed 5", "name"),
        ("see ab.cd", "ab.cd", "name"),
        ("see a1b2", "a1b2", "name"),
        ("see a_bc", "a_bc", "name"),
        ("see a/bc", "a/bc", "name"),
        ("see a#bc", "a#bc", "name"),
        ("see a:bc", "a:bc", "name"),
        ("see a@bc", "a@bc", "name"),
        ("see 12-34", "12-34", "name"),
        ("see 12_34", "12_34", "name"),
        ("see 12/34", "12/34", "name"),
        ("see 12#34", "12#34", "name"),
        ("call 212 555 123", "212 555 123", "number"),
        ("Ann of Rome", "Ann of Rome", "name"),
        ("say Zed then", "Zed", "name"),
        ("to Ann. Lee too", "Ann", "name"),
        ("to ann Lee, for Zed", "Zed", "name"),
    ],
)
def test_what_is_named_is_vouched(text: str, value: str | int, argument: str):
    assert is_vouched(told(text), value, argument, "x")


@pytest.mark.parametrize(
    ("text", "value", "argument"),
    [
        ("the channel. press", "press", "channel"),
        ("we read press. Channel is on", "press", "channel"),
        ("the channel we all read: press", "press", "channel"),
        ("press is a channel", "press", "channel"),
        ("the channel channel", "channel", "channel"),
        ("the channel channels", "channels", "channel"),
        ("file. 12", 12, "file"),
        ("see 12", 12, "file"),
        ("see 123", 123, "file"),
        ("see a1b", "a1b", "name"),
        ("see a-bc", "a-bc", "name"),
        ("see _abc", "_abc", "name"),
        ("see abc#", "abc#", "name"),
        ("see 12:34", "12:34", "name"),
        ("see 12~34", "12~34", "name"),
        ("call 212 555 12", "212 555 12", "number"),
        ("call 212 555 1234 and 12 345 678", "12 345 678", "number"),
        ("say Of The", "of the", "name"),
        ("pay Bank of it", "Bank of", "name"),
        ("pay the Bank", "the Bank", "name"),
        ("see Ann and zed", "Ann and zed", "name"),
        ("see zed and Ann", "zed and Ann", "name"),
        ("see 12 13", "12 13", "name"),
        ("see Zed 12 13", "Zed 12 13", "name"),
        ("see the Name", "Name", "name"),
        ("see the Names", "Names", "name"),
        ("see the Names", "Names", "names"),
        ("to Ann (Lee) now", "Ann (Lee)", "name"),
        ("to Ann; Lee", "Ann; Lee", "name"),
        ("to Ann: Lee", "Ann: Lee", "name"),
        ("to Ann? Lee", "Ann? Lee", "name"),
        ("to Ann! Lee", "Ann! Lee", "name"),
        ("to Ann Lee,", "Ann Lee,", "name"),
        ("to .Ann Lee", ".Ann Lee", "name"),
    ],
)
def test_what_is_not_named_is_not(text: str, value: str | int, argument: str):
    assert not is_vouched(told(text), value, argument, "x")


@pytest.mark.parametrize("between", ["", "de ", "del ", "der ", "la ", "le ", "of ", "van ", "von ", "zu "])
def test_a_name_that_goes_on_is_not_whole(between: str):
    for part in ("Ann", "Zed"):
        assert not is_vouched(told(f"to Ann {between}Zed, now"), part, "name", "x")
    assert is_vouched(told(f"to Ann {between}Zed, now"), f"Ann {between}Zed", "name", "x")
    assert not is_vouched(told(f"{'x ' * 40}Ann {between}Zed"), "Zed", "name", "x")


def test_a_name_before_or_behind_that_ends_in_a_mark_goes_on():
    assert not is_vouched(told("to J. Zed"), "Zed", "name", "x")
    assert not is_vouched(told("to Ann' Zed"), "Zed", "name", "x")
    assert is_vouched(told("to Ann, Zed"), "Zed", "name", "x")
    assert is_vouched(told("to Ann and Zed"), "Zed", "name", "x")


def test_a_word_of_the_tool_names_a_number_and_no_word():
    assert is_vouched(told("the invoice 12"), 12, "n", "readInvoice")
    assert is_vouched(told("the invoice 12"), 12, "n", "read_invoices")
    assert not is_vouched(told("the to 12"), 12, "n", "send_to")
    assert not is_vouched(told("the invoice press"), "press", "n", "read_invoice")
    assert is_vouched(told("the invoice 12"), 12, "n", f"{'x_' * 40}invoice")


# Values by their place ---------------------------------------------------------------------------------------------


def test_a_value_by_its_place_is_named_by_its_place():
    standing = run_of(answer({"channel": "press", "note": "secret", "title": "a b", "heading": "a bc"}, tool="find"))
    assert is_vouched(standing, "press", "channel", "post")
    assert not is_vouched(standing, "press", "password", "post")
    assert not is_vouched(standing, "secret", "password", "post")
    assert is_vouched(standing, "a bc", "text", "post")
    assert not is_vouched(standing, "a b", "text", "post")


def test_a_value_by_its_place_counts_without_the_blanks_around_it():
    standing = run_of(answer({"a": " x ", "b": "  Ann Lee ", "c": "Bob Roe"}))
    first, second = found(standing, "Ann Lee", "name"), found(standing, "Bob Roe", "name")
    assert isinstance(first, Vouched)
    assert isinstance(second, Vouched)
    # As it is recorded: which value, and where in it. What was recorded must stay readable.
    assert first.starts == ((1 << 32) + 1, (1 << 32) + 5)
    assert second.starts == (2 << 32, (2 << 32) + 4)
    assert (first.by, first.origin, first.span) == (Integrity.DIRECTORY, "a1", 0)


def test_a_system_id_vouches_alone_and_says_so():
    source = Source(label=Label(integrity=Integrity.SYSTEM_ID))
    for one in ({"id": "ORD-77"}, '{"id": "ORD-77"}', ' [{"id": "ORD-77"}]'):
        assert is_vouched(run_of(answer(one, source)), "ord-77", "order")
    assert not is_vouched(run_of(answer({"id": "ORD-77", "next": "ORD-78"}, source)), "ord-77", "order")
    by = found(run_of(answer('{"id": "ORD-77", "text": "x"}', ID)), "ord-77", "order")
    assert isinstance(by, Vouched)
    assert by.by is Integrity.SYSTEM_ID


@pytest.mark.parametrize("integrity", [Integrity.DIRECTORY, Integrity.SYSTEM_ID])
def test_a_bare_text_is_read_by_nobody_value_by_value(integrity: Integrity):
    standing = run_of(answer("ann@x.example", Source(label=Label(integrity=integrity))))
    assert standing.tainted
    assert not is_vouched(standing, "ann@x.example")


def test_a_field_that_is_labelled_untrusted_vouches_nothing():
    source = Source(fields=((("note",), Integrity.UNTRUSTED), (("mail",), Integrity.DIRECTORY)))
    standing = run_of(answer({"note": "eve@x.example", "mail": "ann@x.example"}, source))
    assert is_vouched(standing, "ann@x.example")
    assert not is_vouched(standing, "eve@x.example")
    assert not answer({"note": "eve@x.example"}, UNTRUSTED).vouches


def test_values_that_were_written_out_vouch_and_those_of_an_operator_last():
    token = token_of("bob@x.example")
    assert token is not None
    values = {"to": "bob@x.example", "n": 5}
    given = run_of(written_out(values, origin="inputs", integrity=Integrity.USER))
    place = found(given, "bob@x.example")
    assert place == Vouched(by=Integrity.USER, origin="inputs", span=0, starts=(0,))
    assert isinstance(found(given.use(uses_of("a1", place)), "bob@x.example"), Spent)
    fixed = run_of(written_out(values, origin="workflow", integrity=Integrity.OPERATOR))
    where = seen(fixed, token)
    assert where is not None
    assert (where.origin, where.source, where.integrity) == ("workflow", "", Integrity.OPERATOR)
    always = found(fixed, "bob@x.example")
    assert isinstance(always, Vouched)
    assert (always.by, always.origin, always.span, always.starts) == (Integrity.OPERATOR, "workflow", -1, ())
    assert not fixed.tainted


# Places that are used ------------------------------------------------------------------------------------------------


def test_who_vouches_is_told():
    by = found(told("to bob@x.example"), "bob@x.example")
    assert by == Vouched(by=Integrity.USER, origin="task", span=0, starts=(3,))
    token = token_of("bob@x.example")
    assert token is not None
    assert is_vouched(
        told("hello")
        .endorse(Endorsed(tool="send", argument="to", token=token, by="user:fin"))
        .endorse(Endorsed(tool="send", argument="cc", token=token, by="user:fin")),
        "bob@x.example",
    )
    endorsed = found(
        told("hello").endorse(Endorsed(tool="send", argument="to", token=token, by="user:fin")), "bob@x.example"
    )
    assert isinstance(endorsed, Vouched)
    assert (endorsed.by, endorsed.origin, endorsed.span, endorsed.starts) == (Integrity.ENDORSED, "user:fin", -1, ())


def test_a_place_that_the_same_action_uses_already_is_not_used_twice():
    standing, token = told("to bob@x.example"), token_of("bob@x.example")
    assert token is not None
    role = role_of("send", ("to",))
    assert vouch(standing, token, role=role, tool="send", taken=[(0, 3)]) == Spent(action="", origin="task")
    assert isinstance(vouch(standing, token, role=role, tool="send", taken=[(0, 4), (1, 3)]), Vouched)
    assert is_known(standing.use((Use(action="a1", argument="to", span=0, start=3),)), token, role=role, tool="send")
    assert is_mentioned(standing, token)
    assert not is_mentioned(told("hello"), token)
    other = Endorsed(tool="send", argument="to", token=the_token("eve@x.example"), by="user:fin")
    assert not is_mentioned(told("hello").endorse(other), token)
    assert is_mentioned(told("hello").endorse(other), other.token)


def the_token(value: str) -> Token:
    token = token_of(value)
    assert token is not None
    return token


def test_an_action_uses_only_what_its_last_decision_found():
    standing = told("to bob@x.example and carl@x.example")
    first, second = found(standing, "bob@x.example"), found(standing, "carl@x.example")
    assert isinstance(first, Vouched)
    assert isinstance(second, Vouched)
    once = standing.use(uses_of("a1", first)).use(uses_of("a2", second))
    again = once.use(uses_of("a1", second))
    assert is_vouched(again, "bob@x.example")
    assert found(again.free("a1"), "carl@x.example") == Spent(action="a2", origin="task")
    assert standing.use(()) is standing
    assert once.free("a3") is once


def test_what_a_stranger_said_first_a_person_may_still_say():
    text = "pay the invoice to bob@x.example"
    read = answered(text, origin="a1", tool="read", source=UNTRUSTED, query_vouched=True)
    assert is_vouched(run_of(read, said(text, origin="clarification")), "bob@x.example")


def test_what_a_person_said_takes_nothing_from_a_directory():
    name = "Friends of Ann Incorporated"
    standing = EMPTY_STANDING.enter(said(name, origin="task")).enter(answer({"name": name}, DIRECTORY))
    place = found(standing, name, "name")
    assert isinstance(place, Vouched)
    assert is_vouched(standing.use(uses_of("a1", place)), name, "name")


def test_a_text_of_twenty_characters_is_told_again():
    for task, is_again in (("a to bob@xy.example.", True), ("a to bob@x.example.", False)):
        place = found(told(task), "bob@xy.example" if is_again else "bob@x.example")
        assert isinstance(place, Vouched)
        used = told(task).use(uses_of("a1", place)).enter(said(f"once more {task}", origin="clarification"))
        assert is_vouched(used, "bob@xy.example" if is_again else "bob@x.example") is not is_again


# What is shown of where a value was seen ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("", "", "eve@x.example"),
        ("x" * 59 + " ", " " + "y" * 59, f"{'x' * 59} eve@x.example {'y' * 59}"),
        ("x" * 60 + " ", " " + "y" * 60, f"...{'x' * 59} eve@x.example {'y' * 59}..."),
        ("one\n> two\nthree ", "", "one three eve@x.example"),
    ],
)
def test_sixty_characters_to_each_side_are_shown(before: str, after: str, shown: str):
    text, token = f"{before}eve@x.example{after}", token_of("eve@x.example")
    assert token is not None
    read = answered(text, origin="a1", tool="read", source=UNTRUSTED, query_vouched=True)
    where = seen(run_of(said(text, origin="task")), token)
    assert where is not None
    assert (where.source, where.origin) == ("", "task")
    assert where.excerpt.replace("  ", " ").replace("  ", " ") == shown
    if ">" not in text:
        assert seen(run_of(read), token) == type(where)(
            origin="a1", source="read", integrity=Integrity.UNTRUSTED, excerpt=shown
        )
