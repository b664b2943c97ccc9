"""Exercises of notebook 07: when is a read model fresh enough, what to keep of your own write, how late is late."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, select

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer, Found, QueryBus
from esworkbench.cqrs.read_your_writes import ReadYourWrites
from esworkbench.domains.bank import Deposit, OpenAccount, RequestWithdrawal, bank_decoder
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.queries import (
    BalanceOfAccount,
    BankQueries,
    Hold,
    PendingWithdrawalsOlderThan,
    read_pending_too_long,
)
from esworkbench.domains.bank.read_models import AccountBalances, PendingWithdrawals
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.event_store import EventStore
from esworkbench.events import utc_now
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.monitoring.measure import Lag, Percentiles, percentiles

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
BALANCE = BalanceOfAccount(account_id="joint", currency="USD")


class Branch:
    """A bank in a temporary folder: ``joint`` holds 100.00 USD, and waiting only moves ``now``."""

    def __init__(self, folder: str) -> None:
        self.moment = START
        self.now = 0.0
        self.store = EventStore.open(f"sqlite:///{folder}/bank.db", clock=lambda: self.moment)
        self.bank = Bank(self.store)
        self.queries = BankQueries(self.store.engine, clock=self.store.clock, timer=lambda: self.now, pause=self.wait)
        self.bank.handle(OpenAccount(account_id="joint", owner="Ada and Bob", currency="USD"))
        self.deposit(100_00)
        self.run(AccountBalances())

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def deposit(self, amount_minor: int) -> CommandReply:
        return self.bank.handle(
            Deposit(account_id="joint", amount_minor=amount_minor, currency="USD", reference="counter")
        )

    def run(self, projection: AccountBalances | PendingWithdrawals) -> None:
        ProjectionRunner(self.store, projection, bank_decoder(), run_id="exercise").catch_up()


@contextmanager
def branch() -> Iterator[Branch]:
    with TemporaryDirectory(prefix="esworkbench-exercise-") as folder:
        opened = Branch(folder)
        try:
            yield opened
        finally:
            opened.store.engine.dispose()


# --- fresh ------------------------------------------------------------------------------------------------------------


def answer_at(version: int | None, checkpoint: int, *, head: int = 90) -> Answer[None]:
    return Answer(None, version, Lag("account_balances", START, checkpoint, head, 0.0))


def examine_fresh(fresh: Callable[[Answer[Any], CommandReply], bool]) -> None:
    reply = CommandReply(stream_id="BankAccount-joint", version=7, position=40, state={})
    if not fresh(answer_at(7, 39), reply):
        raise Wrong("the row shows version 7, which is what was written: at the version itself it is there")
    if not fresh(answer_at(9, 60), reply):
        raise Wrong(
            "nobody else stops writing: a version or a checkpoint beyond the reply's includes the write as well"
        )
    if not fresh(answer_at(None, 40), reply):
        raise Wrong("a list of transactions has no version: then the checkpoint at the reply's position is enough")
    if not fresh(answer_at(6, 41), reply):
        raise Wrong("an event need not touch the row: reaching its position is enough, whatever version the row shows")
    if fresh(answer_at(6, 39), reply) or fresh(answer_at(None, 39), reply):
        raise Wrong("this one has seen neither the version nor the position: the write is not in it")


def fresh(answer: Answer[Any], reply: CommandReply) -> bool:
    shows_version = answer.version is not None and answer.version >= reply.version
    return shows_version or answer.lag.checkpoint >= reply.position


def fresh_after_version(answer: Answer[Any], reply: CommandReply) -> bool:
    return (answer.version or 0) > reply.version or answer.lag.checkpoint > reply.position


def fresh_at_version(answer: Answer[Any], reply: CommandReply) -> bool:
    return answer.version == reply.version or answer.lag.checkpoint == reply.position


def fresh_by_version_alone(answer: Answer[Any], reply: CommandReply) -> bool:
    return answer.version is not None and answer.version >= reply.version


def fresh_by_version_where_there_is_one(answer: Answer[Any], reply: CommandReply) -> bool:
    if answer.version is not None:
        return answer.version >= reply.version
    return answer.lag.checkpoint >= reply.position


FRESH = Exercise(
    name="fresh",
    task=(
        "Write `fresh(answer, reply)`: does the read model's answer include what the command wrote? Use the "
        "versions and positions of both; `answer.version` may be `None`."
    ),
    examine=examine_fresh,
    reference=fresh,
    hints=(
        "There are two ways to know. Either is enough.",
        "`answer.version >= reply.version`, if there is a version, or `answer.lag.checkpoint >= reply.position`.",
    ),
    mistakes={
        "off by one version": Mistake(fresh_after_version, "at the version itself"),
        "exactly that version": Mistake(fresh_at_version, "nobody else stops writing"),
        "version only": Mistake(fresh_by_version_alone, "has no version"),
        "version first": Mistake(fresh_by_version_where_there_is_one, "need not touch the row"),
    },
)


# --- own_writes -------------------------------------------------------------------------------------------------------


def minor(answer: Answer[Any]) -> int:
    return int(answer.value.balance_minor)


def examine_own_writes(make: Callable[..., ReadYourWrites]) -> None:
    with branch() as here:
        reads = make(here.queries.bus, timer=lambda: here.now)
        reads.remember("ada", here.deposit(500_00))
        if minor(reads.ask("bob", BALANCE)) != 100_00:
            raise Wrong("Bob was shown what only Ada was told: what is kept is kept for the user who wrote")
        if minor(reads.ask("ada", BALANCE)) != 600_00:
            raise Wrong("Ada deposits, asks, and sees the old balance: answer her from what her reply said")
        reads.see(here.store.read_stream("BankAccount-joint", after_version=2))
        if minor(reads.ask("ada", BALANCE, at_most_seconds=0.1)) != 600_00:
            raise Wrong(
                "her own event was announced, and her own state was thrown away: only later versions may end it"
            )
        here.deposit(7)
        reads.see(here.store.read_stream("BankAccount-joint", after_version=3))
        answer = reads.ask("ada", BALANCE, at_most_seconds=0.1)
        if not answer.stale and minor(answer) == 600_00:
            raise Wrong("a later event was announced, and its effect is missing: the state that is kept is out of date")
        if not answer.stale:
            raise Wrong(
                "a later event was announced, and Ada reads the balance from before her own deposit: forget the state "
                "and keep the version to wait for"
            )
        here.run(AccountBalances())
        if minor(reads.ask("ada", BALANCE)) != 600_07:
            raise Wrong("the read model has got as far as Ada's write and further: then it wins")
    with branch() as here:
        reads = make(here.queries.bus, timer=lambda: here.now)
        reads.remember("ada", here.deposit(500_00))
        here.wait(31)
        if minor(reads.ask("ada", BALANCE)) == 600_00:
            raise Wrong("31 seconds later it is still kept: a memory without an end is a second database")


class ForEverybody(ReadYourWrites):
    def remember(self, user: str, reply: CommandReply) -> None:
        super().remember("everybody", reply)

    def ask(self, user: str, query: Any, **limits: Any) -> Answer[Any]:
        return super().ask("everybody", query, **limits)


class NeverInvalidated(ReadYourWrites):
    def see(self, events: Sequence[Any]) -> None:
        super().see([])


class DropsTheEntry(ReadYourWrites):
    def see(self, events: Sequence[Any]) -> None:
        for event in events:
            for key in [key for key, own in self._writes.items() if own.version < event.version]:
                del self._writes[key]


class DropsItsOwn(ReadYourWrites):
    def see(self, events: Sequence[Any]) -> None:
        self._writes = type(self._writes)((key, own._replace(state=None)) for key, own in self._writes.items())


class KeptForAnHour(ReadYourWrites):
    def __init__(self, queries: QueryBus, **settings: Any) -> None:
        super().__init__(queries, kept_seconds=3600, **settings)


OWN_WRITES = Exercise(
    name="own_writes",
    task=(
        "Write the class `OwnWrites(queries, *, timer)` with `remember(user, reply)`, `see(events)` and `ask(user, "
        "query, at_most_seconds=2.0)`, which returns an `Answer`: users read back their own writes and nobody "
        "else's, nothing is shown that a later event has overtaken, and after 30 seconds of `timer()` everything is "
        "forgotten."
    ),
    examine=examine_own_writes,
    reference=ReadYourWrites,
    hints=(
        "What must outlive the state when a later event arrives?",
        "Keep version, position, state and an end per user and stream. `see` sets the state to None. `ask` looks with "
        "`queries.wait_for(query, version=…, position=…, at_most_seconds=0)`; a stale answer is replaced by "
        "`query.from_state(state)` where there is one, and waited for where there isn't.",
    ),
    mistakes={
        "shared by everybody": Mistake(ForEverybody, "only Ada was told"),
        "never invalidated": Mistake(NeverInvalidated, "out of date"),
        "entry dropped": Mistake(DropsTheEntry, "keep the version to wait for"),
        "invalidated by its own event": Mistake(DropsItsOwn, "only later versions"),
        "kept for an hour": Mistake(KeptForAnHour, "31 seconds later"),
    },
)


# --- lag_percentiles --------------------------------------------------------------------------------------------------


def examine_percentiles(percentiles: Callable[[Sequence[float]], Sequence[float]]) -> None:
    hundred = [float(value) for value in range(1, 101)]
    found = tuple(percentiles(hundred))
    if tuple(percentiles(hundred[::-1])) != found:
        raise Wrong("the same measurements in another order give other percentiles: sort first")
    if found == (51.0, 96.0, 100.0):
        raise Wrong("of 100 measurements the p50 is the 50th, which is at index 49: off by one")
    if len(set(found)) == 1:
        raise Wrong("all three are alike: that is an average, in which one customer in a hundred disappears")
    if tuple(percentiles([0.1, 0.1, 3.0])) != (0.1, 3.0, 3.0):
        raise Wrong("of 0.1, 0.1 and 3.0 the p99 is 3.0: each percentile is a value that somebody really waited")
    if found != (50.0, 95.0, 99.0):
        raise Wrong(f"of the values 1 to 100 they are 50, 95 and 99, not {found}")


def averages(values: Sequence[float]) -> Percentiles:
    return Percentiles(*[sum(values) / len(values)] * 3)


def off_by_one(values: Sequence[float]) -> Percentiles:
    ascending = sorted(values)
    return Percentiles(*(ascending[len(ascending) * share // 100] for share in (50, 95, 99)))


def unsorted(values: Sequence[float]) -> Percentiles:
    return Percentiles(*(values[math.ceil(len(values) * share / 100) - 1] for share in (50, 95, 99)))


def in_between(values: Sequence[float]) -> Percentiles:
    ascending = sorted(values)

    def at(share: float) -> float:
        place = (len(ascending) - 1) * share / 100
        below = math.floor(place)
        above = min(below + 1, len(ascending) - 1)
        return ascending[below] + (ascending[above] - ascending[below]) * (place - below)

    return Percentiles(at(50), at(95), at(99))


LAG_PERCENTILES = Exercise(
    name="lag_percentiles",
    task=(
        "Write `lag_percentiles(values)`: p50, p95 and p99, each the smallest measured value that 50, 95 or 99 of "
        "100 measurements did not exceed."
    ),
    examine=examine_percentiles,
    reference=percentiles,
    hints=(
        "Sort, then count from the front.",
        "Of n values the p99 is number ⌈n · 99 / 100⌉, counted from 1.",
    ),
    mistakes={
        "the average": Mistake(averages, "one customer in a hundred"),
        "off by one": Mistake(off_by_one, "off by one"),
        "not sorted": Mistake(unsorted, "sort first"),
        "values nobody waited": Mistake(in_between, "somebody really waited"),
    },
)


# --- old_holds --------------------------------------------------------------------------------------------------------

WITHDRAWALS = {"w-1": 30, "w-2": 25, "w-3": 20}
"""Hours before START at which each was requested."""

LIMIT = timedelta(hours=24)
OldHolds = Callable[[PendingWithdrawalsOlderThan, Connection], Found[list[Hold]]]


def examine_old_holds(old_holds: OldHolds) -> None:
    with branch() as here:
        for withdrawal, hours in WITHDRAWALS.items():
            here.moment = START - timedelta(hours=hours)
            here.bank.handle(
                RequestWithdrawal(
                    account_id="joint", withdrawal_id=withdrawal, amount_minor=10_00, currency="USD", reference="atm"
                )
            )
        here.run(PendingWithdrawals())
        with here.store.engine.connect() as connection:
            at_noon, in_tokyo = (
                [
                    hold.withdrawal_id
                    for hold in old_holds(PendingWithdrawalsOlderThan(limit=LIMIT, now=now), connection).value
                ]
                for now in (START, START.astimezone(ZoneInfo("Asia/Tokyo")))
            )
    if at_noon == ["w-3"]:
        raise Wrong("that is the young one: an old hold was requested before `now` minus the limit")
    if at_noon == ["w-2", "w-1"]:
        raise Wrong("the one that has waited longest comes first")
    if "w-3" in at_noon:
        raise Wrong(
            "a hold of 20 hours ago is too young: ages count up to the question's own `now`, not to the clock's"
        )
    if at_noon != ["w-1", "w-2"]:
        raise Wrong(f"at that moment the holds of 30 and 25 hours ago are too old, not {at_noon}")
    if in_tokyo != at_noon:
        raise Wrong("asked from Tokyo about the same moment, the answer changes: the offset was thrown away")


def holds_where(
    condition: ColumnElement[bool], connection: Connection, *, newest_first: bool = False
) -> Found[list[Hold]]:
    columns = pending_withdrawals.c
    wanted = select(*(columns[name] for name in Hold._fields)).where(condition)
    moment = columns.requested_at
    rows = connection.execute(wanted.order_by(moment.desc() if newest_first else moment))
    return Found([Hold(*row) for row in rows])


def young_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at > query.now - query.limit, connection)


def newest_first(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at < query.now - query.limit, connection, newest_first=True)


def by_the_wall_clock(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at < utc_now() - query.limit, connection)


def without_offset(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return holds_where(pending_withdrawals.c.requested_at < query.now.replace(tzinfo=UTC) - query.limit, connection)


OLD_HOLDS = Exercise(
    name="old_holds",
    task=(
        "Write the monitor's question, `old_holds(query, connection)`: every hold in `pending_withdrawals` that is "
        "older than `query.limit` at `query.now`, the oldest first, as `Found([Hold(…), …])`."
    ),
    examine=examine_old_holds,
    reference=read_pending_too_long,
    hints=(
        "`requested_at` is compared with one moment, worked out before the statement is sent.",
        "`select(…).where(pending_withdrawals.c.requested_at < query.now - query.limit).order_by(…)`",
    ),
    mistakes={
        "the young ones": Mistake(young_holds, "the young one"),
        "newest first": Mistake(newest_first, "waited longest comes first"),
        "the wall clock": Mistake(by_the_wall_clock, "not to the clock's"),
        "naive time zone": Mistake(without_offset, "offset was thrown away"),
    },
)

exercises = Exercises(FRESH, OWN_WRITES, LAG_PERCENTILES, OLD_HOLDS)
