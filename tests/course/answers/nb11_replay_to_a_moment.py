"""Answers to the exercises of notebook 11."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from esworkbench.aggregates.aggregate import Uncommitted
from esworkbench.course.nb11_replay_to_a_moment import known_then
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import EsworkbenchError
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Posting
from esworkbench.forensics.replay.moments import parse_moment


def moment_by_the_package(text: str) -> datetime:
    try:
        return parse_moment(text)
    except EsworkbenchError as refused:
        raise ValueError(str(refused)) from None


def moment_by_a_round_trip(text: str) -> datetime:
    found = re.fullmatch(r"(\S+ \S+) (\S+)", text)
    if not found:
        raise ValueError("no zone")
    try:
        zone = ZoneInfo(found[2])
    except (KeyError, OSError) as error:
        raise ValueError(found[2]) from error
    naive = datetime.fromisoformat(found[1].replace(" ", "T") + ":00")
    instants = {naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    shown = [instant for instant in instants if instant.astimezone(zone).replace(tzinfo=None) == naive]
    if len(shown) != 1:
        raise ValueError(f"{len(shown)} instants")
    return shown[0].astimezone(zone)


def moment_by_an_hour_around(text: str) -> datetime:
    """Refuses whatever lies within an hour of a change."""
    instant = moment_by_the_package(text)
    zone = ZoneInfo(text.split()[2])
    around = {(instant + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in (-1, 1)}
    if len(around) > 1:
        raise ValueError(text)
    return instant


def moment_on_this_machine(text: str) -> datetime:
    return datetime.fromisoformat(text.rsplit(" ", 1)[0]).astimezone(UTC)


def moment_with_the_second_of_two(text: str) -> datetime:
    date_and_time, _, name = text.rpartition(" ")
    try:
        return datetime.fromisoformat(date_and_time).replace(tzinfo=ZoneInfo(name), fold=1).astimezone(UTC)
    except KeyError:
        raise ValueError(name) from None


def moment_with_a_key_error_only(text: str) -> datetime:
    """``ZoneInfo`` raises an OSError where the name is that of a folder of zones; newer ones may raise a KeyError."""
    if text.rpartition(" ")[2] == "Europe":
        raise IsADirectoryError(text)
    return moment_by_the_package(text)


def _moment_unless(text: str, refused: Callable[[datetime], bool]) -> datetime:
    date_and_time, _, name = text.rpartition(" ")
    try:
        local = datetime.fromisoformat(date_and_time).replace(tzinfo=ZoneInfo(name))
    except (KeyError, OSError):
        raise ValueError(name) from None
    if refused(local):
        raise ValueError(text)
    return local.astimezone(UTC)


def moment_by_summer_time(text: str) -> datetime:
    """Asks whether it is summer time and not for the offset, which may change without it."""
    return _moment_unless(text, lambda local: local.dst() != local.replace(fold=1).dst())


def moment_by_an_hour_more_or_less(text: str) -> datetime:
    """Takes every change for one of an hour."""

    def refused(local: datetime) -> bool:
        instants = [local.astimezone(UTC) + timedelta(hours=hours) for hours in (-1, 0, 1)]
        shown = [each.astimezone(local.tzinfo).replace(tzinfo=None) for each in instants]
        return shown.count(local.replace(tzinfo=None)) != 1

    return _moment_unless(text, refused)


def moment_of_small_changes(text: str) -> datetime:
    def refused(local: datetime) -> bool:
        first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
        return timedelta(0) < abs(first - second) <= timedelta(hours=3)

    return _moment_unless(text, refused)


def moment_of_the_small_hours(text: str) -> datetime:
    """Takes it that clocks change between one and four."""
    return _moment_unless(
        text, lambda local: local.hour in (1, 2, 3) and local.utcoffset() != local.replace(fold=1).utcoffset()
    )


def moment_in_named_places(text: str) -> datetime:
    if "Etc/" in text:
        raise ValueError(text)
    return moment_by_the_package(text)


def known_then_by_loop(postings: list[Posting], moment: datetime) -> int:
    total = 0
    for each in sorted(postings, key=lambda each: each.recorded_at):
        if each.recorded_at > moment:
            break
        total += each.amount_minor
    return total


def known_then_by_timestamp(postings: list[Posting], moment: datetime) -> int:
    return sum((each.recorded_at.timestamp() <= moment.timestamp()) * each.amount_minor for each in postings)


def known_then_valid_too(postings: list[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if max(each.valid_at, each.recorded_at) <= moment)


def known_then_by_day(postings: list[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.recorded_at.date() <= moment.date())


def known_then_by_takewhile(postings: list[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in takewhile(lambda each: each.recorded_at <= moment, postings))


def known_then_without_zone(postings: list[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.recorded_at.replace(tzinfo=None) <= moment.replace(tzinfo=None))  # fmt: skip  # noqa: E501


def known_then_in_dollars(postings: list[Posting], moment: datetime) -> float:
    return known_then(postings, moment) / 100


def known_then_never_overdrawn(postings: list[Posting], moment: datetime) -> int:
    return max(0, known_then(postings, moment))


def known_then_by_whole_seconds(postings: list[Posting], moment: datetime) -> int:
    return sum(e.amount_minor for e in postings if int(e.recorded_at.timestamp()) <= int(moment.timestamp()))


def known_then_by_milliseconds(postings: list[Posting], moment: datetime) -> int:
    def cut(moment: datetime) -> datetime:
        return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)

    return sum(each.amount_minor for each in postings if cut(each.recorded_at) <= cut(moment))


def known_then_by_event(postings: list[Posting], moment: datetime) -> int:
    known = {each.event_id: each.amount_minor for each in postings if each.recorded_at <= moment}
    return sum(known.values())


def known_then_by_position(postings: list[Posting], moment: datetime) -> int:
    return sum({each.position: each.amount_minor for each in postings if each.recorded_at <= moment}.values())


def known_then_without_fold(postings: list[Posting], moment: datetime) -> int:
    return known_then(postings, moment.replace(fold=0).astimezone(UTC))


def known_then_by_the_clock_on_the_wall(postings: list[Posting], moment: datetime) -> int:
    shown = moment.replace(tzinfo=None)
    return sum(
        each.amount_minor
        for each in postings
        if each.recorded_at.astimezone(moment.tzinfo).replace(tzinfo=None) <= shown
    )


def known_then_in_floats(postings: list[Posting], moment: datetime) -> int:
    return int(sum(float(each.amount_minor) for each in postings if each.recorded_at <= moment))


def believed_in_two_steps(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    told = [each for each in postings if not each.recorded_at > known_at]
    return sum(each.amount_minor for each in told if not each.valid_at > at)


def believed_by_loop(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    balance = 0
    for each in postings:
        if each.valid_at > at or each.recorded_at > known_at:
            continue
        balance += each.amount_minor
    return balance


def believed_with_the_later_moment(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= at and each.recorded_at <= max(at, known_at))


def believed_by_day(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    def day(moment: datetime) -> date:
        return moment.astimezone(UTC).date()

    return sum(each.amount_minor for each in postings if day(each.valid_at) <= day(at) and each.recorded_at <= known_at)


def believed_only_what_came_late(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= at and each.valid_at <= each.recorded_at <= known_at)  # fmt: skip  # noqa: E501


def believed_by_whole_seconds(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    def cut(moment: datetime) -> datetime:
        return moment.replace(microsecond=0)

    cuts = [(cut(each.valid_at), cut(each.recorded_at), each.amount_minor) for each in postings]
    return sum(amount for valid, recorded, amount in cuts if valid <= cut(at) and recorded <= cut(known_at))


def believed_by_event(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    return believed_by_loop(list({each.event_id: each for each in postings}.values()), at, known_at)


def believed_without_fold(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    return believed_by_loop(postings, at.replace(fold=0).astimezone(UTC), known_at.replace(fold=0).astimezone(UTC))


def believed_with_one_fold_lost(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    return believed_by_loop(postings, at, known_at.replace(fold=0).astimezone(UTC))


def believed_in_floats(postings: list[Posting], at: datetime, known_at: datetime) -> int:
    return int(sum(float(e.amount_minor) for e in postings if e.valid_at <= at and e.recorded_at <= known_at))


def as_of_version_one_by_one(events: list[RecordedEvent], version: int) -> BankAccount:
    account, decoder = BankAccount("ACC-1"), bank_decoder()
    by_version = {event.version: event for event in events}
    for number in range(1, version + 1):
        account.replay(decoder.decode(by_version[number]).data)
    return account


def as_of_version_by_restoring(events: list[RecordedEvent], version: int) -> BankAccount:
    events.sort(key=lambda event: event.version)
    return as_of_version_one_by_one(events[:version], version)


def as_of_version_sorted_copy(events: list[RecordedEvent], version: int) -> BankAccount:
    account = BankAccount("ACC-1")
    for event in bank_decoder().decode_all(sorted(events, key=lambda event: event.global_position)[:version]):
        account.apply(event.data)
        account.version += 1
    return account


def as_of_version_latest_shape_only(events: list[RecordedEvent], version: int) -> BankAccount:
    kept = [event for event in events if (event.event_type, event.schema_version) != ("MoneyDeposited", 2)]
    account = BankAccount("ACC-1")
    for event in bank_decoder().decode_all(sorted(kept, key=lambda event: event.version)):
        if event.recorded.version <= version:
            account.replay(event.data)
    return account


def as_of_version_state(events: list[RecordedEvent], version: int) -> dict[str, object]:
    return as_of_version_one_by_one(events, version).state()


def as_of_version_sorted_as_text(events: list[RecordedEvent], version: int) -> BankAccount:
    return _folded(sorted(events, key=lambda event: str(event.version)), version)


def as_of_version_sorted_by_id(events: list[RecordedEvent], version: int) -> BankAccount:
    return _folded(sorted(events, key=lambda event: event.event_id), version)


def as_of_version_cut_by_position(events: list[RecordedEvent], version: int) -> BankAccount:
    chosen = [event for event in events if event.global_position <= version]
    return _folded(sorted(chosen, key=lambda event: event.version), version)


def as_of_version_with_news(events: list[RecordedEvent], version: int) -> BankAccount:
    account = as_of_version_sorted_copy(events, version)
    chosen = sorted((event for event in events if event.version <= version), key=lambda event: event.version)
    account.uncommitted.extend(Uncommitted(event.data, None) for event in bank_decoder().decode_all(chosen))
    return account


def _folded(events: list[RecordedEvent], version: int) -> BankAccount:
    account = BankAccount("ACC-1")
    for event in bank_decoder().decode_all(event for event in events if event.version <= version):
        account.replay(event.data)
    return account


RIGHT = {
    "moment": [moment_by_the_package, moment_by_a_round_trip],
    "known_then": [known_then_by_loop, known_then_by_timestamp],
    "believed": [believed_in_two_steps, believed_by_loop],
    "as_of_version": [as_of_version_one_by_one, as_of_version_sorted_copy],
}
WRONG = {
    "moment": [
        moment_by_an_hour_around,
        moment_on_this_machine,
        moment_with_the_second_of_two,
        moment_with_a_key_error_only,
        moment_by_summer_time,
        moment_by_an_hour_more_or_less,
        moment_of_small_changes,
        moment_of_the_small_hours,
        moment_in_named_places,
    ],
    "known_then": [
        known_then_valid_too,
        known_then_by_day,
        known_then_by_takewhile,
        known_then_without_zone,
        known_then_in_dollars,
        known_then_never_overdrawn,
        known_then_by_whole_seconds,
        known_then_by_milliseconds,
        known_then_by_event,
        known_then_by_position,
        known_then_without_fold,
        known_then_by_the_clock_on_the_wall,
        known_then_in_floats,
    ],
    "believed": [
        believed_with_the_later_moment,
        believed_by_day,
        believed_only_what_came_late,
        believed_by_whole_seconds,
        believed_by_event,
        believed_without_fold,
        believed_with_one_fold_lost,
        believed_in_floats,
    ],
    "as_of_version": [
        as_of_version_by_restoring,
        as_of_version_latest_shape_only,
        as_of_version_state,
        as_of_version_sorted_as_text,
        as_of_version_sorted_by_id,
        as_of_version_cut_by_position,
        as_of_version_with_news,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {
    "moment": {
        "except (ZoneInfoNotFoundError, OSError): → except Exception:": "anything else that it raises is a ValueError"
    },
}
