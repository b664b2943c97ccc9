"""How often to take snapshots: measured on streams like yours, not guessed.

A snapshot too many costs writes and space that nobody reads, one too few costs every load. Which it is depends on how
long streams get: an account lives for decades, a cart is abandoned after twenty events.
"""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

from sqlalchemy import select

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import Snapshot, Snapshots, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.schema import events
from esworkbench.events import NewEvent
from esworkbench.upcasters import EventDecoder

FREQUENCIES = (None, 1000, 500, 100, 50, 20, 10)
"""Those compared by default, rarest first: None is no snapshots at all."""

REPEATS = 3
"""How often each load is timed; the fastest counts, so that p99 tells of the tail to fold, not of a busy neighbour."""


class StreamProfile(NamedTuple):
    """Streams of one category as they come to be, each with its events in order."""

    name: str
    streams: Sequence[Sequence[NewEvent]]


class FrequencyRow(NamedTuple):
    """What a snapshot every so many events (None: no snapshots) gives and costs over the lives of a profile's streams.

    Times are in milliseconds. ``loads`` is how many loads the percentiles are of; ``snapshot_bytes`` and ``taking_ms``
    are the sums over all ``snapshots`` taken, bytes of state alone. ``meets_limit``: p99 is within the limit.
    """

    every: int | None
    loads: int
    p50_ms: float
    p99_ms: float
    snapshots: int
    snapshot_bytes: int
    taking_ms: float
    meets_limit: bool
    recommended: bool


def measure_frequencies(
    scratch: EventStore,
    aggregate_class: type[Aggregate],
    decoder: EventDecoder,
    profile: StreamProfile,
    *,
    limit_ms: float,
    frequencies: Sequence[int | None] = FREQUENCIES,
    loads: int = 200,
    seed: int = 1,
    timer: Callable[[], float] = perf_counter,
    progress: bool = False,
) -> list[FrequencyRow]:
    """One row per frequency, in the order given; exactly one is recommended.

    The streams grow in ``scratch``, which must be empty, once for each frequency. At ``loads`` moments of their lives,
    drawn with ``seed``, every frequency's stream is loaded in turn, as before a command, and timed by ``timer`` in
    seconds. ``held_against`` says which is recommended under ``limit_ms``. Raises UnusableInput for an empty profile
    or a scratch store in use.
    """
    if scratch.head_position() > 0:
        raise UnusableInput("frequencies are measured in an empty store: name another database")
    if not any(profile.streams):
        raise UnusableInput(f"the profile {profile.name!r} holds no events: name streams that have some")
    lanes = [_Lane(scratch, aggregate_class, decoder, every, timer) for every in frequencies]
    moments = _moments(profile, loads, Random(seed))
    from tqdm.auto import tqdm

    for turn, (stream_number, version) in enumerate(tqdm(moments, desc="moments of life", disable=not progress)):
        for lane in lanes:
            lane.grow(stream_number, profile.streams[stream_number][:version])
        first = turn % len(lanes)
        for lane in lanes[first:] + lanes[:first]:
            lane.time_load(stream_number)
    return held_against([lane.row() for lane in lanes], limit_ms)


def profile_of(store: EventStore, category: str, *, streams: int = 20, seed: int = 1) -> StreamProfile:
    """Streams of a real store, drawn at random, with their events as stored. Raises UnusableInput if it has none."""
    ids = select(events.c.stream_id).where(events.c.version == 1, events.c.stream_id.startswith(f"{category}-"))
    with store.engine.connect() as connection:
        found = sorted(connection.scalars(ids).all())
    if not found:
        raise UnusableInput(f"the store holds no stream of category {category!r}: name another, or a built-in profile")
    drawn = Random(seed).sample(found, min(streams, len(found)))
    return StreamProfile(f"{len(drawn)} streams of {category}", [_events_of(store, stream_id) for stream_id in drawn])


