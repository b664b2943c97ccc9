"""Which experiments there are. Each is made when its turn comes, so that few databases are open at once."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from benchmarks import long_log, peer, protections, snapshotted, synchronous
from benchmarks.bare import Bare, BareFollow, BareInsert, BareRead
from benchmarks.databases import Databases
from benchmarks.ours import Append, Follow, Load, Save, open_store
from benchmarks.rounds import Contender, Experiment
from benchmarks.writers import Crew, Together

ENGINES = ("sqlite", "postgresql")
BATCH = 1000

COMMIT = "One event per commit"
BATCHES = "Batches of 1,000"
LOADING = "Loading one aggregate"
LOADING_SNAPSHOT = "Loading one aggregate from a snapshot"
FOLLOWER_EACH = "Follower, a checkpoint per event"
FOLLOWER_BATCH = "Follower, a checkpoint per 1,000 events"
WRITERS = "Writers at once"
HOT_AND_COLD = "Writers at once, hot and cold"
COSTS_COMMIT = "What a protection costs, one event per commit"
COSTS_BATCH = "What a protection costs, batches of 1,000"


class Sizes(NamedTuple):
    """Events per round of each experiment; those in batches are multiples of 1,000, the followed ones of 10."""

    rounds: int
    commits: int
    batched: int
    loaded: int
    followed_each: int
    followed_batch: int
    writers: int
    commits_per_writer: int
    crowd: int
    commits_in_crowd: int
    protected_commits: int
    protected_batched: int
    long_log: int


FULL = Sizes(7, 500, 5_000, 10_000, 500, 10_000, 16, 60, 40, 10, 300, 3_000, 1_000_000)
QUICK = Sizes(3, 100, 1_000, 2_000, 100, 2_000, 16, 10, 40, 3, 100, 1_000, 10_000)

Maker = Callable[[], Experiment]


def all_experiments(databases: Databases, sizes: Sizes) -> list[tuple[str, Maker]]:
    """The title of each experiment, and how to make it."""
    every: list[tuple[str, Maker]] = []
    for engine in ENGINES:
        every += [
            (f"{COMMIT}, {engine}", partial(_appending, databases, engine, COMMIT, sizes.commits, 1)),
            (f"{BATCHES}, {engine}", partial(_appending, databases, engine, BATCHES, sizes.batched, BATCH)),
            (f"{LOADING}, {engine}", partial(_loading, databases, engine, sizes.loaded)),
            (f"{LOADING_SNAPSHOT}, {engine}", partial(_loading_from_snapshot, databases, engine, sizes.loaded)),
            (f"{FOLLOWER_EACH}, {engine}", partial(_following_each, databases, engine, sizes.followed_each)),
            (f"{FOLLOWER_BATCH}, {engine}", partial(_following_batches, databases, engine, sizes.followed_batch)),
        ]
    every.append((f"{WRITERS}, postgresql", partial(_writers, databases, sizes.writers, sizes.commits_per_writer)))
    for engine in ENGINES:
        making = partial(_crowd, databases, engine, sizes.crowd, sizes.commits_in_crowd)
        every.append((f"{HOT_AND_COLD}, {engine}", making))
    for engine in ENGINES:
        every += [
            (
                f"{COSTS_COMMIT}, {engine}",
                partial(_protected, databases, engine, COSTS_COMMIT, sizes.protected_commits, 1),
            ),
            (
                f"{COSTS_BATCH}, {engine}",
                partial(_protected, databases, engine, COSTS_BATCH, sizes.protected_batched, BATCH),
            ),
        ]
        making = partial(long_log.by_order_of_ids, databases, engine, sizes.batched, sizes.long_log)
        every.append((f"{long_log.TITLE}, {engine}", making))
        every.append(
            (f"{synchronous.TITLE}, {engine}", partial(synchronous.one_writer, databases, engine, sizes.commits))
        )
    title = f"{synchronous.TITLE}, many writers, postgresql"
    every.append((title, partial(synchronous.many_writers, databases, sizes.writers, sizes.commits_per_writer)))
    return every


def _appending(databases: Databases, engine: str, title: str, size: int, per_commit: int) -> Experiment:
    contenders: list[Contender] = [
        BareInsert(Bare(databases.fresh(engine)), size, per_commit),
        Append(open_store(databases.fresh(engine)), size, per_commit),
        Save(open_store(databases.fresh(engine)), size, per_commit),
    ]
    if peer.missing(engine) is None:
        contenders.append(peer.PeerPut(peer.open_peer(databases.fresh(engine)), size, per_commit))
        contenders.append(peer.PeerSave(peer.open_peer(databases.fresh(engine)), size, per_commit))
        if engine == "postgresql":
            faster = peer.PeerSave(peer.open_peer(databases.fresh(engine), database_functions=True), size, per_commit)
            faster.name += ", its database functions on"
            contenders.append(faster)
    return Experiment(title, engine, size, BareInsert.name, contenders)


def _loading(databases: Databases, engine: str, size: int) -> Experiment:
    contenders: list[Contender] = [
        BareRead(Bare(databases.fresh(engine)), size),
        Load(open_store(databases.fresh(engine)), size),
    ]
    if peer.missing(engine) is None:
        contenders.append(peer.PeerLoad(peer.open_peer(databases.fresh(engine)), size))
    return Experiment(LOADING, engine, size, BareRead.name, contenders)


def _loading_from_snapshot(databases: Databases, engine: str, events: int) -> Experiment:
    ours = snapshotted.LoadFromSnapshot(open_store(databases.fresh(engine)), events)
    contenders: list[Contender] = [ours]
    if peer.missing(engine) is None:
        app = peer.open_peer(databases.fresh(engine), made=snapshotted.SnapshottedAccounts)
        contenders.append(snapshotted.PeerLoadFromSnapshot(app, events))
    return Experiment(LOADING_SNAPSHOT, engine, snapshotted.LOADS, ours.name, contenders)


def _following_each(databases: Databases, engine: str, size: int) -> Experiment:
    contenders: list[Contender] = [
        BareFollow(Bare(databases.fresh(engine)), size, 1),
        Follow(open_store(databases.fresh(engine)), size, 1),
    ]
    if peer.missing(engine) is None:
        contenders.append(peer.PeerFollow(peer.open_peer(databases.fresh(engine)), size))
    return Experiment(FOLLOWER_EACH, engine, size, contenders[0].name, contenders)


def _following_batches(databases: Databases, engine: str, size: int) -> Experiment:
    contenders: list[Contender] = [
        BareFollow(Bare(databases.fresh(engine)), size, BATCH),
        Follow(open_store(databases.fresh(engine)), size, BATCH),
    ]
    return Experiment(FOLLOWER_BATCH, engine, size, contenders[0].name, contenders)


def _protected(databases: Databases, engine: str, title: str, size: int, per_commit: int) -> Experiment:
    contenders = [
        protections.AppendWithout(open_store(databases.fresh(engine)), size, per_commit, name)
        for name in protections.names(engine)
    ]
    return Experiment(title, engine, size, protections.EVERYTHING, contenders)


def _writers(databases: Databases, writers: int, commits_each: int) -> Experiment:
    names = ["bare insert", "ours: append", "ours: deposit and save"]
    if peer.missing("postgresql") is None:
        names.append("peer: deposit and save")
    crew = Crew(writers, {name: databases.fresh("postgresql") for name in names}, commits_each)
    return Experiment(
        f"{writers} {WRITERS.lower()}",
        "postgresql",
        writers * commits_each,
        "bare insert",
        [Together(crew, name) for name in names],
    )


def _crowd(databases: Databases, engine: str, writers: int, commits_each: int) -> Experiment:
    names = ["bare insert, each timed", "ours: commands, cold", "ours: commands, hot"]
    crew = Crew(writers, {name: databases.fresh(engine) for name in names}, commits_each)
    title = f"{writers} {HOT_AND_COLD.lower()}"
    return Experiment(title, engine, writers * commits_each, names[0], [Together(crew, name) for name in names])
