"""Logs to rebuild from, the same in every run but for their ids: a store filled by the driver, Parquet by DuckDB."""

from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.bare import Bare
from benchmarks.workload import Ticks, deposits
from esworkbench.archive import quoted
from esworkbench.event_store.drafts import Head, StreamAppend, draft_append, place
from esworkbench.event_store.schema import moment_text
from esworkbench.event_store.store import time_ordered_id
from esworkbench.events import RecordedEvent

ACCOUNTS = 1_000
CHUNK = 10_000
PARQUET_ACCOUNTS = 100_000

PARQUET = """
    COPY (
        SELECT position, 'BankAccount-' || account AS stream_id, (position - 1) // {accounts} + 1 AS version,
               'e' || position AS event_id,
               CASE WHEN kind = 9 THEN 'MoneyWithdrawn' ELSE 'MoneyDeposited' END AS type,
               CASE WHEN kind = 9 THEN 1 WHEN kind = 8 THEN 2 ELSE 3 END::INTEGER AS schema_version,
               to_timestamp(1767225600 + position / 1000)::TIMESTAMPTZ AS recorded_at,
               CASE WHEN kind = 8
                    THEN '{{"amount":' || amount // 100 || '.' || lpad((amount % 100)::VARCHAR, 2, '0')
                         || ',"currency":"USD","reference":"r' || position || '"}}'
                    ELSE '{{"amount_minor":' || amount || ',"currency":"USD","reference":"r' || position || '"}}'
               END AS payload
        FROM (SELECT position, (position * 7919) % {accounts} AS account, position % 10 AS kind,
                     (position * 104729) % 100000 + 1 AS amount
              FROM range({first}, {last} + 1) AS numbers(position))
    ) TO {file} (FORMAT parquet, COMPRESSION zstd)
"""
ROWS_PER_FILE = 10_000_000


class GrowingLog:
    """A store's log that grows from size to size: deposits on a thousand accounts in turn, with their hashes."""

    def __init__(self, url: str) -> None:
        self._bare = Bare(url, make_tables=False)
        self._moment: Any = moment_text if self._bare.engine == "sqlite" else lambda moment: moment
        self._heads: dict[str, Head] = {}
        self._clock, self.events = Ticks(), 0

    def grow_to(self, events: int) -> None:
        while self.events < events:
            self._bare.insert_many([self._row(event) for event in self._next(min(CHUNK, events - self.events))])
        if self._bare.engine == "postgresql":
            self._bare.connection.execute("ANALYZE events")

    def close(self) -> None:
        self._bare.connection.close()

    def _next(self, count: int) -> list[RecordedEvent]:
        numbers = range(self.events, self.events + count)
        drafts = [
            draft_append(StreamAppend(f"BankAccount-{number % ACCOUNTS}", -1, [event]), self._clock(), time_ordered_id)
            for number, event in zip(numbers, islice(deposits(count, after=self.events), count), strict=True)
        ]
        placed = place(drafts, self._heads)
        self._heads |= {event.stream_id: Head(event.version, event.hash) for event in placed}
        self.events += count
        return placed

    def _row(self, event: RecordedEvent) -> tuple[Any, ...]:
        recorded_at = self._moment(event.recorded_at)
        return (
            event.stream_id, event.version, event.event_id, event.event_type, event.schema_version,
            event.payload.decode(), event.metadata.decode(), recorded_at, recorded_at, event.prev_hash, event.hash,
        )  # fmt: skip


def write_parquet(folder: Path, events: int) -> list[Path]:
    """A log with a tenth of old deposits and a tenth of withdrawals on 100,000 accounts, as Parquet files."""
    folder.mkdir(parents=True)
    files = []
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET enable_progress_bar = false")
        for first in range(1, events + 1, ROWS_PER_FILE):
            last = min(first + ROWS_PER_FILE - 1, events)
            files.append(folder / f"events-{first}.parquet")
            connection.execute(
                PARQUET.format(first=first, last=last, accounts=PARQUET_ACCOUNTS, file=quoted(files[-1]))
            )
    return files
