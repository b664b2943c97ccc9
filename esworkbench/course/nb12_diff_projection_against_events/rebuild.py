"""The exercise ``rebuild``: the one repair that lasts."""

from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select, text, update

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.observe import reply
from esworkbench.course.small_bank import as_made
from esworkbench.domains.bank import AdjustBalance, Bank, Deposit, OpenAccount, Withdraw, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.projections import ProjectionRunner, checkpoints


def rebuild(runner: ProjectionRunner) -> None:
    """Rows and checkpoint go together, and then every event comes once."""
    runner.rebuild()


def _look_again(runner: ProjectionRunner) -> None:
    runner.catch_up()


def _edit_the_row(runner: ProjectionRunner) -> None:
    right = Bank(_store_of(runner)).accounts.load("ACC-1").balance_minor
    table = account_balances
    with write_transaction(runner.engine) as connection:
        connection.execute(update(table).where(table.c.account_id == "ACC-1").values(balance_minor=right))


def _empty_the_table(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
    runner.catch_up()


def _replay_on_top(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'"))
    runner.catch_up()


def _every_checkpoint(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
        connection.execute(text("UPDATE checkpoints SET position = 0"))
    runner.catch_up()


def _from_position_1(runner: ProjectionRunner) -> None:
    """Takes a checkpoint for the next event to handle."""
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
        connection.execute(text("UPDATE checkpoints SET position = 1 WHERE projection = 'account_balances'"))
    runner.catch_up()


def _make_up_for_it(runner: ProjectionRunner) -> None:
    """Events against rows that are too high: now both are wrong."""
    bank = Bank(_store_of(runner))
    for row in _rows(runner.engine):
        state = bank.accounts.load(row["account_id"])
        missing = state.balance_minor - row["balance_minor"]
        if missing:
            command = AdjustBalance(
                account_id=row["account_id"], amount_minor=missing, currency=row["currency"], reason="applied twice",
                operator="you", case_id="CASE-1", reference="REBUILD",
            )  # fmt: skip
            bank.handle(command)
    runner.catch_up()


def _store_of(runner: ProjectionRunner) -> EventStore:
    assert isinstance(runner.store, EventStore)
    return runner.store


LOG = [
    OpenAccount(account_id="ACC-0", owner="Bob", currency="USD"),
    OpenAccount(account_id="ACC-1", owner="Ada", currency="USD"),
    Deposit(account_id="ACC-1", amount_minor=1_000, currency="USD", reference="A"),
    OpenAccount(account_id="ACC-2", owner="Ada", currency="EUR"),
    Deposit(account_id="ACC-2", amount_minor=2_000, currency="EUR", reference="B"),
    Withdraw(account_id="ACC-1", amount_minor=300, currency="USD", reference="C"),
    Deposit(account_id="ACC-2", amount_minor=500, currency="EUR", reference="D"),
    OpenAccount(account_id="ACC-3", owner="Bob", currency="USD"),
]
"""One event each, so a command's place here is its event's position."""


def _all_seen(store: EventStore) -> None:
    bank = Bank(store)
    for command in LOG:
        bank.handle(command)
    _runner(store).catch_up()
    ProjectionRunner(store, TransactionHistory(), bank_decoder(), run_id="other").catch_up()


def _some_unseen(store: EventStore, number: int = 2) -> None:
    _all_seen(store)
    accounts = Bank(store).accounts
    account = accounts.load("ACC-0")
    for _ in range(number):
        account.deposit(1, "USD", "UNSEEN")
    accounts.save(account)


def _many_unseen(store: EventStore) -> None:
    """More than ``read_all`` gives at once, unless told."""
    _some_unseen(store, 1_100)


MADE = {0: _all_seen, 2: _some_unseen, 1_100: _many_unseen}
"""By how many events the projection is behind."""


def _runner(store: EventStore, *, batch_size: int = 1_000) -> ProjectionRunner:
    return ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="exercise", batch_size=batch_size)


def _play_rebuild(answer: Any, first: int, last: int, unseen: int) -> Any:
    """What the table holds when the answer is through, and what it holds when it has then seen one event more.

    The runner that is given takes a few events at a time, so that one batch isn't all.
    """
    store = as_made(MADE[unseen])
    events, before = store.read_all(limit=10_000), _other_checkpoints(store.engine)
    with write_transaction(store.engine) as connection:
        for recorded in events[first - 1 : last]:
            AccountBalances().handle(bank_decoder().decode(recorded), connection)
    answer(_runner(store, batch_size=500 if unseen > len(LOG) else 3))
    mended, others = reply(_rows, store.engine), reply(_other_checkpoints, store.engine)
    after = store.read_all(limit=10_000)
    Bank(store).handle(Deposit(account_id="ACC-1", amount_minor=70, currency="USD", reference="LATER"))
    return {
        "rows": mended,
        "checkpoints of other projections": "as they were" if others == before else others,
        "events": "as they were" if after == events else "changed, or others appended",
        "rows after a later deposit of 70 on ACC-1": reply(lambda: (_runner(store).catch_up(), _rows(store.engine))[1]),
    }


def _rows(engine: Any) -> list[dict[str, Any]]:
    query = select(account_balances).order_by(account_balances.c.account_id)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _other_checkpoints(engine: Any) -> list[dict[str, Any]]:
    table = checkpoints.checkpoints
    query = select(table).where(table.c.projection != AccountBalances.name).order_by(table.c.projection)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _shown_rebuild(first: int, last: int, unseen: int) -> str:
    posted = "ACC-1 +1000 USD at 3, ACC-2 +2000 EUR at 5, ACC-1 −300 USD at 6, ACC-2 +500 EUR at 7"
    events = f"ACC-0 opened at 1, {posted}, ACC-3 opened at 8"
    later = f"; {unseen} deposits of 1 USD on ACC-0 after them, which the projection hasn't seen" if unseen else ""
    return f"{events}; the rows have seen those from {first} to {last} twice, the others once{later}"


REBUILD = Exercise(
    name="rebuild",
    task=(
        "Some rows of `account_balances` are wrong, because a batch of events was applied twice; which one, you are "
        "not told. Repair the read model, so that every row is what all events say, and stays so when the next one "
        "comes. There may be thousands of them, and the projection may be behind. You are given its `runner`, which "
        "has not run yet; its database is `runner.engine`, with the tables `account_balances` and `checkpoints`. The "
        "events are right, and so are other projections: leave both as they are."
    ),
    stub=(
        "from sqlalchemy import text\n\n"
        "from esworkbench.event_store import write_transaction\n"
        "from esworkbench.projections import ProjectionRunner\n\n\n"
        "def my_rebuild(runner: ProjectionRunner) -> None: ..."
    ),
    reference=rebuild,
    cases=st.sampled_from(
        [
            (*twice, unseen)
            for twice in [(3, 3), (3, 4), (1, 5), (3, 7), (5, 5), (5, 6), (5, 7), (6, 6), (6, 7), (7, 7)]
            for unseen in (0, 2)
        ]
    ),
    examples=[(3, 7, 0), (3, 7, 2), (5, 6, 1_100)],
    play=_play_rebuild,
    given=_shown_rebuild,
    hints=("A read model is disposable.", "Rows and checkpoint go together: ask the runner what it can do."),
    mistakes={
        "catching up": Mistake(
            _look_again,
            "the rows are as wrong as before: catching up reads only what comes after the checkpoint, and what was "
            "changed on a connection without a commit is taken back (`write_transaction` commits)",
        ),
        "one row edited": Mistake(
            _edit_the_row, "the row of ACC-1 was edited; one that is wrong for the same reason, ACC-2's, was not"
        ),
        "rows without checkpoint": Mistake(
            _empty_the_table, "the table is empty: the checkpoint must go back to 0 together with the rows"
        ),
        "checkpoint without rows": Mistake(
            _replay_on_top,
            "every event was applied once more, on top of the old rows: the rows must go with the checkpoint",
        ),
        "every checkpoint": Mistake(
            _every_checkpoint,
            "the checkpoints of other projections went back as well, which will apply all events again: name yours "
            "after `WHERE projection =`",
        ),
        "from position 1": Mistake(
            _from_position_1, "the event at position 1 was never handled: a checkpoint is what *was* seen, so 0 is none"
        ),
        "events appended": Mistake(
            _make_up_for_it,
            "events were appended to a log that was right: a wrong read model is no reason to write to it",
        ),
    },
)
