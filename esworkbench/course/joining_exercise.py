"""The exercise of notebook 10 about the join itself."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations

from esworkbench.course.mechanism import Exercise, Mistake, Wrong
from esworkbench.course.region_exercise import guessed_region, region_of
from esworkbench.domains.activity.contracts import (
    UserLoggedIn,
    UserProfileUpdated,
    UserPurchased,
)
from esworkbench.events import DomainEvent

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
    """Every order in which each stream keeps its own: Ada's profile moves north, then south."""
    for order in permutations(STORY):
        if order.index(STORY[0]) < order.index(STORY[1]):
            yield order


class Join:
    """In memory, so that it stays small: what it keeps is what the read model keeps in tables."""

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
            raise Wrong(f"counted as unknown what was only not known yet: let it wait. The order was: {told}")
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
        "`session` is the correlation id. It is examined in all 60 orders of one story."
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
