"""The bytes of a policy file: what YAML 1.2 says, and everything that is refused before a key is understood."""

from decimal import Decimal

import pytest
from tests.unit.policy.policies import loads, refused

from dueprocess.errors import FileInvalid
from dueprocess.policy.source import MAX_BYTES, Listing, Node, Scalar, Table, plain_json, read_nodes
from dueprocess.values import Json


def value(written: str) -> Json:
    return plain_json(read_nodes(f"key: {written}".encode(), name="f").items["key"])


def refusal(content: str | bytes) -> str:
    with pytest.raises(FileInvalid) as raised:
        read_nodes(content.encode() if isinstance(content, str) else content, name="f")
    (problem,) = raised.value.problems
    return str(problem)


@pytest.mark.parametrize(
    "written", ["yes", "no", "on", "off", "y", "n", "Yes", "NO", "tRue", "nULL", "1:30", "1:30:00"]
)
def test_words_of_yaml_1_1_are_text(written: str):
    assert value(written) == written


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("False", False),
        ("FALSE", False),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ('"null"', "null"),
        ("''", ""),
        ("|\n  true", "true"),
        (">-\n  12", "12"),
    ],
)
def test_booleans_and_null_are_those_of_the_core_schema(written: str, meant: Json):
    assert value(written) is meant or value(written) == meant
    assert type(value(written)) is type(meant)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0", 0),
        ("25", 25),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("25.10", Decimal("25.10")),
        ("-0.5", Decimal("-0.5")),
        (".5", Decimal("0.5")),
        ("5.", Decimal(5)),
        ("1e3", Decimal("1E+3")),
        ("0.1", Decimal("0.1")),
        ("123456789012345678901234567890.1", Decimal("123456789012345678901234567890.1")),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("0x", "0x"),
        ("0o8", "0o8"),
        ("1e", "1e"),
        ("--1", "--1"),
        ("1.2.3", "1.2.3"),
        ("2026-11-23", "2026-11-23"),
        ("=", "="),
    ],
)
def test_numbers_are_exact_and_those_of_the_core_schema(written: str, meant: Json):
    assert value(written) == meant
    assert type(value(written)) is type(meant)
    if isinstance(meant, Decimal):
        assert str(value(written)) == str(meant)


def test_a_number_with_an_exponent_can_never_be_read_as_money():
    assert str(value("1e-1")) == "0.100"
    assert str(value("100e-1")) == "10.000"


@pytest.mark.parametrize("written", [".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "-.inf", "+.INF"])
def test_what_is_no_quantity_is_refused(written: str):
    assert refusal(f"key: {written}") == f"line 1: key: {written} is no quantity; expected a finite number"


@pytest.mark.parametrize("written", ["1e99999999999999999999", ".5e1", "+1e3", "01e1"])
def test_an_exponent_that_json_would_not_read_is_refused(written: str):
    assert refusal(f"key: {written}").startswith(f"line 1: key: the number '{written}' cannot be read: ")


def test_a_number_is_not_longer_than_anybody_needs():
    assert value("1" * 400) == int("1" * 400)
    assert refusal(f"key: {'1' * 401}") == "line 1: key: a number of 401 characters; expected at most 400"
    assert value(f"'{'1' * 401}'") == "1" * 401


@pytest.mark.parametrize(
    "content", ["", " ", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "~", "null", "\ufeff"]
)
def test_an_empty_file_is_refused(content: str):
    assert refusal(content) == "the file is empty; expected a mapping with keys"


@pytest.mark.parametrize("content", ["- a\n- b\n", "text", "12", "true", "''"])
def test_a_file_that_is_no_mapping_is_refused(content: str):
    assert refusal(content) == "line 1: expected a mapping with keys"


@pytest.mark.parametrize("content", ["a: 1\n---\nb: 2\n", "---\na: 1\n---\n", "a: 1\n...\n---\nb: 2\n"])
def test_several_documents_are_refused(content: str):
    assert "a second document; expected one document in one file" in refusal(content)


def test_one_document_with_its_marks_is_read():
    assert read_nodes(b"---\na: 1\n...\n", name="f").items["a"] == Scalar(line=2, value=1, text="1", plain=True)
    assert read_nodes(b"%YAML 1.2\n---\na: 1\n", name="f").lines == {"a": 3}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: 1\na: 2\n", "line 2: a: the key 'a' occurs twice; first in line 1"),
        ("a: 1\n'a': 2\n", "line 2: a: the key 'a' occurs twice; first in line 1"),
        ("{a: 1, b: {c: 1,\n c: 1}}", "line 2: b.c: the key 'c' occurs twice; first in line 1"),
        ("x: [{a: 1, a: 1}]", "line 1: x[0].a: the key 'a' occurs twice; first in line 1"),
    ],
)
def test_duplicate_keys_are_refused(content: str, problem: str):
    assert refusal(content) == problem


