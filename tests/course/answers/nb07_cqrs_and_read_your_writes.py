"""Answers to the exercises of notebook 07."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, delete, select, text

from esworkbench.course.nb07_cqrs_and_read_your_writes import Memory, OwnWrites
from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer, Found, QueryBus, StreamQuery
from esworkbench.cqrs.read_your_writes import ReadYourWrites
from esworkbench.domains.bank.queries import Hold, PendingWithdrawalsOlderThan, read_pending_too_long
from esworkbench.domains.bank.read_models.pending_withdrawals import pending_withdrawals
from esworkbench.errors import UnusableInput
from esworkbench.events import RecordedEvent
from esworkbench.projections.monitoring.measure import Percentiles


def fresh_by_any(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    reached = ((answer.version or 0, reply.version), (answer.lag.checkpoint, reply.position))
    return not parked & {reply.position} and any(said >= wanted for said, wanted in reached)


def fresh_by_match(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    match answer:
        case _ if reply.position in parked:
            return False
        case Answer(version=int(version)) if not version < reply.version:
            return True
        case _:
            return not answer.lag.checkpoint < reply.position


def fresh_contradicting_the_notebook(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    """As it was asked for once: whether it was parked is read from an answer that was told of no position."""
    shows_version = answer.version is not None and answer.version >= reply.version
    return not answer.parked and (shows_version or answer.lag.checkpoint >= reply.position)


def fresh_unless_stale(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return not answer.stale and reply.position not in parked


def fresh_if_repeated(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return reply.repeated or fresh_by_any(answer, reply, parked)


def fresh_but_not_if_stale(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    if answer.stale:
        return False
    return fresh_by_any(answer, reply, parked)


def fresh_by_version_and_position(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    reached = (answer.version or 0) >= reply.version and answer.lag.checkpoint >= reply.position
    return reached and reply.position not in parked


def fresh_by_head(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    reached = (answer.version or 0) >= reply.version or answer.lag.head >= reply.position
    return reached and reply.position not in parked


def fresh_where_a_version_is_true(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> Any:
    return answer.version and answer.version >= reply.version and reply.position not in parked


def fresh_by_version_though_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    """Takes a row that shows a later version for one that shows the parked event too."""
    if answer.version is not None and answer.version > reply.version:
        return True
    return fresh_by_any(answer, reply, parked)


def fresh_where_nothing_later_is_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return fresh_by_any(answer, reply, {reply.position} if max(parked, default=0) >= reply.position else set())


def fresh_by_its_own_write(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return answer.from_own_write or fresh_by_any(answer, reply, parked)


def fresh_where_neither_is_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return not answer.parked and fresh_by_any(answer, reply, parked)


def fresh_where_no_number_is_parked(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return reply.version not in parked and fresh_by_any(answer, reply, parked)


def fresh_where_the_parked_is_reached(answer: Answer[Any], reply: CommandReply, parked: Set[int]) -> bool:
    return fresh_by_any(answer, reply, {each for each in parked if each <= answer.lag.checkpoint})


class ByUser:
    """A table of tables, without the memory that is given."""

    def __init__(self, queries: QueryBus, *, timer: Callable[[], float]) -> None:
        self.queries, self.timer = queries, timer
        self.users: dict[str, dict[str, tuple[CommandReply, float, bool]]] = {}

    def remember(self, user: str, reply: CommandReply) -> None:
        streams = self.users.setdefault(user, {})
        if reply.stream_id in streams and streams[reply.stream_id][0].version > reply.version:
            return
        streams[reply.stream_id] = (reply, self.timer(), True)

    def see(self, events: Sequence[RecordedEvent]) -> None:
        for streams in self.users.values():
            for event in events:
                reply, since, current = streams.get(event.stream_id, (None, 0.0, False))
                if reply is not None:
                    streams[event.stream_id] = (reply, since, current and reply.version >= event.version)

    def ask(self, user: str, query: StreamQuery[Any], at_most_seconds: float = 2.0) -> Answer[Any]:
        reply, since, current = self.users.get(user, {}).get(query.stream_id(), (None, 0.0, False))
        if reply is None or self.timer() - since >= 30:
            return self.queries.ask(query)
        own = query.from_state(reply.state) if current else None
        patience = at_most_seconds if own is None else 0
        answer = self.queries.wait_for(query, version=reply.version, position=reply.position, at_most_seconds=patience)
        if own is None or not answer.stale:
            return answer
        return answer._replace(value=own, version=reply.version, stale=False, from_own_write=True)


class WithTheMemory(Memory):
    """Asks for a state first, and looks once in any case."""

    def see(self, events: Sequence[RecordedEvent]) -> None:
        latest = {event.stream_id: event.version for event in events}
        outdated = [key for key, own in self.kept.items() if own.version < latest.get(key[1], 0)]
        self.kept |= {key: self.kept[key]._replace(state=None) for key in outdated}

    def ask(self, user: str, query: StreamQuery[Any], *, at_most_seconds: float = 2.0) -> Answer[Any]:
        if (own := self.own(user, query.stream_id())) is None:
            return self.queries.ask(query)
        value = query.from_state(own.state) if own.state is not None else None
        seconds = at_most_seconds if value is None else 0
        answer = self.queries.wait_for(query, position=own.position, at_most_seconds=seconds)
        if value is None or not answer.stale:
            return answer
        return Answer(value, own.version, answer.lag, parked=answer.parked, from_own_write=True)


class OnlyTheFirstEvent(OwnWrites):
    """Takes an append for one event."""

    def see(self, events: Sequence[RecordedEvent]) -> None:
        super().see(events[:1])


class OnlyTheLastEvent(OwnWrites):
    """Takes an append for what its last event is."""

    def see(self, events: Sequence[RecordedEvent]) -> None:
        super().see(events[-1:])


class AnEmptyStateIsNone(OwnWrites):
    def own(self, user: str, stream_id: str) -> Any:
        own = super().own(user, stream_id)
        return own and own._replace(state=own.state or None)


class NoughtIsNoValue(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        answer = super().ask(user, query, at_most_seconds=0)
        if answer.from_own_write and answer.value:
            return answer
        own = self.own(user, query.stream_id())
        position = own.position if own else 0
        return self.queries.wait_for(query, position=position, at_most_seconds=at_most_seconds)


class StreamsOfOneBeginning(OwnWrites):
    """Takes an event of a stream for one of another whose name it begins with."""

    def see(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            for key, own in self.kept.items():
                if event.stream_id.startswith(key[1]) and own.version < event.version:
                    self.kept[key] = own._replace(state=None)


class StreamsWithinAName(OwnWrites):
    def see(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            for key, own in self.kept.items():
                if event.stream_id in key[1] and own.version < event.version:
                    self.kept[key] = own._replace(state=None)


class NothingLeftIsNoState(OwnWrites):
    """Takes a balance of 0 for one that isn't known."""

    def own(self, user: str, stream_id: str) -> Any:
        own = super().own(user, stream_id)
        return own and own._replace(state=own.state if own.state and own.state.get("balance_minor") else None)


