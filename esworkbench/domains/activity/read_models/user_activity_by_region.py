"""Logins, purchases and referrals per region and day: four event streams joined, whatever order they are read in.

A purchase or referral belongs to the login with its correlation id, and counts in that login's region. A login counts
in the region of the very profile version it names: where the user was known to be when they logged in. Later moves
don't touch it, and a move that is merely *read* later is waited for, because the login says which one it saw. Each
count thus depends on immutable facts only, never on what was read first, so every interleaving ends in the same rows.

What is read before its partner waits in ``activity_waiting`` and is counted the moment the partner comes. Rows are
denormalised: no key leads back to an aggregate. Nothing but the public contract is read, and nobody is called.
"""

from collections.abc import Sequence
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    insert,
    select,
    text,
)

from esworkbench.domains.activity.contracts import (
    NO_PROFILE,
    PUBLIC_EVENT_TYPES,
    UNKNOWN_REGION,
    UserLoggedIn,
    UserProfileUpdated,
    UserPurchased,
    UserReferralSubmitted,
)
from esworkbench.domains.activity.read_models.waiting import Happening, activity_waiting, take, wait, waiting
from esworkbench.errors import ContractBroken
from esworkbench.events import Event
from esworkbench.projections import Projection

LOGIN, PURCHASE, REFERRAL, PROFILE = (
    each.__name__ for each in (UserLoggedIn, UserPurchased, UserReferralSubmitted, UserProfileUpdated)
)

NO_CURRENCY = "XXX"
"""ISO 4217's own code where no currency is involved: the row that counts a day's logins and referrals."""

