"""What diagnosis says of read models that were damaged without the lab's help: named, and never too sure.

The acts are done to copies of a small healthy bank: by plain SQL, or by running code that is really wrong. What each
did is written down before anybody is asked. Nothing notes such acts down, so nothing here may be `proven`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from broken_copy import ACCOUNT, Copy
from sqlalchemy import Connection

from esworkbench.domains.bank import FeeCharged, MoneyDeposited, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS, AccountBalances, DailySummaries
from esworkbench.events import Event
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.built_tables import drop_and_reset

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(1, 40))]


class Truth(NamedTuple):
    """Names that are right for what was done (the first is the best), and its amounts by account where one is wrong."""

    names: tuple[str, ...]
    amounts: dict[str, int]


def posted(copy: Copy, after: int = 0, up_to: int = 10**9) -> dict[str, int]:
    """What the events between two positions post on each account, where that isn't 0."""
    rows = copy.evidence.rows(
        "SELECT account, sum(amount_minor)::BIGINT FROM postings WHERE position > $after AND position <= $up_to "
        "GROUP BY account HAVING sum(amount_minor) <> 0",
        after=after, up_to=up_to,
    )  # fmt: skip
    return dict(rows)


def older_state(copy: Copy, table: str, position: int) -> None:
    """The table as it was at that position, made by the real runner, under today's checkpoint and log."""
    with copy.by_hand() as connection:
        kept = connection.exec_driver_sql(f"SELECT position FROM checkpoints WHERE projection = '{table}'").scalar()
        last = connection.exec_driver_sql("SELECT max(id) FROM checkpoint_log").scalar()
        drop_and_reset(connection, BANK_PROJECTIONS[table](), "older", copy.store.clock())
    ProjectionRunner(copy.store, BANK_PROJECTIONS[table](), bank_decoder(), run_id="older").catch_up(up_to=position)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"DELETE FROM checkpoint_log WHERE id > {last}")
        connection.exec_driver_sql(f"UPDATE checkpoints SET position = {kept} WHERE projection = '{table}'")


def negative(amounts: dict[str, int]) -> dict[str, int]:
    return {account: -amount for account, amount in amounts.items()}


def restored(copy: Copy, random: Random) -> Truth:
    position = copy.store.head_position() - random.randint(25, 60)
    older_state(copy, "account_balances", position)
    return Truth(("restored_read_model",), negative(posted(copy, position)))


def restored_and_run_on(copy: Copy, random: Random) -> Truth:
    position, head = copy.store.head_position() - random.randint(25, 60), copy.store.head_position()
    older_state(copy, "account_balances", position)
    for number in range(3):
        copy.deposit(f"ON-{number}", 100 + number)
        copy.book(f"ON-{number}", 100 + number)
    copy.catch_up()
    return Truth(("restored_read_model",), negative(posted(copy, position, head)))


def holds_restored(copy: Copy, random: Random) -> Truth:
    """The table of holds as it was while one of them, or two, had been asked for and not answered."""
    asked = copy.evidence.rows(
        "SELECT e.position, p.account FROM events AS e JOIN postings AS p USING (event_id) "
        "WHERE e.type = 'WithdrawalRequested' ORDER BY 1"
    )
    position, account = random.choice(asked[len(asked) // 2 : -1])
    older_state(copy, "pending_withdrawals", position)
    with copy.store.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT account_id FROM pending_withdrawals").fetchall()
    return Truth(("restored_read_model",), {str(found): 0 for (found,) in rows} | {account: 0})


def moved_back(copy: Copy, random: Random) -> Truth:
    position = copy.store.head_position() - random.randint(12, 40)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            f"UPDATE checkpoints SET position = {position} WHERE projection = 'account_balances'"
        )
    return Truth(("checkpoint_moved",), posted(copy, position))


def applied_again(copy: Copy, random: Random) -> Truth:
    """Set back and run again, and the batches of the second run are gone from the log."""
    position = copy.store.head_position() - random.randint(12, 40)
    moved_back(copy, Random(0))
    with copy.by_hand() as connection:
        last = connection.exec_driver_sql("SELECT max(id) FROM checkpoint_log").scalar()
        connection.exec_driver_sql(
            f"UPDATE checkpoints SET position = {position} WHERE projection = 'account_balances'"
        )
    copy.catch_up()
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"DELETE FROM checkpoint_log WHERE id > {last}")
    return Truth(("double_apply",), posted(copy, position))


