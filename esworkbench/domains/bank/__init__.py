"""A small bank that keeps its accounts as events: the worked example of every notebook."""

from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.bank import Bank
from esworkbench.domains.bank.commands import (
    AdjustBalance,
    CancelWithdrawal,
    ChargeFee,
    CloseAccount,
    CreditInterest,
    Deposit,
    OpenAccount,
    RequestWithdrawal,
    SettleWithdrawal,
    Transfer,
    Withdraw,
)
from esworkbench.domains.bank.events import (
    BANK_EVENT_TYPES,
    AccountClosed,
    AccountOpened,
    BalanceAdjusted,
    FeeCharged,
    InterestCredited,
    MoneyDeposited,
    MoneyWithdrawn,
    TransferReceived,
    TransferSent,
    WithdrawalCancelled,
    WithdrawalRequested,
    WithdrawalSettled,
)
from esworkbench.domains.bank.upcasters import BANK_UPCASTERS, bank_decoder

__all__ = [
    "BANK_EVENT_TYPES",
    "BANK_UPCASTERS",
    "AccountClosed",
    "AccountOpened",
    "AdjustBalance",
    "BalanceAdjusted",
    "Bank",
    "BankAccount",
    "CancelWithdrawal",
    "ChargeFee",
    "CloseAccount",
    "CreditInterest",
    "Deposit",
    "FeeCharged",
    "InterestCredited",
    "MoneyDeposited",
    "MoneyWithdrawn",
    "OpenAccount",
    "RequestWithdrawal",
    "SettleWithdrawal",
    "Transfer",
    "TransferReceived",
    "TransferSent",
    "Withdraw",
    "WithdrawalCancelled",
    "WithdrawalRequested",
    "WithdrawalSettled",
    "bank_decoder",
]
