"""Exercises of notebook 10: which region, a join that waits, what still waits, and what breaks the contract."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby, permutations
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select

from esworkbench.course.case_database import case_engine
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
        "that the login waits. `profiles` has the regions read so far, none of them an empty text, by `(user_id, "
        "profile_version)`; versions count from 1 for each user, and any of them may not have been read yet."
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
        *[(UserLoggedIn(user_id="ada", profile_version=1), {(user, 1): "south"}) for user in ("Ada", "ad", "ada2")],
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
    def __init__(self) -> None:
        nothing_yet: Any = Counter(), {}, {}, []
        self.spent, self.profiles, self.logins, self.waiting = nothing_yet

    def handle(self, session: str | None, event: Any) -> None:
        if isinstance(event, UserProfileUpdated):
            self.profiles[event.user_id, event.profile_version] = event.region
        elif isinstance(event, UserLoggedIn):
            self.logins[session] = event
        else:
            self.waiting.append((session, event))
        regions = {each: region_of(login, self.profiles) for each, login in self.logins.items()}
        ready = [each for each in self.waiting if regions.get(each[0])]
        for each in ready:
            self.waiting.remove(each)
            self.spent[regions[each[0]]] += each[1].amount_minor


class JoinInParts:
    """The same in small steps, each of which a mistake may take wrongly."""

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


class LosesTheEarly(JoinInParts):
    def handle(self, session: Session, event: DomainEvent) -> None:
        super().handle(session, event)
        self._waiting.clear()


class CountsTwice(JoinInParts):
    def handle(self, session: Session, event: DomainEvent) -> None:
        earlier = list(self._waiting)
        super().handle(session, event)
        if isinstance(event, UserLoggedIn):
            self._waiting = earlier


class TakesTheNewest(JoinInParts):
    def _region(self, login: UserLoggedIn) -> str | None:
        return newest_region(login, self._profiles)


class Guesses(JoinInParts):
    def _region(self, login: UserLoggedIn) -> str | None:
        return guessed_region(login, self._profiles)


class JoinsByUser(JoinInParts):
    def handle(self, session: Session, event: DomainEvent) -> None:
        super().handle(getattr(event, "user_id", session), event)


class TakesTheBuyer(JoinInParts):
    def _count(self, session: Session, purchase: UserPurchased) -> bool:
        login = self._logins.get(session)
        if login is None:
            return False
        of_buyer = UserLoggedIn(user_id=purchase.user_id, profile_version=login.profile_version)
        region = self._region(of_buyer)
        if region is not None:
            self.spent[region] += purchase.amount_minor
        return region is not None


class WaitsForLoginsOnly(JoinInParts):
    def handle(self, session: Session, event: DomainEvent) -> None:
        earlier = list(self._waiting)
        if isinstance(event, UserProfileUpdated):
            self._waiting.clear()
        super().handle(session, event)
        if isinstance(event, UserProfileUpdated):
            self._waiting = earlier


class NobodyIsUnknown(JoinInParts):
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

    A login may name a version that is told later or never, and a session may have purchases and never a login. Now and
    then Bob buys in a session that isn't his.
    """
    told: list[tuple[int, Told]] = []
    for user in ("ada", "bob"):
        moved = sorted(draw(st.lists(st.integers(0, 9), max_size=2)))
        for version, (when, region) in enumerate(zip(moved, ["north", "south"], strict=False), start=1):
            there = region if user == "ada" else "east"
            told.append((when, (None, UserProfileUpdated(user_id=user, profile_version=version, region=there))))
    for session in draw(st.sampled_from([("s1",), ("s1", "s2"), ("s1", "s2", "s3"), ("s1", "")])):
        user = draw(st.sampled_from(["ada", "ada", "bob"]))
        if draw(st.sampled_from([True, True, True, False])):
            login = UserLoggedIn(user_id=user, profile_version=draw(st.integers(0, 2)))
            told.append((draw(st.integers(0, 9)), (session, login)))
        for number, amount in enumerate(draw(st.lists(st.integers(1, 500), max_size=2)), start=1):
            buyer = draw(st.sampled_from([user, user, user, "bob"]))
            purchase = UserPurchased(
                purchase_id=f"{session}-{number}", user_id=buyer, amount_minor=amount, currency="EUR"
            )
            told.append((draw(st.integers(0, 9)), (session, purchase)))
    return ([each for _, each in sorted(told, key=lambda pair: pair[0])],)


def _told_one_by_one(told: list[Told]) -> str:
    lines = (f"\n  {'no session' if session is None else session or repr('')}: {event}" for session, event in told)
    return "".join(lines) or "no events"


TWO_SESSIONS: list[Told] = [
    ("s2", UserLoggedIn(user_id="ada", profile_version=0)),
    ("s2", UserPurchased(purchase_id="p3", user_id="ada", amount_minor=9, currency="EUR")),
]

