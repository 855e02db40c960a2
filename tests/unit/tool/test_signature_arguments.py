"""JSON arguments become exact Python values, or are refused; schemas say what the values must be."""

import sys
import typing
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, ClassVar, NewType, NotRequired, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, RootModel, field_validator
from typing_extensions import TypeAliasType, TypedDict

from dueprocess.errors import BadValue, ToolInvalid
from dueprocess.tool import Effect
from dueprocess.tool.inspection import read_signature
from dueprocess.tool.signature import Signature
from dueprocess.values import Json, Money, canonical, parse, usd

OrderId = NewType("OrderId", str)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


@dataclass(frozen=True)
class Address:
    """Where somebody lives."""

    street: str
    number: Annotated[int, Field(ge=1)] = 1
    tags: list[str] = field(default_factory=list)


@dataclass
class Range:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("secret-in-a-message")


class Coupon(BaseModel):
    code: str

    @field_validator("code")
    @classmethod
    def check(cls, code: str) -> str:
        if not code.startswith("C"):
            raise ValueError(f"no coupon: {code}")
        return code


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    price: Money
    rate: Decimal = Field(ge=0, alias="taxRate", default=Decimal("0.19"))
    to: Address | None = None


class Contact(TypedDict):
    email: str
    phone: NotRequired[str]


def signature(annotation: object, *, default: object = None) -> Signature:
    def act(value): ...

    act.__annotations__ = {"value": annotation}
    return read_signature(act, effect=Effect.READ, where="act")


def read(annotation: object, text: str) -> object:
    return signature(annotation).arguments_from({"value": parse(text)})["value"]


def schema(annotation: object) -> Any:
    properties: Any = signature(annotation).parameters["properties"]
    return properties["value"]


GOOD: list[tuple[object, str, object]] = [
    (str, '"5"', "5"),
    (OrderId, '"A"', "A"),
    (int, "5", 5),
    (int, "5.00", 5),
    (int, "123456789012345678901234567890", 123456789012345678901234567890),
    (bool, "true", True),
    (float, "0.5", 0.5),
    (float, "2", 2.0),
    (Decimal, "0.12345678901234567890123456789", Decimal("0.12345678901234567890123456789")),
    (Decimal, '"-1.50"', Decimal("-1.50")),
    (Decimal, "7", Decimal(7)),
    (Money, "25", usd("25")),
    (Money, "25.10", usd("25.10")),
    (Money, '"25.1"', usd("25.10")),
    (Money, "999999999999.99", usd("999999999999.99")),
    (date, '"2026-11-23"', date(2026, 11, 23)),
    (datetime, '"2026-11-23T18:00:00Z"', datetime(2026, 11, 23, 18, tzinfo=UTC)),
    (datetime, '"2026-11-23T18:00:00.5+02:00"', datetime(2026, 11, 23, 18, 0, 0, 500000, timezone(timedelta(hours=2)))),
    (Color, '"red"', Color.RED),
    (Size, "2.0", Size.LARGE),
    (None, "null", None),
    (str | None, "null", None),
    (int | Decimal, "5", 5),
    (Decimal | int, "5", Decimal(5)),
    (date | str, '"2026-11-23"', date(2026, 11, 23)),
    (date | str, '"soon"', "soon"),
    (list[Money], "[1, 2.5]", [usd("1"), usd("2.5")]),
    (tuple[Money, ...], "[1]", (usd("1"),)),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (tuple[()], "[]", ()),
    (Sequence[int], "[1]", [1]),
    (dict[str, Decimal], '{"a": 0.1}', {"a": Decimal("0.1")}),
    (Address, '{"street": "s", "number": 2}', Address("s", 2)),
    (list[Address], '[{"street": "s", "tags": ["x"]}]', [Address("s", 1, ["x"])]),
    (
        Line,
        '{"price": "3.5", "taxRate": 0.12345678901234567890}',
        Line(price=usd("3.5"), taxRate=Decimal("0.12345678901234567890")),
    ),
    (Line, '{"price": 3, "to": {"street": "s"}}', Line(price=usd("3"), to=Address("s"))),
    (Contact, '{"email": "a@b"}', {"email": "a@b"}),
    (Annotated[int, Field(ge=1)], "1", 1),
    (Annotated[list[Money], Field(max_length=2)], "[1, 2]", [usd("1"), usd("2")]),
    (Any, '{"a": [1.50]}', {"a": [Decimal("1.50")]}),
    (dict, '{"a": 1}', {"a": 1}),
]

