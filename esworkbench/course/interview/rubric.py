"""An answer beside the rubric of its card.

No program guesses whether a sentence means a point: the learner reads both and ticks what the answer says. What the
ticks add up to is a rating, by which the card comes up again sooner or later.
"""

from collections.abc import Collection
from typing import NamedTuple

from esworkbench.course.interview.cards import Card
from esworkbench.errors import UnusableInput

AGAIN, HARD, GOOD, EASY = 1, 2, 3, 4
RATINGS = {AGAIN: "not known", HARD: "with gaps", GOOD: "known", EASY: "known by heart"}
"""What 1 to 4 mean; the four answers that Anki offers as well."""


class ScoredAnswer(NamedTuple):
    """An answer and what its author found in it: the numbers of the points said and of the red flags, both from 1."""

    card: Card
    answer: str
    said: frozenset[int]
    heard: frozenset[int]

    @property
    def missing(self) -> list[str]:
        """The points that weren't said, in the card's order."""
        return [point.text for number, point in enumerate(self.card.points, start=1) if number not in self.said]

    @property
    def rating(self) -> int:
        """EASY for all points, GOOD for two thirds of them, HARD for one third; with a red flag never above HARD."""
        share = len(self.said) / len(self.card.points)
        rating = EASY if share == 1 else GOOD if share >= 2 / 3 else HARD if share >= 1 / 3 else AGAIN
        return min(rating, HARD) if self.heard else rating


def score(card: Card, answer: str, *, said: Collection[int] = (), heard: Collection[int] = ()) -> ScoredAnswer:
    """The answer with its ticks. Raises UnusableInput for a number that the card has no point or red flag for."""
    _require_numbers(said, len(card.points), f"points of card {card.id!r}")
    _require_numbers(heard, len(card.red_flags), f"red flags of card {card.id!r}")
    return ScoredAnswer(card, answer, frozenset(said), frozenset(heard))


def _require_numbers(numbers: Collection[int], most: int, what: str) -> None:
    for number in numbers:
        if not 1 <= number <= most:
            raise UnusableInput(f"there is no number {number} among the {what}: they go from 1 to {most}")


def as_markdown(scored: ScoredAnswer) -> str:
    """The record: question, answer, each point said or not, each red flag that was heard, and the rating."""
    card = scored.card
    points = [f"- [{'x' if number in scored.said else ' '}] {each.text}" for number, each in enumerate(card.points, 1)]
    flags = [f"- heard: “{each}”" for number, each in enumerate(card.red_flags, 1) if number in scored.heard]
    answer = "\n".join(f"> {line}".rstrip() for line in scored.answer.splitlines()) or "> (nothing written)"
    said = f"{len(scored.said)} of {len(card.points)} points; rating {scored.rating}, {RATINGS[scored.rating]}"
    return "\n\n".join([f"**{card.question}**", answer, "\n".join([*points, *flags]), said])
