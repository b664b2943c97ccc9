"""Exercises of notebook 07: when is a read model fresh enough, what to keep of your own write, how late is late."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, StaticPool, create_engine, delete, insert, select

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer, Found, Query, QueryBus, StreamQuery, V
from esworkbench.domains.bank.queries import (
    Balance,
    BalanceOfAccount,
    Hold,
    PendingWithdrawalsOlderThan,
)
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.errors import UnusableInput
from esworkbench.events import RecordedEvent, utc_now
from esworkbench.projections.monitoring.measure import Lag, Percentiles, percentiles

START = datetime(2024, 3, 1, 12, tzinfo=UTC)

# --- fresh ------------------------------------------------------------------------------------------------------------


def fresh(answer: Answer[Any], reply: CommandReply) -> bool:
    """As ``QueryBus.wait_for``: a parked event is in no row, however far the projection has got."""
    if answer.parked:
        return False
    shows_version = answer.version is not None and answer.version >= reply.version
    return shows_version or answer.lag.checkpoint >= reply.position


def _fresh_after_version(answer: Answer[Any], reply: CommandReply) -> bool:
    later = (answer.version or 0) > reply.version or answer.lag.checkpoint > reply.position
    return later and not answer.parked


def _fresh_at_version(answer: Answer[Any], reply: CommandReply) -> bool:
    there = answer.version == reply.version or answer.lag.checkpoint == reply.position
    return there and not answer.parked


def _fresh_by_version_alone(answer: Answer[Any], reply: CommandReply) -> bool:
    return answer.version is not None and answer.version >= reply.version and not answer.parked


def _fresh_by_position_alone(answer: Answer[Any], reply: CommandReply) -> bool:
    return answer.lag.checkpoint >= reply.position and not answer.parked


def _fresh_by_version_where_there_is_one(answer: Answer[Any], reply: CommandReply) -> bool:
    if answer.version is not None:
        return answer.version >= reply.version and not answer.parked
    return answer.lag.checkpoint >= reply.position and not answer.parked


def _fresh_though_parked(answer: Answer[Any], reply: CommandReply) -> bool:
    return fresh(answer._replace(parked=False), reply)


REPLY = CommandReply(stream_id="BankAccount-joint", version=7, position=40, state={})


def _answer_at(version: int | None, checkpoint: int, *, parked: bool = False) -> tuple[Answer[None], CommandReply]:
    lag = Lag("account_balances", START, checkpoint, 90, 0.0)
    return Answer(None, version, lag, stale=parked, parked=parked), REPLY


@st.composite
def _answers_and_replies(draw: st.DrawFn) -> tuple[Answer[None], CommandReply]:
    """A version and a position around those of the reply. Only what was reached can have been parked."""
    checkpoint = draw(st.integers(REPLY.position - 1, REPLY.position + 1))
    version = draw(st.none() | st.integers(REPLY.version - 1, REPLY.version + 1))
    return _answer_at(version, checkpoint, parked=checkpoint >= REPLY.position and draw(st.booleans()))


def _given_fresh(answer: Answer[Any], reply: CommandReply) -> str:
    parked = ", the reply's event parked" if answer.parked else ""
    return (
        f"answer at version {answer.version}, checkpoint {answer.lag.checkpoint}{parked}; "
        f"reply with version {reply.version}, position {reply.position}"
    )


FRESH = Exercise(
    name="fresh",
    task=(
        "Does the read model's answer include what the command wrote? There are two ways to know, and either is "
        "enough, whatever the other says: the answer's `version` has got as far as the reply's `version`, or its "
        "`lag.checkpoint` as far as the reply's `position`. `answer.version` may be `None`. Where `answer.parked` is "
        "true, the projection has put the reply's event aside: then it is not in the answer, however far that has got."
    ),
    stub=(
        "from typing import Any\n\n"
        "from esworkbench.cqrs.commands import CommandReply\nfrom esworkbench.cqrs.queries import Answer\n\n\n"
        "def my_fresh(answer: Answer[Any], reply: CommandReply) -> bool: ..."
    ),
    reference=fresh,
    cases=_answers_and_replies(),
    examples=[_answer_at(7, 39), _answer_at(9, 39), _answer_at(None, 40), _answer_at(6, 60), _answer_at(7, 40)],
    given=_given_fresh,
    hints=(
        "There are two ways to know, and one thing that rules out both.",
        "Unless it is parked: `answer.version >= reply.version`, if there is a version, or "
        "`answer.lag.checkpoint >= reply.position`.",
    ),
    mistakes={
        "off by one version": Mistake(
            _fresh_after_version, "at the very version, or the very position, of the reply the write is there already"
        ),
        "exactly that version": Mistake(
            _fresh_at_version, "nobody else stops writing: a later version, or a later checkpoint, includes it as well"
        ),
        "version only": Mistake(
            _fresh_by_version_alone, "a checkpoint at the reply's position is enough, and a list of rows has no version"
        ),
        "position only": Mistake(
            _fresh_by_position_alone, "a row that shows the reply's version is enough, wherever the checkpoint stands"
        ),
        "version first": Mistake(
            _fresh_by_version_where_there_is_one,
            "an event need not touch the row: reaching its position is enough, whatever version the row shows",
        ),
        "parked": Mistake(
            _fresh_though_parked,
            "the reply's event was parked: its position is reached, and what it wrote is not in the rows",
        ),
    },
)


# --- own_writes -------------------------------------------------------------------------------------------------------

KEPT_SECONDS = 30.0
WAITS_SECONDS = 1.0


class OwnWrite(NamedTuple):
    """The latest write of a user to a stream; ``state`` is None once a later event is known."""

    version: int
    position: int
    state: dict[str, Any] | None
    until: float


class OwnWrites:
    """As ``cqrs.read_your_writes``, without its threads, its limit, and commands that change several streams."""

    def __init__(self, queries: QueryBus, *, timer: Callable[[], float]) -> None:
        self.queries = queries
        self.timer = timer
        self.kept: dict[tuple[str, str], OwnWrite] = {}

    def remember(self, user: str, reply: CommandReply) -> None:
        """Of two replies that come in the wrong order, the one with the later version is kept."""
        known = self.kept.get((user, reply.stream_id))
        if known is None or known.version < reply.version:
            until = self.timer() + KEPT_SECONDS
            self.kept[user, reply.stream_id] = OwnWrite(reply.version, reply.position, reply.state, until)

    def see(self, events: Sequence[RecordedEvent]) -> None:
        """Forget the states that these events have overtaken, and keep the versions to wait for."""
        for event in events:
            for (user, stream_id), own in self.kept.items():
                if stream_id == event.stream_id and own.version < event.version:
                    self.kept[user, stream_id] = own._replace(state=None)

    def ask(self, user: str, query: StreamQuery[V], *, at_most_seconds: float = 2.0) -> Answer[V]:
        """The read model's answer where it has got as far, the state's where it hasn't; else wait."""
        own = self.kept.get((user, query.stream_id()))
        if own is None or own.until <= self.timer():
            return self.queries.ask(query)
        now = self.queries.wait_for(query, position=own.position, at_most_seconds=0)
        if not now.stale:
            return now
        value = None if own.state is None else query.from_state(own.state)
        if value is not None:
            return now._replace(value=value, version=own.version, stale=False, from_own_write=True)
        return self.queries.wait_for(query, position=own.position, at_most_seconds=at_most_seconds)


