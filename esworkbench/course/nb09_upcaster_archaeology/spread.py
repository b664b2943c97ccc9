"""The exercise ``spread``: which events of a log to look at."""

from collections.abc import Iterable, Sequence, Set
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake


def spread(positions: Sequence[int], size: int) -> list[int]:
    """Both ends, and even steps between."""
    last = len(positions) - 1
    return [positions[last * number // (size - 1)] for number in range(size)]


def _the_first_ones(positions: Sequence[int], size: int) -> Sequence[int]:
    return positions[:size]


def _the_newest_ones(positions: Sequence[int], size: int) -> Sequence[int]:
    return positions[-size:]


def _without_the_last(positions: Sequence[int], size: int) -> list[int]:
    return [positions[len(positions) * number // size] for number in range(size)]


def _newest_first(positions: Sequence[int], size: int) -> list[int]:
    return spread(positions, size)[::-1]


def _both_ends_only(positions: Sequence[int], size: int) -> list[int]:
    return [*positions[: size - 1], positions[-1]]


def _one_too_many(positions: Sequence[int], size: int) -> list[int]:
    return spread(positions, size + 1) if size < len(positions) else [*positions, positions[-1]]


def _even_along_the_log(positions: Sequence[int], size: int) -> list[int]:
    step = (positions[-1] - positions[0]) / (size - 1)
    wanted = [positions[0] + step * number for number in range(size)]
    return [min(positions, key=lambda position: abs(position - each)) for each in wanted]


def _made_up(positions: Sequence[int], size: int) -> list[int]:
    step = (positions[-1] - positions[0]) / (size - 1)
    return [round(positions[0] + step * number) for number in range(size)]


def _cut_off(positions: Sequence[int], size: int) -> list[int]:
    step = (len(positions) - 1) / (size - 1)
    return [*(positions[int(number * step)] for number in range(size - 1)), positions[-1]]


def _added_up(positions: Sequence[int], size: int) -> list[int]:
    step = (len(positions) - 1) / (size - 1)
    places = accumulate([step] * (size - 2), initial=0.0)
    return [*(positions[int(place)] for place in places), positions[-1]]


def _play_spread(answer: Any, positions: list[int], size: int) -> Any:
    """An even sample is as good as any other: each choice may be a neighbour of where the even step falls."""
    chosen = answer(positions, size)
    if not isinstance(chosen, Iterable) or isinstance(chosen, Set):
        return chosen
    chosen = list(chosen)
    last = len(positions) - 1
    places = [positions.index(each) if each in positions else -1 for each in chosen]
    in_order = all(before < after for before, after in pairwise(places))
    even = all(abs(place * (size - 1) - last * number) < size - 1 for number, place in enumerate(places))
    return spread(positions, size) if len(chosen) == size and in_order and even else chosen


@st.composite
def _positions_and_size(draw: st.DrawFn) -> tuple[list[int], int]:
    """Positions of a type that was written now more, now less often, and as many as there are at most."""
    steps = draw(st.lists(st.sampled_from([1, 1, 2, 3, 40]), min_size=2, max_size=12))
    steps *= draw(st.sampled_from([1] * 9 + [10]))
    positions = [sum(steps[: number + 1]) for number in range(len(steps))]
    return positions, draw(st.integers(2, len(positions)))


SPREAD = Exercise(
    name="spread",
    task=(
        "`positions` are those of one event type in the log, ascending. Choose `size` of them, at least 2 and at most "
        "all, so that rare old shapes get their share: a list in the order of the log, with the first and the last, "
        "and even steps between, counted in events of that type and not in positions. Where a step falls on an event, "
        "take that one; where it falls between two, take either of them, but none twice."
    ),
    stub="def my_spread(positions: list[int], size: int) -> list[int]: ...",
    reference=spread,
    cases=_positions_and_size(),
    examples=[
        (list(range(10, 1010, 10)), 5),
        ([1, 2, 3, 4, 5, 6, 100, 200], 4),
        (list(range(1, 101)), 50),
        ([3, 7, 8], 3),
        (list(range(1, 14)), 10),
        (list(range(1, 32)), 23),
        (list(range(1, 47)), 36),
    ],
    play=_play_spread,
    hints=(
        "Number the choices 0 to `size - 1`; number 0 is the first event, number `size - 1` the last.",
        "`positions[last * number // (size - 1)]`, where `last` is `len(positions) - 1`.",
    ),
    mistakes={
        "the first ones": Mistake(
            _the_first_ones, "these are the first ones in the log: shapes that came later are never seen"
        ),
        "the newest ones": Mistake(
            _the_newest_ones, "these are the last ones in the log: shapes that were given up earlier are never seen"
        ),
        "off by one": Mistake(
            _without_the_last, "it stops a step before the end: include the first event and the last as well"
        ),
        "wrong order": Mistake(
            _newest_first, "the sample isn't in the order of the log, and shapes are dated by who came first"
        ),
        "both ends only": Mistake(
            _both_ends_only, "the steps are uneven, and a long stretch in a row is never looked at: spread them evenly"
        ),
        "one too many": Mistake(_one_too_many, "there is one more than was asked for: return exactly `size` of them"),
        "even along the log": Mistake(
            _even_along_the_log,
            "the steps are even in positions of the log, where this type is written now more, now less often: count "
            "its own events",
        ),
        "made up": Mistake(
            _made_up, "there are positions among them at which the type has no event: choose from those given"
        ),
        "cut off": Mistake(
            _cut_off,
            "a float may come out a hair below the event that a step falls on, and cutting it off takes the one "
            "before: divide whole numbers, and last",
        ),
        "added up": Mistake(
            _added_up,
            "a float that grows step by step gathers errors, until it misses the event that a step falls on: compute "
            "each place from its number",
        ),
    },
)
