"""One handler per command: load, tell the account, return what changed. Deciding is the account's, saving the bus's."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.repository import Repository
from esworkbench.cqrs.commands import Command, Handler
from esworkbench.domains.bank import commands
from esworkbench.domains.bank.account import BankAccount

ASKED_OF_ONE_ACCOUNT: dict[type[Command], Callable[..., None]] = {
    commands.Deposit: BankAccount.deposit,
    commands.Withdraw: BankAccount.withdraw,
    commands.RequestWithdrawal: BankAccount.request_withdrawal,
    commands.SettleWithdrawal: BankAccount.settle_withdrawal,
    commands.CancelWithdrawal: BankAccount.cancel_withdrawal,
    commands.ChargeFee: BankAccount.charge_fee,
    commands.CreditInterest: BankAccount.credit_interest,
    commands.AdjustBalance: BankAccount.adjust,
    commands.CloseAccount: BankAccount.close,
}
"""What each of these commands asks of its account: the command's other fields are the method's arguments, by name."""


class BankHandlers:
    """The handlers, for a ``CommandBus``: see ``by_command``."""

    def __init__(self, accounts: Repository[BankAccount]) -> None:
        self._accounts = accounts

    def by_command(self) -> dict[type[Command], Handler[Any]]:
        """The handler of every command that the bank takes."""
        asked = dict.fromkeys(ASKED_OF_ONE_ACCOUNT, self.ask_account)
        return {commands.OpenAccount: self.open_account, commands.Transfer: self.transfer, **asked}

    def ask_account(self, command: Command) -> Sequence[Aggregate]:
        arguments = msgspec.structs.asdict(command)
        account = self._accounts.load(arguments.pop("account_id"))
        ASKED_OF_ONE_ACCOUNT[type(command)](account, **arguments)
        return [account]

    def open_account(self, command: commands.OpenAccount) -> Sequence[Aggregate]:
        account = self._accounts.load_or_new(command.account_id)
        account.open(command.owner, command.currency, command.overdraft_limit_minor, valid_at=command.valid_at)
        return [account]

    def transfer(self, command: commands.Transfer) -> Sequence[Aggregate]:
        sender = self._accounts.load(command.from_account)
        receiver = self._accounts.load(command.to_account)
        movement = (command.amount_minor, command.currency, command.reference)
        sender.send_transfer(command.transfer_id, receiver.id, *movement, valid_at=command.valid_at)
        receiver.receive_transfer(command.transfer_id, sender.id, *movement, valid_at=command.valid_at)
        return [sender, receiver]