class ForgetsItsOwnUserOnly(OwnWrites):
    """Only the first entry for the stream is found to be out of date."""

    def see(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            for key, own in self.kept.items():
                if key[1] == event.stream_id:
                    if own.version < event.version:
                        self.kept[key] = own._replace(state=None)
                    break


class ForgotTheCurrency(OwnWrites):
    """Shows the state's balance, whatever was asked for."""

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        answer = super().ask(user, query, at_most_seconds=0)
        own = self.kept.get((user, query.stream_id()))
        if answer.stale and own and own.state:
            return answer._replace(value=own.state.get("balance_minor"), stale=False)
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class WaitsFirst(OwnWrites):
    """Right, a second late."""

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        own = self.own(user, query.stream_id())
        if own is not None:
            self.queries.wait_for(query, position=own.position, at_most_seconds=at_most_seconds)
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class WaitsForAnotherPosition(OwnWrites):
    def see(self, events: Sequence[RecordedEvent]) -> None:
        super().see(events)
        self.kept = {key: own if own.state else own._replace(position=10**9) for key, own in self.kept.items()}


class WaitsForTheLaterEvent(OwnWrites):
    def see(self, events: Sequence[RecordedEvent]) -> None:
        super().see(events)
        for event in events:
            for key, own in self.kept.items():
                if key[1] == event.stream_id and own.version < event.version:
                    self.kept[key] = own._replace(position=event.global_position)


class StaysStale(OwnWrites):
    """The value is right, and said to be stale."""

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        answer = super().ask(user, query, at_most_seconds=at_most_seconds)
        return answer._replace(stale=answer.stale or answer.from_own_write)


class TheNewestOfTheAppend(OwnWrites):
    """Takes the latest version of any stream in the append."""

    def see(self, events: Sequence[RecordedEvent]) -> None:
        newest, streams = max(event.version for event in events), {event.stream_id for event in events}
        for key, own in self.kept.items():
            if key[1] in streams and newest > own.version:
                self.kept[key] = own._replace(state=None)


class DoneOnceItIsShown(OwnWrites):
    """Forgets a write that one read model shows; another one may be behind."""

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        answer = super().ask(user, query, at_most_seconds=at_most_seconds)
        if not answer.stale and not answer.from_own_write:
            self.kept.pop((user, query.stream_id()), None)
        return answer


class ALaterRowIsEnough(OwnWrites):
    """Takes a row that shows a later version for one that shows the parked write too."""

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        own = self.own(user, query.stream_id())
        if own is not None:
            answer = self.queries.wait_for(query, position=own.position, at_most_seconds=0)
            if (answer.version or 0) > own.version:
                return answer
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class ARowOfItsVersionIsEnough(OwnWrites):
    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        own = self.own(user, query.stream_id())
        if own is not None:
            answer = self.queries.wait_for(query, position=own.position, at_most_seconds=0)
            if (answer.version or 0) >= own.version:
                return answer
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class TheLaterOfTwoVersions(OwnWrites):
    """The value is that of the write, the version that of the row."""

    def ask(self, user: str, query: Any, *, at_most_seconds: float = 2.0) -> Answer[Any]:
        answer = super().ask(user, query, at_most_seconds=at_most_seconds)
        if not answer.from_own_write:
            return answer
        return answer._replace(version=max(answer.version or 0, self.queries.ask(query).version or 0))


def lag_percentiles_by_counting(values: Sequence[float]) -> Percentiles:
    if len(values) == 0:
        raise ValueError("nothing was measured")

    def smallest(share: int) -> float:
        return min(each for each in values if 100 * sum(other <= each for other in values) >= share * len(values))

    return Percentiles(smallest(50), smallest(95), smallest(99))


def lag_percentiles_by_numpy(values: Sequence[float]) -> tuple[float, ...]:
    if not values:
        raise ValueError("nothing was measured")
    return tuple(np.percentile(np.array(values), [50, 95, 99], method="inverted_cdf"))


def lag_percentiles_by_running_sum(values: Sequence[float]) -> list[float]:
    if not values:
        raise ValueError
    found, seen = [], 0
    shares = [50, 95, 99]
    for value, count in sorted(Counter(values).items()):
        seen += count
        while shares and seen * 100 >= shares[0] * len(values):
            found.append(value)
            shares.pop(0)
    return found


def lag_percentiles_nearest(values: Sequence[float]) -> Percentiles:
    if not values:
        raise ValueError
    ascending = sorted(values)
    return Percentiles(*(ascending[round((len(values) - 1) * share / 100)] for share in (50, 95, 99)))


def lag_percentiles_of_numpy(values: Sequence[float]) -> Percentiles:
    if not values:
        raise ValueError
    return Percentiles(*np.percentile(values, [50, 95, 99]).tolist())


def lag_percentiles_cut(values: Sequence[float]) -> Percentiles:
    if not values:
        raise ValueError
    ascending = sorted(values)
    return Percentiles(*(ascending[max(int(len(values) * share / 100) - 1, 0)] for share in (50, 95, 99)))


def lag_percentiles_by_quantiles(values: Sequence[float]) -> Percentiles:
    if not values:
        raise ValueError
    cuts = statistics.quantiles(values * 2 if len(values) < 2 else values, n=100)
    return Percentiles(cuts[49], cuts[94], cuts[98])


def lag_percentiles_rounded_values(values: Sequence[float]) -> Percentiles:
    return Percentiles(*(round(each, 1) for each in lag_percentiles_by_counting(values)))


def lag_percentiles_to_the_millisecond(values: Sequence[float]) -> Percentiles:
    return Percentiles(*(round(each, 3) for each in lag_percentiles_by_counting(values)))


def lag_percentiles_in_place(values: list[float]) -> Percentiles:
    if not values:
        raise ValueError
    values.sort()
    return lag_percentiles_by_counting(values)


def lag_percentiles_of_all_values_once(values: Sequence[float]) -> Percentiles:
    return lag_percentiles_by_counting(sorted(set(values)))


def old_holds_in_python(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    if query.now.tzinfo is None:
        raise UnusableInput("no zone")
    rows = connection.execute(select(pending_withdrawals)).mappings().all()
    now = query.now.astimezone(UTC)
    old = [Hold(**row) for row in rows if now - row["requested_at"] > query.limit]
    return Found(sorted(old, key=lambda hold: (hold.requested_at, hold.position)))


def old_holds_as_text(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    if query.now.tzinfo is None:
        raise UnusableInput("no zone")
    end = (query.now.astimezone(UTC) - query.limit).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    wanted = text(f"SELECT {', '.join(Hold._fields)} FROM pending_withdrawals WHERE requested_at < :end ORDER BY 5, 6")
    rows = connection.execute(wanted, {"end": end})
    return Found([Hold(*row[:4], datetime.fromisoformat(row[4]), row[5]) for row in rows])


def old_holds_in_any_order(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    if query.now.tzinfo is None:
        raise UnusableInput("no zone")
    columns = pending_withdrawals.c
    wanted = select(*(columns[name] for name in Hold._fields))
    rows = connection.execute(wanted.where(columns.requested_at < query.now.astimezone(UTC) - query.limit))
    return Found([Hold(*row) for row in rows])


def old_holds_by_withdrawal(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    found = old_holds_in_python(query, connection).value
    return Found(sorted(found, key=lambda hold: (hold.account_id, hold.requested_at, hold.position)))


def old_holds_of_whole_hours(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    found = old_holds_in_python(query, connection).value
    hours = query.limit.total_seconds() // 3600
    return Found([hold for hold in found if (query.now - hold.requested_at).total_seconds() // 3600 > hours])


def old_holds_of_whole_seconds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    found = old_holds_in_python(query, connection).value
    seconds = query.limit.total_seconds()
    return Found([hold for hold in found if int((query.now - hold.requested_at).total_seconds()) > seconds])


def old_holds_naive(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    found = old_holds_in_python(query, connection).value
    end = query.now.replace(tzinfo=None) - query.limit
    return Found([hold for hold in found if hold.requested_at.replace(tzinfo=None) < end])


def old_holds_by_name(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """Two accounts may have a withdrawal of one name."""
    found = old_holds_in_python(query, connection).value
    return Found(list({hold.withdrawal_id: hold for hold in found}.values()))


def old_holds_sorted_by_the_second(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    found = old_holds_in_python(query, connection).value
    return Found(sorted(found, key=lambda hold: (hold.requested_at.replace(microsecond=0), hold.position)))


def old_holds_without_fold(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    """As ``now`` becomes when it is put together again of its parts."""
    again = PendingWithdrawalsOlderThan(limit=query.limit, now=query.now.replace(fold=0))
    return old_holds_in_python(again, connection)


def old_holds_told_once(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    found = old_holds_in_python(query, connection)
    end = query.now.astimezone(UTC) - query.limit
    connection.execute(delete(pending_withdrawals).where(pending_withdrawals.c.requested_at < end))
    return found


def old_holds_whichever_came_first(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    if query.now.tzinfo is None:
        raise UnusableInput("no zone")
    rows = connection.execute(select(pending_withdrawals)).mappings().all()
    found = [Hold(**row) for row in rows if abs(query.now.astimezone(UTC) - row["requested_at"]) > query.limit]
    return Found(sorted(found, key=lambda hold: (hold.requested_at, hold.position)))


def old_holds_that_close(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    with connection:
        return old_holds_in_python(query, connection)


def old_holds_at_a_full_second(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    again = PendingWithdrawalsOlderThan(limit=query.limit, now=query.now.replace(microsecond=0))
    return old_holds_in_python(again, connection)


def _limited(query: PendingWithdrawalsOlderThan, connection: Connection, seconds: float) -> Found[list[Hold]]:
    limit = timedelta(seconds=query.limit.total_seconds() // seconds * seconds)
    return old_holds_in_python(PendingWithdrawalsOlderThan(limit=limit, now=query.now), connection)


def old_holds_with_a_limit_in_hours(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return _limited(query, connection, 3600)


def old_holds_with_a_limit_in_minutes(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return _limited(query, connection, 60)


def old_holds_with_a_limit_in_seconds(query: PendingWithdrawalsOlderThan, connection: Connection) -> Found[list[Hold]]:
    return _limited(query, connection, 1)


class TakesEveryStreamForAnAccount(OwnWrites):
    def ask(self, user: str, query: StreamQuery[Any], *, at_most_seconds: float = 2.0) -> Answer[Any]:
        if self.own(user, f"BankAccount-{query.account_id}") is None:  # type: ignore[attr-defined]
            return self.queries.ask(query)
        return super().ask(user, query, at_most_seconds=at_most_seconds)


class WaitsForTheHead(WithTheMemory):
    def ask(self, user: str, query: StreamQuery[Any], *, at_most_seconds: float = 2.0) -> Answer[Any]:
        now = super().ask(user, query, at_most_seconds=0)
        if not now.stale or (own := self.own(user, query.stream_id())) is None:
            return now
        head = max(now.lag.head, own.position)
        return self.queries.wait_for(query, position=head, at_most_seconds=at_most_seconds)


RIGHT = {
    "fresh": [fresh_by_any, fresh_by_match],
    "own_writes": [ReadYourWrites, WithTheMemory, ByUser],
    "lag_percentiles": [lag_percentiles_by_counting, lag_percentiles_by_numpy, lag_percentiles_by_running_sum],
    "old_holds": [old_holds_in_python, old_holds_as_text, read_pending_too_long],
}
WRONG = {
    "fresh": [
        fresh_contradicting_the_notebook,
        fresh_unless_stale,
        fresh_if_repeated,
        fresh_but_not_if_stale,
        fresh_by_version_though_parked,
        fresh_where_nothing_later_is_parked,
        fresh_by_version_and_position,
        fresh_by_head,
        fresh_where_a_version_is_true,
        fresh_by_its_own_write,
        fresh_where_neither_is_parked,
        fresh_where_no_number_is_parked,
        fresh_where_the_parked_is_reached,
    ],
    "own_writes": [
        TakesEveryStreamForAnAccount,
        WaitsForTheHead,
        OnlyTheFirstEvent,
        OnlyTheLastEvent,
        NothingLeftIsNoState,
        AnEmptyStateIsNone,
        NoughtIsNoValue,
        StreamsOfOneBeginning,
        StreamsWithinAName,
        ForgetsItsOwnUserOnly,
        ForgotTheCurrency,
        WaitsFirst,
        WaitsForAnotherPosition,
        WaitsForTheLaterEvent,
        StaysStale,
        TheNewestOfTheAppend,
        DoneOnceItIsShown,
        ALaterRowIsEnough,
        ARowOfItsVersionIsEnough,
        TheLaterOfTwoVersions,
    ],
    "lag_percentiles": [
        lag_percentiles_nearest,
        lag_percentiles_of_numpy,
        lag_percentiles_cut,
        lag_percentiles_by_quantiles,
        lag_percentiles_rounded_values,
        lag_percentiles_to_the_millisecond,
        lag_percentiles_in_place,
        lag_percentiles_of_all_values_once,
    ],
    "old_holds": [
        old_holds_in_any_order,
        old_holds_by_withdrawal,
        old_holds_of_whole_hours,
        old_holds_of_whole_seconds,
        old_holds_naive,
        old_holds_by_name,
        old_holds_sorted_by_the_second,
        old_holds_without_fold,
        old_holds_told_once,
        old_holds_that_close,
        old_holds_whichever_came_first,
        old_holds_at_a_full_second,
        old_holds_with_a_limit_in_hours,
        old_holds_with_a_limit_in_minutes,
        old_holds_with_a_limit_in_seconds,
    ],
}
EQUIVALENT = {
    "own_writes": {
        "0 → -1": "neither waits: one look is made in any case",
    }
}
