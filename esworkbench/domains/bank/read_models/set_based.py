"""The bank's read models as queries over all events at once: for rebuilding, and equal to the handlers bit for bit.

``events`` has a row for each event with its payload's columns in today's shape (see ``projections.set_based``). What
the bank's upcasters do to old deposits is said here once more in SQL, where halves go up too: DuckDB rounds a DECIMAL's
half away from zero, as ROUND_HALF_UP does.
"""

from collections.abc import Callable, Sequence
from typing import Any

from esworkbench.domains.bank.events import BANK_EVENT_TYPES
from esworkbench.domains.bank.read_models.daily_summaries import DailySummaries
from esworkbench.domains.bank.read_models.postings import STREAM_PREFIX
from esworkbench.projections.projection import Projection
from esworkbench.projections.set_based import SetBased, StoredShape, todays_shape

CREDITS = (
    "MoneyDeposited", "InterestCredited", "TransferReceived", "WithdrawalCancelled", "BalanceAdjusted",
)  # fmt: skip
DEBITS = ("MoneyWithdrawn", "WithdrawalRequested", "TransferSent", "FeeCharged")
POSTING = (*CREDITS, *DEBITS, "WithdrawalSettled")
HOLDING = ("WithdrawalRequested", "WithdrawalSettled", "WithdrawalCancelled")

MONEY = {"amount_minor": "BIGINT", "currency": "VARCHAR"}

AMOUNT = "CAST($found.amount AS VARCHAR)"
CURRENCIES_IN_CENTS = ("CHF", "CZK", "EUR", "GBP", "USD")
"""Of deposits that count dollars and not cents: in any other currency they are left to the decoder, which knows ISO."""

OLD_SHAPES = [
    StoredShape(
        "MoneyDeposited",
        version,
        fields,
        columns={
            "amount_minor": f"CAST(round(CAST(trim({AMOUNT}, '\"') AS DECIMAL(24, 10)) * 100) AS BIGINT)",
            "currency": currency,
        },
        # More digits than DECIMAL holds it would round off by itself, before halves go up.
        check=f"""regexp_full_match({AMOUNT}, '"?-?[0-9]{{1,14}}([.][0-9]{{1,10}})?"?')
            AND {currency} IN {CURRENCIES_IN_CENTS}""",
    )
    for version, fields, currency in (
        (1, {"amount": "JSON", "reference": "VARCHAR"}, "'USD'"),
        (2, {"amount": "JSON", "currency": "VARCHAR", "reference": "VARCHAR"}, "$found.currency"),
    )
]

ACCOUNT = f"substr(stream_id, {len(STREAM_PREFIX) + 1})"
ACCOUNT_ID = f"CASE WHEN starts_with(stream_id, '{STREAM_PREFIX}') THEN {ACCOUNT} ELSE stream_id END AS account_id"
POSTED = f"""
    SELECT stream_id, {ACCOUNT_ID}, currency, position, version, event_id, event_type, recorded_at,
           CASE WHEN event_type IN {CREDITS} THEN amount_minor WHEN event_type IN {DEBITS} THEN -amount_minor
                ELSE 0 END AS amount_minor
    FROM events
"""
"""One row for each event that posts, and for an opening one of 0."""


def account_balances_by_query(_projection: Projection) -> SetBased:
    # By stream first: to make the account's name for each event would cost an eighth of the whole rebuild.
    query = f"""
        SELECT {ACCOUNT_ID}, currency, sum(balance_minor) AS balance_minor, arg_max(version, position) AS version,
               max(position) AS position
        FROM (SELECT stream_id, currency, sum(amount_minor) AS balance_minor,
                     arg_max(version, position) AS version, max(position) AS position
              FROM ({POSTED}) GROUP BY stream_id, currency)
        GROUP BY account_id, currency
    """
    return SetBased(shapes(), MONEY, (*POSTING, "AccountOpened"), query)


def transaction_history_by_query(_projection: Projection) -> SetBased:
    query = f"""
        SELECT *, sum(amount_minor) OVER (PARTITION BY account_id, currency ORDER BY position) AS balance_after_minor
        FROM ({POSTED})
    """
    return SetBased(shapes(), MONEY, POSTING, query)


def pending_withdrawals_by_query(_projection: Projection) -> SetBased:
    """A hold is open while the last that was heard of it is its request."""
    columns = {"withdrawal_id": "VARCHAR", **MONEY}
    query = f"""
        SELECT account_id, withdrawal_id, last.currency AS currency, last.amount_minor AS amount_minor,
               last.recorded_at AS requested_at, last.position AS position
        FROM (SELECT {ACCOUNT_ID}, withdrawal_id, arg_max(e, position) AS last
              FROM events AS e GROUP BY account_id, withdrawal_id)
        WHERE last.event_type = 'WithdrawalRequested'
    """
    return SetBased(shapes(), columns, HOLDING, query)


def daily_summaries_by_query(projection: DailySummaries) -> SetBased:
    query = f"""
        SELECT *, sum(credits_minor - debits_minor) OVER (PARTITION BY account_id, currency ORDER BY day)
                  AS closing_minor
        FROM (SELECT account_id, currency, CAST(recorded_at AT TIME ZONE '{projection.time_zone.key}' AS DATE) AS day,
                     sum(greatest(amount_minor, 0)) AS credits_minor, -sum(least(amount_minor, 0)) AS debits_minor
              FROM ({POSTED}) GROUP BY account_id, currency, day)
    """
    return SetBased(shapes(), MONEY, POSTING, query)


def shapes() -> Sequence[StoredShape]:
    """Every shape a bank event was ever written in."""
    classes = map(BANK_EVENT_TYPES.class_of, BANK_EVENT_TYPES.names())
    return [*map(todays_shape, classes), *OLD_SHAPES]


BANK_QUERIES: dict[str, Callable[[Any], SetBased]] = {
    "account_balances": account_balances_by_query,
    "transaction_history": transaction_history_by_query,
    "pending_withdrawals": pending_withdrawals_by_query,
    "daily_summaries": daily_summaries_by_query,
}
"""The query of each of ``BANK_PROJECTIONS``."""
