"""Practise for an interview on event sourcing: questions, and cells that prove the answers.

Without a command: the topics, and how many cards each has.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer, table
from esworkbench.course.interview.cards import Card, Point, load_cards
from esworkbench.course.interview.proofs import notebook_of
from esworkbench.events import utc_now

if TYPE_CHECKING:
    from esworkbench.course.interview.repetition import RatingLog

interview = typer.Typer(
    help=__doc__, invoke_without_command=True, no_args_is_help=False, add_completion=False, rich_markup_mode=None
)

TopicName = Annotated[str | None, typer.Option("--topic", help="Only the cards of this topic.")]
Ratings = Annotated[
    Path | None,
    typer.Option(help="Where ratings are kept, a line of JSON each; absent: work/course/work/interview.jsonl."),
]
Today = Annotated[str | None, typer.Option("--now", help="Ask as of this moment instead of now.")]


@interview.callback()
def topics(context: typer.Context, json: Json = False) -> None:
    if context.invoked_subcommand is not None:
        return
    cards = load_cards()
    rows = [(topic.name, topic.title, len(topic.cards)) for topic in cards.topics]

    def prose(console: Console) -> None:
        console.print(table(f"{len(cards)} cards", ["topic", "about", "cards"], rows))

    document = {"topics": [dict(zip(("topic", "title", "cards"), row, strict=True)) for row in rows]}
    answer(document, prose, as_json=json, next_command="esworkbench interview mock --minutes 45 --seed 1")


@interview.command()
def show(card_id: Annotated[str, typer.Argument(metavar="ID", help="A card's id.")], json: Json = False) -> None:
    """One card: the question, the points of a strong answer with their proofs, red flags, follow-ups."""
    card = load_cards().by_id(card_id)
    answer(_document(card), lambda console: _say_card(console, card), as_json=json)


@interview.command()
def walk(topic: TopicName = None, json: Json = False) -> None:
    """Walk through all cards, or those of a topic, each question followed by what a strong answer says."""
    cards = load_cards()
    chosen = list(cards) if topic is None else cards.of_topic(topic)

    def prose(console: Console) -> None:
        for card in chosen:
            _say_card(console, card)
            console.print()

    answer({"cards": [_document(card) for card in chosen]}, prose, as_json=json)


@interview.command()
def mock(
    minutes: Annotated[int, typer.Option(min=1, help="The length of the interview.")] = 45,
    seed: Annotated[int, typer.Option(help="The same seed gives the same interview.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="A new file for the score sheet, in Markdown; absent: printed.")
    ] = None,
    json: Json = False,
) -> None:
    """A mock interview drawn by a seed, with a score sheet: points said or not, red flags heard, totals per topic."""
    from esworkbench.course.interview.mock import draw, score_sheet

    drawn = draw(load_cards(), minutes=minutes, seed=seed)
    sheet = score_sheet(drawn)
    if out is not None:
        from esworkbench.cli.output_files import SCORE_SHEET, write_output  # it brings what opens stores

        write_output(out, sheet, SCORE_SHEET)

    def prose(console: Console) -> None:
        if out is None:
            for line in sheet.splitlines():
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            console.print(f"{len(drawn.cards)} cards, {drawn.planned} of {minutes} minutes: {out}", markup=False)

    document = {
        "minutes": minutes, "seed": seed, "planned": drawn.planned, "cards": [card.id for card in drawn.cards],
        "sheet": None if out is None else str(out),
    }  # fmt: skip
    answer(document, prose, as_json=json)


@interview.command()
def due(ratings: Ratings = None, topic: TopicName = None, now: Today = None, json: Json = False) -> None:
    """The cards to be asked today, by Leitner's boxes: first those that have rested long enough, then new ones."""
    cards = load_cards()
    wanted = None if topic is None else {card.id for card in cards.of_topic(topic)}
    found = [each for each in _log(ratings, now).due(cards) if wanted is None or each.card.id in wanted]
    rows = [
        (each.card.id, each.card.topic, each.box, f"{each.since:%Y-%m-%d}" if each.since else "new") for each in found
    ]

    def prose(console: Console) -> None:
        console.print(table(f"{len(found)} cards are due", ["card", "topic", "box", "since"], rows))

    document = {
        "due": [
            {"card": each.card.id, "topic": each.card.topic, "box": each.box, "since": each.since} for each in found
        ]
    }
    first = f"esworkbench interview show {found[0].card.id}" if found else None
    answer(document, prose, as_json=json, next_command=first)