class _ForEverybody(OwnWrites):
    def remember(self, user: str, reply: CommandReply) -> None:
        super().remember("everybody", reply)

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        return super().ask("everybody", query, at_most_seconds=at_most_seconds)


class _OnePerUser(OwnWrites):
    def remember(self, user: str, reply: CommandReply) -> None:
        for key in [key for key in self.kept if key[0] == user and key[1] != reply.stream_id]:
            del self.kept[key]
        super().remember(user, reply)


class _NeverInvalidated(OwnWrites):
    def see(self, events: Sequence[Any]) -> None:
        super().see([])


class _DropsTheEntry(OwnWrites):
    def see(self, events: Sequence[Any]) -> None:
        for event in events:
            for key in [key for key, own in self.kept.items() if key[1] == event.stream_id]:
                if self.kept[key].version < event.version:
                    del self.kept[key]


class _DropsItsOwn(OwnWrites):
    def see(self, events: Sequence[Any]) -> None:
        streams = {event.stream_id for event in events}
        self.kept = {key: own._replace(state=None) if key[1] in streams else own for key, own in self.kept.items()}


class _KeptForAnHour(OwnWrites):
    def remember(self, user: str, reply: CommandReply) -> None:
        super().remember(user, reply)
        key = user, reply.stream_id
        self.kept[key] = self.kept[key]._replace(until=self.timer() + 3600)


