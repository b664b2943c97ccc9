"""The exercise ``own_writes``: users read back their own writes, and nobody else's."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb07_cqrs_and_read_your_writes.own_writes_steps import (
    ASKS,
    ELSEWHERE,
    HER_ASK,
    HER_OWN,
    HIS_ASK,
    HIS_OWN,
    LATER_AND_SHOWN,
    PURSE,
    SAVED,
    STEPS,
    Ask,
    Commit,
    Follow,
    Hear,
    Pass,
    Step,
    TwoCommits,
)
from esworkbench.course.nb07_cqrs_and_read_your_writes.start import START
from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer, Query, QueryBus, StreamQuery, V
from esworkbench.domains.bank.queries import AccountQuery, Balance, BalanceOfAccount
from esworkbench.events import RecordedEvent
from esworkbench.projections.monitoring.measure import Lag

TASK = (
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
    "not `stale`. Where there is no state, or `from_state` returns `None`, it is that of another `wait_for`, for "
    "the same position, with `at_most_seconds`. That is the only case in which anybody waits."
)

KEPT_SECONDS = 30.0


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


WAITS_SECONDS = 1.0


class InPurse(StreamQuery[int], frozen=True, kw_only=True):
    """How many cents; the state of an empty purse says nothing at all."""

    purse: str
    has_version: ClassVar[bool] = True

    def stream_id(self) -> str:
        return f"BankAccount-{self.purse}"

    def from_state(self, state: dict[str, Any]) -> int:
        return int(state.get("minor", 0))


class Elsewhere(AccountQuery[int], frozen=True, kw_only=True):
    """An account's balance, from another read model."""

    has_version: ClassVar[bool] = True

    def from_state(self, state: dict[str, Any]) -> int:
        return int(state["balance_minor"])


class _Bank(QueryBus):
    """Two accounts and a purse of 100.00 USD, a read model that follows when told, a clock that only waiting moves.

    ``parked``: the positions that the read model has put aside. ``elsewhere``: how far another read model has got,
    which follows only while somebody waits, as both may then: by one event between any two looks.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.arrives = False
        self.log: list[tuple[str, int]] = [("joint", 100_00), ("savings", 100_00), (PURSE, 100_00)]
        self.checkpoint = self.elsewhere = len(self.log)
        self.parked: set[int] = set()
        self._timer = lambda: self.now
        self._pause = self._wait

    def _wait(self, seconds: float) -> None:
        self.now += seconds
        if self.arrives:
            self.checkpoint = min(self.checkpoint + 1, len(self.log))
            self.elsewhere = min(self.elsewhere + 1, len(self.log))

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
        balance = self.balance_of(account, event.global_position)
        state: dict[str, Any] = {"currency": "USD", "balance_minor": balance}
        if account == PURSE:
            state = {"minor": balance} if balance else {}
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
        assert isinstance(query, BalanceOfAccount | InPurse | Elsewhere)
        value: Any = None
        shows = None
        checkpoint, aside = self.checkpoint, self.parked
        if isinstance(query, Elsewhere):
            checkpoint, aside = self.elsewhere, set[int]()
            shows, value = self.version_of(query.account_id, checkpoint), self.balance_of(query.account_id, checkpoint)
        elif isinstance(query, InPurse):
            shows, value = self.shown(query.purse)
        elif query.currency == "USD":
            shows, balance = self.shown(query.account_id)
            value = Balance(query.account_id, "USD", balance)
        there = (version is not None and shows is not None and shows >= version) or (
            position is not None and checkpoint >= position
        )
        waits = version is not None or position is not None
        parked = position in aside
        lag = Lag("account_balances", START, checkpoint, len(self.log), 0.0)
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
                query: Any = BalanceOfAccount(account_id=account, currency=currency)
                if account == PURSE:
                    query = InPurse(purse=account)
                elif currency == ELSEWHERE:
                    query = Elsewhere(account_id=account)
                said = reads.ask(user, query, at_most_seconds=WAITS_SECONDS)
                balance = said.value.balance_minor if isinstance(said.value, Balance) else said.value
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
            later = ", and the read model takes in one more event each time before she looks again" if arrives else ""
            what = f"how many cents are in {account}" if account == PURSE else f"{account}, {currency}"
            return f"{user} asks ({what}{later})"


@st.composite
def _stories(draw: st.DrawFn) -> tuple[list[Step]]:
    """Ada writes, all sorts of things happen, and she asks: whatever was forgotten or kept too long shows."""
    return ([HER_OWN, *draw(st.lists(STEPS, max_size=6)), HER_ASK, draw(ASKS)],)


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

OWN_WRITES = Exercise(
    name="own_writes",
    task=TASK,
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
        ([HER_OWN._replace(accounts=(PURSE,), empties=True), HER_ASK._replace(account=PURSE)],),
        ([HER_OWN, Commit(None, (PURSE, PURSE), heard=True), HER_ASK],),
        (
            [
                HER_OWN._replace(accounts=(PURSE,)),
                Commit(None, ("joint",) * 2, heard=True),
                HER_ASK._replace(account=PURSE),
            ],
        ),
        ([HER_OWN, Ask("bob", "joint", "USD", arrives=False)],),
        ([HER_OWN, Commit(None, ("joint",), heard=True), HER_ASK],),
        ([HER_OWN, Commit(None, ("joint", "savings"), heard=True), HER_ASK],),
        ([HER_OWN, Commit(None, ("joint",), heard=False), Follow(9, stumbles=False), HER_ASK],),
        ([HER_OWN, Commit(None, ("joint",), heard=True), Follow(1, stumbles=False), HER_ASK],),
        ([HER_OWN, Follow(9, stumbles=True), HER_ASK],),
        ([HER_OWN, Follow(9, stumbles=True), *LATER_AND_SHOWN, HER_ASK],),
        ([HER_OWN, HIS_OWN, Commit(None, ("joint",), heard=True), HER_ASK, HIS_ASK],),
        ([HER_OWN, Commit("ada", ("savings",), heard=True), HER_ASK],),
        ([*[SAVED] * 3, HER_OWN._replace(accounts=("joint", "savings")), Hear(), HER_ASK],),
        ([HER_OWN, Follow(9, stumbles=False), HER_ASK, HER_ASK._replace(currency=ELSEWHERE)],),
        ([HER_OWN, Commit(None, ("joint",) * 3, heard=True), HER_ASK._replace(arrives=True)],),
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
