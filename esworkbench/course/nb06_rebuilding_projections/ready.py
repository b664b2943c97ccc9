"""The exercise ``ready``: whether the next rows may go live."""

from collections.abc import Sequence

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "May the next rows go live? `shards` are the checkpoints of the shards that build them, at least one; `live` "
    "is the checkpoint of the table that readers see now. Readers must see the rows of *one* position, and never "
    "of an earlier one than before; the same one as before will do."
)


def ready(shards: Sequence[int], live: int) -> bool:
    """All shards at one position, and that not before what readers have seen already."""
    return min(shards) == max(shards) >= live


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _without_looking(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards)


def _when_ahead(shards: Sequence[int], live: int) -> bool:
    return min(shards) == max(shards) > live


def _when_one_is(shards: Sequence[int], live: int) -> bool:
    return max(shards) >= live


def _when_mixed(shards: Sequence[int], live: int) -> bool:
    return min(shards) >= live


def _when_equal(shards: Sequence[int], live: int) -> bool:
    return all(shard == live for shard in shards)


# --- the exercise -----------------------------------------------------------------------------------------------------

READY = Exercise(
    name="ready",
    task=TASK,
    stub=("from collections.abc import Sequence\n\n\ndef my_ready(shards: Sequence[int], live: int) -> bool: ..."),
    reference=ready,
    cases=st.one_of(
        st.tuples(st.lists(st.integers(88, 92), min_size=1, max_size=3), st.integers(89, 91)),
        st.tuples(st.lists(st.integers(0, 1), min_size=1, max_size=5), st.integers(0, 1)),
    ),
    examples=[
        ([90, 90], 90),
        ([0, 0], 0),
        ([95, 95], 90),
        ([70, 70], 90),
        ([90, 70], 80),
        ([90, 95], 80),
        ([92, 91, 93], 90),
        (list(map(int, ["1000"] * 3)), 1_000),  # equal, and not one object
        ([2**53, 2**53 + 1], 2**53),
    ],
    hints=("What does a reader see whose table is half at 90 and half at 95?", "All equal, and not below `live`."),
    mistakes={
        "without looking": Mistake(
            _without_looking, "the shards are behind what readers have seen: after the swap, events would be gone"
        ),
        "off by one": Mistake(
            _when_ahead, "the shards are where the live table is: on a quiet day, waiting for more takes for ever"
        ),
        "the fastest counts": Mistake(
            _when_one_is, "one shard has got far enough, and another hasn't: the slowest one counts"
        ),
        "mixed positions": Mistake(
            _when_mixed, "the shards are at different positions: a transfer may be half there, so bring them to one"
        ),
        "exactly there": Mistake(
            _when_equal, "all shards are at one position past the live table's: what more is there to wait for?"
        ),
    },
)
