"""The bank's read models: one projection a file, each a fold of the same postings."""

from collections.abc import Callable

from esworkbench.domains.bank.read_models.account_balances import AccountBalances, account_balances
from esworkbench.domains.bank.read_models.daily_summaries import DailySummaries, daily_summaries
from esworkbench.domains.bank.read_models.pending_withdrawals import PendingWithdrawals, pending_withdrawals
from esworkbench.domains.bank.read_models.postings import Posting, posting_of
from esworkbench.domains.bank.read_models.transaction_history import TransactionHistory, transaction_history
from esworkbench.projections import Projection

BANK_PROJECTIONS: dict[str, Callable[[], Projection]] = {
    AccountBalances.name: AccountBalances,
    TransactionHistory.name: TransactionHistory,
    PendingWithdrawals.name: PendingWithdrawals,
    DailySummaries.name: DailySummaries,
}

__all__ = [
    "BANK_PROJECTIONS",
    "AccountBalances",
    "DailySummaries",
    "PendingWithdrawals",
    "Posting",
    "TransactionHistory",
    "account_balances",
    "daily_summaries",
    "pending_withdrawals",
    "posting_of",
    "transaction_history",
]
