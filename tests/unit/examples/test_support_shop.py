"""The shop and the processor: made once, changed once per key, faulty as planned."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from dueprocess.errors import Conflict, NoEffect
from dueprocess.examples.support_refunds import (
    ConnectionLost,
    Fault,
    Faults,
    KeyVoided,
    Processor,
    ProcessorError,
    Shop,
    Sink,
    make_inbox,
)
from dueprocess.values import digest_text, usd

INBOX = make_inbox(1)
SOMEONE = INBOX.stock.customers[0]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop.sqlite", INBOX.stock)


class TestMaking:
    def test_holds_what_the_inbox_speaks_of(self, shop: Shop):
        for ticket in INBOX.tickets:
            assert shop.order(ticket.order.id) == ticket.order
            assert shop.customer(ticket.customer.id) == ticket.customer

    def test_opened_again_it_keeps_its_changes(self, shop: Shop, tmp_path: Path):
        shop.update_customer(SOMEONE.id, {"phone": "1"}, key="k1")
        again = Shop(tmp_path / "shop.sqlite", INBOX.stock)
        assert again.customer(SOMEONE.id) == replace(SOMEONE, phone="1")

    def test_another_seed_is_refused(self, shop: Shop, tmp_path: Path):
        with pytest.raises(Conflict, match="made from seed 1, not 2"):
            Shop(tmp_path / "shop.sqlite", make_inbox(2).stock)

    def test_making_that_broke_off_leaves_nothing(self, tmp_path: Path):
        broken = replace(INBOX.stock, orders=(*INBOX.stock.orders, INBOX.stock.orders[0]))
        with pytest.raises(sqlite3.IntegrityError):
            Shop(tmp_path / "shop.sqlite", broken)
        assert Shop(tmp_path / "shop.sqlite", INBOX.stock).customer(SOMEONE.id) == SOMEONE

    def test_several_that_open_it_at_once_find_the_same(self, tmp_path: Path):
        with ThreadPoolExecutor(4) as pool:
            shops = list(pool.map(lambda _: Shop(tmp_path / "shop.sqlite", INBOX.stock), range(8)))
        assert {shop.customer(SOMEONE.id) for shop in shops} == {SOMEONE}


class TestReading:
    def test_nobody_and_nothing_are_told(self, shop: Shop):
        with pytest.raises(LookupError):
            shop.order("O-0")
        with pytest.raises(LookupError):
            shop.customer("C-0")

    def test_passages_say_where_they_stand_in_their_document(self, shop: Shop):
        found = shop.search("refund for damaged goods, password, parcel")
        assert found
        for passage in found:
            text = (files("dueprocess.examples.support_refunds") / "kb" / f"{passage.document}.md").read_text("utf-8")
            assert text[passage.start : passage.end] == passage.text
            assert passage.digest == digest_text(passage.text)

    def test_the_best_passage_comes_first(self, shop: Shop):
        assert shop.search("when is a refund given for damaged goods")[0].text.startswith("Refunds are given")
        assert shop.search("cannot sign in, new password link")[0].document == "accounts"

    def test_nothing_is_found_for_nothing(self, shop: Shop):
        assert shop.search("xyzzy a to") == ()


class TestChanging:
    def test_happens_once_per_key(self, shop: Shop):
        first = shop.update_customer(SOMEONE.id, {"phone": "1"}, key="k1")
        shop.update_customer(SOMEONE.id, {"phone": "2"}, key="k2")
        assert shop.update_customer(SOMEONE.id, {"phone": "1"}, key="k1") == first
        assert shop.customer(SOMEONE.id).phone == "2"
        assert shop.changes("update") == 2

    def test_a_reset_is_sent_once_per_key(self, shop: Shop):
        assert shop.send_reset(SOMEONE.id, key="k1") == shop.send_reset(SOMEONE.id, key="k1")
        assert shop.changes("reset") == 1

    def test_a_voided_key_is_refused(self, shop: Shop):
        assert shop.void("k1") is None
        assert shop.void("k1") is None
        with pytest.raises(NoEffect, match="voided"):
            shop.update_customer(SOMEONE.id, {"phone": "1"}, key="k1")
        with pytest.raises(NoEffect, match="voided"):
            shop.send_reset(SOMEONE.id, key="k1")
        assert shop.customer(SOMEONE.id) == SOMEONE

    def test_what_was_done_is_found(self, shop: Shop):
        receipt = shop.send_reset(SOMEONE.id, key="k1")
        assert shop.void("k1") == receipt
        assert shop.void("k1") == receipt

    @pytest.mark.parametrize("fields", [{"delivery_note": "x"}, {"id": "C-0"}, {"phone": "1", "rank": "2"}])
    def test_a_field_that_is_not_there_changes_nothing(self, shop: Shop, fields: dict[str, str]):
        with pytest.raises(NoEffect, match="no field"):
            shop.update_customer(SOMEONE.id, fields, key="k1")
        assert shop.customer(SOMEONE.id) == SOMEONE
        assert shop.void("k1") is None

    def test_a_customer_who_is_not_there_is_told(self, shop: Shop):
        with pytest.raises(NoEffect):
            shop.update_customer("C-0", {"phone": "1"}, key="k1")
        with pytest.raises(NoEffect):
            shop.send_reset("C-0", key="k1")

    def test_changing_and_voiding_at_once_ends_in_one_of_the_two(self, shop: Shop):
        keys = [f"k{index}" for index in range(12)]

        def send(key: str) -> bool:
            try:
                shop.send_reset(SOMEONE.id, key=key)
            except NoEffect:
                return False
            return True

        with ThreadPoolExecutor(3) as pool:
            sending = [pool.submit(send, key) for key in keys]
            voiding = [pool.submit(shop.void, key) for key in reversed(keys)]
        sent = {key for key, done in zip(keys, sending, strict=True) if done.result()}
        voided = {key for key, done in zip(reversed(keys), voiding, strict=True) if done.result() is None}
        assert sent | voided == set(keys)
        assert not sent & voided
        assert shop.changes("reset") == len(sent)


class TestFaults:
    def refund(self, sink: Sink, faults: Faults, *, number: int, deaths: list[str] | None = None):
        processor = Processor(sink, {"O-1": faults}, die=lambda: (deaths if deaths is not None else []).append("died"))
        return asyncio.run(processor.refund(key=f"k{number}", order_id="O-1", amount=usd("5"), number=number))

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        return Sink(tmp_path / "payments.jsonl")

    def test_each_request_meets_its_own(self, sink: Sink):
        faults = Faults(first=(Fault.ERROR_BEFORE, Fault.ERROR_AFTER))
        with pytest.raises(ProcessorError):
            self.refund(sink, faults, number=1)
        assert sink.refunds() == ()
        with pytest.raises(ProcessorError):
            self.refund(sink, faults, number=2)
        assert len(sink.refunds()) == 1
        assert self.refund(sink, faults, number=3).key == "k3"

    def test_a_lost_connection_has_taken_the_money(self, sink: Sink):
        with pytest.raises(ConnectionLost):
            self.refund(sink, Faults(first=(Fault.CONNECTION_LOST,)), number=1)
        assert len(sink.refunds()) == 1

    def test_no_answer_is_no_money_whenever_it_is_asked(self, sink: Sink):
        processor = Processor(sink, {"O-1": Faults(always=Fault.NEVER_ANSWERS)}, die=lambda: None)

        async def ask(number: int) -> None:
            asked = asyncio.ensure_future(processor.refund(key="k", order_id="O-1", amount=usd("5"), number=number))
            await asyncio.sleep(0)
            assert not asked.done()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

        for number in (1, 2, 9):
            asyncio.run(ask(number))
        assert sink.refunds() == ()

    def test_a_worker_dies_after_the_money_is_on_the_disk(self, sink: Sink):
        deaths: list[str] = []

        def die() -> None:
            deaths.append(f"{len(sink.refunds())} refund")

        processor = Processor(sink, {"O-1": Faults(first=(Fault.DIES,))}, die=die)
        asyncio.run(processor.refund(key="k1", order_id="O-1", amount=usd("5"), number=1))
        asyncio.run(processor.refund(key="k2", order_id="O-1", amount=usd("5"), number=2))
        assert deaths == ["1 refund"]

    def test_a_voided_key_is_refused_by_a_processor_without_faults(self, sink: Sink):
        sink.void("k1")
        with pytest.raises(KeyVoided):
            self.refund(sink, Faults(), number=1)
