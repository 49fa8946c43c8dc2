"""Merkle trees against published vectors, and consistent among themselves over random sizes."""

import hashlib

import pytest
from hypothesis import given, strategies as st

from urja.core import merkle

DATA = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Those of the test data of Google's certificate-transparency, which RFC 6962's authors published with it."""


def leaves(count):
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(count)]


def nodes_of(hashes):
    tree, stored = merkle.Frontier(), {}
    for leaf in hashes:
        for level, index, hashed in tree.append(leaf):
            assert (level, index) not in stored, "a complete subtree is stored once"
            stored[level, index] = hashed
    return lambda level, index: stored[level, index]


def by_definition(hashes):
    """MTH as RFC 9162 2.1.1 defines it."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return merkle.node_hash(by_definition(hashes[:split]), by_definition(hashes[split:]))


def root_of(hashes):
    tree = merkle.Frontier()
    for hashed in hashes:
        tree.append(hashed)
    return tree.root()


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size):
    assert root_of(map(merkle.leaf_hash, DATA[:size])).hex() == ROOTS[size - 1]


def test_the_empty_tree():
    assert root_of([]) == merkle.EMPTY_ROOT == hashlib.sha256(b"").digest()


PUBLISHED_PATHS = [
    (0, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (5, 8, [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]  # fmt: skip


@pytest.mark.parametrize(("index", "size", "path"), PUBLISHED_PATHS)
def test_published_inclusion_proofs(index, size, path):
    hashes = [merkle.leaf_hash(data) for data in DATA]
    assert [hashed.hex() for hashed in merkle.inclusion_proof(index, size, nodes_of(hashes))] == path


PUBLISHED_CONSISTENCY = [
    (1, 1, []),
    (1, 8, [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]),
    (6, 8, [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]),
    (2, 5, [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path"), PUBLISHED_CONSISTENCY)
def test_published_consistency_proofs(old, new, path):
    nodes = nodes_of([merkle.leaf_hash(data) for data in DATA])
    proof = merkle.consistency_proof(old, new, nodes)
    assert [hashed.hex() for hashed in proof] == path
    assert merkle.verify_consistency(
        old, new, proof, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    )


sizes = st.integers(1, 70)


@given(st.data(), sizes)
def test_each_leaf_is_included_and_no_other(data, size):
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    root = by_definition(hashes)
    assert root_of(hashes) == root
    proof = merkle.inclusion_proof(index, size, nodes_of(hashes))
    assert merkle.verify_inclusion(hashes[index], index, size, proof, root)
    other = data.draw(st.integers(0, size))
    if other != index:
        assert not merkle.verify_inclusion(hashes[index], other, size, proof, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"forged"), index, size, proof, root)
    assert not merkle.verify_inclusion(hashes[index], index, size, [*proof, bytes(32)], root)
    if proof:
        broken = data.draw(st.integers(0, len(proof) - 1))
        changed = [bytes(32) if at == broken else hashed for at, hashed in enumerate(proof)]
        assert not merkle.verify_inclusion(hashes[index], index, size, changed, root)
        assert not merkle.verify_inclusion(hashes[index], index, size, proof[:-1], root)


@given(st.data(), sizes)
def test_a_tree_goes_on_from_each_smaller_one_and_from_no_rewritten_one(data, new):
    hashes = leaves(new)
    old = data.draw(st.integers(1, new))
    old_root, new_root = by_definition(hashes[:old]), by_definition(hashes)
    proof = merkle.consistency_proof(old, new, nodes_of(hashes))
    assert merkle.verify_consistency(old, new, proof, old_root, new_root)
    rewritten = [*hashes]
    rewritten[data.draw(st.integers(0, old - 1))] = merkle.leaf_hash(b"forged")
    forged = merkle.consistency_proof(old, new, nodes_of(rewritten))
    assert not merkle.verify_consistency(old, new, forged, old_root, by_definition(rewritten))
    assert not merkle.verify_consistency(old, new, [*proof, bytes(32)], old_root, new_root)


@given(sizes, sizes)
def test_a_tree_that_is_taken_up_again_has_the_same_root(first, more):
    hashes = leaves(first + more)
    nodes = nodes_of(hashes)
    tree = merkle.Frontier(first, [nodes(level, index) for level, index in merkle.peaks(first)])
    assert tree.root() == by_definition(hashes[:first])
    for leaf in hashes[first:]:
        tree.append(leaf)
    assert tree.root() == by_definition(hashes)


def test_what_no_tree_has_is_refused():
    with pytest.raises(ValueError, match="not among"):
        merkle.inclusion_proof(3, 3, nodes_of(leaves(3)))
    with pytest.raises(ValueError, match="go on"):
        merkle.consistency_proof(0, 3, nodes_of(leaves(3)))
    assert not merkle.verify_inclusion(leaves(1)[0], 1, 1, [], leaves(1)[0])
    assert not merkle.verify_consistency(0, 1, [], merkle.EMPTY_ROOT, leaves(1)[0])
