"""A tutorial in twelve tests, to be read from top to bottom. Each shows one idea; what stands behind it is in `conftest.py`.

`refund` is a function that moves money. `guarded` is the same function behind the gate.
"""

import io

import pytest

from dueprocess import DeniedCall, FailedCall, HeldCall, ReusedCall, SucceededCall, guard
from dueprocess.errors import NotAllowed
from dueprocess.ledger import Verified, export_log, verify_export
from dueprocess.runtime import Person
from dueprocess.runtime.erase import erase


def test_01_a_guarded_function_is_called_like_the_function_itself(guarded, bank):
    done = guarded("order-1", "20.00")

    assert isinstance(done, SucceededCall)
    assert done.value == "20.00 paid for order-1"
    assert bank.payments == ["order-1"]


def test_02_there_is_no_way_around_the_gate(refund, bank):
    with pytest.raises(NotAllowed):
        refund("order-1", "20.00")

    assert bank.payments == []


def test_03_the_threshold_itself_runs_and_one_cent_more_waits_for_a_person(guarded, bank):
    at_the_threshold = guarded("order-1", "25.00")
    one_cent_more = guarded("order-2", "25.01")

    assert isinstance(at_the_threshold, SucceededCall)
    assert isinstance(one_cent_more, HeldCall)
    assert bank.payments == ["order-1"]


def test_04_a_denial_is_a_value_that_says_why(guarded, bank):
    denied = guarded("order-1", "50.01")

    assert isinstance(denied, DeniedCall)
    assert denied.findings[0].rule == "refund.max_amount_usd"
    assert bank.payments == []


def test_05_whoever_asked_cannot_approve_and_somebody_else_can(guarded, bank, people):
    held = guarded("order-1", "30.00")  # asked for by Ann

    assert people.approve(held.action, "ann").refused is not None
    assert people.approve(held.action, "bob").complete

    assert isinstance(guarded.resume(held.action), SucceededCall)
    assert bank.payments == ["order-1"]


def test_06_an_approval_is_used_up_by_the_one_call_it_was_for(guarded, bank, people):
    held = guarded("order-1", "30.00")
    people.approve(held.action, "bob")

    guarded.resume(held.action)
    guarded.resume(held.action)

    assert bank.payments == ["order-1"]


def test_07_a_retry_is_the_same_action_once_more(guarded, bank):
    bank.closed_days = 1

    failed = guarded("order-1", "20.00")
    retried = guarded.resume(failed.action)

    assert isinstance(failed, FailedCall)
    assert isinstance(retried, SucceededCall)
    assert retried.action == failed.action
    assert bank.payments == ["order-1"]


def test_08_not_to_know_is_not_to_have_failed(guarded, bank):
    bank.lines_cut = 1  # the money is sent, and then the line goes dead

    done = guarded("order-1", "20.00")

    # An error says nothing about the money: the bank was asked, and it had been paid. Trying again would have paid twice.
    assert isinstance(done, SucceededCall)
    assert bank.payments == ["order-1"]


def test_09_the_same_refund_twice_is_one_refund(guarded, bank):
    first = guarded("order-1", "20.00")
    second = guarded("order-1", "20.00")

    assert isinstance(second, ReusedCall)
    assert second.value == first.value
    assert bank.payments == ["order-1"]


def test_10_a_run_goes_on_where_its_program_stopped(refund, policy, home, bank, people):
    with guard(refund, policy=policy, store=home, run="tuesday") as before:
        held = before("order-1", "30.00")
    people.approve(held.action, "bob")

    with guard(refund, policy=policy, store=home, run="tuesday") as after:
        assert isinstance(after.resume(held.action), SucceededCall)

    assert bank.payments == ["order-1"]


def test_11_the_ledger_proves_what_happened_to_a_stranger(guarded, home):
    guarded("order-1", "20.00")
    ledger = io.BytesIO()
    export_log(home.store.lines, ledger, checkpoint=home.store.checkpoint()[0], key=home.signing_key)

    genuine = ledger.getvalue()
    tampered = genuine.replace(b"action.dispatched", b"action.denied", 1)

    assert isinstance(verify_export([genuine], key=home.verifier), Verified)
    assert not isinstance(verify_export([tampered], key=home.verifier), Verified)


def test_12_erasing_takes_the_content_and_leaves_the_proof(guarded, home, people):
    guarded("order-of-a-person", "20.00")
    guarded.finish()

    erase(people.shell, guarded.run, person=Person(id="user:dpo"))

    events = home.store.read(lambda tx: tx.events(guarded.run))
    assert {event.record for event in events[:-1]} == {None}
    ledger = io.BytesIO()
    export_log(home.store.lines, ledger, checkpoint=home.store.checkpoint()[0], key=home.signing_key)
    assert isinstance(verify_export([ledger.getvalue()], key=home.verifier), Verified)
