"""The cards as a deck that Anki imports: the question in front, points and red flags behind.

Ids are made from the names of deck and cards, so that importing a newer deck updates cards instead of doubling them.
"""

from collections.abc import Iterable
from hashlib import sha256
from html import escape
from io import BytesIO

from esworkbench.course.interview.cards import Card

DECK_NAME = "esworkbench interview"

FRONT = "<small>{{Kind}} · {{Topic}}</small><p>{{Question}}</p>"
BACK = "{{FrontSide}}<hr id=answer>{{Points}}{{RedFlags}}"


def anki_deck(cards: Iterable[Card]) -> bytes:
    """The content of an ``.apkg`` file with a note for each card.

    Needs genanki, which the extra ``anki`` brings; raises ModuleNotFoundError without it.
    """
    import genanki

    model = genanki.Model(
        _number_of(f"{DECK_NAME} model"),
        DECK_NAME,
        fields=[{"name": name} for name in ("Id", "Kind", "Topic", "Question", "Points", "RedFlags")],
        templates=[{"name": "card", "qfmt": FRONT, "afmt": BACK}],
    )
    deck = genanki.Deck(_number_of(DECK_NAME), DECK_NAME)
    for card in cards:
        note = genanki.Note(model=model, fields=_fields_of(card), guid=genanki.guid_for(DECK_NAME, card.id))
        note.tags = [card.topic]
        deck.add_note(note)
    content = BytesIO()
    genanki.Package(deck).write_to_file(content)
    return content.getvalue()


def _fields_of(card: Card) -> list[str]:
    return [
        card.id,
        card.kind.value,
        card.topic,
        escape(card.question),
        _listed("A strong answer says", [point.text for point in card.points]),
        _listed("Red flags", card.red_flags),
    ]


def _listed(heading: str, lines: list[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<p><b>{heading}</b></p><ul>{items}</ul>" if lines else ""


def _number_of(name: str) -> int:
    """A number for Anki, the same on every machine; it wants 31 bits."""
    return int.from_bytes(sha256(name.encode()).digest()[:4], "big") >> 1
