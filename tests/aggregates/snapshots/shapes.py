"""The bank's account as later releases might have it, and small helpers to write and look at its snapshots."""

from typing import Any, ClassVar

from sqlalchemy import Row, select

from esworkbench.aggregates.repository import Repository
from esworkbench.aggregates.snapshots import SnapshotProof, SnapshotStore
from esworkbench.aggregates.snapshots.migrations import StateMigration
from esworkbench.aggregates.snapshots.repository import SnapshottingRepository
from esworkbench.aggregates.snapshots.table import snapshots
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.event_store import EventStore


def name_the_holds(state: dict[str, Any]) -> dict[str, Any]:
    """Support took "pending" for pending deposits, so version 2 says what it is: money held."""
    holds = state.pop("pending")
    return {**state, "holds": holds}


def count_the_holds(state: dict[str, Any]) -> dict[str, Any]:
    """Version 3 limits how many holds an account may have, and keeps their number beside them."""
    return {**state, "hold_count": len(state["holds"])}


class AccountV2(BankAccount):
    state_version: ClassVar[int] = 2
    state_migrations = (StateMigration(1, name_the_holds),)

    def state(self) -> dict[str, Any]:
        return name_the_holds(super().state())

    def restore(self, state: dict[str, Any]) -> None:
        super().restore({**state, "pending": state["holds"]})


class AccountV3(AccountV2):
    state_version: ClassVar[int] = 3
    state_migrations = (StateMigration(1, name_the_holds), StateMigration(2, count_the_holds))

    def state(self) -> dict[str, Any]:
        return {**super().state(), "hold_count": len(self.pending)}


class AccountThatForgotV1(AccountV3):
    """It invalidates the first shape by declaring no way from it."""

    state_migrations = (StateMigration(2, count_the_holds),)


def repository(
    store: EventStore,
    account_class: type[BankAccount] = BankAccount,
    every: int | None = None,
    *,
    proved: bool = True,
) -> SnapshottingRepository[BankAccount]:
    """Accounts with snapshots beside the events, every load from one of them proved."""
    return SnapshottingRepository(
        store,
        account_class,
        bank_decoder(),
        snapshots=SnapshotStore(store.engine, clock=store.clock),
        snapshot_every=every,
        proof=SnapshotProof() if proved else None,
    )


def deposit(accounts: Repository[BankAccount], times: int, account_id: str = "a") -> BankAccount:
    """So many more events, the first of which opens the account, each loaded, decided and saved by itself."""
    for _ in range(times):
        account = accounts.load_or_new(account_id)
        if account.version == 0:
            account.open("Ada", "USD")
        else:
            account.deposit(10, "USD", f"r{account.version}")
        accounts.save(account)
    return account


def hold(accounts: Repository[BankAccount], withdrawal_id: str, amount_minor: int) -> None:
    account = accounts.load("a")
    account.request_withdrawal(withdrawal_id, amount_minor, "USD", f"w{account.version}")
    accounts.save(account)


def snapshot_rows(store: EventStore) -> list[Row[Any]]:
    """In the order of version and shape."""
    columns = snapshots.c
    with store.engine.connect() as connection:
        return list(connection.execute(select(snapshots).order_by(columns.version, columns.state_version)))
