"""Logs of the four streams in any interleaving, and what their read model must say, worked out without any handler."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import select

from esworkbench.domains.activity.contracts import contract_decoder
from esworkbench.domains.activity.read_models import UserActivityByRegion
from esworkbench.event_store import ANY_VERSION, EventStore
from esworkbench.events import NewEvent
from esworkbench.projections import ProjectionRunner

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Fact(NamedTuple):
    """One event before it has a place; ``hours`` after NOON is when it happened."""

    stream_id: str
    event_id: str
    event_type: str
    payload: Mapping[str, Any]
    hours: int
    session: str | None

    def new_event(self) -> NewEvent:
        return NewEvent(
            event_type=self.event_type,
            payload=json.dumps(self.payload).encode(),
            metadata={} if self.session is None else {"correlation_id": self.session},
            valid_at=NOON + timedelta(hours=self.hours),
            event_id=self.event_id,
        )


def profile(user: str, version: int, region: str) -> Fact:
    payload = {"user_id": user, "profile_version": version, "region": region}
    return Fact(f"Profile-{user}", f"profile-{user}-{version}", "UserProfileUpdated", payload, version, None)


def login(session: str, user: str, profile_version: int, *, hours: int = 0) -> Fact:
    payload = {"user_id": user, "profile_version": profile_version}
    return Fact(f"Session-{session}", f"login-{session}", "UserLoggedIn", payload, hours, session)


def purchase(name: str, session: str, amount: int, currency: str = "EUR", *, hours: int = 0) -> Fact:
    payload = {"purchase_id": name, "user_id": "whoever", "amount_minor": amount, "currency": currency}
    return Fact(f"Purchase-{name}", f"purchase-{name}", "UserPurchased", payload, hours, session)


def referral(name: str, session: str, *, hours: int = 0) -> Fact:
    payload = {"referral_id": name, "user_id": "whoever"}
    return Fact(f"Referral-{name}", f"referral-{name}", "UserReferralSubmitted", payload, hours, session)


def write(store: EventStore, facts: Sequence[Fact]) -> None:
    for fact in facts:
        store.append(fact.stream_id, [fact.new_event()], expected_version=ANY_VERSION)


def runner_of(store: EventStore, *, batch_size: int = 1000, run_id: str = "run-1") -> ProjectionRunner:
    return ProjectionRunner(store, UserActivityByRegion(), contract_decoder(), run_id=run_id, batch_size=batch_size)


def tables(store: EventStore) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of the read model, sorted."""
    with store.engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in UserActivityByRegion.tables
        }


def expected(facts: Sequence[Fact]) -> dict[str, list[tuple[Any, ...]]]:
    """Each login looks up its profile among all there are, each purchase and referral its login: no order anywhere."""
    regions = {
        (fact.payload["user_id"], fact.payload["profile_version"]): fact.payload["region"]
        for fact in facts
        if fact.event_type == "UserProfileUpdated"
    }
    seen = {
        fact.session: (fact.payload["user_id"], fact.payload["profile_version"])
        for fact in facts
        if fact.event_type == "UserLoggedIn"
    }
    sessions = {
        session: "unknown" if version == 0 else regions[user, version]
        for session, (user, version) in seen.items()
        if version == 0 or (user, version) in regions
    }
    counted: dict[tuple[Any, ...], list[int]] = {}
    waiting = []
    for fact in facts:
        if fact.event_type == "UserProfileUpdated":
            continue
        moment = NOON + timedelta(hours=fact.hours)
        amount, currency = fact.payload.get("amount_minor", 0), fact.payload.get("currency", "XXX")
        if fact.session in sessions:
            row = counted.setdefault((sessions[fact.session], moment.date(), currency), [0, 0, 0, 0])
            row[0] += fact.event_type == "UserLoggedIn"
            row[1] += fact.event_type == "UserPurchased"
            row[2] += amount
            row[3] += fact.event_type == "UserReferralSubmitted"
        else:
            waits_for = "UserProfileUpdated" if fact.event_type == "UserLoggedIn" else "UserLoggedIn"
            version = fact.payload.get("profile_version", 0)
            place = (fact.event_id, fact.event_type, fact.session, waits_for)
            waiting.append((*place, fact.payload["user_id"], version, moment.date(), amount, currency, moment))
    return {
        "user_activity_by_region": sorted((*key, *row, 1) for key, row in counted.items()),
        "activity_sessions": sorted(sessions.items()),
        "activity_profiles": sorted((*key, region) for key, region in regions.items()),
        "activity_waiting": sorted(waiting),
    }
