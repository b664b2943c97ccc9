"""The exercise ``verdict``: late, wrong or neither."""

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake


def verdict(delta: int, checkpoint: int, head: int) -> str:
    """``delta`` is taken at the projection's own checkpoint, so only a fault makes it anything but 0."""
    if delta:
        return "wrong"
    return "late" if checkpoint < head else "right"


def _late_first(delta: int, checkpoint: int, head: int) -> str:
    return "late" if checkpoint < head else verdict(delta, checkpoint, head)


def _never_late(delta: int, checkpoint: int, head: int) -> str:
    return "wrong" if delta or checkpoint < head else "right"


def _no_head(delta: int, checkpoint: int, head: int) -> str:
    return "wrong" if delta else "right"


def _a_cent_is_nothing(delta: int, checkpoint: int, head: int) -> str:
    return verdict(0 if abs(delta) <= 1 else delta, checkpoint, head)


def _only_too_much(delta: int, checkpoint: int, head: int) -> str:
    return verdict(max(delta, 0), checkpoint, head)


@st.composite
def _delta_and_positions(draw: st.DrawFn) -> tuple[int, int, int]:
    checkpoint = draw(st.sampled_from([0, 1, 346]))
    return draw(st.sampled_from([0, 1, -1, 2, -2, 26_923, -759])), checkpoint, checkpoint + draw(st.integers(0, 3))


VERDICT = Exercise(
    name="verdict",
    task=(
        "Say `'right'`, `'late'` or `'wrong'`, given the delta at the projection's own checkpoint (minor units, of "
        "either sign), that checkpoint, and the head of the log, which is never before it. Late means that waiting is "
        "all it takes. One position behind the head is behind, and a delta of one cent is a delta."
    ),
    stub="def my_verdict(delta: int, checkpoint: int, head: int) -> str: ...",
    reference=verdict,
    cases=_delta_and_positions(),
    examples=[(0, 2**53, 2**53 + 1)],
    hints=("Which of the two does time heal?", "Look at delta first."),
    mistakes={
        "late first": Mistake(
            _late_first, "late and wrong is wrong: waiting will not heal a delta at the projection's own checkpoint"
        ),
        "never late": Mistake(
            _never_late, "a projection that is behind, and right for what it has seen, is late and not wrong"
        ),
        "no head": Mistake(
            _no_head, "a checkpoint before the head of the log is late, even where all that it has seen is right"
        ),
        "a cent of tolerance": Mistake(
            _a_cent_is_nothing,
            "a delta of one cent is let pass: whole numbers leave no room for rounding, so it is a fault",
        ),
        "only too much": Mistake(_only_too_much, "a claim that is too low is wrong as well: its delta is negative"),
    },
)
