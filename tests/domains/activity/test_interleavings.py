"""Every interleaving of the four streams, read in any batches by any number of runs, ends in the same rows.

Each stream keeps its own order; among streams there is none. The rows are held against an oracle that looks facts up
instead of waiting for them.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from functools import partial
from itertools import count, permutations
from pathlib import Path

import psycopg
import pytest
from activity_log import Fact, expected, login, profile, purchase, referral, runner_of, tables, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from esworkbench.domains.activity.contracts import contract_decoder
from esworkbench.domains.activity.read_models import UserActivityByRegion
from esworkbench.event_store import EventStore

USERS = ("ada", "bob")
SESSIONS = ("s1", "s2", "s3", "s4")
REGIONS = ("north", "south", "east")
HOURS = st.integers(min_value=0, max_value=30)
_schemas = count(1)


@st.composite
def streams(draw: st.DrawFn) -> list[list[Fact]]:
    """Profiles that move, logins that saw a version which may never come, and what belongs to sessions that may not."""
    found: list[list[Fact]] = []
    for user in USERS:
        regions = draw(st.lists(st.sampled_from(REGIONS), max_size=3))
        found.append([profile(user, version, region) for version, region in enumerate(regions, start=1)])
    for session in draw(st.lists(st.sampled_from(SESSIONS), unique=True)):
        seen = draw(st.integers(min_value=0, max_value=3))
        found.append([login(session, draw(st.sampled_from(USERS)), seen, hours=draw(HOURS))])
    for number in range(draw(st.integers(min_value=0, max_value=5))):
        session, amount = draw(st.sampled_from(SESSIONS)), draw(st.integers(min_value=1, max_value=2**53 - 1))
        currency = draw(st.sampled_from(["EUR", "JPY"]))
        found.append([purchase(f"p{number}", session, amount, currency, hours=draw(HOURS))])
    for number in range(draw(st.integers(min_value=0, max_value=3))):
        found.append([referral(f"r{number}", draw(st.sampled_from(SESSIONS)), hours=draw(HOURS))])
    return [stream for stream in found if stream]


@st.composite
def interleavings(draw: st.DrawFn) -> list[Fact]:
    """All the facts of all the streams, each stream in its order."""
    found = [deque(stream) for stream in draw(streams())]
    turns = draw(st.permutations([index for index, stream in enumerate(found) for _ in stream]))
    return [found[index].popleft() for index in turns]


steps = st.lists(st.tuples(st.integers(min_value=0, max_value=6), st.integers(min_value=1, max_value=5)), max_size=8)
"""Of each step: how many facts are written, then the batch size of a new run, which handles one batch and ends."""


def check(store: EventStore, facts: Sequence[Fact], story: Sequence[tuple[int, int]]) -> None:
    written = 0
    for number, (more, batch_size) in enumerate(story):
        write(store, facts[written : written + more])
        written = min(written + more, len(facts))
        runner_of(store, batch_size=batch_size, run_id=f"run-{number}").run_once()
    write(store, facts[written:])
    runner_of(store, batch_size=3, run_id="last").catch_up()
    assert tables(store) == expected(facts)


@contextmanager
def sqlite_store() -> Iterator[EventStore]:
    with tempfile.TemporaryDirectory() as folder:
        store = EventStore.open(f"sqlite:///{Path(folder) / 'activity.db'}")
        yield store
        store.engine.dispose()


@contextmanager
def postgres_store(url: str) -> Iterator[EventStore]:
    """A schema of its own in one database: a new database for each example would take longer than the example."""
    name = f"example_{next(_schemas)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    own = make_url(url).update_query_dict({"options": f"-c search_path={name}"})
    store = EventStore.open(own.render_as_string(hide_password=False))
    yield store
    store.engine.dispose()


def check_many(make_store: Callable[[], AbstractContextManager[EventStore]], examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(facts=interleavings(), story=steps)
    def holds(facts: list[Fact], story: list[tuple[int, int]]) -> None:
        with make_store() as store:
            check(store, facts, story)

    holds()


def test_any_interleaving_gives_the_same_rows_on_sqlite() -> None:
    check_many(sqlite_store, examples=30)


def test_any_interleaving_gives_the_same_rows_on_postgres(postgres_url: str) -> None:
    check_many(partial(postgres_store, postgres_url), examples=10)


@pytest.mark.sweep
def test_very_many_interleavings_give_the_same_rows(postgres_url: str) -> None:
    check_many(sqlite_store, examples=1500)
    check_many(partial(postgres_store, postgres_url), examples=300)


def test_each_of_all_interleavings_of_one_story_gives_the_same_rows() -> None:
    """A user moves after logging in: what they do in that session still counts where the login saw them."""
    story = [
        profile("ada", 1, "north"),
        profile("ada", 2, "south"),
        login("s1", "ada", 1, hours=5),
        purchase("p1", "s1", 500, hours=6),
        referral("r1", "s1", hours=40),
    ]
    with sqlite_store() as store:
        write(store, story)
        events = [contract_decoder().decode(recorded) for recorded in store.read_all()]
        projection = UserActivityByRegion()
        orders = [order for order in permutations(events) if order.index(events[0]) < order.index(events[1])]
        assert len(orders) == 60
        for order in orders:
            with store.engine.begin() as connection:
                projection.drop_tables(connection)
                projection.create_tables(connection)
                for event in order:
                    projection.handle(event, connection)
            assert tables(store) == expected(story)
    first, third = date(2026, 3, 1), date(2026, 3, 3)
    assert expected(story)["user_activity_by_region"] == [
        ("north", first, "EUR", 0, 1, 500, 0, 1),
        ("north", first, "XXX", 1, 0, 0, 0, 1),
        ("north", third, "XXX", 0, 0, 0, 1, 1),
    ]
