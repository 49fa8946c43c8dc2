"""Merkle trees as certificate logs have them: roots, inclusion proofs, consistency proofs (RFC 6962, RFC 9162).

A leaf's hash begins with a byte 0x00, a node's with 0x01 (RFC 9162 2.1.1), so that no leaf can be taken for a node. A
proof is asked of the hashes of *complete subtrees*: the node (level, index) stands over the 2**level leaves from
index * 2**level on. A log stores these as it grows and changes none of them.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256().digest()

type Nodes = Callable[[int, int], bytes]
"""The hash of the complete subtree at (level, index)."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf that holds `data`."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two others."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows leaf by leaf and keeps only the complete subtrees that its root is made of."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """An empty tree, or one of `size` leaves whose largest complete subtrees from left to right are `peaks`."""
        assert size.bit_count() == len(peaks), "one complete subtree for each bit of the size"
        self.size = size
        self._peaks = list(peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf's hash; returns the subtrees that it completes, itself first, as (level, index, hash)."""
        index, level, hashed = self.size, 0, leaf
        completed = [(level, index, hashed)]
        while index & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            index, level = index >> 1, level + 1
            completed.append((level, index, hashed))
        self._peaks.append(hashed)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The root of the tree as it is now."""
        if not self._peaks:
            return EMPTY_ROOT
        *rest, root = self._peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root


def peaks(size: int) -> list[tuple[int, int]]:
    """Where the largest complete subtrees of a tree stand, from left to right, as (level, index)."""
    found, first = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, first >> level))
            first += 1 << level
    return found


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The hashes that lead from a leaf to the root of the first `size` leaves (RFC 9162 2.1.3.1)."""
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


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """The hashes that show that a tree of `new` leaves begins with one of `old` (RFC 9162 2.1.4.1)."""
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


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof leads from a leaf's hash at `index` to the root of `size` leaves (RFC 9162 2.1.3.2)."""
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


def consistent(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether a proof shows that the tree of `new` leaves begins with that of `old` (RFC 9162 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
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


def _hash_over(first: int, end: int, nodes: Nodes) -> bytes:
    """The hash over the leaves from `first` up to `end`; `first` is a multiple of the power of two they fill."""
    size = end - first
    if size.bit_count() == 1:
        level = size.bit_length() - 1
        return nodes(level, first >> level)
    split = first + _split(size)
    return node_hash(_hash_over(first, split, nodes), _hash_over(split, end, nodes))
