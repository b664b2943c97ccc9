"""The exercise ``covered_twice``: positions that two runs have covered."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.observe import reply
from esworkbench.course.small_log import day
from esworkbench.forensics.diagnosis.context import Batch
from esworkbench.forensics.diagnosis.faults.double_apply import overlaps


def _touching(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    """As ``_neighbours``, but the end is taken for the first position that was not covered."""
    pairs = pairwise(sorted(runs, key=lambda run: (run.from_position, run.to_position)))
    return [
        (b.from_position, min(a.to_position, b.to_position), 1)
        for a, b in pairs if b.from_position <= a.to_position + 1
    ]  # fmt: skip


def _neighbours(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    pairs = pairwise(sorted(runs, key=lambda run: (run.from_position, run.to_position)))
    return [
        (b.from_position, min(a.to_position, b.to_position), 1)
        for a, b in pairs if b.from_position <= a.to_position
    ]  # fmt: skip


def _each_pair(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    both = [
        (max(a.from_position, b.from_position), min(a.to_position, b.to_position)) for a, b in combinations(runs, 2)
    ]
    return [(first, last, 1) for first, last in both if first <= last]


def _end_excluded(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return overlaps([run._replace(to_position=run.to_position - 1) for run in runs])


def _counts_covers(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return [(first, last, extra + 1) for first, last, extra in overlaps(list(runs))]


def _once_at_most(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return [(first, last, 1) for first, last, _ in overlaps(list(runs))]


def _run(number: int, first: int, last: int, run_id: str = "run-1") -> Batch:
    return Batch(
        id=number, shard=0, from_position=first, to_position=last, run_id=run_id, code_version="1",
        saved_at=day(number),
    )  # fmt: skip


SPANS = st.builds(lambda first, more: (first, first + more), st.integers(1, 8), st.integers(0, 4))


@st.composite
def _runs(draw: st.DrawFn) -> tuple[list[Batch]]:
    """Runs at and about each other's ends, some of a single position, some twice over and by the same process."""
    spans = draw(st.lists(st.tuples(SPANS, st.sampled_from(["run-1", "run-2"])), max_size=5))
    return ([_run(number, first, last, run) for number, ((first, last), run) in enumerate(spans, start=1)],)


def _play_covered(answer: Any, runs: list[Batch]) -> Any:
    """In order, and neighbours with the same count joined: where to split a stretch is anybody's choice."""
    said = answer(runs)
    said = list(said) if isinstance(said, Iterator) else said
    rows = reply(lambda: sorted((first, last, extra) for first, last, extra in said))
    if not isinstance(rows, list):
        return said
    joined: list[tuple[Any, Any, Any]] = []
    for first, last, extra in rows:
        if joined and joined[-1][1] + 1 == first and joined[-1][2] == extra:
            first = joined.pop()[0]
        joined.append((first, last, extra))
    return joined


def _shown_runs(runs: Sequence[Batch]) -> str:
    return "runs " + (", ".join(f"{run.from_position}–{run.to_position}" for run in runs) or "none")


COVERED_TWICE = Exercise(
    name="covered_twice",
    task=(
        "Given runs of one shard with `from_position` and `to_position`, both inclusive and in no order, list what was "
        "covered too often: `(first, last, extra)`, both positions inclusive, `extra` being how often too many (2 for "
        "what was covered three times). No position stands in two of them. Their order is yours to choose, and so is "
        "where a stretch is split, if anywhere. Leave the runs as they are."
    ),
    stub=(
        "from esworkbench.forensics.diagnosis.context import Batch\n\n\n"
        "def my_covered_twice(runs: list[Batch]) -> list[tuple[int, int, int]]: ..."
    ),
    reference=overlaps,
    cases=_runs(),
    examples=[
        ([_run(1, 1, 5), _run(2, 6, 9), _run(3, 13, 13), _run(4, 4, 8), _run(5, 5, 7), _run(6, 13, 13)],),
        ([_run(1, 1, 1_200), _run(2, 1_100, 1_300)],),
    ],
    play=_play_covered,
    given=_shown_runs,
    hints=(
        "A run may reach back over several others.",
        "Count +1 where a run begins and −1 after it ends; walk along the positions and watch the depth.",
    ),
    mistakes={
        "touching": Mistake(
            _touching, "runs that only touch cover nothing twice: one begins at the position after the other's last"
        ),
        "neighbours": Mistake(
            _neighbours, "a run may reach over several others: compare each run with all, not with the one before it"
        ),
        "each pair": Mistake(
            _each_pair,
            "a stretch that three runs share is listed once for each pair of them: list it once, and count all of them",
        ),
        "end excluded": Mistake(_end_excluded, "off by one: the position at which a run ends was covered as well"),
        "covers counted": Mistake(_counts_covers, "covered twice is once too many: count the extra applications"),
        "once at most": Mistake(_once_at_most, "what was covered three times is two times too many, not one"),
    },
)  # fmt: skip
