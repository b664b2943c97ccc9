"""Answers to the exercises of notebook 01."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from itertools import dropwhile, takewhile
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from esworkbench.course.nb01_events_not_rows import POSTED, Fact, balance


def balance_by_loop(facts: list[Fact]) -> int:
    total = 0
    for fact in facts:
        match fact.kind:
            case "MoneyDeposited" | "InterestCredited" | "WithdrawalCancelled":
                total += fact.amount_minor
            case "MoneyWithdrawn" | "TransferSent" | "FeeCharged" | "WithdrawalRequested":
                total -= fact.amount_minor
    return total


def balance_by_frame(facts: list[Fact]) -> int:
    table = pd.DataFrame(facts, columns=list(Fact._fields))
    return (table["kind"].map(POSTED) * table["amount_minor"]).astype("int64").sum()


def balance_by_settlement(facts: list[Fact]) -> int:
    signs = POSTED | {"WithdrawalRequested": 0, "WithdrawalSettled": -1, "WithdrawalCancelled": 0}
    return sum(signs[fact.kind] * fact.amount_minor for fact in facts)


def balance_by_or(facts: list[Fact]) -> int:
    return sum(-fact.amount_minor if "With" in fact.kind or "Fee" in fact.kind else fact.amount_minor for fact in facts)


def balance_to_the_first_missing_version(facts: list[Fact]) -> int:
    known: list[Fact] = []
    for fact in facts:
        if known and fact.version != known[-1].version + 1:
            break
        known.append(fact)
    return balance(known)


def balance_of_rounded_dollars(facts: list[Fact]) -> int:
    return round(sum(POSTED[fact.kind] * fact.amount_minor / 100 for fact in facts) * 100)


def balance_in_32_bits(facts: list[Fact]) -> int:
    posted = [POSTED[fact.kind] * fact.amount_minor for fact in facts]
    return int(np.array(posted, dtype="int64").astype("int32").sum(dtype="int32"))


def balance_at_in_utc(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError
    until = moment.astimezone(UTC)
    known = [fact for fact in facts if fact.recorded_at <= until]
    return reduce(lambda total, fact: total + POSTED[fact.kind] * fact.amount_minor, known, 0)


def balance_at_by_loop(facts: list[Fact], moment: datetime) -> int:
    class NoZone(ValueError):
        pass

    if not moment.tzinfo:
        raise NoZone("no zone")
    known = []
    for fact in facts:
        if fact.recorded_at > moment:
            break
        known.append(fact)
    return balance(known)


def balance_at_by_frame(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    table = pd.DataFrame([fact for fact in facts if fact.recorded_at <= moment], columns=list(Fact._fields))
    return int((table["kind"].map(POSTED) * table["amount_minor"]).astype("int64").sum())


def balance_at_by_bisecting(facts: list[Fact], moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise ValueError("no zone")
    return balance(facts[: bisect_right(facts, moment, key=lambda fact: fact.recorded_at)])


def balance_at_looking_at_each(facts: list[Fact], moment: datetime) -> int:
    total = 0
    for fact in facts:
        if moment.tzinfo is None:
            raise ValueError("no zone")
        if fact.recorded_at <= moment:
            total += POSTED[fact.kind] * fact.amount_minor
    return total


def balance_at_by_another_error(facts: list[Fact], moment: datetime) -> int:
    try:
        return balance([fact for fact in facts if fact.recorded_at <= moment])
    except TypeError:
        raise ValueError("no zone") from None


def balance_at_in_whole_seconds(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return balance([fact for fact in facts if fact.recorded_at.replace(microsecond=0) <= moment])


def balance_at_raises_type_error(facts: list[Fact], moment: datetime) -> int:
    return balance([fact for fact in facts if fact.recorded_at <= moment])


def balance_at_by_the_wall_clock(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return balance([fact for fact in facts if fact.recorded_at.astimezone(moment.tzinfo) <= moment])


def balance_at_by_two_comparisons(facts: list[Fact], moment: datetime) -> int:
    """No two moments of two zones are equal in an hour that comes twice."""
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return balance([fact for fact in facts if fact.recorded_at < moment or fact.recorded_at == moment])


def balance_at_the_first_time(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return balance([fact for fact in facts if fact.recorded_at <= moment.replace(fold=0)])


def balance_at_by_version(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    versions = [fact.version for fact in facts if fact.recorded_at <= moment]
    return balance(facts[: versions[-1]] if versions else [])


def balance_at_a_millisecond_later(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return balance([fact for fact in facts if fact.recorded_at < moment + timedelta(milliseconds=1)])


def balance_at_in_milliseconds(facts: list[Fact], moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("no zone")
    until = round(moment.timestamp(), 3)
    return balance([fact for fact in facts if round(fact.recorded_at.timestamp(), 3) <= until])


def balance_at_on_the_computers_clock(facts: list[Fact], moment: datetime) -> int:
    """Right where the computer's zone is UTC."""
    if moment.tzinfo is None:
        raise ValueError("no zone")
    until = moment.astimezone().replace(tzinfo=None)
    return balance([fact for fact in facts if fact.recorded_at.replace(tzinfo=None) <= until])


