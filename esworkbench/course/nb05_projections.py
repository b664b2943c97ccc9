"""Exercises of notebook 05: one batch, one message, one day, one bad event, each counted once."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.lab.models.crash import (
    ApplyBatch,
    Transaction,
    Write,
    checkpoint_first,
    kept_after_a_kill,
    one_transaction,
    rows_first,
)

# --- one_batch --------------------------------------------------------------------------------------------------------

AMOUNTS = (100, 20, 3, 4_000, 500, 60)


def examine_one_batch(apply_batch: ApplyBatch) -> None:
    healthy = kept_after_a_kill(apply_batch, AMOUNTS, batch_size=2, lives_steps=None)
    if healthy.checkpoint != len(AMOUNTS):
        raise Wrong(
            "nobody was killed, and the checkpoint never arrives at the end: each run starts where the last one started"
        )
    if healthy.balance_minor != sum(AMOUNTS):
        raise Wrong("nobody was killed, and the rows are not those of the events: write them once for each batch")
    for steps in range(4 * len(AMOUNTS)):
        kept = kept_after_a_kill(apply_batch, AMOUNTS, batch_size=2, lives_steps=steps)
        if kept.balance_minor > sum(AMOUNTS):
            raise Wrong(f"killed after {steps} steps, a batch counts twice: its rows were there, its checkpoint wasn't")
        if kept.balance_minor < sum(AMOUNTS):
            raise Wrong(f"killed after {steps} steps, a batch is lost: its checkpoint was there, its rows weren't")


def rows_only(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        write_rows(connection)


def checkpoint_only(transaction: Transaction, write_rows: Write, save_checkpoint: Write) -> None:
    with transaction() as connection:
        save_checkpoint(connection)


ONE_BATCH = Exercise(
    name="one_batch",
    task=(
        "Write `my_batch(transaction, write_rows, save_checkpoint)` so that every event counts once, whichever step "
        "it dies at. `transaction()` is a context manager; it gives the connection that the other two take."
    ),
    examine=examine_one_batch,
    reference=one_transaction,
    hints=(
        "Which order is right? None, as long as something can come between.",
        "`with transaction() as connection:` and both writes inside it.",
    ),
    mistakes={
        "rows first": Mistake(rows_first, "counts twice"),
        "checkpoint first": Mistake(checkpoint_first, "is lost"),
        "no checkpoint": Mistake(rows_only, "never arrives"),
        "no rows": Mistake(checkpoint_only, "not those of the events"),
    },
)

# --- receive ----------------------------------------------------------------------------------------------------------


class Message(NamedTuple):
    event_id: str
    account_id: str
    version: int
    amount_minor: int


Inbox = set[object]
Balances = dict[str, int]
Receive = Callable[[Message, Inbox, Balances], bool]

FIRST = Message("e1", "ada", 1, 500)
OTHER = Message("e2", "bob", 1, 500)
ALIKE = Message("e3", "ada", 2, 500)


def told(receive: Receive, *messages: Message) -> tuple[Balances, list[bool]]:
    inbox: Inbox = set()
    balances: Balances = {}
    answers = [receive(message, inbox, balances) for message in messages]
    return balances, answers


def examine_receive(receive: Receive) -> None:
    balances, _ = told(receive, FIRST)
    if balances != {"ada": 500}:
        raise Wrong(f"one message of 5.00 for ada leaves {balances}: add what is new to the account's balance")
    if told(receive, FIRST, FIRST)[0] != balances:
        raise Wrong("a message came again at once, and its amount was added again: look into the inbox first")
    if told(receive, FIRST, OTHER)[0] != {"ada": 500, "bob": 500}:
        raise Wrong("bob's message was taken for ada's: events of two accounts can share a version, but not an id")
    if told(receive, FIRST, ALIKE)[0] != {"ada": 1000}:
        raise Wrong("ada paid in 5.00 twice, and one of them is lost: alike is not the same, and only the id can tell")
    if told(receive, FIRST, OTHER, FIRST)[0] != {"ada": 500, "bob": 500}:
        raise Wrong("a message came again after another one: the inbox must remember all ids, not just the last")
    if told(receive, FIRST, OTHER, FIRST)[1] != [True, True, False]:
        raise Wrong("the balances are right; say True for a message that was added now, and False for a known one")


def receive_once(message: Message, inbox: Inbox, balances: Balances) -> bool:
    if message.event_id in inbox:
        return False
    inbox.add(message.event_id)
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


def remembering(key: Callable[[Message], object], *, all_of_them: bool = True) -> Receive:
    def receive(message: Message, inbox: Inbox, balances: Balances) -> bool:
        if key(message) in inbox:
            return False
        if not all_of_them:
            inbox.clear()
        inbox.add(key(message))
        balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
        return True

    return receive


def receive_all(message: Message, inbox: Inbox, balances: Balances) -> bool:
    balances[message.account_id] = balances.get(message.account_id, 0) + message.amount_minor
    return True


RECEIVE = Exercise(
    name="receive",
    task=(
        "Write `my_receive(message, inbox, balances)`: add `message.amount_minor` to `balances[message.account_id]` "
        "once, however often the message comes, and return whether it was added now. `inbox` is a set for you to "
        "use."
    ),
    examine=examine_receive,
    reference=receive_once,
    hints=(
        "What makes two messages the same one?",
        "`message.event_id`: leave if it is in the inbox, else put it there and add.",
    ),
    mistakes={
        "double apply": Mistake(receive_all, "at once"),
        "by version": Mistake(remembering(lambda message: message.version), "but not an id"),
        "by content": Mistake(remembering(lambda message: (message.account_id, message.amount_minor)), "alike"),
        "the last one only": Mistake(remembering(lambda message: message.event_id, all_of_them=False), "all ids"),
    },
)

# --- day_of -----------------------------------------------------------------------------------------------------------

DayOf = Callable[[datetime, str], date]


def examine_day_of(day_of: DayOf) -> None:
    late = datetime(2024, 3, 1, 23, 30, tzinfo=UTC)
    if day_of(late, "UTC") != date(2024, 3, 1):
        raise Wrong(f"23:30 UTC on 1 March is 1 March in UTC itself, not {day_of(late, 'UTC')}")
    if day_of(late, "Europe/Zurich") == date(2024, 3, 1):
        raise Wrong("23:30 UTC on 1 March is 2 March in Zurich: the moment must be converted, not its zone replaced")
    if day_of(late, "Asia/Tokyo") != date(2024, 3, 2) or day_of(late, "America/New_York") != date(2024, 3, 1):
        raise Wrong("in Zurich it is 2 March, in Tokyo too, in New York 1 March: use the zone that is asked for")
    summer = datetime(2024, 7, 1, 22, 30, tzinfo=UTC)
    if day_of(summer, "Europe/Zurich") != date(2024, 7, 2):
        raise Wrong("22:30 UTC on 1 July is 2 July in Zurich, two hours ahead in summer: no fixed offset is right")


def day_of(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.astimezone(ZoneInfo(time_zone)).date()


def zone_replaced(recorded_at: datetime, time_zone: str) -> date:
    return recorded_at.replace(tzinfo=ZoneInfo(time_zone)).date()


def at_home(recorded_at: datetime, time_zone: str) -> date:
    """The server is in Zurich."""
    return recorded_at.astimezone(ZoneInfo("UTC" if time_zone == "UTC" else "Europe/Zurich")).date()


def fixed_offset(recorded_at: datetime, time_zone: str) -> date:
    hours = {"Europe/Zurich": 1, "Asia/Tokyo": 9, "America/New_York": -5}.get(time_zone, 0)
    return recorded_at.astimezone(timezone(timedelta(hours=hours))).date()


DAY_OF = Exercise(
    name="day_of",
    task='Write `my_day(recorded_at, time_zone)`: the calendar day of a moment in a zone, such as `"Europe/Zurich"`.',
    examine=examine_day_of,
    reference=day_of,
    hints=("A moment has no day before a zone is named.", "`recorded_at.astimezone(ZoneInfo(time_zone))`"),
    mistakes={
        "naive time zone": Mistake(zone_replaced, "not its zone replaced"),
        "the server's zone": Mistake(at_home, "zone that is asked for"),
        "fixed offset": Mistake(fixed_offset, "no fixed offset"),
    },
)

# --- catch_up ---------------------------------------------------------------------------------------------------------

CatchUp = Callable[[Sequence[int], Callable[[int], None], Callable[[int, Exception], None]], None]

BAD = 3


class Teller:
    """Handles all events but ``BAD``; with ``down_at``, the database goes away at that event."""

    def __init__(self, down_at: int | None = None) -> None:
        self.down_at = down_at
        self.handled: list[int] = []
        self.parked: list[tuple[int, str]] = []

    def handle(self, event: int) -> None:
        if event == self.down_at:
            raise ConnectionError("the database is down")
        if event == BAD:
            raise ValueError("what is this?")
        self.handled.append(event)

    def park(self, event: int, error: Exception) -> None:
        self.parked.append((event, str(error)))


def examine_catch_up(catch_up: CatchUp) -> None:
    teller = Teller()
    try:
        catch_up([1, 2, 3, 4, 5], teller.handle, teller.park)
    except ValueError:
        raise Wrong("event 3 is bad, and its error stops the run: events 4 and 5 wait for ever") from None
    if teller.handled == [1, 2]:
        raise Wrong("everything after the bad event is left undone: park only the bad one")
    if teller.handled != [1, 2, 4, 5]:
        raise Wrong(f"of events 1 to 5 only 3 is bad, but {teller.handled} were handled: handle each good one once")
    if not teller.parked:
        raise Wrong("event 3 was skipped without a record: nobody will ever know that the rows lack it")
    if teller.parked != [(BAD, "what is this?")]:
        raise Wrong(f"you parked {teller.parked}: park event 3 alone, once, with the error that was raised")
    teller = Teller(down_at=2)
    try:
        catch_up([1, 2, 4], teller.handle, teller.park)
    except ConnectionError:
        return
    raise Wrong("the database was down, and good events were parked for it: that error is no event's fault")


def catch_up(events: Sequence[int], handle: Callable[[int], None], park: Callable[[int, Exception], None]) -> None:
    for event in events:
        try:
            handle(event)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - parked with its error
            park(event, error)


def stops(events: Sequence[int], handle: Callable[[int], None], park: Callable[[int, Exception], None]) -> None:
    for event in events:
        handle(event)


def parks_and_stops(
    events: Sequence[int], handle: Callable[[int], None], park: Callable[[int, Exception], None]
) -> None:
    for event in events:
        try:
            handle(event)
        except ValueError as error:
            park(event, error)
            return


def skips(events: Sequence[int], handle: Callable[[int], None], park: Callable[[int, Exception], None]) -> None:
    catch_up(events, handle, lambda event, error: None)


def parks_everything(
    events: Sequence[int], handle: Callable[[int], None], park: Callable[[int, Exception], None]
) -> None:
    for event in events:
        try:
            handle(event)
        except Exception as error:  # noqa: BLE001 - the mistake
            park(event, error)


CATCH_UP = Exercise(
    name="catch_up",
    task=(
        "Write `my_catch_up(events, handle, park)`: handle each event; `park(event, error)` any that `handle` "
        "can't, and go on. A database that is down (`ConnectionError`) is no event's fault: let that error out."
    ),
    examine=examine_catch_up,
    reference=catch_up,
    hints=(
        "Put the `try` inside the loop.",
        "`except ConnectionError: raise` comes before `except Exception as error: park(event, error)`.",
    ),
    mistakes={
        "stops everybody": Mistake(stops, "stops the run"),
        "stops after parking": Mistake(parks_and_stops, "everything after"),
        "skipped": Mistake(skips, "without a record"),
        "parks the database's errors": Mistake(parks_everything, "no event's fault"),
    },
)

exercises = Exercises(ONE_BATCH, RECEIVE, DAY_OF, CATCH_UP)
