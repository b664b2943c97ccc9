from esworkbench.domains.bank.read_models.account_balances import AccountBalances as AccountBalances
from esworkbench.domains.bank.read_models.all import BANK_PROJECTIONS as BANK_PROJECTIONS
from esworkbench.domains.bank.read_models.daily_summaries import DailySummaries as DailySummaries
from esworkbench.domains.bank.read_models.pending_withdrawals import PendingWithdrawals as PendingWithdrawals
from esworkbench.domains.bank.read_models.postings import PostedAmount as PostedAmount
from esworkbench.domains.bank.read_models.postings import posting_of as posting_of
from esworkbench.domains.bank.read_models.transaction_history import TransactionHistory as TransactionHistory
