"""Rehearse on a bank that is really broken, against the clock, and be judged by what comes of it."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer, table
from esworkbench.cli.output_files import new_place
from esworkbench.cli.terminal import terminal
from esworkbench.events import utc_now

drill = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None)

DrillFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that `drill start` made.")]
Drills = Annotated[list[Path], typer.Argument(metavar="DRILL", help="Folders of drills, or their drill.json.")]
LEVEL_HELP = "1: easy; 2: what leaves a trace; 3: any fault, and the complaint names only an account; 4: in less time."


@drill.command()
def start(
    folder: Annotated[Path, typer.Argument(help="A new folder for the bank and all that is about it.")],
    level: Annotated[int, typer.Option(min=1, max=4, help=LEVEL_HELP)] = 1,
    seed: Annotated[int | None, typer.Option(help="The same seed gives a class the same incident.")] = None,
    minutes: Annotated[int | None, typer.Option(min=1, help="How long; absent: the level's time.")] = None,
    json: Json = False,
) -> None:
    """Build a mystery incident in a new folder, and start the clock."""
    from esworkbench.course.drills.begin import begin

    folder = new_place(folder)
    seed = SystemRandom().randrange(1, 1_000_000) if seed is None else seed
    begun = begin(folder, level=level, seed=seed, minutes=minutes, clock=utc_now)
    bank = folder / "bank.db"
    document = {
        "folder": folder, "bank": bank, "level": level, "seed": seed, "minutes": begun.minutes,
        "started_at": begun.started_at, "account": begun.account, "complaint": begun.complaint,
    }  # fmt: skip

    def prose(console: Console) -> None:
        console.print(begun.complaint, markup=False)
        console.print(f"You have {begun.minutes} minutes. The bank: {bank}; its statements: {bank}.outside",
                      markup=False)  # fmt: skip
        console.print(
            "Find the cause, the events and the amount (claimed − event sum), put it right, harm nobody else, "
            f"then: esworkbench drill verdict {quote(str(folder))}; stuck: esworkbench drill hint {quote(str(folder))}",
            markup=False,
        )

    into = quote(str(folder / "evidence"))
    answer(document, prose, as_json=json, next_command=f"esworkbench capture {quote(str(bank))} --into {into}")


@drill.command()
def hint(begun: DrillFolder, json: Json = False) -> None:
    """The next of three hints, each for a few points: where to look, among which faults, and at last which one."""
    from esworkbench.course.drills.hints import take_hint
    from esworkbench.course.drills.record import read_drill
    from esworkbench.course.drills.verdict import HINT_COSTS

    at_work = read_drill(begun)
    taken = take_hint(begun, at_work, clock=utc_now)
    number = len(at_work.of("hint"))

    def prose(console: Console) -> None:
        console.print(f"hint {number} ({HINT_COSTS} points): {taken.words[0]}", markup=False)

    answer({"hint": number, "costs": HINT_COSTS, "words": taken.words[0]}, prose, as_json=json)


@drill.command()
def verdict(
    begun: DrillFolder,
    fault: Annotated[
        str,
        typer.Option(
            help="The fault's name, as `explain` knows it; `unexplained` where nothing there tells the cause."
        ),
    ],
    account: Annotated[str | None, typer.Option(help="An account that it hit; absent: the whole store.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="The id of an event at fault; once for each.")] = None,
    amount: Annotated[int, typer.Option(help="Its share of claimed − event sum there, in minor units.")] = 0,
    currency: Annotated[str | None, typer.Option(help="The amount's currency.")] = None,
    json: Json = False,
) -> None:
    """Say what it was, and have that and the bank as it is now judged: what was found and put right, never how.

    A second verdict costs points; none counts after the answer was seen.
    """
    from esworkbench.course.drills.record import read_drill
    from esworkbench.course.drills.verdict import RUBRIC, Claimed, judge

    at_work = read_drill(begun)
    judged = judge(begun, at_work, Claimed(fault, account, event or [], amount, currency), clock=utc_now)
    minutes = at_work.minutes_until(judged.at)
    document = {
        "points": judged.points, "cost": judged.cost, "total": judged.total, "words": judged.words,
        "minutes": minutes, "limit": at_work.minutes,
    }  # fmt: skip

    def prose(console: Console) -> None:
        rows = [[part, judged.points[part], worth, what] for part, (worth, what) in RUBRIC.items()]
        console.print(table("verdict", ["part", "points", "of", "for"], rows))
        for sentence in judged.words:
            console.print(sentence, markup=False)
        console.print(f"{judged.total} points after {minutes} of {at_work.minutes} minutes; hints and earlier verdicts "
                      f"cost {judged.cost}", markup=False)  # fmt: skip

    answer(document, prose, as_json=json, next_command=f"esworkbench drill debrief {quote(str(begun))}")


@drill.command()
def debrief(begun: DrillFolder, json: Json = False) -> None:
    """Open the answer, with the shortest path to it beside your own; this ends the drill."""
    from esworkbench.course.drills.debrief import debrief as look_back
    from esworkbench.course.drills.record import read_drill

    told = look_back(begun, read_drill(begun), clock=utc_now)
    replay = [f"esworkbench case {quote(str(case))} --replay" for case in told.cases]
    document = {
        "planted": told.planted, "shortest": told.shortest, "taken": [each._asdict() for each in told.taken],
        "replay": replay,
    }  # fmt: skip

    def prose(console: Console) -> None:
        columns = ["fault", "account", "amount", "currency", "positions"]
        rows = [[getattr(each, column) for column in columns] for each in told.planted]
        console.print(table("planted", columns, rows))
        console.print("the shortest path:")
        for command in told.shortest:
            console.print(f"  {command}", markup=False)
        steps = [[each.minute, each.evidence, each.question, each.found] for each in told.taken]
        console.print(table("your path", ["minute", "evidence", "asked or done", "found"], steps, limit=1000))
        for command in replay:
            console.print(f"asked again, answer by answer: {command}", markup=False)
        if not replay:
            console.print("no evidence in the folder has a case, so your path isn't on record")

    answer(document, prose, as_json=json)


@drill.command()
def sheet(drills: Drills, json: Json = False) -> None:
    """A table of drills for a trainer: who, how long, how many hints, the points of each part."""
    from esworkbench.course.drills.record import read_drill
    from esworkbench.course.drills.sheet import sheet_row
    from esworkbench.course.drills.verdict import RUBRIC

    now = utc_now()
    rows = [sheet_row(path, read_drill(path), now) for path in drills]

    def prose(console: Console) -> None:
        columns = ["who", "level", "seed", "minutes", "hints", "points", "cost", "total"]
        cells = [
            [row.who, row.level, row.seed, row.minutes, row.hints, _in_a_row(row.points), row.cost, row.total]
            for row in rows
        ]
        console.print(table(f"drills; points for {', '.join(RUBRIC)}", columns, cells, limit=1000))
        _say_doubts(console, rows)
        console.print("points are as each learner's own record has them: cost and total are worked out from it here")

    answer({"drills": [row._asdict() for row in rows]}, prose, as_json=json)


@drill.command()
def watch(
    drills: Drills,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
    once: Annotated[bool, typer.Option("--once", help="Look once; --json does, too.")] = False,
    json: Json = False,
) -> None:
    """One line a drill, looked at again and again until each has its verdict, or Ctrl-C."""
    states = _looks(drills, every, once=once or json)
    last: list[Any] = []
    for last in states:
        if not json:
            _show(terminal(stderr=False), last)
    answer({"drills": [state._asdict() for state in last]}, lambda _: None, as_json=json)


def _looks(paths: list[Path], every: float, *, once: bool) -> Iterator[list[Any]]:
    from esworkbench.course.drills.record import read_drill
    from esworkbench.course.drills.sheet import state_of

    while True:
        drills = [(path, read_drill(path)) for path in paths]
        yield [state_of(path, each, utc_now()) for path, each in drills]
        if once or all(each.verdict or each.told for _, each in drills):
            return
        time.sleep(every)


def _in_a_row(points: dict[str, int]) -> str:
    return " ".join(map(str, points.values()))


def _show(console: Console, states: list[Any]) -> None:
    rows = [[each.who, each.level, f"{each.minutes} of {each.limit}", each.hints, each.state] for each in states]
    console.print(table("drills", ["who", "level", "minutes", "hints", "state"], rows, limit=1000))
    _say_doubts(console, states)


def _say_doubts(console: Console, rows: list[Any]) -> None:
    for row in rows:
        for doubt in row.doubts:
            console.print(f"{row.who}: {doubt}; this tool didn't write that", markup=False)
