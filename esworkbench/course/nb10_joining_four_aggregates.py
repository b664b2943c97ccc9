"""Exercises of notebook 10: which region, which day, a join that waits, and what still waits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import groupby, permutations
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, StaticPool, create_engine, delete, insert

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.domains.activity.contracts import (
    NO_PROFILE,
    UNKNOWN_REGION,
    UserLoggedIn,
    UserProfileUpdated,
    UserPurchased,
)
from esworkbench.domains.activity.read_models import StillWaiting, still_waiting
from esworkbench.domains.activity.read_models.waiting import activity_waiting
from esworkbench.events import DomainEvent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
USERS = st.sampled_from(["ada", "bob"])
REGIONS = st.sampled_from(["north", "south", "east"])

# --- region_of --------------------------------------------------------------------------------------------------------

Profiles = Mapping[tuple[str, int], str]


def region_of(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version))


def newest_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    versions = [version for user, version in profiles if user == login.user_id]
    return profiles[login.user_id, max(versions)] if versions else None


def newest_up_to_it(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    versions = [version for user, version in profiles if user == login.user_id and version <= login.profile_version]
    return profiles[login.user_id, max(versions)] if versions else None


def region_before(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version - 1))


def guessed_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version), UNKNOWN_REGION)


def region_or_wait(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version))


def region_of_anybody(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return {version: region for (_, version), region in profiles.items()}.get(login.profile_version)


LOGINS = st.builds(
    lambda user, version: UserLoggedIn(user_id=user, profile_version=version), USERS, st.sampled_from([0, 1, 2, 2, 3])
)
ADA_MOVED = {("ada", 1): "north", ("ada", 2): "south", ("bob", 1): "east", ("bob", 2): "east", ("bob", 3): "east"}

REGION_OF = Exercise(
    name="region_of",
    task=(
        "The region in which a login counts: that of the profile version that it names, of its own user. The version 0 "
        "means that the user had no profile: then it is `UNKNOWN_REGION`. Return `None` if it can't be known yet, so "
        "that the login waits. `profiles` has the regions read so far, by `(user_id, profile_version)`; versions count "
        "from 1 for each user, and any of them may not have been read yet."
    ),
    stub=(
        "from esworkbench.domains.activity.contracts import NO_PROFILE, UNKNOWN_REGION, UserLoggedIn\n\n\n"
        "def my_region_of(login: UserLoggedIn, profiles: dict[tuple[str, int], str]) -> str | None: ..."
    ),
    reference=region_of,
    cases=st.tuples(LOGINS, st.dictionaries(st.tuples(USERS, st.integers(1, 3)), REGIONS, max_size=5)),
    examples=[
        *[(UserLoggedIn(user_id="ada", profile_version=version), ADA_MOVED) for version in range(4)],
        (UserLoggedIn(user_id="bob", profile_version=2), {("bob", 1): "north"}),
    ],
    hints=("The login says which version of the profile it saw; 0 means none.", "Two lines: one `if`, one `get`."),
    mistakes={
        "the newest": Mistake(
            newest_region, "the user may have moved since: take the version that the login names, not the newest"
        ),
        "the newest up to it": Mistake(
            newest_up_to_it, "an older version stands in for the one that hasn't been read yet: answer None and wait"
        ),
        "off by one version": Mistake(
            region_before, "versions count from 1, and the login names the very one it saw: don't take one from it"
        ),
        "guessed": Mistake(
            guessed_region,
            "a version that has not been read yet is no unknown region: answer None, so that the login waits",
        ),
        "waits for version 0": Mistake(
            region_or_wait,
            'a login that names version 0 saw no profile: its region is "unknown", and there is nothing to wait for',
        ),
        "anybody's": Mistake(
            region_of_anybody, "that is another user's profile: each user has versions of their own, counted from 1"
        ),
    },
)

# --- day_of -----------------------------------------------------------------------------------------------------------


class DatedEvent(NamedTuple):
    """When it happened, and when the store learned of it, both in UTC."""

    valid_at: datetime
    recorded_at: datetime


def day_of(event: DatedEvent, time_zone: str) -> date:
    return event.valid_at.astimezone(ZoneInfo(time_zone)).date()


def day_recorded(event: DatedEvent, time_zone: str) -> date:
    return event.recorded_at.astimezone(ZoneInfo(time_zone)).date()


def day_in_utc(event: DatedEvent, time_zone: str) -> date:
    return event.valid_at.date()


def day_an_hour_on(event: DatedEvent, time_zone: str) -> date:
    return (event.valid_at + timedelta(hours=0 if time_zone == "UTC" else 1)).date()


def day_as_in_january(event: DatedEvent, time_zone: str) -> date:
    january = event.valid_at.replace(month=1, day=15).astimezone(ZoneInfo(time_zone))
    return (event.valid_at + (january.utcoffset() or timedelta(0))).date()


def day_as_a_text(event: DatedEvent, time_zone: str) -> str:
    return day_of(event, time_zone).isoformat()


def day_as_a_moment(event: DatedEvent, time_zone: str) -> datetime:
    return datetime.combine(day_of(event, time_zone), time(), ZoneInfo(time_zone))


ZONES = ["Europe/Zurich", "America/New_York", "Asia/Tokyo", "Asia/Kolkata", "UTC"]
DAYS = [
    date(2026, 1, 1),
    date(2026, 3, 1),
    date(2026, 3, 29),
    date(2026, 7, 15),
    date(2026, 10, 25),
    date(2026, 12, 31),
]


@st.composite
def _around_midnight(draw: st.DrawFn) -> tuple[DatedEvent, str]:
    """What happens around midnight in the zone or in another one, in summer or winter, recorded at once or late."""
    zone, other = draw(st.sampled_from(ZONES)), draw(st.sampled_from(ZONES))
    midnight = datetime.combine(draw(st.sampled_from(DAYS)), time(), ZoneInfo(draw(st.sampled_from([zone, other]))))
    happened = midnight.astimezone(UTC) + timedelta(minutes=draw(st.sampled_from([-61, -30, -1, 0, 1, 30, 61, 720])))
    return DatedEvent(happened, happened + timedelta(hours=draw(st.sampled_from([0, 1, 30])))), zone


def _utc(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


DAY_OF = Exercise(
    name="day_of",
    task=(
        "The `date` on which something happened, in a zone such as `Europe/Zurich`, whatever its clocks show at that "
        "time of the year. The event has `valid_at`, when it happened, and `recorded_at`, when the store learned of "
        "it, both in UTC; the day must be the same however late the event was recorded."
    ),
    stub=(
        "from datetime import date\nfrom zoneinfo import ZoneInfo\n\n"
        "from esworkbench.course.nb10_joining_four_aggregates import DatedEvent  # valid_at, recorded_at\n\n\n"
        "def my_day_of(event: DatedEvent, time_zone: str) -> date: ..."
    ),
    reference=day_of,
    cases=_around_midnight(),
    examples=[
        (DatedEvent(_utc(3, 1, 22, 30), _utc(3, 3, 8, 0)), "Europe/Zurich"),
        (DatedEvent(_utc(3, 1, 23, 30), _utc(3, 1, 23, 30)), "Europe/Zurich"),
        (DatedEvent(_utc(3, 1, 22, 30), _utc(3, 1, 22, 30)), "Asia/Tokyo"),
        (DatedEvent(_utc(7, 15, 22, 30), _utc(7, 15, 22, 30)), "Europe/Zurich"),
    ],
    given=lambda event, zone: f"valid_at={event.valid_at}, recorded_at={event.recorded_at}, time_zone={zone}",
    hints=("Which of the two moments is the same however late the event is?", "`astimezone(ZoneInfo(time_zone))`"),
    mistakes={
        "the day it was recorded": Mistake(
            day_recorded, "that is the day on which it was recorded: a day must not depend on who was late"
        ),
        "naive time zone": Mistake(
            day_in_utc, "that is the day in UTC: change the zone with `astimezone`, before you take the date"
        ),
        "a fixed offset": Mistake(
            day_an_hour_on, "one hour is added whatever the zone is: ask the zone that is named for its offset"
        ),
        "January all year": Mistake(
            day_as_in_january, "summer time is missing: the offset of a zone isn't the same all year"
        ),
        "a text": Mistake(day_as_a_text, "the day is right, but it is a text: return a `date`"),
        "a moment": Mistake(day_as_a_moment, "the day is right, but it is a `datetime`: return its `date()`"),
    },
)

# --- join -------------------------------------------------------------------------------------------------------------

Session = str | None
"""An event's correlation id; a profile's has nothing to do with sessions."""

Told = tuple[Session, DomainEvent]

STORY: Sequence[Told] = [
    (None, UserProfileUpdated(user_id="ada", profile_version=1, region="north")),
    (None, UserProfileUpdated(user_id="ada", profile_version=2, region="south")),
    ("s1", UserLoggedIn(user_id="ada", profile_version=1)),
    ("s1", UserPurchased(purchase_id="p1", user_id="ada", amount_minor=500, currency="EUR")),
    ("s1", UserPurchased(purchase_id="p2", user_id="ada", amount_minor=70, currency="EUR")),
]
"""Ada moves south after logging in from the north: what she buys in that session counts in the north."""


def orders() -> Iterator[Sequence[Told]]:
    """Every order that keeps the order within each stream: Ada's profile is north, then south."""
    for order in permutations(STORY):
        if order.index(STORY[0]) < order.index(STORY[1]):
            yield order


