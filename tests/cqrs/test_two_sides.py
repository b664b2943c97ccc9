"""CQRS: the two sides are apart. A command is answered with no read model in the house, a query with no aggregate.

That neither side's code can import the other's is a contract of ``lint-imports``.
"""

import subprocess
import sys

import pytest
from read_side import BothSides, deposit

from esworkbench.domains.bank import CloseAccount, RequestWithdrawal, SettleWithdrawal, Transfer, Withdraw
from esworkbench.domains.bank.queries import BalanceOfAccount
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import UnusableInput
from esworkbench.event_store import write_transaction
from esworkbench.event_store.guards import drop_guards
from esworkbench.event_store.schema import events
from esworkbench.projections.tables import checkpoint_log, checkpoints, dead_letters


def test_commands_are_answered_with_every_read_model_gone(sides: BothSides) -> None:
    """Nothing on the way of a command may read one, so nothing may miss them: not even their checkpoints."""
    with write_transaction(sides.store.engine) as connection:
        for make in BANK_PROJECTIONS.values():
            make().drop_tables(connection)
        for table in (checkpoints, checkpoint_log, dead_letters):
            table.drop(connection)
    with pytest.raises(UnusableInput, match="run its projection once"):
        sides.queries.ask(BalanceOfAccount(account_id="pm", currency="USD"))

    sides.open_account("b")
    commands = [
        deposit("pm", 500_00),
        Withdraw(account_id="pm", amount_minor=560_00, currency="USD", reference="r"),
        RequestWithdrawal(account_id="pm", withdrawal_id="w", amount_minor=10_00, currency="USD", reference="r"),
        SettleWithdrawal(account_id="pm", withdrawal_id="w"),
        Transfer(transfer_id="t", from_account="pm", to_account="b", amount_minor=30_00, currency="USD", reference="r"),
        CloseAccount(account_id="pm", reason="moved"),
    ]
    replies = [sides.bank.handle(command, idempotency_key=f"key-{n}") for n, command in enumerate(commands)]
    assert [reply.state["balance_minor"] for reply in replies] == [600_00, 40_00, 30_00, 30_00, 0, 0]
    assert [reply.version for reply in replies] == [3, 4, 5, 6, 7, 8]
    again = sides.bank.handle(commands[0], idempotency_key="key-0")
    assert (again.repeated, again.state["balance_minor"]) == (True, 600_00)


def test_queries_are_answered_with_no_event_that_an_aggregate_could_be_loaded_from(sides: BothSides) -> None:
    """Not a row of any stream is read: an aggregate loaded on the way would come back empty."""
    balance = BalanceOfAccount(account_id="pm", currency="USD")
    before = sides.queries.ask(balance)
    with write_transaction(sides.store.engine) as connection:
        drop_guards(connection)
        connection.execute(events.delete())
    assert sides.queries.ask(balance).value == before.value


def test_the_core_of_the_query_side_runs_without_the_write_side_being_loaded() -> None:
    """What import-linter says of the source, seen in a process: it could be installed on a machine of its own."""
    loaded = (
        "import sys, esworkbench.cqrs.queries; print(*(name for name in sys.modules if name.startswith('esworkbench')))"
    )
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, check=True, encoding="utf-8").stdout
    assert "esworkbench.projections" in found.split()
    assert {
        "esworkbench.cqrs.commands",
        "esworkbench.aggregates.repository",
        "esworkbench.aggregates.aggregate",
    }.isdisjoint(found.split())
