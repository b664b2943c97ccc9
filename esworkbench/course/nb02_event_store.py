"""Exercises of notebook 02: append with a version, try again, publish, repeat, and stop before a gap."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from sqlalchemy import Connection, text

from esworkbench.course.case_database import case_engine, case_store
from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import reply
from esworkbench.errors import ConcurrencyError, IdempotencyConflict, StoreBusy
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency
from esworkbench.events import NewEvent

# --- append -----------------------------------------------------------------------------------------------------------

LAST_VERSION = "SELECT coalesce(max(version), 0) FROM log WHERE stream = :stream"
INSERT = "INSERT INTO log (stream, version, event) VALUES (:stream, :version, :event)"


def append(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    """All or nothing, and only onto the version that the decision was made on."""
    last = "SELECT coalesce(max(version), 0) FROM log WHERE stream = :stream"
    actual = connection.execute(text(last), {"stream": stream}).scalar_one()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    insert = "INSERT INTO log (stream, version, event) VALUES (:stream, :version, :event)"
    for version, event in enumerate(events, start=actual + 1):
        connection.execute(text(insert), {"stream": stream, "version": version, "event": event})


def _actual(connection: Connection, stream: str) -> int:
    return int(connection.execute(text(LAST_VERSION), {"stream": stream}).scalar_one())


def _unchecked(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    for version, event in enumerate(events, start=expected_version + 1):
        connection.execute(text(INSERT), {"stream": stream, "version": version, "event": event})


def _off_by_one(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    append(connection, stream, expected_version, [])
    _unchecked(connection, stream, expected_version - 1, events)


def _only_behind(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    if expected_version < (actual := _actual(connection, stream)):
        raise ConcurrencyError(stream, expected_version, actual)
    _unchecked(connection, stream, expected_version, events)


def _only_ahead(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    if expected_version > (actual := _actual(connection, stream)):
        raise ConcurrencyError(stream, expected_version, actual)
    _unchecked(connection, stream, expected_version, events)


def _whole_log_counted(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    actual = connection.execute(text("SELECT count(*) FROM log")).scalar_one()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    _unchecked(connection, stream, expected_version, events)


def _events_counted(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    count = text("SELECT count(*) FROM log WHERE stream = :stream")
    actual = connection.execute(count, {"stream": stream}).scalar_one()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    _unchecked(connection, stream, expected_version, events)


def _empty_stream_is_none(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    last = text("SELECT max(version) FROM log WHERE stream = :stream")
    actual = connection.execute(last, {"stream": stream}).scalar()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)  # type: ignore[arg-type]
    _unchecked(connection, stream, expected_version, events)


def _told_the_wrong_way_round(
    connection: Connection, stream: str, expected_version: int, events: Sequence[str]
) -> None:
    try:
        append(connection, stream, expected_version, events)
    except ConcurrencyError as error:
        raise ConcurrencyError(stream, error.actual, error.expected) from None


def _pastes(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    append(connection, stream, expected_version, [])
    for version, event in enumerate(events, start=expected_version + 1):
        connection.exec_driver_sql(f"INSERT INTO log VALUES ('{stream}', {version}, '{event}')")


def _returns_the_version(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> int:
    append(connection, stream, expected_version, events)
    return expected_version + len(events)


def _commits(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    append(connection, stream, expected_version, events)
    connection.commit()


Log = dict[tuple[str, int], str]
"""(stream, version) → event: what the table holds."""


class RolledBack(Exception):
    """The owner of the transaction thinks better of it."""


def _play_append(
    answer: Any, log: Log, stream: str, expected_version: int, events: list[str], rolled_back: bool
) -> Any:
    """What a refusal says, and the table after the transaction's end."""
    with case_engine().begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS log"))
        connection.execute(text("CREATE TABLE log (stream TEXT, version BIGINT, event TEXT)"))
        for (name, version), event in log.items():
            connection.execute(text(INSERT), {"stream": name, "version": version, "event": event})
    refused, returned = None, None
    try:
        with case_engine().begin() as connection:
            returned = answer(connection, stream, expected_version, events)
            if rolled_back:
                raise RolledBack
    except ConcurrencyError as error:
        refused = {"stream": error.stream_id, "expected": error.expected, "actual": error.actual}
    except RolledBack:
        pass
    with case_engine().connect() as connection:
        rows = connection.execute(text("SELECT stream, version, event FROM log ORDER BY stream, version, event"))
        told = {"refused": refused, "log": [tuple(row) for row in rows]}
        return told if returned is None else {**told, "returned": type(returned).__name__}