class Join:
    """In memory, to stay small: it keeps what the read model keeps in tables."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = defaultdict(int)
        self._profiles: dict[tuple[str, int], str] = {}
        self._logins: dict[Session, UserLoggedIn] = {}
        self._waiting: list[tuple[Session, UserPurchased]] = []

    def handle(self, session: Session, event: DomainEvent) -> None:
        match event:
            case UserProfileUpdated():
                self._profiles[event.user_id, event.profile_version] = event.region
            case UserLoggedIn():
                self._logins[session] = event
            case UserPurchased():
                self._waiting.append((session, event))
        self._waiting = [each for each in self._waiting if not self._count(*each)]

    def _count(self, session: Session, purchase: UserPurchased) -> bool:
        login = self._logins.get(session)
        region = self._region(login) if login else None
        if region is not None:
            self.spent[region] += purchase.amount_minor
        return region is not None

    def _region(self, login: UserLoggedIn) -> str | None:
        return region_of(login, self._profiles)


class LosesTheEarly(Join):
    def handle(self, session: Session, event: DomainEvent) -> None:
        super().handle(session, event)
        self._waiting.clear()


class CountsTwice(Join):
    def handle(self, session: Session, event: DomainEvent) -> None:
        earlier = list(self._waiting)
        super().handle(session, event)
        if isinstance(event, UserLoggedIn):
            self._waiting = earlier


class TakesTheNewest(Join):
    def _region(self, login: UserLoggedIn) -> str | None:
        return newest_region(login, self._profiles)


class Guesses(Join):
    def _region(self, login: UserLoggedIn) -> str | None:
        return guessed_region(login, self._profiles)


class JoinsByUser(Join):
    def handle(self, session: Session, event: DomainEvent) -> None:
        super().handle(getattr(event, "user_id", session), event)


class WaitsForLoginsOnly(Join):
    def handle(self, session: Session, event: DomainEvent) -> None:
        earlier = list(self._waiting)
        if isinstance(event, UserProfileUpdated):
            self._waiting.clear()
        super().handle(session, event)
        if isinstance(event, UserProfileUpdated):
            self._waiting = earlier


class NobodyIsUnknown(Join):
    def _region(self, login: UserLoggedIn) -> str | None:
        return region_or_wait(login, self._profiles)


def _play_join(answer: Any, told: list[Told]) -> Any:
    """What is counted after each event."""
    join, after = answer(), []
    for session, event in told:
        join.handle(session, event)
        spent = join.spent
        after.append(
            {region: amount for region, amount in spent.items() if amount} if isinstance(spent, Mapping) else spent
        )
    return after


@st.composite
def _stories(draw: st.DrawFn) -> tuple[list[Told]]:
    """Two users and up to three sessions, told in an order in which only a profile's own versions must ascend.

    A login may name a version that is told later or never, and a session may have purchases and never a login.
    """
    told: list[tuple[int, Told]] = []
    for user in ("ada", "bob"):
        moved = sorted(draw(st.lists(st.integers(0, 9), max_size=2)))
        for version, (when, region) in enumerate(zip(moved, ["north", "south"], strict=False), start=1):
            there = region if user == "ada" else "east"
            told.append((when, (None, UserProfileUpdated(user_id=user, profile_version=version, region=there))))
    for session in ("s1", "s2", "s3")[: draw(st.integers(1, 3))]:
        user = draw(st.sampled_from(["ada", "ada", "bob"]))
        if draw(st.sampled_from([True, True, True, False])):
            login = UserLoggedIn(user_id=user, profile_version=draw(st.integers(0, 2)))
            told.append((draw(st.integers(0, 9)), (session, login)))
        for number, amount in enumerate(draw(st.lists(st.integers(1, 500), max_size=2)), start=1):
            purchase = UserPurchased(
                purchase_id=f"{session}-{number}", user_id=user, amount_minor=amount, currency="EUR"
            )
            told.append((draw(st.integers(0, 9)), (session, purchase)))
    return ([each for _, each in sorted(told, key=lambda pair: pair[0])],)


def _told_one_by_one(told: list[Told]) -> str:
    return "".join(f"\n  {session or 'no session'}: {event}" for session, event in told) or "no events"


TWO_SESSIONS: list[Told] = [
    ("s2", UserLoggedIn(user_id="ada", profile_version=0)),
    ("s2", UserPurchased(purchase_id="p3", user_id="ada", amount_minor=9, currency="EUR")),
]

JOIN = Exercise(
    name="join",
    task=(
        "A join of profiles, logins and purchases that is right in any order. `handle(session, event)` gets one event "
        "after another; `session` is the correlation id, `None` for profiles. `spent` maps each region to the sum of "
        "`amount_minor`, all in one currency. A purchase counts in the region that the login of *its session* saw (see "
        "`region_of`); of a session there is one login, and a user may have several sessions. Only the versions of one "
        "user's profile come in order. After each event, `spent` holds all that can be counted by then and nothing "
        "else; what lacks its login, or its login's profile version, waits."
    ),
    stub=(
        "from esworkbench.domains.activity.contracts import (\n"
        "    NO_PROFILE,\n    UNKNOWN_REGION,\n    UserLoggedIn,\n    UserProfileUpdated,\n    UserPurchased,\n)\n\n\n"
        "class my_join:\n"
        "    spent: dict[str, int]\n\n"
        "    def __init__(self) -> None: ...\n\n"
        "    def handle(self, session: str | None, event: UserProfileUpdated | UserLoggedIn | UserPurchased)"
        " -> None: ..."
    ),
    reference=Join,
    cases=_stories(),
    examples=[
        ([*STORY, *TWO_SESSIONS],),
        ([*STORY[3:], STORY[2], *STORY[:2]],),
        ([STORY[0], STORY[3], *TWO_SESSIONS, STORY[2], STORY[1], STORY[4]],),
    ],
    play=_play_join,
    given=_told_one_by_one,
    hints=(
        "Let everything that can't be counted wait, and look at what waits after each event.",
        "A purchase can be counted once its login is known *and* the profile version that the login names.",
    ),
    mistakes={
        "assumes order": Mistake(
            LosesTheEarly, "what was read too early to be counted is lost: keep it until the rest comes"
        ),
        "double apply": Mistake(
            CountsTwice, "something that had waited was counted twice: take it out as you count it"
        ),
        "the newest profile": Mistake(
            TakesTheNewest, "it is counted where the user has moved to, not where the login of the session saw them"
        ),
        "guessed": Mistake(
            Guesses, "it is counted as unknown where the profile just hasn't been read yet: let it wait"
        ),
        "joined by user": Mistake(
            JoinsByUser,
            "purchases and logins are joined by user, who may have several sessions: join them by session",
        ),
        "profiles wake nothing": Mistake(
            WaitsForLoginsOnly,
            "a profile that was read doesn't set free what waits for it: look at what waits after every event",
        ),
        "waits for version 0": Mistake(
            NobodyIsUnknown,
            "a login that names version 0 saw no profile and waits for none: what is bought then counts as unknown",
        ),
    },
)

# --- waits ------------------------------------------------------------------------------------------------------------

Waiting = tuple[str, str, int]
"""Type, what it waits for, and how many minutes ago it happened."""


def in_one_number(connection: Connection, now: datetime) -> list[StillWaiting]:
    count = sum(each.events for each in still_waiting(connection, now))
    return [StillWaiting("UserPurchased", "UserLoggedIn", "a day or more", count)]


def oldest_first(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now)[::-1]


def old_ones_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each for each in still_waiting(connection, now) if each.age != "under an hour"]


def at_a_moment_of_its_own(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, NOON)


def bounds_belong_below(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now - timedelta(seconds=1))


def by_type_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    """As a query that groups by type and age, and takes some row's ``waits_for``."""
    together: dict[tuple[str, str], StillWaiting] = {}
    for each in still_waiting(connection, now):
        known = together.get((each.event_type, each.age))
        together[each.event_type, each.age] = known._replace(events=known.events + each.events) if known else each
    return list(together.values())


