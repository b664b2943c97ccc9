"""By how much every claim about a bank is off, as the lab works it out to hold its own answer against it."""

from collections import Counter
from datetime import timedelta

from sqlalchemy import select

from esworkbench.domains.bank import WithdrawalCancelled, WithdrawalRequested, WithdrawalSettled, bank_decoder
from esworkbench.domains.bank.read_models import posting_of
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.domains.bank.read_models.transaction_history import transaction_history
from esworkbench.lab.world.life import Life
from esworkbench.projections.tables import checkpoints

HOLD_LIMIT = timedelta(hours=24)

Key = tuple[str, str, str]
"""Claim (a table, or "statement"), account and currency."""


def off_balance(life: Life) -> dict[Key, int]:
    """Claimed − event sum in minor units, where that isn't 0: the last figure of each claim, as of its checkpoint."""
    heads, history, statement = account_balances.name, transaction_history.name, "statement"
    off: Counter[Key] = Counter()
    with life.store.engine.connect() as connection:
        reached = {row.projection: row.position for row in connection.execute(select(checkpoints))}
        for row in connection.execute(select(account_balances)):
            off[heads, row.account_id, row.currency] += row.balance_minor
        last = {
            (history, row.account_id, row.currency): row.balance_after_minor
            for row in connection.execute(select(transaction_history).order_by(transaction_history.c.position))
        }
    off.update(last)
    for account, currency in life.books.accounts():
        off[statement, account, currency] += life.books.balance(account, currency)
    log = [bank_decoder().decode(recorded) for recorded in life.store.read_all(limit=10_000_000)]
    answered = {
        event.data.withdrawal_id for event in log if isinstance(event.data, WithdrawalSettled | WithdrawalCancelled)
    }
    for event in log:
        posting = posting_of(event)
        if posting is None:
            continue
        account, currency, amount = posting.account_id, posting.currency, posting.amount_minor
        young = life.agenda.now - event.recorded.recorded_at < HOLD_LIMIT
        held = isinstance(event.data, WithdrawalRequested) and event.data.withdrawal_id not in answered and young
        for claim in (heads, history):
            if event.recorded.global_position <= reached[claim]:
                off[claim, account, currency] -= amount
        if not held:
            off[statement, account, currency] -= amount
    return {key: amount for key, amount in off.items() if amount}
