"""What the child processes of the race tests run. Each takes plain values, so that it can be sent to a new process."""

import random
from multiprocessing.synchronize import Barrier

import psycopg

from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, StreamAppend, write_transaction
from esworkbench.event_store.postgres.sql import ONE_ROW
from esworkbench.event_store.sqlite.log import INSERT
from tests.support import new_event

GENERATION: Barrier | None = None


def set_barrier(barrier: Barrier) -> None:
    """Initializer of the pool: the barrier at which all its processes meet before each round."""
    global GENERATION
    GENERATION = barrier


def together() -> None:
    assert GENERATION is not None
    GENERATION.wait(timeout=60)


def race_for_versions(url: str, rounds: int) -> list[str]:
    """In each round append at the same expected version as everybody else."""
    store = EventStore.open(url)
    outcomes = []
    for version in range(rounds):
        together()
        try:
            store.append("contested", [new_event()], expected_version=version)
            outcomes.append("written")
        except ConcurrencyError as error:
            outcomes.append(f"expected {error.expected}, actual {error.actual}")
        together()
    return outcomes


def race_with_one_key(url: str, rounds: int) -> list[tuple[bool, bytes]]:
    """In each round send the same command, with the same key, as everybody else."""
    store = EventStore.open(url)
    replies = []
    for number in range(rounds):
        together()
        reply = b'{"round":%d}' % number
        once = Idempotency(f"key-{number}", "digest", reply)
        result = store.append("commanded", [new_event()], expected_version=ANY_VERSION, idempotency=once)
        replies.append((result.repeated, result.reply or b""))
    return replies


def transfer_both_ways(url: str, worker: int, rounds: int) -> int:
    """Append to two streams at once, in opposite orders in odd and even workers."""
    store = EventStore.open(url)
    ends = ["Account-a", "Account-b"] if worker % 2 else ["Account-b", "Account-a"]
    for _ in range(rounds):
        store.append_many([StreamAppend(stream_id, ANY_VERSION, [new_event()]) for stream_id in ends])
    return rounds


def write_slowly(url: str, worker: int, rounds: int) -> int:
    """Write to a stream of one's own: plain appends, slow commits and rollbacks; how many events were committed."""
    dice = random.Random(worker)
    store = EventStore.open(url)
    committed = 0
    together()
    for _ in range(rounds):
        kind = dice.choice(["append", "slow commit", "rollback"])
        if kind == "append":
            store.append(f"own-{worker}", [new_event()], expected_version=ANY_VERSION)
        elif url.startswith("sqlite"):
            _slow_sqlite(store, f"raw-{worker}-{dice.random()}", keep=kind == "slow commit")
        else:
            _slow_postgres(url, f"raw-{worker}-{dice.random()}", dice.random() / 100, keep=kind == "slow commit")
        committed += kind != "rollback"
    return committed


def raw_row(stream_id: str, moment: str = "2026-01-01T00:00:00.000000Z") -> tuple[object, ...]:
    """A first event of a stream, as a writer in another language would insert it."""
    return (stream_id, 1, f"id-{stream_id}", "Noted", 1, "{}", "{}", moment, moment, "0" * 64, "f" * 64)


def _slow_sqlite(store: EventStore, stream_id: str, *, keep: bool) -> None:
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql(INSERT, raw_row(stream_id))  # type: ignore[arg-type]
        if not keep:
            connection.rollback()


def _slow_postgres(url: str, stream_id: str, seconds: float, *, keep: bool) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(ONE_ROW, raw_row(stream_id))
        connection.execute("SELECT pg_sleep(%s)", (seconds,))
        if not keep:
            connection.rollback()
