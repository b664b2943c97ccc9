"""What came in, went out and stood on the account, per calendar day of a stated time zone."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Column, Connection, Date, MetaData, Table, Text, bindparam, text

from esworkbench.domains.bank.read_models.postings import PerAccount, posting_of
from esworkbench.events import Event

daily_summaries = Table(
    "daily_summaries",
    MetaData(),
    Column("account_id", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("credits_minor", BigInteger, nullable=False),
    Column("debits_minor", BigInteger, nullable=False),
    Column("closing_minor", BigInteger, nullable=False),
)

# The day's own difference comes first: it always fits 64 bits where its parts do, and what it is added to may be large.
# PostgreSQL must know the types of what it is to subtract before it sees a value.
TYPED = (
    bindparam("day", type_=Date),
    bindparam("credits_minor", type_=BigInteger),
    bindparam("debits_minor", type_=BigInteger),
)

SHIFT_LATER_DAYS = text("""
    UPDATE daily_summaries SET closing_minor = closing_minor + (:credits_minor - :debits_minor)
    WHERE account_id = :account_id AND currency = :currency AND day > :day
""").bindparams(*TYPED)

ADD_TO_DAY = text("""
    INSERT INTO daily_summaries (account_id, currency, day, credits_minor, debits_minor, closing_minor)
    VALUES (:account_id, :currency, :day, :credits_minor, :debits_minor,
        :credits_minor - :debits_minor + COALESCE(
            (SELECT closing_minor FROM daily_summaries
             WHERE account_id = :account_id AND currency = :currency AND day < :day ORDER BY day DESC LIMIT 1), 0))
    ON CONFLICT (account_id, currency, day) DO UPDATE SET
        credits_minor = daily_summaries.credits_minor + excluded.credits_minor,
        debits_minor = daily_summaries.debits_minor + excluded.debits_minor,
        closing_minor = daily_summaries.closing_minor + (excluded.credits_minor - excluded.debits_minor)
""").bindparams(*TYPED)


class DailySummaries(PerAccount):
    """One row per account, currency and day on which something was recorded; all amounts in minor units.

    The day is that of ``recorded_at`` in ``time_zone`` (an IANA name), which stands in the table ``read_models`` as
    the projection's settings; rows of two zones can't come to stand in one table. ``debits_minor`` is positive;
    ``closing_minor`` is the sum of the account's postings up to the end of the day. A clock that goes back may
    record an event on an earlier day: later days' closings move with it, so order makes no difference.
    """

    name = "daily_summaries"
    tables: ClassVar[Sequence[Table]] = [daily_summaries]
    order_insensitive = True

    def __init__(self, time_zone: str = "UTC") -> None:
        self.time_zone = ZoneInfo(time_zone)
        self.settings = f"time_zone={time_zone}"

    def handle(self, event: Event, connection: Connection) -> None:
        self.handle_many([event], connection)

    def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
        """Rows that exist are shifted before new ones are added, oldest first, as a new day builds on its elders."""
        totals: dict[tuple[str, str, date], list[int]] = {}
        for event in events:
            posting = posting_of(event)
            if posting is None:
                continue
            day = event.recorded.recorded_at.astimezone(self.time_zone).date()
            total = totals.setdefault((posting.account_id, posting.currency, day), [0, 0])
            total[posting.amount_minor < 0] += abs(posting.amount_minor)
        rows = [
            {"account_id": account, "currency": currency, "day": day, "credits_minor": credits, "debits_minor": debits}
            for (account, currency, day), (credits, debits) in sorted(totals.items())
        ]
        if rows:
            connection.execute(SHIFT_LATER_DAYS, rows)
            connection.execute(ADD_TO_DAY, rows)
