"""The exercise ``left_to_do``: what each shard has yet to handle after a kill."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "All processes were killed. Return the positions of the events that are still to be handled, in the order of "
    "the log. Each event of `log` has a `position` and a `shard`. `checkpoints` is a list: `checkpoints[shard]` is "
    "the last position up to which that shard has handled its events, and 0 if it has handled none."
)


class Seen(NamedTuple):
    """An event of the log, and the shard that handles it."""

    position: int
    shard: int


def left_to_do(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    """Each shard goes on from its own checkpoint."""
    return [event.position for event in log if event.position > checkpoints[event.shard]]


@st.composite
def _logs_and_checkpoints(draw: st.DrawFn) -> tuple[list[Seen], list[int]]:
    """Positions with gaps, of one digit or two; two or three shards; checkpoints at, between and behind positions."""
    shards = draw(st.integers(2, 3))
    first = draw(st.sampled_from([1, 1, 5]))
    positions = sorted(draw(st.sets(st.integers(first, first + 8), max_size=6)))
    log = [Seen(position, draw(st.integers(0, shards - 1))) for position in positions]
    return log, draw(st.lists(st.sampled_from([0, *range(first, first + 9)]), min_size=shards, max_size=shards))


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _after_the_slowest(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > min(checkpoints)]


def _after_the_fastest(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position > max(checkpoints)]


def _from_the_checkpoint(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [event.position for event in log if event.position >= checkpoints[event.shard]]


def _shard_by_shard(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]:
    return [
        event.position
        for shard, checkpoint in enumerate(checkpoints)
        for event in log
        if event.shard == shard and event.position > checkpoint
    ]


def _whole_events(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[Seen]:
    return [event for event in log if event.position > checkpoints[event.shard]]


# --- the exercise -----------------------------------------------------------------------------------------------------

LEFT_TO_DO = Exercise(
    name="left_to_do",
    task=TASK,
    stub=(
        "from collections.abc import Sequence\n\n"
        "from esworkbench.course.nb06_rebuilding_projections import Seen  # position, shard\n\n\n"
        "def my_left_to_do(log: Sequence[Seen], checkpoints: Sequence[int]) -> list[int]: ..."
    ),
    reference=left_to_do,
    cases=_logs_and_checkpoints(),
    examples=[
        ([Seen(1, 0), Seen(2, 1), Seen(3, 1), Seen(4, 0), Seen(5, 0), Seen(6, 1)], [4, 2]),
        ([Seen(1, 1), Seen(2, 0)], [0, 0]),
        ([Seen(8, 0), Seen(9, 1), Seen(10, 0), Seen(100, 1)], [8, 0]),
    ],
    hints=("Each shard has a checkpoint of its own.", "`event.position > checkpoints[event.shard]`"),
    mistakes={
        "double apply": Mistake(
            _after_the_slowest, "what a shard ahead of the slowest one has done is done again, and counts twice"
        ),
        "lost": Mistake(
            _after_the_fastest, "events are lost: a slower shard never saw them, whatever the fastest one has seen"
        ),
        "off by one": Mistake(
            _from_the_checkpoint, "the event at a checkpoint is done again: a checkpoint is what *was* handled"
        ),
        "shard by shard": Mistake(
            _shard_by_shard, "these are the right positions, shard by shard: return them in the order of the log"
        ),
        "whole events": Mistake(_whole_events, "these are the right events: return their positions alone"),
    },
)