def one_by_one(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each._replace(events=1) for each in still_waiting(connection, now) for _ in range(each.events)]


@cache
def _engine() -> Engine:
    """One database in memory for all cases: to make one takes longer than to ask it."""
    return create_engine("sqlite://", poolclass=StaticPool)


def _play_waits(answer: Any, waiting: list[Waiting], now: datetime) -> Any:
    """The answer's rows; those of one age may come in any order."""
    rows = [
        {
            "event_id": f"e{number}", "event_type": event_type, "correlation_id": f"s{number}", "waits_for": waits_for,
            "user_id": "ada", "profile_version": 0, "day": NOON.date(), "amount_minor": 100, "currency": "EUR",
            "occurred_at": now - timedelta(minutes=minutes),
        }
        for number, (event_type, waits_for, minutes) in enumerate(waiting)
    ]  # fmt: skip
    with _engine().connect() as connection:
        activity_waiting.create(connection, checkfirst=True)
        connection.execute(delete(activity_waiting))
        if rows:
            connection.execute(insert(activity_waiting), rows)
        found = answer(connection, now)
        found = found if not isinstance(found, Iterable) else list(found)
        connection.rollback()
    return _any_order_within_an_age(found)


def _any_order_within_an_age(found: Any) -> Any:
    if not isinstance(found, list) or not all(isinstance(each, Sequence) and len(each) == 4 for each in found):
        return found
    by_age = groupby(map(tuple, found), key=lambda row: row[2])
    return [StillWaiting(*row) for _, rows in by_age for row in sorted(rows, key=repr)]


