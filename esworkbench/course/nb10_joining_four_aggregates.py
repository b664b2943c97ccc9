"""Exercises of notebook 10: which region, which day, a join that waits, and what still waits."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, create_engine, func, select

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.domains.activity.contracts import (
    NO_PROFILE,
    UNKNOWN_REGION,
    UserLoggedIn,
    UserProfileUpdated,
    UserPurchased,
)
from esworkbench.domains.activity.read_models import StillWaiting, still_waiting
from esworkbench.domains.activity.read_models.waiting import AGES, Happening, activity_waiting, wait
from esworkbench.events import DomainEvent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# --- region_of --------------------------------------------------------------------------------------------------------

Profiles = Mapping[tuple[str, int], str]
PROFILES = {("ada", 1): "north", ("ada", 2): "south"}


def examine_region_of(region_of: Callable[[UserLoggedIn, Profiles], str | None]) -> None:
    if region_of(UserLoggedIn(user_id="bob", profile_version=0), PROFILES) != "unknown":
        raise Wrong(
            'a login that names version 0 saw no profile: its region is "unknown", and there is nothing to wait for'
        )
    first = region_of(UserLoggedIn(user_id="ada", profile_version=1), PROFILES)
    if first == "south" and region_of(UserLoggedIn(user_id="ada", profile_version=2), PROFILES) == "south":
        raise Wrong("Ada moved after this login, which saw version 1: take the version it names, not the newest")
    if first != "north":
        raise Wrong("versions count from 1, and the login names the very one it saw: don't add to it or take from it")
    if region_of(UserLoggedIn(user_id="ada", profile_version=3), PROFILES) is not None:
        raise Wrong("version 3 has not been read yet: answer None, so that the login waits, and guess nothing")


def region_of(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version))


def newest_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    versions = [version for user, version in profiles if user == login.user_id]
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles[login.user_id, max(versions)]


def next_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version - 1))


def guessed_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version), UNKNOWN_REGION)


def region_or_wait(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version))


REGION_OF = Exercise(
    name="region_of",
    task=(
        "Write `region_of(login, profiles)`: the region in which a `UserLoggedIn` counts, or `None` if that can't be "
        "known yet. `profiles` has the regions read so far, by `(user_id, profile_version)`."
    ),
    examine=examine_region_of,
    reference=region_of,
    hints=("The login says which version of the profile it saw; 0 means none.", "Two lines: one `if`, one `get`."),
    mistakes={
        "the newest": Mistake(newest_region, "not the newest"),
        "off by one version": Mistake(next_region, "the very one it saw"),
        "guessed": Mistake(guessed_region, "guess nothing"),
        "waits for version 0": Mistake(region_or_wait, "saw no profile"),
    },
)

# --- day_of -----------------------------------------------------------------------------------------------------------


class Moments(Protocol):
    """The two moments of an event, both with an offset."""

    valid_at: datetime
    recorded_at: datetime


class Late:
    """Happened just before midnight in Zurich, and was recorded a day later."""

    valid_at = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    recorded_at = datetime(2026, 3, 3, 8, tzinfo=UTC)


class AfterMidnight(Late):
    valid_at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)


DayOf = Callable[[Moments, str], date]


def examine_day_of(day_of: DayOf) -> None:
    if day_of(Late(), "Europe/Zurich").day == 3:
        raise Wrong("recorded on the 3rd, but it happened on the 1st: a day must not depend on who was late")
    if day_of(AfterMidnight(), "Europe/Zurich") == date(2026, 3, 1):
        raise Wrong("in Zurich it is half past midnight on the 2nd: change the zone before you take the date")
    if day_of(AfterMidnight(), "Europe/Zurich") != date(2026, 3, 2) or day_of(Late(), "UTC") != date(2026, 3, 1):
        raise Wrong("22:30 UTC is the 1st in UTC, 23:30 UTC the 2nd in Zurich")
    if day_of(Late(), "America/New_York") != date(2026, 3, 1) or day_of(Late(), "Asia/Tokyo") != date(2026, 3, 2):
        raise Wrong("the offset was fixed, not the named zone's: in Tokyo it is the 2nd already")


def day_of(event: Moments, time_zone: str) -> date:
    return event.valid_at.astimezone(ZoneInfo(time_zone)).date()


def day_recorded(event: Moments, time_zone: str) -> date:
    return event.recorded_at.astimezone(ZoneInfo(time_zone)).date()


def day_in_utc(event: Moments, time_zone: str) -> date:
    return event.valid_at.date()


def day_an_hour_on(event: Moments, time_zone: str) -> date:
    return (event.valid_at + timedelta(hours=0 if time_zone == "UTC" else 1)).date()


DAY_OF = Exercise(
    name="day_of",
    task=(
        "Write `day_of(event, time_zone)`: the `date` on which something happened, in a zone such as `Europe/Zurich`. "
        "The event has `valid_at` and `recorded_at`, both in UTC."
    ),
    examine=examine_day_of,
    reference=day_of,
    hints=("Which of the two moments is the same however late the event is?", "`astimezone(ZoneInfo(time_zone))`"),
    mistakes={
        "the day it was recorded": Mistake(day_recorded, "who was late"),
        "naive time zone": Mistake(day_in_utc, "change the zone"),
        "a fixed offset": Mistake(day_an_hour_on, "offset was fixed"),
    },
)

# --- join -------------------------------------------------------------------------------------------------------------

STORY: Sequence[tuple[str | None, DomainEvent]] = [
    (None, UserProfileUpdated(user_id="ada", profile_version=1, region="north")),
    (None, UserProfileUpdated(user_id="ada", profile_version=2, region="south")),
    ("s1", UserLoggedIn(user_id="ada", profile_version=1)),
    ("s1", UserPurchased(purchase_id="p1", user_id="ada", amount_minor=500, currency="EUR")),
    ("s1", UserPurchased(purchase_id="p2", user_id="ada", amount_minor=70, currency="EUR")),
]
"""Ada moves south after logging in from the north: what she buys in that session counts in the north."""


def orders() -> Iterator[Sequence[tuple[str | None, DomainEvent]]]:
    """Every order that keeps the order within each stream: Ada's profile is north, then south."""
    for order in permutations(STORY):
        if order.index(STORY[0]) < order.index(STORY[1]):
            yield order


