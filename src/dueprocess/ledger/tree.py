"""The Merkle tree of RFC 9162 over SHA-256: hashes, roots, proofs. What a leaf means and who signs a root is elsewhere.

Rule 1: a leaf is hashed behind 0x00 and a node behind 0x01, so that no node can pass for a leaf (section 2.1.1).
Rule 2: verifying never raises. Whatever is of a wrong size, length or number is a proof that does not hold.
Rule 3: nothing here changes once made: `Frontier.append` gives a new frontier, a `Tree` is built whole.

A level is kept as one byte string of 32-byte hashes. On each level pairs are hashed and a lone last node moves up as it
is; that is the tree of section 2.1.1 (whose left subtree is the largest power of two), so node `i` of level `h` covers
the leaves from `i << h` on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from dueprocess.errors import BadValue, RecordInvalid

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a log without leaves: the hash of nothing (section 2.1.1)."""

_LEAF = b"\x00"
_NODE = b"\x01"
_PAIR = 2 * HASH_BYTES
_BLOCK = 4096 * HASH_BYTES
"""A root is computed by blocks of this size, so that the hashes of a long log are not all held a second time."""
_SIZE_BYTES = 8
"""A size is stored as an unsigned 64-bit integer: RFC 9162 tree sizes are (section 4.10)."""


def leaf_hash(line: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || exactly these bytes)."""
    return sha256(_LEAF + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right), each of 32 bytes."""
    return sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """A growing tree, as what is needed to go on: its size and the roots of its full subtrees, the largest first.

    `size` has one bit set for each entry of `peaks`. The empty frontier is `Frontier()`.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or self.size >> (8 * _SIZE_BYTES) or self.size.bit_count() != len(self.peaks):
            raise BadValue(
                f"a frontier of size {self.size} with {len(self.peaks)} subtree hashes: one per set bit is expected"
            )
        _check_hashes(self.peaks)

    def append(self, leaf: bytes) -> "Frontier":
        """The frontier after one more leaf hash."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaf hashes, in order."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            node, bits = leaf, size
            while bits & 1:
                node = sha256(_NODE + peaks.pop() + node).digest()
                bits >>= 1
            peaks.append(node)
            size += 1
        return Frontier(size=size, peaks=tuple(peaks))

    def root(self) -> bytes:
        """The root of all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """The stored form: the size in eight bytes, big-endian, then the hashes."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Read the stored form back; anything but the exact form is `RecordInvalid`."""
        size, hashes = int.from_bytes(stored[:_SIZE_BYTES], "big"), stored[_SIZE_BYTES:]
        if len(stored) < _SIZE_BYTES or len(hashes) != size.bit_count() * HASH_BYTES:
            raise RecordInvalid(
                f"a stored frontier of {len(stored)} bytes: expected 8 bytes of size and 32 for each bit set in it"
            )
        return cls(size=size, peaks=tuple(_split(hashes)))


class Tree:
    """A whole tree, its levels built once; a root or proof is then a few look-ups.

    It holds about 64 bytes a leaf. Leaf hashes may also come packed: one byte string, 32 bytes a leaf.
    """

    __slots__ = ("_levels", "size")

    size: int
    _levels: tuple[bytes, ...]

    def __init__(self, leaves: Iterable[bytes] | bytes | bytearray) -> None:
        level = bytes(_pack(leaves))
        levels = [level]
        while len(level) > HASH_BYTES:
            level = _parents(level)
            levels.append(level)
        self.size = len(levels[0]) // HASH_BYTES
        self._levels = tuple(levels)

    def root(self) -> bytes:
        """The root of all leaves."""
        return self._levels[-1] or EMPTY_ROOT

    def leaf(self, index: int) -> bytes:
        """The leaf hash at this index."""
        self._check_index(index)
        return self._node(0, index)

    def inclusion_proof(self, index: int) -> tuple[bytes, ...]:
        """The path from leaf `index` up to the root, lowest sibling first (section 2.1.3.1)."""
        self._check_index(index)
        path: list[bytes] = []
        for height in range(len(self._levels) - 1):
            sibling = self._node(height, (index >> height) ^ 1)
            if sibling:  # a lone last node has none: it moved up
                path.append(sibling)
        return tuple(path)

    def consistency_proof(self, old_size: int) -> tuple[bytes, ...]:
        """The proof that a tree of the first `old_size` leaves grew into this one (section 2.1.4.1).

        It is empty for size 0 and for the same size.
        """
        if not 0 <= old_size <= self.size:
            raise BadValue(
                f"a consistency proof from size {old_size} to {self.size}: the older size must lie in 0..{self.size}"
            )
        path: list[bytes] = []
        low, high, known = 0, self.size, True
        while 0 < old_size < high - low:
            middle = 1 << ((high - low - 1).bit_length() - 1)
            if old_size <= middle:
                path.append(self._range(low + middle, high))
                high = low + middle
            else:
                path.append(self._range(low, low + middle))
                low, old_size, known = low + middle, old_size - middle, False
        if old_size and not known:
            path.append(self._range(low, high))
        path.reverse()
        return tuple(path)

    def root_with(self, changed: Mapping[int, bytes]) -> bytes:
        """The root if the leaves of these indexes had these hashes instead."""
        nodes = dict(changed)
        for height in range(len(self._levels) - 1):
            parents: dict[int, bytes] = {}
            for index in nodes:
                left, right = index & ~1, index | 1
                last = nodes.get(right) or self._node(height, right)
                first = nodes.get(left) or self._node(height, left)
                parents[index >> 1] = node_hash(first, last) if last else first
            nodes = parents
        return nodes.get(0) or self.root()

    def _node(self, height: int, index: int) -> bytes:
        return self._levels[height][index * HASH_BYTES : (index + 1) * HASH_BYTES]

    def _range(self, low: int, high: int) -> bytes:
        height = (high - low - 1).bit_length()
        return self._node(height, low >> height)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise BadValue(f"leaf {index} of a tree of {self.size}: the index must lie in 0..{self.size - 1}")


