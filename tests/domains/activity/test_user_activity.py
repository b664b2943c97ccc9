"""The join for real: commands set the correlation ids, the read model waits, counts, parks and tells what it lacks."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from activity_log import NOON, Fact, expected, login, profile, purchase, referral, runner_of, tables, write
from sqlalchemy import func, select

from esworkbench.domains.activity.activity import Activity
from esworkbench.domains.activity.commands import LogIn, Pay, PutInBasket, SubmitReferral, UpdateProfile
from esworkbench.domains.activity.contracts import contract_decoder
from esworkbench.domains.activity.read_models import StillWaiting, UserActivityByRegion, still_waiting
from esworkbench.errors import AggregateNotFound, CommandRejected
from esworkbench.event_store.participants import JoinedStore
from esworkbench.projections.parked import replay_parked
from esworkbench.projections.synchronous import SynchronousRunner
from esworkbench.projections.tables import dead_letters
from tests.support import SequentialIds, StepClock

JAN_1 = date(2026, 1, 1)


@pytest.fixture
def store(store_url: str) -> Iterator[JoinedStore]:
    store = JoinedStore.open(store_url, clock=StepClock(), new_id=SequentialIds())
    yield store
    store.engine.dispose()


def visit(activity: Activity) -> None:
    """Ada lives in the north, logs in, moves south, and only then buys and recommends."""
    in_session: dict[str, str] = {"session_id": "s1", "user_id": "ada"}
    activity.handle(UpdateProfile(user_id="ada", region="north"))
    activity.handle(LogIn(**in_session))
    activity.handle(UpdateProfile(user_id="ada", region="south"))
    for price in (300, 450):
        activity.handle(PutInBasket(**in_session, purchase_id="p1", article="tea", price_minor=price, currency="EUR"))
    activity.handle(Pay(**in_session, purchase_id="p1"))
    activity.handle(SubmitReferral(**in_session, referral_id="r1"))
    activity.handle(LogIn(session_id="s2", user_id="bob"))


VISITED = [
    ("north", JAN_1, "EUR", 0, 1, 750, 0, 1),
    ("north", JAN_1, "XXX", 1, 0, 0, 1, 1),
    ("unknown", JAN_1, "XXX", 1, 0, 0, 0, 1),
]


def rows(store: JoinedStore) -> list[tuple[Any, ...]]:
    return tables(store)["user_activity_by_region"]


def parked(store: JoinedStore) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.scalars(select(dead_letters.c.error).order_by("position")))


def test_the_command_path_sets_the_session_as_correlation_id(store: JoinedStore) -> None:
    visit(Activity(store))
    found = {recorded.event_type: recorded.metadata_dict()["correlation_id"] for recorded in store.read_all(limit=7)}
    assert found.pop("UserProfileUpdated") not in ("s1", "s2")
    assert found == dict.fromkeys(("UserLoggedIn", "ItemPutInBasket", "UserPurchased", "UserReferralSubmitted"), "s1")


def test_four_streams_are_joined_where_the_login_saw_the_user(store: JoinedStore) -> None:
    visit(Activity(store))
    runner_of(store, batch_size=2).catch_up()
    assert rows(store) == VISITED
    assert parked(store) == [], "the private event is none of its business"
    runner_of(store).rebuild()
    assert rows(store) == VISITED


def test_in_the_append_it_is_never_behind(store: JoinedStore) -> None:
    SynchronousRunner(store, UserActivityByRegion(), contract_decoder(), run_id="in step").join_appends()
    visit(Activity(store))
    assert rows(store) == VISITED


def test_rules_refuse_what_can_not_be(store: JoinedStore) -> None:
    activity = Activity(store)
    visit(activity)
    head = store.head_position()
    in_session: dict[str, str] = {"session_id": "s1", "user_id": "ada"}
    item: dict[str, Any] = {"article": "tea", "price_minor": 1}
    for command in (
        LogIn(**in_session),
        UpdateProfile(user_id="ada", region="south"),
        UpdateProfile(user_id="ada", region="unknown"),
        PutInBasket(**in_session, purchase_id="p1", **item, currency="EUR"),
        Pay(**in_session, purchase_id="p1"),
        SubmitReferral(**in_session, referral_id="r1"),
        PutInBasket(**in_session, purchase_id="p2", article="tea", price_minor=0, currency="EUR"),
    ):
        with pytest.raises(CommandRejected):
            activity.handle(command)
    with pytest.raises(AggregateNotFound):
        activity.handle(Pay(**in_session, purchase_id="p3"))
    assert store.head_position() == head


def test_a_day_ends_at_midnight_of_the_stated_zone(store: JoinedStore) -> None:
    write(store, [profile("ada", 1, "north"), login("s1", "ada", 1, hours=11)])
    runner = runner_of(store)
    runner.catch_up()
    assert [row[1] for row in rows(store)] == [date(2026, 3, 1)]
    runner.projection = UserActivityByRegion("Europe/Zurich")
    runner.rebuild()
    assert [row[1] for row in rows(store)] == [date(2026, 3, 2)]


def test_what_still_waits_is_counted_by_age_and_not_lost(store: JoinedStore) -> None:
    early = [login("s1", "ada", 2, hours=0), purchase("p1", "s1", 5, hours=20), referral("r1", "lost", hours=20)]
    write(store, [*early, purchase("p2", "s1", 7, hours=47)])
    runner_of(store).catch_up()
    assert rows(store) == []
    with store.engine.connect() as connection:
        assert still_waiting(connection, NOON + timedelta(hours=47, minutes=59)) == [
            StillWaiting("UserPurchased", "UserLoggedIn", "under an hour", 1),
            StillWaiting("UserLoggedIn", "UserProfileUpdated", "a day or more", 1),
            StillWaiting("UserPurchased", "UserLoggedIn", "a day or more", 1),
            StillWaiting("UserReferralSubmitted", "UserLoggedIn", "a day or more", 1),
        ]
        assert [each.age for each in still_waiting(connection, NOON + timedelta(hours=21))] == [
            "under an hour",
            "under a day",
            "under a day",
            "under a day",
        ]
    write(store, [profile("ada", 1, "north"), profile("ada", 2, "south")])
    runner_of(store).catch_up()
    assert [(row[0], *row[3:7]) for row in rows(store)] == [
        ("south", 1, 0, 0, 0),
        ("south", 0, 1, 5, 0),
        ("south", 0, 1, 7, 0),
    ]
    with store.engine.connect() as connection:
        assert [each.event_type for each in still_waiting(connection, NOON)] == ["UserReferralSubmitted"]


def unsaid(fact: Fact) -> Fact:
    return fact._replace(session=None)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (unsaid(purchase("p9", "s1", 5)), "UserPurchased 'purchase-p9' has no correlation_id in its metadata"),
        (login("s1", "bob", 0)._replace(event_id="again"), "login 'again' is not the first with the correlation id"),
        (login("s2", "bob", 0)._replace(event_id="again"), "login 'again' is not the first with the correlation id"),
        (profile("ada", 1, "south")._replace(event_id="again"), "version 1 of the profile of 'ada' was published tw"),
    ],
)
def test_an_event_that_breaks_the_contract_is_parked_and_counted_nowhere(
    store: JoinedStore, broken: Fact, said: str
) -> None:
    """The first login of s2 still waits for its profile: that makes the second no better."""
    sound = [profile("ada", 1, "north"), login("s1", "ada", 1), login("s2", "ada", 2), purchase("p1", "s1", 5)]
    write(store, [*sound, broken])
    runner_of(store).catch_up()
    assert tables(store) == expected(sound)
    [error] = parked(store)
    assert said in error


class ForgetsPurchases(UserActivityByRegion):
    def handle(self, event: Any, connection: Any) -> None:
        if event.recorded.event_type == "UserPurchased":
            raise ZeroDivisionError("a defect of this release")
        super().handle(event, connection)


def test_a_parked_event_is_handled_late_as_if_it_had_come_late(store: JoinedStore) -> None:
    facts = [profile("ada", 1, "north"), purchase("p1", "s1", 5), login("s1", "ada", 1), purchase("p2", "s1", 7)]
    write(store, facts)
    runner = runner_of(store)
    runner.projection = ForgetsPurchases()
    runner.catch_up()
    assert len(parked(store)) == 2
    runner.projection = UserActivityByRegion()
    assert replay_parked(runner) == 2
    assert tables(store) == expected(facts)


def test_tables_have_no_key_into_anybody_elses(store: JoinedStore) -> None:
    assert [table.foreign_keys for table in UserActivityByRegion.tables] == [set()] * 4
    runner_of(store).catch_up()
    with store.engine.connect() as connection:
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in UserActivityByRegion.tables]
    assert counts == [0] * 4
