"""An upcaster is dead when a query over the whole log says so: not when a sample misses it, not when a version number
is unused but passed through, not while an event is there that nobody recognises."""

from collections.abc import Iterator
from typing import Any

import pytest
from archaeology_logs import append

from esworkbench.event_store import EventStore
from esworkbench.lab.inherited.upcasters import INHERITED_TELLTALES, INHERITED_UPCASTERS
from esworkbench.upcasters import Shape, Upcaster, UpcasterChain
from esworkbench.upcasters.archaeology import Telltale, UpcasterUse, dead_upcasters, sample_events
from esworkbench.upcasters.reshaping import Drop, Rename


def as_it_is(payload: dict[str, Any]) -> dict[str, Any]:
    """Nothing changes, for a test."""
    return payload


CHAIN = UpcasterChain([Upcaster("It's", version, as_it_is) for version in (1, 2, 3)])
TELLTALES = [Telltale("It's", version, has=(f"v{version}",)) for version in (1, 2, 3, 4)]


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    yield store
    store.engine.dispose()


def uses(store: EventStore, telltales: list[Telltale] | None = None) -> list[UpcasterUse]:
    with store.engine.connect() as connection:
        return dead_upcasters(connection, CHAIN, telltales or [])


def test_one_old_event_that_a_sample_misses_keeps_its_step_alive(store: EventStore) -> None:
    append(store, [("It's", 1 if number == 617 else 4, {"n": number}) for number in range(1500)])
    with store.engine.connect() as connection:
        sampled = {event.schema_version for event in sample_events(connection, "It's", 100, seed=1)}
    assert sampled == {4}
    assert [(use.written, use.passing, use.dead) for use in uses(store)] == [
        (1, 1, False),
        (0, 1, False),
        (0, 1, False),
    ]


def test_only_steps_below_the_oldest_event_are_dead(store: EventStore) -> None:
    append(store, [("It's", 3, {"n": 1}), ("Other", 1, {"n": 1})])
    assert [(use.from_version, use.dead) for use in uses(store)] == [(1, True), (2, True), (3, False)]


def test_an_empty_log_needs_no_step(store: EventStore) -> None:
    assert [use.dead for use in uses(store)] == [True, True, True]


def test_by_shape_where_versions_lie(store: EventStore) -> None:
    append(store, [("It's", 1, {"v4": 1}), ("It's", 1, {"v3": 1})])
    assert [use.dead for use in uses(store)] == [False, False, False]
    assert [use.dead for use in uses(store, TELLTALES)] == [True, True, False]


def test_by_shape_too_an_older_event_passes_through(store: EventStore) -> None:
    append(store, [("It's", 4, {"v1": 1})])
    found = uses(store, TELLTALES)
    assert [(use.written, use.passing, use.dead) for use in found] == [(1, 1, False), (0, 1, False), (0, 1, False)]


def test_nothing_is_dead_while_an_event_is_not_recognised(store: EventStore) -> None:
    append(store, [("It's", 4, {"v4": 1}), ("It's", 4, {"something": 1})])
    found = uses(store, TELLTALES)
    assert [(use.passing, use.unrecognised, use.dead) for use in found] == [(0, 1, False)] * 3
    assert [use.dead for use in uses(store, TELLTALES[1:])] == [False] * 3


def test_the_sql_that_proves_it_can_be_run_by_anybody(store: EventStore) -> None:
    append(store, [("It's", 2, {"v2": 1}), ("It's", 2, {"v2": 1}), ("It's", 3, {"v3": 1})])
    for telltales in ([], TELLTALES):
        for use in uses(store, telltales):
            with store.engine.connect().execution_options(no_parameters=True) as connection:
                assert connection.exec_driver_sql(use.sql).scalar_one() == use.passing


def test_the_inherited_log_has_one_dead_step_and_one_that_only_looks_dead(inherited: EventStore) -> None:
    with inherited.engine.connect() as connection:
        found = dead_upcasters(connection, INHERITED_UPCASTERS, INHERITED_TELLTALES)
    assert [(use.event_type, use.from_version) for use in found if use.dead] == [("StockAdjusted", 1)]
    assert [(use.event_type, use.from_version) for use in found if not use.written] == [
        ("RefundIssued", 2), ("StockAdjusted", 1),
    ]  # fmt: skip
    refund = next(use for use in found if (use.event_type, use.from_version) == ("RefundIssued", 2))
    assert refund.passing == 59
    assert {use.unrecognised for use in found} == {0}
    assert len(found) == sum(1 for _ in INHERITED_UPCASTERS)


RENAMED = UpcasterChain(
    [
        Upcaster("Older", 1, as_it_is),
        Rename("Older", 2, as_it_is, Shape("Old", 2)),
        Rename("Old", 2, as_it_is, Shape("New", 1)),
        Upcaster("New", 1, as_it_is),
        Drop("Gone", 1, as_it_is),
    ]
)


def test_an_event_keeps_alive_what_it_passes_through_under_other_names(store: EventStore) -> None:
    append(store, [("Older", 2, {"n": 1})])
    with store.engine.connect() as connection:
        found = dead_upcasters(connection, RENAMED)
    assert [(use.event_type, use.from_version, use.passing) for use in found] == [
        ("Gone", 1, 0), ("New", 1, 1), ("Old", 2, 1), ("Older", 1, 0), ("Older", 2, 1),
    ]  # fmt: skip
