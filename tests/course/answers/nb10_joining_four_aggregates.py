"""Answers to the exercises of notebook 10."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, delete, func, select

from esworkbench.course.nb10_joining_four_aggregates import JoinInParts
from esworkbench.domains.activity.contracts import NO_PROFILE, UserLoggedIn, UserProfileUpdated, UserPurchased
from esworkbench.domains.activity.read_models import StillWaiting, still_waiting
from esworkbench.domains.activity.read_models.waiting import activity_waiting

Profiles = Mapping[tuple[str, int], str]


def region_by_loop(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if not login.profile_version:
        return "unknown"
    for (user, version), region in profiles.items():
        if user == login.user_id and version == login.profile_version:
            return region
    return None


def region_by_a_table(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return ({(login.user_id, NO_PROFILE): "unknown"} | dict(profiles)).get((login.user_id, login.profile_version))


def region_by_index(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == 0:
        return "unknown"
    return profiles[login.user_id, login.profile_version]


def region_of_whoever_has_it(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == 0:
        return "unknown"
    return next((region for (_, version), region in profiles.items() if version == login.profile_version), None)


def region_unknown_without_profiles(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.user_id not in {user for user, _ in profiles}:
        return "unknown"
    return region_by_loop(login, profiles)


def region_by_counting(login: UserLoggedIn, profiles: Profiles) -> str | None:
    known = [region for (user, _), region in sorted(profiles.items()) if user == login.user_id]
    if login.profile_version == 0:
        return "unknown"
    return known[login.profile_version - 1] if login.profile_version <= len(known) else None


def region_none_for_zero(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version)) if login.profile_version > 1 else "unknown"


def region_in_small_letters(login: UserLoggedIn, profiles: Profiles) -> str | None:
    small = {(user.lower(), version): region for (user, version), region in profiles.items()}
    return region_by_loop(UserLoggedIn(user_id=login.user_id.lower(), profile_version=login.profile_version), small)


def region_of_whoever_begins_so(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == 0:
        return "unknown"
    found = (
        region
        for (user, version), region in profiles.items()
        if version == login.profile_version and user.startswith(login.user_id)
    )
    return next(found, None)


class JoinAnew:
    """Keeps every event, and counts all of them whenever it is asked."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, Any]] = []

    def handle(self, session: str | None, event: Any) -> None:
        self.told.append((session, event))

    @property
    def spent(self) -> Counter[str]:
        events = [event for _, event in self.told]
        profiles = {(e.user_id, e.profile_version): e.region for e in events if isinstance(e, UserProfileUpdated)}
        logins = {session: event for session, event in self.told if isinstance(event, UserLoggedIn)}
        sums: Counter[str] = Counter()
        for session, event in self.told:
            if isinstance(event, UserPurchased) and session in logins:
                region = region_by_loop(logins[session], profiles)
                if region is not None:
                    sums[region] += event.amount_minor
        return sums