def _given_append(log: Log, stream: str, expected_version: int, events: list[str], rolled_back: bool) -> str:
    rows = ", ".join(f"({name!r}, {version}, {event!r})" for (name, version), event in log.items())
    then = "; then the owner of the transaction rolls it back" if rolled_back else ""
    return f"log: {rows or 'no rows'}; append {events} to {stream!r}, expected version {expected_version}{then}"


@st.composite
def _logs_and_appends(draw: st.DrawFn) -> tuple[Log, str, int, list[str], bool]:
    """Two streams in one log, now and then with a hole, and a writer that is up to date, behind or ahead."""
    last = {"A": 0, "AB": 0}
    log: Log = {}
    for stream, step in draw(st.lists(st.tuples(st.sampled_from(["A", "AB"]), st.sampled_from([1, 1, 2])), max_size=4)):
        last[stream] += step
        log[stream, last[stream]] = f"event {len(log) + 1}"
    stream = draw(st.sampled_from(["A", "AB"]))
    expected = draw(st.sampled_from([last[stream], last[stream], last[stream] - 1, last[stream] + 1, len(log)]))
    events = draw(st.sampled_from([["new", "newer"], ["it's new", 'it is "newer": 50 % :now']]))[
        : draw(st.integers(0, 2))
    ]
    return log, stream, max(expected, 0), events, draw(st.sampled_from([False, False, False, True]))


APPEND = Exercise(
    name="append",
    task=(
        "`connection` is in a transaction. Its owner, who calls you, commits it; when you raise, it is rolled back. "
        "The table `log` has the columns `stream`, `version` and `event`. A stream is at the version of its last "
        "event, at 0 if it has none. If that is `expected_version`, insert the events, which are texts of any "
        "kind, under the versions that follow it, and return nothing. Otherwise raise `ConcurrencyError(stream, "
        "expected, actual)` "
        "(by name, `stream_id`, `expected` and `actual`) and insert nothing, even when there are no events to append."
    ),
    stub=(
        "from sqlalchemy import Connection, text\n\n"
        "from esworkbench.errors import ConcurrencyError\n\n\n"
        "def my_append(connection: Connection, stream: str, expected_version: int, events: list[str]) -> None: ..."
    ),
    reference=append,
    cases=_logs_and_appends(),
    examples=[
        ({("A", 1): "event 1"}, "A", 0, ["new"], False),
        ({("A", 1): "event 1"}, "A", 2, ["new"], False),
        ({("A", 1): "event 1"}, "A", 1, ["new"], True),
        ({("A", 1): "event 1"}, "A", 1, ["it's new"], False),
    ],
    play=_play_append,
    given=_given_append,
    hints=(
        "Which version is this stream at now? Ask the table: `max(version)` is NULL, `None` in Python, for an empty "
        "stream.",
        f'`connection.execute(text("{LAST_VERSION}"), {{"stream": stream}}).scalar_one()`, then compare with `!=`, '
        "raise, and insert in a loop.",
    ),
    mistakes={
        "missing expected version": Mistake(
            _unchecked, "the expected version is compared with nothing: two events may claim one version"
        ),
        "off by one version": Mistake(
            _off_by_one, "the first new event takes the version that the last one has already: it gets the next one"
        ),
        "only behind": Mistake(
            _only_behind, "a writer ahead of the stream leaves a hole in it: the two versions must be equal"
        ),
        "only ahead": Mistake(
            _only_ahead, "a writer behind the stream is let in, with a decision out of date: the two must be equal"
        ),
        "counts the whole log": Mistake(
            _whole_log_counted, "it counts the events of all streams, but each stream has versions of its own"
        ),
        "counts events": Mistake(
            _events_counted,
            "it counts the stream's events, but a stream is at the version of its last one: if it has a hole the two "
            "differ",
        ),
        "NULL for an empty stream": Mistake(
            _empty_stream_is_none,
            "the version of an empty stream is 0, but `max(version)` of no rows is NULL: `coalesce(max(version), 0)`",
        ),
        "the wrong way round": Mistake(
            _told_the_wrong_way_round,
            "the error says the two versions the wrong way round: first what was expected, then what is there",
        ),
        "commits": Mistake(
            _commits,
            "it commits, but the transaction isn't its own: the caller may have more to write in it, or roll it back",
        ),
        "pasted into SQL": Mistake(
            _pastes,
            "it writes the event into the statement, and an apostrophe ends the text there: hand values in beside it, "
            "as `:event`",
        ),
        "returns the version": Mistake(
            _returns_the_version, "it returns something, but the task says that nothing is returned"
        ),
    },
)

