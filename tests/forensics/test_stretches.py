"""Whether several accounts are off by one common stretch of the log: on plain numbers, and by a loop that tries all."""

from hypothesis import given, settings
from hypothesis import strategies as st

from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.stretches import Places, stretches

A, B, C = ("A", "USD"), ("B", "USD"), ("C", "USD")

POSTED: dict[Key, Places] = {
    A: [(1, 100), (4, -30), (7, 55), (9, 8)],
    B: [(2, 10), (5, 70), (8, -5)],
    C: [(3, 1_000), (10, -2)],
}


def test_a_hole_that_all_accounts_share_is_found_with_its_ends() -> None:
    """Short of positions 4 to 8: -30 and 55 on A, 70 and -5 on B, nothing on C."""
    best = next(each for each in stretches({A: -25, B: -65}, POSTED, 10, (-1,)) if each.common)
    assert (best.after, best.up_to, best.fits, best.misses) == (3, 8, (A, B), ())


def test_one_account_alone_is_no_common_stretch() -> None:
    assert [each.common for each in stretches({A: -55}, POSTED, 10, (-1,))] == [False]


def test_accounts_that_no_stretch_explains_together_have_none() -> None:
    """A lacks its first event, B its last: between them stands what neither lacks."""
    assert not any(each.common for each in stretches({A: -100, B: 5}, POSTED, 10, (-1,)))


def test_an_account_with_another_fault_besides_does_not_hide_what_the_others_share() -> None:
    errors = {A: -25, B: -65, C: 123_456}
    assert next(each for each in stretches(errors, POSTED, 10, (-1,)) if each.common).fits == (A, B)


MOVES = st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(-99, 99).filter(bool)), min_size=6, max_size=30)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(moves=MOVES, ends=st.tuples(st.integers(0, 30), st.integers(1, 30)), times=st.sampled_from([-2, -1, 1]))
def test_whatever_stretch_is_taken_out_one_that_explains_it_is_found(
    moves: list[tuple[Key, int]], ends: tuple[int, int], times: int
) -> None:
    places: dict[Key, Places] = {}
    for position, (key, amount) in enumerate(moves, start=1):
        places.setdefault(key, []).append((position, amount))
    after, up_to = sorted(ends)
    errors = {
        key: amount for key, mine in places.items()
        if (amount := times * sum(posted for place, posted in mine if after < place <= up_to))
    }  # fmt: skip
    if len(errors) < 2:
        return
    found = max(stretches(errors, places, len(moves), (times,)), key=lambda each: len(each.fits))
    assert set(found.fits) == set(errors)
    for key in found.fits:
        inside = sum(posted for place, posted in places[key] if found.after < place <= found.up_to)
        assert errors[key] == times * inside
