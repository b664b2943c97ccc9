"""Claims read in bulk are those that are read row by row: same steps, same order, same oddities."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esworkbench.composition import capture
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, RequestWithdrawal, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing import bulk, claims
from esworkbench.evidence.capturing.claims import _Running
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.verify import verify
from esworkbench.projections import ProjectionRunner

ROWS = "SELECT * FROM assertions ORDER BY ALL"


@pytest.fixture
def bank(store_url: str) -> Iterator[EventStore]:
    """Three accounts with all four read models."""
    store = EventStore.open(store_url)
    commands = Bank(store)
    for account in ("a", "é", "b-1"):
        commands.handle(OpenAccount(account_id=account, owner="Nobody", currency="EUR"))
        for amount in (1, 20, 300):
            commands.handle(Deposit(account_id=account, amount_minor=amount, currency="EUR", reference=f"r{amount}"))
        commands.handle(
            RequestWithdrawal(account_id=account, withdrawal_id=f"w-{account}", amount_minor=7, currency="EUR",
                              reference="out")
        )  # fmt: skip
    for projection in BANK_PROJECTIONS.values():
        ProjectionRunner(store, projection(), bank_decoder(), run_id="test").catch_up()
    yield store
    store.engine.dispose()


def taken(url: str, into: Path) -> Evidence:
    return capture(url, into, progress=False)


def test_in_bulk_and_row_by_row_come_to_the_same(
    bank: EventStore, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    read: list[str] = []
    in_bulk = claims.fitted_in_bulk

    def told(batch: pa.RecordBatch, kinds: dict[str, Any]) -> pa.Table | None:
        found = in_bulk(batch, kinds)
        read.append("row by row" if found is None else "in bulk")
        return found

    monkeypatch.setattr(claims, "fitted_in_bulk", told)
    evidence = taken(store_url, tmp_path / "quick")
    quick = evidence.rows(ROWS)
    steps = "SELECT account, order_key FROM assertions WHERE kind = $kind ORDER BY ALL"
    assert evidence.rows(steps, kind="amount") == evidence.rows(steps, kind="running")
    assert len(evidence.rows(steps, kind="amount")) == 12
    assert set(read) == {"in bulk"}
    monkeypatch.setattr(claims, "fitted_in_bulk", lambda *_: None)
    assert taken(store_url, tmp_path / "slow").rows(ROWS) == quick
    monkeypatch.setattr(claims, "fitted_in_bulk", in_bulk)
    monkeypatch.setattr(bulk, "ROWS_AT_ONCE", 2)
    assert taken(store_url, tmp_path / "small").rows(ROWS) == quick


@pytest.mark.parametrize("value", ["12.5", "x", None, "9223372036854775807"])
def test_one_odd_value_takes_its_table_row_by_row(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    store = EventStore.open(url)
    commands = Bank(store)
    commands.handle(OpenAccount(account_id="a", owner="Nobody", currency="EUR"))
    commands.handle(Deposit(account_id="a", amount_minor=5, currency="EUR", reference="r"))
    ProjectionRunner(store, BANK_PROJECTIONS["account_balances"](), bank_decoder(), run_id="test").catch_up()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE loose AS SELECT * FROM account_balances")
        connection.exec_driver_sql("DROP TABLE account_balances")
        connection.exec_driver_sql("ALTER TABLE loose RENAME TO account_balances")
        connection.exec_driver_sql("INSERT INTO account_balances SELECT 'b', currency, 3, version, position FROM "
                                   "account_balances")  # fmt: skip
        said = "NULL" if value is None else value if value[0].isdigit() else f"'{value}'"
        connection.exec_driver_sql(f"UPDATE account_balances SET balance_minor = {said} WHERE account_id = 'a'")
    store.engine.dispose()
    evidence = taken(url, tmp_path / "evidence")
    assert evidence.rows("SELECT account, claimed_minor FROM assertions WHERE kind = 'head' ORDER BY 1") == [
        ("a", None), ("b", 3),
    ]  # fmt: skip
    kept = evidence.rows("SELECT column_name, value FROM oddities")
    assert kept == [("balance_minor", value)]


CLAIMS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["EUR", "USD"]), st.none() | st.integers(1 - 2**62, 2**62 - 1)),
    max_size=30,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows=CLAIMS, ends=st.sets(st.integers(1, 29)), ordered=st.booleans())
def test_steps_of_a_batch_are_those_row_after_row(
    rows: list[tuple[str, str, int | None]], ends: set[int], ordered: bool
) -> None:
    if ordered:
        rows = sorted(rows, key=lambda row: row[:2])
    expected = _Running().steps(dict(zip(("account", "currency", "claimed_minor"), _columns(rows), strict=True)))
    running, found = _Running(), {"step_minor": [], "order_key": []}
    for part in _parts(rows, sorted(ends)):
        columns = [pa.array(values, kind) for values, kind in zip(_columns(part), KINDS, strict=True)]
        places = running.in_order(pa.table(columns, names=["account", "currency", "claimed_minor"]))
        for name, values in places.items():
            found[name] += values.to_pylist()
    assert found == expected


KINDS = (pa.string(), pa.string(), pa.int64())


def _columns(rows: list[tuple[str, str, int | None]]) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(3)]


def _parts(rows: list[Any], ends: list[int]) -> Iterator[list[Any]]:
    for first, last in zip([0, *ends], [*ends, len(rows)], strict=True):
        yield rows[first:last]


def test_whole_numbers_of_another_type_are_read_as_whole_numbers(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DBA may have made the column numeric: the amounts are the same, and so is what is wrong with one."""
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    store = EventStore.open(postgres_url)
    commands = Bank(store)
    commands.handle(OpenAccount(account_id="a", owner="Nobody", currency="EUR"))
    commands.handle(Deposit(account_id="a", amount_minor=5, currency="EUR", reference="r"))
    for projection in BANK_PROJECTIONS.values():
        ProjectionRunner(store, projection(), bank_decoder(), run_id="test").catch_up()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE account_balances ALTER balance_minor TYPE numeric")
        connection.exec_driver_sql("UPDATE account_balances SET balance_minor = balance_minor + 4723")
        connection.exec_driver_sql("UPDATE daily_summaries SET day = 'infinity'")
    evidence = taken(postgres_url, tmp_path / "evidence")
    assert evidence.rows("SELECT claimed_minor FROM assertions WHERE kind = 'head'") == [(4728,)]
    assert evidence.rows("SELECT DISTINCT source FROM oddities") == [("daily_summaries",)]
    assert [row.delta for row in diff(evidence, against="account_balances").rows] == [4723]
    store.engine.dispose()


