"""The order inside a day: found where the balances chain, and said plainly where it isn't known."""

import random
from itertools import pairwise, permutations
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esworkbench.evidence.capturing.ordering import SMALL_DAY, BookedRow, order_day, order_days


def booked(*rows: tuple[int, int]) -> list[BookedRow]:
    return [BookedRow(*row) for row in rows]


def chained(amounts: list[int], opening: int = 0) -> list[BookedRow]:
    rows = []
    for amount in amounts:
        opening += amount
        rows.append(BookedRow(amount, opening))
    return rows


def steps_fit(rows: list[BookedRow], order: list[int], opening: int, limit: int) -> bool:
    for index in order:
        if abs(rows[index].balance - opening - rows[index].amount) > limit:
            return False
        opening = rows[index].balance
    return sorted(order) == list(range(len(rows)))


def test_a_day_that_chains_is_put_in_its_order() -> None:
    found = order_day(booked((-30, 170), (100, 100), (100, 200)), opening=0, limit=0)
    assert found.order == [1, 2, 0]
    assert (found.verdict, found.rounded_steps, found.largest_residual) == ("exact", 0, 0)


@pytest.mark.parametrize(
    ("walk", "verdict"),
    [
        ([0, 50, 0, 70, 0], "ambiguous"),
        ([0, 50, 0, 70, 50], "ambiguous"),
        ([0, 50, 70, 50, 0, 50], "ambiguous"),
        ([0, 50, 0, 70], "exact"),
        ([0, 50, 0, 50, 70, 80], "exact"),
        ([0, 50, 70, 50, 80], "exact"),
    ],
)
def test_an_order_that_is_not_the_only_one_is_called_ambiguous(walk: list[int], verdict: str) -> None:
    rows = [BookedRow(after - before, after) for before, after in pairwise(walk)]
    assert order_day(rows, opening=0, limit=0).verdict == verdict


def test_rows_alike_in_amount_and_balance_make_no_second_order() -> None:
    same_round_twice = booked((50, 50), (50, 50), (-50, 0), (-50, 0))
    assert order_day(same_round_twice, opening=0, limit=0).verdict == "exact"


def test_steps_within_the_limit_chain_by_rounding_in_as_few_places_as_can_be() -> None:
    rows = booked((100, 100), (-7, 100), (5, 105))
    found = order_day(rows, opening=0, limit=10)
    assert (found.verdict, found.rounded_steps, found.largest_residual) == ("rounded", 1, 2)
    assert found.order == [0, 2, 1]
    assert order_day(rows, opening=0, limit=1).verdict == "unresolved"


def test_a_day_without_an_order_is_left_with_the_fewest_steps_that_do_not_follow() -> None:
    found = order_day(booked((5, 900), (100, 100)), opening=0, limit=10)
    assert (found.verdict, found.order, found.rounded_steps) == ("unresolved", [1, 0], 0)
    assert found.largest_residual == 795


def test_days_chain_on_each_other() -> None:
    days = [booked((100, 100)), booked((-20, 130), (50, 150)), booked((1, 131))]
    assert [day.verdict for day in order_days(days, opening=0, limit=0)] == ["exact"] * 3
    assert order_day(days[1], opening=0, limit=0).verdict == "unresolved"


def test_a_wrong_day_does_not_spoil_the_days_after_it() -> None:
    days = [booked((100, 100)), booked((7, 600)), booked((-50, 150), (-100, 200)), booked((1, 151))]
    verdicts = [day.verdict for day in order_days(days, opening=0, limit=10)]
    assert verdicts == ["exact", "unresolved", "exact", "exact"]


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60), st.randoms())
def test_a_shuffled_day_is_always_chained_again(amounts: list[int], rng: random.Random) -> None:
    rows = chained(amounts, opening=3)
    rng.shuffle(rows)
    found = order_day(rows, opening=3, limit=0)
    assert found.verdict in ("exact", "ambiguous")
    assert steps_fit(rows, found.order, 3, 0)


@settings(max_examples=400)
@given(
    st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([0, 0, 0, -1, 1, -2, 2, 3])), min_size=1, max_size=5),
    st.integers(0, 3),
    st.randoms(),
)
def test_every_verdict_is_the_one_that_trying_all_orders_gives(
    days_work: list[tuple[int, int]], limit: int, rng: random.Random
) -> None:
    rows, balance = [], 0
    for amount, off_by in days_work:
        balance += amount + off_by
        rows.append(BookedRow(amount, balance))
    rng.shuffle(rows)
    assert len(rows) <= SMALL_DAY
    fewest, walks = None, set()
    for order in permutations(range(len(rows))):
        if not steps_fit(rows, list(order), 0, limit):
            continue
        before = [0, *(rows[index].balance for index in order)]
        rounded = sum(
            rows[index].balance - rows[index].amount != balance for index, balance in zip(order, before, strict=False)
        )
        if fewest is None or rounded < fewest:
            fewest, walks = rounded, set()
        if rounded == fewest:
            walks.add(tuple(rows[index] for index in order))
    found = order_day(rows, opening=0, limit=limit)
    if fewest is None:
        assert found.verdict == "unresolved"
    elif fewest:
        assert (found.verdict, found.rounded_steps) == ("rounded", fewest)
    else:
        assert found.verdict == ("exact" if len(walks) == 1 else "ambiguous")


def test_a_long_day_with_rounding_is_chained_too() -> None:
    rng = random.Random(5)
    rows, balance = [], 0
    for number in range(200):
        amount = rng.randint(-(10**6), 10**6)
        balance += amount + (10 if number in (50, 120) else 0)
        rows.append(BookedRow(amount, balance))
    rng.shuffle(rows)
    found = order_day(rows, opening=0, limit=10)
    assert (found.verdict, found.rounded_steps) == ("rounded", 2)
    assert steps_fit(rows, found.order, 0, 10)


def test_time_grows_with_the_rows_and_not_with_their_square() -> None:
    def seconds_for(count: int) -> float:
        rng = random.Random(7)
        rows = chained([rng.randint(-5000, 5000) for _ in range(count)])
        rng.shuffle(rows)
        started = perf_counter()
        found = order_day(rows, opening=0, limit=10)
        elapsed = perf_counter() - started
        assert steps_fit(rows, found.order, 0, 0)
        return elapsed

    assert seconds_for(10_000) < 2.0, "a day of ten thousand rows takes a fraction of a second"