BOB_IN_HER_SESSION: list[Told] = [
    STORY[0],
    (None, UserProfileUpdated(user_id="bob", profile_version=1, region="east")),
    STORY[2],
    ("s1", UserPurchased(purchase_id="p4", user_id="bob", amount_minor=30, currency="EUR")),
]

ADA_MOVES_IN = STORY[0]
BOTH_WAIT: list[Told] = [
    ("s1", UserLoggedIn(user_id="ada", profile_version=1)),
    ("s2", UserLoggedIn(user_id="ada", profile_version=1)),
    ("s1", UserPurchased(purchase_id="p5", user_id="ada", amount_minor=5, currency="EUR")),
    ("s2", UserPurchased(purchase_id="p6", user_id="ada", amount_minor=7, currency="EUR")),
    ADA_MOVES_IN,
]
"""Two sessions that wait for one profile version."""

UNNAMED: list[Told] = [
    ("", UserPurchased(purchase_id="p7", user_id="ada", amount_minor=11, currency="EUR")),
    ("", UserLoggedIn(user_id="ada", profile_version=0)),
]

MANY_WAIT: list[Told] = [
    *(
        ("s3", UserPurchased(purchase_id=f"m{number}", user_id="ada", amount_minor=2**number, currency="EUR"))
        for number in range(12)
    ),
    ("s3", UserLoggedIn(user_id="ada", profile_version=1)),
    ADA_MOVES_IN,
]