@pytest.mark.parametrize(
    ("table", "column"), [("account_balances", "balance_minor"), ("daily_summaries", "closing_minor")]
)
def test_a_balance_that_claims_nothing_is_told_by_all(
    bank: EventStore, store_url: str, table: str, column: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    with bank.engine.begin() as connection:
        if bank.engine.dialect.name == "sqlite":
            nullable = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").scalar_one()
            nullable = nullable.replace(f"{column} BIGINT NOT NULL", f"{column} BIGINT")
            connection.exec_driver_sql("PRAGMA writable_schema = 1")
            connection.exec_driver_sql("UPDATE sqlite_master SET sql = ? WHERE name = ?", (nullable, table))
            connection.exec_driver_sql("PRAGMA writable_schema = RESET")
        else:
            connection.exec_driver_sql(f"ALTER TABLE {table} ALTER {column} DROP NOT NULL")
    with bank.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {table} SET {column} = NULL WHERE account_id = 'a'")
    evidence = taken(store_url, tmp_path / "evidence")
    assert diff(evidence).odd_claims == [f"{table}, a: {column} is null"]
    assert [each.source for each in verify(evidence).breaks] == [table]
    assert table in {each.source for each in diagnose(evidence).unexplained}


def test_an_amount_that_no_balance_can_be_is_no_clean_difference(
    bank: EventStore, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    with bank.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account_balances SET balance_minor = {2**63 - 1} WHERE account_id = 'a'")
    [told] = diff(taken(store_url, tmp_path / "evidence")).odd_claims
    assert "larger than can be kept" in told
