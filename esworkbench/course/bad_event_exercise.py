"""An exercise of notebook 05: one bad event stops nobody, and a database that is down is nobody's fault."""

from collections.abc import Callable, Sequence

from esworkbench.lab.exercises import Exercise, Mistake, Wrong

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
        raise Wrong("everything after the bad event is left undone: only the bad one is parked")
    if teller.handled != [1, 2, 4, 5]:
        raise Wrong(f"of the events 1 to 5, of which 3 is bad, {teller.handled} were handled: each good one once")
    if not teller.parked:
        raise Wrong("event 3 was skipped without a record: nobody will ever know that the rows lack it")
    if teller.parked != [(BAD, "what is this?")]:
        raise Wrong(f"parked were {teller.parked}: park event 3 alone, once, with the error that was raised")
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
        "Write `my_catch_up(events, handle, park)`: handle each event; `park(event, error)` what `handle` can't, and "
        "stop nobody. A database that is down (`ConnectionError`) is no event's fault: let that pass."
    ),
    examine=examine_catch_up,
    reference=catch_up,
    hints=(
        "The `try` stands inside the loop.",
        "`except ConnectionError: raise` comes before `except Exception as error: park(event, error)`.",
    ),
    mistakes={
        "stops everybody": Mistake(stops, "stops the run"),
        "stops after parking": Mistake(parks_and_stops, "everything after"),
        "skipped": Mistake(skips, "without a record"),
        "parks the database's errors": Mistake(parks_everything, "no event's fault"),
    },
)
