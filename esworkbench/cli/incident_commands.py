"""Build a bank that really has a fault, and open its sealed answer."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer, table
from esworkbench.cli.output_files import new_store
from esworkbench.course.drills.record import noting_the_reveal
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.events import utc_now
from esworkbench.lab import build_incident
from esworkbench.lab import reveal as open_sealed

incident = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@incident.command()
def new(
    url: Annotated[str, typer.Argument(help="Where to build it: a path, sqlite:/// or postgresql:// URL.")],
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A fault's name, given again for several; `none`: a healthy bank; absent: a mystery."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same events and rows; 1 unless given.")
    ] = None,
    case: Annotated[
        str | None,
        typer.Option(metavar="LETTER", help="In place of fault and seed: `A`, the course's own case, tells neither."),
    ] = None,
    scale: Annotated[str, typer.Option(help="full (eight years, thousands of events) or small.")] = "full",
    accounts: Annotated[
        int | None, typer.Option(metavar="N", help="How many accounts, 10 to 100000; else 41, of small 6.")
    ] = None,
    anchored: Annotated[
        bool, typer.Option(help="Whether the bank anchors its log, and keeps the anchors outside.")
    ] = True,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the answer's key goes; else into your own folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Build a bank that really has that fault, or several; the answer is sealed."""
    built = build_incident(
        new_store(url),
        faults=fault or (),
        seed=seed,
        case=case,
        scale=scale,
        accounts=accounts,
        anchored=anchored,
        key_file=key,
        progress=True,
    )
    shown = address_of(parse_url(built.url))
    document = {
        "url": shown, "accounts": built.accounts, "events": built.events, "seed": built.seed,
        "outside": str(built.outside), "key": str(built.key),
    }  # fmt: skip

    def prose(console: Console) -> None:
        console.print(f"{built.events:,} events on {built.accounts} accounts in {shown}", markup=False)
        console.print(f"what the outside world knows: {built.outside}", markup=False)
        console.print(f"the answer is sealed; its key, which you keep to yourself: {built.key}", markup=False)

    answer(document, prose, as_json=json, next_command=f"esworkbench investigate {quote(shown)}")


@incident.command()
def reveal(
    url: Annotated[str, typer.Argument(help="The incident's URL.")],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The answer's key, where it isn't in your own folder.")
    ] = None,
    json: Json = False,
) -> None:
    """Open the sealed answer: which fault was planted, and where."""
    with noting_the_reveal(url, utc_now):
        faults = [msgspec.to_builtins(fault) for fault in open_sealed(url, key_file=key)]
    columns = ["fault", "account", "amount", "currency", "positions"]

    def prose(console: Console) -> None:
        console.print(table("planted", columns, [[fault[column] for column in columns] for fault in faults]))

    answer({"faults": faults}, prose, as_json=json)
