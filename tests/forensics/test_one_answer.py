"""One question, one answer: whatever is damaged, diff, bisect and diagnosis speak of the same residuals, and no other.

What they must be is said once more here, by plain loops over lists that share no code with the bench.
"""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_incidents import incident, url_of

from esworkbench.evidence import Evidence, capture
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.diagnose import diagnose
from tests.forensics.small_ledger import START, SmallLedger, hours

Parting = set[tuple[str, str, str]]
"""Account, currency and source."""


def parting(evidence: Evidence) -> Parting:
    """Whose claims part from the events: asked of everybody who may be asked, who must all say the same."""
    told = {(row.account, row.currency, row.source) for row in diff(evidence).rows}
    residuals = Residuals(evidence)
    assert {(each.account, each.currency, each.source) for each in residuals.found()} == told
    sources = {source.name for source in residuals.sources()}
    everybody = {(account, currency, source) for account, currency in evidence.accounts() for source in sources}
    found = {who for who in everybody if bisect(evidence, who[0], currency=who[1], against=who[2]).position is not None}
    assert found == told
    diagnosis = diagnose(evidence)
    resting = [each for each in diagnosis.unexplained if each.amount and each.source in sources]
    assert {(each.account, each.currency, each.source) for each in resting} <= told
    named = {(each.account, each.currency, each.source) for each in diagnosis.unhealthy if each.amount and each.source}
    assert named <= told
    spoken = {each.account for each in diagnosis.findings} | {each.account for each in diagnosis.unexplained}
    assert {account for account, _, _ in told} <= spoken or None in spoken
    if not told:
        assert [each for each in diagnosis.unhealthy if each.sources and each.amount] == []
    return told


class Damage(NamedTuple):
    """What a claim is made to say: nothing (``gone``), null, or ``shift`` too much from there on (``for_good``)."""

    source: str
    place: int
    what: str
    shift: int


DAMAGES = st.lists(
    st.builds(
        Damage,
        st.sampled_from(["history", "days", "balances", "snapshots", "bank.csv"]),
        st.integers(0, 30),
        st.sampled_from(["gone", "null", "once", "for good"]),
        st.sampled_from([-7, -1, 1, 5]),
    ),
    max_size=3,
)
EVENTS = st.lists(st.tuples(st.sampled_from("AB"), st.integers(-20, 20), st.integers(1, 30)), min_size=1, max_size=14)


def damaged(rows: list[int | None], damages: Iterable[Damage]) -> tuple[list[int | None], set[int]]:
    """The claims after the damages, and the numbers of those that are gone."""
    claims, gone = list(rows), set()
    for each in damages:
        place = each.place % len(rows)
        if each.what == "gone":
            gone.add(place)
        for later in range(place, len(rows) if each.what == "for good" else place + 1):
            claim = claims[later]
            if each.what == "null":
                claims[later] = None
            elif each.what != "gone" and claim is not None:
                claims[later] = claim + each.shift
    return claims, gone


def parts(amounts: list[int], claims: list[int | None], gone: set[int]) -> bool:
    """Whether a running claim parts anywhere: by a loop, step by step."""
    said = due = 0
    for number, (amount, claim) in enumerate(zip(amounts, claims, strict=True)):
        if number in gone:
            if amount:
                return True
            continue
        due += amount
        if claim is not None:
            if claim - said != due:
                return True
            said, due = claim, 0
    return False