def edited(copy: Copy, random: Random) -> Truth:
    amount = random.choice([-1, 1]) * random.randint(10_000, 9_999_999)
    copy.edit_balance(amount)
    return Truth(("manual_edit",), {ACCOUNT: amount})


def short_of_one(copy: Copy, random: Random) -> Truth:
    rows = copy.evidence.rows(
        "SELECT any_value(amount_minor) FROM postings WHERE account = $account AND kind = 'deposit' "
        "GROUP BY amount_minor HAVING count(*) = 1 ORDER BY 1",
        account=ACCOUNT,
    ) or copy.evidence.rows(
        "SELECT amount_minor FROM postings WHERE account = $account GROUP BY amount_minor "
        "HAVING count(*) = 1 AND amount_minor > 100 ORDER BY 1",
        account=ACCOUNT,
    )  # fmt: skip
    amount = random.choice(rows)[0]
    copy.edit_balance(-amount)
    return Truth(("gap_skipped", "manual_edit"), {ACCOUNT: -amount})


def twin_dropped(copy: Copy, random: Random) -> Truth:
    class ByValue(AccountBalances):
        def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
            seen: set[int] = set()
            kept = []
            for event in events:
                if "TWIN" in getattr(event.data, "reference", ""):
                    if event.data.amount_minor in seen:  # type: ignore[attr-defined]
                        continue
                    seen.add(event.data.amount_minor)  # type: ignore[attr-defined]
                kept.append(event)
            super().handle_many(kept, connection)

    amount = random.randint(1_001, 9_999)
    for number in (1, 2):
        copy.deposit(f"TWIN-{number}", amount)
        copy.book(f"TWIN-{number}", amount)
    ProjectionRunner(copy.store, ByValue(), bank_decoder(), run_id="by-value").catch_up()
    copy.catch_up()
    return Truth(("twin_dropped",), {ACCOUNT: -amount})


def clamped(copy: Copy, random: Random) -> Truth:
    below = random.randint(1, 30_000)
    amount = -(posted(copy)[ACCOUNT] + below)
    copy.deposit("OVER", amount)
    copy.book("OVER", amount)
    copy.catch_up()
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"UPDATE account_balances SET balance_minor = 0 WHERE account_id = '{ACCOUNT}'")
    return Truth(("clamped_balance",), {ACCOUNT: below})


