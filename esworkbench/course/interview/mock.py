"""A mock interview: questions drawn by a seed until the time is filled, and a score sheet to hand over.

One seed gives one interview, so that two candidates can be asked the same, or an interviewer can rehearse.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from esworkbench.course.interview.cards import MINUTES, Card, CardKind, Cards
from esworkbench.errors import UnusableInput

MOST_FOLLOW_UPS = 2
"""How many follow-ups are asked after one question, so that an hour isn't spent on a single subject."""

SHEET_MARK = "<!-- esworkbench interview score sheet -->"
"""The first line, by which a sheet is known. An earlier one is never replaced: somebody may have filled it in."""

_BLANK = "____"


class MockInterview(NamedTuple):
    """The cards in the order in which they are asked; ``minutes`` is the length asked for."""

    minutes: int
    seed: int
    cards: list[Card]

    @property
    def planned(self) -> int:
        """The minutes that the cards take together, ``minutes`` at most."""
        return sum(card.minutes for card in self.cards)


def draw(cards: Cards, *, minutes: int, seed: int) -> MockInterview:
    """An interview of at most so many minutes.

    Questions, scenarios and deep dives take turns, topics that weren't asked yet come first, and each card is followed
    by up to two of its own follow-ups. Raises UnusableInput when there isn't even time for one question.
    """
    shortest = MINUTES[CardKind.QUESTION]
    if minutes < shortest:
        raise UnusableInput(f"an interview of {minutes} minutes has no room for a question, which takes {shortest}")
    random = Random(seed)
    decks = [[card for card in cards if card.kind is kind] for kind in CardKind if kind is not CardKind.FOLLOW_UP]
    random.shuffle(decks)
    for deck in decks:
        random.shuffle(deck)
    asked: list[Card] = []
    while True:
        before = len(asked)
        for deck in decks:
            left = minutes - sum(card.minutes for card in asked)
            chosen = _next_card(deck, left, {card.topic for card in asked})
            if chosen is not None:
                deck.remove(chosen)
                asked.append(chosen)
                asked += _some_follow_ups(chosen, cards, left - chosen.minutes, random)
        if len(asked) == before:
            return MockInterview(minutes, seed, asked)


def _next_card(deck: Sequence[Card], minutes: int, topics: set[str]) -> Card | None:
    """The first that fits, of a new topic if there is one."""
    fitting = [card for card in deck if card.minutes <= minutes]
    return next((card for card in fitting if card.topic not in topics), next(iter(fitting), None))


def _some_follow_ups(card: Card, cards: Cards, minutes: int, random: Random) -> list[Card]:
    most = min(MOST_FOLLOW_UPS, len(card.follow_ups), minutes // MINUTES[CardKind.FOLLOW_UP])
    chosen = random.sample(card.follow_ups, most)
    return [cards.by_id(card_id) for card_id in sorted(chosen, key=card.follow_ups.index)]


def score_sheet(interview: MockInterview) -> str:
    """The interview as Markdown: per point a box for *said*, per red flag one for *heard*, and totals per topic.

    The totals are left blank for whoever listens; how many points each topic has is filled in.
    """
    return "\n".join(_sheet_lines(interview)) + "\n"


def _sheet_lines(interview: MockInterview) -> Iterator[str]:
    yield SHEET_MARK
    yield f"# Mock interview, {interview.minutes} minutes, seed {interview.seed}"
    yield ""
    yield f"Candidate: {_BLANK}  Interviewer: {_BLANK}  Date: {_BLANK}"
    yield ""
    yield f"{len(interview.cards)} cards, {interview.planned} minutes. Tick what was said, and what was heard."
    for number, card in enumerate(interview.cards, start=1):
        yield ""
        yield f"## {number}. {card.kind} · {card.topic} · {card.minutes} minutes · `{card.id}`"
        yield ""
        yield f"> {card.question}"
        yield ""
        yield "Said:"
        yield ""
        yield from (f"- [ ] {point.text}" for point in card.points)
        if card.red_flags:
            yield ""
            yield "Red flags heard:"
            yield ""
            yield from (f"- [ ] “{flag}”" for flag in card.red_flags)
    yield ""
    yield "## Totals"
    yield ""
    yield "| topic | said | of | red flags heard |"
    yield "| --- | --- | --- | --- |"
    for topic in dict.fromkeys(card.topic for card in interview.cards):
        yield _total(topic, [card for card in interview.cards if card.topic == topic])
    yield _total("**all**", interview.cards)


def _total(name: str, cards: Sequence[Card]) -> str:
    return f"| {name} | {_BLANK} | {sum(len(card.points) for card in cards)} | {_BLANK} |"
