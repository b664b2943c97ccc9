"""The bank's write side, put together."""

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import SnapshotProof, Snapshots, SnapshotStore
from esworkbench.cqrs.commands import CommandBus
from esworkbench.domains.bank import commands
from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.handlers import BankHandlers
from esworkbench.domains.bank.upcasters import bank_decoder
from esworkbench.event_store import EventStore


class Bank:
    """Accounts to load, a bus to send commands to; ``handle`` is the bus's.

    With ``snapshot_every`` a snapshot is taken each time an account passes a multiple of that many events, and used.
    ``snapshots`` says where they are kept, by default beside the events; given alone, they are used and not taken.
    """

    def __init__(
        self,
        store: EventStore,
        *,
        snapshots: Snapshots | None = None,
        snapshot_every: int | None = None,
        proof: SnapshotProof | None = None,
    ) -> None:
        if snapshots is None and snapshot_every is not None:
            snapshots = SnapshotStore(store.engine, clock=store.clock)
        self.store = store
        self.accounts = Repository(
            store,
            BankAccount,
            bank_decoder(),
            snapshots=snapshots,
            snapshot_every=snapshot_every,
            proof=proof,
        )
        self.bus = CommandBus(store, self.accounts)
        self.handle = self.bus.handle
        handlers = BankHandlers(self.accounts)
        self.bus.register(commands.OpenAccount, handlers.open_account)
        self.bus.register(commands.Deposit, handlers.deposit)
        self.bus.register(commands.Withdraw, handlers.withdraw)
        self.bus.register(commands.RequestWithdrawal, handlers.request_withdrawal)
        self.bus.register(commands.SettleWithdrawal, handlers.settle_withdrawal)
        self.bus.register(commands.CancelWithdrawal, handlers.cancel_withdrawal)
        self.bus.register(commands.Transfer, handlers.transfer)
        self.bus.register(commands.ChargeFee, handlers.charge_fee)
        self.bus.register(commands.CreditInterest, handlers.credit_interest)
        self.bus.register(commands.AdjustBalance, handlers.adjust_balance)
        self.bus.register(commands.CloseAccount, handlers.close_account)
