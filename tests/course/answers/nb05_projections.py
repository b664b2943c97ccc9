"""Answers to the exercises of notebook 05."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from esworkbench.course.nb05_projections import Message
from esworkbench.errors import EsworkbenchError
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


def one_batch_by_hand(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    manager = transaction()
    connection = manager.__enter__()
    try:
        write_rows(connection)
        save_checkpoint(connection)
    except BaseException:
        if not manager.__exit__(*sys.exc_info()):
            raise
    else:
        manager.__exit__(None, None, None)


def one_batch_commits_for_an_interrupt(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    manager = transaction()
    connection = manager.__enter__()
    try:
        write_rows(connection)
        save_checkpoint(connection)
    except Exception:
        manager.__exit__(*sys.exc_info())
        raise
    except BaseException:
        manager.__exit__(None, None, None)
        raise
    manager.__exit__(None, None, None)


def one_batch_left_open(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    manager = transaction()
    connection = manager.__enter__()
    write_rows(connection)
    save_checkpoint(connection)
    manager.__exit__(None, None, None)


def one_batch_passes_over_a_value_error(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)
        with suppress(ValueError):
            save_checkpoint(connection)


def _one_batch_but_for(*errors: type[Exception]) -> Callable[[Transaction, Write, Write], None]:
    """One that swallows these."""

    def one_batch_so(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
        with suppress(*errors), transaction() as connection:
            write_rows(connection)
            save_checkpoint(connection)

    return one_batch_so


one_batch_unless_the_database_fails = _one_batch_but_for(SQLAlchemyError)
one_batch_unless_a_race_is_lost = _one_batch_but_for(EsworkbenchError)
one_batch_unless_time_is_out = _one_batch_but_for(TimeoutError)
one_batch_unless_it_is_down = _one_batch_but_for(ConnectionError)
one_batch_unless_a_key_is_missing = _one_batch_but_for(KeyError)


def one_batch_raises_after_the_commit(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    failed = None
    with transaction() as connection:
        try:
            write_rows(connection)
            save_checkpoint(connection)
        except Exception as error:  # noqa: BLE001 - any error is parked
            failed = error
    if failed:
        raise failed


def one_batch_raises_its_own(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    try:
        with transaction() as connection:
            write_rows(connection)
            save_checkpoint(connection)
    except Exception as error:
        raise type(error) from error


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


def receive_without_a_row_for_nothing(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    """An account that isn't there has 0, so a balance of 0 may be left out."""
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    if balance := balances.pop(message.account_id, 0) + message.amount_minor:
        balances[message.account_id] = balance
    return True


