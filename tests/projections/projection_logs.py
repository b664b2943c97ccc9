"""A seeded bank log, and what the read models must say about it, worked out without any handler of ours."""

import json
import random
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, select

from esworkbench.domains.bank import (
    BANK_EVENT_TYPES,
    AccountOpened,
    BalanceAdjusted,
    FeeCharged,
    InterestCredited,
    MoneyDeposited,
    MoneyWithdrawn,
    TransferReceived,
    TransferSent,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.event_store import EventStore, StreamAppend
from esworkbench.events import DomainEvent, NewEvent, RecordedEvent

SIGNS = {
    "MoneyDeposited": 1,
    "MoneyWithdrawn": -1,
    "WithdrawalRequested": -1,
    "WithdrawalSettled": 0,
    "WithdrawalCancelled": 1,
    "TransferSent": -1,
    "TransferReceived": 1,
    "FeeCharged": -1,
    "InterestCredited": 1,
    "BalanceAdjusted": 1,
}
UTC_ZONE = ZoneInfo("UTC")


class BankLog:
    """Writes seeded events straight to the store: legal or not by the bank's rules makes no difference here."""

    def __init__(self, store: EventStore, *, seed: int, accounts: int = 5) -> None:
        self.store = store
        self.random = random.Random(seed)
        self.versions = {f"a{number}": 0 for number in range(accounts)}
        self.pending: dict[str, list[str]] = {account: [] for account in self.versions}
        self.drawn = 0

    def write(self, events: int) -> None:
        """At least ``events`` more events, a handful of streams in each append."""
        target = self.drawn + events
        while self.drawn < target:
            accounts = self.random.sample(sorted(self.versions), k=self.random.randint(1, len(self.versions)))
            self.store.append_many([self._next_of(account) for account in accounts])

    def write_event(self, account: str, *events: NewEvent) -> int:
        """These exact events on the account's stream. Returns the position of the last."""
        append = StreamAppend(f"BankAccount-{account}", self.versions[account], events)
        self.versions[account] += len(events)
        return self.store.append_many([append]).events[-1].global_position

    def _next_of(self, account: str) -> StreamAppend:
        version = self.versions[account]
        events = [AccountOpened(account_id=account, owner="Ada", currency="USD")] if version == 0 else []
        events += [self._draw(account) for _ in range(self.random.randint(1, 3))]
        self.versions[account] += len(events)
        self.drawn += len(events)
        return StreamAppend(f"BankAccount-{account}", version, [encoded(event) for event in events])

    def _draw(self, account: str) -> DomainEvent:
        amount = self.random.randint(1, 100_000)
        money: dict[str, Any] = {"amount_minor": amount, "currency": self.random.choice(["USD", "USD", "USD", "EUR"])}
        key = f"{account}-{self.versions[account]}-{self.random.getrandbits(48):x}"
        resolve = {"withdrawal_id": self.pending[account].pop(0)} if len(self.pending[account]) > 2 else None
        if resolve:
            settled = WithdrawalSettled(**money, **resolve)
            return self.random.choice([settled, WithdrawalCancelled(**money, **resolve, reason="closed")])
        draws = [
            MoneyDeposited(**money, reference=key),
            MoneyWithdrawn(**money, reference=key),
            WithdrawalRequested(**money, withdrawal_id=key, reference=key),
            WithdrawalRequested(**money, withdrawal_id=key, reference=key),
            TransferSent(**money, transfer_id=key, to_account="elsewhere", reference=key),
            TransferReceived(**money, transfer_id=key, from_account="elsewhere", reference=key),
            FeeCharged(**money, reference=key, reason="monthly"),
            InterestCredited(**money, reference=key),
            BalanceAdjusted(
                amount_minor=-amount, currency="USD", reason="check", operator="ada", case_id="c1", reference=key
            ),
        ]
        drawn = self.random.choice(draws)
        if isinstance(drawn, WithdrawalRequested):
            self.pending[account].append(key)
        return drawn


class OvertakenStore(EventStore):
    """Between its first read and what is made of it, somebody else is faster."""

    overtake: Callable[[], object] | None = None

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        batch = super().read_all(after=after, limit=limit)
        overtake, self.overtake = self.overtake, None
        if overtake is not None:
            overtake()
        return batch


def encoded(event: DomainEvent) -> NewEvent:
    return BANK_EVENT_TYPES.encode(event, metadata={})


def raw(event_type: str, schema_version: int = 1, **payload: Any) -> NewEvent:
    return NewEvent(event_type=event_type, schema_version=schema_version, payload=json.dumps(payload).encode("utf-8"))


def whole_log(store: EventStore) -> list[RecordedEvent]:
    return store.read_all(after=0, limit=1_000_000)


def rows_of(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    """Every row of a table in the order of its primary key."""
    return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]


def all_rows(store: EventStore, table: Table) -> list[tuple[Any, ...]]:
    with store.engine.connect() as connection:
        return rows_of(connection, table)


class Expected:
    """What each read model must hold once every event up to ``cut`` was seen, events of an unknown type left out."""

    def __init__(self, log: Sequence[RecordedEvent], cut: int, zone: ZoneInfo = UTC_ZONE) -> None:
        self.balances: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.history: list[tuple[Any, ...]] = []
        self.pending: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.days: dict[tuple[str, str, date], list[int]] = {}
        for recorded in log:
            if recorded.global_position <= cut:
                self.see(recorded, zone)

    def see(self, recorded: RecordedEvent, zone: ZoneInfo = UTC_ZONE) -> None:
        """One event more."""
        payload = json.loads(recorded.payload)
        account, position = recorded.stream_id.split("-", 1)[1], recorded.global_position
        if recorded.event_type == "AccountOpened":
            self.balances[account, payload["currency"]] = (0, recorded.version, position)
        if recorded.event_type not in SIGNS:
            return
        currency, amount = payload["currency"], SIGNS[recorded.event_type] * payload["amount_minor"]
        balance = self.balances.get((account, currency), (0, 0, 0))[0] + amount
        self.balances[account, currency] = (balance, recorded.version, position)
        self.history.append(
            (account, position, recorded.event_id, recorded.event_type, amount, currency, balance, recorded.recorded_at)
        )
        day = self.days.setdefault((account, currency, recorded.recorded_at.astimezone(zone).date()), [0, 0])
        day[0 if amount > 0 else 1] += abs(amount)
        if recorded.event_type == "WithdrawalRequested":
            row = (currency, payload["amount_minor"], recorded.recorded_at, position)
            self.pending[account, payload["withdrawal_id"]] = row
        if recorded.event_type in ("WithdrawalSettled", "WithdrawalCancelled"):
            self.pending.pop((account, payload["withdrawal_id"]), None)

    def rows(self, projection: str) -> list[tuple[Any, ...]]:
        """The rows of the projection's table, in the order of its primary key."""
        match projection:
            case "account_balances":
                return sorted(key + row for key, row in self.balances.items())
            case "transaction_history":
                return sorted(self.history, key=lambda row: (row[0], row[5], row[1]))
            case "pending_withdrawals":
                return sorted(key + row for key, row in self.pending.items())
            case "daily_summaries":
                return self._daily_rows()
        raise ValueError(projection)

    def _daily_rows(self) -> list[tuple[Any, ...]]:
        closing: dict[tuple[str, str], int] = {}
        rows = []
        for (account, currency, day), (credits, debits) in sorted(self.days.items()):
            closing[account, currency] = closing.get((account, currency), 0) + credits - debits
            rows.append((account, currency, day, credits, debits, closing[account, currency]))
        return rows