class JoinByQueues:
    """Purchases wait under their session, sessions wait under their profile version."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {"unknown": 0}
        self.regions: dict[tuple[str, int], str] = {}
        self.saw: dict[str | None, tuple[str, int]] = {}
        self.unpaid: defaultdict[str | None, int] = defaultdict(int)

    def handle(self, session: str | None, event: Any) -> None:
        if isinstance(event, UserProfileUpdated):
            self.regions[event.user_id, event.profile_version] = event.region
            ready = [each for each, saw in self.saw.items() if saw == (event.user_id, event.profile_version)]
        elif isinstance(event, UserLoggedIn):
            self.saw[session] = (event.user_id, event.profile_version)
            ready = [session]
        else:
            self.unpaid[session] += event.amount_minor
            ready = [session]
        for each in ready:
            region = self._region(each)
            if region:
                self.spent[region] = self.spent.get(region, 0) + self.unpaid.pop(each, 0)

    def _region(self, session: str | None) -> str | None:
        if session not in self.saw:
            return None
        return "unknown" if self.saw[session][1] == 0 else self.regions.get(self.saw[session])


class JoinThatFreesOneSession(JoinByQueues):
    """A profile sets free the first session that waits for it, and no other."""

    def handle(self, session: str | None, event: Any) -> None:
        saw = self.saw
        if isinstance(event, UserProfileUpdated):
            key = (event.user_id, event.profile_version)
            first = next((each for each in saw if saw[each] == key), None)
            self.saw = {each: it for each, it in saw.items() if it != key or each == first}
        super().handle(session, event)
        self.saw = saw if isinstance(event, UserProfileUpdated) else self.saw


class JoinThatPassesOverAnEmptyText(JoinAnew):
    def handle(self, session: str | None, event: Any) -> None:
        if session or isinstance(event, UserProfileUpdated):
            super().handle(session, event)


class JoinThatHoldsEight(JoinAnew):
    def handle(self, session: str | None, event: Any) -> None:
        super().handle(session, event)
        bought = [each for each in self.told if isinstance(each[1], UserPurchased)]
        if len(bought) > 8:
            self.told.remove(bought[0])


class JoinByUser(JoinByQueues):
    def handle(self, session: str | None, event: Any) -> None:
        super().handle(event.user_id, event)


class JoinWithTheFirstLogin(JoinInParts):
    def handle(self, session: str | None, event: Any) -> None:
        if isinstance(event, UserLoggedIn) and self._logins:
            return
        super().handle(session, event)


class JoinThatCountsPurchases(JoinAnew):
    @property
    def spent(self) -> Counter[str]:
        return Counter({region: 1 for region in super().spent})


class JoinThatDropsDuplicates(JoinInParts):
    """Takes two purchases of one amount for one."""

    def handle(self, session: str | None, event: Any) -> None:
        if isinstance(event, UserPurchased) and event.amount_minor in [each.amount_minor for _, each in self._waiting]:
            return
        super().handle(session, event)


class JoinOnePerSession(JoinInParts):
    """Frees one waiting purchase, the first, with each event."""

    def handle(self, session: str | None, event: Any) -> None:
        held = self._waiting[1:]
        self._waiting = self._waiting[:1]
        super().handle(session, event)
        self._waiting += held


class JoinOfTheBuyer(JoinInParts):
    """Of the login it takes the version alone, and the user from the purchase."""

    def _count(self, session: str | None, purchase: UserPurchased) -> bool:
        login = self._logins.get(session)
        if login is None:
            return False
        version = login.profile_version
        region = self._region(UserLoggedIn(user_id=purchase.user_id, profile_version=version))
        if region is not None:
            self.spent[region] += purchase.amount_minor
        return region is not None


class JoinWithTheLatestProfiles(JoinInParts):
    """Keeps a few of a user's profiles, the latest; a login may have seen an older one."""

    kept = 2

    def _region(self, login: UserLoggedIn) -> str | None:
        versions = sorted(version for user, version in self._profiles if user == login.user_id)[-self.kept :]
        known = {key: region for key, region in self._profiles.items() if key[1] in versions}
        return region_by_loop(login, known)


class JoinWithThreeProfiles(JoinWithTheLatestProfiles):
    kept = 3


def waits_in_python(connection: Connection, now: datetime) -> list[StillWaiting]:
    columns = activity_waiting.c
    found: Counter[tuple[str, str, str]] = Counter()
    for event_type, waits_for, at in connection.execute(
        select(columns.event_type, columns.waits_for, columns.occurred_at)
    ):
        hours = (now - at) / timedelta(hours=1)
        found[event_type, waits_for, "under an hour" if hours < 1 else "under a day" if hours < 24 else "a day or more"] += 1  # fmt: skip  # noqa: E501
    ages = ["under an hour", "under a day", "a day or more"]
    return [StillWaiting(*key, count) for age in ages for key, count in found.items() if key[2] == age]


def waits_by_three_queries(connection: Connection, now: datetime) -> list[tuple[Any, ...]]:
    columns = activity_waiting.c
    hour, day = now - timedelta(hours=1), now - timedelta(days=1)
    rows: list[tuple[Any, ...]] = []
    for age, condition in [
        ("under an hour", columns.occurred_at > hour),
        ("under a day", (columns.occurred_at <= hour) & (columns.occurred_at > day)),
        ("a day or more", columns.occurred_at <= day),
    ]:
        kinds = select(columns.event_type, columns.waits_for, func.count()).where(condition)
        for event_type, waits_for, count in connection.execute(kinds.group_by(columns.event_type, columns.waits_for)):
            rows.append((event_type, waits_for, age, count))
    return rows


