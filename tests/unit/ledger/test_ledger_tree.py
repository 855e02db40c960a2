"""The Merkle tree against the reference tree of certificate transparency and against RFC 9162 written out naively."""

from hashlib import sha256

import pytest

from dueprocess.errors import BadValue, RecordInvalid
from dueprocess.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

# The eight inputs, their node hashes and the roots of the trees of 0..8 of them, as the certificate transparency
# projects publish them for testing (section 2.1.5 of RFC 9162 draws the tree of the first seven).
INPUTS = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
A, B, C, D, E, F, J, L7 = (
    bytes.fromhex(each)
    for each in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
        "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "4271a26be0d8a84f0bd54c8c302e7cb3a3b5d1fa6780a40bcce2873477dab658",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "46f6ffadd3d06a09ff3c5860d2755c8b9819db7df44251788c7d8e3180de8eb1",
    )
)
LEAVES = [A, B, C, D, E, F, J, L7]
G, H, EF, LAST_PAIR = (
    bytes.fromhex(each)
    for each in (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    )
)
K = bytes.fromhex("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")
RIGHT_OF_EIGHT = bytes.fromhex("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")
ROOTS = [
    bytes.fromhex(each)
    for each in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
SEVEN = LEAVES[:7]
L_OF_SEVEN = node_hash(EF, J)


# RFC 9162 as it stands, recursive and slow: sections 2.1.1, 2.1.3.1 and 2.1.4.1.
def naive_split(count: int) -> int:
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def naive_root(inputs: list[bytes]) -> bytes:
    if not inputs:
        return sha256(b"").digest()
    if len(inputs) == 1:
        return sha256(b"\x00" + inputs[0]).digest()
    k = naive_split(len(inputs))
    return sha256(b"\x01" + naive_root(inputs[:k]) + naive_root(inputs[k:])).digest()


def naive_path(m: int, inputs: list[bytes]) -> list[bytes]:
    if len(inputs) == 1:
        return []
    k = naive_split(len(inputs))
    if m < k:
        return [*naive_path(m, inputs[:k]), naive_root(inputs[k:])]
    return [*naive_path(m - k, inputs[k:]), naive_root(inputs[:k])]


def naive_subproof(m: int, inputs: list[bytes], *, known: bool) -> list[bytes]:
    if m == len(inputs):
        return [] if known else [naive_root(inputs)]
    k = naive_split(len(inputs))
    if m <= k:
        return [*naive_subproof(m, inputs[:k], known=known), naive_root(inputs[k:])]
    return [*naive_subproof(m - k, inputs[k:], known=False), naive_root(inputs[:k])]


@pytest.mark.parametrize("index", range(8))
def test_leaf_hashes_are_those_of_the_reference_tree(index: int):
    assert leaf_hash(INPUTS[index]) == LEAVES[index]


def test_inner_nodes_are_those_of_the_reference_tree():
    assert [node_hash(A, B), node_hash(C, D), node_hash(E, F), node_hash(J, L7)] == [G, H, EF, LAST_PAIR]
    assert [node_hash(G, H), node_hash(EF, LAST_PAIR)] == [K, RIGHT_OF_EIGHT]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference_tree_by_every_way_of_building(size: int):
    leaves = LEAVES[:size]
    assert root_of(leaves) == ROOTS[size]
    assert root_of(b"".join(leaves)) == ROOTS[size]
    assert root_of(bytearray(b"".join(leaves))) == ROOTS[size]
    assert Tree(leaves).root() == ROOTS[size]
    assert Frontier().extend(leaves).root() == ROOTS[size]


@pytest.mark.parametrize(
    ("size", "peaks"),
    [
        (0, ()),
        (1, (A,)),
        (2, (G,)),
        (3, (G, C)),
        (4, (K,)),
        (5, (K, E)),
        (6, (K, EF)),
        (7, (K, EF, J)),
        (8, (ROOTS[8],)),
    ],
)
def test_the_frontier_keeps_exactly_the_full_subtrees(size: int, peaks: tuple[bytes, ...]):
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier = frontier.append(leaf)
    assert (frontier.size, frontier.peaks) == (size, peaks)


@pytest.mark.parametrize(
    ("index", "path"),
    [(0, [B, H, L_OF_SEVEN]), (3, [C, G, L_OF_SEVEN]), (4, [F, J, K]), (6, [EF, K])],
)
def test_inclusion_paths_of_seven_leaves_are_those_the_rfc_lists(index: int, path: list[bytes]):
    assert list(inclusion_proof(SEVEN, index)) == path


@pytest.mark.parametrize(
    ("old_size", "path"), [(3, [C, D, G, L_OF_SEVEN]), (4, [L_OF_SEVEN]), (6, [EF, J, K]), (5, [E, F, J, K]), (7, [])]
)
def test_consistency_paths_to_seven_leaves_are_those_the_rfc_lists(old_size: int, path: list[bytes]):
    assert list(consistency_proof(SEVEN, old_size)) == path


@pytest.mark.parametrize("size", range(1, 34))
def test_every_proof_equals_that_of_the_rfc_written_out_naively_and_holds(size: int):
    inputs = [b"%d" % each for each in range(size)]
    tree = Tree([leaf_hash(each) for each in inputs])
    assert tree.root() == naive_root(inputs)
    for index in range(size):
        path = tree.inclusion_proof(index)
        assert list(path) == naive_path(index, inputs)
        assert verify_inclusion(leaf=tree.leaf(index), index=index, size=size, path=path, root=tree.root())
    for old_size in range(1, size + 1):
        path = tree.consistency_proof(old_size)
        assert list(path) == naive_subproof(old_size, inputs, known=True)
        old_root = naive_root(inputs[:old_size])
        assert verify_consistency(old_size=old_size, old_root=old_root, size=size, root=tree.root(), path=path)


def test_a_tree_tells_its_leaves_and_its_size():
    tree = Tree(iter(SEVEN))
    assert (tree.size, [tree.leaf(index) for index in range(7)]) == (7, SEVEN)


def test_the_root_with_other_leaves_is_that_of_the_tree_with_other_leaves():
    tree = Tree(SEVEN)
    assert tree.root_with({}) == tree.root()
    assert tree.root_with({6: L7}) == root_of([*SEVEN[:6], L7])
    assert tree.root_with({0: B, 1: A, 5: A}) == root_of([B, A, C, D, E, A, J])
    assert Tree([A]).root_with({0: B}) == root_of([B])


@pytest.mark.parametrize("size", [4095, 4096, 4097, 8192, 8193, 12_289])
def test_a_root_computed_by_blocks_is_that_of_the_tree(size: int):
    leaves = [leaf_hash(b"%d" % each) for each in range(size)]
    assert root_of(leaves) == Tree(leaves).root() == Frontier().extend(leaves).root()


def test_an_empty_log_has_the_hash_of_nothing_as_root():
    assert Tree([]).root() == root_of([]) == Frontier().root() == EMPTY_ROOT == sha256(b"").digest()


def test_a_frontier_comes_back_from_its_stored_form():
    frontier = Frontier().extend(SEVEN)
    assert Frontier.from_bytes(frontier.to_bytes()) == frontier
    assert Frontier.from_bytes(Frontier().to_bytes()) == Frontier()


@pytest.mark.parametrize("stored", [b"", b"\0" * 7, b"\0" * 9, b"\0" * 7 + b"\1", b"\0" * 7 + b"\3" + bytes(63)])
def test_a_stored_frontier_of_another_length_is_refused(stored: bytes):
    with pytest.raises(RecordInvalid, match=f"stored frontier of {len(stored)} bytes"):
        Frontier.from_bytes(stored)


def test_a_frontier_that_cannot_be_is_refused():
    with pytest.raises(BadValue, match="size 2 with 2 subtree"):
        Frontier(size=2, peaks=(A, B))
    with pytest.raises(BadValue, match="size -1"):
        Frontier(size=-1, peaks=(A,))
    with pytest.raises(BadValue, match="size 18446744073709551616"):
        Frontier(size=2**64, peaks=(A,))
    with pytest.raises(BadValue, match="hash of 31 bytes"):
        Frontier(size=1, peaks=(A[:31],))


def test_what_is_not_a_hash_is_no_leaf():
    with pytest.raises(BadValue, match="hash of 33 bytes"):
        Tree([A, B + b"\0"])
    with pytest.raises(BadValue, match="33 bytes of packed"):
        root_of(A + b"\0")
    with pytest.raises(BadValue, match="hash of 3 bytes"):
        Frontier().append(b"abc")


@pytest.mark.parametrize("index", [-1, 7, 100])
def test_a_leaf_outside_the_tree_has_no_proof(index: int):
    with pytest.raises(BadValue, match=f"leaf {index} of a tree of 7"):
        inclusion_proof(SEVEN, index)
    with pytest.raises(BadValue, match=f"leaf {index} of a tree of 7"):
        Tree(SEVEN).leaf(index)


@pytest.mark.parametrize("old_size", [-1, 8])
def test_a_size_outside_the_tree_has_no_proof(old_size: int):
    with pytest.raises(BadValue, match=f"from size {old_size} to 7"):
        consistency_proof(SEVEN, old_size)


@pytest.mark.parametrize(
    ("index", "size", "path", "root"),
    [
        (1, 7, [B, H, L_OF_SEVEN], ROOTS[7]),
        (0, 9, [B, H, L_OF_SEVEN], ROOTS[7]),
        (0, 4, [B, H, L_OF_SEVEN], ROOTS[7]),
        (0, 7, [H, B, L_OF_SEVEN], ROOTS[7]),
        (0, 7, [B, H], ROOTS[7]),
        (0, 7, [B, H, L_OF_SEVEN, L_OF_SEVEN], ROOTS[7]),
        (0, 7, [], ROOTS[7]),
        (0, 7, [B, H, L_OF_SEVEN], ROOTS[8]),
        (-1, 7, [B, H, L_OF_SEVEN], ROOTS[7]),
        (7, 7, [B, H, L_OF_SEVEN], ROOTS[7]),
        (0, 0, [], A),
        (0, 1, [], ROOTS[7]),
        (0, 2, [B + b"\0"], ROOTS[2]),
        (0, 2, [B], ROOTS[2] + b"\0"),
    ],
)
def test_an_inclusion_proof_holds_for_nothing_else(index: int, size: int, path: list[bytes], root: bytes):
    assert verify_inclusion(leaf=A, index=0, size=7, path=[B, H, L_OF_SEVEN], root=ROOTS[7])
    assert not verify_inclusion(leaf=A, index=index, size=size, path=path, root=root)


def test_a_node_does_not_pass_for_a_leaf():
    # Without the two prefixes G would be a leaf of a tree of four "leaves", and this proof would hold.
    assert not verify_inclusion(leaf=sha256(A + B).digest(), index=0, size=2, path=[H], root=ROOTS[4])
    assert leaf_hash(A + B) != node_hash(A, B)


@pytest.mark.parametrize(
    ("old_size", "old_root", "size", "root", "path"),
    [
        (2, ROOTS[3], 7, ROOTS[7], [C, D, G, L_OF_SEVEN]),
        (3, ROOTS[4], 7, ROOTS[7], [C, D, G, L_OF_SEVEN]),
        (3, ROOTS[3], 9, ROOTS[7], [C, D, G, L_OF_SEVEN]),
        (3, ROOTS[3], 4, ROOTS[7], [C, D, G, L_OF_SEVEN]),
        (3, ROOTS[3], 7, ROOTS[8], [C, D, G, L_OF_SEVEN]),
        (3, ROOTS[3], 7, ROOTS[7], [C, D, G]),
        (3, ROOTS[3], 7, ROOTS[7], [C, D, G, L_OF_SEVEN, A]),
        (3, ROOTS[3], 7, ROOTS[7], [D, C, G, L_OF_SEVEN]),
        (3, ROOTS[3], 7, ROOTS[7], []),
        (4, ROOTS[4], 7, ROOTS[7], []),
        (7, ROOTS[7], 3, ROOTS[3], [C, D, G, L_OF_SEVEN]),
        (7, ROOTS[7], 7, ROOTS[8], []),
        (7, ROOTS[7], 7, ROOTS[7], [A]),
        (0, ROOTS[1], 7, ROOTS[7], []),
        (0, ROOTS[0], 7, ROOTS[7], [A]),
        (0, ROOTS[0], 0, ROOTS[1], []),
        (0, ROOTS[1], 0, ROOTS[1], []),
        (-1, ROOTS[0], 7, ROOTS[7], []),
        (3, ROOTS[3][:31], 7, ROOTS[7], [C, D, G, L_OF_SEVEN]),
        (3, ROOTS[3], 7, ROOTS[7], [C, D, G, L_OF_SEVEN + b"\0"]),
    ],
)
def test_a_consistency_proof_holds_for_nothing_else(
    old_size: int, old_root: bytes, size: int, root: bytes, path: list[bytes]
):
    assert verify_consistency(old_size=3, old_root=ROOTS[3], size=7, root=ROOTS[7], path=[C, D, G, L_OF_SEVEN])
    assert not verify_consistency(old_size=old_size, old_root=old_root, size=size, root=root, path=path)


@pytest.mark.parametrize("size", range(9))
def test_every_tree_goes_on_from_the_empty_one_and_from_itself(size: int):
    assert verify_consistency(old_size=0, old_root=EMPTY_ROOT, size=size, root=ROOTS[size], path=[])
    assert verify_consistency(old_size=size, old_root=ROOTS[size], size=size, root=ROOTS[size], path=[])
