"""The results as a Markdown table for people, and as JSON for programs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import experiments
from benchmarks.rounds import Measured

OURS, PEER, BARE = "ours: append", "peer: deposit and save", "bare insert"
OURS_SAVED = "ours: deposit and save"

UNFAIR = """
## What is compared, and where it isn't fair

- *Bare* is the driver alone on the same table (same columns, indexes, JSONB copy and durability), without triggers,
  lookups, hashing, encoding or an idempotency row: a limit, not a store. Its batches are `executemany` in one
  transaction on SQLite and `COPY` on PostgreSQL, which gives no positions back. Ours copies as well, in a transaction
  with the key, and reads the positions afterwards.
- *ours: append* and *peer: event store put* are the event stores alone; *deposit and save* adds the aggregate, which
  on our side checks its rules and on the peer's doesn't. The peer's row has four columns to our twelve, no hash, one
  index fewer, no idempotency key; it notifies subscribers on PostgreSQL, which ours doesn't.
- On PostgreSQL the peer locks its table against other writers, to keep its readers from passing a gap; ours takes a
  shared lock and leaves the waiting to the reader. *Its database functions on* is a switch the peer has off by default;
  in 9.5.6 that path doesn't take the lock.
- The peer's follower commits once per event, as it is built. Ours is shown at that pace too, though by default it
  commits once per 1,000; only the first comparison is like for like, and the aim of 20 holds one default against the
  other. Ours also writes a row of `checkpoint_log`. Ten accounts are followed, so a batch adds up to ten rows.
- Forty writers are forty processes on the cores named above, so what a commit takes there is mostly waiting for a turn.
  SQLite has one writer, and those who wait don't queue: each looks again after a pause that grows to a tenth of a
  second, so some are overtaken many times, and the slowest commits tell of it. A hot command that loses its race is
  decided anew until it wins, and its time is the whole of that; its stream is loaded from the first event each time.
- On PostgreSQL our appends here take one round trip, because the store has written or read the stream before, as it
  has after `Repository.load`. An append to a stream it knows nothing of takes two.
- Our ids and times are drawn while the clock runs; the bare rows are made before.
- Everything runs in one process on warm caches with one short payload; each contender has a database of its own on one
  disk and one server. The warm-up round isn't counted.
"""


REMAINS = """
## What lies between us and the bare insert

