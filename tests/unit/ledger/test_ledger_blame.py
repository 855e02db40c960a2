"""Naming the altered event in hard cases: links that are no hashes, and more broken ones than are kept."""

import pytest
from tests.unit.ledger.logbook import envelope, log_of

from dueprocess.ledger.blame import Chain
from dueprocess.ledger.event import decode_line
from dueprocess.ledger.tree import root_of

LOG = log_of([0] * 6)


def chain_of(lines: list[bytes]) -> Chain:
    chain = Chain()
    for line in lines:
        chain.add(line, decode_line(line))
    return chain


def relinked(line: bytes, put: bytes) -> bytes:
    start = line.index(b'"prev":"') + 8
    return line[:start] + put + line[start + 43 :]


def test_a_chain_as_it_was_logged_holds():
    assert chain_of(list(LOG.lines)).holds
    assert Chain().holds


@pytest.mark.parametrize("put", [b"!" * 43, b"!" + b"A" * 42, b"A" * 42 + b"B", b"A" * 42 + b"=", b" " * 43])
def test_a_link_that_is_no_hash_names_its_own_event(put: bytes):
    chain = chain_of([*LOG.lines[:3], relinked(LOG.lines[3], put), *LOG.lines[4:]])
    altered = chain.first_altered(root=LOG.tree.root())
    assert (altered.event.leaf, altered.sure) == (3, True)


def test_without_the_root_two_broken_links_in_a_row_name_the_event_between_them():
    chain = chain_of([*LOG.lines[:3], relinked(LOG.lines[3], b"A" * 43), *LOG.lines[4:]])
    altered = chain.first_altered(root=None)
    assert (altered.event.leaf, altered.sure) == (3, False)


@pytest.mark.parametrize(("altered", "sure"), [(11, True), (12, False)])
def test_as_many_links_broken_in_a_row_as_can_be_tried_are_judged_for_sure(altered: int, *, sure: bool):
    # Event 3 has a wrong link, and it and those behind it other content: that is one broken link more than events.
    log = log_of([0] * 20)
    lines = [line.replace(b"acme", b"acne") if 3 <= at < 3 + altered else line for at, line in enumerate(log.lines)]
    lines[3] = relinked(lines[3], b"A" * 43)
    found = chain_of(lines).first_altered(root=log.tree.root())
    assert (found.event.leaf, found.sure) == (3, sure)


def test_with_more_broken_links_than_are_kept_the_naming_is_a_guess():
    # Every line but the first has a link to nothing, and there are more of them than the memory is given for.
    chain, many = Chain(), 100_002
    for leaf in range(many):
        chain.add(b"%d" % leaf, envelope(leaf=leaf, prev="A" * 43 if leaf else "", seq=leaf + 1))
    altered = chain.first_altered(root=root_of(chain.leaves))
    assert (altered.event.leaf, altered.sure) == (1, False)
