import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dueprocess.errors import BadValue, FileInvalid
from dueprocess.model import (
    Finish,
    Message,
    ModelReply,
    ModelRequest,
    OfferedTool,
    Price,
    Role,
    Tier,
    ToolRequest,
    Usage,
)
from dueprocess.providers import tape
from dueprocess.values import Json, Money, canonical, parse

# A tape as the first version wrote it. It must stay readable: what was recorded once cannot be recorded again.
VERSION_1 = (
    b'{"format":"dueprocess.cassette","version":1}\n'
    b'{"price":{"cached_input":null,"input":{"micros":2500000},"output":{"micros":10000000},'
    b'"tiers":[{"above":272000,"cached_input":{"micros":1},"input":{"micros":5000000},"output":{"micros":15000000}}]},'
    b'"reply":{"finish":"tool_calls","reported":"gpt-x-2026","requested":"gpt-x",'
    b'"requests":[{"arguments":"{\\"order_id\\": \\"A-1\\"}","id":"c1","name":"look_up"}],"text":"",'
    b'"usage":{"cached_input_tokens":4,"input_tokens":20,"output_tokens":9}},'
    b'"request":{"max_output_tokens":100,"messages":[{"answers":"","requests":[],"role":"user","text":"refund A-1"}],'
    b'"model":"gpt-x","schema":null,"tools":[{"description":"Looks up.","name":"look_up",'
    b'"parameters":{"maximum":0.5,"type":"object"}}]},"run":"r1","turn":1}\n'
)

REQUEST = ModelRequest(
    model="gpt-x",
    messages=(Message(role=Role.USER, text="refund A-1"),),
    tools=(
        OfferedTool(name="look_up", description="Looks up.", parameters={"type": "object", "maximum": parse("0.50")}),
    ),
    max_output_tokens=100,
    timeout_s=1.0,
)
REPLY = ModelReply(
    text="",
    requests=(ToolRequest(id="c1", name="look_up", arguments='{"order_id": "A-1"}'),),
    usage=Usage(input_tokens=20, cached_input_tokens=4, output_tokens=9),
    requested="gpt-x",
    reported="gpt-x-2026",
    finish=Finish.TOOL_CALLS,
)
PRICE = Price(
    input=Money(2_500_000),
    output=Money(10_000_000),
    tiers=(Tier(above=272_000, input=Money(5_000_000), output=Money(15_000_000), cached_input=Money(1)),),
)

texts = st.text(max_size=20)
counts = st.integers(0, 10**9)
replies = st.builds(
    ModelReply,
    text=texts,
    requests=st.lists(st.builds(ToolRequest, id=texts, name=texts, arguments=texts), max_size=3).map(tuple),
    usage=st.builds(Usage, input_tokens=counts, cached_input_tokens=counts, output_tokens=counts),
    requested=texts,
    reported=texts,
    finish=st.sampled_from(Finish),
)
moneys = st.integers(0, 10**9).map(Money)
prices = st.none() | st.builds(Price, input=moneys, output=moneys, cached_input=st.none() | moneys)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def entry_line(**changes: object) -> bytes:
    entry = json.loads(VERSION_1.splitlines()[1])
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = entry
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return json.dumps(entry).encode() + b"\n"


def problems(content: bytes) -> list[tuple[int, str]]:
    with pytest.raises(FileInvalid) as caught:
        tape.read("t.jsonl", content)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_the_first_version_is_read():
    (entry,) = tape.read("t.jsonl", VERSION_1)
    assert (entry.run, entry.turn, entry.line) == ("r1", 1, 2)
    assert entry.reply == REPLY
    assert entry.price == PRICE
    assert tape.difference(entry.asked, tape.asked(REQUEST)) is None


def test_the_first_version_is_what_is_written():
    entry = tape.Entry(run="r1", turn=1, asked=tape.asked(REQUEST), reply=REPLY, price=PRICE)
    assert tape.header() + tape.written(entry) == VERSION_1