def quietly(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


EXAMPLES = [4, pytest.param(100, marks=pytest.mark.sweep)]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_whatever_is_damaged_all_say_the_same_and_what_a_loop_says(examples: int, tmp_path: Path) -> None:
    @quietly(examples)
    @given(events=EVENTS, damages=DAMAGES, checkpoint=st.integers(0, 14))
    def tried(events: list[tuple[str, int, int]], damages: list[Damage], checkpoint: int) -> None:
        all_say_the_same(events, damages, checkpoint, tmp_path)

    tried()


def all_say_the_same(
    events: list[tuple[str, int, int]], damages: list[Damage], checkpoint: int, tmp_path: Path
) -> None:
    ledger, hour = SmallLedger(), 0.0
    for account, amount, later in events:
        hour += later
        ledger.event(account, amount, recorded_at=hours(hour))
    ledger.checkpoints = {"history": checkpoint or len(events), "days": len(events)}
    expected: Parting = set()
    for account in sorted({account for account, _, _ in events}):
        mine = [event for event in ledger.postings if event["account"] == account]
        at = {source: [each for each in damages if each.source == source] for source in {d.source for d in damages}}
        amounts = [posting["amount_minor"] for posting in mine]
        sums = [sum(amounts[: number + 1]) for number in range(len(amounts))]

        seen = [posting for posting in mine if posting["position"] <= ledger.checkpoints["history"]]
        if seen:
            claims, gone = damaged([*sums[: len(seen)]], at.get("history", []))
            for number, posting in enumerate(seen):
                if number not in gone:
                    ledger.claim(
                        account, claims[number], source="history", kind="running", position=posting["position"],
                        event_id=posting["event_id"], order_key=number,
                    )  # fmt: skip
            if parts(amounts[: len(seen)], claims, gone):
                expected.add((account, "USD", "history"))

        days = sorted({posting["recorded_at"].date() for posting in mine})
        closings = [sums[max(n for n, each in enumerate(mine) if each["recorded_at"].date() == day)] for day in days]
        moved = [closing - before for closing, before in zip(closings, [0, *closings], strict=False)]
        claims, gone = damaged([*closings], at.get("days", []))
        for number, day in enumerate(days):
            if number not in gone:
                ledger.claim(account, claims[number], source="days", kind="daily", day=day, order_key=number)
        if parts(moved, claims, gone):
            expected.add((account, "USD", "days"))

        [claim], gone = damaged([sums[-1]], at.get("balances", []))
        if not gone and claim is not None:
            ledger.claim(account, claim)
        if (0 if gone or claim is None else claim) != sums[-1]:
            expected.add((account, "USD", "balances"))

        claims, gone = damaged([*sums], at.get("snapshots", []))
        for number, claim in enumerate(claims):
            if number not in gone and claim is not None:
                ledger.claim(account, claim, source="snapshots", kind="snapshot", version=number + 1, order_key=number)
                if claim != sums[number]:
                    expected.add((account, "USD", "snapshots"))

        lines, balance = [], 0
        claims, gone = damaged([*sums], [each for each in at.get("bank.csv", []) if each.what != "null"])
        for number, posting in enumerate(mine):
            if (number not in gone and 0 < number < len(mine) - 1) or number in (0, len(mine) - 1):
                hour_of = (posting["recorded_at"] - START).total_seconds() / 3600
                lines.append((hour_of, amounts[number], int(claims[number] or 0)))
        if lines:
            ledger.statement(account, lines)
            kept = [n for n in range(len(mine)) if n not in gone or n in (0, len(mine) - 1)]
            hidden = {number for number in range(len(mine)) if number not in kept}
            first = (claims[0] or 0) - amounts[0]
            if first or parts([first + amounts[0], *amounts[1:]], claims, hidden):
                expected.add((account, "USD", "bank.csv"))
        del balance
    folder = tmp_path / f"evidence-{len(list(tmp_path.iterdir()))}"
    evidence = ledger.write(folder)
    if any(each.source == "balances" for each in damages) and not any(c["kind"] == "head" for c in ledger.claims):
        expected = {who for who in expected if who[2] != "balances"}  # a source without any claim isn't one
    known = {claim["source"] for claim in ledger.claims}
    assert parting(evidence) == {who for who in expected if who[2] in known}


def effect(event_type: str, payload: str) -> int:
    """What an event of the bank posts, in minor units, read from its raw payload by nothing of ours."""
    content = json.loads(payload, parse_float=Decimal)
    if "amount" in content:
        return int((Decimal(str(content["amount"])) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    signs = {"MoneyDeposited": 1, "InterestCredited": 1, "TransferReceived": 1, "WithdrawalCancelled": 1,
             "BalanceAdjusted": 1, "WithdrawalSettled": 0}  # fmt: skip
    return int(signs.get(event_type, -1) * content.get("amount_minor", 0))


BATCH = "projection, shard, from_position, to_position, run_id, code_version, saved_at"
LETTER = "projection, position, event_id, event_type, schema_version, error, run_id, parked_at"


def harm(database: sqlite3.Connection, statement: Path, random: Random) -> None:
    """One thing that a real incident would do to a store, by plain SQL or a text editor."""

    def row(table: str) -> int:
        return int(random.choice(database.execute(f"SELECT rowid FROM {table}").fetchall())[0])

    shift = random.choice([-500, -1, 1, 99])
    kinds: list[Callable[[], object]] = [
        lambda: database.execute(f"UPDATE account_balances SET balance_minor = balance_minor + {shift} "
                                 f"WHERE rowid = {row('account_balances')}"),
        lambda: database.execute(f"DELETE FROM account_balances WHERE rowid = {row('account_balances')}"),
        lambda: database.execute("INSERT INTO account_balances VALUES ('ACC-9999', 'USD', 5, 1, 3)"),
        lambda: database.execute("UPDATE transaction_history SET balance_after_minor = balance_after_minor + "
                                 f"{shift} WHERE rowid = {row('transaction_history')}"),
        lambda: database.execute(f"DELETE FROM transaction_history WHERE rowid = {row('transaction_history')}"),
        lambda: database.execute("DELETE FROM transaction_history WHERE account_id = 'ACC-1002'"),
        lambda: database.execute(f"UPDATE daily_summaries SET closing_minor = closing_minor + {shift} "
                                 f"WHERE rowid = {row('daily_summaries')}"),
        lambda: database.execute(f"DELETE FROM daily_summaries WHERE rowid = {row('daily_summaries')}"),
        lambda: database.execute(f"UPDATE transaction_history SET amount_minor = amount_minor + {shift} "
                                 f"WHERE rowid = {row('transaction_history')}"),
        lambda: database.execute(f"UPDATE daily_summaries SET credits_minor = credits_minor + {shift}, "
                                 f"debits_minor = debits_minor + {random.choice([0, shift])} "
                                 f"WHERE rowid = {row('daily_summaries')}"),
        lambda: database.execute("INSERT INTO pending_withdrawals VALUES ('ACC-1001', 'W-GHOST', 'USD', 5000, "
                                 "'2023-05-05T00:00:00.000000Z', 50)"),
        lambda: database.execute("UPDATE pending_withdrawals SET amount_minor = amount_minor + 1"),
        lambda: database.execute("DELETE FROM pending_withdrawals"),
        lambda: database.execute(f"UPDATE checkpoints SET position = position - {random.randint(1, 9)}"),
        lambda: database.execute(f"DELETE FROM events WHERE rowid = {row('events')}"),
        lambda: database.execute("UPDATE events SET payload = replace(payload, '\"amount_minor\":', "
                                 f"'\"amount_minor\":1') WHERE rowid = {row('events')}"),
        lambda: database.execute("UPDATE snapshots SET state = json_set(state, '$.balance_minor', "
                                 f"json_extract(state, '$.balance_minor') + {shift}) WHERE rowid = {row('snapshots')}"),
        lambda: database.execute(f"INSERT INTO checkpoint_log ({BATCH}) SELECT {BATCH} FROM checkpoint_log "
                                 f"WHERE rowid = {row('checkpoint_log')}"),
        lambda: database.execute("UPDATE checkpoint_log SET saved_at = '2000-01-01T00:00:00.000000Z' "
                                 f"WHERE rowid = {row('checkpoint_log')}"),
        lambda: database.execute(f"INSERT INTO dead_letters ({LETTER}) SELECT 'account_balances', global_position, "
                                 "event_id, event_type, schema_version, 'x', 'r', recorded_at FROM events "
                                 f"WHERE rowid = {row('events')}"),
        lambda: rewrite(statement, lambda lines: lines.pop(random.randrange(1, len(lines)))),
        lambda: rewrite(statement, lambda lines: add(lines, 5, shift, random)),
        lambda: rewrite(statement, lambda lines: add(lines, 4, shift, random)),
        lambda: None,
    ]  # fmt: skip
    random.choice(kinds)()


def rewrite(path: Path, change: Callable[[list[list[str]]], object]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    change(lines)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)


def add(lines: list[list[str]], column: int, amount: int, random: Random) -> None:
    line = random.choice(lines[1:])
    line[column] = str(int(line[column]) + amount)


def by_loops(database: sqlite3.Connection) -> Parting:
    """Where balances and history claim otherwise than the events: loops over positions and over rows."""
    cut = dict(database.execute("SELECT projection, position FROM checkpoints").fetchall())
    heads = {
        account: (currency, balance)
        for account, currency, balance in database.execute(
            "SELECT account_id, currency, balance_minor FROM account_balances"
        )
    }
    history = {
        position: (account, currency, balance)
        for position, account, currency, balance in database.execute(
            "SELECT position, account_id, currency, balance_after_minor FROM transaction_history"
        )
    }
    currencies = {account: currency for account, currency, _ in history.values()}
    currencies |= {account: currency for account, (currency, _) in heads.items()}
    events = {
        position: (stream.partition("-")[2], effect(event_type, payload))
        for position, stream, event_type, payload in database.execute(
            "SELECT global_position, stream_id, event_type, payload FROM events"
        )
    }
    found: Parting = set()
    sums: dict[str, int] = {}
    said: dict[str, int] = {}
    for position in sorted({*events, *history}):
        account, amount = events.get(position, (history[position][0] if position in history else "", 0))
        if position <= cut["account_balances"]:
            sums[account] = sums.get(account, 0) + amount
        if position > cut["transaction_history"]:
            amount = 0
        claimed = history[position][2] if position in history else said.get(account, 0)
        if claimed - said.get(account, 0) != amount:
            found.add((account, currencies.get(account, "USD"), "transaction_history"))
        said[account] = claimed
    for position, account, currency, amount in database.execute(
        "SELECT position, account_id, currency, amount_minor FROM transaction_history"
    ):
        if events.get(position, (account, 0))[1] != amount:
            found.add((account, currency, "transaction_history"))
    for account in {*heads, *sums}:
        currency, balance = heads.get(account, (currencies.get(account, "USD"), 0))
        if balance != sums.get(account, 0):
            found.add((account, currency, "account_balances"))
    return found


@pytest.mark.parametrize("seeds", [range(1), pytest.param(range(1, 300), marks=pytest.mark.sweep)])
def test_a_damaged_store_has_one_answer(tmp_path: Path, seeds: range) -> None:
    incident("none")
    base = Path(url_of("none", 1).removeprefix("sqlite:///"))
    for seed in seeds:
        random = Random(seed)
        bank = tmp_path / f"{seed}.db"
        shutil.copy(base, bank)
        shutil.copytree(base.with_name(f"{base.name}.outside"), bank.with_name(f"{bank.name}.outside"))
        [statement] = bank.with_name(f"{bank.name}.outside").joinpath("statements").glob("*.csv")
        with sqlite3.connect(bank) as database:
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                database.execute(f"DROP TRIGGER {name}")
            for _ in range(random.randint(0, 3)):
                harm(database, statement, random)
            for _, text in triggers:
                database.execute(text)
            loops = by_loops(database)
        told = parting(capture(str(bank), tmp_path / f"{seed}", progress=False))
        assert {who for who in told if who[2] in ("account_balances", "transaction_history")} == loops, f"seed {seed}"


FILE_LEDGER = """
name = "file"
[file]
date_format = "%Y-%m-%d"
currency = "USD"
order = "{order}"
rounding_limit = {rounding}
[file.columns]
id = "id"
account = "account"
date = "date"
amount = "amount"
balance = "balance"
"""


MOVES = st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 2), st.integers(-999, 999)), min_size=2, max_size=12)
EDITS = st.lists(
    st.tuples(st.integers(0, 11), st.sampled_from(["amount", "balance", "gone"]), st.sampled_from([-70, 1])), max_size=2
)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_a_damaged_file_has_one_answer(examples: int, tmp_path: Path) -> None:
    @quietly(examples)
    @given(moves=MOVES, edits=EDITS, order=st.sampled_from(["file", "day"]), rounding=st.sampled_from([0, 2]))
    def tried(moves: list[tuple[str, int, int]], edits: list[tuple[int, str, int]], order: str, rounding: int) -> None:
        a_file_has_one_answer(moves, edits, order, rounding, tmp_path)

    tried()


