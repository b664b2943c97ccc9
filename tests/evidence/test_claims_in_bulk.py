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
    assert kept == ([] if value is None else [("balance_minor", value)])


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
