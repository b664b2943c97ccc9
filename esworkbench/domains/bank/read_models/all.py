"""All of the bank's read models, by name."""

from collections.abc import Callable

from esworkbench.domains.bank.read_models.account_balances import AccountBalances
from esworkbench.domains.bank.read_models.daily_summaries import DailySummaries
from esworkbench.domains.bank.read_models.pending_withdrawals import PendingWithdrawals
from esworkbench.domains.bank.read_models.transaction_history import TransactionHistory
from esworkbench.projections.projection import Projection

BANK_PROJECTIONS: dict[str, Callable[[], Projection]] = {
    AccountBalances.name: AccountBalances,
    TransactionHistory.name: TransactionHistory,
    PendingWithdrawals.name: PendingWithdrawals,
    DailySummaries.name: DailySummaries,
}
