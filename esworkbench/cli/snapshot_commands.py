"""Commands on snapshots: how often to take them, and taking them in the background."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.engine import make_url

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.snapshots import SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.cli.options import DomainName, Json
from esworkbench.cli.output import answer, table
from esworkbench.composition import DOMAINS, domain_of_store
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import address_of, parse_url, sqlite_url
from esworkbench.lab.stream_profiles import abandoned_carts, thirty_year_account
from esworkbench.snapshotting.background import Snapshotter
from esworkbench.snapshotting.frequency import FrequencyRow, StreamProfile, measure_frequencies, profile_of
from esworkbench.upcasters import EventDecoder

PROFILES = {"account": thirty_year_account, "cart": abandoned_carts}
"""Streams of the bank's accounts, as the lab makes them."""

Category = Annotated[str | None, typer.Option(help="Which aggregates, where the domain has several.")]


def snapshot_frequency(
    profile: Annotated[
        str | None, typer.Option(help="account (30 years), cart (20 events at most); absent: the streams of --url.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A store to measure beside, in a database of its own; absent: a SQLite file.")
    ] = None,
    limit_ms: Annotated[float, typer.Option(min=0.001, help="The longest a load may take at p99.")] = 1.0,
    loads: Annotated[int, typer.Option(min=1, help="At how many moments of the streams' lives to load.")] = 200,
    category: Category = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Measure load time against snapshot frequency, and recommend one."""
    streams, aggregate, decoder = _streams(profile, url, domain, category)
    with _scratch_url(url) as scratch_url:
        scratch = EventStore.open(scratch_url)
        rows = measure_frequencies(scratch, aggregate, decoder, streams, limit_ms=limit_ms, loads=loads, progress=True)
        scratch.engine.dispose()
    [chosen] = [row for row in rows if row.recommended]
    document: dict[str, Any] = {
        "profile": streams.name, "streams": len(streams.streams), "events": sum(map(len, streams.streams)),
        "store": address_of(parse_url(url)) if url else "a new SQLite file", "limit_ms": limit_ms,
        "recommended": chosen.every, "reason": _reason(chosen, limit_ms), "rows": [row._asdict() for row in rows],
    }  # fmt: skip

    def prose(console: Console) -> None:
        columns = ["every", "loads", "p50 ms", "p99 ms", "snapshots", "bytes", "taking ms", ""]
        cells = [[row.every or "none", *row[1:7], "← this" if row.recommended else ""] for row in rows]
        console.print(table(f"{streams.name}: a snapshot every so many events", columns, cells))
        console.print(document["reason"], markup=False)

    answer(document, prose, as_json=json)


def take_snapshots(
    url: Annotated[str, typer.Argument(help="The store.")],
    every: Annotated[
        int, typer.Option(min=1, help="For each stream that has passed a multiple of this many events.")
    ] = 100,
    again: Annotated[bool, typer.Option(help="Begin at the first event, as after a new state_version.")] = False,
    category: Category = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Take the snapshots that are due, from where the last run ended; any number of writers may be working."""
    store = EventStore.open(url, create=False)
    code = domain_of_store(url, domain)
    kept = SnapshotStore(store.engine, clock=store.clock)
    aggregates = SnapshottingRepository(store, code.aggregate(category), code.decoder(), snapshots=kept)
    snapshotter = Snapshotter(store, aggregates, every=every, run_id="take-snapshots")
    if again:
        snapshotter.begin_again()
    events = snapshotter.catch_up()
    document = {"projection": snapshotter.run.projection, "events": events, "checkpoint": snapshotter.checkpoint()}

    def prose(console: Console) -> None:
        console.print(f"{events:,} events seen, up to position {document['checkpoint']}")

    answer(document, prose, as_json=json)


def _streams(
    profile: str | None, url: str | None, domain: str | None, category: str | None
) -> tuple[StreamProfile, type[Aggregate], EventDecoder]:
    """The streams to measure, the aggregate they are loaded as, and what decodes them."""
    if profile is not None:
        if profile not in PROFILES:
            raise UnusableInput(
                f"there is no profile {profile!r}; there are {' and '.join(PROFILES)}, and the streams of a --url"
            )
        bank = DOMAINS["bank"]
        return PROFILES[profile](), bank.aggregate(None), bank.decoder()
    if url is None:
        raise UnusableInput("say whose streams to measure: --profile account, --profile cart, or --url of a store")
    store = EventStore.open(url, create=False)
    try:
        code = domain_of_store(url, domain)
        aggregate = code.aggregate(category)
        return profile_of(store, aggregate.category), aggregate, code.decoder()
    finally:
        store.engine.dispose()


def _reason(chosen: FrequencyRow, limit_ms: float) -> str:
    what = "no snapshots" if chosen.every is None else f"a snapshot every {chosen.every} events"
    if chosen.meets_limit:
        return f"{what}: the rarest whose p99, {chosen.p99_ms} ms, stays within {limit_ms:g} ms"
    return f"{what} has the lowest p99, {chosen.p99_ms} ms, but no frequency stays within {limit_ms:g} ms"


@contextmanager
def _scratch_url(url: str | None) -> Iterator[str]:
    """A new database on the store's disk or server, dropped afterwards; the store itself is not written to."""
    parsed = parse_url(url) if url else None
    if parsed is None or parsed.drivername == "sqlite":
        beside = Path(str(parsed.database)).parent if parsed else None
        with tempfile.TemporaryDirectory(prefix="esworkbench-frequency-", dir=beside) as folder:
            yield sqlite_url(Path(folder) / "scratch.db")
        return
    import psycopg
    from psycopg import sql

    server = make_url(str(url)).set(drivername="postgresql")
    name = f"esworkbench_frequency_{os.getpid()}"
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
            )
        except psycopg.errors.InsufficientPrivilege:
            raise UnusableInput(
                "measuring needs a database of its own beside the store, which this user may not create: "
                "name a user with CREATEDB, or a server to try things on"
            ) from None
        try:
            yield server.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