BAD: list[tuple[object, str]] = [
    (str, "5"),
    (str, "null"),
    (int, '"5"'),
    (int, "true"),
    (int, "5.5"),
    (int, "1e999999999"),
    (bool, "1"),
    (bool, '"true"'),
    (float, "true"),
    (float, "1e999"),
    (float, '"1"'),
    (float, "1" * 400),
    (Annotated[int, Field(ge=1)] | Money, "true"),
    (Annotated[int, Field(ge=1)] | bool, "0"),
    (Decimal, "true"),
    (Decimal, '"1e5"'),
    (Decimal, '"NaN"'),
    (Decimal, '" 1"'),
    (Decimal, '"+1"'),
    (Decimal, '"١"'),
    (Money, "-1"),
    (Money, "-0"),
    (Money, "1e2"),
    (Money, "1.001"),
    (Money, '"900 USD"'),
    (Money, '"1,000"'),
    (Money, "[900]"),
    (Money, "true"),
    (Money, "null"),
    (Money, "1000000000000"),
    (date, '"2026-02-30"'),
    (date, '"20261123"'),
    (date, '"2026-11-23T00:00:00Z"'),
    (date, "1"),
    (datetime, '"2026-11-23T18:00:00"'),
    (datetime, '"2026-11-23"'),
    (datetime, '"2026-11-23T25:00:00Z"'),
    (datetime, '"2026-11-23T18:00:00Z\\n"'),
    (datetime, "1764000000"),
    (Color, '"RED"'),
    (Color, '"Color.RED"'),
    (Size, "true"),
    (Size, '"1"'),
    (list[int], '"ab"'),
    (list[int], '[1, "2"]'),
    (list[int], '{"0": 1}'),
    (tuple[int, str], "[1]"),
    (tuple[int, str], '[1, "a", 2]'),
    (dict[str, int], "[]"),
    (dict[str, int], '{"a": null}'),
    (Address, '{"street": "s", "zip": "1"}'),
    (Address, '{"number": 1}'),
    (Address, '{"street": "s", "number": 0}'),
    (Address, '"s"'),
    (Line, '{"price": 1, "rate": 0.1}'),
    (Line, '{"price": 1, "taxRate": -1}'),
    (Line, '{"price": -1}'),
    (Line, '{"price": 1, "to": {"street": "s", "number": 0}}'),
    (Contact, '{"phone": "1"}'),
    (Contact, '{"email": "a", "x": 1}'),
    (Annotated[int, Field(ge=1)], "0"),
    (Annotated[list[Money], Field(max_length=2)], "[1, 2, 3]"),
    (int | bool, '"1"'),
]


@pytest.mark.parametrize(("annotation", "text", "expected"), GOOD)
def test_a_value_of_the_type_is_read_exactly(annotation: object, text: str, expected: object):
    found = read(annotation, text)
    assert found == expected
    assert type(found) is type(expected)
    if isinstance(expected, Decimal):
        assert str(found) == str(expected)


@pytest.mark.parametrize(("annotation", "text"), BAD)
def test_nothing_is_coerced(annotation: object, text: str):
    with pytest.raises(BadValue, match="value"):
        read(annotation, text)


@pytest.mark.parametrize(("annotation", "text", "expected"), GOOD)
def test_the_schema_accepts_what_is_read(annotation: object, text: str, expected: object):
    assert Draft202012Validator(canonical(schema(annotation))).is_valid(parse(text)), canonical(schema(annotation))


def test_what_the_schema_refuses_is_refused_when_read_too():
    # The other way round is not asked: formats and exact numbers are more than a schema can say.
    for annotation, text in BAD:
        if text == "1e999999999":
            continue  # no validator is made for it: the money and number grammars stop it
        if not Draft202012Validator(canonical(schema(annotation))).is_valid(parse(text)):
            with pytest.raises(BadValue):
                read(annotation, text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON, annotation=st.sampled_from([annotation for annotation, _, _ in GOOD]))
def test_any_json_is_read_or_refused_and_never_more(value: Json, annotation: object):
    with suppress(BadValue):
        assert list(signature(annotation).arguments_from({"value": value})) == ["value"]


@given(cents=st.integers(min_value=0, max_value=10**14 - 1))
def test_money_is_exact_to_the_cent_as_number_and_as_text(cents: int):
    written = f"{cents // 100}.{cents % 100:02d}"
    assert read(Money, written) == read(Money, f'"{written}"') == Money(cents * 10_000)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, '"hunter2"'),
        (Color, '"hunter2"'),
        (Range, '{"low": 77, "high": 5}'),
        (Line, '{"price": "hunter2"}'),
        (Coupon, '{"code": "hunter2"}'),
        (Annotated[str, Field(max_length=3)], '"hunter2"'),
        (dict[str, int], '{"a\\u202eb\\u0007": "hunter2"}'),
    ],
)
def test_messages_never_hold_values_nor_raw_keys(annotation: object, text: str):
    with pytest.raises(BadValue) as refusal:
        read(annotation, text)
    told = str(refusal.value)
    assert told.isprintable()
    assert not any(secret in told for secret in ("hunter2", "77", "secret"))


def test_a_record_s_own_check_refuses():
    assert read(Range, '{"low": 1, "high": 2}') == Range(1, 2)
    with pytest.raises(BadValue, match="Range refuses"):
        read(Range, '{"low": 2, "high": 1}')


