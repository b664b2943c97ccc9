"""The public contract of the activity domain: four events that others may build on.

What stands here is promised: fields keep their names, types and meaning; a change raises ``schema_version`` and brings
an upcaster. What else the aggregates remember or record is theirs to change on any day. (The *published language* of
Evans, *Domain-Driven Design*; Helland, *Data on the Outside versus Data on the Inside*.)

The envelope is part of the contract. ``valid_at`` is when it happened in the world. ``correlation_id`` in the metadata
names the session in which somebody logged in, purchased or referred: exactly one ``UserLoggedIn`` carries it. Nothing
is promised about order between streams: a purchase may be read before the login it belongs to.
"""

from esworkbench.events import DomainEvent, EventTypes
from esworkbench.upcasters import EventDecoder, UpcasterChain

NO_PROFILE = 0
"""The ``profile_version`` that a login saw of a user who had no profile."""

UNKNOWN_REGION = "unknown"
"""Where readers put users without a profile; no profile names it."""


class UserLoggedIn(DomainEvent, frozen=True, kw_only=True):
    """A session began.

    ``user_id``: who. ``profile_version``: the newest version of the user's profile at that moment, NO_PROFILE if none.
    """

    user_id: str
    profile_version: int


class UserPurchased(DomainEvent, frozen=True, kw_only=True):
    """A purchase was paid for, in a session.

    ``purchase_id``: which. ``user_id``: who. ``amount_minor``: above 0, in minor units. ``currency``: the amount's, as
    ISO 4217 spells it.
    """

    purchase_id: str
    user_id: str
    amount_minor: int
    currency: str


class UserReferralSubmitted(DomainEvent, frozen=True, kw_only=True):
    """Somebody recommended the shop to somebody else, in a session.

    ``referral_id``: which. ``user_id``: who recommended; nothing is told of the other.
    """

    referral_id: str
    user_id: str


class UserProfileUpdated(DomainEvent, frozen=True, kw_only=True):
    """A profile got a new version; no session is involved.

    ``user_id``: whose. ``profile_version``: 1, 2, 3 … per user. ``region``: where the user is from then on.
    """

    user_id: str
    profile_version: int
    region: str


PUBLIC_EVENT_TYPES = EventTypes(UserLoggedIn, UserPurchased, UserReferralSubmitted, UserProfileUpdated)


def contract_decoder() -> EventDecoder:
    """Reads the public events and no others: all that a reader outside the domain needs."""
    return EventDecoder(PUBLIC_EVENT_TYPES, UpcasterChain())