def between_by_midnights(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[Fact]:
    end = last + timedelta(days=1)
    return (fact for fact in facts if first <= fact.recorded_at < end)


def between_as_a_tuple(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> tuple[Fact, ...]:
    return tuple(f for f in facts if first.date() <= f.recorded_at.astimezone(zone).date() and
                 not f.recorded_at.astimezone(zone).date() > last.date())  # fmt: skip


def between_in_their_order(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> Iterator[Fact]:
    begun = dropwhile(lambda fact: fact.recorded_at < first, facts)
    return takewhile(lambda fact: fact.recorded_at.astimezone(zone).date() <= last.date(), begun)


def between_to_a_millisecond_before(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    end = last + timedelta(days=1) - timedelta(milliseconds=1)
    return [fact for fact in facts if first <= fact.recorded_at <= end]


def between_newest_first(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in reversed(facts) if first <= fact.recorded_at < last + timedelta(days=1)]


def between_to_a_second_before(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first <= fact.recorded_at <= last.replace(hour=23, minute=59, second=59)]


def between_a_day_later(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first <= fact.recorded_at <= last + timedelta(days=1)]


def between_in_24_hours(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    end = last.astimezone(UTC) + timedelta(hours=24)
    return [fact for fact in facts if first.astimezone(UTC) <= fact.recorded_at < end]


def between_days_of_the_month(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    return [fact for fact in facts if first.day <= fact.recorded_at.astimezone(zone).day <= last.day]


def between_days_of_the_year(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    days = range(first.timetuple().tm_yday, last.timetuple().tm_yday + 1)
    return [fact for fact in facts if fact.recorded_at.astimezone(zone).timetuple().tm_yday in days]


def between_months_and_days(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    def of_a_year(moment: datetime) -> tuple[int, int]:
        return moment.month, moment.day

    return [
        fact for fact in facts if of_a_year(first) <= of_a_year(fact.recorded_at.astimezone(zone)) <= of_a_year(last)
    ]


def between_to_the_last_moment(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    """On a day whose last hour comes twice, to the end of the first of the two."""
    end = datetime.combine(last.date(), time.max, tzinfo=zone)
    return [fact for fact in facts if first.astimezone(UTC) <= fact.recorded_at <= end.astimezone(UTC)]


def between_at_todays_offset(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    """As if the first day's offset from UTC held on all of them."""
    offset = first.utcoffset()
    assert offset is not None
    return [f for f in facts if first.date() <= (f.recorded_at.astimezone(UTC) + offset).date() <= last.date()]


def compensate_with_a_fee(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    [wrong] = [fact for fact in facts if fact.version == wrong_version]
    kind = "FeeCharged" if POSTED[wrong.kind] > 0 else "InterestCredited"
    return [*facts, Fact(max(fact.version for fact in facts) + 1, kind, wrong.amount_minor, now)]


def compensate_with_a_negative(facts: list[Fact], wrong_version: int, now: datetime) -> tuple[Fact, ...]:
    wrong = {fact.version: fact for fact in facts}[wrong_version]
    return (*facts, Fact(facts[-1].version + 1, wrong.kind, -wrong.amount_minor, now))


def compensate_by_counting(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    wrong = next(fact for fact in facts if fact.version == wrong_version)
    return [*facts, Fact(len(facts) + 1, wrong.kind, -wrong.amount_minor, now)]


def compensate_by_place(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    wrong = facts[wrong_version - 1]
    return [*facts, Fact(facts[-1].version + 1, wrong.kind, -wrong.amount_minor, now)]


def compensate_never_before_the_last(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    [wrong] = [fact for fact in facts if fact.version == wrong_version]
    last = facts[-1]
    return [*facts, Fact(last.version + 1, wrong.kind, -wrong.amount_minor, max(now, last.recorded_at))]


def compensate_in_place(facts: list[Fact], wrong_version: int, now: datetime) -> list[Fact]:
    wrong = facts[wrong_version - 1]
    facts.append(Fact(len(facts) + 1, wrong.kind, -wrong.amount_minor, now))
    return facts


def between_by_moment_and_kind(facts: list[Fact], first: datetime, last: datetime, zone: ZoneInfo) -> list[Fact]:
    chosen = between_by_midnights(facts, first, last, zone)
    return sorted(chosen, key=lambda fact: (fact.recorded_at, fact.kind))


RIGHT = {
    "balance": [balance_by_loop, balance_by_frame],
    "balance_at": [balance_at_in_utc, balance_at_by_loop, balance_at_by_frame, balance_at_by_bisecting],
    "between": [between_by_midnights, between_as_a_tuple, between_in_their_order],
    "compensate": [compensate_with_a_fee, compensate_with_a_negative],
}
WRONG = {
    "balance": [
        balance_by_settlement,
        balance_by_or,
        balance_to_the_first_missing_version,
        balance_of_rounded_dollars,
        balance_in_32_bits,
    ],
    "balance_at": [
        balance_at_raises_type_error,
        balance_at_looking_at_each,
        balance_at_by_another_error,
        balance_at_in_whole_seconds,
        balance_at_by_the_wall_clock,
        balance_at_by_two_comparisons,
        balance_at_the_first_time,
        balance_at_by_version,
        balance_at_a_millisecond_later,
        balance_at_in_milliseconds,
        balance_at_on_the_computers_clock,
    ],
    "between": [
        between_by_moment_and_kind,
        between_to_a_second_before,
        between_to_a_millisecond_before,
        between_newest_first,
        between_a_day_later,
        between_in_24_hours,
        between_days_of_the_month,
        between_days_of_the_year,
        between_months_and_days,
        between_to_the_last_moment,
        between_at_todays_offset,
    ],
    "compensate": [compensate_in_place, compensate_by_counting, compensate_by_place, compensate_never_before_the_last],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
