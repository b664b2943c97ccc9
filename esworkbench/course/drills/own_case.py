"""A case of one's own at the end of a notebook: the verdict is written down, then the answer is opened and scored.

It is a drill without a clock and without a repair: the parts of the rubric that are about what was found.
"""

from collections.abc import Iterable
from pathlib import Path
from types import EllipsisType

import msgspec
from IPython.display import Markdown, display
from sqlalchemy import Engine

from esworkbench.course.drills.verdict import RUBRIC, UNEXPLAINED, Claimed, accounts_hit, found_out
from esworkbench.course.workspace import work_folder
from esworkbench.errors import UnusableInput
from esworkbench.event_store import open_database
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.kept_files import append_line, decoded, read_kept
from esworkbench.lab import Incident, PlantedFault, reveal
from esworkbench.money import format_minor

RECORD = "verdicts.jsonl"
PARTS = ("cause", "account", "events", "amount")
FULL = sum(RUBRIC[part][0] for part in PARTS)


class ClosedCase(msgspec.Struct, frozen=True):
    """A verdict as it was before the answer was opened, and the points it earned."""

    seed: int
    fault: str
    account: str | None
    events: list[str]
    amount: int
    currency: str | None
    points: int


def close_case(incident: Incident, verdict: Claimed | EllipsisType, folder: Path | None = None) -> int | None:
    """Write the verdict on a small bank down, open its sealed answer and show the score, which is returned.

    Without a verdict, or for a name that is no fault's, the answer stays sealed and nothing is scored. The first
    verdict on a seed is the one that counts.
    """
    assert incident.seed is not None, "a case of the course isn't one's own"
    if isinstance(verdict, EllipsisType):
        _show("No verdict yet: write it in place of the `...`. The answer stays sealed until then.")
        return None
    if verdict.fault not in (*FAULTS, UNEXPLAINED):
        names = ", ".join(f"`{name}`" for name in FAULTS)
        _show(f"There is no fault `{verdict.fault}`. There are {names}; or say `{UNEXPLAINED}`.")
        return None
    planted = reveal(incident.url)
    engine = open_database(incident.url)
    right = _right(incident, planted, verdict, engine)
    engine.dispose()
    points = {part: RUBRIC[part][0] * right[part] for part in PARTS}
    total = sum(points.values())
    path = (folder or work_folder()) / RECORD
    earlier = next((each for each in _written(path) if each.seed == incident.seed), None)
    written = ClosedCase(
        incident.seed, verdict.fault, verdict.account, list(verdict.events), verdict.amount, verdict.currency, total
    )
    append_line(path, msgspec.json.encode(written))
    rows = [f"| {part} | {RUBRIC[part][1]} | {points[part]} of {RUBRIC[part][0]} |" for part in PARTS]
    counts = ""
    if earlier is not None:
        counts = f"\n\nThe first verdict on seed {incident.seed} counts: it earned **{earlier.points}**."
    _show(
        "\n".join(["| part | what earns it | points |", "| --- | --- | --- |", *rows])
        + f"\n\n**{total} of {FULL}.** It was {'; '.join(map(_told, planted))}.{counts}"
    )
    return total


def _right(incident: Incident, planted: list[PlantedFault], verdict: Claimed, engine: Engine) -> dict[str, bool]:
    assert incident.seed is not None
    hit = accounts_hit(planted, engine)
    return found_out(planted, verdict, hit, account=incident.account, seed=incident.seed)


def _told(planted: PlantedFault) -> str:
    if planted.account is None or planted.currency is None:
        return f"**{planted.fault}**, of the whole store, at {_positions(planted.positions)}"
    amount = format_minor(planted.amount, planted.currency)
    return f"**{planted.fault}** on {planted.account}, {amount}, at {_positions(planted.positions)}"


def _positions(positions: list[int]) -> str:
    return "no position" if not positions else "position " + ", ".join(map(str, positions))


def _written(path: Path) -> Iterable[ClosedCase]:
    """What is on record; a line that isn't whole is nobody's verdict."""
    try:
        lines = read_kept(path).splitlines()
    except (FileNotFoundError, UnusableInput):
        return
    for line in lines:
        try:
            yield decoded(line, ClosedCase)
        except (ValueError, RecursionError):
            continue


def _show(text: str) -> None:
    display(Markdown(text))
