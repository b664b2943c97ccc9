"""A small bank for capture tests: every event type, all read models caught up, a snapshot, a statement."""

from pathlib import Path

from support import SequentialIds, StepClock

from esworkbench.domains.bank import Bank, bank_decoder
from esworkbench.domains.bank.commands import (
    AdjustBalance,
    CancelWithdrawal,
    ChargeFee,
    CreditInterest,
    Deposit,
    OpenAccount,
    RequestWithdrawal,
    SettleWithdrawal,
    Transfer,
    Withdraw,
)
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.projections import ProjectionRunner

COMMANDS = [
    OpenAccount(account_id="a1", owner="Ada", currency="USD"),
    OpenAccount(account_id="a2", owner="Grace", currency="USD", overdraft_limit_minor=5000),
    OpenAccount(account_id="idle", owner="Nobody", currency="EUR"),
    Deposit(account_id="a1", amount_minor=10_000, currency="USD", reference="d1"),
    Withdraw(account_id="a1", amount_minor=1_500, currency="USD", reference="w1"),
    RequestWithdrawal(account_id="a1", withdrawal_id="h1", amount_minor=2_000, currency="USD", reference="h1"),
    SettleWithdrawal(account_id="a1", withdrawal_id="h1"),
    RequestWithdrawal(account_id="a1", withdrawal_id="h2", amount_minor=700, currency="USD", reference="h2"),
    CancelWithdrawal(account_id="a1", withdrawal_id="h2", reason="changed my mind"),
    Transfer(transfer_id="t1", from_account="a1", to_account="a2", amount_minor=2_500, currency="USD", reference="t1"),
    ChargeFee(account_id="a1", amount_minor=100, currency="USD", reference="f1", reason="monthly"),
    CreditInterest(account_id="a1", amount_minor=3, currency="USD", reference="i1"),
    AdjustBalance(
        account_id="a1", amount_minor=-50, currency="USD", reason="typo", operator="op", case_id="c1", reference="x1"
    ),
]
BALANCES = {("a1", "USD"): 3_853, ("a2", "USD"): 2_500, ("idle", "EUR"): 0}

STATEMENT = """account_id,currency,booked_at,reference,amount_minor,balance_minor
a1,USD,2026-01-01T00:00:10Z,d1,10000,10000
a1,USD,2026-01-01T00:00:20Z,w1,-1500,8500
a2,USD,2026-01-01T00:00:30Z,t1,2500,7500
"""


def small_bank(url: str) -> EventStore:
    """The bank after ``COMMANDS``, and its statement outside. Whoever asks disposes of the engine."""
    store = EventStore.open(url, clock=StepClock(), new_id=SequentialIds("e"))
    bank = Bank(store, snapshot_every=4)
    for command in COMMANDS:
        bank.handle(command, actor="tests")
    catch_up(store)
    folder = outside_folder(url) / "statements"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "january.csv").write_text(STATEMENT, encoding="utf-8")
    return store


def catch_up(store: EventStore) -> None:
    """Every read model at the head."""
    for make in BANK_PROJECTIONS.values():
        ProjectionRunner(store, make(), bank_decoder(), run_id="run-1").catch_up()


def listing(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
