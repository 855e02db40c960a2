"""A typed function becomes a tool, or is refused with what to write instead."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field

from dueprocess.errors import BadValue, NotAllowed, ToolInvalid
from dueprocess.tool import Attempt, Done, Effect, Found, Idempotency, Reconciled, Registry, Tool, Unclear, Voided
from dueprocess.tool.compensation import compensation_of
from dueprocess.tool.function import tool
from dueprocess.values import ActionId, AttemptKey, Instant, Money, PrincipalId, RunId, usd

ATTEMPT = Attempt(
    key=AttemptKey("k_1"),
    action=ActionId("a_1"),
    number=1,
    run=RunId("r_1"),
    deadline=Instant(5),
    principal=PrincipalId("agent:support@1"),
)
write = tool(effect="write")
read = tool(effect="read")


async def find_refund(attempt: Attempt, order_id: str) -> Found | Voided | Unclear:
    return Found(f"{attempt.key}:{order_id}")


async def refund(order_id: str, amount_usd: Money, *, attempt: Attempt) -> str:
    """Gives money back."""
    return f"{order_id} {amount_usd} {attempt.key}"


issue_refund = tool(effect="write", idempotency="sink", reconcile=find_refund, fee="0.02", name="issue_refund")(refund)


@tool(effect=Effect.READ, retrieves=True)
def search(query: str) -> list[str]:
    return [query]


def test_what_a_tool_promises_stands_in_its_spec():
    spec = issue_refund.spec
    assert (spec.name, spec.description) == ("issue_refund", "Gives money back.")
    assert (spec.effect, spec.idempotency, spec.fee) == (Effect.WRITE, Idempotency.SINK, usd("0.02"))
    assert (spec.reconcile, spec.dry_run, spec.compensate, spec.reversible) == (True, False, False, False)
    assert (search.spec.effect, search.spec.retrieves) == (Effect.READ, True)


def test_a_tool_cannot_be_called_around_the_gate():
    for tooled in (issue_refund, search):
        for args in ((), ("A1",), ("A1", usd("5"))):
            with pytest.raises(NotAllowed, match=r"guard\(.*runtime"):
                tooled(*args)


def test_the_function_gets_its_arguments_and_the_attempt():
    arguments = issue_refund.arguments_from({"order_id": "A1", "amount_usd": Decimal("25.50")})
    assert arguments == {"order_id": "A1", "amount_usd": usd("25.50")}
    assert asyncio.run(issue_refund.function(**issue_refund.keywords(arguments, attempt=ATTEMPT))) == "A1 25.50 k_1"
    assert search.keywords({"query": "x"}, attempt=ATTEMPT) == {"query": "x"}


def test_a_reconcile_gets_what_it_asks_for_by_name():
    beside = issue_refund.reconcile
    assert beside is not None
    assert beside.is_async
    arguments = issue_refund.arguments_from({"order_id": "A1", "amount_usd": 5})
    assert asyncio.run(beside.function(**beside.arguments(arguments, attempt=ATTEMPT))) == Found("k_1:A1")


def test_the_taking_back_of_an_effect_is_a_tool_of_its_own():
    def take_back(order_id: str, done: Done, *, call: Attempt) -> str:
        return f"{call.key} takes back {done.key} of {order_id}: {done.result}"

    returnable = tool(effect="write", compensate=take_back, fee="0.02", idempotency="sink", name="pay")(refund)
    taking = compensation_of(returnable, Done(action=ActionId("a_0"), key=AttemptKey("k_0"), result="5"))
    assert (taking.name, taking.spec.parameters) == ("pay.compensate", returnable.spec.parameters)
    assert (taking.spec.effect, taking.spec.idempotency, taking.spec.fee) == (Effect.WRITE, Idempotency.NONE, usd("0"))
    assert not taking.spec.compensate
    arguments = taking.arguments_from({"order_id": "A1", "amount_usd": 5})
    assert taking.function(**taking.keywords(arguments, attempt=ATTEMPT)) == "k_1 takes back k_0 of A1: 5"
    with pytest.raises(ToolInvalid, match="has no compensate"):
        compensation_of(issue_refund, Done(action=ActionId("a_0"), key=AttemptKey("k_0"), result=None))


@pytest.mark.parametrize("beside", ["dry_run", "reconcile"])
def test_only_a_compensate_is_told_what_was_done(beside: str):
    def asks(order_id: str, done: Done, call: Attempt) -> Found:
        return Found(done.key)

    with pytest.raises(ToolInvalid, match="not an argument of the tool"):
        tool(effect="write", **{beside: asks})(refund)


def test_the_schema_has_no_attempt():
    assert issue_refund.signature.attempt == "attempt"
    assert set(issue_refund.spec.properties) == {"order_id", "amount_usd"}
    assert issue_refund.spec.parameters["required"] == ["order_id", "amount_usd"]
    assert issue_refund.spec.parameters["additionalProperties"] is False


def test_async_and_importable_are_told():
    def local(x: str) -> None: ...

    assert issue_refund.is_async
    assert not search.is_async
    assert search.importable == (__name__, "search")
    assert write(local).importable is None


class Shop(BaseModel):
    share: float = 0.5


@dataclass
class Line:
    price: list[float]


class TestWritesTakeNoFloat:
    @pytest.mark.parametrize(
        "annotation",
        [
            float,
            list[float],
            float | None,
            Optional[float],  # noqa: UP045 - people write both
            dict[str, float],
            tuple[int, float],
            Annotated[float, Field(ge=0)],
            list[dict[str, float | None]],
            Shop,
            Line,
            list[Line] | None,
        ],
    )
    def test_at_any_depth(self, annotation: object):
        def pay(amount): ...

        pay.__annotations__ = {"amount": annotation}
        with pytest.raises(ToolInvalid, match=r"pay\(amount\).*use Decimal or Money"):
            write(pay)
        assert isinstance(read(pay), Tool)

    @pytest.mark.parametrize("annotation", [Any, object, list, dict, list[Any], dict[str, object], Any | None])
    def test_nor_an_untyped_value(self, annotation: object):
        def pay(order): ...

        pay.__annotations__ = {"order": annotation}
        with pytest.raises(ToolInvalid, match="untyped"):
            write(pay)
        assert isinstance(read(pay), Tool)

    def test_exact_numbers_register(self):
        @write
        def pay(amount_usd: Money, rate: Decimal, count: int) -> None: ...

        assert set(pay.spec.properties) == {"amount_usd", "rate", "count"}


class Node(BaseModel):
    children: list["Node"] = []


def _bad_functions() -> dict[str, Any]:  # noqa: C901 - one function per mistake
    def several(*ids: str): ...
    def keywords(**ids: str): ...
    def by_position(a: str, /): ...
    def no_annotation(a): ...
    def reserved(citations: list[str]): ...
    def two_attempts(a: Attempt, b: Attempt): ...
    def maybe_an_attempt(a: Attempt | None = None): ...
    def attempts_in_a_list(a: list[Attempt]): ...
    def bytes_to_choose(a: Literal[b"x"]): ...
    def no_type(a: "asyncio.Nowhere"): ...
    def no_syntax(a: "not a type("): ...  # noqa: F722 - what must be refused
    def default_of_another_type(a: int = "5"): ...
    def default_of_none(a: str = None): ...  # noqa: RUF013 - what must be refused
    def default_that_is_no_json(a: dict[str, str] = object()): ...  # noqa: B008 - what must be refused
    def a_set(a: set[str]): ...
    def a_function(a: "asyncio.Future[str]"): ...
    def a_name(a: "Nowhere"): ...  # noqa: F821 - what must be refused
    def number_keys(a: dict[int, str]): ...
    def holds_itself(a: Node): ...
    def field_default(a: int = Field(ge=1)): ...
    def generator(a: str):
        yield a

    return dict(locals())


class TestWhatCannotBeATool:
    @pytest.mark.parametrize("name", list(_bad_functions()))
    def test_is_refused_when_it_is_made(self, name: str):
        with pytest.raises(ToolInvalid, match=name):
            read(_bad_functions()[name])

    @pytest.mark.parametrize(
        "given", [print, len, int, "refund", issue_refund, Tool.arguments_from.__get__(issue_refund)]
    )
    def test_only_plain_functions(self, given: Any):
        with pytest.raises(ToolInvalid, match="not a function"):
            read(given)

    @pytest.mark.parametrize("name", ["", "a b", "a.b", "1a", "é", "a" * 65, "a\n"])
    def test_a_name_that_providers_refuse(self, name: str):
        with pytest.raises(ToolInvalid, match="no name for a tool"):
            tool(effect="read", name=name)(search.function)

    def test_an_effect_or_fee_that_is_none(self):
        with pytest.raises(ToolInvalid, match='effect is \'wrte\'; expected "read" or "write"'):
            tool(effect="wrte")(search.function)  # pyright: ignore[reportArgumentType]
        with pytest.raises(ToolInvalid, match="fee"):
            tool(effect="read", fee="2 cents")(search.function)

    def test_promises_that_contradict_the_effect(self):
        with pytest.raises(ToolInvalid, match="a read changes nothing"):
            tool(effect="read", reconcile=find_refund)(refund)
        with pytest.raises(ToolInvalid, match="retrieves no documents"):
            tool(effect="write", retrieves=True)(refund)


def _bad_reconciles() -> dict[str, Any]:
    def no_attempt(order_id: str) -> Reconciled: ...
    def other_argument(attempt: Attempt, order: str) -> Reconciled: ...
    def several(attempt: Attempt, **more: str) -> Reconciled: ...
    def says_nothing(attempt: Attempt): ...
    def says_a_boolean(attempt: Attempt) -> bool: ...
    def says_more(attempt: Attempt) -> Found | bool: ...
    def needs_what_may_be_missing(attempt: Attempt, note: str) -> Found: ...

    return dict(locals())


class TestReconcile:
    @pytest.mark.parametrize("name", list(_bad_reconciles()))
    def test_that_cannot_be_called_or_believed_is_refused(self, name: str):
        def pay(order_id: str, note: str = ""): ...

        with pytest.raises(ToolInvalid, match="reconcile"):
            tool(effect="write", reconcile=_bad_reconciles()[name])(pay)

    def test_may_promise_less_than_all_three(self):
        def never_found(attempt: Attempt) -> Voided: ...

        assert tool(effect="write", reconcile=never_found)(refund).spec.reconcile


class TestBindingAPythonCall:
    def test_names_what_was_given_by_position(self):
        assert issue_refund.bind_positional(("A1",), {"amount_usd": usd("5")}) == {
            "order_id": "A1",
            "amount_usd": "5.00",
        }

    def test_what_was_bound_comes_back(self):
        bound = issue_refund.bind_positional(("A1", Decimal("5.5")), {})
        assert issue_refund.arguments_from(bound) == {"order_id": "A1", "amount_usd": usd("5.50")}

    @pytest.mark.parametrize(
        ("args", "kwargs"),
        [
            (("A1", 1, 2), {}),
            (("A1",), {"order_id": "A2"}),
            ((), {"order": "A1"}),
            ((), {"attempt": ATTEMPT}),
            ((object(),), {}),
            ((float("nan"),), {}),
            ((["\ud800"],), {}),
            (("x" * 1_000_001,), {}),
        ],
    )
    def test_refuses_what_does_not_fit(self, args: tuple[object, ...], kwargs: dict[str, object]):
        with pytest.raises(BadValue):
            issue_refund.bind_positional(args, kwargs)

    def test_fills_in_no_default(self):
        @write
        def pay(order_id: str, amount_usd: Money = Money(9_999_000_000)): ...

        assert pay.bind_positional(("A1",), {}) == {"order_id": "A1"}


class TestRegistry:
    def test_finds_by_exact_name_and_keeps_order(self):
        tools = Registry([issue_refund, search])
        assert list(tools) == ["issue_refund", "search"]
        assert tools["search"] is search
        assert "Search" not in tools
        assert tools.specs() == {"issue_refund": issue_refund.spec, "search": search.spec}

    def test_refuses_two_of_one_name_and_what_is_no_tool(self):
        with pytest.raises(ToolInvalid, match="two tools are named search"):
            Registry([search, search])
        with pytest.raises(ToolInvalid, match="two tools are named search"):
            Registry([search]).with_tools([search])
        with pytest.raises(ToolInvalid, match="not a tool"):
            Registry([refund])  # pyright: ignore[reportArgumentType]

    def test_cannot_be_changed(self):
        tools = Registry([search])
        with pytest.raises(TypeError):
            tools["x"] = search  # pyright: ignore[reportIndexIssue]


def test_literal_arguments_of_the_decorator_are_typed():
    assert tool(effect="write", idempotency="none")(refund).spec.idempotency is Idempotency.NONE
    with pytest.raises(ToolInvalid, match="idempotency"):
        tool(effect="write", idempotency="both")(refund)  # pyright: ignore[reportArgumentType]


def test_choices_may_be_mixed():
    @write
    def act(kind: Literal["a", 1, True] | None): ...

    for value in ("a", 1, True, None):
        assert act.arguments_from({"kind": value})["kind"] is value
    with pytest.raises(BadValue, match="one of"):
        act.arguments_from({"kind": False})