def waits_inclusive(connection: Connection, now: datetime) -> list[StillWaiting]:
    return _by_sql(connection, now, hour=timedelta(hours=1, seconds=1), day=timedelta(days=1, seconds=1))


def waits_a_day_inclusive(connection: Connection, now: datetime) -> list[StillWaiting]:
    return _by_sql(connection, now, hour=timedelta(hours=1), day=timedelta(days=1, seconds=1))


def waits_hour_of_sixty_one(connection: Connection, now: datetime) -> list[StillWaiting]:
    return _by_sql(connection, now, hour=timedelta(minutes=61), day=timedelta(days=1))


def _by_sql(connection: Connection, now: datetime, *, hour: timedelta, day: timedelta) -> list[StillWaiting]:
    c = activity_waiting.c
    age = case(
        (c.occurred_at > now - hour, "under an hour"), (c.occurred_at > now - day, "under a day"), else_="a day or more"
    ).label("age")
    query = select(c.event_type, c.waits_for, age, func.count()).group_by(c.event_type, c.waits_for, "age")
    rows = [StillWaiting(*row) for row in connection.execute(query)]
    return sorted(rows, key=lambda row: ["under an hour", "under a day", "a day or more"].index(row.age))


def waits_of_rounded_seconds(connection: Connection, now: datetime) -> list[StillWaiting]:
    return _by_sql(connection, now, hour=timedelta(hours=1, seconds=-0.5), day=timedelta(days=1, seconds=-0.5))


def waits_since_the_full_second(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now.replace(microsecond=0))


def waits_since_the_full_minute(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now.replace(second=0))


def waits_since_the_next_second(connection: Connection, now: datetime) -> list[StillWaiting]:
    return still_waiting(connection, now.replace(microsecond=0) + timedelta(seconds=bool(now.microsecond)))


def waits_without_the_future(connection: Connection, now: datetime) -> list[StillWaiting]:
    rows = _by_sql(connection, now, hour=timedelta(hours=1), day=timedelta(days=1))
    ahead = select(activity_waiting.c.event_type, activity_waiting.c.waits_for)
    early = Counter(map(tuple, connection.execute(ahead.where(activity_waiting.c.occurred_at > now))))
    left = [row._replace(events=row.events - early[row[:2]] * (row.age == "under an hour")) for row in rows]
    return [row for row in left if row.events]


def waits_in_alphabetical_order(connection: Connection, now: datetime) -> list[StillWaiting]:
    return sorted(still_waiting(connection, now), key=lambda each: each.age)


def waits_that_clean_up(connection: Connection, now: datetime) -> list[StillWaiting]:
    found = still_waiting(connection, now)
    connection.execute(delete(activity_waiting).where(activity_waiting.c.occurred_at < now - timedelta(days=30)))
    return found


def waits_by_waits_for_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    last = {(each.waits_for, each.age): each for each in still_waiting(connection, now)}
    return list(last.values())


def waits_with_empty_groups(connection: Connection, now: datetime) -> list[StillWaiting]:
    found = still_waiting(connection, now)
    return found or [StillWaiting("UserPurchased", "UserLoggedIn", "under an hour", 0)]


def breaks_by_counting(read: Sequence[tuple[str, str | None]]) -> list[int]:
    def is_broken(place: int) -> bool:
        event_type, session = read[place]
        if event_type == "UserProfileUpdated" or session is None:
            return event_type != "UserProfileUpdated"
        return event_type == "UserLoggedIn" and read[:place].count((event_type, session)) > 0

    return [place for place in range(len(read)) if is_broken(place)]


def breaks_by_first_logins(read: Sequence[tuple[str, str | None]]) -> Iterator[int]:
    first = {session: place for place, (kind, session) in reversed([*enumerate(read)]) if kind == "UserLoggedIn"}
    for place, (kind, session) in enumerate(read):
        second = kind == "UserLoggedIn" and first[session] < place
        if kind != "UserProfileUpdated" and (session is None or second):
            yield place


def breaks_once_per_session(read: Sequence[tuple[str, str | None]]) -> list[int]:
    """Takes the third login for one that is known by now."""
    broken, seen = [], set()
    for place in breaks_by_counting(read):
        if read[place][1] is None or read[place] not in seen:
            broken.append(place)
        seen.add(read[place])
    return broken


def breaks_without_a_text(read: Sequence[tuple[str, str | None]]) -> list[int]:
    return breaks_by_counting([(kind, session or None) for kind, session in read])


