"""Merkle trees of append-only logs: roots, inclusion proofs and consistency proofs (RFC 6962, RFC 9162).

A leaf's hash begins with the byte 0x00, a node's with 0x01 (RFC 9162 2.1.1), so that no leaf can be presented as a
node. Proofs are built from the hashes of *complete subtrees*: the node (level, index) covers the 2**level leaves that
begin at index * 2**level. A log stores these hashes as it grows and never changes one of them.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256().digest()
"""The root of a tree without leaves: the hash of nothing (RFC 9162 2.1.1)."""

type SubtreeHash = Callable[[int, int], bytes]
"""Returns the hash of the complete subtree at (level, index)."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf with the content `data`, 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node from those of its two children, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows leaf by leaf and stores only its largest complete subtrees.

    That is one hash of 32 bytes for each one-bit of the size, however long the log.
    """

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Begin with an empty tree, or with `size` leaves whose largest complete subtrees, left to right, are
        `peaks`.
        """
        assert size.bit_count() == len(peaks), "one complete subtree for each bit of the size"
        self.size = size
        self._peaks = list(peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Append a leaf's hash; return the subtrees that it completes, the leaf first, as (level, index, hash)."""
        index, level, hashed = self.size, 0, leaf
        completed = [(level, index, hashed)]
        # A leaf with an odd number completes its parent, and so on up: the same carries as adding one to a binary
        # number.
        while index & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            index, level = index >> 1, level + 1
            completed.append((level, index, hashed))
        self._peaks.append(hashed)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """Return the root of the present tree, 32 bytes."""
        if not self._peaks:
            return EMPTY_ROOT
        *rest, root = self._peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root


def peaks(size: int) -> list[tuple[int, int]]:
    """Return the positions of the largest complete subtrees of a tree, left to right, as (level, index)."""
    found, first = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, first >> level))
            first += 1 << level
    return found


def inclusion_proof(index: int, size: int, nodes: SubtreeHash) -> list[bytes]:
    """Return the hashes that connect a leaf with the root of the first `size` leaves (RFC 9162 2.1.3.1).

    Raises ValueError where `index` is not below `size`.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not among {size}")
    proof, first, end = list[bytes](), 0, size
    while end - first > 1:
        split = first + _split(end - first)
        if index < split:
            proof.append(_hash_over(split, end, nodes))
            end = split
        else:
            proof.append(_hash_over(first, split, nodes))
            first = split
    return proof[::-1]


def consistency_proof(old: int, new: int, nodes: SubtreeHash) -> list[bytes]:
    """Return the hashes that prove that a tree of `new` leaves begins with the one of `old` (RFC 9162 2.1.4.1).

    Raises ValueError unless 0 < `old` <= `new`.
    """
    if not 0 < old <= new:
        raise ValueError(f"a tree of {new} leaves does not go on from one of {old}")
    proof, first, end, whole = list[bytes](), 0, new, True
    while old != end:
        split = first + _split(end - first)
        if old <= split:
            proof.append(_hash_over(split, end, nodes))
            end = split
        else:
            proof.append(_hash_over(first, split, nodes))
            first, whole = split, False
    if not whole:
        proof.append(_hash_over(first, end, nodes))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a proof connects a leaf's hash at `index` with the root of `size` leaves (RFC 9162 2.1.3.2).

    An invalid index or a proof of the wrong length is False, never an exception: proofs come from strangers.
    """
    if not 0 <= index < size:
        return False
    at, last, hashed = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            hashed = node_hash(other, hashed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hashed = node_hash(hashed, other)
        at, last = at >> 1, last >> 1
    return last == 0 and hashed == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Return whether a proof shows that the tree of `new` leaves begins with that of `old` (RFC 9162 2.1.4.2).

    Invalid sizes or a proof of the wrong length are False, never an exception.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    # An old tree of a power of two is itself a complete subtree, and its root is left out of the proof (RFC 9162
    # 2.1.4.2, step 2): the verifier has it.
    hashes = _first_then(old_root, proof) if old.bit_count() == 1 else iter(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    older = newer = next(hashes, b"")
    for other in hashes:
        if last == 0:
            return False
        if at & 1 or at == last:
            older, newer = node_hash(other, older), node_hash(other, newer)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            newer = node_hash(newer, other)
        at, last = at >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def _first_then(first: bytes, rest: Sequence[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _hash_over(first: int, end: int, nodes: SubtreeHash) -> bytes:
    """Return the hash over the leaves from `first` up to `end`.

    `first` is a multiple of the power of two that covers them.
    """
    size = end - first
    if size.bit_count() == 1:
        level = size.bit_length() - 1
        return nodes(level, first >> level)
    split = first + _split(size)
    return node_hash(_hash_over(first, split, nodes), _hash_over(split, end, nodes))