user_activity_by_region = Table(
    "user_activity_by_region",
    MetaData(),
    Column("region", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("logins", BigInteger, nullable=False),
    Column("purchases", BigInteger, nullable=False),
    Column("spent_minor", BigInteger, nullable=False),
    Column("referrals", BigInteger, nullable=False),
    Column("schema_version", Integer, nullable=False),
)

activity_sessions = Table(
    "activity_sessions",
    MetaData(),
    Column("correlation_id", Text, primary_key=True),
    Column("region", Text, nullable=False),
)

activity_profiles = Table(
    "activity_profiles",
    MetaData(),
    Column("user_id", Text, primary_key=True),
    Column("profile_version", BigInteger, primary_key=True, autoincrement=False),
    Column("region", Text, nullable=False),
)

COUNT = text("""
    INSERT INTO user_activity_by_region
        (region, day, currency, logins, purchases, spent_minor, referrals, schema_version)
    VALUES (:region, :day, :currency, :logins, :purchases, :spent_minor, :referrals, :schema_version)
    ON CONFLICT (region, day, currency) DO UPDATE SET
        logins = user_activity_by_region.logins + excluded.logins,
        purchases = user_activity_by_region.purchases + excluded.purchases,
        spent_minor = user_activity_by_region.spent_minor + excluded.spent_minor,
        referrals = user_activity_by_region.referrals + excluded.referrals
""").bindparams(bindparam("day", type_=Date))


class UserActivityByRegion(Projection):
    """One row per region, day and currency; ``spent_minor`` is in minor units of ``currency``.

    The day is that of ``valid_at`` in ``time_zone`` (an IANA name, kept as the projection's settings): when it
    happened, not when it was recorded, which would depend on who was late. Logins and referrals stand in the row of
    NO_CURRENCY, so the sums over a region and day count each of them once. An event that breaks the contract raises
    ContractBroken and is parked; mended, it may be handled late.
    """

    name = "user_activity_by_region"
    tables: ClassVar[Sequence[Table]] = [
        user_activity_by_region, activity_sessions, activity_profiles, activity_waiting,
    ]  # fmt: skip
    event_types = frozenset(PUBLIC_EVENT_TYPES.names())
    order_insensitive = True

    def __init__(self, time_zone: str = "UTC") -> None:
        self.time_zone = ZoneInfo(time_zone)
        self.settings = f"time_zone={time_zone}"

    def handle(self, event: Event, connection: Connection) -> None:
        match event.data:
            case UserProfileUpdated() as profile:
                self._keep_profile(profile, connection)
            case UserLoggedIn(profile_version=seen) as login:
                happening = self._happening(event, login.user_id, profile_version=seen)
                self._require_only_login(happening, connection)
                self._begin_session(happening, connection)
            case UserPurchased(amount_minor=amount, currency=currency) as purchase:
                happening = self._happening(event, purchase.user_id, amount_minor=amount, currency=currency)
                self._join_session(happening, connection)
            case UserReferralSubmitted() as referral:
                self._join_session(self._happening(event, referral.user_id), connection)

    def _keep_profile(self, profile: UserProfileUpdated, connection: Connection) -> None:
        if _region_of_profile(profile.user_id, profile.profile_version, connection) is not None:
            raise ContractBroken(
                f"version {profile.profile_version} of the profile of {profile.user_id!r} was published twice: "
                "find out which of the two is the profile's, and have the writer publish the other as a new version"
            )
        row = {"user_id": profile.user_id, "profile_version": profile.profile_version, "region": profile.region}
        connection.execute(insert(activity_profiles), row)
        columns = activity_waiting.c
        same_user, same_version = columns.user_id == profile.user_id, columns.profile_version == profile.profile_version
        for login in take(connection, columns.waits_for == PROFILE, same_user, same_version):
            self._begin_session(login, connection)

    def _begin_session(self, login: Happening, connection: Connection) -> None:
        region = _region_of_profile(login.user_id, login.profile_version, connection)
        if region is None:
            wait(connection, login, PROFILE)
            return
        connection.execute(insert(activity_sessions), {"correlation_id": login.correlation_id, "region": region})
        self._count(login, region, connection)
        columns = activity_waiting.c
        for happening in take(connection, columns.waits_for == LOGIN, columns.correlation_id == login.correlation_id):
            self._count(happening, region, connection)

    def _require_only_login(self, login: Happening, connection: Connection) -> None:
        columns = activity_waiting.c
        earlier = (columns.correlation_id == login.correlation_id) & (columns.event_type == LOGIN)
        if waiting(connection, earlier) or _region_of_session(login.correlation_id, connection) is not None:
            raise ContractBroken(
                f"login {login.event_id!r} is not the first with the correlation id {login.correlation_id!r}, so "
                "purchases could belong to either: find the writer that gives two sessions one id"
            )

    def _join_session(self, happening: Happening, connection: Connection) -> None:
        region = _region_of_session(happening.correlation_id, connection)
        if region is None:
            wait(connection, happening, LOGIN)
        else:
            self._count(happening, region, connection)

    def _count(self, happening: Happening, region: str, connection: Connection) -> None:
        row = {
            "region": region,
            "day": happening.day,
            "currency": happening.currency,
            "logins": int(happening.event_type == LOGIN),
            "purchases": int(happening.event_type == PURCHASE),
            "spent_minor": happening.amount_minor,
            "referrals": int(happening.event_type == REFERRAL),
            "schema_version": self.schema_version,
        }
        connection.execute(COUNT, row)

    def _happening(
        self,
        event: Event,
        user_id: str,
        *,
        profile_version: int = NO_PROFILE,
        amount_minor: int = 0,
        currency: str = NO_CURRENCY,
    ) -> Happening:
        recorded = event.recorded
        correlation_id = recorded.metadata_dict().get("correlation_id")
        if not isinstance(correlation_id, str):
            raise ContractBroken(
                f"{recorded.event_type} {recorded.event_id!r} has no correlation_id in its metadata, so nobody can "
                "tell its session: have its writer send commands through the activity domain"
            )
        return Happening(
            event_id=recorded.event_id,
            event_type=recorded.event_type,
            correlation_id=correlation_id,
            user_id=user_id,
            profile_version=profile_version,
            day=recorded.valid_at.astimezone(self.time_zone).date(),
            amount_minor=amount_minor,
            currency=currency,
            occurred_at=recorded.valid_at,
        )


def _region_of_profile(user_id: str, profile_version: int, connection: Connection) -> str | None:
    if profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    columns = activity_profiles.c
    named = select(columns.region).where(columns.user_id == user_id, columns.profile_version == profile_version)
    return connection.scalar(named)


def _region_of_session(correlation_id: str, connection: Connection) -> str | None:
    columns = activity_sessions.c
    return connection.scalar(select(columns.region).where(columns.correlation_id == correlation_id))
