"""Exercises of notebook 05: one batch, one message, one day, one bad event, each counted once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.observe import Interrupted
from esworkbench.errors import ConcurrencyError
from esworkbench.lab.models.crash import (
    Connection,
    Transaction,
    Write,
    checkpoint_first,
    kept_after_a_kill,
    one_transaction,
    rows_first,
)

# --- one_batch --------------------------------------------------------------------------------------------------------


def _rows_only(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)


def _checkpoint_only(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        save_checkpoint(connection)


def _swallows_and_saves(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        with suppress(Exception):
            write_rows(connection)
        save_checkpoint(connection)


def _swallows_all(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with suppress(Exception):
        one_transaction(transaction, write_rows, save_checkpoint)


def _one_within_the_other(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as rows:
        write_rows(rows)
        with transaction() as checkpoint:
            save_checkpoint(checkpoint)


def _raises_after_the_commit(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    failed = None
    with transaction() as connection:
        try:
            write_rows(connection)
            save_checkpoint(connection)
        except Exception as error:  # noqa: BLE001 - the mistake
            failed = error
    if failed:
        raise failed


class WriteFailed(Exception):
    """What a write raises when the database refuses it."""


def _locked(*said: str) -> Exception:
    return OperationalError("INSERT", None, Exception(*said or ["database is locked"]))


def _overtaken(*said: str) -> Exception:
    return ConcurrencyError(said[0] if said else "ACC-1", 1, 2)


ERRORS_OF_A_WRITE: dict[str, Callable[[], BaseException]] = {
    each.__name__: each
    for each in (WriteFailed, ValueError, Interrupted, KeyError, RuntimeError, TimeoutError, ConnectionError)
} | {"OperationalError": _locked, "ConcurrencyError": _overtaken}
Failing = tuple[int, str]
"""Which write fails, counted from 1, and what it raises."""


def _play_one_batch(
    answer: Any, amounts: list[int], batch_size: int, killed_after: int | None, failing: Failing | None
) -> dict[str, int]:
    """The log is run to its end, however often the process has to be started again."""
    writes, errors, left_open = 0, 0, 0
    raised: list[BaseException] = []

    def at_times(write: Write) -> Write:
        def write_or_fail(connection: Connection) -> None:
            nonlocal writes
            writes += 1
            if failing and writes == failing[0]:
                raised.append(ERRORS_OF_A_WRITE[failing[1]]())
                raise raised[0]
            write(connection)

        return write_or_fail

    def one_life(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
        nonlocal errors, left_open
        opened = 0

        @contextmanager
        def counted() -> Iterator[Connection]:
            nonlocal opened
            opened += 1
            try:
                with transaction() as connection:
                    yield connection
            finally:
                opened -= 1

        try:
            answer(counted, at_times(write_rows), at_times(save_checkpoint))
        except BaseException as error:
            if error not in raised:
                raise
            errors += 1
        left_open += opened

    kept = kept_after_a_kill(one_life, amounts, batch_size=batch_size, lives_steps=killed_after)
    return {
        "balance": kept.balance_minor,
        "checkpoint": kept.checkpoint,
        "errors let out": errors,
        "transactions left open": left_open,
    }


def _given_one_batch(amounts: list[int], batch_size: int, killed_after: int | None, failing: Failing | None) -> str:
    killed = "nobody is killed" if killed_after is None else f"killed after {killed_after} steps (writes and commits)"
    fails = "no write fails" if failing is None else f"write number {failing[0]} raises {failing[1]}"
    return f"events of {amounts}, in batches of {batch_size}; {killed}; {fails}"


ONE_BATCH = Exercise(
    name="one_batch",
    task=(
        "Apply one batch so that every event counts once, at whichever step the process is killed. `transaction()` is "
        "a context manager. It gives the connection that `write_rows(connection)` and `save_checkpoint(connection)` "
        "take; it commits at its end, and undoes everything when an error leaves it. If a write raises an error, that "
        "error must get out, and nothing of the batch may be kept: the next process begins the batch again."
    ),
    stub=(
        "from collections.abc import Callable\nfrom contextlib import AbstractContextManager\n\n"
        "from esworkbench.lab.models.crash import Connection\n\n\n"
        "def my_one_batch(\n    transaction: Callable[[], AbstractContextManager[Connection]],\n"
        "    write_rows: Callable[[Connection], None],\n    save_checkpoint: Callable[[Connection], None],\n"
        ") -> None: ..."
    ),
    reference=one_transaction,
    cases=st.tuples(
        st.lists(st.sampled_from([1, 20, 300, -4]), max_size=4),
        st.integers(1, 3),
        st.none() | st.integers(0, 7),
        st.none() | st.tuples(st.integers(1, 6), st.sampled_from(list(ERRORS_OF_A_WRITE))),
    ),
    examples=[
        ([20], 1, 2, None),
        ([20], 1, 3, None),
        *[([20], 1, None, (write, name)) for write in (1, 2) for name in ERRORS_OF_A_WRITE],
    ],
    play=_play_one_batch,
    given=_given_one_batch,
    hints=(
        "The rows in one transaction, the checkpoint in another: which order is right, if amounts are added up and the "
        "process can be killed between the two?",
        "Begin with `with transaction() as connection:`, put both writes inside it, and catch nothing.",
    ),
    mistakes={
        "rows first": Mistake(
            rows_first, "when it dies between the two, a batch counts twice: its rows are kept, its checkpoint isn't"
        ),
        "checkpoint first": Mistake(
            checkpoint_first, "when it dies between the two, a batch is lost: its checkpoint is kept, its rows aren't"
        ),
        "no checkpoint": Mistake(
            _rows_only, "the checkpoint is never saved, so each run begins where the last one began"
        ),
        "no rows": Mistake(_checkpoint_only, "the checkpoint moves past events whose rows were never written"),
        "swallowed and saved": Mistake(
            _swallows_and_saves,
            "the error of a write is swallowed and the checkpoint is saved all the same: the batch is lost for good",
        ),
        "swallowed": Mistake(
            _swallows_all, "the error of a write doesn't get out: whoever runs this never hears of it"
        ),
        "one within the other": Mistake(
            _one_within_the_other,
            "two transactions are open at a time, and neither sees what the other writes: put both writes into one",
        ),
        "after the commit": Mistake(
            _raises_after_the_commit,
            "the error is raised once the transaction has ended, and committed what was written until then: let it "
            "leave the `with`",
        ),
    },
)

# --- receive ----------------------------------------------------------------------------------------------------------


class Message(NamedTuple):
    """An event on its way to another database. ``version`` counts the events of its account."""

    event_id: str
    account_id: str
    version: int
    amount_minor: int


Inbox = set[str]
Balances = dict[str, int]
Receive = Callable[[Message, Inbox, Balances], bool]


def receive(message: Message, inbox: Inbox, balances: Balances) -> bool:
    """As ``projections.inbox.Inbox``: the id of each event is kept beside the rows it changed."""
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def _add(message: Message, balances: Balances) -> bool:
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def _receive_all(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return _add(message, balances)


def _remembering(key: Callable[[Message], Any], *, all_of_them: bool = True) -> Receive:
    def receive_unknown(message: Message, inbox: Inbox, balances: Balances) -> bool:
        if key(message) in inbox:
            return False
        if not all_of_them:
            inbox.clear()
        inbox.add(key(message))
        return _add(message, balances)

    return receive_unknown


def _overwrites(message: Message, inbox: Inbox, balances: Balances) -> bool:
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    balances[message.account_id] = message.amount_minor
    return True


def _never_adds(message: Message, inbox: Inbox, balances: Balances) -> bool:
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    return True


def _says_it_is_known(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return not receive(message, inbox, balances)


def _in_one_text(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return not any(message.event_id in known for known in inbox) and receive(message, inbox, balances)


def _passes_over_nothing(message: Message, inbox: Inbox, balances: Balances) -> bool:
    return message.amount_minor != 0 and receive(message, inbox, balances)


def _play_receive(answer: Any, deliveries: list[Message], balances: Balances) -> dict[str, Any]:
    """Each delivery is an object of its own, as it is when it comes over a wire; all are held, so no ``id`` recurs.

    Whether a balance of 0 is left out is the answer's own choice, as is what it does with an account of none.
    """
    inbox: Inbox = set()
    kept = dict(balances)
    on_the_wire = [Message(*delivery) for delivery in deliveries]
    added = [answer(message, inbox, kept) for message in on_the_wire]
    accounts = sorted({*kept, *balances, *(message.account_id for message in on_the_wire)})
    by_hash = {str(abs(hash(each))) for message in on_the_wire for each in (message, *message[:2], message[1:3])}
    texts = [key for key in inbox if isinstance(key, str)]
    return {
        "added": added,
        "balances": {account: kept.get(account, 0) for account in accounts},
        "no text, in the inbox": sorted({type(key).__name__ for key in inbox if not isinstance(key, str)}),
        "made by hash(), in the inbox": sum(any(each in text for each in by_hash) for text in texts),
    }


ACCOUNTS = ["ACC-1", "ACC-11", "DEP-1"]
ALIKE = ["e1", "e11", "11", "1", "E1"]
"""Ids of which one stands in another."""


@st.composite
def _deliveries(draw: st.DrawFn) -> tuple[list[Message], Balances]:
    """Each message comes at least once, some again, in any order. Only an id, or account and version, is unique."""
    messages: list[Message] = []
    accounts = draw(st.lists(st.sampled_from(ACCOUNTS), max_size=5))
    first = {"ACC-1": draw(st.sampled_from([1, 11])), "ACC-11": 1, "DEP-1": 1}
    ids = draw(st.sampled_from([[f"0190c0de-{number + 1:04}" for number in range(5)], ALIKE]))
    for number, account in enumerate(accounts):
        version = first[account] + accounts[:number].count(account)
        messages.append(Message(ids[number], account, version, draw(st.sampled_from([500, 7, -500, 0]))))
    again = draw(st.lists(st.sampled_from(messages), max_size=3)) if messages else []
    return draw(st.permutations(messages + again)), draw(st.sampled_from([{}, {"ACC-1": 100}]))


def _given_receive(deliveries: list[Message], balances: Balances) -> str:
    told = [f"{each.event_id} ({each.account_id}, version {each.version}: {each.amount_minor})" for each in deliveries]
    return f"balances {balances}; {', '.join(told) or 'no message'}"


MANY = [Message(f"0190c0de-{number:04}", "ACC-1", number, 500) for number in range(1, 13)]


RECEIVE = Exercise(
    name="receive",
    task=(
        "Add `message.amount_minor` to `balances[message.account_id]` once, however often the message comes and in "
        "whatever order. An account that isn't in `balances` has 0. Return `True` if the amount was added now, be it "
        "0, `False` if the message was known. `inbox` is a set of texts (`str`) for you to use. It is empty at first, "
        "and is committed with the balances; nothing else outlives a call, and each may come in another process. A "
        "message that comes again is another object with the same content."
    ),
    stub=(
        "from esworkbench.course.nb05_projections import Message  # event_id, account_id, version, amount_minor\n\n\n"
        "def my_receive(message: Message, inbox: set[str], balances: dict[str, int]) -> bool: ..."
    ),
    reference=receive,
    cases=_deliveries(),
    examples=[
        ([Message("0190c0de-0001", "ACC-1", 11, 500), Message("0190c0de-0002", "ACC-11", 1, 500)], {}),
        ([Message("0190c0de-0001", "ACC-1", 1, 0), Message("0190c0de-0001", "ACC-1", 1, 0)], {"ACC-1": 100}),
        ([Message("e11", "ACC-1", 1, 500), Message("11", "ACC-1", 2, 7), Message("1", "DEP-1", 1, 7)], {}),
        ([Message("0190c0de-0001", "ACC-1", 1, 500), Message("0190c0de-0065", "ACC-1", 65, 500)], {}),
        ([*MANY, *MANY], {}),
    ],
    play=_play_receive,
    given=_given_receive,
    hints=(
        "What makes two messages the same one?",
        "Return `False` if `message.event_id` is in the inbox; else put it there, add the amount, and return `True`.",
    ),
    mistakes={
        "double apply": Mistake(
            _receive_all,
            "a message that comes again is added again: look into the inbox first, and keep there what both copies of "
            "the message have in common",
        ),
        "by version": Mistake(
            _remembering(lambda message: str(message.version)),
            "events of two accounts can have the same version, so one account's message was taken for the other's",
        ),
        "run together": Mistake(
            _remembering(lambda message: f"{message.account_id}{message.version}"),
            "account and version run together: ACC-1 with 11 reads like ACC-11 with 1, so put something between them",
        ),
        "the beginning of the id": Mistake(
            _remembering(lambda message: message.event_id[:8]),
            "ids that are made at about the same time begin alike: remember the whole id",
        ),
        "nothing to add": Mistake(
            _passes_over_nothing, "a message of amount 0 comes for the first time like any other: `True`"
        ),
        "by content": Mistake(
            _remembering(lambda message: f"{message.account_id} {message.amount_minor}"),
            "two payments of the same amount are two events: alike is not the same, and the id can tell them apart",
        ),
        "the last one only": Mistake(
            _remembering(lambda message: message.event_id, all_of_them=False),
            "a message can come again after another one: the inbox must remember all ids, and not just the last",
        ),
        "overwritten": Mistake(
            _overwrites, "the amount replaces the balance: add it to what is there already, with `+` and not with `=`"
        ),
        "never added": Mistake(_never_adds, "the message is remembered, but its amount is never added to the balance"),
        "no text": Mistake(
            _remembering(lambda message: (message.account_id, message.version)),
            "what you remember is right, but it is no text: the inbox is kept in one column, so put a `str` into it",
        ),
        "by hash": Mistake(
            _remembering(lambda message: str(hash(message))),
            "`hash` of a text is another number in every process: after a restart no message would be known",
        ),
        "in one text": Mistake(
            _in_one_text,
            "an id that stands within another one is taken for it: look for the id itself, with `in inbox`",
        ),
        "the wrong way round": Mistake(
            _says_it_is_known, "the answers are the wrong way round: `True` is for a message that was added now"
        ),
    },
)

# --- day_of -----------------------------------------------------------------------------------------------------------

ZONES = ["UTC", "Europe/Zurich", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "America/Havana"]
"""Havana puts its clocks on at midnight, so that there even the day depends on the hour that is skipped."""

DAYS = [date(2024, 1, 1), date(2024, 3, 10), date(2024, 3, 31), date(2024, 7, 2), date(2024, 11, 3)]


def day_of(recorded_at: datetime, time_zone: str) -> date:
    """The moment is converted first; only then does it have a day."""
    return recorded_at.astimezone(ZoneInfo(time_zone)).date()


def _zone_replaced(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.replace(tzinfo=ZoneInfo(time_zone)).date()


def _at_home(recorded_at: datetime, time_zone: str) -> date:
    return day_of(recorded_at, "Europe/Zurich")


def _in_utc(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.astimezone(UTC).date()


def _fixed_offset(recorded_at: datetime, time_zone: str) -> date:
    offset = ZoneInfo(time_zone).utcoffset(datetime(2024, 1, 1, 12)) or timedelta(0)  # noqa: DTZ001 - a wall clock
    return recorded_at.astimezone(timezone(offset)).date()


def _as_text(recorded_at: datetime, time_zone: str) -> str:
    return day_of(recorded_at, time_zone).isoformat()


def _as_a_moment(recorded_at: datetime, time_zone: str) -> datetime:
    return recorded_at.astimezone(ZoneInfo(time_zone))


@st.composite
def _moments_near_midnight(draw: st.DrawFn) -> tuple[datetime, str]:
    """Within three hours of a midnight in the zone that is asked for, told in any zone."""
    time_zone = draw(st.sampled_from(ZONES))
    day = draw(st.sampled_from(DAYS))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    moment = midnight + timedelta(minutes=draw(st.sampled_from([0, -1e-6, -0.005, -1, 1, -30, 30, -90, 90, -150, 150])))
    told_in = draw(st.sampled_from(["UTC", "UTC", "Asia/Tokyo", "America/New_York"]))
    return moment if told_in == "UTC" else moment.astimezone(ZoneInfo(told_in)), time_zone


def _given_day_of(recorded_at: datetime, time_zone: str) -> str:
    return f"{recorded_at.isoformat()}, and {time_zone!r}"


DAY_OF = Exercise(
    name="day_of",
    task=(
        "The calendar day on which a moment falls in a time zone, as a `date`. `recorded_at` is a moment with a zone "
        'of its own, which may be any; `time_zone` names the zone that is asked for, such as `"Europe/Zurich"`.'
    ),
    stub=(
        "from datetime import date, datetime\nfrom zoneinfo import ZoneInfo\n\n\n"
        "def my_day_of(recorded_at: datetime, time_zone: str) -> date: ..."
    ),
    reference=day_of,
    cases=_moments_near_midnight(),
    examples=[
        (datetime(2024, 7, 2, 3, tzinfo=ZoneInfo("Asia/Tokyo")), "America/New_York"),
        (datetime(2024, 7, 2, 23, tzinfo=ZoneInfo("America/New_York")), "Asia/Kolkata"),
        (datetime(2024, 7, 2, 4, tzinfo=ZoneInfo("Asia/Tokyo")), "Europe/Zurich"),
        (datetime(2024, 7, 2, 23, 59, 59, 700_000, tzinfo=UTC), "UTC"),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), "UTC"),
        (datetime(2023, 10, 29, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Zurich")), "Atlantic/Cape_Verde"),
    ],
    given=_given_day_of,
    hints=(
        "A moment has no day before a zone is named.",
        "`recorded_at.astimezone(ZoneInfo(time_zone))` is the same moment in that zone; `.date()` is its day.",
    ),
    mistakes={
        "naive time zone": Mistake(
            _zone_replaced,
            "it is the day in the zone that `recorded_at` came with: convert the moment first, and don't just replace "
            "its zone, since then the hour stays",
        ),
        "in UTC": Mistake(
            _in_utc,
            "it is the day in UTC, whichever zone is asked for: an `astimezone()` that names none takes the computer's",
        ),
        "the server's zone": Mistake(_at_home, "it is the day in Zurich, whichever zone is asked for"),
        "fixed offset": Mistake(
            _fixed_offset,
            "it uses the zone's offset of winter all year: where clocks change, no fixed offset is right",
        ),
        "as text": Mistake(_as_text, "it is the right day, but as a text: return a `date`"),
        "as a moment": Mistake(
            _as_a_moment, "it is the same moment told in that zone, and still has an hour: return its `date`"
        ),
    },
)

# --- catch_up ---------------------------------------------------------------------------------------------------------

Handle = Callable[[int], None]
Park = Callable[[int, Exception], None]


def catch_up(events: Sequence[int], handle: Handle, park: Park) -> None:
    """As ``ProjectionRunner``: what is wrong with an event is parked, what is wrong with the database is not."""
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - parked with its error
            park(event, error)


def _stops(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        handle(event)


def _parks_and_stops(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - parked with its error
            park(event, error)
            return


def _skips(events: Sequence[int], handle: Handle, park: Park) -> None:
    catch_up(events, handle, lambda event, error: None)


def _parks_everything(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except Exception as error:  # noqa: BLE001 - the mistake
            park(event, error)


def _parks_value_errors(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ValueError as error:
            park(event, error)


def _passes(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            pass
        except Exception as error:  # noqa: BLE001 - parked with its error
            park(event, error)


def _parks_interrupts(events: Sequence[int], handle: Handle, park: Any) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except BaseException as error:  # noqa: BLE001 - the mistake
            park(event, error)


def _lets_all_of_the_systems_errors_out(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - parked with its error
            park(event, error)


def _lets_time_run_out(events: Sequence[int], handle: Handle, park: Park) -> None:
    for event in events:
        try:
            handle(event)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - parked with its error
            park(event, error)


def _parks_all_but_ctrl_c(events: Sequence[int], handle: Handle, park: Any) -> None:
    for event in events:
        try:
            handle(event)
        except (KeyboardInterrupt, ConnectionError):
            raise
        except BaseException as error:  # noqa: BLE001 - the mistake
            park(event, error)


class Cancelled(BaseException):
    """No error of an event, like the one that ends a task of asyncio."""


def _many(*said: str) -> Exception:
    return ExceptionGroup("many", [ValueError(*said)])


def _after_the_database(*said: str) -> Exception:
    error = ValueError(*said)
    error.__cause__ = ConnectionError()
    return error


ERRORS: dict[str, Callable[..., BaseException]] = {
    each.__name__: each
    for each in (
        ValueError, KeyError, RuntimeError, FileNotFoundError, TimeoutError, StopIteration, AssertionError, MemoryError,
        ConnectionError, ConnectionResetError,
        KeyboardInterrupt, SystemExit, Cancelled,
    )
} | {
    "an ExceptionGroup": _many, "a ValueError from a ConnectionError": _after_the_database,
    "OperationalError": _locked, "ConcurrencyError": _overtaken,
}  # fmt: skip


def _play_catch_up(answer: Any, events: list[tuple[int, str]], said: str) -> dict[str, Any]:
    """Each event raises the error that is named beside it, and none where nothing is; all their errors say the same."""
    fails_with = dict(events)
    done: list[str] = []
    raised: list[BaseException] = []

    def is_theirs(error: BaseException) -> bool:
        return any(error is each for each in raised)

    def named(error: BaseException) -> str:
        return f"{error!r}" if is_theirs(error) else f"another object, {error!r}"

    def handle(event: int) -> None:
        done.append(f"event {event} handled")
        if fails_with[event]:
            raised.append(ERRORS[fails_with[event]](*[said] if said else []))
            raise raised[-1]

    def park(event: int, error: BaseException) -> None:
        done.append(f"event {event} parked with {named(error)}")

    out = "none"
    try:
        answer([event for event, _ in events], handle, park)
    except tuple({type(make()) for make in ERRORS.values()}) as error:
        if isinstance(error, KeyboardInterrupt) and not is_theirs(error):
            raise
        out = named(error)
    return {"done": done, "error let out": out}


def _given_catch_up(events: list[tuple[int, str]], said: str) -> str:
    told = [f"event {number} {f'raises {name}' if name else 'is good'}" for number, name in events]
    saying = f"; each error says {said!r}" if said else "; each error says nothing"
    return (", ".join(told) or "no events") + (saying if any(name for _, name in events) else "")


CATCH_UP = Exercise(
    name="catch_up",
    task=(
        "Call `handle(event)` once for each event, in the order given; none comes twice. If it raises an error, call "
        "`park(event, error)`, which never fails, with that very error, and then go on with the next event. A "
        "database that is down (`ConnectionError` and its subclasses) is no event's fault: let that very error out, "
        "and handle nothing more. The same goes for whatever is no `Exception`, such as the `KeyboardInterrupt` of a "
        "Ctrl-C, or a `SystemExit`."
    ),
    stub=(
        "from collections.abc import Callable, Sequence\n\n\n"
        "def my_catch_up(\n    events: Sequence[int],\n    handle: Callable[[int], None],\n"
        "    park: Callable[[int, Exception], None],\n) -> None: ..."
    ),
    reference=catch_up,
    cases=st.tuples(
        st.lists(
            st.tuples(st.integers(0, 9), st.sampled_from(["", *ERRORS])), max_size=4, unique_by=lambda each: each[0]
        ),
        st.sampled_from(["what is a fee?", ""]),
    ),
    examples=[
        *[([(1, name), (2, "")], "what is a fee?") for name in ERRORS],
        ([(1, "ValueError"), (2, "ValueError")], "what is a fee?"),
        ([(1, "ValueError"), (2, "")], ""),
        ([(2, ""), (1, "")], ""),
        ([(0, "")], ""),
    ],
    play=_play_catch_up,
    given=_given_catch_up,
    hints=(
        "Put the `try` inside the loop. Which errors must stop it all the same?",
        "`except ConnectionError: raise` comes before `except Exception as error: park(event, error)`.",
    ),
    mistakes={
        "stops everybody": Mistake(_stops, "the error of a bad event gets out, and all events after it wait for ever"),
        "stops after parking": Mistake(
            _parks_and_stops, "everything after a bad event is left undone: park only that one, and go on"
        ),
        "skipped": Mistake(
            _skips, "a bad event is skipped without a record: nobody will ever know that the rows lack it"
        ),
        "parks the database's errors": Mistake(
            _parks_everything,
            "the database is down, and good events are parked for it: let a ConnectionError out with `raise`",
        ),
        "parks ValueError only": Mistake(
            _parks_value_errors,
            "only a ValueError is parked: an event can be bad in any way, and a KeyError stops everybody just as well",
        ),
        "passes over the database's errors": Mistake(
            _passes,
            "the database is down, and its error is passed over, so a good event is never handled: `raise` lets it out",
        ),
        "parks Ctrl-C": Mistake(
            _parks_interrupts,
            "a bare `except`, like `except BaseException`, catches a Ctrl-C too, and parks an event for it",
        ),
        "parks an exit": Mistake(
            _parks_all_but_ctrl_c,
            "Ctrl-C is let out, but a SystemExit is parked: neither is an `Exception`, so catch nothing wider",
        ),
        "lets every OSError out": Mistake(
            _lets_all_of_the_systems_errors_out,
            "a FileNotFoundError is an OSError too, but no ConnectionError: park it, as the event's own",
        ),
        "lets a TimeoutError out": Mistake(
            _lets_time_run_out, "a TimeoutError is no ConnectionError in Python: by this task it is parked"
        ),
    },
)

exercises = Exercises(__name__, ONE_BATCH, RECEIVE, CATCH_UP, DAY_OF)
