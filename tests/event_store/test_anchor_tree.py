"""Promise 6: the tree over a log is that of RFC 9162, its proofs hold, and no other proof does.

The oracle is the RFC's own recursive definition, over lists; known roots are those of the reference implementation.
"""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.event_store.anchors.tree import (
    Frontier,
    Leaf,
    consistency_path,
    includes,
    inclusion_path,
    is_consistent,
    leaf_hash,
    root_of,
)

REFERENCE_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
REFERENCE_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Of certificate-transparency's merkle_tree_test."""
MOST = 33


def mth(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = max(1 << bit for bit in range(10) if 1 << bit < len(hashes))
    return sha256(b"\x01" + mth(hashes[:half]) + mth(hashes[half:])).digest()


HASHES = [sha256(b"%d" % number).digest() for number in range(MOST)]


@pytest.mark.parametrize("count", REFERENCE_ROOTS)
def test_roots_are_those_of_the_reference_implementation(count: int) -> None:
    hashes = [sha256(b"\x00" + bytes.fromhex(each)).digest() for each in REFERENCE_LEAVES[:count]]
    assert root_of(hashes).hex() == REFERENCE_ROOTS[count]


def test_a_leaf_is_hashed_as_the_page_says() -> None:
    framed = b"".join(len(each).to_bytes(8, "big") + each for each in (b"s-\xc3\xa9", b"3", b"17", b"ab" * 32))
    assert leaf_hash(Leaf(17, "s-é", 3, "ab" * 32)) == sha256(b"\x00esworkbench:leaf:v1\n" + framed).digest()


def test_no_two_places_of_one_event_have_one_leaf() -> None:
    moved = [
        Leaf(1, "a", 23, "0" * 64),
        Leaf(12, "a", 3, "0" * 64),
        Leaf(1, "a2", 3, "0" * 64),
        Leaf(3, "a", 12, "0" * 64),
    ]
    assert len({leaf_hash(each) for each in moved}) == len(moved)


def test_every_proof_of_every_small_tree_holds_and_none_for_another_place() -> None:
    for count in range(1, MOST):
        hashes, root = HASHES[:count], mth(HASHES[:count])
        assert root_of(hashes) == root
        for index in range(count):
            path = inclusion_path(iter(hashes), index, count)
            assert includes(root, count, hashes[index], index, path)
            others = [at for at in range(-1, count + 2) if at != index]
            assert not any(includes(root, count, hashes[index], at, path) for at in others)
            assert not includes(root, count, HASHES[-1], index, path)
            assert not includes(root, count, hashes[index], index, [*path, root])
            assert not path or not includes(root, count, hashes[index], index, path[:-1])


def test_every_small_tree_is_consistent_with_what_it_grew_from_and_with_nothing_else() -> None:
    for count in range(1, MOST):
        root = mth(HASHES[:count])
        for earlier in range(1, count + 1):
            path = consistency_path(iter(HASHES[:count]), earlier, count)
            was = mth(HASHES[:earlier])
            assert is_consistent(was, earlier, root, count, path)
            other = mth([HASHES[-1], *HASHES[1:earlier]])
            assert not is_consistent(other, earlier, root, count, path)
            assert not is_consistent(was, earlier, other, count, path)
            assert earlier == count or not is_consistent(was, earlier, root, count, path[:-1])
            assert not is_consistent(was, earlier, root, count, [*path, root])


@given(st.integers(1, 400), st.data())
def test_a_frontier_goes_on_where_it_was_left(count: int, data: st.DataObject) -> None:
    hashes = [sha256(b"%d" % number).digest() for number in range(count)]
    first = data.draw(st.integers(0, count))
    begun = Frontier().extend(hashes[:first])
    gone_on = Frontier(begun.peaks, begun.count).extend(hashes[first:])
    assert gone_on.root() == mth(hashes)


@pytest.mark.parametrize(("index", "count"), [(-1, 3), (3, 3), (0, 0), (0, 4)])
def test_what_no_leaf_is_there_for_is_refused(index: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"leaf|leaves"):
        inclusion_path(iter(HASHES[:3]), index, count)


def test_a_frontier_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="complete subtrees"):
        Frontier([b"x" * 32], 3)