@pytest.mark.parametrize("key", ["1", "true", "null", "~", "1.5", "0x1"])
def test_a_key_that_is_not_text_is_refused(key: str):
    assert refusal(f"{key}: 1") == f"line 1: the key '{key}' is not text; put it in quotes if it is meant"


def test_a_key_that_is_not_there_is_refused():
    assert refusal("?\n: 1") == "line 1: the key '' is not text; put it in quotes if it is meant"


@pytest.mark.parametrize("content", ["? [a]\n: 1\n", "? {a: 1}\n: 1\n", "{[a]: 1}"])
def test_a_key_that_is_a_container_is_refused(content: str):
    assert refusal(content) == "line 1: a key that is a list or a mapping; expected text"


def test_keys_in_quotes_are_text_whatever_they_look_like():
    assert list(read_nodes(b"'1': a\n\"true\": b\n'<<': c\non: d\n", name="f").items) == ["1", "true", "<<", "on"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: !!str 1", "the tag 'tag:yaml.org,2002:str'; tags are not read here, write the value plainly"),
        ("a: ! 1", "the tag '!'; tags are not read here, write the value plainly"),
        ("a: !local 1", "the tag '!local'; tags are not read here, write the value plainly"),
        ("a: !!python/object/apply:os.system ['id']", "the tag 'tag:yaml.org,2002:python/object/apply:os.system'"),
        ("!!map {a: 1}", "the tag 'tag:yaml.org,2002:map'"),
        ("a: !!set {b}", "the tag 'tag:yaml.org,2002:set'"),
        ("!x a: 1", "the tag '!x'"),
        ("a: &anchor 1", "the anchor 'anchor'; write the value out where it is meant"),
        ("&a {b: 1}", "the anchor 'a'"),
        ("a: &b [1]", "the anchor 'b'"),
        ("a: *b", "the alias 'b'; write the value out where it is meant"),
        ("*b : 1", "the alias 'b'"),
        ("a: {<<: {b: 1}}", "a merge key <<; write the keys out where they are meant"),
        ("%TAG !e! tag:example.com,2000:\n---\na: 1", "a %TAG directive; tags are not read here"),
        ("%YAML 1.1\n---\na: 1", "YAML 1.1; expected YAML 1.2"),
        ("%YAML 1.3\n---\na: 1", "YAML 1.3; expected YAML 1.2"),
    ],
)
def test_tags_anchors_aliases_merges_and_other_versions_are_refused(content: str, problem: str):
    assert f": {problem}" in refusal(content)


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a: \xff", 1), (b"a: 1\nb: \xc3\x28\n", 2), ("a: é".encode("latin-1"), 1), ("a: 1".encode("utf-16"), 1)],
)
def test_what_is_not_utf_8_is_refused_with_its_line(content: bytes, line: int):
    assert refusal(content).startswith(f"line {line}: not UTF-8: byte 0x")