def held_against(rows: Sequence[FrequencyRow], limit_ms: float) -> list[FrequencyRow]:
    """The same measurements under a limit, in the same order: which are within it, and the one recommended.

    That is the rarest frequency within the limit, no snapshots where that is; if none is, the one with the lowest p99.
    """
    within = [row for row in rows if row.p99_ms <= limit_ms]
    if within:
        chosen = max(within, key=lambda row: float("inf") if row.every is None else row.every)
    else:
        chosen = min(rows, key=lambda row: row.p99_ms)
    return [row._replace(meets_limit=row in within, recommended=row is chosen) for row in rows]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ascending numbers that at least this share of all are at or below (nearest rank)."""
    # Not share * len: 0.07 * 100 is a little more than 7 in floats, but 7 / 100 is 0.07.
    return next(value for rank, value in enumerate(ordered, start=1) if rank / len(ordered) >= share)


def _events_of(store: EventStore, stream_id: str) -> list[NewEvent]:
    return [
        NewEvent(event_type=each.event_type, payload=each.payload, schema_version=each.schema_version)
        for each in store.read_stream(stream_id)
    ]


def _moments(profile: StreamProfile, loads: int, random: Random) -> list[tuple[int, int]]:
    """Stream number and version of so many loads, in the order of the streams' lives.

    Every event was decided after a load, so each is as likely; drawn, because even steps would beat with the multiples.
    """
    lengths = [len(stream) for stream in profile.streams]
    every = [(number, version) for number, length in enumerate(lengths) for version in range(1, length + 1)]
    return sorted(random.sample(every, min(loads, len(every))))


class _WeighedSnapshots:
    """Snapshots that count, weigh and time what they keep."""

    def __init__(self, kept_in: Snapshots, timer: Callable[[], float]) -> None:
        self._kept_in = kept_in
        self._timer = timer
        self.count = self.bytes = 0
        self.seconds = 0.0

    def candidates(self, stream_id: str) -> Iterator[Snapshot]:
        return self._kept_in.candidates(stream_id)

    def keep(self, snapshot: Snapshot) -> None:
        began = self._timer()
        self._kept_in.keep(snapshot)
        self.seconds += self._timer() - began
        self.count += 1
        self.bytes += len(snapshot.state)

    def invalidate(self, category: str, state_version: int) -> int:
        return self._kept_in.invalidate(category, state_version)


class _Lane:
    """One frequency: its own copies of the streams, their snapshots, and the times of its loads."""

    def __init__(
        self,
        store: EventStore,
        aggregate_class: type[Aggregate],
        decoder: EventDecoder,
        every: int | None,
        timer: Callable[[], float],
    ) -> None:
        self._store = store
        self._every = every
        self._timer = timer
        self._snapshots = _WeighedSnapshots(SnapshotStore(store.engine, clock=store.clock), timer)
        self._snapshotting: SnapshottingRepository[Any] = SnapshottingRepository(
            store, aggregate_class, decoder, snapshots=self._snapshots
        )
        self._repository = self._snapshotting if every else Repository(store, aggregate_class, decoder)
        self._versions: dict[str, int] = {}
        self._seconds: list[float] = []

    def grow(self, stream_number: int, stream: Sequence[NewEvent]) -> None:
        """Append what the copy lacks of ``stream``, with a snapshot at each multiple on the way."""
        aggregate_id = self._id_of(stream_number)
        every = self._every or len(stream)
        while (version := self._versions.get(aggregate_id, 0)) < len(stream):
            until = min(len(stream), (version // every + 1) * every)
            stream_id = self._repository.aggregate_class(aggregate_id).stream_id
            self._store.append(stream_id, stream[version:until], expected_version=version)
            self._versions[aggregate_id] = until
            if self._every is not None and until % self._every == 0:
                self._snapshotting.take_snapshot(self._repository.load(aggregate_id))

    def time_load(self, stream_number: int) -> None:
        aggregate_id = self._id_of(stream_number)
        times = []
        for _ in range(REPEATS):
            began = self._timer()
            self._repository.load(aggregate_id)
            times.append(self._timer() - began)
        self._seconds.append(min(times))

    def row(self) -> FrequencyRow:
        ordered = [seconds * 1000 for seconds in sorted(self._seconds)]
        return FrequencyRow(
            every=self._every,
            loads=len(ordered),
            p50_ms=round(percentile(ordered, 0.5), 3),
            p99_ms=round(percentile(ordered, 0.99), 3),
            snapshots=self._snapshots.count,
            snapshot_bytes=self._snapshots.bytes,
            taking_ms=round(self._snapshots.seconds * 1000, 3),
            meets_limit=False,
            recommended=False,
        )

    def _id_of(self, stream_number: int) -> str:
        return f"{self._every or 'none'}-{stream_number}"