@given(texts, st.integers(1, 10**6), replies, prices)
def test_what_is_written_is_read_back(run: str, turn: int, reply: ModelReply, price: Price | None):
    entry = tape.Entry(run=run, turn=turn, asked=tape.asked(REQUEST), reply=reply, price=price)
    line = tape.written(entry)
    assert line.count(b"\n") == 1
    (found,) = tape.read("t.jsonl", tape.header() + line)
    assert (found.run, found.turn, found.asked, found.reply, found.price) == (run, turn, entry.asked, reply, price)


def test_an_empty_file_has_no_entries():
    assert tape.read("t.jsonl", b"") == ()


def test_a_tape_cut_anywhere_is_read_up_to_a_line_end_or_named_as_torn():
    content = VERSION_1 + entry_line(turn=2)
    ends = {index + 1 for index, byte in enumerate(content) if byte == ord("\n")} | {0}
    for cut in range(len(content)):
        if cut in ends:
            assert len(tape.read("t.jsonl", content[:cut])) == max(0, content[:cut].count(b"\n") - 1)
        else:
            line = content[:cut].count(b"\n") + 1
            ((found, message),) = problems(content[:cut])
            assert found == line
            assert message.startswith("torn: ")


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b'{"format":"dueprocess.cassette","version":2}\n', "version 2; expected 1"),
        (b'{"format":"vcr","version":1}\n', "format 'vcr'; expected dueprocess.cassette"),
        (b'{"version":1}\n', "missing required field `format`"),
        (b"\xef\xbb\xbf" + tape.header(), "not JSON"),
        (b"\n", "not JSON"),
        (b"[1]\n", "Expected `object`"),
        (b"\xff\n", "not UTF-8"),
    ],
)
def test_a_file_that_is_no_tape_is_told_by_its_first_line(first: bytes, says: str):
    (line, message) = problems(first)[0]
    assert line == 1
    assert says in message


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{}\n", "missing required field `run`"),
        (b"not json\n", "not JSON"),
        (b'{"run":"r","run":"r"}\n', "occurs twice"),
        (b'{"run":NaN}\n', "NaN is not JSON"),
        (entry_line(turn=0), "turn 0; expected 1 or more"),
        (entry_line(turn="1"), "Expected `int`, got `str` - at `$.turn`"),
        (entry_line(turn=True), "Expected `int`, got `bool`"),
        (entry_line(run=7), "at `$.run`"),
        (entry_line(request=[]), "Expected `object`, got `array` - at `$.request`"),
        (entry_line(reply__finish="done"), "at `$.reply.finish`"),
        (entry_line(reply__finish="\x1b[31m\u202e\x7f\n"), "'\\x1b[31m\\u202e\\x7f\\n'"),
        (entry_line(reply__usage__input_tokens=-5), "negative usage"),
        (entry_line(reply__usage__output_tokens=1.5), "at `$.reply.usage.output_tokens`"),
        (entry_line(reply__requests=[{"id": "c"}]), "at `$.reply.requests[0]`"),
        (entry_line(price__input__micros=-1), "a negative price"),
        (b'{"run":' + b"[" * 100_000 + b"\n", "nested too deep"),
        (entry_line(run="x" * 5_000, turn="y"), "at `$.turn`"),
    ],
)
def test_a_line_that_is_not_of_its_form_is_named(line: bytes, says: str):
    ((number, message),) = problems(tape.header() + line)
    assert number == 2
    assert says in message
    assert len(message) < 300
    assert message.isascii()
    assert message.isprintable()


def test_every_bad_line_is_named():
    found = problems(tape.header() + b"x\n" + entry_line() + b"y\n" + b"torn")
    assert [line for line, _ in found] == [2, 4, 5]


def test_a_question_that_stands_there_twice_is_named_with_both_lines():
    ((line, message),) = problems(tape.header() + entry_line() + entry_line(reply__text="other"))
    assert line == 3
    assert "run 'r1' turn 1 stands on line 2 already" in message


