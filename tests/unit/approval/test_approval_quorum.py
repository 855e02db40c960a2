"""INVARIANT I5, who counts: the right people, each once, each for one entry."""

import pytest

from dueprocess.approval import Approval, Requirement, eligible, reached
from dueprocess.values import seconds

ANN = Approval(by="user:ann", groups=("group:finance",), how="token")
BOB = Approval(by="user:bob", groups=("group:finance", "group:sre"), how="token")
CAT = Approval(by="user:cat", groups=("group:security", "group:sre"), how="token")
EVE = Approval(by="user:eve", groups=("group:interns",), how="token")


def required(*, any_of: tuple[str, ...] = (), all_of: tuple[str, ...] = (), quorum: int | None = None) -> Requirement:
    counted = {} if quorum is None else {"quorum": quorum}
    return Requirement(
        name="refunds", any_of=any_of, all_of=all_of, expires_after=seconds(60), execute_within=seconds(60), **counted
    )


FINANCE = required(any_of=("group:finance",))
KEYS = required(all_of=("group:sre", "group:security"), quorum=2)


def test_a_person_is_eligible_by_a_group_or_by_name():
    assert eligible(FINANCE, ANN)
    assert not eligible(FINANCE, EVE)
    assert eligible(required(any_of=("group:leads", "user:eve")), EVE)
    assert eligible(required(all_of=("user:eve",)), EVE)
    assert not eligible(required(all_of=("user:eva",)), EVE)


def test_where_nobody_is_named_nobody_is_eligible():
    assert not eligible(required(), ANN)
    assert not reached(required(), (ANN, BOB, CAT))


@pytest.mark.parametrize("entry", ["ann", "finance", "user:finance", "group:ann", "group:financ", "GROUP:FINANCE", ""])
def test_an_entry_is_matched_whole_and_byte_for_byte(entry: str):
    assert not eligible(required(any_of=(entry,)), ANN)


def test_one_of_any_of_is_enough_unless_more_are_asked_for():
    assert reached(FINANCE, (ANN,))
    assert not reached(FINANCE, ())
    two = required(any_of=("group:finance",), quorum=2)
    assert not reached(two, (ANN,))
    assert reached(two, (ANN, BOB))
    assert not reached(required(any_of=("group:finance",), quorum=3), (ANN, BOB))


@pytest.mark.parametrize("quorum", [0, -1, -5])
def test_i5_at_least_one_person_is_always_needed(quorum: int):
    nobody_needed = required(any_of=("group:finance",), quorum=quorum)
    assert not reached(nobody_needed, ())
    assert not reached(nobody_needed, (EVE,))
    assert reached(nobody_needed, (ANN,))


def test_i5_a_person_counts_once_however_often_and_from_wherever_they_approve():
    again = Approval(by="user:ann", groups=("group:finance", "group:leads"), how="elsewhere")
    assert not reached(required(any_of=("group:finance",), quorum=2), (ANN, ANN))
    assert not reached(required(any_of=("group:finance", "group:leads"), quorum=2), (ANN, again))
    assert not reached(required(all_of=("group:finance", "group:leads")), (ANN, again))


def test_people_who_are_not_eligible_do_not_fill_the_quorum():
    assert not reached(required(any_of=("group:finance",), quorum=2), (ANN, EVE))
    assert not reached(required(all_of=("group:finance",), quorum=2), (ANN, EVE))


def test_i5_each_entry_of_all_of_needs_a_person_of_its_own():
    assert not reached(KEYS, (CAT,))
    assert not reached(KEYS, (BOB, EVE))
    assert reached(KEYS, (BOB, CAT))
    assert reached(KEYS, (CAT, BOB))
    assert not reached(required(all_of=("group:sre", "group:security")), (CAT,))
    assert not reached(required(all_of=("group:sre", "group:sre")), (BOB,))
    assert reached(required(all_of=("group:sre", "group:sre")), (BOB, CAT))


def test_one_entry_of_all_of_that_nobody_fits_is_enough_to_refuse():
    for all_of in (("group:finance", "group:legal"), ("group:legal", "group:finance")):
        assert not reached(required(all_of=all_of), (ANN, BOB, CAT))


def person(name: str, *groups: str) -> Approval:
    return Approval(by=f"user:{name}", groups=tuple(f"group:{group}" for group in groups))


@pytest.mark.parametrize("turn", range(3))
def test_who_fits_several_entries_moves_on_for_one_who_fits_only_theirs(turn: int):
    people = [person("one", "a", "b", "c"), person("two", "a", "b"), person("three", "a")]
    people = people[turn:] + people[:turn]
    for entries in (("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c"), ("b", "c", "a")):
        assert reached(required(all_of=tuple(f"group:{entry}" for entry in entries)), tuple(people))


def test_two_who_fit_only_the_same_entry_do_not_fill_two():
    people = (person("one", "a", "b", "c"), person("two", "a"), person("three", "a"))
    assert not reached(required(all_of=("group:a", "group:b", "group:c")), people)
    assert reached(required(all_of=("group:a", "group:b"), quorum=3), people)


def test_all_of_and_any_of_together_need_the_entries_of_all_of_and_the_people_of_both():
    both = required(any_of=("group:finance",), all_of=("group:security",), quorum=2)
    assert not reached(both, (ANN, BOB))
    assert not reached(both, (CAT,))
    assert reached(both, (ANN, CAT))


def test_a_long_list_is_decided_at_once():
    # 24 people who fit every entry but the last: trying all orders would outlive the project.
    names = [f"group:g{index}" for index in range(24)]
    people = tuple(Approval(by=f"user:u{index}", groups=tuple(names)) for index in range(24))
    assert reached(required(all_of=tuple(names)), people)
    assert not reached(required(all_of=(*names[:-1], "group:nobody")), people)


def test_what_a_requirement_leaves_open_is_the_least():
    left_open = Requirement(name="keys", expires_after=seconds(60), execute_within=seconds(60))
    assert (left_open.any_of, left_open.all_of, left_open.quorum, left_open.editable) == ((), (), 1, ())


def test_an_approval_without_groups_is_by_name_alone():
    alone = Approval(by="user:ann")
    assert (alone.groups, alone.how) == ((), "")
    assert not eligible(FINANCE, alone)
    assert eligible(required(any_of=("user:ann",)), alone)
