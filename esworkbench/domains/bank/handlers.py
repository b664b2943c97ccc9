"""One handler per command: load, tell the account, return what changed. Deciding is the account's, saving the bus's."""

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import commands
from esworkbench.domains.bank.account import BankAccount


class BankHandlers:
    def __init__(self, accounts: Repository[BankAccount]) -> None:
        self._accounts = accounts

    def open_account(self, command: commands.OpenAccount) -> list[BankAccount]:
        account = self._accounts.load_or_new(command.account_id)
        account.open(command.owner, command.currency, command.overdraft_limit_minor, valid_at=command.valid_at)
        return [account]

    def deposit(self, command: commands.Deposit) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.deposit(command.amount_minor, command.currency, command.reference, valid_at=command.valid_at)
        return [account]

    def withdraw(self, command: commands.Withdraw) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.withdraw(command.amount_minor, command.currency, command.reference, valid_at=command.valid_at)
        return [account]

    def request_withdrawal(self, command: commands.RequestWithdrawal) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.request_withdrawal(
            command.withdrawal_id,
            command.amount_minor,
            command.currency,
            command.reference,
            valid_at=command.valid_at,
        )
        return [account]

    def settle_withdrawal(self, command: commands.SettleWithdrawal) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.settle_withdrawal(command.withdrawal_id, valid_at=command.valid_at)
        return [account]

    def cancel_withdrawal(self, command: commands.CancelWithdrawal) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.cancel_withdrawal(command.withdrawal_id, command.reason, valid_at=command.valid_at)
        return [account]

    def transfer(self, command: commands.Transfer) -> list[BankAccount]:
        sender = self._accounts.load(command.from_account)
        receiver = self._accounts.load(command.to_account)
        movement = (command.amount_minor, command.currency, command.reference)
        sender.send_transfer(command.transfer_id, receiver.id, *movement, valid_at=command.valid_at)
        receiver.receive_transfer(command.transfer_id, sender.id, *movement, valid_at=command.valid_at)
        return [sender, receiver]

    def charge_fee(self, command: commands.ChargeFee) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.charge_fee(
            command.amount_minor, command.currency, command.reference, command.reason, valid_at=command.valid_at
        )
        return [account]

    def credit_interest(self, command: commands.CreditInterest) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.credit_interest(command.amount_minor, command.currency, command.reference, valid_at=command.valid_at)
        return [account]

    def adjust_balance(self, command: commands.AdjustBalance) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.adjust(
            command.amount_minor,
            command.currency,
            reason=command.reason,
            operator=command.operator,
            case_id=command.case_id,
            reference=command.reference,
            valid_at=command.valid_at,
        )
        return [account]

    def close_account(self, command: commands.CloseAccount) -> list[BankAccount]:
        account = self._accounts.load(command.account_id)
        account.close(command.reason, valid_at=command.valid_at)
        return [account]
