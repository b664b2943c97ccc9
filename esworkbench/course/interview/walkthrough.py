"""A card as Markdown for a notebook: the question, then each point of a strong answer with a link to what proves it."""

from collections.abc import Iterator
from pathlib import Path

from esworkbench.course.interview.cards import Card, Point
from esworkbench.course.interview.proofs import link_to, notebook_of


def walkthrough(card: Card, folder: Path | None = None) -> str:
    """The whole card. Links lead to notebooks of ``folder``, by default the package's, as seen from one beside them.

    Raises UnusableInput for a proof whose notebook isn't there.
    """
    return "\n\n".join(_parts(card, folder))


def _parts(card: Card, folder: Path | None) -> Iterator[str]:
    yield f"**{card.question}** ({card.kind}, {card.topic}, {card.minutes} minutes)"
    yield "\n".join(f"- {point.text} {_reason(point, folder)}" for point in card.points)
    if card.red_flags:
        yield "Red flags:\n\n" + "\n".join(f"- “{flag}”" for flag in card.red_flags)
    if card.follow_ups:
        yield "Then: " + ", ".join(f"`{follow_up}`" for follow_up in card.follow_ups)


def _reason(point: Point, folder: Path | None) -> str:
    if point.proof is not None:
        return f"({link_to(point.proof, folder)})"
    if point.needs is None:
        return "(a judgement)"
    there = notebook_of(point.needs, folder)
    return f"(see [{there.stem}]({there.name}))" if there else f"(to be proved in notebook {point.needs})"
