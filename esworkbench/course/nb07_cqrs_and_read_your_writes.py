"""Exercises of notebook 07: when is a read model fresh enough, what to keep of your own write, how late is late."""

import math
from collections.abc import Callable, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select

from esworkbench.course.case_database import case_engine
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


def fresh(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    """As ``QueryBus.wait_for``: a parked event is in no row, however far the projection has got."""
    if reply.position in parked:
        return False
    shows_version = answer.version is not None and answer.version >= reply.version
    return shows_version or answer.lag.checkpoint >= reply.position


def _fresh_after_version(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    later = (answer.version or 0) > reply.version or answer.lag.checkpoint > reply.position
    return later and reply.position not in parked


def _fresh_at_version(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    there = answer.version == reply.version or answer.lag.checkpoint == reply.position
    return there and reply.position not in parked


def _fresh_by_version_alone(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return answer.version is not None and answer.version >= reply.version and reply.position not in parked


def _fresh_by_position_alone(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return answer.lag.checkpoint >= reply.position and reply.position not in parked


def _fresh_by_version_where_there_is_one(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    if answer.version is not None:
        return answer.version >= reply.version and reply.position not in parked
    return answer.lag.checkpoint >= reply.position and reply.position not in parked


def _fresh_though_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return fresh(answer, reply, set())


def _fresh_where_nothing_is_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return not parked and fresh(answer, reply, parked)


REPLY = CommandReply(stream_id="BankAccount-joint", version=7, position=40, state={})


def _answer_at(version: int | None, checkpoint: int, *parked: int) -> tuple[Answer[None], CommandReply, set[int]]:
    """As ``QueryBus.ask`` answers, which was told of no position: it never says ``parked``."""
    return Answer(None, version, Lag("account_balances", START, checkpoint, 90, 0.0)), REPLY, set(parked)


def _repeated(
    answer: Answer[None], reply: CommandReply, parked: set[int]
) -> tuple[Answer[None], CommandReply, set[int]]:
    """The reply to a command that was sent a second time: it says nothing of the read model."""
    return answer, msgspec.structs.replace(reply, repeated=True), parked


def _stale(answer: Answer[None], reply: CommandReply, parked: set[int]) -> tuple[Answer[None], CommandReply, set[int]]:
    """The answer to a question that waited for a later write than the reply's."""
    return answer._replace(stale=True), reply, parked


@st.composite
def _answers_and_replies(draw: st.DrawFn) -> tuple[Answer[None], CommandReply, set[int]]:
    """A version and a position around those of the reply. Only what was reached can have been parked."""
    checkpoint = draw(st.integers(REPLY.position - 1, REPLY.position + 1))
    version = draw(st.none() | st.integers(REPLY.version - 1, REPLY.version + 1))
    reached = range(REPLY.position - 2, checkpoint + 1)
    case = _answer_at(version, checkpoint, *draw(st.sets(st.sampled_from(reached), max_size=2)))
    for told_too in draw(st.sampled_from([[], [], [], [], [_repeated], [_stale], [_repeated, _stale]])):
        case = told_too(*case)
    return case


def _given_fresh(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> str:
    stale, repeated = ", stale" if answer.stale else "", ", repeated" if reply.repeated else ""
    return (
        f"answer with version {answer.version} and lag.checkpoint {answer.lag.checkpoint}{stale}; "
        f"reply with version {reply.version} and position {reply.position}{repeated}; parked {set(parked) or 'nothing'}"
    )


FRESH = Exercise(
    name="fresh",
    task=(
        "Does the read model's answer include what the command wrote? There are two ways to know, and either is "
        "enough, whatever the other says: the answer's `version`, which may be `None`, has got as far as the reply's "
        "`version`, or its `lag.checkpoint` as far as the reply's `position`. Only an event that was put aside is not "
        "in the answer, however far that has got: `parked` has the positions of those. Nothing else counts: "
        "`answer.stale` is about what *that* question waited for, and `reply.repeated` about the command."
    ),
    stub=(
        "from typing import Any\n\n"
        "from esworkbench.cqrs.commands import CommandReply\nfrom esworkbench.cqrs.queries import Answer\n\n\n"
        "def my_fresh(answer: Answer[Any], reply: CommandReply, parked: set[int]) -> bool: ..."
    ),
    reference=fresh,
    cases=_answers_and_replies(),
    examples=[
        _answer_at(7, 39),
        _answer_at(9, 39),
        _answer_at(None, 40),
        _answer_at(6, 60),
        _answer_at(8, 41, 40),
        _repeated(*_answer_at(6, 39)),
        _stale(*_answer_at(8, 41)),
    ],
    given=_given_fresh,
    hints=(
        "There are two ways to know, and one thing that rules out both.",
        "Unless `reply.position in parked`: `answer.version >= reply.version`, if there is a version, or "
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
            "the reply's event was parked: its position is reached, and what it wrote is not in the row",
        ),
        "anything parked": Mistake(
            _fresh_where_nothing_is_parked,
            "some other event was parked: that one isn't in the row, and the reply's may well be",
        ),
    },
)


# --- own_writes -------------------------------------------------------------------------------------------------------

KEPT_SECONDS = 30.0
WAITS_SECONDS = 1.0


class Kept(NamedTuple):
    """The latest write of a user to a stream; ``state`` is None once it is out of date."""

    version: int
    position: int
    state: dict[str, Any] | None
    until: float


class Memory:
    """The latest write of each user to each stream, for 30 seconds. Whoever reads it subclasses it."""

    def __init__(self, queries: QueryBus, *, timer: Callable[[], float]) -> None:
        self.queries = queries
        self.timer = timer
        self.kept: dict[tuple[str, str], Kept] = {}

    def remember(self, user: str, reply: CommandReply) -> None:
        """To be called with the reply to each of a user's commands; of two, the one with the later version counts."""
        known = self.kept.get((user, reply.stream_id))
        if known is None or known.version < reply.version:
            until = self.timer() + KEPT_SECONDS
            self.kept[user, reply.stream_id] = Kept(reply.version, reply.position, reply.state, until)

    def own(self, user: str, stream_id: str) -> Kept | None:
        """What the user wrote to the stream in the last 30 seconds."""
        own = self.kept.get((user, stream_id))
        return own if own is not None and self.timer() < own.until else None


class OwnWrites(Memory):
    def see(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            for (user, stream_id), own in self.kept.items():
                if stream_id == event.stream_id and own.version < event.version:
                    self.kept[user, stream_id] = own._replace(state=None)

    def ask(self, user: str, query: StreamQuery[V], *, at_most_seconds: float = 2.0) -> Answer[V]:
        own = self.own(user, query.stream_id())
        if own is None:
            return self.queries.ask(query)
        now = self.queries.wait_for(query, position=own.position, at_most_seconds=0)
        value = None if own.state is None else query.from_state(own.state)
        if now.stale and value is not None:
            return now._replace(value=value, version=own.version, stale=False, from_own_write=True)
        return self.queries.wait_for(query, position=own.position, at_most_seconds=at_most_seconds)


class _ForEverybody(OwnWrites):
    def own(self, user: str, stream_id: str) -> Kept | None:
        found = [super(_ForEverybody, self).own(*key) for key in self.kept if key[1] == stream_id]
        return max((each for each in found if each is not None), key=lambda each: each.version, default=None)


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


class _DropsAll(OwnWrites):
    def see(self, events: Sequence[Any]) -> None:
        latest = max((event.version for event in events), default=0)
        for key, own in self.kept.items():
            if own.version < latest:
                self.kept[key] = own._replace(state=None)


class _KeptForEver(OwnWrites):
    def own(self, user: str, stream_id: str) -> Kept | None:
        return self.kept.get((user, stream_id))


class _WheneverKept(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        own = self.own(user, query.stream_id())
        value = None if own is None or own.state is None else query.from_state(own.state)
        if own is not None and value is not None:
            return self.queries.ask(query)._replace(value=value, version=own.version, from_own_write=True)
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class _TakesTheParkedForSeen(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        now = self.queries.ask(query)
        own = self.own(user, query.stream_id())
        if own is not None and now.lag.checkpoint >= own.position:
            return now
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class _NeverWaits(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        return super().ask(user, query, at_most_seconds=0)


class Commit(NamedTuple):
    """An append by a user, who is given the reply, or by somebody else (None).

    ``heard``: it is announced at once, before the reply; otherwise at the next Hear. ``empties``: what the account
    holds is withdrawn.
    """

    user: str | None
    accounts: tuple[str, ...]
    heard: bool
    empties: bool = False


class TwoCommits(NamedTuple):
    """Two appends, whose replies the user is given in the wrong order."""

    user: str
    account: str


class Hear(NamedTuple):
    """What was not announced yet is."""


class Follow(NamedTuple):
    """The read model takes in so many events, or, where it ``stumbles``, puts them aside."""

    events: int
    stumbles: bool


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
    """Two accounts of 100.00 USD, a read model that follows when told, and a clock that only waiting moves.

    ``parked``: the positions that the read model has put aside.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.arrives = False
        self.log: list[tuple[str, int]] = [("joint", 100_00), ("savings", 100_00)]
        self.checkpoint = 2
        self.parked: set[int] = set()
        self._timer = lambda: self.now
        self._pause = self._wait

    def _wait(self, seconds: float) -> None:
        self.now += seconds
        if self.arrives:
            self.checkpoint = len(self.log)

    def follow(self, events: int, *, stumbles: bool) -> None:
        before = self.checkpoint
        self.checkpoint = min(before + events, len(self.log))
        if stumbles:
            self.parked |= set(range(before + 1, self.checkpoint + 1))

    def append(self, accounts: Sequence[str], *, empties: bool = False) -> list[RecordedEvent]:
        """Each amount differs from every other, so that no balance is right by accident."""
        events = []
        for account in accounts:
            amount = -self.balance_of(account, len(self.log)) if empties else 2 ** len(self.log)
            self.log.append((account, amount))
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

    def shown(self, account: str) -> tuple[int, int]:
        """Version and balance in the read model's row."""
        seen = [place for place in range(self.checkpoint) if self.log[place][0] == account]
        handled = [place for place in seen if place + 1 not in self.parked]
        return self.version_of(account, handled[-1] + 1), sum(self.log[place][1] for place in handled)

    def balance_of(self, account: str, until: int) -> int:
        return sum(amount for each, amount in self.log[:until] if each == account)

    def _look(self, query: Query[V], version: int | None, position: int | None) -> Answer[V]:
        assert isinstance(query, BalanceOfAccount)
        value, shows = None, None
        if query.currency == "USD":
            shows, balance = self.shown(query.account_id)
            value = Balance(query.account_id, "USD", balance)
        there = (version is not None and shows is not None and shows >= version) or (
            position is not None and self.checkpoint >= position
        )
        waits = version is not None or position is not None
        parked = position in self.parked
        lag = Lag("account_balances", START, self.checkpoint, len(self.log), 0.0)
        return Answer[Any](value, shows, lag, stale=waits and (parked or not there), parked=parked)


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
            case Commit(user, accounts, heard, empties):
                events = bank.append(accounts, empties=empties)
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
            case Follow(number, stumbles):
                bank.follow(number, stumbles=stumbles)
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
        case Commit(user, accounts, heard, empties):
            did = "withdraws all" if empties else "deposits"
            who = f"{user} {did} and is given the reply" if user else f"somebody else {did}"
            together = " in one append" if len(accounts) > 1 else ""
            return f"{who} ({' and '.join(accounts)}{together}, {'seen at once' if heard else 'not seen yet'})"
        case TwoCommits(user, account):
            return f"{user} deposits twice ({account}, not seen yet) and is given the second reply first"
        case Hear():
            return "see() is told of the rest"
        case Follow(number, stumbles):
            return f"the read model {'puts aside' if stumbles else 'takes in'} up to {number} events"
        case Pass(seconds):
            return f"{seconds} seconds pass"
        case Ask(user, account, currency, arrives):
            later = ", and the read model catches up if she waits" if arrives else ""
            return f"{user} asks ({account}, {currency}{later})"


USERS, ACCOUNTS = st.sampled_from(["ada", "ada", "bob"]), st.sampled_from(["joint", "joint", "savings"])
ASKS = st.builds(Ask, USERS, ACCOUNTS, st.sampled_from(["USD", "USD", "USD", "CHF"]), st.booleans())
STEPS = st.one_of(
    ASKS,
    st.builds(
        Commit, USERS, ACCOUNTS.map(lambda account: (account,)), st.booleans(), st.sampled_from([False, False, True])
    ),
    st.builds(
        Commit,
        st.none(),
        st.sampled_from([("joint",), ("savings",), ("savings", "joint"), ("joint", "savings"), ("joint", "joint")]),
        st.booleans(),
    ),
    st.builds(Follow, st.sampled_from([1, 9]), st.sampled_from([False, False, False, True])),
    st.just(Hear()),
    st.builds(Pass, st.sampled_from([10, 20, 29, 30])),
    st.builds(TwoCommits, USERS, ACCOUNTS),
)
HER_OWN = Commit("ada", ("joint",), heard=False)
HER_ASK = Ask("ada", "joint", "USD", arrives=False)
HIS_OWN, HIS_ASK = HER_OWN._replace(user="bob"), HER_ASK._replace(user="bob")


@st.composite
def _stories(draw: st.DrawFn) -> tuple[list[Step]]:
    """Ada writes, all sorts of things happen, and she asks: whatever was forgotten or kept too long shows."""
    return ([HER_OWN, *draw(st.lists(STEPS, max_size=6)), HER_ASK, draw(ASKS)],)


OWN_WRITES = Exercise(
    name="own_writes",
    task=(
        "Users read back their own writes, and nobody else's. `Memory` keeps the latest reply of each user and stream "
        "as `self.kept[user, stream_id]`, with `version`, `position` and `state`; `self.own(user, stream_id)` is that "
        "of the last 30 seconds, or `None`. Write the rest.\n\n"
        "- `see(events)` is called with the events of each append, the user's own among them; one append may write "
        "several events, to several streams. Where an event has a later version of its stream than is kept, for "
        "whichever user, make the kept `state` `None` (`_replace` does) and leave version and position.\n"
        "- `ask(user, query)` returns an `Answer`. Where the user has no own write in `query.stream_id()`, it is that "
        "of `self.queries.ask(query)`. Otherwise it is the read model's, if the write is in it: "
        "`self.queries.wait_for(query, position=…, at_most_seconds=0)` looks once, and its answer is `stale` if not. "
        "Then `value` is `query.from_state(state)` and `version` the kept one, and the answer is `from_own_write` and "
        "not `stale`. Where there is no state, or `from_state` returns `None`, it is that of another `wait_for`, with "
        "`at_most_seconds`. That is the only case in which anybody waits."
    ),
    stub=(
        "from collections.abc import Sequence\nfrom typing import Any\n\n"
        "from esworkbench.course.nb07_cqrs_and_read_your_writes import Memory\n"
        "from esworkbench.cqrs.queries import Answer, StreamQuery\n"
        "from esworkbench.events import RecordedEvent  # stream_id, version\n\n\n"
        "class my_own_writes(Memory):\n"
        "    def see(self, events: Sequence[RecordedEvent]) -> None: ...\n"
        "    def ask(self, user: str, query: StreamQuery[Any], *, at_most_seconds: float = 2.0) -> Answer[Any]: ..."
    ),
    reference=OwnWrites,
    cases=_stories(),
    examples=[
        ([HER_OWN, HER_ASK],),
        ([HER_OWN, Hear(), HER_ASK],),
        ([HER_OWN._replace(empties=True), HER_ASK],),
        ([HER_OWN, Ask("bob", "joint", "USD", arrives=False)],),
        ([HER_OWN, Commit(None, ("joint",), heard=True), HER_ASK],),
        ([HER_OWN, Commit(None, ("joint", "savings"), heard=True), HER_ASK],),
        ([HER_OWN, Commit(None, ("joint",), heard=False), Follow(9, stumbles=False), HER_ASK],),
        ([HER_OWN, Follow(9, stumbles=True), HER_ASK],),
        ([HER_OWN, HIS_OWN, Commit(None, ("joint",), heard=True), HER_ASK, HIS_ASK],),
        ([HER_OWN, Commit("ada", ("savings",), heard=True), HER_ASK],),
        ([HER_OWN, Pass(30), HER_ASK],),
        ([HER_OWN, Pass(20), HER_OWN, Pass(20), HER_ASK],),
    ],
    play=_play_own_writes,
    given=lambda steps: "; ".join(map(_told_of_step, steps)),
    hints=(
        "What must outlive the state when a later event arrives?",
        "`see` puts `own._replace(state=None)` in the place of what is out of date. `ask` looks once; a "
        "stale answer is replaced by `query.from_state(state)` where there is one, and waited for where there isn't.",
    ),
    mistakes={
        "shared by everybody": Mistake(
            _ForEverybody, "one user is shown what only the other was told: ask for the own write of this user"
        ),
        "whenever kept": Mistake(
            _WheneverKept, "the read model has got as far as the user's write, or further: then it wins"
        ),
        "takes the parked for seen": Mistake(
            _TakesTheParkedForSeen,
            "the user's own event was put aside: the checkpoint has passed it, and the row doesn't show it",
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
        "invalidated by any stream": Mistake(
            _DropsAll, "an event of another account has ended the state: compare `stream_id` before the version"
        ),
        "kept for ever": Mistake(
            _KeptForEver, "it is still kept after 30 seconds: `self.own` looks at the time, `self.kept` doesn't"
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
        st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.123456789, 1.25, 3.0]), max_size=7)
        | st.sampled_from([20, 21, 50, 99, 100, 101, 130, 150, 200]).map(_shuffled)
    ),
    examples=[([],), (_shuffled(100),), ([0.123456789],)],
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


def _play_old_holds(answer: Any, holds: list[Hold], limit: timedelta, now: datetime) -> Any:
    with case_engine().connect() as connection:
        pending_withdrawals.create(connection, checkfirst=True)
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
    limit = timedelta(hours=draw(st.sampled_from([24, 1, 36])))
    steps = st.sampled_from(
        [
            timedelta(0),
            *(timedelta(minutes=minutes) for minutes in (1, -1, 30, -30)),
            *(timedelta(milliseconds=milliseconds) for milliseconds in (500, -500)),
        ]
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


def _young_and_old(limit: timedelta) -> list[Hold]:
    """Minutes older than the limit, or younger; one is half a second older."""
    return [
        Hold("joint", f"w-{number}", "USD", 10_00, CLOCKS_CHANGED - limit - timedelta(minutes=older), number)
        for number, older in enumerate((30, -1, 0, 1, 90, 1 / 120), start=1)
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
    examples=[(_young_and_old(timedelta(hours=hours)), timedelta(hours=hours), CLOCKS_CHANGED) for hours in (24, 1)],
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

exercises = Exercises(__name__, FRESH, OWN_WRITES, OLD_HOLDS, LAG_PERCENTILES)