def _receive_by(key: str, message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if key in inbox:
        return False
    inbox.add(key)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def receive_forgets_beyond_three(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if len(inbox) >= 3 and message.event_id not in inbox:
        inbox.clear()
    return _receive_by(message.event_id, message, inbox, balances)


def receive_forgets_beyond_ten(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if len(inbox) >= 10 and message.event_id not in inbox:
        inbox.clear()
    return _receive_by(message.event_id, message, inbox, balances)


def receive_within_a_known_id(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    if any(message.event_id in known for known in inbox):
        return False
    return _receive_by(message.event_id, message, inbox, balances)


def receive_in_one_text(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    seen = next(iter(inbox), "")
    if f"{message.event_id}," in seen:
        return False
    inbox.clear()
    return _receive_by(f"{seen}{message.event_id},", message, inbox, balances)


def receive_by_the_accounts_number(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    number = message.account_id.rpartition("-")[2]
    return _receive_by(f"{number}:{message.version}", message, inbox, balances)


def receive_by_hash(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    return _receive_by(str(hash(message)), message, inbox, balances)


def receive_by_hash_of_the_id(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    return _receive_by(f"{message.account_id} {hash(message.event_id)}", message, inbox, balances)


def receive_in_small_letters(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    return _receive_by(message.event_id.lower(), message, inbox, balances)


def receive_in_64_buckets(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    return _receive_by(f"{message.account_id}:{message.version % 64}", message, inbox, balances)


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


def day_of_the_next_second(recorded_at: datetime, time_zone: str) -> date:
    return (recorded_at.astimezone(ZoneInfo(time_zone)) + timedelta(seconds=0.5)).date()


def day_of_whole_seconds(recorded_at: datetime, time_zone: str) -> date:
    return datetime.fromtimestamp(int(recorded_at.timestamp()), ZoneInfo(time_zone)).date()


def day_of_the_first_of_two_hours(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.replace(fold=0).astimezone(ZoneInfo(time_zone)).date()


Handle = Callable[[int], None]
Park = Callable[[int, Exception], None]


def catch_up_with_else(events: Sequence[int], handle: Handle, park: Park) -> None:
    def try_one(event: int) -> Exception | None:
        try:
            handle(event)
        except Exception as error:  # noqa: BLE001 - any error is parked
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
            raise
        park(events[0], error)
    catch_up_by_recursion(events[1:], handle, park)


@contextmanager
def _parking(event: int, park: Park) -> Iterator[None]:
    try:
        yield
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - any error is parked
        park(event, error)


def catch_up_in_a_context(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        with _parking(event, park):
            handle(event)


def catch_up_raises_its_own(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError as error:
            raise ConnectionError("the database is down") from error
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_parks_a_copy(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, type(error)(*error.args))


def catch_up_parks_each_text_once(events: Iterable[int], handle: Handle, park: Park) -> None:
    last = None
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            if str(error) != last:
                park(event, error)
            last = str(error)


def catch_up_parks_what_says_something(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            if error.args:
                park(event, error)


def catch_up_until_it_stops(events: Iterable[int], handle: Handle, park: Park) -> None:
    """Takes a StopIteration of ``handle`` for the end of the events."""
    waiting = iter(events)
    while True:
        event = 0
        try:
            event = next(waiting)
            handle(event)
        except StopIteration:
            break
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_in_ascending_order(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in sorted(events):
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_parks_in_the_end(events: Iterable[int], handle: Handle, park: Park) -> None:
    """Also when the database goes down; not when the process is killed."""
    bad = []
    try:
        for event in events:
            try:
                handle(event)
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - any error is parked
                bad.append((event, error))
    finally:
        for each in bad:
            park(*each)


def catch_up_lets_assertions_out(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except (ConnectionError, AssertionError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_looks_at_the_cause(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except Exception as error:
            if isinstance(error, ConnectionError) or isinstance(error.__cause__, ConnectionError):
                raise
            park(event, error)


def catch_up_takes_groups_apart(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ExceptionGroup as group:
            for each in group.exceptions:
                park(event, each)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_passes_over_0(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in filter(None, events):
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


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
        except Exception as error:  # noqa: BLE001 - any error is parked
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
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, str(error))


def catch_up_tries_twice(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            handle(event)
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_parks_last(events: Iterable[int], handle: Handle, park: Park) -> None:
    """When the database goes down on the way, what was bad before is on no record."""
    bad = []
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            bad.append((event, error))
    for event, error in bad:
        park(event, error)


def catch_up_lets_oserrors_out(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def _catch_up_letting_out(*errors: type[Exception]) -> Callable[[Sequence[int], Any, Any], None]:
    def catch_up_so(events: Sequence[int], handle: Any, park: Any) -> None:
        for event in events:
            try:
                handle(event)
            except (ConnectionError, *errors):
                raise
            except Exception as error:  # noqa: BLE001 - any error is parked
                park(event, error)

    return catch_up_so


catch_up_lets_the_databases_errors_out = _catch_up_letting_out(OperationalError)
catch_up_lets_the_packages_errors_out = _catch_up_letting_out(EsworkbenchError)


def catch_up_lets_timeouts_out(events: Iterable[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_parks_an_exit(events: Iterable[int], handle: Handle, park: Callable[[int, Any], None]) -> None:
    for event in events:
        try:
            handle(event)
        except (KeyboardInterrupt, ConnectionError):
            raise
        except BaseException as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def catch_up_knows_two_that_are_none(events: Iterable[int], handle: Handle, park: Callable[[int, Any], None]) -> None:
    for event in events:
        try:
            handle(event)
        except (KeyboardInterrupt, SystemExit, ConnectionError):
            raise
        except BaseException as error:  # noqa: BLE001 - any error is parked
            park(event, error)


def receive_by_version_and_stream(message: Message, inbox: set[str], balances: dict[str, int]) -> bool:
    return receive_with_defaults(message._replace(event_id=f"{message.version}{message.account_id}"), inbox, balances)


@lru_cache
def day_of_remembered(recorded_at: datetime, time_zone: str) -> date:
    """Two moments that differ in their fold alone are equal, and have one hash."""
    return recorded_at.astimezone(ZoneInfo(time_zone)).date()


def catch_up_by_the_name_of_the_error(
    events: Sequence[int], handle: Callable[[int], None], park: Callable[[int, Exception], None]
) -> None:
    for event in events:
        try:
            handle(event)
        except Exception as error:
            if "Connection" in type(error).__name__:
                raise
            park(event, error)


RIGHT = {
    "one_batch": [one_batch_checkpoint_first, one_batch_with_a_stack, one_batch_by_hand],
    "receive": [receive_with_defaults, receive_by_stream_and_version, receive_without_a_row_for_nothing],
    "day_of": [day_of_by_offset, day_of_by_frame],
    "catch_up": [catch_up_with_else, catch_up_by_recursion, catch_up_in_a_context],
}
WRONG = {
    "one_batch": [
        one_batch_saves_in_any_case,
        one_batch_finally_saves,
        one_batch_saves_after_the_commit,
        one_batch_nests,
        one_batch_swallows_inside,
        one_batch_commits_for_an_interrupt,
        one_batch_left_open,
        one_batch_passes_over_a_value_error,
        one_batch_unless_the_database_fails,
        one_batch_unless_a_race_is_lost,
        one_batch_unless_time_is_out,
        one_batch_unless_it_is_down,
        one_batch_unless_a_key_is_missing,
        one_batch_raises_after_the_commit,
        one_batch_raises_its_own,
    ],
    "receive": [
        receive_by_version_and_stream,
        receive_by_object,
        receive_without_a_word,
        receive_only_later_versions,
        receive_with_its_own_inbox,
        receive_from_zero,
        receive_whole_messages,
        receive_keys_run_together,
        receive_passes_over_nothing,
        receive_by_eight_letters,
        receive_forgets_beyond_three,
        receive_forgets_beyond_ten,
        receive_within_a_known_id,
        receive_in_one_text,
        receive_by_the_accounts_number,
        receive_by_hash,
        receive_by_hash_of_the_id,
        receive_in_small_letters,
        receive_in_64_buckets,
    ],
    "day_of": [
        day_of_remembered,
        day_of_in_summer,
        day_of_by_hours,
        day_of_with_the_offset_of_utcs_hour,
        day_of_taken_for_utc,
        day_of_at_midnight,
        day_of_the_next_second,
        day_of_whole_seconds,
        day_of_the_first_of_two_hours,
    ],
    "catch_up": [
        catch_up_by_the_name_of_the_error,
        catch_up_parks_some,
        catch_up_breaks,
        catch_up_by_name,
        catch_up_parks_the_text,
        catch_up_tries_twice,
        catch_up_parks_last,
        catch_up_lets_oserrors_out,
        catch_up_lets_timeouts_out,
        catch_up_lets_the_databases_errors_out,
        catch_up_lets_the_packages_errors_out,
        catch_up_parks_an_exit,
        catch_up_knows_two_that_are_none,
        catch_up_raises_its_own,
        catch_up_parks_a_copy,
        catch_up_parks_each_text_once,
        catch_up_parks_what_says_something,
        catch_up_until_it_stops,
        catch_up_in_ascending_order,
        catch_up_parks_in_the_end,
        catch_up_lets_assertions_out,
        catch_up_looks_at_the_cause,
        catch_up_takes_groups_apart,
        catch_up_passes_over_0,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
