"""INVARIANT I9, the tree: what was built proves itself, at any size, and nothing else is proven."""

from hypothesis import given
from hypothesis import strategies as st

from dueprocess.ledger.tree import (
    Frontier,
    Tree,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

lines = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.lists(st.binary(max_size=8), max_size=70), st.data())
def test_the_frontier_has_the_root_of_the_tree_however_it_grew(content: list[bytes], data: st.DataObject):
    leaves = [leaf_hash(line) for line in content]
    at = data.draw(st.integers(0, len(leaves)))
    grown = Frontier.from_bytes(Frontier().extend(leaves[:at]).to_bytes())
    for leaf in leaves[at:]:
        grown = grown.append(leaf)
    assert grown == Frontier().extend(leaves)
    assert grown.root() == root_of(leaves) == Tree(leaves).root()


@given(lines, st.data())
def test_every_leaf_is_proven_and_no_flipped_bit_is(content: list[bytes], data: st.DataObject):
    tree = Tree([leaf_hash(line) for line in content])
    index = data.draw(st.integers(0, tree.size - 1))
    leaf, path, root = tree.leaf(index), tree.inclusion_proof(index), tree.root()
    assert verify_inclusion(leaf=leaf, index=index, size=tree.size, path=path, root=root)

    bit = data.draw(st.integers(0, 255))
    assert not verify_inclusion(leaf=flipped(leaf, bit), index=index, size=tree.size, path=path, root=root)
    assert not verify_inclusion(leaf=leaf, index=index, size=tree.size, path=path, root=flipped(root, bit))
    for at in range(len(path)):
        bent = [*path[:at], flipped(path[at], bit), *path[at + 1 :]]
        assert not verify_inclusion(leaf=leaf, index=index, size=tree.size, path=bent, root=root)
        assert not verify_inclusion(leaf=leaf, index=index, size=tree.size, path=path[:at], root=root)
    longer = [*path, root]
    assert not verify_inclusion(leaf=leaf, index=index, size=tree.size, path=longer, root=node_hash(root, root))


@given(lines, st.data())
def test_a_leaf_is_proven_at_no_other_index(content: list[bytes], data: st.DataObject):
    # The lines differ, since a line that stands twice is rightly proven twice.
    tree = Tree([leaf_hash(b"%d" % number + line) for number, line in enumerate(content)])
    index = data.draw(st.integers(0, tree.size - 1))
    path = tree.inclusion_proof(index)
    for other in set(range(tree.size + 3)) - {index}:
        assert not verify_inclusion(leaf=tree.leaf(index), index=other, size=tree.size, path=path, root=tree.root())


@given(lines, st.data())
def test_every_older_tree_is_proven_and_no_flipped_bit_is(content: list[bytes], data: st.DataObject):
    leaves = [leaf_hash(line) for line in content]
    tree, old_size = Tree(leaves), data.draw(st.integers(0, len(leaves)))
    old_root, path = root_of(leaves[:old_size]), tree.consistency_proof(old_size)

    def holds(*, old: bytes = old_root, new: bytes = tree.root(), by: list[bytes] | None = None) -> bool:
        chosen = path if by is None else by
        return verify_consistency(old_size=old_size, old_root=old, size=tree.size, root=new, path=chosen)

    assert holds()
    bit = data.draw(st.integers(0, 255))
    assert not holds(old=flipped(old_root, bit))
    assert not holds(by=[*path, old_root])
    if old_size:
        assert not holds(new=flipped(tree.root(), bit))
    for at in range(len(path)):
        assert not holds(by=[*path[:at], flipped(path[at], bit), *path[at + 1 :]])
        assert not holds(by=list(path[:at]))


@given(lines, st.data())
def test_changing_leaves_in_thought_gives_the_root_of_the_changed_tree(content: list[bytes], data: st.DataObject):
    leaves = [leaf_hash(line) for line in content]
    which = data.draw(st.sets(st.integers(0, len(leaves) - 1), max_size=5))
    changed = {index: leaf_hash(b"changed %d" % index) for index in which}
    assert Tree(leaves).root_with(changed) == root_of([changed.get(at, leaf) for at, leaf in enumerate(leaves)])