JOIN = Exercise(
    name="join",
    task=(
        "A join of profiles, logins and purchases that is right in any order. `handle(session, event)` gets one event "
        "after another; `session` is the correlation id, `None` for profiles; an empty text is an id like any other. "
        "`spent` maps each region, which is never an empty text, to the sum of `amount_minor`, all in one currency; a "
        "region without purchases may be missing or 0. A purchase counts in the region that the login of *its session* "
        "saw (see `region_of`), whoever the purchase names as its user; of a session there is one login, and a user "
        "may have several sessions. Only the versions of one user's profile come in order. After each event, `spent` "
        "holds all that can be counted by then and nothing else; what lacks its login, or its login's profile version, "
        "waits."
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
        (BOB_IN_HER_SESSION,),
        (BOTH_WAIT,),
        (UNNAMED,),
        (MANY_WAIT,),
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
        "the buyer's region": Mistake(
            TakesTheBuyer, "it is counted where the buyer lives: the region is that of the user who has logged in"
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

Waiting = tuple[str, str, float]
"""Type, what it waits for, and how many seconds ago it happened; below 0, it is yet to come."""


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
    return still_waiting(connection, now - timedelta(microseconds=1))


def by_type_only(connection: Connection, now: datetime) -> list[StillWaiting]:
    """As a query that groups by type and age, and takes some row's ``waits_for``."""
    together: dict[tuple[str, str], StillWaiting] = {}
    for each in still_waiting(connection, now):
        known = together.get((each.event_type, each.age))
        together[each.event_type, each.age] = known._replace(events=known.events + each.events) if known else each
    return list(together.values())


def future_left_out(connection: Connection, now: datetime) -> list[StillWaiting]:
    columns = activity_waiting.c
    ahead = connection.execute(select(columns.event_type, columns.waits_for).where(columns.occurred_at > now))
    early = Counter((event_type, waits_for, "under an hour") for event_type, waits_for in ahead)
    left = [each._replace(events=each.events - early[each[:3]]) for each in still_waiting(connection, now)]
    return [each for each in left if each.events]


def one_by_one(connection: Connection, now: datetime) -> list[StillWaiting]:
    return [each._replace(events=1) for each in still_waiting(connection, now) for _ in range(each.events)]


def _play_waits(answer: Any, waiting: list[Waiting], now: datetime) -> Any:
    """The answer's rows; those of one age may come in any order."""
    rows = [
        {
            "event_id": f"e{number}", "event_type": event_type, "correlation_id": f"s{number}", "waits_for": waits_for,
            "user_id": "ada", "profile_version": 0, "day": NOON.date(), "amount_minor": 100, "currency": "EUR",
            "occurred_at": now - timedelta(seconds=seconds),
        }
        for number, (event_type, waits_for, seconds) in enumerate(waiting)
    ]  # fmt: skip
    with case_engine().connect() as connection:
        activity_waiting.create(connection, checkfirst=True)
        connection.execute(delete(activity_waiting))
        if rows:
            connection.execute(insert(activity_waiting), rows)
        found = answer(connection, now)
        found = found if not isinstance(found, Iterable) else list(found)
        left = connection.scalar(select(func.count()).select_from(activity_waiting))
        connection.rollback()
    told = _any_order_within_an_age(found)
    return told if left == len(rows) else {"it says": told, "and leaves in the table": f"{left} rows of {len(rows)}"}


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
HOUR, DAY = 3_600, 86_400
SECONDS = st.sampled_from(
    [
        0,
        60,
        HOUR - 60,
        HOUR - 0.4,
        HOUR,
        HOUR + 60,
        DAY - 60,
        DAY - 0.4,
        DAY,
        DAY + 60,
        2 * DAY,
        400 * DAY,
        -60,
        -2 * DAY,
    ]
)


@st.composite
def _waiting_lines(draw: st.DrawFn) -> tuple[list[Waiting], datetime]:
    """A few events that wait, as old as the bounds of the ages, or a little more or less."""
    lines = draw(st.lists(st.tuples(KINDS, SECONDS), max_size=5))
    return [(*kind, seconds) for kind, seconds in lines], NOON + timedelta(
        minutes=draw(st.sampled_from([0, 61, 2_880]))
    )


def _told_waiting(waiting: list[Waiting], now: datetime) -> str:
    lines = (
        f"\n  {kind} waits for {other}, occurred_at={now - timedelta(seconds=ago)}" for kind, other, ago in waiting
    )
    return f"now={now}, waiting:{''.join(lines) or ' nothing'}"


A_FEW_WAITING: list[Waiting] = [
    *[("UserPurchased", "UserLoggedIn", seconds) for seconds in (0, HOUR, 5 * HOUR, DAY, 30 * HOUR)],
    ("UserPurchased", "UserProfileUpdated", 60),
    ("UserLoggedIn", "UserProfileUpdated", 60),
]
ALMOST: list[Waiting] = [("UserPurchased", "UserLoggedIn", seconds) for seconds in (HOUR - 0.4, DAY - 0.4)]
YET_TO_COME: list[Waiting] = [("UserPurchased", "UserLoggedIn", -60)]
FOR_A_YEAR: list[Waiting] = [("UserPurchased", "UserLoggedIn", 400 * DAY)]

WAITS = Exercise(
    name="waits",
    task=(
        "The operator's question: how many events are waiting, for what, and for how long? Read the table "
        "`activity_waiting`, whose columns `event_type`, `waits_for` and `occurred_at` matter here, and return a list "
        "of `StillWaiting(event_type, waits_for, age, events)`, one for each group that has any events. The ages, "
        "counted from `occurred_at` to `now` (in UTC), are `under an hour`, `under a day` (an hour or more) and `a day "
        "or more`; seconds are not rounded, and an event dated later than `now`, by a clock that is ahead, is `under "
        "an hour`. The longest wait comes last; the order within an age is yours. Compare `occurred_at` in a `select` "
        "or in Python: in plain SQL text, SQLite can't take a `datetime`."
    ),
    stub=(
        "from datetime import datetime, timedelta\n\nfrom sqlalchemy import Connection, case, func, select\n\n"
        "from esworkbench.domains.activity.read_models import StillWaiting\n"
        "from esworkbench.domains.activity.read_models.waiting import activity_waiting\n\n\n"
        "def my_waits(connection: Connection, now: datetime) -> list[StillWaiting]: ..."
    ),
    reference=still_waiting,
    cases=_waiting_lines(),
    examples=[
        (A_FEW_WAITING, NOON),
        (A_FEW_WAITING, NOON + timedelta(days=2)),
        ([], NOON),
        (ALMOST, NOON),
        (YET_TO_COME, NOON),
        (FOR_A_YEAR, NOON),
    ],
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
        "longest wait first": Mistake(oldest_first, "the shortest wait comes first, and the longest wait last"),
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
        "the future left out": Mistake(
            future_left_out, "what is dated later than `now` is left out: it waits as well, and is under an hour old"
        ),
        "one by one": Mistake(one_by_one, "each event has a row of its own: count those of one group in one row"),
    },
)

# --- breaks_contract --------------------------------------------------------------------------------------------------

LOGIN, PURCHASE, REFERRAL, PROFILE = "UserLoggedIn", "UserPurchased", "UserReferralSubmitted", "UserProfileUpdated"

Read = tuple[str, Session]
"""An event's type and its correlation id."""


def breaks_contract(read: Sequence[Read]) -> list[int]:
    logins, broken = set(), []
    for place, (event_type, session) in enumerate(read):
        if event_type == "UserProfileUpdated":
            continue
        if session is None or (event_type == "UserLoggedIn" and session in logins):
            broken.append(place)
        elif event_type == "UserLoggedIn":
            logins.add(session)
    return broken


def _profiles_too(read: Sequence[Read]) -> list[int]:
    return sorted({*breaks_contract(read), *(place for place, (_, session) in enumerate(read) if session is None)})


def _missing_ids_only(read: Sequence[Read]) -> list[int]:
    return [place for place in breaks_contract(read) if read[place][1] is None]


def _second_logins_only(read: Sequence[Read]) -> list[int]:
    return [place for place in breaks_contract(read) if read[place][1] is not None]


def _both_logins(read: Sequence[Read]) -> list[int]:
    twice = {read[place] for place in breaks_contract(read) if read[place][1] is not None}
    return [place for place, each in enumerate(read) if each in twice or place in breaks_contract(read)]


def _any_second_event(read: Sequence[Read]) -> list[int]:
    found = []
    for place, (event_type, session) in enumerate(read):
        known = session in {earlier for _, earlier in read[:place]}
        if event_type != PROFILE and (session is None or known):
            found.append(place)
    return found


def _what_follows_too(read: Sequence[Read]) -> list[int]:
    """Whatever comes in a session after its second login."""
    found = breaks_contract(read)
    spoilt = {read[place][1]: place for place in reversed(found)}
    return [place for place, (_, session) in enumerate(read)
            if place in found or (session is not None and place > spoilt.get(session, len(read)))]  # fmt: skip


def _purchases_without_a_login(read: Sequence[Read]) -> list[int]:
    logins = {session for event_type, session in read if event_type == LOGIN}
    early = {place for place, (event_type, session) in enumerate(read)
             if event_type in (PURCHASE, REFERRAL) and session not in logins}  # fmt: skip
    return sorted({*breaks_contract(read), *early})


def _told_in_order(read: Sequence[Read]) -> str:
    return (
        "".join(f"\n  {place}: {event_type}, {session!r}" for place, (event_type, session) in enumerate(read)) or "none"
    )


@st.composite
def _read_events(draw: st.DrawFn) -> tuple[list[Read]]:
    """Few sessions, so that they meet; a profile has an id of its own, or none."""
    types = st.sampled_from([LOGIN, LOGIN, PURCHASE, REFERRAL, PROFILE])
    sessions = st.sampled_from(["s1", "s1", "s1", "s2", "s2", None, None, "", "S1", "s", "None"])
    return (draw(st.lists(st.tuples(types, sessions), max_size=6)),)


BREAKS_CONTRACT = Exercise(
    name="breaks_contract",
    task=(
        "Which events break the contract, so that they must be parked? `read` has the events in the order in which "
        "they are read, each as `(event_type, correlation_id)`; return the places of the broken ones, from 0, in "
        "order. Broken is an event of a session (`UserLoggedIn`, `UserPurchased`, `UserReferralSubmitted`) whose "
        "correlation id is `None` (an empty text is an id like any other), and a `UserLoggedIn` whose correlation id "
        "an earlier login has had. A `UserProfileUpdated` belongs to no session and never breaks anything. What merely "
        "comes before its login isn't broken: it waits."
    ),
    stub=(
        "from collections.abc import Sequence\n\n\n"
        "def my_breaks_contract(read: Sequence[tuple[str, str | None]]) -> list[int]: ..."
    ),
    reference=breaks_contract,
    cases=_read_events(),
    examples=[
        ([(PROFILE, None), (LOGIN, "s1"), (PURCHASE, "s1"), (PURCHASE, None), (LOGIN, "s1"), (PURCHASE, "s1")],),
        ([(PURCHASE, "s1"), (REFERRAL, "s1"), (LOGIN, "s2"), (LOGIN, None), (LOGIN, None)],),
        ([(PURCHASE, ""), (LOGIN, ""), (LOGIN, "")],),
        ([(LOGIN, session) for session in ("s12", "s1", "S1", " s1", "1")],),
        ([(kind, session) for session in ("None", "null") for kind in (LOGIN, PURCHASE)],),
    ],
    given=_told_in_order,
    hints=(
        "Two things break it: an id that is missing, and an id that a login has had before.",
        "Keep the correlation ids of the logins so far in a set, and pass over profiles.",
    ),
    mistakes={
        "profiles too": Mistake(_profiles_too, "a profile belongs to no session: it needs no correlation id"),
        "missing ids only": Mistake(
            _missing_ids_only, "a second login with the same id is missed: its purchases could belong to either"
        ),
        "second logins only": Mistake(
            _second_logins_only, "an event without a correlation id is missed: nobody can tell its session"
        ),
        "both logins": Mistake(
            _both_logins, "the first login was right when it was read, and is counted by then: park the second alone"
        ),
        "any second event": Mistake(
            _any_second_event, "a session has many events: only a second *login* with its id breaks the contract"
        ),
        "what follows too": Mistake(
            _what_follows_too, "what comes after a second login is joined to the first one, and isn't broken itself"
        ),
        "purchases without a login": Mistake(
            _purchases_without_a_login, "a purchase without its login isn't broken: the login may come, so it waits"
        ),
    },
)

exercises = Exercises(__name__, REGION_OF, JOIN, WAITS, BREAKS_CONTRACT)
