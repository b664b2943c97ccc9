"""Lines and events are matched one to one: the most pairs, and of those ways the one with the least distance."""

import random
from collections import Counter
from datetime import date, timedelta
from itertools import permutations

import pytest

from esworkbench.forensics.compare.matching import Item, _in_order, match, nearest

DAY = date(2026, 1, 1)


def best(lines: list[int], movements: list[int], window: int) -> tuple[int, int]:
    """The most pairs, and their least sum of days: every way there is, tried."""
    if len(lines) > len(movements):
        lines, movements = movements, lines
    found = (0, 0)
    for way in permutations([*movements, *[None] * len(lines)], len(lines)):
        apart = [abs(day - other) for day, other in zip(lines, way, strict=True) if other is not None]
        if all(days <= window for days in apart):
            found = max(found, (len(apart), -sum(apart)))
    return found


@pytest.mark.parametrize("seed", range(40))
def test_no_other_way_has_more_pairs_or_less_distance(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(6):
        lines, movements = (sorted(dice.randint(0, 14) for _ in range(dice.randint(0, 4))) for _ in range(2))
        window = dice.randint(0, 6)
        pairs = nearest(lines, movements, window)
        apart = [abs(lines[line] - movements[movement]) for line, movement in pairs]
        assert (len(pairs), -sum(apart)) == best(lines, movements, window), (lines, movements, window)
        assert max(apart, default=0) <= window
        for side in zip(*pairs, strict=True):
            assert len(set(side)) == len(side)
        assert len(_in_order(lines, movements, window)) == len(pairs)


def test_the_nearest_free_partner_again_and_again_is_not_the_best() -> None:
    """Two events on the 5th and 8th, lines on the 1st and 6th: taking the 5th and 6th first leaves the others apart."""
    assert nearest([1, 6], [5, 8], 4) == [(0, 0), (1, 1)]


def item(day: int, amount: int, reference: str = "", bank_id: str = "", place: int = 0) -> Item:
    return Item((reference, bank_id), amount, DAY + timedelta(days=day), place)


def told(lines: list[Item], movements: list[Item], window: int = 3) -> list[tuple[int, int, str, bool]]:
    return [tuple(pair) for pair in match(lines, movements, window)]  # type: ignore[misc]


def test_an_id_counts_before_amount_and_day() -> None:
    assert told([item(0, 5, "a"), item(0, 5, "b")], [item(9, 5, "b"), item(0, 5, "c")]) == [
        (0, 1, "amount", False), (1, 0, "id", False),
    ]  # fmt: skip


def test_one_id_with_another_amount_is_altered_and_an_id_of_the_bank_is_one_too() -> None:
    assert told([item(0, 5, "a"), item(1, 7, "x", "k")], [item(0, 6, "a"), item(1, 7, "K ")]) == [
        (0, 0, "id", True), (1, 1, "id", False),
    ]  # fmt: skip


def test_a_month_s_rent_is_not_matched_to_the_next_one_s() -> None:
    rents = [item(day, -900, "rent", place=day) for day in (0, 30, 60, 90)]
    assert told([rents[0], rents[2], rents[3]], rents) == [
        (0, 0, "id", False),
        (1, 2, "id", False),
        (2, 3, "id", False),
    ]
    assert told([rents[0]], [rents[1]], window=3) == [(0, 0, "id", False)]  # told once on both sides: it says which
    assert told([rents[0], rents[3]], [rents[1], rents[2]]) == []


def test_one_movement_told_in_parts_is_matched_whole() -> None:
    assert told([item(0, 3, "a"), item(1, 4, "a")], [item(0, 7, "a")]) == [
        (0, 0, "parts", False),
        (1, 0, "parts", False),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_in_which_they_are_given_changes_nothing(seed: int) -> None:
    dice = random.Random(seed)
    lines = [item(dice.randint(0, 9), dice.randint(1, 2), dice.choice(["", "a", "b"]), place=n) for n in range(8)]
    movements = [item(dice.randint(0, 9), dice.randint(1, 2), dice.choice(["", "a", "b"]), place=n) for n in range(8)]

    def pairs(one: list[Item], other: list[Item]) -> Counter[tuple[Item, Item, str, bool]]:
        return Counter(
            (one[pair.line], other[pair.movement], pair.by, pair.is_altered) for pair in match(one, other, 3)
        )

    first = pairs(lines, movements)
    assert pairs(dice.sample(lines, 8), dice.sample(movements, 8)) == first
    used = Counter(pair.line for pair in match(lines, movements, 3) if pair.by != "parts")
    assert set(used.values()) <= {1}


def test_many_of_one_amount_are_matched_in_their_order() -> None:
    days = sorted(random.Random(1).randint(0, 40) for _ in range(2_500))
    assert nearest(days, days, 5) == [(each, each) for each in range(2_500)]