@interview.command()
def rate(
    card_id: Annotated[str, typer.Argument(metavar="ID", help="A card's id.")],
    rating: Annotated[int, typer.Argument(help="1 not known, 2 with gaps, 3 known, 4 known by heart.")],
    ratings: Ratings = None,
    now: Today = None,
    json: Json = False,
) -> None:
    """Say how well you answered a card; it comes back sooner or later accordingly."""
    from esworkbench.course.interview.repetition import boxes_of

    card = load_cards().by_id(card_id)
    log = _log(ratings, now)
    log.rate(card, rating)
    box, next_at = boxes_of(log.ratings())[card.id]

    def prose(console: Console) -> None:
        console.print(f"{card.id} is in box {box}, and due again on {next_at:%Y-%m-%d}", markup=False)

    answer({"card": card.id, "rating": rating, "box": box, "due": next_at}, prose, as_json=json)


@interview.command()
def deck(
    out: Annotated[Path, typer.Option(help="The .apkg file to write.")], topic: TopicName = None, json: Json = False
) -> None:
    """The cards as a deck for Anki; needs the extra `anki`."""
    from esworkbench.cli.output_files import ANKI_DECK, writable_output, write_output
    from esworkbench.course.interview.anki import anki_deck

    cards = load_cards()
    chosen = list(cards) if topic is None else cards.of_topic(topic)
    writable_output(out, ANKI_DECK)
    write_output(out, anki_deck(chosen), ANKI_DECK)

    def prose(console: Console) -> None:
        console.print(f"{len(chosen)} cards: {out}", markup=False)

    answer({"deck": str(out), "cards": len(chosen)}, prose, as_json=json)


def _log(path: Path | None, now: str | None) -> "RatingLog":
    from esworkbench.course.interview.repetition import RATINGS_FILE, RatingLog

    if path is not None:
        from esworkbench.cli.output_files import growing_file  # it brings what opens stores

        growing_file(path)
    return RatingLog(path or RATINGS_FILE, clock=utc_now if now is None else lambda: _moment(now))


def _moment(text: str) -> datetime:
    from esworkbench.forensics.replay.moments import parse_moment

    return parse_moment(text)


def _document(card: Card) -> dict[str, Any]:
    return {
        "id": card.id, "kind": card.kind, "topic": card.topic, "minutes": card.minutes, "question": card.question,
        "points": card.points, "red_flags": card.red_flags, "follow_ups": card.follow_ups,
    }  # fmt: skip


def _say_card(console: Console, card: Card) -> None:
    head = f"{card.id} · {card.kind.value} · {card.topic} · {card.minutes} minutes"
    console.print(f"[bold]{escape(head)}[/bold]", markup=True)
    console.print(card.question, markup=False)
    for point in card.points:
        console.print(f"  + {point.text} ({_why(point)})", markup=False)
    for flag in card.red_flags:
        console.print(f"  − red flag: {flag}", markup=False)
    if card.follow_ups:
        console.print(f"  then: {', '.join(card.follow_ups)}", markup=False)


def _why(point: Point) -> str:
    """Where a point is proved, or what it rests on."""
    if point.proof is not None:
        return f"{_named(point.proof.notebook)}, cell {point.proof.cell}"
    return "a judgement" if point.needs is None else f"to be proved in {_named(point.needs)}"


def _named(number: str) -> str:
    """A notebook by its name, or by its number while it isn't there yet."""
    notebook = notebook_of(number)
    return notebook.stem if notebook else f"notebook {number}"