def test_a_byte_order_mark_is_no_part_of_the_content():
    assert list(read_nodes(b"\xef\xbb\xbfa: 1\n", name="f").items) == ["a"]


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\u202e", "\u202a", "\u2066", "\u2069"])
def test_characters_that_make_a_file_look_other_than_it_reads_are_refused(character: str):
    problem = refusal(f"a: 1\n# {character}b: 2\n")

    assert problem.startswith(f"line 2: the character U+{ord(character):04X} makes the file look other than it reads")


def test_such_characters_may_be_written_as_escapes():
    assert value('"\\u202E"') == "\u202e"


@pytest.mark.parametrize("written", ['"\\ud800"', '"\\udfff"', '"a\\udc00\\ud800b"', '"\\ud800\\ud800\\udc00"'])
def test_half_a_surrogate_pair_is_refused(written: str):
    assert refusal(f"key: {written}") == "line 1: key: half of a surrogate pair; expected whole Unicode characters"
    assert refusal(f"{written}: 1") == "line 1: half of a surrogate pair; expected whole Unicode characters"


@pytest.mark.parametrize(
    "content",
    ["a: [1", "a: 'b", 'a: "\\U00110000"', "a: b: c", "a:\n\t- b", "@a: 1", "a: \x00", "\x07: 1", "}"],
)
def test_what_is_not_yaml_is_refused_with_a_reason(content: str):
    assert "not YAML: '" in refusal(content)


def test_a_problem_of_syntax_names_its_line():
    assert refusal("a: 1\nb: [1\n").startswith("line 3: not YAML: 'while parsing a flow sequence, ")


def test_a_surrogate_pair_written_as_json_writes_it_is_one_character():
    assert value('"a\\ud83d\\ude00b"') == "a😀b"
    assert list(read_nodes(b'{"\\ud83d\\ude00": 1}', name="f").items) == ["😀"]


def nested(levels: int) -> str:
    """A mapping and lists in it, this many levels in all."""
    return "a: " + "[" * (levels - 1) + "]" * (levels - 1)


def test_nesting_is_at_most_thirty_two_levels():
    assert isinstance(read_nodes(nested(32).encode(), name="f"), Table)
    assert refusal(nested(33)) == "line 1: nested too deep; expected at most 32 levels"
    assert refusal("{a: " * 33 + "1" + "}" * 33) == "line 1: nested too deep; expected at most 32 levels"
    assert refusal("a: " + "[" * 100_000) == "line 1: nested too deep; expected at most 32 levels"


def test_a_file_has_a_size_that_people_write():
    assert MAX_BYTES == 1 << 20
    most = b"a: '" + b"x" * (MAX_BYTES - 5) + b"'"
    assert isinstance(read_nodes(most, name="f"), Table)
    assert refusal(most + b"\n") == f"{MAX_BYTES + 1} bytes; expected at most {MAX_BYTES}"


def test_nodes_know_where_they_stand():
    table = read_nodes(b"a:\n  b: [1,\n    x]\nc: {d: 2}\n", name="f")

    assert table.lines == {"a": 1, "c": 4}
    inner = table.items["a"]
    assert isinstance(inner, Table)
    assert inner.line == 2
    assert inner.items["b"] == Listing(
        line=2,
        items=(Scalar(line=2, value=1, text="1", plain=True), Scalar(line=3, value="x", text="x", plain=True)),
    )


def test_quoted_and_plain_scalars_are_told_apart():
    def scalar(written: str) -> Node:
        return read_nodes(f"k: {written}".encode(), name="f").items["k"]

    assert scalar("'1'") == Scalar(line=1, value="1", text="1", plain=False)
    assert scalar("1") == Scalar(line=1, value=1, text="1", plain=True)


def test_a_file_that_does_not_parse_is_one_problem_of_the_whole():
    assert refused("tools: {a: [1, &x 1]}") == [
        "line 1: tools.a[1]: the anchor 'x'; write the value out where it is meant"
    ]


def test_the_digest_is_of_the_exact_bytes():
    assert loads("tools: {}").digest != loads("tools:  {}").digest
