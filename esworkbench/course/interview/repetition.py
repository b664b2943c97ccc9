"""Spaced repetition: what was known comes back later, what wasn't comes back tomorrow.

Sebastian Leitner's boxes (*So lernt man lernen*, 1972): a card that was known moves to the next box, one that wasn't
goes back to the first, and each box is looked at half as often as the one before it. What is kept is an event log: one
line of JSON for each rating. Which box a card is in is derived from it, as everything in this course.
"""

import os
from collections.abc import Callable, Iterable
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from esworkbench.course.interview.cards import Card, Cards
from esworkbench.course.interview.rubric import AGAIN, EASY, GOOD, HARD, RATINGS, ScoredAnswer
from esworkbench.errors import UnusableInput
from esworkbench.events import utc_now
from esworkbench.kept_files import append_line, decoded, read_kept

DAYS_IN_BOX = (1, 2, 4, 8, 16)
"""For how long a card rests in each box; the first box is number 1."""

RATINGS_FILE = Path("work") / "course" / "work" / "interview.jsonl"
"""Where ratings are kept unless another file is named: with the work of notebooks that ``esworkbench lab`` opened."""


class Rated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A card was answered: when, with a zone, and how well, 1 to 4 (``RATINGS``).

    Where an answer was written, ``answer`` is its text, and ``said`` and ``heard`` are the numbers of the points and
    red flags that its author ticked.
    """

    card: str
    rating: int
    at: datetime
    answer: str = ""
    said: list[int] = []
    heard: list[int] = []

    def __post_init__(self) -> None:
        if self.rating not in RATINGS:
            told = ", ".join(f"{number} ({meaning})" for number, meaning in RATINGS.items())
            raise ValueError(f"there is no rating {self.rating}: there are {told}")
        if self.at.utcoffset() is None:
            raise ValueError(f"the moment {self.at.isoformat()} has no offset")
        if self.at.year in (MINYEAR, MAXYEAR):
            raise ValueError(
                f"the moment {self.at.isoformat()} is at the end of the calendar: no card comes back after it"
            )


class Due(NamedTuple):
    """A card, its box, and since when it is due: None for one that was never answered, which is in the first box."""

    card: Card
    box: int
    since: datetime | None


def next_box(box: int, rating: int) -> int:
    """The box after a rating: back to the first, the same, one further, two further; the last box is the end."""
    if rating == AGAIN:
        return 1
    step = {HARD: 0, GOOD: 1, EASY: 2}[rating]
    return min(box + step, len(DAYS_IN_BOX))


class RatingLog:
    """The ratings in a file of JSON lines, which is only ever appended to."""

    def __init__(self, path: Path = RATINGS_FILE, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self._clock = clock

    def ratings(self) -> list[Rated]:
        """Everything that was rated, oldest first; nothing where there is no file yet.

        Raises UnusableInput naming the line that can't be read.
        """
        if not os.path.lexists(self.path):
            return []
        if not self.path.is_file():
            raise UnusableInput(f"{self.path} is no file, so no ratings can be kept in it: name another one")
        content = read_kept(self.path)
        if content and not content.endswith(b"\n"):
            self._read_cut_off(content.rpartition(b"\n")[2])
        return [self._read(number, line) for number, line in enumerate(content.splitlines(), start=1)]

    def rate(self, card: Card, rating: int) -> Rated:
        """Append a rating, durably. Raises UnusableInput for one that isn't 1 to 4, or where the file is damaged."""
        return self._append(_rated(card.id, rating, self._clock()))

    def keep(self, scored: ScoredAnswer) -> Rated:
        """Append a written answer with its ticks and the rating that follows from them, durably.

        Raises UnusableInput where the file is damaged.
        """
        ticks = {"said": sorted(scored.said), "heard": sorted(scored.heard)}
        return self._append(_rated(scored.card.id, scored.rating, self._clock(), scored.answer, **ticks))

    def _append(self, rated: Rated) -> Rated:
        self.ratings()
        try:
            append_line(self.path, msgspec.json.encode(rated))
        except OSError as error:
            raise UnusableInput(f"the rating can't be kept in {self.path}: {error.strerror}") from None
        return rated

    def due(self, cards: Cards) -> list[Due]:
        """The cards to be asked now: those that have rested long enough, longest due first, then the new ones."""
        boxes = boxes_of(self.ratings())
        now = self._clock()
        rested, new = [], []
        for card in cards:
            box, since = boxes.get(card.id, (1, None))
            if since is None:
                new.append(Due(card, 1, None))
            elif since <= now:
                rested.append(Due(card, box, since))
        return sorted(rested, key=lambda due: (due.since, due.card.id)) + new

    def _read_cut_off(self, line: bytes) -> NoReturn:
        try:
            decoded(line, Rated)
        except (ValueError, RecursionError):
            what = "remove that line alone, and rate that card again"
        else:
            what = "it lacks no more than its line break: add that"
        raise UnusableInput(f"the last line of {self.path} was cut off: {what}")

    def _read(self, number: int, line: bytes) -> Rated:
        try:
            return decoded(line, Rated)
        except (ValueError, RecursionError) as error:
            raise UnusableInput(
                f"line {number} of {self.path} is no rating ({error}): correct or remove that line, and ask again"
            ) from None


def _rated(*what: Any, **ticks: Any) -> Rated:
    try:
        return Rated(*what, **ticks)
    except ValueError as error:
        raise UnusableInput(str(error)) from None


def boxes_of(ratings: Iterable[Rated]) -> dict[str, tuple[int, datetime]]:
    """For each card that was rated: the box it is in, and when it is due next."""
    boxes: dict[str, tuple[int, datetime]] = {}
    for rated in ratings:
        before, _ = boxes.get(rated.card, (1, None))
        box = next_box(before, rated.rating)
        boxes[rated.card] = (box, rated.at + timedelta(days=DAYS_IN_BOX[box - 1]))
    return boxes