KINDS = st.sampled_from(
    [
        ("UserPurchased", "UserLoggedIn"),
        ("UserReferralSubmitted", "UserLoggedIn"),
        ("UserLoggedIn", "UserProfileUpdated"),
        ("UserPurchased", "UserProfileUpdated"),
    ]
)
MINUTES = st.sampled_from([0, 1, 59, 60, 61, 1_439, 1_440, 1_441, 3_000])


@st.composite
def _waiting_lines(draw: st.DrawFn) -> tuple[list[Waiting], datetime]:
    """A few events that wait, as old as the bounds of the ages, or a minute more or less."""
    lines = draw(st.lists(st.tuples(KINDS, MINUTES), max_size=5))
    return [(*kind, minutes) for kind, minutes in lines], NOON + timedelta(
        minutes=draw(st.sampled_from([0, 61, 2_880]))
    )


def _told_waiting(waiting: list[Waiting], now: datetime) -> str:
    lines = (
        f"\n  {kind} waits for {other}, occurred_at={now - timedelta(minutes=ago)}" for kind, other, ago in waiting
    )
    return f"now={now}, waiting:{''.join(lines) or ' nothing'}"


A_FEW_WAITING = [
    *[("UserPurchased", "UserLoggedIn", minutes) for minutes in (0, 60, 300, 1_440, 1_800)],
    ("UserPurchased", "UserProfileUpdated", 1),
    ("UserLoggedIn", "UserProfileUpdated", 1),
]

