"""Answers to the exercises of notebook 05."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from esworkbench.course.nb05_projections import Message
from esworkbench.lab.models.crash import Connection

Transaction = Callable[[], AbstractContextManager[Connection]]
Write = Callable[[Connection], None]


def one_batch_checkpoint_first(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        for write in (save_checkpoint, write_rows):
            write(connection)


def one_batch_with_a_stack(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with ExitStack() as stack:
        connection = stack.enter_context(transaction())
        try:
            write_rows(connection)
            save_checkpoint(connection)
        except Exception as error:
            error.add_note("the batch is undone")
            raise


def one_batch_saves_in_any_case(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        with suppress(Exception):
            write_rows(connection)
        save_checkpoint(connection)


def one_batch_finally_saves(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    try:
        with transaction() as connection:
            write_rows(connection)
    finally:
        with transaction() as connection:
            save_checkpoint(connection)


def one_batch_saves_after_the_commit(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)
    save_checkpoint(connection)


def one_batch_nests(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as rows, transaction() as checkpoint:
        write_rows(rows)
        save_checkpoint(checkpoint)


def one_batch_swallows_inside(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection, suppress(Exception):
        write_rows(connection)
        save_checkpoint(connection)


def receive_with_defaults(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    before = len(inbox)
    inbox.add(message.event_id)
    if new := len(inbox) > before:
        balances.setdefault(message.account_id, 0)
        balances[message.account_id] += message.amount_minor
    return new


def receive_by_stream_and_version(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    key = f"{message.account_id}/{message.version}"
    known = key in inbox
    if not known:
        inbox |= {key}
        balances.update({message.account_id: balances.get(message.account_id, 0) + message.amount_minor})
    return not known


def receive_by_object(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if str(id(message)) in inbox:
        return False
    inbox.add(str(id(message)))
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def receive_without_a_word(message: Message, inbox: set[str], balances: dict[str, int]) -> None:
    if message.event_id not in inbox:
        inbox.add(message.event_id)
        balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor


def receive_only_later_versions(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    seen = [int(key.split("/")[1]) for key in inbox if key.startswith(f"{message.account_id}/")]
    if any(version >= message.version for version in seen):
        return False
    inbox.add(f"{message.account_id}/{message.version}")
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


KNOWN: set[str] = set()


def receive_with_its_own_inbox(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    """Its memory is the process's: another read model finds its messages known."""
    if message.event_id in KNOWN:
        return False
    KNOWN.add(message.event_id)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def receive_from_zero(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    """Adds up what the inbox holds, and forgets what was there before."""
    key = f"{message.account_id}/{message.event_id}/{message.amount_minor}"
    new = key not in inbox
    inbox.add(key)
    mine = [each for each in inbox if each.startswith(f"{message.account_id}/")]
    balances[message.account_id] = sum(int(each.rpartition("/")[2]) for each in mine)
    return new


def receive_whole_messages(message: Message, inbox: set[Any], balances: dict[str, int]) -> bool:
    if message in inbox:
        return False
    inbox.add(message)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def receive_keys_run_together(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    key = f"{message.account_id}{message.version}"
    if key in inbox:
        return False
    inbox.add(key)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def receive_passes_over_nothing(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if message.amount_minor == 0 or message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def receive_by_eight_letters(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if message.event_id[:8] in inbox:
        return False
    inbox.add(message.event_id[:8])
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def day_of_by_offset(recorded_at: datetime, time_zone: str) -> date:
    offset = recorded_at.astimezone(ZoneInfo(time_zone)).utcoffset()
    assert offset is not None
    return (recorded_at.astimezone(UTC) + offset).date()


def day_of_by_frame(recorded_at: datetime, time_zone: str) -> date:
    return pd.Timestamp(recorded_at).tz_convert(time_zone).date()


def day_of_in_summer(recorded_at: datetime, time_zone: str) -> date:
    offset = ZoneInfo(time_zone).utcoffset(datetime(2024, 7, 1))  # noqa: DTZ001
    assert offset is not None
    return (recorded_at.astimezone(UTC) + offset).date()


def day_of_by_hours(recorded_at: datetime, time_zone: str) -> date:
    hours = {"Europe/Zurich": 1, "Asia/Tokyo": 9, "America/New_York": -5}.get(time_zone, 0)
    return (recorded_at.astimezone(UTC) + timedelta(hours=hours)).date()


def day_of_with_the_offset_of_utcs_hour(recorded_at: datetime, time_zone: str) -> date:
    """Looks the offset up at UTC's reading of the clock, as if it were the zone's."""
    utc = recorded_at.astimezone(UTC)
    return (utc + (ZoneInfo(time_zone).utcoffset(utc.replace(tzinfo=None)) or timedelta(0))).date()


def day_of_taken_for_utc(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.replace(tzinfo=UTC).astimezone(ZoneInfo(time_zone)).date()


def day_of_at_midnight(recorded_at: datetime, time_zone: str) -> datetime:
    return recorded_at.astimezone(ZoneInfo(time_zone)).replace(hour=0, minute=0)


Handle = Callable[[int], None]
Park = Callable[[int, Exception], None]


def catch_up_with_else(events: Sequence[int], handle: Handle, park: Park) -> None:
    def try_one(event: int) -> Exception | None:
        try:
            handle(event)
        except Exception as error:  # noqa: BLE001
            return error
        return None

    for event in events:
        error = try_one(event)
        if isinstance(error, ConnectionError):
            raise error
        if error is not None:
            park(event, error)


def catch_up_by_recursion(events: Sequence[int], handle: Handle, park: Park) -> None:
    if not events:
        return
    try:
        handle(events[0])
    except Exception as error:
        if isinstance(error, ConnectionError):
            raise ConnectionError("the database is down") from error
        park(events[0], error)
    catch_up_by_recursion(events[1:], handle, park)


def catch_up_parks_some(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except (ValueError, KeyError) as error:
            park(event, error)


def catch_up_breaks(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            break
        except Exception as error:  # noqa: BLE001
            park(event, error)


def catch_up_by_name(events: Iterable[int], handle: Handle, park: Park) -> None:
    """Knows ConnectionError itself, and none of its subclasses."""
    for event in events:
        try:
            handle(event)
        except Exception as error:
            if type(error) is ConnectionError:
                raise
            park(event, error)


def catch_up_parks_the_text(events: Iterable[int], handle: Handle, park: Callable[[int, Any], None]) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001
            park(event, str(error))


def catch_up_tries_twice(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            handle(event)
        except Exception as error:  # noqa: BLE001
            park(event, error)


def catch_up_parks_last(events: Iterable[int], handle: Handle, park: Park) -> None:
    """When the database goes down on the way, what was bad before is on no record."""
    bad = []
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001
            bad.append((event, error))
    for event, error in bad:
        park(event, error)


def catch_up_lets_oserrors_out(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001
            park(event, error)


def catch_up_lets_timeouts_out(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001
            park(event, error)


def catch_up_parks_an_exit(events: Iterable[int], handle: Handle, park: Callable[[int, Any], None]) -> None:
    for event in events:
        try:
            handle(event)
        except (KeyboardInterrupt, ConnectionError):
            raise
        except BaseException as error:  # noqa: BLE001
            park(event, error)


def catch_up_knows_two_that_are_none(events: Iterable[int], handle: Handle, park: Callable[[int, Any], None]) -> None:
    for event in events:
        try:
            handle(event)
        except (KeyboardInterrupt, SystemExit, ConnectionError):
            raise
        except BaseException as error:  # noqa: BLE001
            park(event, error)


RIGHT = {
    "one_batch": [one_batch_checkpoint_first, one_batch_with_a_stack],
    "receive": [receive_with_defaults, receive_by_stream_and_version],
    "day_of": [day_of_by_offset, day_of_by_frame],
    "catch_up": [catch_up_with_else, catch_up_by_recursion],
}
WRONG = {
    "one_batch": [
        one_batch_saves_in_any_case,
        one_batch_finally_saves,
        one_batch_saves_after_the_commit,
        one_batch_nests,
        one_batch_swallows_inside,
    ],
    "receive": [
        receive_by_object,
        receive_without_a_word,
        receive_only_later_versions,
        receive_with_its_own_inbox,
        receive_from_zero,
        receive_whole_messages,
        receive_keys_run_together,
        receive_passes_over_nothing,
        receive_by_eight_letters,
    ],
    "day_of": [
        day_of_in_summer,
        day_of_by_hours,
        day_of_with_the_offset_of_utcs_hour,
        day_of_taken_for_utc,
        day_of_at_midnight,
    ],
    "catch_up": [
        catch_up_parks_some,
        catch_up_breaks,
        catch_up_by_name,
        catch_up_parks_the_text,
        catch_up_tries_twice,
        catch_up_parks_last,
        catch_up_lets_oserrors_out,
        catch_up_lets_timeouts_out,
        catch_up_parks_an_exit,
        catch_up_knows_two_that_are_none,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
