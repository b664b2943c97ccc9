"""The exercise ``catch_up``: a bad event is parked, and all others are handled."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb05_projections.database_errors import locked, overtaken

TASK = (
    "Call `handle(event)` once for each event, in the order given; none comes twice. If it raises an error, call "
    "`park(event, error)`, which never fails, with that very error, and then go on with the next event. A "
    "database that is down (`ConnectionError` and its subclasses) is no event's fault: let that very error out, "
    "and handle nothing more. The same goes for whatever is no `Exception`, such as the `KeyboardInterrupt` of a "
    "Ctrl-C, or a `SystemExit`."
)

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
        ConnectionError, ConnectionResetError, BrokenPipeError,
        KeyboardInterrupt, SystemExit, Cancelled,
    )
} | {
    "an ExceptionGroup": _many, "a ValueError from a ConnectionError": _after_the_database,
    "OperationalError": locked, "ConcurrencyError": overtaken,
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


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

CATCH_UP = Exercise(
    name="catch_up",
    task=TASK,
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