def fees_lost_since(copy: Copy, random: Random) -> Truth:
    fees = copy.evidence.rows(
        "SELECT position, account, amount_minor FROM postings WHERE kind = 'fee' AND amount_minor <> 0 ORDER BY 1"
    )
    since = fees[random.randint(1, len(fees) // 2)][0]

    class Forgetful(AccountBalances):
        def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
            late = [event for event in events if event.recorded.global_position >= since]
            kept = [event for event in events if event not in late or not isinstance(event.data, FeeCharged)]
            super().handle_many(kept, connection)

    ProjectionRunner(copy.store, Forgetful(), bank_decoder(), run_id="forgetful").rebuild()
    amounts: dict[str, int] = {}
    for position, account, amount in fees:
        if position >= since:
            amounts[account] = amounts.get(account, 0) - amount
    return Truth(("handler_bug",), amounts)


def large_deposits_lost(copy: Copy, random: Random) -> Truth:
    """A bug that knows an amount, over all accounts; smaller deposits are right."""
    rows = copy.evidence.rows(
        "SELECT account, amount_minor FROM postings WHERE kind = 'deposit' AND amount_minor > 0 ORDER BY 2 DESC"
    )
    accounts = [account for account, _ in rows]
    second = next(number for number, account in enumerate(accounts) if account != accounts[0])
    limit = rows[second + random.randint(0, 6)][1]

    class Small(AccountBalances):
        def handle_many(self, events: Sequence[Event], connection: Connection) -> None:
            kept = [
                each for each in events if not isinstance(each.data, MoneyDeposited) or each.data.amount_minor < limit
            ]
            super().handle_many(kept, connection)

    ProjectionRunner(copy.store, Small(), bank_decoder(), run_id="small").rebuild()
    amounts: dict[str, int] = {}
    for account, amount in rows:
        if amount >= limit:
            amounts[account] = amounts.get(account, 0) - amount
    return Truth(("handler_bug",), amounts)


def other_midnight(copy: Copy, random: Random) -> Truth:
    zone = random.choice(["America/New_York", "Asia/Tokyo", "Etc/GMT+7"])
    ProjectionRunner(copy.store, DailySummaries(zone), bank_decoder(), run_id="zone").rebuild()
    return Truth(("day_boundary",), {})


def one_of(copy: Copy, table: str, random: Random) -> int:
    with copy.store.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT rowid FROM {table} WHERE account_id = '{ACCOUNT}' ORDER BY rowid"
        ).fetchall()
    return int(random.choice(rows[2:-2])[0])


def column_edited(table: str, column: str) -> Callable[[Copy, Random], Truth]:
    def act(copy: Copy, random: Random) -> Truth:
        row, amount = one_of(copy, table, random), random.randint(1, 99_999)
        with copy.by_hand() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = {column} + {amount} WHERE rowid = {row}")
        return Truth(("manual_edit",), {ACCOUNT: amount})

    return act


def hold_put_back(copy: Copy, random: Random) -> Truth:
    amount = random.randint(1, 99_999)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO pending_withdrawals VALUES ('{ACCOUNT}', 'W-GHOST', 'USD', {amount}, "
            "'2023-05-05T00:00:00.000000Z', 50)"
        )
    return Truth(("manual_edit",), {ACCOUNT: 0})


def rows_of_an_account_lost(copy: Copy, random: Random) -> Truth:
    with copy.by_hand() as connection:
        connection.exec_driver_sql(f"DELETE FROM transaction_history WHERE account_id = '{ACCOUNT}'")
    return Truth(("row_lost",), {ACCOUNT: -posted(copy)[ACCOUNT]})


def all_rows_lost(copy: Copy, random: Random) -> Truth:
    with copy.by_hand() as connection:
        connection.exec_driver_sql("DELETE FROM account_balances")
    return Truth(("restored_read_model", "manual_edit"), negative(posted(copy)))


ACTS: dict[str, Callable[[Copy, Random], Truth]] = {
    "an older state put back": restored,
    "an older state put back, and run on": restored_and_run_on,
    "an older table of holds put back": holds_restored,
    "a checkpoint moved back": moved_back,
    "a stretch applied again, with no batch to show it": applied_again,
    "a balance edited": edited,
    "a balance short of one event": short_of_one,
    "a twin dropped by value": twin_dropped,
    "a balance clamped at zero": clamped,
    "fees lost from a date on": fees_lost_since,
    "large deposits lost": large_deposits_lost,
    "days cut at another midnight": other_midnight,
    "a running balance edited": column_edited("transaction_history", "balance_after_minor"),
    "an amount edited beside its balance": column_edited("transaction_history", "amount_minor"),
    "a day's closing edited": column_edited("daily_summaries", "closing_minor"),
    "a day's credits edited": column_edited("daily_summaries", "credits_minor"),
    "a day's debits edited": column_edited("daily_summaries", "debits_minor"),
    "a settled hold put back": hold_put_back,
    "all rows of one account lost": rows_of_an_account_lost,
    "all rows lost": all_rows_lost,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_named_with_its_amount_and_never_proven(act: str, seed: int, tmp_path: Path) -> None:
    """Promises 14 and 15: the right name, the amount to the minor unit, nothing else, and nothing silent."""
    copy = Copy("none", tmp_path)
    truth = ACTS[act](copy, Random(f"{act} {seed}"))
    diagnosis = copy.diagnose()
    unhealthy = diagnosis.unhealthy
    assert unhealthy, "silence"
    assert diagnosis.unexplained == []
    assert [each for each in unhealthy if each.certainty == "proven"] == []
    main = [each for each in unhealthy if each.alternative_to is None]
    assert {each.fault for each in unhealthy} & set(truth.names)
    for account, amount in truth.amounts.items():
        mine = [each for each in unhealthy if each.account == account and each.fault in truth.names]
        assert [each.amount for each in mine] == [amount] * len(mine) != [], (account, amount, main)
    assert {each.account for each in main if each.account} == set(truth.amounts)
    firm = {each.fault for each in main if each.certainty != "possible"}
    assert firm <= set(truth.names)