class Join:
    """In memory, to stay small: it keeps what the read model keeps in tables."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = defaultdict(int)
        self._profiles: dict[tuple[str, int], str] = {}
        self._logins: dict[str, UserLoggedIn] = {}
        self._waiting: list[tuple[str, UserPurchased]] = []

    def handle(self, session: str | None, event: DomainEvent) -> None:
        match event:
            case UserProfileUpdated():
                self._profiles[event.user_id, event.profile_version] = event.region
            case UserLoggedIn() if session is not None:
                self._logins[session] = event
            case UserPurchased() if session is not None:
                self._waiting.append((session, event))
        self._waiting = [each for each in self._waiting if not self._count(*each)]

    def _count(self, session: str, purchase: UserPurchased) -> bool:
        login = self._logins.get(session)
        region = None if login is None else self._region(login)
        if region is None:
            return False
        self.spent[region] += purchase.amount_minor
        return True

    def _region(self, login: UserLoggedIn) -> str | None:
        return region_of(login, self._profiles)


def examine_join(make: Callable[[], Join]) -> None:
    for order in orders():
        join = make()
        for session, event in order:
            join.handle(session, event)
        spent = {region: amount for region, amount in join.spent.items() if amount}
        told = ", ".join(type(event).__name__ for _, event in order)
        if "unknown" in spent:
            raise Wrong(f"counted as unknown what just wasn't known yet: let it wait. The order was: {told}")
        if "south" in spent:
            raise Wrong(f"counted where Ada moved to, not where her login saw her. The order was: {told}")
        if sum(spent.values()) > 570:
            raise Wrong(
                f"something that had waited was counted twice: take it out as you count it. The order was: {told}"
            )
        if spent != {"north": 570}:
            raise Wrong(f"what was read before its login is lost: keep it until the login comes. The order was: {told}")


class LosesTheEarly(Join):
    def handle(self, session: str | None, event: DomainEvent) -> None:
        super().handle(session, event)
        self._waiting.clear()


class CountsTwice(Join):
    def handle(self, session: str | None, event: DomainEvent) -> None:
        earlier = list(self._waiting)
        super().handle(session, event)
        if isinstance(event, UserLoggedIn):
            self._waiting = earlier


class TakesTheNewest(Join):
    def _region(self, login: UserLoggedIn) -> str | None:
        return list(self._profiles.values())[-1] if self._profiles else None


class Guesses(Join):
    def _region(self, login: UserLoggedIn) -> str | None:
        return guessed_region(login, self._profiles)


JOIN = Exercise(
    name="join",
    task=(
        "Write the class `Join` with `handle(session, event)` and `spent`, minor units by region: it gets the "
        "contract's profiles, logins and purchases in *any* order in which a profile's own versions ascend. "
        "`session` is the correlation id. It is tested with all 60 orders of one story."
    ),
    examine=examine_join,
    reference=Join,
    hints=(
        "Let everything that can't be counted wait, and look at what waits after each event.",
        "A purchase can be counted once its login is known *and* the profile version that the login names.",
    ),
    mistakes={
        "assumes order": Mistake(LosesTheEarly, "lost"),
        "double apply": Mistake(CountsTwice, "counted twice"),
        "the newest profile": Mistake(TakesTheNewest, "where her login saw her"),
        "guessed": Mistake(Guesses, "let it wait"),
    },
)

# --- waits ------------------------------------------------------------------------------------------------------------

Waits = Callable[[Connection, datetime], list[StillWaiting]]


def purchase(event_id: str, hours_ago: int, recorded_currency: str = "EUR") -> Happening:
    happened = NOON - timedelta(hours=hours_ago)
    return Happening(event_id, "UserPurchased", event_id, "ada", 0, happened.date(), 100, recorded_currency, happened)


def examine_waits(waits: Waits) -> None:
    with create_engine("sqlite://").begin() as connection:
        activity_waiting.create(connection)
        for event_id, hours in (("p1", 0), ("p2", 5), ("p3", 6), ("p4", 30)):
            wait(connection, purchase(event_id, hours), "UserLoggedIn")
        found = [(each.age, each.events) for each in waits(connection, NOON)]
        later = [(each.age, each.events) for each in waits(connection, NOON + timedelta(days=2))]
    if len(found) == 1:
        raise Wrong("one number for all: what has waited for a day must not hide behind what came a minute ago")
    if found[0][0] == "a day or more":
        raise Wrong("the young ones come first, what has waited longest last")
    if sum(count for _, count in found) < 4:
        raise Wrong("the young ones are left out: none of them is lost, and none may be forgotten")
    if later != [("a day or more", 4)]:
        raise Wrong("two days later all four have waited for more than a day: ages count up to the `now` that is given")
    if found != [("under an hour", 1), ("under a day", 2), ("a day or more", 1)]:
        raise Wrong(f"1 under an hour, 2 under a day and 1 for longer was expected, not {found}")


def in_one_number(connection: Connection, now: datetime) -> list[StillWaiting]:
    count = connection.scalar(select(func.count()).select_from(activity_waiting)) or 0
    return [StillWaiting("UserPurchased", "UserLoggedIn", "a day or more", count)]


def oldest_first(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now)[::-1]


def old_ones_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each for each in still_waiting(connection, now) if each.age not in list(AGES)[:1]]


def at_a_moment_of_its_own(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, NOON)


WAITS = Exercise(
    name="waits",
    task=(
        "Write the operator's question, `waits(connection, now)`: how many events are waiting in "
        "`activity_waiting`, for what, and how long. Return a list of `StillWaiting(event_type, waits_for, age, "
        "events)`, with the ages `under an hour`, `under a day` and `a day or more` counted from `occurred_at` to "
        "`now`, the longest waits last."
    ),
    examine=examine_waits,
    reference=still_waiting,
    hints=("Group by type, by what it waits for, and by age.", "`case((columns.occurred_at > now - limit, name), …)`"),
    mistakes={
        "one number": Mistake(in_one_number, "must not hide"),
        "most patient first": Mistake(oldest_first, "waited longest last"),
        "young ones left out": Mistake(old_ones_only, "left out"),
        "another clock": Mistake(at_a_moment_of_its_own, "the `now` that is given"),
    },
)

exercises = Exercises(REGION_OF, DAY_OF, JOIN, WAITS)
