"""What an operator's monitoring asks a store: lag, pending."""

from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.options import DomainName, Json, duration
from esworkbench.cli.output import answer, table
from esworkbench.composition import domain_of_store
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.database import address_of, parse_url, server_clock
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.money import format_minor
from esworkbench.projections.monitoring.measure import Percentiles, followers, percentiles
from esworkbench.projections.monitoring.monitor import LagMonitor, LagReport, delays

Store = Annotated[str, typer.Argument(help="The store.")]
RANKS = Percentiles._fields


def measure_lag(
    url: Store,
    projection: Annotated[str | None, typer.Option(help="Only this one; otherwise every one that ever ran.")] = None,
    watch: Annotated[float, typer.Option(min=0, help="Sample for this many seconds; 0 looks once.")] = 0.0,
    json: Json = False,
) -> None:
    """How far behind each projection is, and how long its latest 10,000 events waited to be seen.

    The verdict is about now: healthy under 0.5 s, alarm over 2 s at the 99th percentile of the samples. Exit code 1
    is an alarm.
    """
    store = EventStore.open(url, create=False)
    known = followers(store)
    if not known:
        raise UnusableInput("no projection has ever run on this store, so none can be behind: run one first")
    if projection not in (None, *known):
        raise UnusableInput(f"projection {projection!r} has never run on this store; {', '.join(known)} have")
    monitor = LagMonitor(store, None if projection is None else [projection], clock=server_clock(store.engine))
    monitor.watch(watch)
    reports = monitor.report()
    waited = {report.latest.projection: _waited(store, report.latest.projection) for report in reports}
    document = {"projections": [_as_document(report, waited[report.latest.projection]) for report in reports]}

    def prose(console: Console) -> None:
        behind = [
            [report.latest.projection, report.verdict, report.latest.positions, *map(_spoken, report.seconds)]
            for report in reports
        ]
        console.print(table("behind now", ["projection", "verdict", "positions", *RANKS], behind))
        late = [[name, *map(_spoken, seconds)] for name, seconds in waited.items() if seconds is not None]
        console.print(table("how long the latest events waited to be seen", ["projection", *RANKS], late))

    answer(document, prose, as_json=json, found=any(report.verdict == "alarm" for report in reports))


def pending(
    url: Store,
    older_than: Annotated[str | None, typer.Option(help="24h, 90m, 2d; otherwise the ledger's limit.")] = None,
    ledger: Annotated[Path | None, typer.Option(help="A ledger definition; otherwise the domain's own.")] = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """Withdrawals that hold money for longer than allowed: the monitor that would have found the $47.23 in a day.

    Ages are measured by the server's clock. Exit code 1 means that there are some.
    """
    store = EventStore.open(url, create=False)
    code = domain_of_store(url, domain)
    if code.holds is None:
        raise UnusableInput(f"the domain {code.name} holds no money back, so nothing can be pending")
    limit = duration("--older-than", older_than) if older_than is not None else _limit_of(ledger or code.ledger)
    now = server_clock(store.engine)()
    found = code.holds(store.engine, limit, now)
    document = {
        "limit_seconds": int(limit.total_seconds()), "now": now, "lag_positions": found.lag.positions,
        "pending": [hold._asdict() for hold in found.value],
    }  # fmt: skip

    def prose(console: Console) -> None:
        rows = [
            [hold.account_id, hold.withdrawal_id, format_minor(hold.amount_minor, hold.currency), hold.requested_at]
            for hold in found.value
        ]
        console.print(
            table(
                f"pending for more than {limit / timedelta(hours=1):g} h",
                ["account", "withdrawal", "amount", "requested"],
                rows,
            )
        )
        if found.lag.positions:
            console.print(f"the read model is {found.lag.positions:,} positions behind: some may be settled by now")

    next_command = None
    if found.value:
        shown = address_of(parse_url(url))
        next_command = f"esworkbench investigate {quote(shown)} --account {quote(found.value[0].account_id)}"
    answer(document, prose, as_json=json, found=bool(found.value), next_command=next_command)


def _waited(store: EventStore, projection: str) -> Percentiles | None:
    seconds = [delay.seconds for delay in delays(store, projection)]
    return percentiles(seconds) if seconds else None


def _as_document(report: LagReport, waited: Percentiles | None) -> dict[str, Any]:
    latest = report.latest
    return {
        "projection": latest.projection,
        "verdict": report.verdict,
        "measured_at": latest.measured_at,
        "checkpoint": latest.checkpoint,
        "head": latest.head,
        "positions": latest.positions,
        "seconds": latest.seconds,
        "samples": report.samples,
        "seconds_percentiles": report.seconds._asdict(),
        "positions_percentiles": report.positions._asdict(),
        "waited_seconds_percentiles": None if waited is None else waited._asdict(),
    }


def _spoken(seconds: float) -> str:
    """To the millisecond where that matters, in hours where it doesn't."""
    return f"{seconds:.3f} s" if seconds < 100 else f"{seconds / 3600:,.1f} h"


def _limit_of(ledger: Path) -> timedelta:
    definition = LedgerDefinition.load(ledger)
    if definition.pending is None:
        raise UnusableInput(f"the ledger definition {str(ledger)!r} has no [pending] section: give --older-than")
    return timedelta(hours=definition.pending.limit_hours)
