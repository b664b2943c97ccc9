"""The exercise ``residuals``: how far each claim is off."""

from collections.abc import Sequence
from itertools import accumulate

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake


def residuals(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    """claim[i] − claim[i−1] − posting[i]; the claim before the first is 0."""
    before = [0, *claimed]
    return [now - then - moved for now, then, moved in zip(claimed, before, posted, strict=False)]


def _deltas(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [says - total for says, total in zip(claimed, accumulate(posted), strict=True)]


def _without_the_first(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, posted)[1:]


def _first_is_right(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [0, *residuals(claimed, posted)[1:]] if claimed else []


def _one_posting_late(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, [0, *posted[:-1]] if posted else [])


def _other_sign(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [-each for each in residuals(claimed, posted)]


def _without_sign(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return [abs(each) for each in residuals(claimed, posted)]


def _only_moves(claimed: Sequence[int], posted: Sequence[int]) -> list[int]:
    return residuals(claimed, [0] * len(posted))


AMOUNTS = st.sampled_from([0, 100, -100, 4_210, -4_210, 1, 2**60 + 1])


@st.composite
def _claims_and_postings(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Steps that are mostly right, the first no more than the others."""
    steps = draw(st.lists(st.tuples(AMOUNTS, st.sampled_from([0, 0, 1, -1, 4_210, -4_210])), max_size=6))
    posted = [amount for amount, _ in steps]
    return list(accumulate(amount + off for amount, off in steps)), posted


RESIDUALS = Exercise(
    name="residuals",
    task=(
        "What does each step of a running claim leave unexplained? `claimed` holds the balance that was claimed after "
        "each event, `posted` what each event posts, both in minor units and one of each per event. Return the list of "
        "residuals, one per event, the first included: before it the claim was 0. Without events the list is empty. "
        "Leave both lists as they are."
    ),
    stub="def my_residuals(claimed: list[int], posted: list[int]) -> list[int]: ...",
    reference=residuals,
    cases=_claims_and_postings(),
    examples=[([1_005, 805, 1_305, 1_305, -2_910], [1_000, -200, 500, -4_210, 0])],
    hints=(
        "A residual knows nothing of earlier errors.",
        "claimed[i] − claimed[i−1] − posted[i], with 0 before the first claim",
    ),
    mistakes={
        "deltas": Mistake(
            _deltas, "those are deltas, claimed minus event sum: one step's error shows in all that follow"
        ),
        "the first missing": Mistake(
            _without_the_first, "the first step is missing, and it has a residual too: before it the claim was 0"
        ),
        "the first taken as right": Mistake(
            _first_is_right, "the first residual is always 0: the first claim may be wrong as well, and before it was 0"
        ),
        "off by one": Mistake(
            _one_posting_late, "off by one: step i is explained by posting i, not by the one before it"
        ),
        "sign": Mistake(_other_sign, "the sign is the other way round: what the claim moved by, minus what was posted"),
        "no sign": Mistake(_without_sign, "the sign is lost: a claim that moved too little has a negative residual"),
        "nothing posted": Mistake(
            _only_moves, "that is by how much the claim moved; take off what its event posts, which explains the move"
        ),
    },
)
