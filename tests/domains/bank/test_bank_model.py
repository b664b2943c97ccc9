"""The bank against a dictionary: whatever is asked in whatever order, the store gives back what the model says."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from esworkbench.aggregates.snapshots import SnapshotProof
from esworkbench.cqrs.commands import Command
from esworkbench.domains.bank import commands
from esworkbench.domains.bank.bank import Bank
from esworkbench.errors import CommandRejected
from esworkbench.event_store import EventStore
from tests.support import SequentialIds, StepClock

LIMITS = {"a": 0, "b": 500, "c": 0}
account_ids = st.sampled_from(sorted(LIMITS))
amounts = st.integers(min_value=1, max_value=1000)


class BankAgainstModel(RuleBasedStateMachine):
    """``balance`` and ``pending`` are the model; every rule says by itself whether the bank must refuse."""

    withdrawals: Bundle[tuple[str, str, int]] = Bundle("withdrawals")

    @initialize()
    def open_accounts(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = EventStore.open(
            f"sqlite:///{Path(self.folder.name) / 'bank.db'}", clock=StepClock(), new_id=SequentialIds()
        )
        self.bank = Bank(self.store, snapshot_every=4, proof=SnapshotProof())
        self.fresh = Bank(self.store)
        self.balance = dict.fromkeys(LIMITS, 0)
        self.pending: dict[str, dict[str, int]] = {account_id: {} for account_id in LIMITS}
        self.counter = 0
        for account_id, limit in LIMITS.items():
            self.bank.handle(
                commands.OpenAccount(account_id=account_id, owner="o", currency="USD", overdraft_limit_minor=limit)
            )

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.engine.dispose()
            self.folder.cleanup()

    def reference(self) -> str:
        self.counter += 1
        return f"r{self.counter}"

    def ask(self, command: Command, *, allowed: bool) -> None:
        head = self.store.head_position()
        if allowed:
            self.bank.handle(command)
            return
        with pytest.raises(CommandRejected):
            self.bank.handle(command)
        assert self.store.head_position() == head

    def affordable(self, account_id: str, amount: int) -> bool:
        return amount <= self.balance[account_id] + LIMITS[account_id]

    @rule(account_id=account_ids, amount=amounts, interest=st.booleans())
    def credit(self, account_id: str, amount: int, interest: bool) -> None:
        kind = commands.CreditInterest if interest else commands.Deposit
        self.ask(
            kind(account_id=account_id, amount_minor=amount, currency="USD", reference=self.reference()), allowed=True
        )
        self.balance[account_id] += amount

    @rule(account_id=account_ids, amount=amounts)
    def withdraw(self, account_id: str, amount: int) -> None:
        allowed = self.affordable(account_id, amount)
        self.ask(
            commands.Withdraw(account_id=account_id, amount_minor=amount, currency="USD", reference=self.reference()),
            allowed=allowed,
        )
        self.balance[account_id] -= amount if allowed else 0

    @rule(account_id=account_ids, amount=amounts)
    def fee(self, account_id: str, amount: int) -> None:
        self.ask(
            commands.ChargeFee(
                account_id=account_id, amount_minor=amount, currency="USD", reference=self.reference(), reason="f"
            ),
            allowed=True,
        )
        self.balance[account_id] -= amount

    @rule(account_id=account_ids, amount=st.integers(min_value=-1000, max_value=1000))
    def adjust(self, account_id: str, amount: int) -> None:
        self.ask(
            commands.AdjustBalance(
                account_id=account_id,
                amount_minor=amount,
                currency="USD",
                reason="slip",
                operator="ada",
                case_id="C-1",
                reference=self.reference(),
            ),
            allowed=amount != 0,
        )
        self.balance[account_id] += amount

    @rule(target=withdrawals, account_id=account_ids, amount=amounts)
    def request(self, account_id: str, amount: int) -> object:
        allowed = self.affordable(account_id, amount)
        withdrawal_id = self.reference()
        self.ask(
            commands.RequestWithdrawal(
                account_id=account_id,
                withdrawal_id=withdrawal_id,
                amount_minor=amount,
                currency="USD",
                reference=withdrawal_id,
            ),
            allowed=allowed,
        )
        if not allowed:
            return multiple()
        self.balance[account_id] -= amount
        self.pending[account_id][withdrawal_id] = amount
        return account_id, withdrawal_id, amount

    @rule(withdrawal=consumes(withdrawals), cancel=st.booleans())
    def resolve(self, withdrawal: tuple[str, str, int], cancel: bool) -> None:
        account_id, withdrawal_id, amount = withdrawal
        command: Command
        if cancel:
            command = commands.CancelWithdrawal(account_id=account_id, withdrawal_id=withdrawal_id, reason="x")
            self.balance[account_id] += amount
        else:
            command = commands.SettleWithdrawal(account_id=account_id, withdrawal_id=withdrawal_id)
        self.ask(command, allowed=True)
        self.ask(command, allowed=False)
        del self.pending[account_id][withdrawal_id]

    @rule(sender=account_ids, receiver=account_ids, amount=amounts)
    def transfer(self, sender: str, receiver: str, amount: int) -> None:
        allowed = sender != receiver and self.affordable(sender, amount)
        reference = self.reference()
        self.ask(
            commands.Transfer(
                transfer_id=reference,
                from_account=sender,
                to_account=receiver,
                amount_minor=amount,
                currency="USD",
                reference=reference,
            ),
            allowed=allowed,
        )
        if allowed:
            self.balance[sender] -= amount
            self.balance[receiver] += amount

    @rule(account_id=account_ids, currency=st.sampled_from(["EUR", "usd"]), amount=amounts)
    def foreign_currency(self, account_id: str, currency: str, amount: int) -> None:
        self.ask(
            commands.Deposit(account_id=account_id, amount_minor=amount, currency=currency, reference="r"),
            allowed=False,
        )

    @invariant()
    def the_store_gives_back_the_model(self) -> None:
        for account_id, balance in getattr(self, "balance", {}).items():
            whole, from_snapshot = self.fresh.accounts.load(account_id), self.bank.accounts.load(account_id)
            assert (whole.balance_minor, whole.pending) == (balance, self.pending[account_id])
            assert (from_snapshot.state(), from_snapshot.version) == (whole.state(), whole.version)


TestBankAgainstModel = BankAgainstModel.TestCase
TestBankAgainstModel.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
