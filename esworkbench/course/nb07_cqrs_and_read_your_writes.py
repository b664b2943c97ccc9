"""Exercises of notebook 07: when is a read model fresh enough, what is kept of one's own write, how late is late."""

from collections.abc import Callable, Sequence
from typing import Any

from esworkbench.course.branch import BALANCE, START, branch
from esworkbench.course.lateness_exercises import LAG_PERCENTILES, OLD_HOLDS
from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer, QueryBus
from esworkbench.cqrs.read_your_writes import ReadYourWrites
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.projections.monitoring.measure import Lag


def answer_at(version: int | None, checkpoint: int, *, head: int = 90) -> Answer[None]:
    return Answer(None, version, Lag("account_balances", START, checkpoint, head, 0.0))


def examine_fresh(fresh: Callable[[Answer[Any], CommandReply], bool]) -> None:
    reply = CommandReply(stream_id="BankAccount-joint", version=7, position=40, state={})
    if not fresh(answer_at(7, 39), reply):
        raise Wrong("the row shows version 7, which is what was written: at the version itself it is there")
    if not fresh(answer_at(9, 60), reply):
        raise Wrong("nobody else stops writing: a version and a checkpoint beyond the reply's hold the write as well")
    if not fresh(answer_at(None, 40), reply):
        raise Wrong("a list of transactions has no version: then the checkpoint at the reply's position is enough")
    if not fresh(answer_at(6, 41), reply):
        raise Wrong("an event need not touch the row: its position reached is enough, whatever version the row shows")
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
        "Write `fresh(answer, reply)`: is what the command wrote in what the read model answered? Use the versions and "
        "positions of both; `answer.version` may be `None`."
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
            raise Wrong("her own event was announced, and her own state was thrown away: only later versions end it")
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
        "Write the class `OwnWrites(queries, *, timer)` with `remember(user, reply)`, `see(events)` and "
        "`ask(user, query, at_most_seconds=2.0)`, which gives an `Answer`: own writes are read back, others' are not, "
        "nothing is shown that a later event has overtaken, and after 30 seconds of `timer()` all is forgotten."
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


exercises = Exercises(FRESH, OWN_WRITES, LAG_PERCENTILES, OLD_HOLDS)
