"""What is worth asking a live store every hour: monitor."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from esworkbench.cli.options import DomainName, Json, Ledger, duration
from esworkbench.cli.output import answer, table
from esworkbench.cli.output_files import growing_file
from esworkbench.cli.terminal import terminal
from esworkbench.cli.world import fault_of_the_world
from esworkbench.composition import capture, domain_of_store
from esworkbench.errors import EsworkbenchError, UnusableInput
from esworkbench.event_store.database import address_of, parse_url
from esworkbench.event_store.sidecar import outside_folder, user_folder
from esworkbench.events import utc_now
from esworkbench.evidence.capturing.source import Pace
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.evidence.monitoring.checks import LISTED, Limits, MonitorCheck, Round, check_store
from esworkbench.evidence.monitoring.state import MonitorState, WholeSeen, read_state, write_state


def monitor(
    url: Annotated[str, typer.Argument(help="The store.")],
    every: Annotated[str | None, typer.Option(help="Again and again, like 1h or 30m, until it is ended.")] = None,
    whole_every: Annotated[
        str, typer.Option(help="How often to look at the whole store as well: a capture, verify and diff.")
    ] = "24h",
    lag_limit: Annotated[str, typer.Option(help="How long an event may wait for a read model.")] = "1m",
    older_than: Annotated[
        str | None, typer.Option(help="How long money may be held: 24h, 90m, 2d; otherwise the ledger's limit.")
    ] = None,
    anchors: Annotated[Path | None, typer.Option(help="Where anchors are kept; absent: beside the store.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="What the next run needs to know; absent: a file of yours, never in the store.")
    ] = None,
    events: Annotated[int, typer.Option(min=1, help="Read at most so many new events for a sum.")] = 1_000_000,
    rate_limit: Annotated[float | None, typer.Option(min=1, help="At most this many rows a second.")] = None,
    give_up_after: Annotated[float, typer.Option(min=1, help="Seconds after which a look is given up.")] = 600.0,
    ledger: Ledger = None,
    domain: DomainName = None,
    json: Json = False,
) -> None:
    """The checks worth running every hour on a live store, read-only: log, lag, dead letters, balances, holds, anchors.

    Each reads what is new since the last run, at one cut; now and then the whole store. Exit code 1 means that
    something was found. From cron: `0 * * * * esworkbench monitor URL --json`. With --every the latest results are
    OpenTelemetry gauges too.
    """
    pause = duration("--every", every) if every is not None else None
    if pause is not None and json:
        raise UnusableInput("--every has no end, and --json one document: leave out one of them")
    if pause is not None and pause < timedelta(minutes=1):
        raise UnusableInput(f"--every {every!r} is no pause: write it like 1h or 30m")
    address = address_of(parse_url(url))
    kept = growing_file(state) if state is not None else _own_state(url)
    whole_after = duration("--whole-every", whole_every)
    held = None if older_than is None else duration("--older-than", older_than)
    limits = Limits(duration("--lag-limit", lag_limit), held, events)
    pace = Pace(rate_limit, give_up_after)
    outside = anchors if anchors is not None else outside_folder(url)

    def look() -> Round:
        definition = ledger if ledger is not None else domain_of_store(url, domain, instead=" or --ledger").ledger
        before, unread = read_state(kept)
        last, now = before.whole, utc_now()
        ahead = last is not None and last.at > now
        whole = last is None or ahead or now - last.at >= whole_after
        found = check_store(
            parse_url(url), LedgerDefinition.load(definition), before, outside=outside, limits=limits, pace=pace,
            clock=utc_now, all_anchors=whole,
        )  # fmt: skip
        if whole or before.whole is None:
            anchored = next(each for each in found.checks if each.name == "anchors")
            found.checks.append(_whole(url, definition, domain, pace, before, anchored.found))
        else:
            found.checks.append(_as_check(before.whole))
        write_state(kept, before)
        notes = [*found.notes, *([unread] if unread else [])]
        if last is not None and ahead:
            notes.append(
                f"the last look at the whole store is dated {last.at:%Y-%m-%d %H:%M:%S} UTC, ahead of this machine's "
                f"clock ({now:%Y-%m-%d %H:%M:%S} UTC): one of the two clocks was wrong, so it was looked at now"
            )
        return found._replace(notes=notes)

    if pause is not None:
        _keep_looking(pause.total_seconds(), look)
    began = time.monotonic()
    found = look()
    answer(
        {**as_document(found), "store": address, "state": str(kept), "seconds": round(time.monotonic() - began, 3)},
        lambda console: say(console, found),
        as_json=json,
        found=bool(found.found),
        next_command=f"esworkbench investigate {address}" if found.found else None,
    )


def as_document(found: Round) -> dict[str, Any]:
    """What ``monitor --json`` prints of a round."""
    return {
        "at": found.at, "clock": found.clock, "found": sum(each.total for each in found.found),
        "checks": [each._asdict() for each in found.checks], "notes": found.notes,
    }  # fmt: skip


def say(console: Console, found: Round) -> None:
    console.print(f"{found.at:%Y-%m-%d %H:%M:%S} UTC by the clock of {_clock(found)}")
    console.print(
        table("checks", ["check", "", "what"], [[each.name, each.state, each.words] for each in found.checks])
    )
    for each in found.found:
        if each.found:
            columns = list(dict.fromkeys(key for one in each.found for key in one))
            rows = [[one.get(column) for column in columns] for one in each.found]
            console.print(table(f"{each.name}: {each.total:,}", columns, rows, limit=LISTED))
    for note in found.notes:
        console.print(f"note: {note}", markup=False)


def _clock(found: Round) -> str:
    return "the server" if found.clock == "server" else found.clock


def _whole(
    url: str, ledger: Path, domain: str | None, pace: Pace, state: MonitorState, anchored: Sequence[Mapping[str, Any]]
) -> MonitorCheck:
    """The whole store, captured and asked; the evidence isn't kept. ``anchored`` is how it parts from its anchors."""
    from esworkbench.forensics.investigation.questions import ask

    with tempfile.TemporaryDirectory(prefix="esworkbench-monitor-") as folder:
        try:
            evidence = capture(
                url, Path(folder) / "evidence", ledger=ledger, domain=domain, progress=False,
                rate_limit=pace.rows_per_second, give_up_after=pace.give_up_after,
            )  # fmt: skip
        except UnusableInput as reason:
            return MonitorCheck("whole", "not_checked", f"the whole store couldn't be looked at: {reason}")
        broken, apart = ask(evidence, "verify", {})["breaks"], ask(evidence, "diff", {})
    found = [*map(dict, anchored), *({"what": each["words"]} for each in broken)]
    found += [
        {"what": f"{each['source']} ({each['kind']}) parts from the events", "account": each["account"],
         "currency": each["currency"], "delta": each["delta"], "position": each["at_position"]}
        for each in apart["rows"]
    ]  # fmt: skip
    found += [{"what": f"{kind}: no rule of the ledger"} for kind in apart["unposted"]]
    found += [
        {"what": f"{each['source']} says of its event: {each['column']} {each['says']}, not {each['event_says']}",
         "account": each["account"], "currency": each["currency"], "position": each["position"]}
        for each in apart["wrong_columns"]
    ]  # fmt: skip
    found += [{"what": each} for each in apart["odd_claims"]]
    words = f"{len(broken)} breaks in the log, {apart['divergent']:,} of {apart['compared']:,} claims diverge"
    state.whole = WholeSeen(utc_now(), words, len(found), found[:LISTED])
    return _as_check(state.whole)


