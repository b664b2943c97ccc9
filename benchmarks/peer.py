"""The peer: Python's ``eventsourcing``, set up as its documentation shows, with its own recorders.

Its account checks nothing, where ours checks its rules: that favours the peer. So does leaving out its threads: events
are handed to its projection in a plain loop, as its own runner does inside a thread. (SQLite recorders of 9.5 offer no
subscription, so the same loop serves both databases.)
"""

import importlib.util
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from sqlalchemy.engine import make_url

from benchmarks.rounds import Contender
from benchmarks.workload import AMOUNT_MINOR, CURRENCY, reference

READ_AT_ONCE = 1000


class Account(Aggregate):
    @event("Opened")
    def __init__(self, name: str, owner: str, currency: str) -> None:
        self.owner = owner
        self.currency = currency
        self.balance_minor = 0

    @staticmethod
    def create_id(name: str, owner: str, currency: str) -> UUID:
        return uuid5(NAMESPACE_URL, name)

    @event("Deposited")
    def deposit(self, amount_minor: int, currency: str, reference: str) -> None:
        self.balance_minor += amount_minor


class Accounts(Application[UUID]):
    pass


def missing(engine: str) -> str | None:
    """What the peer lacks here to run on an engine, or None."""
    needs = ["eventsourcing"] + (["psycopg_pool"] if engine == "postgresql" else [])
    lacking = [name for name in needs if importlib.util.find_spec(name) is None]
    return f"{' and '.join(lacking)} not installed" if lacking else None


def open_peer(url: str, *, database_functions: bool = False, made: type[Accounts] = Accounts) -> Accounts:
    """The peer's application on a database; one connection to PostgreSQL, as there is one writer."""
    parsed = make_url(url)
    if parsed.drivername == "sqlite":
        return made({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(parsed.database)})
    return made(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(parsed.database),
            "POSTGRES_HOST": str(parsed.host or parsed.query["host"]),
            "POSTGRES_PORT": str(parsed.port or 5432),
            "POSTGRES_USER": str(parsed.username),
            "POSTGRES_PASSWORD": str(parsed.password or ""),
            "POSTGRES_POOL_SIZE": "1",
            "POSTGRES_MAX_OVERFLOW": "1",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if database_functions else "no",
        }
    )


class PeerContender(Contender):
    def __init__(self, app: Accounts) -> None:
        self.app = app

    def done(self) -> int:
        return self.app.recorder.max_notification_id() or 0

    def close(self) -> None:
        self.app.close()


class PeerPut(PeerContender):
    """The peer's event store alone: domain events in, mapped and recorded."""

    name = "peer: event store put"

    def __init__(self, app: Accounts, size: int, per_commit: int, writer: str = "one") -> None:
        super().__init__(app)
        self.size = size
        self.per_commit = per_commit
        self.writer = writer
        self._commits: list[list[Any]] = []

    def prepare(self, round_number: int) -> None:
        account = Account(f"put-{self.writer}-{round_number}", "Ada", CURRENCY)
        self.app.save(account)
        for number in range(self.size):
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(number))
        events = list(account.collect_events())
        self._commits = [events[at : at + self.per_commit] for at in range(0, self.size, self.per_commit)]

    def work(self) -> None:
        put = self.app.events.put
        for events in self._commits:
            put(events)


class PeerSave(PeerContender):
    """``account.deposit`` and ``app.save``."""

    name = "peer: deposit and save"

    def __init__(self, app: Accounts, size: int, per_commit: int, writer: str = "one") -> None:
        super().__init__(app)
        self.size = size
        self.per_commit = per_commit
        self.writer = writer
        self._open = partial(Account, owner="Ada", currency=CURRENCY)
        self._account = self._open("none")

    def prepare(self, round_number: int) -> None:
        self._account = self._open(f"saved-{self.writer}-{round_number}")
        self.app.save(self._account)

    def work(self) -> None:
        account, number = self._account, 0
        while number < self.size:
            for _ in range(self.per_commit):
                account.deposit(AMOUNT_MINOR, CURRENCY, reference(number))
                number += 1
            self.app.save(account)


SAVED_AT_ONCE = 1_000
"""Saving 10,000 events in one go has hung in the PostgreSQL driver's pipeline."""


class PeerLoad(PeerContender):
    """``repository.get`` of one account with ``size`` events."""

    name = "peer: load"

    def __init__(self, app: Accounts, size: int) -> None:
        super().__init__(app)
        self._loaded = 0
        account = Account("long", "Ada", CURRENCY)
        for number in range(size - 1):
            account.deposit(AMOUNT_MINOR, CURRENCY, reference(number))
            if number % SAVED_AT_ONCE == 0:
                self.app.save(account)
        self.app.save(account)
        self._id = account.id

    def work(self) -> None:
        account: Account = self.app.repository.get(self._id)
        self._loaded += account.version

    def done(self) -> int:
        return self._loaded


class PeerFollow(PeerContender):
    """The peer's way to a durable read model: a tracking recorder that writes row and position together, per event."""

    name = "peer: commit per 1"

    def __init__(self, app: Accounts, size: int, accounts: int = 10) -> None:
        super().__init__(app)
        self._round = 0
        self._followed = 0
        self.view: Any = app.factory.tracking_recorder(_view_class(app))
        for number in range(accounts):
            account = Account(f"followed-{number}", "Ada", CURRENCY)
            for deposit in range(size // accounts - 1):
                account.deposit(AMOUNT_MINOR, CURRENCY, reference(deposit))
            app.save(account)

    def prepare(self, round_number: int) -> None:
        self._round = round_number
        self.view.clear()

    def work(self) -> None:
        # Another name in each round begins a new tracking row at the first event.
        name, position = f"round-{self._round}", self.view.max_tracking_id(f"round-{self._round}") or 0
        to_event, add = self.app.mapper.to_domain_event, self.view.add
        while notifications := self.app.recorder.select_notifications(position + 1, READ_AT_ONCE):
            for notification in notifications:
                happened: Any = to_event(notification)
                amount = getattr(happened, "amount_minor", 0)
                add(str(happened.originator_id), CURRENCY, amount, Tracking(name, notification.id))
                position = notification.id
            self._followed += len(notifications)

    def done(self) -> int:
        return self._followed


def _view_class(app: Accounts) -> Any:
    if app.env["PERSISTENCE_MODULE"].endswith("sqlite"):
        from benchmarks.peer_sqlite import SqliteBalances

        return SqliteBalances
    from benchmarks.peer_postgres import PostgresBalances

    return PostgresBalances
