"""The cards: what is asked, what a strong answer says, what shows that somebody doesn't know, and what is asked next.

They lie in ``data/interview/``, one TOML file for each topic. A point of a strong answer is believed for one of three
reasons: a cell of a notebook *proves* it, a notebook that isn't written yet *will*, or it is a *judgement* that no
program can prove. Each point says which.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.resources import data_path


class CardKind(StrEnum):
    QUESTION = "question"
    SCENARIO = "scenario"
    DEEP_DIVE = "deep dive"
    FOLLOW_UP = "follow-up"


MINUTES = {CardKind.QUESTION: 5, CardKind.SCENARIO: 15, CardKind.DEEP_DIVE: 10, CardKind.FOLLOW_UP: 3}
"""How long an answer to each kind takes when it is given aloud."""

_PLAIN_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


NotebookNumber = Annotated[str, msgspec.Meta(pattern=r"^\d\d$")]
"""Two digits, as a notebook's name begins."""


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code cell whose output shows that a point is true.

    ``notebook`` is its number, "05"; ``cell`` the cell's id. The output must contain ``says``, or the regular
    expression ``matches`` must be found in it: the latter for what is measured and differs a little from run to run.
    """

    notebook: NotebookNumber
    cell: str
    says: str | None = None
    matches: str | None = None

    def __post_init__(self) -> None:
        if (self.says is None) == (self.matches is None) or not (self.says or self.matches):
            raise ValueError("a proof needs either `says` or `matches`, and not both")
        try:
            re.compile(self.matches or "")
        except re.error as error:
            raise ValueError(f"`matches` is no regular expression: {error}") from None


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a strong answer says, and why it is to be believed.

    Exactly one of ``proof``, ``judgement`` (``"source"``: it rests on what people with experience say) and ``needs``
    (the number of the notebook that is going to prove it) is there.
    """

    text: str
    proof: Proof | None = None
    judgement: Literal["source"] | None = None
    needs: NotebookNumber | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.proof, self.judgement, self.needs)) != 1:
            raise ValueError(f"the point {self.text!r} needs exactly one of `proof`, `judgement` and `needs`")


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question of an interview.

    ``question`` is what is asked aloud, ``red_flags`` are answers that speak against whoever gives them, ``follow_ups``
    the ids of the cards that may be asked after this one. ``topic`` is the name of the card's file.
    """

    id: str
    kind: CardKind
    question: str
    points: list[Point]
    red_flags: list[str] = []
    follow_ups: list[str] = []
    topic: str = ""

    def __post_init__(self) -> None:
        if not _PLAIN_NAME.fullmatch(self.id):
            raise ValueError(f"the id {self.id!r} must be small letters, digits and hyphens")
        if "\n" in self.question:
            raise ValueError(f"the question of card {self.id!r} has more than one line: end each but the last with \\")
        if not self.points:
            raise ValueError(f"the card {self.id!r} has no points, so no answer to it could be judged")
        if self.kind is CardKind.FOLLOW_UP and self.follow_ups:
            raise ValueError(f"the card {self.id!r} is a follow-up, and nothing follows a follow-up")

    @property
    def minutes(self) -> int:
        """The time to answer it aloud."""
        return MINUTES[self.kind]


class Topic(NamedTuple):
    """``name`` is what is typed, ``title`` what is shown."""

    name: str
    title: str
    cards: list[Card]


class _TopicFile(msgspec.Struct, forbid_unknown_fields=True):
    """What a file holds, before its cards are looked at one by one."""

    title: str
    cards: list[dict[str, object]] = msgspec.field(name="card")


class Cards:
    """All cards, in the order of their files. ``by_id`` finds one, ``of_topic`` those of a topic."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        self.topics = list(topics)
        self._cards = {card.id: card for topic in self.topics for card in topic.cards}

    def __iter__(self) -> Iterator[Card]:
        return iter(self._cards.values())

    def __len__(self) -> int:
        return len(self._cards)

    def by_id(self, card_id: str) -> Card:
        """Raises UnusableInput naming the nearest ids there are, or where to find them."""
        if card_id in self._cards:
            return self._cards[card_id]
        near = get_close_matches(card_id, self._cards, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(self._cards)}"
        raise UnusableInput(f"there is no card {card_id!r}: {hint}")

    def of_topic(self, name: str) -> list[Card]:
        """Raises UnusableInput naming the topics there are."""
        for topic in self.topics:
            if topic.name == name:
                return topic.cards
        raise UnusableInput(f"there is no topic {name!r}: there are {', '.join(topic.name for topic in self.topics)}")


def load_cards(folder: Path | None = None) -> Cards:
    """The cards of ``folder``, by default the package's.

    Raises UnusableInput naming file and card: for what is no TOML or has other fields, for an id that is there twice,
    a follow-up that isn't there or that no question leads to.
    """
    folder = folder or data_path("interview")
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise UnusableInput(f"there are no cards in {folder}: a topic is a file that ends in .toml")
    cards = Cards(_read_topic(path) for path in paths)
    _require_whole(cards, folder)
    return cards


def _read_topic(path: Path) -> Topic:
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _TopicFile)
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableInput(f"{path} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise UnusableInput(f"{path}: {error}") from None
    cards = [_read_card(path, number, fields) for number, fields in enumerate(file.cards, start=1)]
    return Topic(path.stem, file.title, cards)


def _read_card(path: Path, number: int, fields: dict[str, object]) -> Card:
    try:
        return msgspec.convert({**fields, "topic": path.stem}, Card)
    except msgspec.ValidationError as error:
        raise UnusableInput(f"{path}, card {number} ({fields.get('id', 'without an id')}): {error}") from None


def _require_whole(cards: Cards, folder: Path) -> None:
    """Each id once; every follow-up there, of that kind, and asked after exactly one card."""
    ids = Counter(card.id for topic in cards.topics for card in topic.cards)
    for card_id, times in ids.items():
        if times > 1:
            raise UnusableInput(f"{folder}: {times} cards have the id {card_id!r}; give each its own")
    asked = Counter(follow_up for card in cards for follow_up in card.follow_ups)
    for card in cards:
        where = f"{folder / card.topic}.toml, card {card.id}"
        for follow_up in card.follow_ups:
            if follow_up not in ids:
                raise UnusableInput(f"{where}: its follow-up {follow_up!r} is no card")
            if cards.by_id(follow_up).kind is not CardKind.FOLLOW_UP:
                raise UnusableInput(f"{where}: {follow_up!r} is no card of kind follow-up")
        if card.kind is CardKind.FOLLOW_UP and asked[card.id] != 1:
            raise UnusableInput(
                f"{where}: a follow-up is asked after exactly one card, this one after {asked[card.id]}"
            )
