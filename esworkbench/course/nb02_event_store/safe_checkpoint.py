"""The exercise ``safe_checkpoint``: a reader stops before a position that may still fill."""

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "A reader has read up to position `checkpoint`. Beyond it `visible` are the positions it can read now, in "
    "ascending order, and `under_way`, beyond it as well, those that writers hold and may still commit, in any order; "
    "none is in both. A position in neither list was rolled back and stays empty for ever. Return the new checkpoint: "
    "the last visible position below all that are under way, or the old checkpoint if there is none. Both lists may "
    "be empty."
)


def safe_checkpoint(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    """On to the first position that may still fill, and not past it; one that nobody holds stays empty."""
    for position in sorted([*visible, *under_way]):
        if position in under_way:
            break
        checkpoint = position
    return checkpoint


@st.composite
def _positions(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """After the checkpoint some positions, each visible, under way, or rolled back and so in neither list."""
    checkpoint = draw(st.integers(0, 12) | st.sampled_from([999, 10**6, 10**12]))
    many = draw(st.integers(0, 6))
    fate = st.sampled_from(["visible", "visible", "under way", "rolled back"])
    fates = draw(st.lists(fate, min_size=many, max_size=many))
    visible = [checkpoint + number for number, fate in enumerate(fates, start=1) if fate == "visible"]
    under_way = [checkpoint + number for number, fate in enumerate(fates, start=1) if fate == "under way"]
    return visible, draw(st.permutations(under_way)), checkpoint


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _last_visible(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return max(visible, default=checkpoint)


def _stops_at_any_gap(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    while checkpoint + 1 in visible:
        checkpoint += 1
    return checkpoint


def _onto_the_gap(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return min(under_way, default=max(visible, default=checkpoint))


def _just_below_the_gap(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return min(under_way, default=max(visible, default=checkpoint) + 1) - 1


def _counts(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return checkpoint + len([position for position in visible if position < min(under_way, default=2**63)])


# --- the exercise -----------------------------------------------------------------------------------------------------

SAFE_CHECKPOINT = Exercise(
    name="safe_checkpoint",
    task=TASK,
    stub="def my_safe_checkpoint(visible: list[int], under_way: list[int], checkpoint: int) -> int: ...",
    reference=safe_checkpoint,
    cases=_positions(),
    examples=[([1000], [], 999), ([4], [5, 9, 3], 0)],
    hints=(
        "Two kinds of gaps: one may still fill, the other never will.",
        "The largest visible position below the smallest one under way.",
    ),
    mistakes={
        "passes the gap": Mistake(
            _last_visible, "it goes past a position that is still being written, and that is never seen then"
        ),
        "waits for ever": Mistake(
            _stops_at_any_gap,
            "it stops at a gap that nobody will fill: what was rolled back is waited for in vain, for ever",
        ),
        "off by one position": Mistake(
            _onto_the_gap,
            "it goes on to the position under way, which hasn't been read yet: the checkpoint must stay below it",
        ),
        "just below the gap": Mistake(
            _just_below_the_gap,
            "it takes the position just below the one under way, but that may be an empty one: the task asks for one "
            "of the visible positions",
        ),
        "counts events": Mistake(
            _counts, "it counts events, but a checkpoint is a position: what was rolled back leaves holes"
        ),
    },
)