def root_of(leaves: Iterable[bytes] | bytes | bytearray) -> bytes:
    """The root over these leaf hashes; they may come packed, 32 bytes a leaf."""
    level: bytes | bytearray = _pack(leaves)
    while len(level) > HASH_BYTES:
        # A full block is a node of the tree, and what is left over at the end is its last one on that level.
        blocks = (bytes(level[at : at + _BLOCK]) for at in range(0, len(level), _BLOCK))
        level = b"".join(map(_block_root, blocks))
    return bytes(level) or EMPTY_ROOT


def inclusion_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """One path. For many paths over the same leaves build a `Tree` once."""
    return Tree(leaves).inclusion_proof(index)


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """One consistency proof from `old_size` to all of these leaves."""
    return Tree(leaves).consistency_proof(old_size)


def verify_inclusion(*, leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves that this leaf hash stands at `index` of the tree of this size (section 2.1.3.2)."""
    if not 0 <= index < size or not _all_hashes((leaf, root, *path)):
        return False
    first, last, node = index, size - 1, leaf
    for sibling in path:
        if not last:
            return False
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while not first & 1:  # ends: an even one equals `last` here, which is not 0
                first, last = first >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        first, last = first >> 1, last >> 1
    return not last and node == root


def verify_consistency(*, old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the tree of `size` leaves begins with the tree of `old_size` leaves (section 2.1.4.2).

    Every tree begins with the empty one, and each with itself; both are proven by an empty path.
    """
    if not 0 <= old_size <= size or not _all_hashes((old_root, root, *path)):
        return False
    if old_size in {0, size}:
        expected = root if old_size == size else EMPTY_ROOT
        return not path and old_root == expected and (size > 0 or root == EMPTY_ROOT)
    if not path:
        return False
    first, last = old_size - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    # A power of two is a subtree of the newer tree: its root is the old root, which the path therefore leaves out.
    old, *rest = path if old_size & (old_size - 1) else (old_root, *path)
    new = old
    for sibling in rest:
        if not last:
            return False
        if first & 1 or first == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not first & 1:  # ends: an even one equals `last` here, which is not 0
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        first, last = first >> 1, last >> 1
    return not last and old == old_root and new == root


def _block_root(level: bytes) -> bytes:
    while len(level) > HASH_BYTES:
        level = _parents(level)
    return level


def _parents(level: bytes) -> bytes:
    paired = len(level) - len(level) % _PAIR
    parents = [sha256(_NODE + level[at : at + _PAIR]).digest() for at in range(0, paired, _PAIR)]
    parents.append(level[paired:])
    return b"".join(parents)


def _pack(leaves: Iterable[bytes] | bytes | bytearray) -> bytes | bytearray:
    if isinstance(leaves, bytes | bytearray):
        if len(leaves) % HASH_BYTES:
            raise BadValue(f"{len(leaves)} bytes of packed leaf hashes: a multiple of {HASH_BYTES} is expected")
        return leaves
    listed = tuple(leaves)
    _check_hashes(listed)
    return b"".join(listed)


def _split(packed: bytes) -> list[bytes]:
    return [packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES)]


def _all_hashes(hashes: Sequence[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in hashes)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    for each in hashes:
        if len(each) != HASH_BYTES:
            raise BadValue(f"a hash of {len(each)} bytes: SHA-256 has {HASH_BYTES}")
