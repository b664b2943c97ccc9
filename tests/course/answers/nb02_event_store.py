"""Answers to the exercises of notebook 02."""

import json
from bisect import bisect, bisect_left
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from sqlalchemy import Connection, column, insert, select, table, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from esworkbench.course.nb02_event_store import (
    INSERT,
    LAST_VERSION,
    Load,
    Save,
    Tell,
    Transaction,
    append,
    deposit_once,
    withdraw,
)
from esworkbench.errors import ConcurrencyError, EsworkbenchError, StoreBusy
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency, StreamAppend
from esworkbench.events import NewEvent

# --- append -----------------------------------------------------------------------------------------------------------


def append_by_fetching(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    found = connection.execute(
        text("SELECT version FROM log WHERE stream = :s ORDER BY version DESC LIMIT 1"), {"s": stream}
    )
    row = found.first()
    last = row.version if row else 0
    if last != expected_version:
        raise ConcurrencyError(stream, expected=expected_version, actual=last)
    for event in events:
        last += 1
        connection.execute(text("INSERT INTO log VALUES (:s, :v, :e)"), {"s": stream, "v": last, "e": event})


def append_by_many(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    class Stale(ConcurrencyError): ...

    log = table("log", column("stream"), column("version"), column("event"))
    versions = connection.scalars(select(log.c.version).where(log.c.stream == stream)).all()
    if (actual := max([0, *versions])) - expected_version:
        raise Stale(stream, expected_version, actual)
    rows = [{"stream": stream, "version": actual + n, "event": event} for n, event in enumerate(events, 1)]
    if rows:
        connection.execute(insert(log), rows)


def append_in_a_savepoint(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    actual = connection.execute(text(LAST_VERSION), {"stream": stream}).scalar_one()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    with connection.begin_nested():
        _inserted(connection, stream, actual, events)


def append_and_then_look(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    """What it has inserted is rolled back with the transaction."""
    actual = connection.execute(text(LAST_VERSION), {"stream": stream}).scalar_one()
    _inserted(connection, stream, actual, events)
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)


def _inserted(connection: Connection, stream: str, actual: int, events: list[str]) -> None:
    for version, event in enumerate(events, start=actual + 1):
        connection.execute(text(INSERT), {"stream": stream, "version": version, "event": event})


def _append_by(last: str) -> Callable[[Connection, str, int, list[str]], None]:
    """With a query of its own for the stream's version."""

    def append_so(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
        actual = int(connection.execute(text(last), {"stream": stream}).scalar() or 0)
        if expected_version != actual:
            raise ConcurrencyError(stream, expected_version, actual)
        _inserted(connection, stream, actual, events)

    return append_so


append_to_what_is_like_it = _append_by("SELECT max(version) FROM log WHERE stream LIKE :stream")
append_to_small_letters = _append_by("SELECT max(version) FROM log WHERE lower(stream) = lower(:stream)")
append_by_versions_as_texts = _append_by("SELECT max(CAST(version AS TEXT)) FROM log WHERE stream = :stream")


def append_to_the_row_that_comes_last(
    connection: Connection, stream: str, expected_version: int, events: list[str]
) -> None:
    found = connection.execute(text("SELECT version FROM log WHERE stream = :s"), {"s": stream}).scalars().all()
    actual = found[-1] if found else 0
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    _inserted(connection, stream, actual, events)


def append_where_none_follows(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    found = connection.execute(text("SELECT version FROM log WHERE stream = :s"), {"s": stream})
    versions = {0, *found.scalars()}
    if expected_version not in versions or expected_version + 1 in versions:
        raise ConcurrencyError(stream, expected_version, max(versions))
    _inserted(connection, stream, expected_version, events)


def append_stripped(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    append(connection, stream, expected_version, [event.strip() for event in events])


def append_what_is_not_empty(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    append(connection, stream, expected_version, list(filter(None, events)))


def append_that_writes_first(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    actual = connection.execute(text(LAST_VERSION), {"stream": stream}).scalar_one()
    for version, event in enumerate(events, start=actual + 1):
        connection.execute(text(INSERT), {"stream": stream, "version": version, "event": event})
    connection.commit()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)


def append_to_prefixes(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    last = text("SELECT coalesce(max(version), 0) FROM log WHERE stream LIKE :stream")
    actual = connection.execute(last, {"stream": stream + "%"}).scalar_one()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    append(connection, stream, expected_version, events)


def append_in_silence(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    with suppress(ConcurrencyError):
        append(connection, stream, expected_version, events)


def append_only_the_first(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    append(connection, stream, expected_version, events[:1])


def append_without_looking_if_nothing_is_new(
    connection: Connection, stream: str, expected_version: int, events: list[str]
) -> None:
    if events:
        append(connection, stream, expected_version, events)


def append_and_empty(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    append(connection, stream, expected_version, events)
    events.clear()


def append_pasting(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    append(connection, stream, expected_version, [])
    for version, event in enumerate(events, start=expected_version + 1):
        connection.execute(text(f"INSERT INTO log VALUES ('{stream}', {version}, '{event}')"))


def append_pasting_the_stream(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    last = connection.execute(text(f"SELECT max(version) FROM log WHERE stream = '{stream}'")).scalar()
    if expected_version != (last or 0):
        raise ConcurrencyError(stream, expected_version, last or 0)
    _inserted(connection, stream, expected_version, events)


def append_and_return(connection: Connection, stream: str, expected_version: int, events: list[str]) -> int:
    append(connection, stream, expected_version, events)
    return 0


# --- withdraw ---------------------------------------------------------------------------------------------------------


def withdraw_by_counting(load: Load, save: Save, amount: int, attempts: int) -> bool:
    for attempt in range(1, attempts + 1):
        account = load()
        left = account["balance"] - amount
        if left < 0:
            return False
        try:
            save({"version": account["version"], "balance": left})
        except ConcurrencyError:
            if attempt == attempts:
                raise
            continue
        return True
    raise AssertionError("no attempts")


def withdraw_by_recursion(load: Load, save: Save, amount: int, attempts: int) -> bool:
    account = load()
    if account["balance"] < amount:
        return False
    account["balance"] -= amount
    try:
        save(account)
    except ConcurrencyError as lost:
        if attempts > 1:
            return withdraw_by_recursion(load, save, amount, attempts - 1)
        raise lost
    return True


def withdraw_keeping_the_error(load: Load, save: Save, amount: int, attempts: int) -> bool:
    last: ConcurrencyError | None = None
    while attempts > 0:
        attempts -= 1
        account = load()
        if not amount <= account["balance"]:
            return False
        try:
            save(account | {"balance": account["balance"] - amount})
            return True
        except ConcurrencyError as error:
            last = error
    assert last is not None
    raise last


def withdraw_loading_once_more(load: Load, save: Save, amount: int, attempts: int) -> bool:
    """What the first load says is used for nothing."""

    def fresh() -> dict[str, int]:
        load()
        return load()

    return withdraw(fresh, save, amount, attempts)


def withdraw_loading_for_each_question(load: Load, save: Save, amount: int, attempts: int) -> bool:
    def saved() -> bool:
        if load()["balance"] < amount:
            return False
        save({"version": load()["version"], "balance": load()["balance"] - amount})
        return True

    return _again_after_a_lost_race(saved, attempts)


def withdraw_deciding_and_then_loading(load: Load, save: Save, amount: int, attempts: int) -> bool:
    def saved() -> bool:
        if amount > load()["balance"]:
            return False
        account = load()
        save({**account, "balance": account["balance"] - amount})
        return True

    return _again_after_a_lost_race(saved, attempts)


def withdraw_with_the_version_of_another_load(load: Load, save: Save, amount: int, attempts: int) -> bool:
    def saved() -> bool:
        account = load()
        if amount > account["balance"]:
            return False
        save({"version": load()["version"], "balance": account["balance"] - amount})
        return True

    return _again_after_a_lost_race(saved, attempts)


def _again_after_a_lost_race(saved: Callable[[], bool], attempts: int) -> bool:
    for _ in range(attempts - 1):
        with suppress(ConcurrencyError):
            return saved()
    return saved()


def withdraw_again_whatever_happens(load: Load, save: Save, amount: int, attempts: int) -> bool:
    for _ in range(attempts - 1):
        with suppress(Exception):
            return withdraw(load, save, amount, 1)
    return withdraw(load, save, amount, 1)


def withdraw_again_when_the_database_fails(load: Load, save: Save, amount: int, attempts: int) -> bool:
    for _ in range(attempts - 1):
        with suppress(ConcurrencyError, OperationalError):
            return withdraw(load, save, amount, 1)
    return withdraw(load, save, amount, 1)


def withdraw_nothing_when_time_is_out(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except TimeoutError:
        return False


def withdraw_nothing_of_no_value(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ValueError:
        return False


def withdraw_making_an_error_up(load: Load, save: Save, amount: int, attempts: int) -> bool:
    version = 0
    for _ in range(attempts):
        account = load()
        version = account["version"]
        if amount > account["balance"]:
            return False
        with suppress(ConcurrencyError):
            save({**account, "balance": account["balance"] - amount})
            return True
    raise ConcurrencyError("ACC-1001", version, version + 1)


def withdraw_raising_the_first_error(load: Load, save: Save, amount: int, attempts: int) -> bool:
    first: ConcurrencyError | None = None
    for _ in range(attempts):
        account = load()
        if amount > account["balance"]:
            return False
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError as error:
            first = first or error
    assert first is not None
    raise first


def withdraw_copying_the_error(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ConcurrencyError as error:
        raise ConcurrencyError(error.stream_id, error.expected, error.actual) from None


def withdraw_and_look_again(load: Load, save: Save, amount: int, attempts: int) -> bool:
    before = 0

    def load_and_remember() -> dict[str, int]:
        nonlocal before
        account = load()
        before = account["balance"]
        return account

    return withdraw(load_and_remember, save, amount, attempts) and load()["balance"] == before - amount


def withdraw_for_ever(load: Load, save: Save, amount: int, attempts: int) -> bool:
    while True:
        try:
            return withdraw(load, save, amount, attempts)
        except ConcurrencyError:
            continue


def withdraw_without_deciding(load: Load, save: Save, amount: int, attempts: int) -> bool:
    account = load()
    save({**account, "balance": account["balance"] - amount})
    return True


def withdraw_what_is_there(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, save, min(amount, load()["balance"]), attempts)


def withdraw_and_say_nothing(load: Load, save: Save, amount: int, attempts: int) -> bool | None:
    return withdraw(load, save, amount, attempts) or None


def withdraw_saving_a_refusal(load: Load, save: Save, amount: int, attempts: int) -> bool:
    if withdraw(load, save, amount, attempts):
        return True
    save(load())
    return False


def withdraw_with_todays_version(load: Load, save: Save, amount: int, attempts: int) -> bool:
    while True:
        account = load()
        if amount > account["balance"]:
            return False
        with suppress(ConcurrencyError):
            save({"version": load()["version"] + 1, "balance": account["balance"] - amount})
            return True


# --- save_and_tell ----------------------------------------------------------------------------------------------------


def save_and_tell_in_else(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        with transaction() as rows:
            rows += events
    except Exception:
        raise
    else:
        tell(tuple(events))


def save_and_tell_by_stack(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with ExitStack() as stack:
        rows = stack.enter_context(transaction())
        for event in events:
            rows.append(event)
    tell(rows)


def save_and_tell_by_hand(transaction: Transaction, events: list[str], tell: Tell) -> None:
    manager = transaction()
    rows = manager.__enter__()
    rows[:] = events
    if not manager.__exit__(None, None, None):
        tell(events[:])


def save_and_tell_if_there_is_a_connection(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        opened = transaction()
    except Exception:  # noqa: BLE001 - the mistake
        return
    with opened as rows:
        rows.extend(events)
    tell(events)


def _save_and_tell_but_for(*errors: type[BaseException]) -> Callable[[Transaction, list[str], Tell], None]:
    """One that swallows these."""

    def save_and_tell_so(transaction: Transaction, events: list[str], tell: Tell) -> None:
        with suppress(*errors):
            with transaction() as rows:
                rows.extend(events)
            tell(events)

    return save_and_tell_so


save_and_tell_unless_a_race_is_lost = _save_and_tell_but_for(ConcurrencyError)
save_and_tell_unless_the_database_fails = _save_and_tell_but_for(SQLAlchemyError)
save_and_tell_unless_time_is_out = _save_and_tell_but_for(TimeoutError)
save_and_tell_unless_of_no_value = _save_and_tell_but_for(ValueError)
save_and_tell_unless_the_pool_is_closed = _save_and_tell_but_for(RuntimeError)
save_and_tell_unless_the_store_fails = _save_and_tell_but_for(EsworkbenchError)


def save_and_tell_the_other_way_round(transaction: Transaction, events: list[str], tell: Tell) -> None:
    tell(events)
    with transaction() as rows:
        rows.extend(events)


def save_and_tell_when_interrupted(transaction: Transaction, events: list[str], tell: Tell) -> None:
    failed = False
    try:
        with transaction() as rows:
            rows.extend(events)
    except Exception:
        failed = True
        raise
    finally:
        if not failed:
            tell(events)


def save_and_tell_by_callback(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with ExitStack() as stack:
        stack.callback(tell, events)
        stack.enter_context(transaction()).extend(events)


def save_and_tell_nobody(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)


def save_and_tell_twice(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)
    tell(events)
    tell(events)


def save_one_and_tell_all(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.append(events[0])
    tell(events)


def save_and_tell_even_of_failure(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with suppress(StoreBusy), transaction() as rows:
        rows.extend(events)
    tell(events)


def save_again_and_tell(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        with transaction() as rows:
            rows.extend(events)
    except StoreBusy:
        with transaction() as rows:
            rows.extend(events)
    tell(events)


def save_and_tell_the_last(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)
    tell(events[-1:])


# --- deposit_once -----------------------------------------------------------------------------------------------------


def _deposited(amount_minor: int) -> NewEvent:
    return NewEvent(event_type="MoneyDeposited", payload=json.dumps({"amount_minor": amount_minor}).encode())


def deposit_once_looking_first(store: EventStore, key: str, amount_minor: int) -> bytes:
    digest = f"deposit {amount_minor}"
    known = store.find_reply(key, digest)
    if known is not None:
        return known
    version = store.stream_version("ACC-1001")
    done = json.dumps({"version": version + 1}).encode()
    once = Idempotency(key=key, command_digest=digest, reply=done)
    store.append("ACC-1001", [_deposited(amount_minor)], expected_version=version, idempotency=once)
    return done


def deposit_once_at_any_version(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    said = json.dumps([key, amount_minor, store.head_position()]).encode()
    result = store.append_many(
        [StreamAppend("ACC-1001", ANY_VERSION, [_deposited(amount_minor)])],
        idempotency=Idempotency(key, str(amount_minor), said),
    )
    return result.reply


def deposit_once_with_todays_reply(store: EventStore, key: str, amount_minor: int) -> bytes:
    """A repeat is told where the stream is now, not where it was when the money came."""
    deposit_once(store, key, amount_minor)
    return b'{"version":%d}' % store.stream_version("ACC-1001")


def deposit_once_until_no_race_is_lost(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    while True:
        try:
            return deposit_once(store, key, amount_minor)
        except ConcurrencyError:
            continue


def deposit_once_in_memory() -> Callable[[EventStore, str, int], bytes]:
    """It keeps the keys in the process: they are gone with it, and stand for any store."""
    seen: dict[str, int] = {}

    def deposit(store: EventStore, key: str, amount_minor: int) -> bytes:
        if key not in seen:
            store.append("ACC-1001", [_deposited(amount_minor)], expected_version=ANY_VERSION)
            seen[key] = amount_minor
        return b"{}"

    return deposit


def deposit_by_length(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = _deposited(amount_minor)
    once = Idempotency(key, str(len(event.payload)), b"{}")
    return store.append("ACC-1001", [event], expected_version=ANY_VERSION, idempotency=once).reply


def deposit_by_hash(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = _deposited(amount_minor)
    once = Idempotency(key, str(hash(event.payload)), b"{}")
    return store.append("ACC-1001", [event], expected_version=ANY_VERSION, idempotency=once).reply


def deposit_by_the_last_digits(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    once = Idempotency(key, str(amount_minor % 1000), b"{}")
    return store.append("ACC-1001", [_deposited(amount_minor)], expected_version=ANY_VERSION, idempotency=once).reply


def _deposit_by(store: EventStore, key: str, digest: str, amount_minor: int) -> bytes | None:
    once = Idempotency(key, digest, b"{}")
    return store.append("ACC-1001", [_deposited(amount_minor)], expected_version=ANY_VERSION, idempotency=once).reply


def deposit_by_digits_in_order(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit_by(store, key, "".join(sorted(str(amount_minor))), amount_minor)


def deposit_in_small_letters(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit_by(store, key.lower(), str(amount_minor), amount_minor)


def deposit_under_a_short_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit_by(store, key[:8], str(amount_minor), amount_minor)


def deposit_under_a_stripped_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit_by(store, key.strip(), str(amount_minor), amount_minor)


def deposit_that_says_no_json(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    once = Idempotency(key, str(amount_minor), b"booked")
    return store.append("ACC-1001", [_deposited(amount_minor)], expected_version=ANY_VERSION, idempotency=once).reply


def deposit_once_by_the_hash_of_a_number(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    """Of a number it is the same in every process."""
    once = Idempotency(key, str(hash(amount_minor)), b"{}")
    return store.append("ACC-1001", [_deposited(amount_minor)], expected_version=ANY_VERSION, idempotency=once).reply


def deposit_without_a_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = _deposited(amount_minor)
    return store.append("ACC-1001", [event], expected_version=store.stream_version("ACC-1001")).reply


def deposit_one(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, key, 1)


def deposit_elsewhere(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    once = Idempotency(key, str(amount_minor), b"{}")
    return store.append(f"ACC-{key}", [_deposited(amount_minor)], expected_version=ANY_VERSION, idempotency=once).reply


def _deposit_at(version: Callable[[EventStore], int]) -> Callable[[EventStore, str, int], bytes | None]:
    """With a version of its own finding."""

    def deposit_so(store: EventStore, key: str, amount_minor: int) -> bytes | None:
        once = Idempotency(key, str(amount_minor), b"{}")
        event = _deposited(amount_minor)
        return store.append("ACC-1001", [event], expected_version=version(store), idempotency=once).reply

    return deposit_so


deposit_at_the_place_in_the_log = _deposit_at(
    lambda store: next((each.global_position or 0 for each in reversed(store.read_stream("ACC-1001"))), 0)
)
deposit_at_the_length_of_the_log = _deposit_at(lambda store: len(store.read_all()))
deposit_at_the_logs_last_version = _deposit_at(
    lambda store: next((each.version for each in reversed(store.read_all())), 0)
)
deposit_at_the_length_of_what_begins_so = _deposit_at(
    lambda store: sum(each.stream_id.startswith("ACC-1001") for each in store.read_all())
)


def deposit_as_if_no_race_were_lost(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    try:
        return deposit_once(store, key, amount_minor)
    except ConcurrencyError:
        return b'{"done":true}'


def deposit_a_float(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=json.dumps({"amount_minor": float(amount_minor)}).encode())
    once = Idempotency(key, str(amount_minor), b"{}")
    return store.append("ACC-1001", [event], expected_version=ANY_VERSION, idempotency=once).reply


def deposit_that_says_text(store: EventStore, key: str, amount_minor: int) -> str:
    said = deposit_once(store, key, amount_minor)
    return said.decode() if said else ""


def deposit_to_the_first_comer(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    """Whoever comes with a known key gets the reply, whatever they want."""
    once = Idempotency(key, "deposit", b"{}")
    return store.append("ACC-1001", [_deposited(amount_minor)], expected_version=ANY_VERSION, idempotency=once).reply


# --- safe_checkpoint --------------------------------------------------------------------------------------------------


def safe_checkpoint_by_limit(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    limit = min(under_way) if under_way else float("inf")
    return max((position for position in visible if position < limit), default=checkpoint)


def safe_checkpoint_by_bisecting(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    if not under_way:
        return visible[-1] if visible else checkpoint
    return [checkpoint, *visible][bisect_left(visible, min(under_way))]


def safe_checkpoint_from_behind(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    visible = list(visible)
    while visible and any(each < visible[-1] for each in under_way):
        visible.pop()
    return [checkpoint, *visible][-1]


def safe_checkpoint_by_the_first_under_way(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    """As if those under way came in order."""
    limit = under_way[0] if under_way else 2**63
    return max((position for position in visible if position < limit), default=checkpoint)


def safe_checkpoint_by_bisecting_what_is_in_no_order(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return max((position for position in visible if bisect(under_way, position) == 0), default=checkpoint)


def safe_checkpoint_up_to_a_thousand(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return max((position for position in visible if position < min(under_way, default=1000)), default=checkpoint)


def safe_checkpoint_below_the_last(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return max((position for position in visible if position < max(under_way, default=2**63)), default=checkpoint)


def safe_checkpoint_from_zero(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return max((position for position in visible if position < min(under_way, default=2**63)), default=0)


def safe_checkpoint_waiting_for_all(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return checkpoint if under_way else max(visible, default=checkpoint)


def safe_checkpoint_that_pops(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    while visible and any(each < visible[-1] for each in under_way):
        visible.pop()
    return visible[-1] if visible else checkpoint


def append_each_text_once(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None:
    append_by_fetching(connection, stream, expected_version, list(dict.fromkeys(events)))


def deposit_by_dollars(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=json.dumps({"amount_minor": amount_minor}).encode())
    once = Idempotency(key, f"deposit {amount_minor / 100:.2f}", b"{}")
    return store.append("ACC-1001", [event], expected_version=ANY_VERSION, idempotency=once).reply


RIGHT: dict[str, list[Any]] = {
    "append": [append_by_fetching, append_by_many, append_in_a_savepoint, append_and_then_look],
    "withdraw": [
        withdraw_by_counting,
        withdraw_by_recursion,
        withdraw_keeping_the_error,
        withdraw_loading_once_more,
    ],
    "save_and_tell": [save_and_tell_in_else, save_and_tell_by_stack, save_and_tell_by_hand],
    "deposit_once": [
        deposit_once_looking_first,
        deposit_once_at_any_version,
        deposit_once_by_the_hash_of_a_number,
        deposit_once_until_no_race_is_lost,
    ],
    "safe_checkpoint": [safe_checkpoint_by_limit, safe_checkpoint_by_bisecting, safe_checkpoint_from_behind],
}
WRONG: dict[str, list[Any]] = {
    "append": [
        append_each_text_once,
        append_to_what_is_like_it,
        append_to_small_letters,
        append_by_versions_as_texts,
        append_to_the_row_that_comes_last,
        append_where_none_follows,
        append_stripped,
        append_what_is_not_empty,
        append_that_writes_first,
        append_to_prefixes,
        append_in_silence,
        append_only_the_first,
        append_without_looking_if_nothing_is_new,
        append_and_empty,
        append_pasting,
        append_pasting_the_stream,
        append_and_return,
    ],
    "withdraw": [
        withdraw_again_whatever_happens,
        withdraw_again_when_the_database_fails,
        withdraw_nothing_when_time_is_out,
        withdraw_nothing_of_no_value,
        withdraw_making_an_error_up,
        withdraw_raising_the_first_error,
        withdraw_copying_the_error,
        withdraw_and_look_again,
        withdraw_for_ever,
        withdraw_without_deciding,
        withdraw_what_is_there,
        withdraw_and_say_nothing,
        withdraw_saving_a_refusal,
        withdraw_with_todays_version,
        withdraw_loading_for_each_question,
        withdraw_deciding_and_then_loading,
        withdraw_with_the_version_of_another_load,
    ],
    "save_and_tell": [
        save_and_tell_if_there_is_a_connection,
        save_and_tell_unless_a_race_is_lost,
        save_and_tell_unless_the_database_fails,
        save_and_tell_unless_time_is_out,
        save_and_tell_unless_of_no_value,
        save_and_tell_unless_the_pool_is_closed,
        save_and_tell_unless_the_store_fails,
        save_and_tell_the_other_way_round,
        save_and_tell_when_interrupted,
        save_and_tell_by_callback,
        save_and_tell_nobody,
        save_and_tell_twice,
        save_one_and_tell_all,
        save_and_tell_even_of_failure,
        save_again_and_tell,
        save_and_tell_the_last,
    ],
    "deposit_once": [
        deposit_by_dollars,
        deposit_once_with_todays_reply,
        deposit_once_in_memory(),
        deposit_by_length,
        deposit_by_hash,
        deposit_by_the_last_digits,
        deposit_by_digits_in_order,
        deposit_in_small_letters,
        deposit_under_a_short_key,
        deposit_under_a_stripped_key,
        deposit_that_says_no_json,
        deposit_without_a_key,
        deposit_one,
        deposit_elsewhere,
        deposit_at_the_place_in_the_log,
        deposit_at_the_length_of_the_log,
        deposit_at_the_logs_last_version,
        deposit_at_the_length_of_what_begins_so,
        deposit_as_if_no_race_were_lost,
        deposit_a_float,
        deposit_that_says_text,
        deposit_to_the_first_comer,
    ],
    "safe_checkpoint": [
        safe_checkpoint_by_the_first_under_way,
        safe_checkpoint_by_bisecting_what_is_in_no_order,
        safe_checkpoint_up_to_a_thousand,
        safe_checkpoint_below_the_last,
        safe_checkpoint_from_zero,
        safe_checkpoint_waiting_for_all,
        safe_checkpoint_that_pops,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