class _WheneverKept(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        own = self.kept.get((user, query.stream_id()))
        if own is not None and own.state is not None and own.until > self.timer():
            value = query.from_state(own.state)
            if value is not None:
                return self.queries.ask(query)._replace(value=value, version=own.version, from_own_write=True)
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class _NeverWaits(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        return super().ask(user, query, at_most_seconds=0)


class Commit(NamedTuple):
    """An append by a user, who is given the reply, or by somebody else (None).

    ``heard``: it is announced at once, before the reply; otherwise at the next Hear.
    """

    user: str | None
    accounts: tuple[str, ...]
    heard: bool


class TwoCommits(NamedTuple):
    """Two appends, whose replies the user is given in the wrong order."""

    user: str
    account: str


class Hear(NamedTuple):
    """What was not announced yet is."""


class Follow(NamedTuple):
    """The read model takes in so many events."""

    events: int


class Pass(NamedTuple):
    seconds: int


class Ask(NamedTuple):
    """``arrives``: if the user has to wait, the read model catches up meanwhile."""

    user: str
    account: str
    currency: str
    arrives: bool


Step = Commit | TwoCommits | Hear | Follow | Pass | Ask


class _Bank(QueryBus):
    """Two accounts of 100.00 USD, a read model that follows when told, and a clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.arrives = False
        self.log: list[tuple[str, int]] = [("joint", 100_00), ("savings", 100_00)]
        self.checkpoint = 2
        self._timer = lambda: self.now
        self._pause = self._wait

    def _wait(self, seconds: float) -> None:
        self.now += seconds
        if self.arrives:
            self.checkpoint = len(self.log)

    def follow(self, events: int) -> None:
        self.checkpoint = min(self.checkpoint + events, len(self.log))

    def append(self, accounts: Sequence[str]) -> list[RecordedEvent]:
        """Each amount differs from every other, so that no balance is right by accident."""
        events = []
        for account in accounts:
            self.log.append((account, 2 ** len(self.log)))
            events.append(_event(account, self.version_of(account), len(self.log)))
        return events

    def reply_to(self, event: RecordedEvent) -> CommandReply:
        account = event.stream_id.removeprefix("BankAccount-")
        state = {"currency": "USD", "balance_minor": self.balance_of(account, event.global_position)}
        return CommandReply(
            stream_id=event.stream_id, version=event.version, position=event.global_position, state=state
        )

    def version_of(self, account: str, until: int | None = None) -> int:
        return sum(each == account for each, _ in self.log[:until])

    def balance_of(self, account: str, until: int) -> int:
        return sum(amount for each, amount in self.log[:until] if each == account)

    def _look(self, query: Query[V], version: int | None, position: int | None) -> Answer[V]:
        assert isinstance(query, BalanceOfAccount)
        value, shows = None, None
        if query.currency == "USD":
            balance = self.balance_of(query.account_id, self.checkpoint)
            value, shows = Balance(query.account_id, "USD", balance), self.version_of(query.account_id, self.checkpoint)
        there = (version is not None and shows is not None and shows >= version) or (
            position is not None and self.checkpoint >= position
        )
        waits = version is not None or position is not None
        lag = Lag("account_balances", START, self.checkpoint, len(self.log), 0.0)
        return Answer[Any](value, shows, lag, stale=waits and not there)


def _event(account: str, version: int, position: int) -> RecordedEvent:
    return RecordedEvent(
        global_position=position, stream_id=f"BankAccount-{account}", version=version, event_id=f"e{position}",
        event_type="MoneyDeposited", schema_version=1, payload=b"{}", metadata=b"{}", recorded_at=START,
        valid_at=START, prev_hash="0" * 64, hash="0" * 64,
    )  # fmt: skip


def _marks(answer: Answer[Any]) -> str:
    marks = {"from own write": answer.from_own_write, "stale": answer.stale}
    return ", ".join(mark for mark, there in marks.items() if there)


def _play_own_writes(answer: Any, steps: list[Step]) -> list[tuple[str, str, str]]:
    """What each question is answered, and how many seconds it waited, part of one counted as a whole."""
    bank = _Bank()
    reads = answer(bank, timer=lambda: bank.now)
    unheard: list[list[RecordedEvent]] = []
    told = []
    for step in steps:
        match step:
            case Commit(user, accounts, heard):
                events = bank.append(accounts)
                if heard:
                    reads.see(events)
                else:
                    unheard.append(events)
                if user is not None:
                    reads.remember(user, bank.reply_to(events[0]))
            case TwoCommits(user, account):
                appended = [bank.append([account]) for _ in range(2)]
                unheard += appended
                for [event] in reversed(appended):
                    reads.remember(user, bank.reply_to(event))
            case Hear():
                for events in unheard:
                    reads.see(events)
                unheard.clear()
            case Follow(events=number):
                bank.follow(number)
            case Pass(seconds):
                bank.now += seconds
            case Ask(user, account, currency, arrives):
                asked_at, bank.arrives = bank.now, arrives
                query = BalanceOfAccount(account_id=account, currency=currency)
                said = reads.ask(user, query, at_most_seconds=WAITS_SECONDS)
                balance = said.value and said.value.balance_minor
                waited = math.ceil(round(bank.now - asked_at, 6))
                told.append((f"{balance}, version {said.version}", _marks(said), f"waited {waited} s"))
    return told


def _told_of_step(step: Step) -> str:
    match step:
        case Commit(user, accounts, heard):
            who = f"{user} deposits and is given the reply" if user else "somebody else deposits"
            return f"{who} ({' and '.join(accounts)}, {'seen at once' if heard else 'not seen yet'})"
        case TwoCommits(user, account):
            return f"{user} deposits twice ({account}, not seen yet) and is given the second reply first"
        case Hear():
            return "see() is told of the rest"
        case Follow(events=number):
            return f"the read model takes in up to {number} events"
        case Pass(seconds):
            return f"{seconds} seconds pass"
        case Ask(user, account, currency, arrives):
            later = ", and the read model catches up if she waits" if arrives else ""
            return f"{user} asks ({account}, {currency}{later})"


USERS, ACCOUNTS = st.sampled_from(["ada", "ada", "bob"]), st.sampled_from(["joint", "joint", "savings"])
ASKS = st.builds(Ask, USERS, ACCOUNTS, st.sampled_from(["USD", "USD", "USD", "CHF"]), st.booleans())
STEPS = st.one_of(
    ASKS,
    st.builds(Commit, USERS, ACCOUNTS.map(lambda account: (account,)), st.booleans()),
    st.builds(Commit, st.none(), st.sampled_from([("joint",), ("savings",), ("savings", "joint")]), st.booleans()),
    st.builds(Follow, st.sampled_from([1, 9])),
    st.just(Hear()),
    st.builds(Pass, st.sampled_from([10, 20, 29, 30])),
    st.builds(TwoCommits, USERS, ACCOUNTS),
)
HER_OWN = Commit("ada", ("joint",), heard=False)
HER_ASK = Ask("ada", "joint", "USD", arrives=False)


@st.composite
def _stories(draw: st.DrawFn) -> tuple[list[Step]]:
    """Ada writes, all sorts of things happen, and she asks: whatever was forgotten or kept too long shows."""
    return ([HER_OWN, *draw(st.lists(STEPS, max_size=6)), HER_ASK, draw(ASKS)],)


OWN_WRITES = Exercise(
    name="own_writes",
    task=(
        "Users read back their own writes, and nobody else's.\n\n"
        "- `remember(user, reply)` is called with the reply to each of a user's commands. Of two about one stream, the "
        "one with the higher version counts, in whatever order they come. It is kept for 30 seconds of `timer()`; at "
        "30 it is forgotten.\n"
        "- `see(events)` is called with the events of each append, the user's own among them. When it sees a later "
        "version of the stream than the reply's, forget the reply's state, but not its version and position.\n"
        "- `ask(user, query)` returns an `Answer`. Where nothing is kept for this user and `query.stream_id()`, it is "
        "that of `queries.ask(query)`. Otherwise it is the read model's, if that has got as far as the reply. If not, "
        "its `value` is `query.from_state(state)` and its `version` the reply's, and it is `from_own_write` and not "
        "`stale`. Where there is no state, or `from_state` returns `None`, it is the answer of `queries.wait_for(…)`, "
        "with `at_most_seconds`. That is the only case in which anybody waits."
    ),
    stub=(
        "from collections.abc import Callable, Sequence\nfrom typing import Any\n\n"
        "from esworkbench.cqrs.commands import CommandReply  # stream_id, version, position, state\n"
        "from esworkbench.cqrs.queries import Answer, QueryBus, StreamQuery\n"
        "from esworkbench.events import RecordedEvent  # stream_id, version\n\n\n"
        "class my_own_writes:\n"
        "    def __init__(self, queries: QueryBus, *, timer: Callable[[], float]) -> None: ...\n"
        "    def remember(self, user: str, reply: CommandReply) -> None: ...\n"
        "    def see(self, events: Sequence[RecordedEvent]) -> None: ...\n"
        "    def ask(self, user: str, query: StreamQuery[Any], *, at_most_seconds: float = 2.0) -> Answer[Any]: ..."
    ),
    reference=OwnWrites,
    cases=_stories(),
    examples=[
        ([HER_OWN, HER_ASK],),
        ([HER_OWN, Hear(), HER_ASK],),
        ([HER_OWN, Ask("bob", "joint", "USD", arrives=False)],),
        ([HER_OWN, Commit(None, ("joint",), heard=True), HER_ASK],),
        ([HER_OWN, Commit(None, ("joint",), heard=False), Follow(9), HER_ASK],),
        ([HER_OWN, Commit("ada", ("savings",), heard=True), HER_ASK],),
        ([HER_OWN, Pass(30), HER_ASK],),
        ([HER_OWN, Pass(20), HER_OWN, Pass(20), HER_ASK],),
    ],
    play=_play_own_writes,
    given=lambda steps: "; ".join(map(_told_of_step, steps)),
    hints=(
        "What must outlive the state when a later event arrives?",
        "Keep version, position, state and an end per user and stream. `see` sets the state to None. `ask` looks with "
        "`queries.wait_for(query, version=…, position=…, at_most_seconds=0)`; a stale answer is replaced by "
        "`query.from_state(state)` where there is one, and waited for where there isn't.",
    ),
    mistakes={
        "shared by everybody": Mistake(
            _ForEverybody, "one user is shown what only the other was told: keep it for the user who wrote"
        ),
        "one per user": Mistake(
            _OnePerUser,
            "a write to one account makes a user's write to another forgotten: keep one per user and stream",
        ),
        "whenever kept": Mistake(
            _WheneverKept, "the read model has got as far as the user's write, or further: then it wins"
        ),
        "never invalidated": Mistake(
            _NeverInvalidated,
            "a later event was seen, and its effect is missing: the state that is kept is out of date",
        ),
        "entry dropped": Mistake(
            _DropsTheEntry,
            "after a later event users read what is older than their own write: keep the version to wait for",
        ),
        "invalidated by its own event": Mistake(
            _DropsItsOwn,
            "the reply's own event was seen, and its state was thrown away: only later versions may end it",
        ),
        "kept for an hour": Mistake(
            _KeptForAnHour, "it is still kept after 30 seconds: a memory without an end is a second database"
        ),
        "never waits": Mistake(
            _NeverWaits, "where no state can answer, wait for the read model as long as `at_most_seconds` allows"
        ),
    },
)


# --- lag_percentiles --------------------------------------------------------------------------------------------------


def _averages(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    return Percentiles(*[sum(values) / len(values)] * 3)


def _off_by_one(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    ascending = sorted(values)
    return Percentiles(*(ascending[len(ascending) * share // 100] for share in (50, 95, 99)))


def _unsorted(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    return Percentiles(*(values[math.ceil(len(values) * share / 100) - 1] for share in (50, 95, 99)))


def _in_between(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    ascending = sorted(values)

    def at(share: float) -> float:
        place = (len(ascending) - 1) * share / 100
        below = math.floor(place)
        above = min(below + 1, len(ascending) - 1)
        return ascending[below] + (ascending[above] - ascending[below]) * (place - below)

    return Percentiles(at(50), at(95), at(99))


def _rounded(values: Sequence[float]) -> Percentiles:
    _require_some(values)
    ascending = sorted(values)
    return Percentiles(*(ascending[max(round(len(ascending) * share / 100), 1) - 1] for share in (50, 95, 99)))


def _zeros_for_nothing(values: Sequence[float]) -> Percentiles:
    return percentiles(values) if values else Percentiles(0.0, 0.0, 0.0)


def _require_some(values: Sequence[float]) -> None:
    if not values:
        raise ValueError


def _shuffled(count: int) -> list[float]:
    """The numbers from 1 to ``count``, as many as it takes to tell p95 and p99 apart, in an order that looks random."""
    return [float(number) for number in sorted(range(1, count + 1), key=lambda number: number * 37 % 211)]


def _given_values(values: Sequence[float]) -> str:
    return f"{list(values)}" if len(values) < 20 else f"the values from 1.0 to {max(values)}, in another order"


LAG_PERCENTILES = Exercise(
    name="lag_percentiles",
    task=(
        "p50, p95 and p99 of the measured values, as `Percentiles`. Each is the smallest measured value that at least "
        "50%, 95% or 99% of the measurements do not exceed; nothing is rounded, and nothing lies between two values. "
        "The values come in any order; leave them as they are. Without any, raise `ValueError`."
    ),
    stub=(
        "from collections.abc import Sequence\n\n"
        "from esworkbench.projections.monitoring.measure import Percentiles  # p50, p95, p99\n\n\n"
        "def my_lag_percentiles(values: Sequence[float]) -> Percentiles: ..."
    ),
    reference=percentiles,
    cases=st.tuples(
        st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.25, 3.0]), max_size=7)
        | st.sampled_from([20, 21, 50, 99, 100, 101, 130, 150, 200]).map(_shuffled)
    ),
    examples=[([],), (_shuffled(100),)],
    given=_given_values,
    hints=(
        "Sort, then count from the front.",
        "Of n values the p99 is number ⌈n · 99 / 100⌉, counted from 1.",
    ),
    mistakes={
        "the average": Mistake(
            _averages, "all three are the average, in which the one customer in a hundred who waits disappears"
        ),
        "off by one": Mistake(
            _off_by_one, "it is off by one: of 100 measurements the p50 is the 50th, which stands at index 49"
        ),
        "not sorted": Mistake(_unsorted, "the same measurements in another order give other percentiles: sort first"),
        "values nobody waited": Mistake(
            _in_between, "it lies between two measurements: each percentile is a value that somebody really waited"
        ),
        "rounded": Mistake(
            _rounded,
            "the place is rounded to the nearest: round it up, or fewer than so many of 100 stay at or below the value",
        ),
        "zeros for nothing": Mistake(
            _zeros_for_nothing, "without a measurement it makes up a lag of 0, which looks healthy: raise ValueError"
        ),
    },
)


# --- old_holds --------------------------------------------------------------------------------------------------------


def old_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """Hours are counted in UTC: a zone's clock may have been put on or back meanwhile."""
    if query.now.utcoffset() is None:
        raise UnusableInput("say in which zone: a naive time could be any of two dozen moments")
    columns = pending_withdrawals.c
    wanted = (
        select(*(columns[name] for name in Hold._fields))
        .where(columns.requested_at < query.now.astimezone(UTC) - query.limit)
        .order_by(columns.requested_at, columns.position)
    )
    return Found([Hold(*row) for row in connection.execute(wanted)])


def _asked(query: PendingWithdrawalsOlderThan, now: datetime) -> PendingWithdrawalsOlderThan:
    return PendingWithdrawalsOlderThan(limit=query.limit, now=now)


def _young_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    old = old_holds(query, connection).value
    everything = old_holds(_asked(query, datetime(2100, 1, 1, tzinfo=UTC)), connection).value
    return Found([hold for hold in everything if hold not in old])


def _newest_first(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return Found(old_holds(query, connection).value[::-1])


def _by_the_wall_clock(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    old_holds(query, connection)
    return old_holds(_asked(query, utc_now()), connection)


def _without_offset(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    old_holds(query, connection)
    return old_holds(_asked(query, query.now.replace(tzinfo=UTC)), connection)


def _zone_guessed(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return old_holds(_asked(query, query.now if query.now.tzinfo else query.now.replace(tzinfo=UTC)), connection)


def _at_the_limit(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """The column keeps microseconds."""
    old_holds(query, connection)
    return old_holds(_asked(query, query.now.astimezone(UTC) + timedelta(microseconds=1)), connection)


def _hours_of_the_zone(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """Python subtracts within a zone, from the clock on its wall."""
    old_holds(query, connection)
    end = query.now - query.limit
    return old_holds(PendingWithdrawalsOlderThan(limit=timedelta(0), now=end), connection)


@cache
def _engine() -> Engine:
    """In memory, and one for all cases: to make the table anew for each would take most of the time."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    pending_withdrawals.metadata.create_all(engine)
    return engine


def _play_old_holds(answer: Any, holds: list[Hold], limit: timedelta, now: datetime) -> Any:
    with _engine().connect() as connection:
        connection.execute(delete(pending_withdrawals))
        if holds:
            connection.execute(insert(pending_withdrawals), [hold._asdict() for hold in holds])
        connection.commit()
        found = answer(PendingWithdrawalsOlderThan(limit=limit, now=now), connection)
        return {"value": [tuple(hold) for hold in found.value]}


ZURICH = ZoneInfo("Europe/Zurich")
CLOCKS_CHANGED = datetime(2024, 3, 31, 10, tzinfo=UTC)
"""Nine hours after the clocks were put on in Zurich, so that 24 hours before it was 11:00 there, and not 12:00."""


@st.composite
def _holds_and_question(draw: st.DrawFn) -> tuple[list[Hold], timedelta, datetime]:
    """Holds a moment before, at and after the limit, often two at once, in rows of any order."""
    limit = timedelta(hours=draw(st.sampled_from([24, 1])))
    steps = st.sampled_from(
        [timedelta(0), timedelta(minutes=1), timedelta(minutes=-1), timedelta(minutes=-30), timedelta(minutes=30)]
    )
    holds = [
        Hold(
            draw(st.sampled_from(["joint", "savings"])),
            f"w-{number}",
            "USD",
            10_00,
            CLOCKS_CHANGED - limit + step,
            number,
        )
        for number, step in enumerate(draw(st.lists(steps, max_size=4)), start=1)
    ]
    zone = draw(st.sampled_from([UTC, ZURICH, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York"), None]))
    now = CLOCKS_CHANGED.replace(tzinfo=None) if zone is None else CLOCKS_CHANGED.astimezone(zone)
    return draw(st.permutations(holds)), limit, now


YOUNG_AND_OLD = [
    Hold("joint", f"w-{number}", "USD", 10_00, CLOCKS_CHANGED - timedelta(minutes=60 + older), number)
    for number, older in enumerate((30, -1, 0, 1, 90), start=1)
]


def _given_old_holds(holds: list[Hold], limit: timedelta, now: datetime) -> str:
    told = [f"{hold.withdrawal_id} requested at {hold.requested_at} (position {hold.position})" for hold in holds]
    return f"limit {limit}, now {now.isoformat()}; {', '.join(told) or 'no holds'}"


OLD_HOLDS = Exercise(
    name="old_holds",
    task=(
        "The monitor's question: every hold in `pending_withdrawals` that at `query.now` has been open for longer than "
        "`query.limit`, as `Found([Hold(…), …])`. One of exactly that age isn't too old yet. The oldest comes first; "
        "of two of the same moment, the one with the lower position. The columns are named like the fields of `Hold`. "
        "Compare `pending_withdrawals.c.requested_at` with a `datetime`, which the column turns into what the database "
        "keeps; in an SQL text of your own, SQLite would compare texts. `query.now` may be told in any time zone; "
        "without one it is refused with `UnusableInput`."
    ),
    stub=(
        "from datetime import UTC\n\nfrom sqlalchemy import Connection, select\n\n"
        "from esworkbench.cqrs.queries import Found\n"
        "from esworkbench.domains.bank.queries import Hold, PendingWithdrawalsOlderThan\n"
        "from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals\n"
        "from esworkbench.errors import UnusableInput\n\n\n"
        "def my_old_holds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]: ..."
    ),
    reference=old_holds,
    cases=_holds_and_question(),
    examples=[(YOUNG_AND_OLD, timedelta(hours=1), CLOCKS_CHANGED)],
    play=_play_old_holds,
    given=_given_old_holds,
    hints=(
        "`requested_at` is compared with one moment, worked out before the statement is sent. How old is old?",
        "`select(…).where(pending_withdrawals.c.requested_at < query.now.astimezone(UTC) - query.limit)`, of the "
        "columns `pending_withdrawals.c[name]` for each `name in Hold._fields`, and `.order_by(…)`.",
    ),
    mistakes={
        "the young ones": Mistake(
            _young_holds, "these are the young ones: an old hold was requested before `now` minus the limit"
        ),
        "newest first": Mistake(_newest_first, "the order is the wrong way round: who has waited longest comes first"),
        "the wall clock": Mistake(
            _by_the_wall_clock, "ages count up to the question's own `now`, and not to that of the clock on the wall"
        ),
        "naive time zone": Mistake(
            _without_offset,
            "the offset of `now` is thrown away: the same moment told in another zone gives other holds",
        ),
        "a zone guessed": Mistake(
            _zone_guessed, "a `now` that names no zone must raise UnusableInput: it could be any of two dozen moments"
        ),
        "hours of the zone": Mistake(
            _hours_of_the_zone,
            "the limit is taken off the clock on the wall, which is put on and back: turn `now` into UTC first",
        ),
        "at the limit": Mistake(
            _at_the_limit, "a hold of exactly the limit's age is not older than the limit: leave it out"
        ),
    },
)

exercises = Exercises(__name__, FRESH, OWN_WRITES, LAG_PERCENTILES, OLD_HOLDS)
