"""Stepping over the real handlers, one event at a time: before, after, how long it took, and what went wrong.

The step runs the same ``apply`` or ``handle`` that production runs; a debugger with its own fold would only show what
that fold does. It goes on past an event that throws, as if the event had never happened. (JasperFx's projection
stepping, for Marten, set these rules: an observer on the real fold, never a second one.)
"""

import copy
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from time import perf_counter_ns
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, create_engine, text

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Evidence, Posting
from esworkbench.projections import Projection
from esworkbench.upcasters import EventDecoder

State = dict[str, Any]
Clock = Callable[[], int]
"""Nanoseconds, for measuring how long a handler took."""

NOT_STATE = frozenset({"uncommitted", "read_only"})


class SteppedEvent(NamedTuple):
    """One event and what it did to the state.

    ``error`` says what the decoder or handler raised, ``skipped`` that the event was left out on purpose; in both
    cases ``after`` is ``before``.
    """

    event: RecordedEvent | Posting
    before: State
    after: State
    elapsed: timedelta
    error: str | None = None
    skipped: bool = False


def step_aggregate(
    events: Iterable[RecordedEvent],
    new_aggregate: Callable[[], Aggregate],
    decoder: EventDecoder,
    *,
    skip: Collection[int] = (),
    clock: Clock = perf_counter_ns,
) -> Iterator[SteppedEvent]:
    """Steps of an aggregate's own ``apply`` over one stream's events. State: its attributes, as plain values.

    ``skip`` names positions to leave out: what if these events had not happened?
    """
    aggregate = new_aggregate()
    before = _state_of(aggregate)
    for event in events:
        if event.global_position in skip:
            yield SteppedEvent(event, before, before, timedelta(), skipped=True)
            continue
        # A handler that throws may have done half its work, so go on from the copy.
        trial = copy.deepcopy(aggregate)
        started = clock()
        try:
            for each in decoder.events_in(event):
                trial.apply(each.data)
            trial.version += 1
        except Exception as error:  # noqa: BLE001 - showing whatever a handler raises is what the step is for
            yield SteppedEvent(event, before, before, _since(started, clock), error=_said(error))
            continue
        elapsed = _since(started, clock)
        aggregate = trial
        after = _state_of(aggregate)
        yield SteppedEvent(event, before, after, elapsed)
        before = after


def step_projection(
    events: Iterable[RecordedEvent],
    projection: Projection,
    decoder: EventDecoder,
    *,
    skip: Collection[int] = (),
    clock: Clock = perf_counter_ns,
) -> Iterator[SteppedEvent]:
    """Steps of a projection's own ``handle`` on a scratch database in memory; nothing else is read or written.

    State: for each table, the rows the event touched, as they were and as they became. ``skip`` as above.
    """
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            projection.create_tables(connection)
            _watch(connection, projection)
            for event in events:
                if event.global_position in skip:
                    yield SteppedEvent(event, {}, {}, timedelta(), skipped=True)
                    continue
                connection.commit()
                started = clock()
                try:
                    for each in decoder.events_in(event):
                        projection.handle(each, connection)
                except Exception as error:  # noqa: BLE001 - as above
                    elapsed = _since(started, clock)
                    connection.rollback()
                    yield SteppedEvent(event, {}, {}, elapsed, error=_said(error))
                    continue
                elapsed = _since(started, clock)
                before, after = _touched(connection)
                yield SteppedEvent(event, before, after, elapsed)
    finally:
        engine.dispose()


def step_postings(
    evidence: Evidence, account: str, *, currency: str | None = None, skip: Collection[int] = ()
) -> Iterator[SteppedEvent]:
    """Steps of the event sum, for a ledger that came without code. State: ``balance_minor``."""
    currency = evidence.choose_currency(account, currency)
    before = {"balance_minor": evidence.opening(account, currency)}
    for posting in evidence.postings(account, currency):
        if posting.position in skip:
            yield SteppedEvent(posting, before, before, timedelta(), skipped=True)
            continue
        after = {"balance_minor": before["balance_minor"] + posting.amount_minor}
        yield SteppedEvent(posting, before, after, timedelta())
        before = after


def _state_of(aggregate: Aggregate) -> State:
    attributes = {name: value for name, value in vars(aggregate).items() if name not in NOT_STATE}
    plain: State = msgspec.to_builtins(attributes, enc_hook=repr)
    return plain


def _watch(connection: Connection, projection: Projection) -> None:
    """Triggers that note every row touched, so that a step costs what it changes and not what the table holds."""
    connection.execute(text("PRAGMA recursive_triggers = ON"))
    connection.execute(text('CREATE TEMP TABLE "step touched" (tbl TEXT, row INTEGER, old TEXT, new TEXT)'))
    for number, table in enumerate(projection.tables):
        old, new = (_as_json([column.name for column in table.columns], side) for side in ("old", "new"))
        name = _quoted(table.name)
        for change, before, after, row in (
            ("INSERT", "NULL", new, "new.rowid"),
            ("UPDATE", old, new, "old.rowid"),
            ("DELETE", old, "NULL", "old.rowid"),
        ):
            connection.exec_driver_sql(
                f'CREATE TEMP TRIGGER "step {number} {change}" AFTER {change} ON main.{name} BEGIN '
                f'INSERT INTO "step touched" VALUES ({_literal(table.name)}, {row}, {before}, {after}); END'
            )


def _touched(connection: Connection) -> tuple[State, State]:
    """The rows touched since the last call: as they first were, and as they are now."""
    notes = connection.exec_driver_sql('SELECT tbl, row, old, new FROM "step touched" ORDER BY rowid').fetchall()
    connection.exec_driver_sql('DELETE FROM "step touched"')
    first: dict[tuple[str, int], str | None] = {}
    last: dict[tuple[str, int], str | None] = {}
    for table, row, old, new in notes:
        first.setdefault((table, row), old)
        last[table, row] = new
    return _rows(first), _rows(last)


def _rows(found: dict[tuple[str, int], str | None]) -> State:
    state: State = {}
    for (table, _), row in found.items():
        rows = state.setdefault(table, [])
        if row is not None:
            rows.append(json.loads(row))
    return state


def _as_json(columns: list[str], side: str) -> str:
    return "json_object(" + ", ".join(f"{_literal(name)}, {side}.{_quoted(name)}" for name in columns) + ")"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _since(started: int, clock: Clock) -> timedelta:
    return timedelta(microseconds=(clock() - started) // 1000)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