On the client: drawing an id, checking text and JSON, framing and hashing, and in PostgreSQL's driver six more
parameters per statement, all in Python. In a batch that is 5 µs an event; in a commit of its own, after a wait for the
disk and with cold caches, several times as much. In the database: a second row in `idempotency_keys` (two of the seven
pages that a commit adds to SQLite's log), and on PostgreSQL the trigger that takes the shared lock and the look at the
stream's head. Sixteen writers share the cores with the server, so there the CPU of all this counts in full.

Ids are drawn in the order of time (RFC 9562, version 7), so the unique index on them grows at its end; how much slower
random ones make a batch into a long log stands above.

A follower that commits per event pays for its four small statements through SQLAlchemy; it is built to commit per
batch.
"""


class Goal(NamedTuple):
    """Our contender's rate in one experiment, as a multiple of another's, there or in ``other_title``."""

    wording: str
    aimed_at: float
    title: str
    engine: str
    ours: str
    other: str
    other_title: str | None = None


AIM_SNAPSHOT_MS = 1.0
LOADED, PEER_LOADED, PEER_EACH = "ours: load", "peer: load", "peer: commit per 1"
FOLLOWED = "ours: commit per 1000"

GOALS = [
    Goal("per commit, to the peer", 1.3, experiments.COMMIT, "sqlite", OURS_SAVED, PEER),
    Goal("per commit, to the peer", 2.0, experiments.COMMIT, "postgresql", OURS_SAVED, PEER),
    Goal("per commit, to the bare insert", 0.75, experiments.COMMIT, "sqlite", OURS, BARE),
    Goal("per commit, to the bare insert", 0.75, experiments.COMMIT, "postgresql", OURS, BARE),
    Goal("in batches of 1,000, to the peer", 2.0, experiments.BATCHES, "sqlite", OURS_SAVED, PEER),
    Goal("in batches of 1,000, to the peer", 4.0, experiments.BATCHES, "postgresql", OURS_SAVED, PEER),
    Goal("10,000 events, to the peer", 5.0, experiments.LOADING, "sqlite", LOADED, PEER_LOADED),
    Goal("10,000 events, to the peer", 5.0, experiments.LOADING, "postgresql", LOADED, PEER_LOADED),
    Goal(
        "follower, to the peer's",
        20.0,
        experiments.FOLLOWER_BATCH,
        "sqlite",
        FOLLOWED,
        PEER_EACH,
        experiments.FOLLOWER_EACH,
    ),
    Goal(
        "follower, to the peer's",
        20.0,
        experiments.FOLLOWER_BATCH,
        "postgresql",
        FOLLOWED,
        PEER_EACH,
        experiments.FOLLOWER_EACH,
    ),
    Goal("16 writers at once, to bare inserters", 0.75, f"16 {experiments.WRITERS.lower()}", "postgresql", OURS, BARE),
]


def as_markdown(command: str, machine: dict[str, Any], results: Sequence[Measured], notes: Sequence[str]) -> str:
    parts = ["# How fast the event store is", "", f"Made by `{command}`; a new run replaces this file.", ""]
    parts += _machine_lines(machine, results)
    parts += [f"- **{note}**" for note in notes]
    parts += [
        "",
        "## Aims",
        "",
        "| | engine | aim | measured (lowest–highest round) | |",
        "| --- | --- | --- | --- | --- |",
    ]
    parts += _goal_rows(results) + _snapshot_row(results)
    for measured in results:
        parts += ["", f"## {measured.title}, {measured.engine}", ""]
        is_cost = measured.title in (experiments.COSTS_COMMIT, experiments.COSTS_BATCH)
        if measured.title == experiments.LOADING_SNAPSHOT:
            parts += _load_table(measured)
        else:
            parts += _cost_table(measured) if is_cost else _speed_table(measured)
    return "\n".join(parts) + "\n" + REMAINS + UNFAIR


def as_data(command: str, machine: dict[str, Any], results: Sequence[Measured], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "command": command,
        "machine": machine,
        "notes": list(notes),
        "results": [
            {
                "title": measured.title,
                "engine": measured.engine,
                "events_per_round": measured.size,
                "limit": measured.limit,
                "load_before": measured.load_before,
                "seconds": measured.seconds,
                "events_per_second": {name: round(measured.rate(name), 1) for name in measured.seconds},
                "commit_milliseconds_median_and_p99": {
                    name: found for name in measured.seconds if (found := measured.commit_milliseconds(name))
                },
            }
            for measured in results
        ],
    }


def _machine_lines(machine: dict[str, Any], results: Sequence[Measured]) -> list[str]:
    postgres = dict(machine["postgresql"])
    fsync, load = machine["fsync_milliseconds"], machine["load_at_start"]
    settings = ", ".join(f"{name} {value}" for name, value in postgres.items() if name != "version")
    libraries = ", ".join(f"{name} {found}" for name, found in machine["libraries"].items())
    loads = [measured.load_before for measured in results]
    lines = [
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, {libraries}",
        f"- SQLite {machine['sqlite']}: WAL, synchronous=FULL, for all contenders",
        f"- PostgreSQL {postgres['version']}, through a local socket or as configured: {settings}",
        f"- {machine['file_system']}; one fsync of 4 KiB: {fsync['median']} ms in the median, "
        f"{fsync['slowest_of_20']} ms in the slowest of twenty",
        f"- rounds: {len(next(iter(results[0].seconds.values())))} after one warm-up, contenders taking turns; "
        "rates are the median round's, in brackets the slowest and the fastest",
    ]
    if load is not None:
        lines.append(
            f"- load at start {load[0]:.1f} (1 min), {load[1]:.1f} (5 min); before each experiment "
            f"{min(loads):.1f} to {max(loads):.1f}, this run's own work included"
        )
        if load[0] > machine["cores"] / 2:
            lines.append("- **The machine was busy with other work: trust the ratios little and the rates less.**")
    return lines


def _goal_rows(results: Sequence[Measured]) -> list[str]:
    found = {(measured.title, measured.engine): measured for measured in results}
    rows = []
    for goal in GOALS:
        measured = found.get((goal.title, goal.engine))
        other = found.get((goal.other_title or goal.title, goal.engine))
        if measured is None or other is None or goal.other not in other.seconds:
            continue
        if measured is other:
            middle, low, high = measured.ratio(goal.ours, goal.other)
            reached = f"{middle:.2f} ({low:.2f}–{high:.2f})"
        else:
            # Two experiments share no rounds, so there is a ratio of the medians and no spread of ratios.
            middle = measured.rate(goal.ours) / other.rate(goal.other)
            reached = f"{middle:.2f}"
        verdict = "met" if middle >= goal.aimed_at else "**missed**"
        rows.append(f"| {goal.ours}, {goal.wording} | {goal.engine} | {goal.aimed_at:.2f} | {reached} | {verdict} |")
    return rows


def _snapshot_row(results: Sequence[Measured]) -> list[str]:
    """The one aim that isn't a ratio."""
    for measured in results:
        if (measured.title, measured.engine) == (experiments.LOADING_SNAPSHOT, "sqlite"):
            low, high = measured.slowest_and_fastest(measured.limit)
            middle = 1000 / measured.rate(measured.limit)
            reached = f"{middle:.2f} ms ({1000 / high:.2f}–{1000 / low:.2f})"
            verdict = "met" if middle <= AIM_SNAPSHOT_MS else "**missed**"
            return [f"| {measured.limit} | sqlite | {AIM_SNAPSHOT_MS:.2f} ms | {reached} | {verdict} |"]
    return []


def _speed_table(measured: Measured) -> list[str]:
    peers = [name for name in measured.seconds if name.startswith("peer")]
    to_peer = PEER if PEER in peers else (peers[0] if peers else None)
    lines = [f"{measured.size:,} events per round.", ""]
    timed = any(measured.commit_seconds.values())
    to_limit = "bare" if measured.limit.startswith("bare") else f"“{measured.limit}”"
    lines += [f"| | events/s | to {to_limit} | to peer |" + (" a commit: median | slowest of 100 |" if timed else "")]
    lines += ["| --- | ---: | ---: | ---: |" + (" ---: | ---: |" if timed else "")]
    for name in measured.seconds:
        slowest, fastest = measured.slowest_and_fastest(name)
        peer = _ratio(measured, name, to_peer) if to_peer and name != to_peer else ""
        bare = _ratio(measured, name, measured.limit) if name != measured.limit else ""
        row = f"| {name} | {measured.rate(name):,.0f} ({slowest:,.0f}–{fastest:,.0f}) | {bare} | {peer} |"
        if (milliseconds := measured.commit_milliseconds(name)) is not None:
            row += f" {milliseconds[0]:.1f} ms | {milliseconds[1]:.1f} ms |"
        lines.append(row)
    return lines


def _load_table(measured: Measured) -> list[str]:
    """Milliseconds per load; here a round's "events" are its loads."""
    lines = [
        f"{measured.size:,} loads per round of one account with a snapshot every 100 events, 50 after the newest.",
        "",
        "| | ms per load | to peer |",
        "| --- | ---: | ---: |",
    ]
    peers = [name for name in measured.seconds if name.startswith("peer")]
    for name in measured.seconds:
        slowest, fastest = measured.slowest_and_fastest(name)
        ratio = _ratio(measured, name, peers[0]) if peers and name != peers[0] else ""
        milliseconds = f"{1000 / measured.rate(name):.3f} ({1000 / fastest:.3f}–{1000 / slowest:.3f})"
        lines.append(f"| {name} | {milliseconds} | {ratio} |")
    return lines


def _cost_table(measured: Measured) -> list[str]:
    """The share of the time that goes away with the protection; round by round, since a machine drifts."""
    lines = [
        f"{measured.size:,} events per round, through `EventStore.append`.",
        "A negative share, or one whose range spans 0, is noise.",
        "",
    ]
    lines += ["| | events/s | its share of the time | µs per event |", "| --- | ---: | ---: | ---: |"]
    everything = measured.seconds[measured.limit]
    for name, seconds in measured.seconds.items():
        slowest, fastest = measured.slowest_and_fastest(name)
        share = micros = ""
        if name != measured.limit:
            middle, low, high = measured.ratio(measured.limit, name)
            share = _share(middle, low, high)
            saved = sorted(all_ - without for all_, without in zip(everything, seconds, strict=True))
            micros = f"{saved[len(saved) // 2] / measured.size * 1e6:.0f}"
        lines.append(f"| {name} | {measured.rate(name):,.0f} ({slowest:,.0f}–{fastest:,.0f}) | {share} | {micros} |")
    return lines


def _share(middle: float, low: float, high: float) -> str:
    """A ratio of "everything on" to "without" of 0.9 means that a tenth of the time went away."""
    return f"{1 - middle:.0%} ({1 - high:.0%} to {1 - low:.0%})"


def _ratio(measured: Measured, name: str, to: str) -> str:
    middle, low, high = measured.ratio(name, to)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"
