"""Logs to rebuild from, the same in every run but for their ids: a store filled by the driver, Parquet by DuckDB."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from benchmarks.bare import Bare
from benchmarks.workload import AMOUNT_MINOR, CURRENCY, METADATA, START, reference
from esworkbench.archive import to_parquet
from esworkbench.domains.bank.events import AccountOpened, MoneyDeposited, WithdrawalRequested, WithdrawalSettled
from esworkbench.event_store.chain import event_hash
from esworkbench.event_store.columns import moment_text
from esworkbench.event_store.drafts import Head
from esworkbench.event_store.store import time_ordered_id

ACCOUNTS = 1_000
CHUNK = 100_000
PARQUET_ACCOUNTS = 100_000
TYPE, SHAPE = MoneyDeposited.__name__, MoneyDeposited.schema_version
PLAIN_METADATA = msgspec.json.encode(METADATA).decode()
LENGTH = "SELECT coalesce(max(global_position), 0) FROM events"
HEAD = "SELECT version, hash FROM events WHERE stream_id = ? ORDER BY version DESC LIMIT 1"

PARQUET = """
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
"""
ROWS_PER_FILE = 10_000_000


class GrowingLog:
    """A store's log that grows from size to size: deposits on a thousand accounts in turn, with their hashes.

    Begun on a log that it grew before, it goes on from there.
    """

    pause = timedelta(milliseconds=1)
    """From one event to the next."""

    def __init__(self, url: str) -> None:
        self._bare = Bare(url, make_tables=False)
        self._moment: Any = moment_text if self._bare.engine == "sqlite" else lambda moment: moment
        self.events = int(
            self._bare.connection.execute("SELECT coalesce(max(global_position), 0) FROM events").fetchone()[0]
        )
        self._heads = [self._head(account) for account in range(ACCOUNTS)]

    def grow_to(self, events: int) -> None:
        while self.events < events:
            self._bare.insert_many([self._next() for _ in range(min(CHUNK, events - self.events))])
        if self._bare.engine == "postgresql":
            self._bare.connection.execute("ANALYZE events")

    def close(self) -> None:
        self._bare.connection.close()

    def _head(self, account: int) -> Head:
        found = self._bare.connection.execute(self._bare.sql(HEAD), (f"BankAccount-{account}",)).fetchone()
        return Head(*found) if found else Head()

    def _next(self) -> tuple[Any, ...]:
        """The row of the next deposit. Nothing is checked on the way: a hundred million rows take long enough."""
        number, account = self.events, self.events % ACCOUNTS
        stream_id, event_id, head = f"BankAccount-{account}", time_ordered_id(), self._heads[account]
        recorded_at = START + number * self.pause
        event_type, shape, payload = self._content(number)
        hashed = event_hash(
            head.hash, stream_id, head.version + 1, event_id, event_type, shape, recorded_at, recorded_at,
            payload.encode(), PLAIN_METADATA.encode(),
        )  # fmt: skip
        moment = self._moment(recorded_at)
        self._heads[account] = Head(head.version + 1, hashed)
        self.events += 1
        return (
            stream_id, head.version + 1, event_id, event_type, shape, payload, PLAIN_METADATA, moment, moment,
            head.hash, hashed,
        )  # fmt: skip

    def _content(self, number: int) -> tuple[str, int, str]:
        """Event type, schema version and payload of one event."""
        payload = f'{{"amount_minor":{AMOUNT_MINOR},"currency":"{CURRENCY}","reference":"{reference(number)}"}}'
        return TYPE, SHAPE, payload


class GrowingBank(GrowingLog):
    """A log with more to ask about: of ten events on an account the last two are a withdrawal and its settlement. Its
    very first event opens it.

    They come half a minute apart, so a withdrawal waits for hours and a million events take a year.
    """

    pause = timedelta(seconds=30)

    def _content(self, number: int) -> tuple[str, int, str]:
        turn, account = divmod(number, ACCOUNTS)
        if turn == 0:
            said = f'"account_id":"{account}","owner":"Nobody","currency":"{CURRENCY}","overdraft_limit_minor":0'
            return AccountOpened.__name__, AccountOpened.schema_version, f"{{{said}}}"
        if turn % 10 < 8:
            return super()._content(number)
        held = f'"withdrawal_id":"{account}-{turn // 10}","amount_minor":{AMOUNT_MINOR},"currency":"{CURRENCY}"'
        if turn % 10 == 8:
            return WithdrawalRequested.__name__, 1, f'{{{held},"reference":"{reference(number)}"}}'
        return WithdrawalSettled.__name__, 1, f"{{{held}}}"


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
            rows = PARQUET.format(first=first, last=last, accounts=PARQUET_ACCOUNTS)
            connection.execute(to_parquet(rows, files[-1], "zstd"))
    return files
