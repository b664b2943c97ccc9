"""What people ask of the activity domain. Fields are taken as given; the aggregates' rules refuse what can't be.

``valid_at`` is when the fact was true in the world (aware; None: when it is recorded). ``session_id`` is the session in
which somebody does something: the command path makes it the correlation id of what comes of it.
"""

from datetime import datetime

from esworkbench.cqrs.commands import Command


class UpdateProfile(Command, frozen=True, kw_only=True):
    user_id: str
    region: str
    valid_at: datetime | None = None


class InSession(Command, frozen=True, kw_only=True):
    session_id: str
    user_id: str
    valid_at: datetime | None = None


class LogIn(InSession, frozen=True, kw_only=True):
    """Begins the session; its id must be new."""


class PutInBasket(InSession, frozen=True, kw_only=True):
    """``price_minor`` in minor units of ``currency``; a basket is in one currency."""

    purchase_id: str
    article: str
    price_minor: int
    currency: str


class Pay(InSession, frozen=True, kw_only=True):
    purchase_id: str


class SubmitReferral(InSession, frozen=True, kw_only=True):
    referral_id: str