class TestMissingAndUndeclared:
    def act(self, order_id: str, note: str | None = None): ...

    def of(self) -> Signature:
        def act(order_id: str, note: str | None = None): ...

        return read_signature(act, effect=Effect.WRITE, where="act")

    def test_a_default_is_left_to_the_function(self):
        assert self.of().arguments_from({"order_id": "A"}) == {"order_id": "A"}
        assert self.of().parameters["required"] == ["order_id"]

    def test_a_missing_argument_is_named(self):
        with pytest.raises(BadValue, match="missing arguments: order_id"):
            self.of().arguments_from({"note": None})

    def test_an_undeclared_argument_is_refused(self):
        with pytest.raises(BadValue, match="1 undeclared"):
            self.of().arguments_from({"order_id": "A", "user": {"role": "admin"}})


class TestSchemas:
    def test_money_is_an_amount(self):
        pattern = r"^[0-9]{1,12}(\.[0-9]{1,2})?$"
        assert schema(Money) == {"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number"}]}

    def test_records_are_inlined_closed_and_without_titles(self):
        found = schema(list[Line])
        line = found["items"]
        assert line["additionalProperties"] is False
        assert line["required"] == ["price"]
        address = line["properties"]["to"]["anyOf"][0]
        assert address["properties"]["number"] == {"type": "integer", "minimum": 1, "default": 1}
        assert address["additionalProperties"] is False
        assert "$ref" not in canonical(found)
        assert '"title"' not in canonical(found)

    def test_an_argument_may_be_called_title(self):
        @dataclass
        class Book:
            title: str

        assert schema(Book)["properties"] == {"title": {"type": "string"}}

    def test_defaults_are_written_exactly(self):
        def act(fee: Money = usd("0.10"), rate: Decimal = Decimal("0.190"), on: date = date(2026, 1, 2)): ...

        found: Any = read_signature(act, effect=Effect.WRITE, where="act").parameters
        assert [part["default"] for part in found["properties"].values()] == ["0.10", Decimal("0.190"), "2026-01-02"]
        assert "required" not in found

    def test_the_docstring_describes_function_and_parameters(self):
        def act(order_id: str, amount: Money, title: str = "", note: Annotated[str, Field(description="own")] = ""):
            """Gives money
            back.

            Only once.

            Args:
                order_id: The order,
                    as printed.
                amount (Money): How much: at most 50.
                other: Not one of ours.

            Returns:
                title: not this one
            """

        found: Any = read_signature(act, effect=Effect.WRITE, where="act")
        assert found.description == "Gives money back.\n\nOnly once."
        described = {name: part.get("description") for name, part in found.parameters["properties"].items()}
        assert described == {
            "order_id": "The order, as printed.",
            "amount": "How much: at most 50.",
            "title": None,
            "note": "own",
        }

    def test_parameters_may_stand_without_a_section(self):
        def act(order_id: str, amount: Money):
            """Gives money back.

            order_id: the order
            amount: how much
              in USD
            """

        found: Any = read_signature(act, effect=Effect.WRITE, where="act")
        assert found.description == "Gives money back."
        assert [part["description"] for part in found.parameters["properties"].values()] == [
            "the order",
            "how much in USD",
        ]

    def test_the_same_function_has_the_same_schema_each_time(self):
        assert canonical(schema(Line)) == canonical(schema(Line))


OrderIds = TypeAliasType("OrderIds", list[OrderId])


def test_a_named_type_is_what_it_names():
    assert read(OrderIds, '["A"]') == ["A"]


def test_notes_of_other_libraries_in_an_annotation_are_left_alone():
    assert read(Annotated[int, {"unhashable": []}], "1") == 1


class Plain(typing.TypedDict):
    email: str


def test_a_typed_dict_that_pydantic_cannot_read_is_told():
    if sys.version_info < (3, 12):
        with pytest.raises(ToolInvalid, match=r"typing_extensions\.TypedDict"):
            signature(Plain)
    else:
        assert read(Plain, '{"email": "a"}') == {"email": "a"}


class Wrapped(RootModel[list[int]]):
    pass


class Aliased(BaseModel):
    a: int = Field(validation_alias=AliasChoices("a", "b"))


@dataclass
class Made:
    a: int
    b: InitVar[int]


@dataclass
class Dangling:
    a: "Nowhere"  # noqa: F821 - what must be refused


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (Wrapped, "RootModel"),
        (Aliased, "one alias"),
        (Made, "not made from its fields alone"),
        (Dangling, "cannot be read"),
        (ClassVar[int], "not supported"),
        (TypeVar("T"), "not supported"),
        (Callable[[int], str], "not supported"),
        (Annotated[object, object()], ""),
        (Annotated[Money, Field(discriminator="x")], "pydantic cannot read"),
    ],
)
def test_a_type_that_cannot_be_an_argument_is_refused(annotation: object, says: str):
    if not says:
        assert signature(annotation).shapes
        return
    with pytest.raises(ToolInvalid, match=says):
        signature(annotation)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


@dataclass
class Computed:
    a: int
    b: int = field(init=False, default=0)


def test_open_models_are_refused_and_computed_fields_are_not_asked_for():
    with pytest.raises(ToolInvalid, match="allows undeclared keys"):
        signature(Open)
    assert read(Computed, '{"a": 1}') == Computed(1)
    with pytest.raises(BadValue):
        read(Computed, '{"a": 1, "b": 2}')
