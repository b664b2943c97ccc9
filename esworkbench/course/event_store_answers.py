"""Answers to the exercises of notebook 02: for each the right one, then the wrong ones that people give."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any
from uuid import uuid4

from esworkbench.errors import ConcurrencyError
from esworkbench.event_store import EventStore, Idempotency
from esworkbench.events import NewEvent

Log = dict[tuple[str, int], str]
"""(stream, version) → event: a dict stands in for the table."""

Transaction = Callable[[], AbstractContextManager[list[str]]]
"""Commits the rows handed out at its end, or rolls back and raises."""


def append(log: Log, stream: str, expected_version: int, events: Sequence[str]) -> None:
    """All or nothing, and only onto the version that the decision was made on."""
    actual = max((version for name, version in log if name == stream), default=0)
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    log.update({(stream, expected_version + number): event for number, event in enumerate(events, start=1)})


def unchecked(log: Log, stream: str, expected_version: int, events: Sequence[str]) -> None:
    log.update({(stream, expected_version + number): event for number, event in enumerate(events, start=1)})


def off_by_one(log: Log, stream: str, expected_version: int, events: Sequence[str]) -> None:
    actual = max((version for name, version in log if name == stream), default=0)
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    log.update({(stream, expected_version + number): event for number, event in enumerate(events)})


def only_behind(log: Log, stream: str, expected_version: int, events: Sequence[str]) -> None:
    actual = max((version for name, version in log if name == stream), default=0)
    if expected_version < actual:
        raise ConcurrencyError(stream, expected_version, actual)
    unchecked(log, stream, expected_version, events)


def whole_log_counted(log: Log, stream: str, expected_version: int, events: Sequence[str]) -> None:
    if expected_version != len(log):
        raise ConcurrencyError(stream, expected_version, len(log))
    unchecked(log, stream, expected_version, events)


def withdraw(load: Callable[[], Any], save: Callable[[Any], None], amount: int, attempts: int) -> bool:
    """Load, decide, save; after a lost race all three again. False: the account's rules refuse.

    As ``CommandBus.handle`` does it.
    """
    for attempts_left in reversed(range(attempts)):
        account = load()
        if amount > account["balance"]:
            return False
        try:
            save(account | {"balance": account["balance"] - amount})
        except ConcurrencyError:
            if attempts_left == 0:
                raise
        else:
            return True
    raise ValueError("attempts must be 1 or more")


def loads_once(load: Callable[[], Any], save: Callable[[Any], None], amount: int, attempts: int) -> bool:
    account = load()
    for attempts_left in reversed(range(attempts)):
        if amount > account["balance"]:
            return False
        try:
            save(account | {"balance": account["balance"] - amount})
        except ConcurrencyError:
            if attempts_left == 0:
                raise
        else:
            return True
    return False


def decides_once(load: Callable[[], Any], save: Callable[[Any], None], amount: int, attempts: int) -> bool:
    if amount > load()["balance"]:
        return False
    for attempts_left in reversed(range(attempts)):
        account = load()
        try:
            save(account | {"balance": account["balance"] - amount})
        except ConcurrencyError:
            if attempts_left == 0:
                raise
        else:
            return True
    return False


def gives_up_silently(load: Callable[[], Any], save: Callable[[Any], None], amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ConcurrencyError:
        return False


def never_tries_again(load: Callable[[], Any], save: Callable[[Any], None], amount: int, attempts: int) -> bool:
    return withdraw(load, save, amount, 1)


def save_and_tell(transaction: Transaction, events: Sequence[str], tell: Callable[[list[str]], None]) -> None:
    """The block's end is the commit; only what comes after it may tell anybody."""
    with transaction() as rows:
        rows.extend(events)
    tell(list(events))


def tells_inside(transaction: Transaction, events: Sequence[str], tell: Callable[[list[str]], None]) -> None:
    with transaction() as rows:
        rows.extend(events)
        tell(list(events))


def tells_finally(transaction: Transaction, events: Sequence[str], tell: Callable[[list[str]], None]) -> None:
    try:
        with transaction() as rows:
            rows.extend(events)
    finally:
        tell(list(events))


def hides_the_failure(transaction: Transaction, events: Sequence[str], tell: Callable[[list[str]], None]) -> None:
    try:
        with transaction() as rows:
            rows.extend(events)
    except RuntimeError:
        return
    tell(list(events))


def deposit_once(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    """``EventStore.append`` looks for the key before the version, and keeps key and events in one transaction."""
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % amount_minor)
    once = Idempotency(key, sha256(event.payload).hexdigest(), b'{"done":true}')
    result = store.append("ACC-1", [event], expected_version=store.stream_version("ACC-1"), idempotency=once)
    return result.reply


def new_key_each_time(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, str(uuid4()), amount_minor)


def digest_of_the_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % amount_minor)
    once = Idempotency(key, sha256(key.encode()).hexdigest(), b'{"done":true}')
    result = store.append("ACC-1", [event], expected_version=store.stream_version("ACC-1"), idempotency=once)
    return result.reply


def no_reply_to_a_repeat(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    before = store.stream_version("ACC-1")
    reply = deposit_once(store, key, amount_minor)
    return reply if store.stream_version("ACC-1") > before else None


def amount_as_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, str(amount_minor), amount_minor)


def safe_checkpoint(visible: Sequence[int], under_way: Sequence[int], checkpoint: int) -> int:
    """The last visible position before the first that may still fill; a position nobody holds stays empty."""
    limit = min(under_way, default=max(visible, default=checkpoint) + 1)
    return max((position for position in visible if position < limit), default=checkpoint)


def last_visible(visible: Sequence[int], under_way: Sequence[int], checkpoint: int) -> int:
    return max(visible, default=checkpoint)


def stops_at_any_gap(visible: Sequence[int], under_way: Sequence[int], checkpoint: int) -> int:
    while checkpoint + 1 in visible:
        checkpoint += 1
    return checkpoint


def onto_the_gap(visible: Sequence[int], under_way: Sequence[int], checkpoint: int) -> int:
    return min(under_way, default=max(visible, default=checkpoint))


def counts(visible: Sequence[int], under_way: Sequence[int], checkpoint: int) -> int:
    return checkpoint + len([position for position in visible if position < min(under_way, default=2**63)])
