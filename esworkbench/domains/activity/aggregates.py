"""Four small aggregates, each in streams of its own, that know nothing of one another.

Only the events of ``contracts`` are promised to others. ``ItemPutInBasket``, and every attribute, is private.
"""

from datetime import datetime
from typing import Any, ClassVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.cqrs.commands import require_text
from esworkbench.domains.activity.contracts import (
    NO_PROFILE,
    UNKNOWN_REGION,
    UserLoggedIn,
    UserProfileUpdated,
    UserPurchased,
    UserReferralSubmitted,
)
from esworkbench.domains.rules import require, require_amount, require_currency
from esworkbench.events import DomainEvent

When = datetime | None
"""When the fact was true in the world; None means when it is recorded."""


class ItemPutInBasket(DomainEvent, frozen=True, kw_only=True):
    """Private to ``Purchase``: in no contract, so free to change."""

    article: str
    price_minor: int
    currency: str


class Session(Aggregate):
    """One visit. Its id is the correlation id of what happens in it."""

    category: ClassVar[str] = "Session"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.user_id = ""

    def apply(self, event: DomainEvent) -> None:
        match event:
            case UserLoggedIn():
                self.user_id = event.user_id
            case _:
                raise TypeError(f"a session doesn't know {type(event).__name__}")

    def log_in(self, user_id: str, profile_version: int, *, valid_at: When = None) -> None:
        require_text("user_id", user_id)
        require(not self.user_id, f"session {self.id} began already: log in under a new session id")
        self.record(UserLoggedIn(user_id=user_id, profile_version=profile_version), valid_at=valid_at)

    def state(self) -> dict[str, Any]:
        return {"user_id": self.user_id}

    def restore(self, state: dict[str, Any]) -> None:
        self.user_id = state["user_id"]


class Profile(Aggregate):
    """What a user says of themselves; its id is the user's."""

    category: ClassVar[str] = "Profile"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.region = ""
        self.profile_version = NO_PROFILE

    def apply(self, event: DomainEvent) -> None:
        match event:
            case UserProfileUpdated():
                self.region = event.region
                self.profile_version = event.profile_version
            case _:
                raise TypeError(f"a profile doesn't know {type(event).__name__}")

    def update(self, region: str, *, valid_at: When = None) -> None:
        require_text("region", region)
        require(
            region != UNKNOWN_REGION, f"{region!r} is where users without a profile are: name the user's own region"
        )
        require(region != self.region, f"user {self.id} is in region {region} already")
        event = UserProfileUpdated(user_id=self.id, profile_version=self.profile_version + 1, region=region)
        self.record(event, valid_at=valid_at)

    def state(self) -> dict[str, Any]:
        return {"region": self.region, "profile_version": self.profile_version}

    def restore(self, state: dict[str, Any]) -> None:
        self.region = state["region"]
        self.profile_version = state["profile_version"]


class Purchase(Aggregate):
    """A basket until it is paid for, a purchase afterwards."""

    category: ClassVar[str] = "Purchase"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.total_minor = 0
        self.currency = ""
        self.paid = False

    def apply(self, event: DomainEvent) -> None:
        match event:
            case ItemPutInBasket():
                self.total_minor += event.price_minor
                self.currency = event.currency
            case UserPurchased():
                self.paid = True
            case _:
                raise TypeError(f"a purchase doesn't know {type(event).__name__}")

    def put_in_basket(self, article: str, price_minor: int, currency: str, *, valid_at: When = None) -> None:
        require_text("article", article)
        require_amount(price_minor)
        require_currency(currency)
        require(not self.paid, f"purchase {self.id} is paid for already")
        require(self.currency in ("", currency), f"purchase {self.id} is in {self.currency}, not in {currency}")
        self.record(ItemPutInBasket(article=article, price_minor=price_minor, currency=currency), valid_at=valid_at)

    def pay(self, user_id: str, *, valid_at: When = None) -> None:
        require_text("user_id", user_id)
        require(self.total_minor > 0, f"purchase {self.id} has nothing in its basket")
        require(not self.paid, f"purchase {self.id} is paid for already")
        event = UserPurchased(
            purchase_id=self.id, user_id=user_id, amount_minor=self.total_minor, currency=self.currency
        )
        self.record(event, valid_at=valid_at)

    def state(self) -> dict[str, Any]:
        return {"total_minor": self.total_minor, "currency": self.currency, "paid": self.paid}

    def restore(self, state: dict[str, Any]) -> None:
        self.total_minor = state["total_minor"]
        self.currency = state["currency"]
        self.paid = state["paid"]


class Referral(Aggregate):
    """One recommendation."""

    category: ClassVar[str] = "Referral"

    def __init__(self, aggregate_id: str) -> None:
        super().__init__(aggregate_id)
        self.submitted_by = ""

    def apply(self, event: DomainEvent) -> None:
        match event:
            case UserReferralSubmitted():
                self.submitted_by = event.user_id
            case _:
                raise TypeError(f"a referral doesn't know {type(event).__name__}")

    def submit(self, user_id: str, *, valid_at: When = None) -> None:
        require_text("user_id", user_id)
        require(not self.submitted_by, f"referral {self.id} was submitted already")
        self.record(UserReferralSubmitted(referral_id=self.id, user_id=user_id), valid_at=valid_at)

    def state(self) -> dict[str, Any]:
        return {"submitted_by": self.submitted_by}

    def restore(self, state: dict[str, Any]) -> None:
        self.submitted_by = state["submitted_by"]
