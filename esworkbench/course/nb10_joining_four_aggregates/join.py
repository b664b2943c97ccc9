"""The exercise ``join``: profiles, logins and purchases, read in any order."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb10_joining_four_aggregates.region_of import (
    guessed_region,
    newest_region,
    region_of,
    region_or_wait,
)
from esworkbench.course.nb10_joining_four_aggregates.session import Session
from esworkbench.domains.activity.contracts import UserLoggedIn, UserProfileUpdated, UserPurchased
from esworkbench.events import DomainEvent

TASK = (
    "A join of profiles, logins and purchases that is right in any order. `handle(session, event)` gets one event "
    "after another; `session` is the correlation id, `None` for profiles; an empty text is an id like any other. "
    "`spent` maps each region, which is never an empty text, to the sum of `amount_minor`, all in one currency; a "
    "region without purchases may be missing or 0. A purchase counts in the region that the login of *its session* "
    "saw (see `region_of`), whoever the purchase names as its user; of a session there is one login, and a user "
    "may have several sessions. Only the versions of one user's profile come in order. After each event, `spent` "
    "holds all that can be counted by then and nothing else; what lacks its login, or its login's profile version, "
    "waits."
)

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
        moved = sorted(draw(st.lists(st.integers(0, 9), max_size=3)))
        for version, (when, region) in enumerate(zip(moved, ["north", "south", "west"], strict=False), start=1):
            there = region if user == "ada" else "east"
            told.append((when, (None, UserProfileUpdated(user_id=user, profile_version=version, region=there))))
    for session in draw(st.sampled_from([("s1",), ("s1", "s2"), ("s1", "s2", "s3"), ("s1", "")])):
        user = draw(st.sampled_from(["ada", "ada", "bob"]))
        if draw(st.sampled_from([True, True, True, False])):
            login = UserLoggedIn(user_id=user, profile_version=draw(st.integers(0, 3)))
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

LONG_AGO: list[Told] = [
    *(
        (None, UserProfileUpdated(user_id="ada", profile_version=version, region=region))
        for version, region in enumerate(("north", "south", "west", "east"), start=1)
    ),
    STORY[2],
    ("s1", UserPurchased(purchase_id="p8", user_id="ada", amount_minor=5, currency="EUR")),
]
"""A login from before three moves is read after all of them."""


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

JOIN = Exercise(
    name="join",
    task=TASK,
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
        (LONG_AGO,),
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
