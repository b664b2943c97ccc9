"""On the real bank: healthy, the two opinions agree to the minor unit; harmed, each harm shows where it was done."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from esworkbench.composition import capture
from esworkbench.domains.bank import (
    Bank,
    BankAccount,
    CancelWithdrawal,
    Deposit,
    OpenAccount,
    RequestWithdrawal,
    SettleWithdrawal,
    Transfer,
    bank_decoder,
)
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.replay.replay import balance_at, fold, recorded_events
from esworkbench.forensics.replay.stepping import step_aggregate, step_projection
from esworkbench.forensics.verify import verify
from esworkbench.projections import ProjectionRunner
from tests.support import SequentialIds, StepClock

Taker = Callable[[], Evidence]


@pytest.fixture
def store(store_url: str) -> EventStore:
    """Two accounts, 24 events; the read models have seen all but the last."""
    store = EventStore.open(store_url, clock=StepClock(), new_id=SequentialIds("e"))
    bank = Bank(store)
    for account in ("A", "B"):
        bank.handle(OpenAccount(account_id=account, owner="x", currency="USD"))
        for number in range(8):
            money = {"amount_minor": 1000 + number, "currency": "USD", "reference": f"{account}{number}"}
            bank.handle(Deposit(account_id=account, **money))
    for key in ("settled", "cancelled"):
        money = {"amount_minor": 4723 if key == "settled" else 50, "currency": "USD", "reference": key}
        bank.handle(RequestWithdrawal(account_id="A", withdrawal_id=key, **money))
    bank.handle(SettleWithdrawal(account_id="A", withdrawal_id="settled"))
    bank.handle(CancelWithdrawal(account_id="A", withdrawal_id="cancelled", reason="changed my mind"))
    bank.handle(
        Transfer(transfer_id="t", from_account="A", to_account="B", amount_minor=5, currency="USD", reference="t")
    )
    for make in BANK_PROJECTIONS.values():
        ProjectionRunner(store, make(), bank_decoder(), run_id="r").catch_up(up_to=23)
    return store


@pytest.fixture
def take(store: EventStore, store_url: str, tmp_path: Path) -> Taker:
    return lambda: capture(store_url, tmp_path / "ev", progress=False)


def harm(store: EventStore, statement: str) -> None:
    with store.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount == 1


def test_healthy_bank_has_no_divergence_and_both_opinions_agree(take: Taker) -> None:
    evidence = take()
    found = diff(evidence)
    assert (found.compared, found.divergent, found.order) == (6, 0, None)
    checked = verify(evidence)
    assert (checked.events, checked.streams, checked.breaks) == (24, 2, [])
    for account in ("A", "B"):
        balance = balance_at(evidence, account).balance
        folded = fold(evidence, f"BankAccount-{account}", lambda name=account: BankAccount(name), bank_decoder())
        assert folded.balance_minor == balance
        events = recorded_events(evidence, f"BankAccount-{account}")
        *_, last = step_aggregate(events, lambda name=account: BankAccount(name), bank_decoder())
        assert last.after["balance_minor"] == balance
    *_, last = step_projection(recorded_events(evidence), AccountBalances(), bank_decoder())
    assert last.after["account_balances"][0]["balance_minor"] == balance_at(evidence, "B").balance


def test_edited_row_is_off_by_the_edit(store: EventStore, take: Taker) -> None:
    harm(store, "UPDATE account_balances SET balance_minor = balance_minor + 4723 WHERE account_id = 'A'")
    evidence = take()
    (row,) = diff(evidence).rows
    assert (row.account, row.source, row.delta, row.at_position) == ("A", "account_balances", 4723, 23)
    assert (row.claimed, row.event_sum) == (balance_at(evidence, "A").balance + 4723, balance_at(evidence, "A").balance)


def test_history_that_missed_an_event_is_bisected_to_that_event(store: EventStore, take: Taker) -> None:
    harm(store, "DELETE FROM transaction_history WHERE account_id = 'A' AND position = 5")
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE transaction_history SET balance_after_minor = balance_after_minor - 1003 "
                "WHERE account_id = 'A' AND position > 5"
            )
        )
    found = bisect(take(), "A")
    assert (found.position, found.version, found.delta, found.sound) == (5, 5, -1003, True)
    assert found.probes <= (found.steps - 1).bit_length()
