"""A version nobody noted is told the same way in Python, where it picks the upcaster, and in SQL, where it counts."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from archaeology_logs import append, written

from esworkbench.errors import InvalidEvent
from esworkbench.event_store import EventStore
from esworkbench.lab.inherited.upcasters import INHERITED_TELLTALES
from esworkbench.upcasters.archaeology import Telltale, all_events, decode_payload, version_by
from esworkbench.upcasters.archaeology.telltales import quoted


def counted_in_sql(store: EventStore, telltale: Telltale) -> list[int]:
    condition = telltale.condition(store.engine.dialect.name)
    of_type = f"event_type = {quoted(telltale.event_type)}"
    sql = f"SELECT global_position FROM events WHERE {of_type} AND {condition} ORDER BY 1"
    with store.engine.connect().execution_options(no_parameters=True) as connection:
        return list(connection.exec_driver_sql(sql).scalars())


def counted_in_python(store: EventStore, telltale: Telltale) -> list[int]:
    with store.engine.connect() as connection:
        return [
            event.global_position
            for event in all_events(connection, telltale.event_type)
            if telltale.fits(decode_payload(event), event.valid_at)
        ]


@pytest.mark.parametrize("telltale", INHERITED_TELLTALES, ids=lambda each: f"{each.event_type} v{each.version}")
def test_python_and_sql_agree_on_the_inherited_log(inherited: EventStore, telltale: Telltale) -> None:
    found = counted_in_sql(inherited, telltale)
    assert found == counted_in_python(inherited, telltale)
    assert found


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    values = [None, True, 1, 1.5, "1", [], {}, {'it\'s "it"': 1}]
    append(store, [("It's", 1, {"a": value}) for value in values])
    append(store, [("It's", 1, {"b": 1}), ("It's", 1, {"it's": 1, "a.b": 2}), ("Other", 1, {"a": 1})])
    append(store, [("It's", 1, {"c": False})])
    yield store
    store.engine.dispose()


EXPECTED = [
    (Telltale("It's", 1, has=("a",)), [1, 2, 3, 4, 5, 6, 7, 8]),
    (Telltale("It's", 1, lacks=("a",)), [9, 10, 12]),
    (Telltale("It's", 1, types={"a": "null"}), [1]),
    (Telltale("It's", 1, types={"a": "boolean"}), [2]),
    (Telltale("It's", 1, types={"c": "boolean"}), [12]),
    (Telltale("It's", 1, types={"a": "number"}), [3, 4]),
    (Telltale("It's", 1, types={"a": "string"}), [5]),
    (Telltale("It's", 1, types={"a": "array"}), [6]),
    (Telltale("It's", 1, types={"a": "object"}), [7, 8]),
    (Telltale("It's", 1, has=("it's",)), [10]),
    (Telltale("It's", 1, has=("a.b",)), [10]),
    (Telltale("It's", 1), [*range(1, 11), 12]),
    (Telltale("It's", 1, since=datetime(2100, 1, 1, tzinfo=UTC)), []),
    (Telltale("It's", 1, until=datetime(2100, 1, 1, tzinfo=UTC)), [*range(1, 11), 12]),
]


def test_every_json_type_and_awkward_names(store: EventStore) -> None:
    for telltale, positions in EXPECTED:
        assert counted_in_sql(store, telltale) == positions, telltale
        assert counted_in_python(store, telltale) == positions, telltale


def test_bounds_in_time_mean_the_same_in_sql(store: EventStore) -> None:
    moment = store.read_all()[-1].valid_at
    since, until = Telltale("It's", 1, since=moment), Telltale("It's", 1, until=moment)
    assert counted_in_sql(store, since) == counted_in_python(store, since) == [12]
    assert counted_in_sql(store, until) == counted_in_python(store, until) == list(range(1, 11))


def test_bounds_in_time_are_from_inclusive_to_exclusive() -> None:
    first, second, third = written({"n": 1}, {"n": 2}, {"n": 3})
    version_of = version_by([Telltale("Noted", 1, until=second.valid_at), Telltale("Noted", 2, since=second.valid_at)])
    assert [version_of(each) for each in (first, second, third)] == [1, 2, 2]


def test_types_without_telltales_keep_their_recorded_version() -> None:
    [recorded] = written({"n": 1}, version=7)
    assert version_by([Telltale("Other", 1)])(recorded) == 7


def test_an_event_that_fits_none_or_two_is_refused_and_not_guessed() -> None:
    version_of = version_by([Telltale("Noted", 1, has=("a",)), Telltale("Noted", 2, has=("b",))])
    neither, both = written({"c": 1}, {"a": 1, "b": 2})
    with pytest.raises(InvalidEvent, match="Noted at position 1 fits no known version: its fields are c"):
        version_of(neither)
    with pytest.raises(InvalidEvent, match="Noted at position 2 fits v1 and v2"):
        version_of(both)
