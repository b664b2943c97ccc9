"""A snapshot can't outlive its meaning: what a frozen log folds to is written down for each state version.

When this test fails, ``apply`` or an upcaster has changed what events contribute to the state. Raise
``BankAccount.state_version`` (with a migration, if one can be written) and only then write down the new state: without
that, snapshots taken before the change would go on being used.
"""

from typing import Any

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import BANK_EVENT_TYPES, BANK_UPCASTERS, BankAccount, bank_decoder
from esworkbench.event_store import EventStore
from esworkbench.events import NewEvent
from tests.support import new_event

AMOUNT = {"currency": "USD", "reference": "r"}
FROZEN_LOG = [
    new_event("AccountOpened", {"account_id": "a", "owner": "Ada", "currency": "USD", "overdraft_limit_minor": 5_000}),
    new_event("MoneyDeposited", b'{"amount":10.005,"reference":"r"}', schema_version=1),
    new_event("MoneyDeposited", b'{"amount":"20.015","currency":"USD","reference":"r"}', schema_version=2),
    new_event("MoneyDeposited", {"amount_minor": 400_00, **AMOUNT}, schema_version=3),
    new_event("MoneyWithdrawn", {"amount_minor": 1, **AMOUNT}),
    new_event("WithdrawalRequested", {"withdrawal_id": "w1", "amount_minor": 20, **AMOUNT}),
    new_event("WithdrawalRequested", {"withdrawal_id": "w2", "amount_minor": 300, **AMOUNT}),
    new_event("WithdrawalRequested", {"withdrawal_id": "w3", "amount_minor": 4_000, **AMOUNT}),
    new_event("WithdrawalSettled", {"withdrawal_id": "w1", "amount_minor": 20, "currency": "USD"}),
    new_event(
        "WithdrawalCancelled", {"withdrawal_id": "w2", "amount_minor": 300, "currency": "USD", "reason": "changed"}
    ),
    new_event("TransferSent", {"transfer_id": "t1", "to_account": "b", "amount_minor": 5, **AMOUNT}),
    new_event("TransferReceived", {"transfer_id": "t2", "from_account": "b", "amount_minor": 60, **AMOUNT}),
    new_event("FeeCharged", {"amount_minor": 700, "reason": "monthly", **AMOUNT}),
    new_event("InterestCredited", {"amount_minor": 8_000, **AMOUNT}),
    new_event(
        "BalanceAdjusted",
        {"amount_minor": -9, "reason": "error", "operator": "o", "case_id": "c", **AMOUNT},
    ),
    new_event("AccountClosed", {"reason": "moved"}),
]
STATES: dict[int, dict[str, Any]] = {
    1: {
        "owner": "Ada",
        "currency": "USD",
        "balance_minor": 46_328,
        "overdraft_limit_minor": 5_000,
        "pending": {"w3": 4_000},
        "opened": True,
        "closed": True,
    }
}


def shapes_of(events: list[NewEvent]) -> set[tuple[str, int]]:
    return {(event.event_type, event.schema_version) for event in events}


def test_the_frozen_log_folds_to_what_is_written_down_for_this_state_version(sqlite_url: str) -> None:
    store = EventStore.open(sqlite_url)
    store.append("BankAccount-a", FROZEN_LOG, expected_version=0)
    folded = Repository(store, BankAccount, bank_decoder()).load("a").state()
    assert folded == STATES[BankAccount.state_version], "raise BankAccount.state_version, then write down the new state"


def test_the_frozen_log_holds_every_shape_that_an_event_ever_had() -> None:
    latest = {(name, BANK_EVENT_TYPES.latest_version(name)) for name in BANK_EVENT_TYPES.names()}
    older = {(step.event_type, step.from_version) for step in BANK_UPCASTERS}
    assert shapes_of(FROZEN_LOG) == latest | older
