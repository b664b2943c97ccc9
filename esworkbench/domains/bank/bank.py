"""The bank's write side, put together."""

from collections.abc import Callable
from typing import Any

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import SnapshotProof, Snapshots, SnapshotStore
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.cqrs.commands import Command, CommandBus, CommandReply
from esworkbench.domains.bank.account import BankAccount
from esworkbench.domains.bank.handlers import BankHandlers
from esworkbench.domains.bank.personal import PERSONAL
from esworkbench.domains.bank.upcasters import bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.personal_data.fields import sealed
from esworkbench.personal_data.keys import PersonalKeys


class Bank:
    """Accounts to load, a bus to send commands to; ``handle`` is the bus's.

    With ``personal_keys`` the owners of accounts opened from now on are sealed, each under a key of its own.

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
        personal_keys: PersonalKeys | None = None,
    ) -> None:
        self.store = store
        self.accounts: Repository[BankAccount]
        if snapshots is None and snapshot_every is None:
            self.accounts = Repository(store, BankAccount, bank_decoder())
        else:
            self.accounts = SnapshottingRepository(
                store,
                BankAccount,
                bank_decoder(),
                snapshots=snapshots or SnapshotStore(store.engine, clock=store.clock),
                snapshot_every=snapshot_every,
                proof=proof,
            )
        self.bus = CommandBus(store, self.accounts)
        self.handle = self.bus.handle if personal_keys is None else self._sealing(personal_keys)
        for command_type, handler in BankHandlers(self.accounts).by_command().items():
            self.bus.register(command_type, handler)

    def _sealing(self, keys: PersonalKeys) -> Callable[..., CommandReply]:
        """The bus's ``handle``, for commands whose personal texts are sealed first."""

        def handle(command: Command, **how: Any) -> CommandReply:
            return self.bus.handle(sealed(command, PERSONAL, keys), **how)

        return handle