# --- withdraw ---------------------------------------------------------------------------------------------------------

Load = Callable[[], dict[str, int]]
Save = Callable[[dict[str, int]], None]


def withdraw(load: Load, save: Save, amount: int, attempts: int) -> bool:
    """Load, decide, save; after a lost race all three again. As ``CommandBus.handle`` does it."""
    while True:
        account = load()
        if amount > account["balance"]:
            return False
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


def _loads_once(load: Load, save: Save, amount: int, attempts: int) -> bool:
    account = load()
    return withdraw(lambda: account, save, amount, attempts)


def _decides_once(load: Load, save: Save, amount: int, attempts: int) -> bool:
    if amount > load()["balance"]:
        return False
    while True:
        account = load()
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


def _refuses_all_of_it(load: Load, save: Save, amount: int, attempts: int) -> bool:
    while True:
        account = load()
        if amount >= account["balance"]:
            return False
        try:
            save({**account, "balance": account["balance"] - amount})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise


def _gives_up_silently(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ConcurrencyError:
        return False


def _never_tries_again(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, save, amount, 1)


def _tries_once_more(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, save, amount, attempts + 1)


def _saves_the_next_version(load: Load, save: Save, amount: int, attempts: int) -> bool:
    return withdraw(load, lambda account: save({**account, "version": account["version"] + 1}), amount, attempts)


def _makes_an_error_up(load: Load, save: Save, amount: int, attempts: int) -> bool:
    try:
        return withdraw(load, save, amount, attempts)
    except ConcurrencyError:
        version = load()["version"]
        raise ConcurrencyError("ACC-1001", version, version + 1) from None


def _repeats_the_save(load: Load, save: Save, amount: int, attempts: int) -> bool:
    account = load()
    if amount > account["balance"]:
        return False
    left = account["balance"] - amount
    while True:
        try:
            save({"version": account["version"], "balance": left})
            return True
        except ConcurrencyError:
            attempts -= 1
            if attempts == 0:
                raise
            account = load()


class TriesForEver(BaseException):
    """No ``except Exception`` keeps such an answer going."""


class NotTheLast(Exception):
    """A ConcurrencyError that isn't the one that the last save raised."""


class _Account:
    """A stream that others get at. Before each save, in turn: None, nobody; a number, somebody takes so much,
    with two events.

    "busy": that save fails, because the store takes no writes.
    """

    def __init__(self, balance: int, others: Sequence[int | str | None]) -> None:
        self.balance = balance
        self.version = 1
        self.others = list(others)
        self.saves = 0
        self.raised: list[str] = []

    def load(self) -> dict[str, int]:
        return {"version": self.version, "balance": self.balance}

    def save(self, account: dict[str, int]) -> None:
        self.saves += 1
        if self.saves > 20:
            raise TriesForEver("20 attempts and no end")
        other = self.others.pop(0) if self.others else None
        if other == "busy":
            raise StoreBusy("the store takes no writes at the moment")
        if isinstance(other, int):
            self.balance -= other
            self.version += 2
        if account["version"] != self.version:
            lost = ConcurrencyError("ACC-1001", account["version"], self.version)
            self.raised.append(str(lost))
            raise lost
        self.balance = account["balance"]
        self.version += 1


def _play_withdraw(answer: Any, balance: int, others: list[int | str | None], amount: int, attempts: int) -> Any:
    account = _Account(balance, others)
    said = reply(answer, account.load, account.save, amount, attempts)
    if (
        isinstance(said, Raised)
        and issubclass(said.error, ConcurrencyError)
        and said.message not in account.raised[-1:]
    ):
        said = Raised(NotTheLast, said.message)
    return {"reply": said, "balance": account.balance, "saves": account.saves}


def _given_withdraw(balance: int, others: list[int | str | None], amount: int, attempts: int) -> str:
    told: dict[int | str | None, str] = {None: "nobody gets in", "busy": "the store is busy"}
    races = [f"save {number}: {told.get(other, f'somebody takes {other} just before')}"
             for number, other in enumerate(others, start=1)]  # fmt: skip
    return "; ".join([f"{balance} in the account, {amount} wanted, {attempts} attempts", *races])


WITHDRAW = Exercise(
    name="withdraw",
    task=(
        'Pay `amount` out. `load()` returns the account as a dict, `{"version": …, "balance": …}`. `save(account)` '
        "takes such a dict: the version that you loaded (`save` counts it up), and the new balance. It raises "
        "ConcurrencyError if somebody else has saved since. Then load, decide and save again: `save` may be called "
        "`attempts` times in all (1 or more). If the last of these saves raises ConcurrencyError, too, let that very "
        "error out, to the caller. Any other error goes to the caller at once. Return True when it is paid, and "
        "False, without a save, when "
        "`amount` is more than the balance; all of the balance may go."
    ),
    stub=(
        "from collections.abc import Callable\n\n"
        "from esworkbench.errors import ConcurrencyError\n\n"
        "Load = Callable[[], dict[str, int]]\n"
        "Save = Callable[[dict[str, int]], None]\n\n\n"
        "def my_withdraw(load: Load, save: Save, amount: int, attempts: int) -> bool: ..."
    ),
    reference=withdraw,
    cases=st.tuples(
        st.integers(0, 8),
        st.lists(st.sampled_from([None, 0, 1, 3, "busy"]), max_size=4),
        st.integers(1, 6),
        st.integers(1, 3),
    ),
    play=_play_withdraw,
    given=_given_withdraw,
    hints=(
        "What of load, decide and save is still true after somebody else has written?",
        "All three go into the loop. `False` is for the rules; the last ConcurrencyError goes to the caller.",
    ),
    mistakes={
        "stale load": Mistake(
            _loads_once,
            "it never loads again: after a ConcurrencyError what it loaded is out of date, and stays so",
        ),
        "stale decision": Mistake(
            _decides_once, "it loads again but doesn't decide anew: what is left by now may be too little"
        ),
        "swallowed": Mistake(
            _gives_up_silently,
            "when every attempt loses its race, let the last ConcurrencyError out: False means that the rules refused",
        ),
        "an error made up": Mistake(
            _makes_an_error_up,
            "it raises a ConcurrencyError of its own making: let out the one that the last save raised",
        ),
        "only the save again": Mistake(
            _repeats_the_save,
            "only the save is repeated, with a fresh version and the old balance: what somebody else took is back. "
            "The new balance comes from a fresh load",
        ),
        "no second try": Mistake(_never_tries_again, "it gives up after one lost race, though it may try again"),
        "one attempt too many": Mistake(
            _tries_once_more, "it saves once more than it may: the first attempt counts as one of `attempts`"
        ),
        "refused at equality": Mistake(
            _refuses_all_of_it, "it refuses to pay out the whole balance, but 0 may be left: look at the comparison"
        ),
        "the next version": Mistake(
            _saves_the_next_version,
            "it saves under the next version: `save` compares the version with the stream's, so hand in the loaded one",
        ),
    },
)

# --- save_and_tell ----------------------------------------------------------------------------------------------------

Transaction = Callable[[], AbstractContextManager[list[str]]]
"""Gives a list for rows; at its end it commits them, or rolls back and raises."""
Tell = Callable[[Sequence[str]], None]


def save_and_tell(transaction: Transaction, events: list[str], tell: Tell) -> None:
    """The block's end is the commit; only what comes after it may tell anybody."""
    with transaction() as rows:
        rows.extend(events)
    tell(events)


def _tells_inside(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)
        tell(events)


def _tells_finally(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        with transaction() as rows:
            rows.extend(events)
    finally:
        tell(events)


def _hides_the_failure(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        save_and_tell(transaction, events, tell)
    except StoreBusy:
        return


def _has_no_connection(transaction: Transaction, events: list[str], tell: Tell) -> None:
    try:
        block = transaction()
    except StoreBusy:
        return
    save_and_tell(lambda: block, events, tell)


def _tells_one_by_one(transaction: Transaction, events: list[str], tell: Tell) -> None:
    with transaction() as rows:
        rows.extend(events)
    for event in events:
        tell([event])


def _one_transaction_each(transaction: Transaction, events: list[str], tell: Tell) -> None:
    for event in events:
        with transaction() as rows:
            rows.append(event)
    tell(events)


def _play_save_and_tell(answer: Any, events: list[str], ends: str) -> Any:
    """What happened, in its order, and what is in the table in the end."""
    table: list[str] = []
    happened: list[Any] = []

    def transaction() -> AbstractContextManager[list[str]]:
        if ends == "can't even be had":
            happened.append("no connection")
            raise StoreBusy("no connection is free")
        return block()

    @contextmanager
    def block() -> Iterator[list[str]]:
        happened.append("begin")
        rows: list[str] = []
        if ends == "fails at its begin":
            raise StoreBusy("no transaction can begin")
        yield rows
        if ends == "fails at its end":
            happened.append("rollback")
            raise StoreBusy("the commit failed")
        happened.append("commit")
        table.extend(rows)

    said = reply(answer, transaction, events, lambda news: happened.append(("tell", list(news))))
    return {"happened": happened, "table": table, "raised": said if isinstance(said, Raised) else None}


SAVE_AND_TELL = Exercise(
    name="save_and_tell",
    task=(
        "`with transaction() as rows:` begins a transaction and gives an empty list. Extend it with `events`, of which "
        "there is at least one: at the end of the block they are committed, all of them, or rolled back. Whoever "
        "listens is told once of all, with `tell(events)`, but of nothing that was rolled back. Whatever is "
        "raised, when `transaction` is called, or at the begin or the end of the block, goes to the caller."
    ),
    stub=(
        "from collections.abc import Callable\n"
        "from contextlib import AbstractContextManager\n\n"
        "Transaction = Callable[[], AbstractContextManager[list[str]]]\n"
        "Tell = Callable[[list[str]], None]\n\n\n"
        "def my_save_and_tell(transaction: Transaction, events: list[str], tell: Tell) -> None: ..."
    ),
    reference=save_and_tell,
    cases=st.tuples(
        st.lists(st.sampled_from(["opened", "deposited"]), min_size=1, max_size=3),
        st.sampled_from(["commits", "can't even be had", "fails at its begin", "fails at its end"]),
    ),
    examples=[(["opened"], "fails at its begin"), (["opened"], "can't even be had")],
    play=_play_save_and_tell,
    given=lambda events, ends: f"{events}, in a transaction that {ends}",
    hints=("At which line is it certain that the events will stay?", "After the `with` block, not in it."),
    mistakes={
        "wrong order": Mistake(
            _tells_inside, "it tells before the commit, and the commit may still fail: then the news was false"
        ),
        "finally": Mistake(
            _tells_finally, "it tells even when the transaction failed: `finally` runs after an error as well"
        ),
        "swallowed": Mistake(_hides_the_failure, "the caller must learn that nothing was written: let the error out"),
        "swallowed at the call": Mistake(
            _has_no_connection,
            "what `transaction()` raises when it is called is swallowed: then, too, nothing was written, and the "
            "caller "
            "must learn it",
        ),
        "once per event": Mistake(
            _tells_one_by_one, "it tells of each event by itself: what was written together is told together, once"
        ),
        "a transaction each": Mistake(
            _one_transaction_each,
            "each event has a transaction of its own, so some may stay while others fail: write them all in one",
        ),
    },
)

# --- deposit_once -----------------------------------------------------------------------------------------------------


def deposit_once(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    """``EventStore.append`` looks for the key before the version, and keeps key and events in one transaction."""
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % amount_minor)
    once = Idempotency(key, sha256(event.payload).hexdigest(), b'{"done":true}')
    return store.append("ACC-1001", [event], expected_version=store.stream_version("ACC-1001"), idempotency=once).reply


def _deposit(store: EventStore, amount_minor: int, once: Idempotency, *, booked: int | None = None) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % (booked or amount_minor))
    return store.append("ACC-1001", [event], expected_version=ANY_VERSION, idempotency=once).reply


def _new_key_each_time(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, str(uuid4()), amount_minor)


def _digest_of_the_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit(store, amount_minor, Idempotency(key, sha256(key.encode()).hexdigest(), b"{}"))


def _no_reply_to_a_repeat(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    before = store.stream_version("ACC-1001")
    said = deposit_once(store, key, amount_minor)
    return said if store.stream_version("ACC-1001") > before else None


def _amount_as_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, str(amount_minor), amount_minor)


def _books_one(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit(store, amount_minor, Idempotency(key, str(amount_minor), b"{}"), booked=1)


def _conflict_swallowed(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    try:
        return deposit_once(store, key, amount_minor)
    except IdempotencyConflict:
        return None


def _as_if_new(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % amount_minor)
    once = Idempotency(key, str(amount_minor), b"{}")
    return store.append("ACC-1001", [event], expected_version=0, idempotency=once).reply


def _digest_by_hash(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit(store, amount_minor, Idempotency(key, str(hash(b"%d" % amount_minor)), b"{}"))


@contextmanager
def _another_process(answer: Any, number: int) -> Iterator[None]:
    """In which ``hash`` of a text or of bytes is another one, as it is wherever PYTHONHASHSEED isn't set."""
    names = getattr(answer, "__globals__", {})

    def salted(value: Any) -> int:
        return hash(value if isinstance(value, int | float) else (number, value))

    own = {name: names[name] for name in ("hash",) if name in names}
    names["hash"] = salted
    try:
        yield
    finally:
        del names["hash"]
        names.update(own)


def _play_deposit_once(answer: Any, events_there: int, commands: list[tuple[str, int]]) -> Any:
    """Each reply, by whether its key was answered before and so; and what is in the store in the end."""
    store = case_store()
    for _ in range(events_there):
        store.append("ACC-1001", [NewEvent(event_type="Renamed", payload=b"{}")], expected_version=ANY_VERSION)
    first: dict[str, bytes] = {}
    replies: list[Any] = []
    for number, (key, amount_minor) in enumerate(commands):
        with _another_process(answer, number):
            said = reply(answer, store, key, amount_minor)
        if isinstance(said, bytes):
            repeated = "the same reply" if said == first.get(key) else "another reply"
            replies.append(repeated if key in first else "a reply")
            first.setdefault(key, said)
        else:
            replies.append(said)
    written = [(each.stream_id, each.event_type, json.loads(each.payload)) for each in store.read_all()]
    return {"replies": replies, "written": written[events_there:]}


def _given_deposit_once(events_there: int, commands: list[tuple[str, int]]) -> str:
    told = [f"{amount_minor} with the key {key!r}" for key, amount_minor in commands]
    return "; ".join([f"{events_there} events in the stream", *told])


DEPOSIT_ONCE = Exercise(
    name="deposit_once",
    task=(
        "Append one event to stream `ACC-1001` of a real `EventStore`: of type `MoneyDeposited`, its payload the JSON "
        'object `{"amount_minor": …}` and nothing else. There may be events in the stream already. Return a reply: any '
        "JSON you like, as `bytes`. A client that repeats its command sends the same `key` and amount again, and may "
        "reach "
        "another process of the bank with it: that books nothing, and it gets the reply of the first time. The same "
        "key with another amount is another command: "
        "let the store's IdempotencyConflict out. The store does it for whoever hands it `Idempotency(key, "
        "command_digest, reply)`, where `command_digest` is a text that is the same for the same command, in every "
        "process, "
        "and another for any other: by it the store knows a repeat from a misused key."
    ),
    stub=(
        "from hashlib import sha256\n\n"
        "from esworkbench.event_store import EventStore, Idempotency\n"
        "from esworkbench.events import NewEvent\n\n\n"
        "def my_deposit_once(store: EventStore, key: str, amount_minor: int) -> bytes: ..."
    ),
    reference=deposit_once,
    cases=st.tuples(
        st.integers(0, 2),
        st.lists(
            st.tuples(st.sampled_from(["monday", "tuesday"]), st.sampled_from([5, 7, 1005, 4723])),
            min_size=1,
            max_size=4,
        ),
    ),
    examples=[(0, [("monday", 5), ("monday", 5)]), (0, [("monday", 5), ("monday", 1005)])],
    play=_play_deposit_once,
    given=_given_deposit_once,
    hints=(
        "`store.append(stream, [event], expected_version=store.stream_version(stream), idempotency=…)` does most of "
        "it, and returns a result that has the `reply`.",
        "The digest must differ when the command differs, and be the same in every process, as Python's own `hash` "
        "isn't: `sha256(event.payload).hexdigest()`. Return `result.reply`.",
    ),
    mistakes={
        "double apply": Mistake(
            _new_key_each_time, "the retry is booked again: hand the store the key that the client has drawn and sent"
        ),
        "digest of the key": Mistake(
            _digest_of_the_key,
            "one key, two amounts, and nobody notices: the digest must be made from the command, not from the key",
        ),
        "another hash in each process": Mistake(
            _digest_by_hash,
            "`hash` of a text or of bytes is another one in each process, so a repeat that reaches another one looks "
            "like another command: take `sha256`",
        ),
        "no reply": Mistake(
            _no_reply_to_a_repeat, "a repeat deserves the answer that got lost: return the reply that the store kept"
        ),
        "the amount as key": Mistake(
            _amount_as_key, "the amount serves as key, but a second deposit of the same amount is a second intent"
        ),
        "books one": Mistake(_books_one, "it books 1, whatever the amount"),
        "swallowed": Mistake(
            _conflict_swallowed,
            "the key was used for another command, and the client isn't told: let IdempotencyConflict out",
        ),
        "as if new": Mistake(
            _as_if_new, "it expects version 0, but the stream has events already: ask `store.stream_version`"
        ),
    },
)

# --- safe_checkpoint --------------------------------------------------------------------------------------------------


def safe_checkpoint(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    """On to the first position that may still fill, and not past it; one that nobody holds stays empty."""
    for position in sorted([*visible, *under_way]):
        if position in under_way:
            break
        checkpoint = position
    return checkpoint


def _last_visible(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return max(visible, default=checkpoint)


def _stops_at_any_gap(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    while checkpoint + 1 in visible:
        checkpoint += 1
    return checkpoint


def _onto_the_gap(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return min(under_way, default=max(visible, default=checkpoint))


def _just_below_the_gap(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return min(under_way, default=max(visible, default=checkpoint) + 1) - 1


def _counts(visible: list[int], under_way: list[int], checkpoint: int) -> int:
    return checkpoint + len([position for position in visible if position < min(under_way, default=2**63)])


@st.composite
def _positions(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """After the checkpoint some positions, each visible, under way, or rolled back and so in neither list."""
    checkpoint = draw(st.integers(0, 12) | st.sampled_from([999, 10**6, 10**12]))
    many = draw(st.integers(0, 6))
    fate = st.sampled_from(["visible", "visible", "under way", "rolled back"])
    fates = draw(st.lists(fate, min_size=many, max_size=many))
    visible = [checkpoint + number for number, fate in enumerate(fates, start=1) if fate == "visible"]
    under_way = [checkpoint + number for number, fate in enumerate(fates, start=1) if fate == "under way"]
    return visible, draw(st.permutations(under_way)), checkpoint


SAFE_CHECKPOINT = Exercise(
    name="safe_checkpoint",
    task=(
        "A reader has read up to position `checkpoint`. Beyond it `visible` are the positions it can read now, in "
        "ascending order, and `under_way` those that writers hold and may still commit, in any order. A position in "
        "neither list was rolled back and stays empty for ever. Return the new checkpoint: the last visible position "
        "below all that are under way, or the old checkpoint if there is none. Both lists may be empty."
    ),
    stub="def my_safe_checkpoint(visible: list[int], under_way: list[int], checkpoint: int) -> int: ...",
    reference=safe_checkpoint,
    cases=_positions(),
    examples=[([1000], [], 999)],
    hints=(
        "Two kinds of gaps: one may still fill, the other never will.",
        "The largest visible position below the smallest one under way.",
    ),
    mistakes={
        "passes the gap": Mistake(
            _last_visible, "it goes past a position that is still being written, and that is never seen then"
        ),
        "waits for ever": Mistake(
            _stops_at_any_gap,
            "it stops at a gap that nobody will fill: what was rolled back is waited for in vain, for ever",
        ),
        "off by one position": Mistake(
            _onto_the_gap,
            "it goes on to the position under way, which hasn't been read yet: the checkpoint must stay below it",
        ),
        "just below the gap": Mistake(
            _just_below_the_gap,
            "it takes the position just below the one under way, but that may be an empty one: the task asks for one "
            "of the visible positions",
        ),
        "counts events": Mistake(
            _counts, "it counts events, but a checkpoint is a position: what was rolled back leaves holes"
        ),
    },
)

exercises = Exercises(__name__, APPEND, WITHDRAW, SAVE_AND_TELL, DEPOSIT_ONCE, SAFE_CHECKPOINT)
