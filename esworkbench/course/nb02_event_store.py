"""Exercises of notebook 02: append with a version, try again, publish, repeat, and stop before a gap."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.errors import ConcurrencyError, IdempotencyConflict
from esworkbench.event_store import EventStore, Idempotency
from esworkbench.events import NewEvent

# --- append -----------------------------------------------------------------------------------------------------------


Log = dict[tuple[str, int], str]
"""(stream, version) → event: a dict stands in for the table."""


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


def _examine_append(answer: Callable[[Log, str, int, Sequence[str]], None]) -> None:
    log: Log = {}
    answer(log, "ACC-1", 0, ["opened", "deposited"])
    if log != {("ACC-1", 1): "opened", ("ACC-1", 2): "deposited"}:
        raise Wrong(
            f"versions count 1, 2, 3 … and continue after the expected one: a new stream now holds {sorted(log)}"
        )
    try:
        answer(log, "ACC-2", 0, ["opened"])
    except ConcurrencyError:
        raise Wrong("another stream was refused: each stream counts for itself") from None
    for expected, hint in (
        (1, "a stale writer overwrote version 2: compare the expected version with the stream's"),
        (5, "a writer ahead of the stream left a hole in it: the versions must be equal"),
    ):
        try:
            answer(log, "ACC-1", expected, ["withdrawn"])
        except ConcurrencyError:
            continue
        raise Wrong(hint)


# --- withdraw ---------------------------------------------------------------------------------------------------------


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


class _Account:
    """One stream from which other writers take ``others``, each just before our save."""

    def __init__(self, balance: int, others: Sequence[int]) -> None:
        self.balance = balance
        self.version = 1
        self.others = list(others)
        self.saves = 0

    def load(self) -> dict[str, int]:
        return {"version": self.version, "balance": self.balance}

    def save(self, account: dict[str, int]) -> None:
        self.saves += 1
        if self.saves > 100:
            raise Wrong("it tries for ever: stop after `attempts`")
        if self.others:
            self.balance -= self.others.pop(0)
            self.version += 1
        if account["version"] != self.version:
            raise ConcurrencyError("BankAccount-ACC-1", account["version"], self.version)
        self.balance = account["balance"]
        self.version += 1


def _examine_withdraw(answer: Callable[..., bool]) -> None:
    account = _Account(100, others=[10])
    try:
        paid = answer(account.load, account.save, 80, 3)
    except ConcurrencyError:
        hint = "after ConcurrencyError load again: " if account.saves > 1 else "one lost race is no reason to give up: "
        raise Wrong(f"{hint}somebody took 10 in between, there are still 90") from None
    if not paid or account.balance != 10:
        raise Wrong(f"100, somebody takes 10, we take 80: that leaves 10, not {account.balance}")
    account = _Account(100, others=[80])
    if answer(account.load, account.save, 80, 3) or account.balance < 0:
        raise Wrong("80 were paid although only 20 were left: after the fresh load, decide anew as well")
    account = _Account(100, others=[1] * 9)
    try:
        answer(account.load, account.save, 80, 3)
    except ConcurrencyError:
        if account.saves != 3:
            raise Wrong(f"with 3 attempts it tried {account.saves} times") from None
        return
    raise Wrong(
        "when every attempt loses its race, let the last ConcurrencyError out: False means that the rules refused"
    )


# --- save_and_tell ----------------------------------------------------------------------------------------------------


Transaction = Callable[[], AbstractContextManager[list[str]]]
"""Gives a list for rows; at its end it commits them, or rolls back and raises."""


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


def _examine_save_and_tell(answer: Callable[..., None]) -> None:
    table: list[str] = []
    happened: list[str] = []

    @contextmanager
    def transaction(commits: bool) -> Iterator[list[str]]:
        rows: list[str] = []
        yield rows
        happened.append("commit" if commits else "rollback")
        if not commits:
            raise RuntimeError("the commit failed")
        table.extend(rows)

    def tell(events: list[str]) -> None:
        happened.append("tell")

    answer(partial(transaction, True), ["deposited"], tell)
    told_first = happened == ["tell", "commit"]
    if not told_first and (happened != ["commit", "tell"] or table != ["deposited"]):
        raise Wrong("write the events in one transaction and tell about them once")
    happened.clear()
    try:
        answer(partial(transaction, False), ["deposited"], tell)
    except RuntimeError:
        raised = True
    else:
        raised = False
    if told_first:
        raise Wrong("it tells before the commit, and the commit may still fail: then the news was false")
    if "tell" in happened:
        raise Wrong("the transaction rolled back and it told all the same: `finally` runs even then")
    if not raised:
        raise Wrong("the caller must learn that nothing was written: let the error out")


# --- deposit_once -----------------------------------------------------------------------------------------------------


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


def _examine_deposit_once(answer: Callable[[EventStore, str, int], bytes | None]) -> None:
    with tempfile.TemporaryDirectory(prefix="esworkbench-exercise-") as folder:
        store = EventStore.open(str(Path(folder) / "bank.db"))
        try:
            _deposit_and_repeat(answer, store)
        finally:
            store.engine.dispose()


def _deposit_and_repeat(answer: Callable[[EventStore, str, int], bytes | None], store: EventStore) -> None:
    first = answer(store, "monday", 500)
    if first is None:
        raise Wrong("the client wants an answer: return the reply")
    again = answer(store, "monday", 500)
    if store.stream_version("ACC-1") == 2:
        raise Wrong("the retry was booked again: one intent, one key, drawn by the client and sent each time")
    if again != first:
        raise Wrong("the retry deserves the answer that got lost: return the stored reply")
    answer(store, "tuesday", 500)
    if store.stream_version("ACC-1") != 2:
        raise Wrong("a second deposit of the same amount is a second intent, and was swallowed")
    try:
        answer(store, "monday", 99_900)
    except IdempotencyConflict:
        return
    raise Wrong("one key, another amount, and nobody noticed: the digest must be made from the command")


# --- safe_checkpoint --------------------------------------------------------------------------------------------------


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


def _examine_safe_checkpoint(answer: Callable[[Sequence[int], Sequence[int], int], int]) -> None:
    said = answer([11, 12, 14], [13], 10)
    if said == 14:
        raise Wrong("13 is still being written: with a checkpoint of 14 it is never seen")
    if said == 13:
        raise Wrong("13 hasn't been seen yet, so the checkpoint must stay below it")
    if said != 12:
        raise Wrong(f"11 and 12 are seen, 13 is under way: 12 is safe, not {said!r}")
    said = answer([11, 12, 14], [], 10)
    if said == 12:
        raise Wrong("nobody writes 13 any more, it was rolled back: a reader that waits for it waits for ever")
    if said == 13:
        raise Wrong("13 events were counted, but a checkpoint is a position: rolled-back ones leave holes")
    if said != 14:
        raise Wrong(f"13 was rolled back and stays empty: 14 is safe, not {said!r}")
    if answer([], [], 10) != 10:
        raise Wrong("without news the checkpoint stays where it is")


exercises = Exercises(
    Exercise(
        name="append",
        task=(
            "`log` is a dict `{(stream, version): event}`. Append only onto the expected version, else "
            "`raise ConcurrencyError(stream, expected, actual)`."
        ),
        examine=_examine_append,
        reference=append,
        hints=(
            "Which version is this stream at now? An empty one is at 0.",
            "`max((version for name, version in log if name == stream), default=0)`, then compare with `!=`.",
        ),
        mistakes={
            "missing expected version": Mistake(unchecked, "a stale writer overwrote"),
            "off by one version": Mistake(off_by_one, "versions count 1, 2, 3"),
            "only behind": Mistake(only_behind, "left a hole"),
            "counts the whole log": Mistake(whole_log_counted, "each stream counts for itself"),
        },
    ),
    Exercise(
        name="withdraw",
        task=(
            '`load()` returns `{"version", "balance"}`; `save(account)` may raise ConcurrencyError. Then try again, '
            "at most `attempts` times in all. Return True when paid, False when the balance doesn't allow it."
        ),
        examine=_examine_withdraw,
        reference=withdraw,
        hints=(
            "What of load, decide and save is still true after somebody else has written?",
            "All three go into the loop. `False` is for the rules; the last ConcurrencyError goes to the caller.",
        ),
        mistakes={
            "stale load": Mistake(loads_once, "after ConcurrencyError load again"),
            "stale decision": Mistake(decides_once, "decide anew"),
            "swallowed": Mistake(gives_up_silently, "let the last ConcurrencyError out"),
            "no second try": Mistake(never_tries_again, "no reason to give up"),
        },
    ),
    Exercise(
        name="save_and_tell",
        task=(
            "`with transaction() as rows:` commits at its end. Extend `rows`, call `tell(events)` once. If it rolls "
            "back, nobody may hear of them."
        ),
        examine=_examine_save_and_tell,
        reference=save_and_tell,
        hints=("At which line is it certain that the events will stay?", "After the `with` block, not in it."),
        mistakes={
            "wrong order": Mistake(tells_inside, "before the commit"),
            "finally": Mistake(tells_finally, "told all the same"),
            "swallowed": Mistake(hides_the_failure, "let the error out"),
        },
    ),
    Exercise(
        name="deposit_once",
        task=(
            "Append a deposit to stream `ACC-1` of a real `EventStore`; return the reply as bytes. A retry with the "
            "same key books nothing and gets the first reply; another deposit with that key is refused."
        ),
        examine=_examine_deposit_once,
        reference=deposit_once,
        hints=(
            "`store.append(…, idempotency=Idempotency(key, command_digest, reply))` does most of it.",
            "The digest must differ when the command differs: hash the payload. Return `result.reply`.",
        ),
        mistakes={
            "double apply": Mistake(new_key_each_time, "booked again"),
            "digest of the key": Mistake(digest_of_the_key, "the digest must be made from the command"),
            "no reply": Mistake(no_reply_to_a_repeat, "deserves the answer"),
            "the amount as key": Mistake(amount_as_key, "a second intent"),
        },
    ),
    Exercise(
        name="safe_checkpoint",
        task="Positions you can see, positions still under way, your last checkpoint: how far may the new one go?",
        examine=_examine_safe_checkpoint,
        reference=safe_checkpoint,
        hints=(
            "Two kinds of gaps: one may still fill, the other never will.",
            "The largest visible position below the smallest one under way.",
        ),
        mistakes={
            "passes the gap": Mistake(last_visible, "never seen"),
            "waits for ever": Mistake(stops_at_any_gap, "waits for ever"),
            "off by one position": Mistake(onto_the_gap, "stay below it"),
            "counts events": Mistake(counts, "a checkpoint is a position"),
        },
    ),
)