def breaks_by_the_last_login(read: Sequence[tuple[str, str | None]]) -> list[int]:
    turned = breaks_by_counting(read[::-1])
    return sorted(len(read) - 1 - place for place in turned)


def breaks_with_profiles_as_logins(read: Sequence[tuple[str, str | None]]) -> list[int]:
    logins = [
        (("UserLoggedIn" if kind == "UserProfileUpdated" and session else kind), session) for kind, session in read
    ]
    return breaks_by_counting(logins)


def breaks_in_small_letters(read: Sequence[tuple[str, str | None]]) -> list[int]:
    return breaks_by_counting([(kind, session and session.strip().lower()) for kind, session in read])


def breaks_by_text(read: Sequence[tuple[str, str | None]]) -> list[int]:
    return breaks_by_counting([(kind, None if str(session) == "None" else session) for kind, session in read])


def breaks_by_a_part(read: Sequence[tuple[str, str | None]]) -> list[int]:
    """Looks for the id in all ids so far, put together into one text."""
    logins, broken = "", []
    for place, (kind, session) in enumerate(read):
        if kind != "UserProfileUpdated" and (session is None or (kind == "UserLoggedIn" and session in logins)):
            broken.append(place)
        elif kind == "UserLoggedIn":
            logins += f"{session},"
    return broken


def _counted(connection: Connection, now: datetime, *more: Any, count: Any) -> list[StillWaiting]:
    columns = activity_waiting.c
    hour, day = now - timedelta(hours=1), now - timedelta(days=1)
    age = case(
        (columns.occurred_at > hour, "under an hour"),
        (columns.occurred_at > day, "under a day"),
        else_="a day or more",
    ).label("age")
    kinds = select(columns.event_type, columns.waits_for, age, count)
    found = [
        StillWaiting(*row)
        for row in connection.execute(kinds.group_by(columns.event_type, columns.waits_for, age, *more))
    ]
    return sorted(found, key=lambda row: ["under an hour", "under a day", "a day or more"].index(row.age))


def waits_by_session(connection: Connection, now: datetime) -> list[StillWaiting]:
    return _counted(connection, now, count=func.count(activity_waiting.c.correlation_id.distinct()))


def waits_of_each_user(connection: Connection, now: datetime) -> list[StillWaiting]:
    return _counted(connection, now, activity_waiting.c.user_id, count=func.count())


RIGHT = {
    "region_of": [region_by_loop, region_by_a_table],
    "join": [JoinAnew, JoinByQueues],
    "waits": [waits_in_python, waits_by_three_queries],
    "breaks_contract": [breaks_by_counting, breaks_by_first_logins],
}
WRONG = {
    "region_of": [
        region_by_index,
        region_of_whoever_has_it,
        region_unknown_without_profiles,
        region_by_counting,
        region_none_for_zero,
        region_in_small_letters,
        region_of_whoever_begins_so,
    ],
    "join": [
        JoinByUser,
        JoinWithTheFirstLogin,
        JoinThatCountsPurchases,
        JoinThatDropsDuplicates,
        JoinOnePerSession,
        JoinOfTheBuyer,
        JoinThatFreesOneSession,
        JoinThatPassesOverAnEmptyText,
        JoinThatHoldsEight,
        JoinWithTheLatestProfiles,
        JoinWithThreeProfiles,
    ],
    "waits": [
        waits_by_session,
        waits_of_each_user,
        waits_inclusive,
        waits_a_day_inclusive,
        waits_hour_of_sixty_one,
        waits_of_rounded_seconds,
        waits_without_the_future,
        waits_in_alphabetical_order,
        waits_by_waits_for_only,
        waits_with_empty_groups,
        waits_that_clean_up,
        waits_since_the_full_second,
        waits_since_the_full_minute,
        waits_since_the_next_second,
    ],
    "breaks_contract": [
        breaks_once_per_session,
        breaks_without_a_text,
        breaks_by_the_last_login,
        breaks_with_profiles_as_logins,
        breaks_in_small_letters,
        breaks_by_text,
        breaks_by_a_part,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {
    "waits": {
        "groups.group_by(columns.event_type, columns.waits_for, 'age') → "
        "groups.group_by(columns.waits_for, columns.event_type, 'age')": "groups are the same in any order of columns",
    }
}