def _as_check(seen: WholeSeen) -> MonitorCheck:
    words = f"{seen.words}, at {seen.at:%Y-%m-%d %H:%M} UTC"
    return MonitorCheck("whole", "found" if seen.count else "ok", words, seen.count, seen.found)


def _own_state(url: str) -> Path:
    """A file of the user's, by where the store really is."""
    parsed = parse_url(url)
    name = str(Path(str(parsed.database)).resolve()) if parsed.drivername == "sqlite" else address_of(parsed)
    return user_folder() / "monitor" / f"{sha256(name.encode('utf-8', 'backslashreplace')).hexdigest()[:16]}.json"


def _keep_looking(
    seconds: float,
    look: Callable[[], Round],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    now: Callable[[], datetime] = utc_now,
) -> NoReturn:
    """Look and say so, and again when so many seconds are over, until the process is ended.

    A database that is away costs one round, and is told; in the first round it is an error, since then its address may
    be wrong.
    """
    latest: list[Round] = []
    _tell_gauges(lambda: latest[-1] if latest else None)
    console = terminal(stderr=False)
    while True:
        began = clock()
        try:
            latest[:] = [look()]
            say(console, latest[0])
        except Exception as error:
            sentence = str(error) if isinstance(error, EsworkbenchError) else fault_of_the_world(error)
            if not latest or sentence is None:
                raise
            console.print(f"not looked at {now():%Y-%m-%d %H:%M:%S} UTC: {sentence}", markup=False)
        sleep(max(0.0, seconds - (clock() - began)))


def _tell_gauges(latest: Callable[[], Round | None]) -> None:
    """Where OpenTelemetry is installed; the monitor works without."""
    try:
        from esworkbench.evidence.monitoring.gauges import register_monitor_gauges
    except ModuleNotFoundError:
        return
    register_monitor_gauges(latest)