WAITS = Exercise(
    name="waits",
    task=(
        "The operator's question: how many events are waiting, for what, and for how long? Read the table "
        "`activity_waiting`, whose columns `event_type`, `waits_for` and `occurred_at` matter here, and return a list "
        "of `StillWaiting(event_type, waits_for, age, events)`, one for each group that has any events. The ages, "
        "counted from `occurred_at` to `now`, are `under an hour`, `under a day` (an hour or more) and `a day or "
        "more`. The longest waits come last; the order within an age is yours. Compare `occurred_at` in a `select` or "
        "in Python: in plain SQL text, SQLite can't take a `datetime`."
    ),
    stub=(
        "from datetime import datetime, timedelta\n\nfrom sqlalchemy import Connection, case, func, select\n\n"
        "from esworkbench.domains.activity.read_models import StillWaiting\n"
        "from esworkbench.domains.activity.read_models.waiting import activity_waiting\n\n\n"
        "def my_waits(connection: Connection, now: datetime) -> list[StillWaiting]: ..."
    ),
    reference=still_waiting,
    cases=_waiting_lines(),
    examples=[(A_FEW_WAITING, NOON), (A_FEW_WAITING, NOON + timedelta(days=2)), ([], NOON)],
    play=_play_waits,
    given=_told_waiting,
    hints=(
        "Group by type, by what it waits for, and by age.",
        "With `columns = activity_waiting.c`, the age is `case((columns.occurred_at > now - timedelta(hours=1), 'under "
        "an hour'), …, else_='a day or more').label('age')`; group by it, and sort in Python.",
    ),
    mistakes={
        "one number": Mistake(
            in_one_number, "one number for all: what has waited for a day must not hide behind what came a minute ago"
        ),
        "most patient first": Mistake(
            oldest_first, "the young ones come first, and what has waited longest comes last"
        ),
        "young ones left out": Mistake(
            old_ones_only, "the young ones are left out: none of them is lost, and none may be forgotten"
        ),
        "another clock": Mistake(
            at_a_moment_of_its_own, "ages count up to the `now` that is given, and yours up to another moment"
        ),
        "a bound on the wrong side": Mistake(
            bounds_belong_below,
            "what has waited exactly an hour, or exactly a day, isn't under it any more: it belongs to the next age",
        ),
        "by type only": Mistake(
            by_type_only, "events of one type may wait for different things: group by `waits_for` as well"
        ),
        "one by one": Mistake(one_by_one, "each event has a row of its own: count those of one group in one row"),
    },
)

exercises = Exercises(__name__, REGION_OF, DAY_OF, JOIN, WAITS)
