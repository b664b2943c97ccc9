"""The exercise ``append``: events onto a stream, if it is at the version that is expected."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, text

from esworkbench.course.case_database import case_engine
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.errors import ConcurrencyError

TASK = (
    "`connection` is in a transaction. Its owner, who calls you, commits it; when you raise, it is rolled back. "
    "The table `log` has the columns `stream`, `version` and `event`. A stream is at the version of its last "
    "event, at 0 if it has none. If that is `expected_version`, insert the events, which are texts of any kind, "
    "under the versions that follow it, and return nothing. Otherwise raise `ConcurrencyError(stream, expected, "
    "actual)` (by name, `stream_id`, `expected` and `actual`), even when there are no events to append: nothing is "
    "inserted in the end. Rows come in any order, and names that look alike, as `A` and `a`, are different streams."
)


def append(connection: Connection, stream: str, expected_version: int, events: Sequence[str]) -> None:
    """All or nothing, and only onto the version that the decision was made on."""
    last = "SELECT coalesce(max(version), 0) FROM log WHERE stream = :stream"
    actual = connection.execute(text(last), {"stream": stream}).scalar_one()
    if expected_version != actual:
        raise ConcurrencyError(stream, expected_version, actual)
    insert = "INSERT INTO log (stream, version, event) VALUES (:stream, :version, :event)"
    for version, event in enumerate(events, start=actual + 1):
        connection.execute(text(insert), {"stream": stream, "version": version, "event": event})


LAST_VERSION = "SELECT coalesce(max(version), 0) FROM log WHERE stream = :stream"
INSERT = "INSERT INTO log (stream, version, event) VALUES (:stream, :version, :event)"
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


ALIKE = [["A", "AB"], ["A_1", "AX1"], ["A", "a"], ["A%", "AB"], ["A", "A "], ["O'Hara", "O"], ["A:1", "A"]]
"""Names of two streams: one the beginning of the other, one a pattern that fits the other, one in small letters.

And names with a character that means something in SQL."""
NEW = [["new", "newer"], ["it's new", 'it is "newer": 50 % :now'], ["", " new\n"], ["new", "new"]]
TEN = {("A", version): f"event {version}" for version in range(1, 11)}


@st.composite
def _logs_and_appends(draw: st.DrawFn) -> tuple[Log, str, int, list[str], bool]:
    """Two streams in one log, now and then with a hole, and a writer that is up to date, behind or ahead."""
    names = draw(st.sampled_from(ALIKE))
    last = dict.fromkeys(names, 0)
    log: Log = {}
    for stream, step in draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from([1, 1, 2])), max_size=4)):
        last[stream] += step
        log[stream, last[stream]] = f"event {len(log) + 1}"
    stream = draw(st.sampled_from(names))
    now = last[stream]
    expected = draw(st.sampled_from([now, now, now - 1, now + 1, now - 2, len(log)]))
    events = draw(st.sampled_from(NEW))[: draw(st.integers(0, 2))]
    if draw(st.booleans()):
        log = dict(reversed(log.items()))
    return log, stream, max(expected, 0), events, draw(st.sampled_from([False, False, False, True]))


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

APPEND = Exercise(
    name="append",
    task=TASK,
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
        ({("A", 1): "event 1"}, "A", 1, ["", " new\n"], False),
        ({("A", 1): "event 1"}, "A", 1, ["new", "new"], False),
        (TEN, "A", 10, ["new"], False),
        ({("A", version): f"event {version}" for version in (2, 1)}, "A", 2, ["new"], False),
        ({("A", version): f"event {version}" for version in (1, 2, 4)}, "A", 2, ["new"], False),
        *(({(other, 1): "event 1"}, name, 0, ["new"], False) for name, other in ALIKE),
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
            "it writes a value into the statement, and an apostrophe ends the text there: hand values in beside it, "
            "as `:event`",
        ),
        "returns the version": Mistake(
            _returns_the_version, "it returns something, but the task says that nothing is returned"
        ),
    },
)
