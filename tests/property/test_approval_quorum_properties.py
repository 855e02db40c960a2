"""INVARIANT I5, the people: held against trying every way in which people could count for entries."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from dueprocess.approval import Approval, Requirement, reached
from dueprocess.values import seconds

GROUPS = ("group:a", "group:b", "group:c")
PEOPLE = ("user:u", "user:v", "user:w", "user:x")

entries = st.sampled_from((*GROUPS, *PEOPLE))
approvals = st.lists(
    st.builds(Approval, by=st.sampled_from(PEOPLE), groups=st.lists(st.sampled_from(GROUPS), unique=True).map(tuple)),
    max_size=5,
    unique_by=lambda approval: approval.by,
).map(tuple)
requirements = st.builds(
    Requirement,
    name=st.just("keys"),
    any_of=st.lists(entries, max_size=2, unique=True).map(tuple),
    all_of=st.lists(entries, max_size=3).map(tuple),
    quorum=st.integers(0, 4),
    expires_after=st.just(seconds(1)),
    execute_within=st.just(seconds(1)),
)


def fits(entry: str, approval: Approval) -> bool:
    return entry in {approval.by, *approval.groups}


def suffices(requirement: Requirement, given_by: tuple[Approval, ...]) -> bool:
    listed = requirement.any_of + requirement.all_of
    counting = [approval for approval in given_by if any(fits(entry, approval) for entry in listed)]
    seated = any(
        all(fits(entry, person) for entry, person in zip(requirement.all_of, order, strict=True))
        for order in itertools.permutations(counting, len(requirement.all_of))
    )
    return seated and len(counting) >= requirement.quorum and len(counting) >= 1


@given(requirement=requirements, given_by=approvals)
def test_i5_the_people_suffice_exactly_where_some_way_of_counting_them_does(
    requirement: Requirement, given_by: tuple[Approval, ...]
):
    assert reached(requirement, given_by) == suffices(requirement, given_by)


@given(requirement=requirements, given_by=approvals, data=st.data())
def test_the_order_of_answers_and_of_entries_does_not_matter(
    requirement: Requirement, given_by: tuple[Approval, ...], data: st.DataObject
):
    shuffled = Requirement(
        name=requirement.name,
        any_of=tuple(data.draw(st.permutations(requirement.any_of))),
        all_of=tuple(data.draw(st.permutations(requirement.all_of))),
        quorum=requirement.quorum,
        expires_after=requirement.expires_after,
        execute_within=requirement.execute_within,
    )
    again = tuple(data.draw(st.permutations(given_by)))
    assert reached(shuffled, again) == reached(requirement, given_by)


@given(requirement=requirements, given_by=approvals)
def test_one_more_person_never_takes_an_approval_away(requirement: Requirement, given_by: tuple[Approval, ...]):
    for end in range(len(given_by)):
        if reached(requirement, given_by[:end]):
            assert reached(requirement, given_by)


@given(requirement=requirements, given_by=approvals)
def test_i5_saying_it_again_adds_nothing(requirement: Requirement, given_by: tuple[Approval, ...]):
    assert reached(requirement, given_by + given_by) == reached(requirement, given_by)
