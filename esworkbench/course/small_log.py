"""Postings and events written by hand, a few at a time, in the shapes that evidence and a store give them."""

from datetime import UTC, datetime, timedelta

from esworkbench.events import RecordedEvent
from esworkbench.evidence import Posting

START = datetime(2023, 10, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    """Midnight, in UTC, that many days after the start."""
    return START + timedelta(days=number)


def posting(
    position: int,
    amount_minor: int,
    *,
    recorded: float | None = None,
    valid: float | None = None,
    account: str = "ACC-1",
    currency: str = "USD",
) -> Posting:
    """One posting. ``recorded`` and ``valid`` are days; by default the position's number, and the same as recorded."""
    recorded = position if recorded is None else recorded
    return Posting(
        position=position,
        ordinal=0,
        stream_id=f"BankAccount-{account}",
        version=position,
        event_id=f"event-{position}",
        account=account,
        currency=currency,
        amount_minor=amount_minor,
        kind="deposit" if amount_minor > 0 else "withdrawal",
        recorded_at=day(recorded),
        valid_at=day(recorded if valid is None else valid),
        correlation_id=None,
    )


def recorded_event(
    version: int, event_type: str, payload: str, *, recorded: float, schema_version: int = 1
) -> RecordedEvent:
    """One event of ACC-1's stream, recorded on day ``recorded``; nothing here looks at its hash."""
    return RecordedEvent(
        global_position=version,
        stream_id="BankAccount-ACC-1",
        version=version,
        event_id=f"event-{version}",
        event_type=event_type,
        schema_version=schema_version,
        payload=payload.encode(),
        metadata=b"{}",
        recorded_at=day(recorded),
        valid_at=day(recorded),
        prev_hash="",
        hash="",
    )
