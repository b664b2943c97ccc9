"""Rebuilding read models: rebuild, and the archives and snapshots that make it shorter."""

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.options import DomainName, Json
from esworkbench.cli.output import answer
from esworkbench.cli.output_files import new_place
from esworkbench.composition import domain_of_store, recognised
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.evidence.capturing.opening import event_types_in
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.projections.rebuilding import STRATEGIES, Options, Recipe, archive_events, take_snapshot
from esworkbench.projections.rebuilding import rebuild as rebuild_read_model

Url = Annotated[str, typer.Argument(help="The store.")]
Projected = Annotated[str, typer.Option("--projection", help="The read model.")]


def rebuild(
    url: Url,
    projection: Projected,
    strategy: Annotated[
        str | None, typer.Option("--strategy", help=f"{', '.join(STRATEGIES)}; bulk unless an option asks for another.")
    ] = None,
    older_name: Annotated[
        str | None, typer.Option("--way", hidden=True, help="What --strategy was called before.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Sharded: this many processes.")] = None,
    cold: Annotated[list[Path] | None, typer.Option(help="Cold: an archive's folder; repeat for each.")] = None,
    snapshot: Annotated[Path | None, typer.Option(help="Snapshot: the file that `keep-read-model` made.")] = None,
    anew: Annotated[
        bool, typer.Option(help="Discard what a killed rebuild left, as when upcasters have changed since.")
    ] = False,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Rebuild a read model while the old one serves, then swap. If killed at any moment, it resumes when run again."""
    store = EventStore.open(url, create=False)
    code = domain_of_store(url, domain)
    read_model = code.read_model(projection)
    chosen = strategy or older_name or _strategy_for(workers, cold, snapshot)
    options = Options(workers=2 if workers is None else workers, cold=cold or (), snapshot=snapshot, anew=anew)
    with Progress(True).of(projection, store.head_position()) as progress:
        done = rebuild_read_model(store, Recipe(*read_model), strategy=chosen, options=options, progress=progress)
    document: dict[str, Any] = {
        "projection": projection, "way": done.strategy, "events": done.events, "seconds": round(done.seconds, 3),
        "events_per_second": round(done.events / done.seconds) if done.seconds else None,
        "read_seconds": round(done.read_seconds, 3), "fold_seconds": round(done.fold_seconds, 3),
        "write_seconds": round(done.write_seconds, 3), "position": done.position, "domain": code.name,
    }  # fmt: skip

    def prose(console: Console) -> None:
        console.print(
            f"{projection}: {done.events:,} events in {done.seconds:.1f} s, {done.strategy}, by the code of "
            f"the domain {code.name}; now at {done.position}"
        )
        parts = (
            f"reading {done.read_seconds:.1f} s, folding {done.fold_seconds:.1f} s, writing {done.write_seconds:.1f} s"
        )
        console.print(f"where the time went: {parts}")

    answer(document, prose, as_json=json)


def archive(
    url: Url,
    up_to: Annotated[int, typer.Option(min=1, help="The last position to archive.")],
    into: Annotated[Path, typer.Option(help="A new folder.")],
    after: Annotated[int, typer.Option(min=0, help="The position the previous archive ends at.")] = 0,
    json: Json = False,
) -> None:
    """Copy a range of events to Parquet, a faster source for rebuilds. The store keeps them too."""
    into = new_place(into)
    # Looks at the store as a capture does, so that what hides rows from this role is refused before one is written.
    whose = recognised(event_types_in(url))
    store = EventStore.open(url, create=False)
    with Progress(True).of("events", up_to - after) as progress:
        manifest = archive_events(store, up_to, into, after=after, progress=progress)
    document = {"into": into, "after": after, "up_to": up_to, "events": manifest.rows["events"]}

    def prose(console: Console) -> None:
        console.print(f"{manifest.rows['events']:,} events, {after + 1} to {up_to}, in {into}", markup=False)

    name = next(iter(whose.read_models), None) if whose else None
    next_command = name and f"esworkbench rebuild {_shown(url)} --projection {name} --cold {quote(str(into))}"
    answer(document, prose, as_json=json, next_command=next_command)


def keep_read_model(
    url: Url,
    projection: Projected,
    into: Annotated[Path, typer.Option(help="A new file.")],
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Copy a read model as it is, with its position, for a later rebuild to start from."""
    into = new_place(into)
    store = EventStore.open(url, create=False)
    position = take_snapshot(store, domain_of_store(url, domain).read_model(projection).projection(), into)

    def prose(console: Console) -> None:
        console.print(f"{projection} at position {position}, in {into}", markup=False)

    next_command = f"esworkbench rebuild {_shown(url)} --projection {projection} --snapshot {quote(str(into))}"
    document = {"projection": projection, "position": position, "into": into}
    answer(document, prose, as_json=json, next_command=next_command)


def _shown(url: str) -> str:
    """The store's address for a command to type, without its password."""
    return quote(address_of(parse_url(url)))


def _strategy_for(workers: int | None, cold: list[Path] | None, snapshot: Path | None) -> str:
    if workers is not None:
        return "sharded"
    if cold:
        return "cold"
    return "bulk" if snapshot is None else "snapshot"