def test_keys_of_later_versions_are_left_alone():
    line = entry_line(recorded_by="someone", reply__mood="good")
    assert tape.read("t.jsonl", tape.header() + line)[0].reply == REPLY


def test_a_key_in_a_recorded_request_that_is_not_asked_is_a_difference():
    (entry,) = tape.read("t.jsonl", tape.header() + entry_line(request__temperature=1))
    assert tape.difference(entry.asked, tape.asked(REQUEST)) == "at $.temperature expected 1, got nothing"


@pytest.mark.parametrize(
    ("expected", "got", "says"),
    [
        ('{"a":1}', '{"a":2}', "at $.a expected 1, got 2"),
        ('{"a":[1,2]}', '{"a":[1,3]}', "at $.a[1] expected 2, got 3"),
        ('{"a":[1]}', '{"a":[1,{"b":2}]}', 'at $.a[1] expected nothing, got {"b":2}'),
        ('{"a":[1,2]}', '{"a":[1]}', "at $.a[1] expected 2, got nothing"),
        ('{"a":1}', "{}", "at $.a expected 1, got nothing"),
        ("{}", '{"a":null}', "at $.a expected nothing, got null"),
        ("[]", "{}", "at $ expected [], got {}"),
        ("true", "1", "at $ expected true, got 1"),
        ("0", "false", "at $ expected 0, got false"),
        ("null", '""', "at $ expected null, got ''"),
        ('"1"', "1", "at $ expected '1', got 1"),
        ('{"b":1,"a":1}', '{"b":2,"a":2}', "at $.a expected 1, got 2"),
        ('{"not a name":1}', '{"not a name":2}', "at $['not a name'] expected 1, got 2"),
        ('{"\u202e":1}', '{"\u202e":2}', "at $['\\u202e'] expected 1, got 2"),
        ('"same \u00e9"', '"same e\u0301"', "at $ expected 'same \\xe9', got 'same e\\u0301'"),
        ('"a\\u0000\\u001b[31m"', '"a"', "at $ expected 'a\\x00\\x1b[31m', got 'a'"),
    ],
)
def test_the_first_difference_is_named_with_its_path_and_both_sides(expected: str, got: str, says: str):
    assert tape.difference(parse(expected), parse(got)) == says


@pytest.mark.parametrize(("one", "other"), [("25", "25.00"), ('{"a":1,"b":2}', '{"b":2,"a":1}'), ("1e2", "100")])
def test_equal_json_is_no_difference(one: str, other: str):
    assert tape.difference(parse(one), parse(other)) is None


def test_a_long_text_is_shown_around_the_place_where_it_differs():
    found = tape.difference("x" * 5_000 + "refund", "x" * 5_000 + "credit")
    assert found == "at $ expected ...'xxxxxxxxxxrefund', got ...'xxxxxxxxxxcredit'"


@given(values, values)
def test_a_difference_is_found_exactly_where_the_canonical_texts_differ(one: Json, other: Json):
    found = tape.difference(one, other)
    assert (found is None) == (canonical(one) == canonical(other))
    assert found is None or (found.isascii() and found.isprintable())


@given(st.text(), st.text())
def test_what_is_shown_of_a_difference_is_bounded(one: str, other: str):
    found = tape.difference({one: one * 50}, {one: other * 50})
    assert found is None or len(found) < 3 * (10 * 60) + 100


def test_a_timeout_is_no_part_of_what_is_compared():
    assert canonical(tape.asked(REQUEST)).find("timeout") == -1


def test_a_request_that_no_json_can_hold_is_refused():
    broken = ModelRequest(
        model="m", messages=(Message(role=Role.USER, text="\ud800"),), max_output_tokens=1, timeout_s=1.0
    )
    with pytest.raises(BadValue, match="lone surrogate"):
        tape.asked(broken)
