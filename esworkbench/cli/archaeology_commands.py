"""Commands on a log that nobody documented: shapes, compact."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import Connection, inspect

from esworkbench.cli.options import DomainName, Json
from esworkbench.cli.output import answer
from esworkbench.cli.output_files import CONTRACT_TESTS, new_store, writable_output, write_output
from esworkbench.compaction import compact as compact_log
from esworkbench.compaction import first_event, verify_compaction
from esworkbench.composition import Domain, domain_of_store, loaded
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import address_of, described, open_database, parse_url
from esworkbench.upcasters.archaeology import (
    LatestShape,
    ProposedVersion,
    all_events,
    draft_contract_tests,
    event_type_lives,
    map_shapes_to_versions,
    recover_shapes,
    sample_events,
    through_chain,
)

Through = Annotated[str | None, typer.Option(help="What reads old shapes, as module:function of a stored event.")]


def shapes(
    url: Annotated[str, typer.Argument(help="The store.")],
    event_type: Annotated[str | None, typer.Option("--type", help="Only this event type.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="How many events of each type to look at; 0 for all.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same sample.")] = 1,
    opaque: Annotated[list[str] | None, typer.Option(help="A path to leave alone because its keys are data.")] = None,
    draft: Annotated[Path | None, typer.Option(help="Write contract tests to this new file, on --through.")] = None,
    through: Through = None,
    json: Json = False,
) -> None:
    """The shapes a log really holds, which versions they make, and where the recorded versions disagree."""
    if draft is not None:
        if through is None:
            raise UnusableInput("--draft needs --through module:function")
        writable_output(draft, CONTRACT_TESTS)
    store = EventStore.open(url, create=False)
    with closing(store.engine.connect()) as connection:
        types = [event_type] if event_type else [life.event_type for life in event_type_lives(connection)]
        looked_at = chain.from_iterable(_look(connection, each, sample, seed) for each in types)
        recovered = recover_shapes(looked_at, opaque=opaque or ())
    store.engine.dispose()
    found = {each: map_shapes_to_versions(of_type) for each, of_type in recovered.items()}
    versions = list(chain.from_iterable(found.values()))
    if draft is not None and through is not None:
        write_output(draft, draft_contract_tests(versions, function_named(through), through), CONTRACT_TESTS)
    document: dict[str, Any] = {
        "types": [
            {"event_type": each, "versions": [_as_row(one) for one in of_type]} for each, of_type in found.items()
        ],
        "disagreements": sum(each.disagreement is not None for each in versions),
        "suspicions": sum(len(each.suspicions) for each in versions),
        "drafted": None if draft is None else str(draft),
    }

    def prose(console: Console) -> None:
        for line in chain.from_iterable(map(_as_lines, versions)):
            console.print(line, markup=False)

    answer(document, prose, as_json=json, found=bool(document["disagreements"] or document["suspicions"]))


def compact(
    old: Annotated[str, typer.Argument(help="The store to compact. It is only read.")],
    into: Annotated[str, typer.Option(help="A new, empty store; or one in which this command was interrupted.")],
    through: Through = None,
    domain: DomainName = None,
    batch: Annotated[int, typer.Option(min=1, help="Events per transaction.")] = 1000,
    json: Json = False,
) -> None:
    """Write a new log with every event in its latest shape, record the old stream heads, and verify. Resumable."""
    if through is not None and domain is not None:
        raise UnusableInput("give --through or --domain, not both: old shapes are read through only one of them")
    source = EventStore.open(old, create=False)
    if through is not None:
        latest_shape = function_named(through)
    else:
        latest_shape = _latest_shape(domain_of_store(old, domain, instead=", or read them --through module:function"))
    first_event(source)
    _require_new_or_ours(into)
    target = EventStore.open(into)
    sealed = compact_log(source, target, latest_shape, batch_size=batch)
    check = verify_compaction(source, target, latest_shape)
    shown = address_of(parse_url(into))
    document: dict[str, Any] = {
        "old": address_of(parse_url(old)), "into": shown, "events_read": check.events_read,
        "events_written": check.events_written, "dropped": check.dropped, "streams": check.streams,
        "head_position": sealed.head_position, "heads_digest": sealed.heads_digest,
        "verified": not check.problems, "problems": check.problems,
    }  # fmt: skip

    def prose(console: Console) -> None:
        counts = f"{check.events_read:,} events read, {check.events_written:,} written, {len(check.dropped):,} dropped"
        console.print(counts)
        console.print(f"SHA-256 over the {check.streams:,} old stream heads: {sealed.heads_digest}")
        for problem in check.problems:
            console.print(problem, markup=False)
        console.print("verified: both logs say the same" if not check.problems else "NOT verified")

    answer(document, prose, as_json=json, found=bool(check.problems), next_command=f"esworkbench shapes {quote(shown)}")


def function_named(reference: str) -> LatestShape:
    """What ``--through`` names. Raises UnusableInput when there is no such function."""
    function = loaded(reference, "--through", "module:function")
    if not callable(function):
        raise UnusableInput(f"--through {reference!r} is not a function of a stored event")
    latest_shape: LatestShape = function
    return latest_shape


def _require_new_or_ours(url: str) -> None:
    """Tables of a log are made only in an empty database; one that already has a log is examined by ``compact``."""
    parsed = parse_url(new_store(url))
    if parsed.drivername == "sqlite" and not Path(str(parsed.database)).exists():
        return
    engine = open_database(url, create=False)
    tables = inspect(engine).get_table_names()
    engine.dispose()
    if tables and "events" not in tables:
        raise UnusableInput(f"{described(parsed)} holds {len(tables)} tables and no log: name a new, empty database")


def _latest_shape(domain: Domain) -> LatestShape:
    decoder = domain.decoder()
    known = decoder.event_types
    return through_chain(decoder.upcasters, {name: known.latest_version(name) for name in known.names()})


def _look(connection: Connection, event_type: str, sample: int, seed: int) -> Iterator[Any]:
    return sample_events(connection, event_type, sample, seed) if sample else all_events(connection, event_type)


def _as_row(proposed: ProposedVersion) -> dict[str, Any]:
    shape = proposed.shape
    return {
        "version": proposed.version, "events": shape.events, "share": round(shape.share, 4),
        "first_position": shape.first.global_position, "last_position": shape.last.global_position,
        "first_at": shape.first.valid_at, "last_at": shape.last.valid_at,
        "recorded_versions": {str(version): events for version, events in shape.recorded_versions.items()},
        "disagreement": proposed.disagreement,
        "changes": [change._asdict() for change in proposed.changes],
        "suspicions": [change._asdict() for change in proposed.suspicions],
        "fields": [field._asdict() for field in shape.fields],
    }  # fmt: skip


def _as_lines(proposed: ProposedVersion) -> Iterator[str]:
    shape = proposed.shape
    period = f"{shape.first.valid_at:%Y-%m-%d} to {shape.last.valid_at:%Y-%m-%d}"
    yield f"{proposed.event_type} v{proposed.version}: {shape.events:,} events, {period}"
    for change in (*proposed.changes, *proposed.suspicions):
        yield f"    {change.text} ({change.certainty})"
    if proposed.disagreement is not None:
        yield f"    {proposed.disagreement}"