def a_file_has_one_answer(
    moves: list[tuple[str, int, int]], edits: list[tuple[int, str, int]], order: str, rounding: int, tmp_path: Path
) -> None:
    day, balances, rows = START.date(), {"A": 0, "B": 0}, []
    for number, (account, later, amount) in enumerate(moves):
        day += timedelta(days=later)
        balances[account] += amount
        rows.append({"id": str(number), "account": account, "date": day.isoformat(), "amount": amount,
                     "balance": balances[account]})  # fmt: skip
    for place, what, shift in edits:
        row = rows[place % len(rows)]
        if what == "gone" and len(rows) > 1:
            rows.remove(row)
        elif what != "gone":
            row[what] = int(row[what]) + shift
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow(row | {name: f"{int(row[name]) / 100:.2f}" for name in ("amount", "balance")})
    (folder / "ledger.toml").write_text(FILE_LEDGER.format(order=order, rounding=rounding), encoding="utf-8")
    told = parting(capture(str(folder / "rows.csv"), folder / "ev", ledger=folder / "ledger.toml", progress=False))
    if order == "file":
        assert {account for account, _, _ in told} == wrong_in_file_order(rows, rounding)


def wrong_in_file_order(rows: list[dict[str, Any]], rounding: int) -> set[str]:
    """The accounts whose balances don't follow from their amounts, from an opening of 0."""
    found, said = set(), {"A": 0, "B": 0}
    for row in rows:
        if abs(row["balance"] - said[row["account"]] - row["amount"]) > rounding:
            found.add(row["account"])
        said[row["account"]] = row["balance"]
    return found
