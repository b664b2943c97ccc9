"""The exercise ``dead_steps``: steps that no event needs any more."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake


def dead_steps(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    """The steps that no event starts at or passes through."""
    return [step for step in steps if not any(written[version] for version in written if version <= step)]


def _the_obvious_query(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not written.get(step)]


def _only_what_passes(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not any(written[version] for version in written if version < step)]


def _newer_ones_too(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not any(written.values())]


def _only_the_oldest(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return dead_steps(written, steps)[:1]


def _not_in_written(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if not any(version <= step for version in written)]


def _the_living(written: Mapping[int, int], steps: Sequence[int]) -> list[int]:
    return [step for step in steps if step not in dead_steps(written, steps)]


def _play_dead_steps(answer: Any, written: dict[int, int], steps: list[int]) -> Any:
    dead = answer(written, steps)
    return sorted(dead) if isinstance(dead, Iterable) else dead


@st.composite
def _written_and_steps(draw: st.DrawFn) -> tuple[dict[int, int], list[int]]:
    """Versions without events have a 0 or are left out; the oldest may be gone, and their steps with them."""
    written = draw(st.dictionaries(st.integers(1, 5), st.sampled_from([0, 0, 0, 1, 59]), max_size=5))
    first, end = draw(st.integers(1, 3)), draw(st.integers(3, 5))
    steps = list(range(first, end))
    return {version: count if version >= first else 0 for version, count in written.items()}, steps


DEAD_STEPS = Exercise(
    name="dead_steps",
    task=(
        "`written` says how many events of one type were really written in each version; where a version isn't in it "
        "or has 0, there is none. `steps` are the versions that the type's upcasters start from, ascending, each "
        "leading to the next version and none left out; nothing was written in a version before the first. An event is "
        "read through all steps from its version on. Return those of `steps` that no event needs any more: a list in "
        "any order, empty where all are needed."
    ),
    stub=(
        "from collections.abc import Mapping, Sequence\n\n\n"
        "def my_dead_steps(written: Mapping[int, int], steps: Sequence[int]) -> list[int]: ..."
    ),
    reference=dead_steps,
    cases=_written_and_steps(),
    examples=[
        ({1: 59, 2: 0, 3: 0, 4: 99}, [1, 2, 3]),
        ({2: 106, 3: 182, 4: 168}, [1, 2, 3]),
        ({1: 0, 2: 0, 4: 10}, [1, 2, 3]),
        ({}, [6, 7, 8, 9, 10, 11, 12]),
        ({12: 1, 10: 5, 9: 0}, [8, 9, 10, 11]),
    ],
    play=_play_dead_steps,
    hints=("Who needs the step from v2? Also those who were v1 first.", "Count the events at or below the version."),
    mistakes={
        "the obvious query": Mistake(
            _the_obvious_query,
            "nothing was written in the version of that step, and yet every older event passes through it on its way",
        ),
        "off by one version": Mistake(
            _only_what_passes, "events that were written in the version of a step begin with it, and so need it"
        ),
        "newer ones too": Mistake(
            _newer_ones_too, "events in newer versions never pass through the steps before: these may be dead"
        ),
        "only the oldest": Mistake(
            _only_the_oldest,
            "not only the oldest step can be dead: nor does anything need the next one, or all of them",
        ),
        "not in written": Mistake(
            _not_in_written, "a version may stand in `written` with 0 events: look at how many, not whether it is there"
        ),
        "the living": Mistake(_the_living, "these are the steps that are still needed: the others are dead"),
    },
)
