"""What broken writers, operators and printers leave behind is as the lab's answer has it: asked of the raw tables."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest
from second_look import Look, lines_of
from sqlalchemy.engine import make_url

from esworkbench.lab import Incident, PlantedFault, build_incident, reveal

SEED = 3


class Row(NamedTuple):
    """An event as it lies in the table."""

    position: int
    event_id: str
    account: str
    version: int
    kind: str
    payload: dict[str, Any]
    metadata: dict[str, Any]
    recorded_at: datetime
    prev_hash: str


class Broken(NamedTuple):
    """A built incident, its answer (which is one fault), and all its events."""

    incident: Incident
    look: Look
    planted: PlantedFault
    rows: list[Row]

    @property
    def at_fault(self) -> list[Row]:
        assert [row.event_id for row in self.rows if row.position in self.planted.positions] == self.planted.event_ids
        return [row for row in self.rows if row.position in self.planted.positions]

    @property
    def key(self) -> tuple[str, str]:
        assert self.planted.account is not None
        assert self.planted.currency is not None
        return self.planted.account, self.planted.currency

    def referring_to(self, reference: str) -> list[Row]:
        return [row for row in self.rows if row.payload.get("reference") == reference]

    def paper(self) -> list[dict[str, str]]:
        """The account's lines of the statement."""
        return lines_of(self.incident.outside, self.key)


Build = Callable[..., Broken]


def retry_duplicate(broken: Broken) -> None:
    """The same order twice within a minute; the statement has it once, and is off by it."""
    [second] = broken.at_fault
    first, again = broken.referring_to(second.payload["reference"])
    assert again == second
    assert (first.kind, first.payload, first.account) == (second.kind, second.payload, second.account)
    assert timedelta() < second.recorded_at - first.recorded_at < timedelta(minutes=1)
    amount = second.payload["amount_minor"] * (1 if second.kind == "MoneyDeposited" else -1)
    assert [
        int(line["amount_minor"]) for line in broken.paper() if line["reference"] == first.payload["reference"]
    ] == [amount]
    assert (
        broken.look.statement_off(broken.incident.outside)
        == {broken.key: broken.planted.amount}
        == {broken.key: -amount}
    )


def never_appended(broken: Broken) -> None:
    """The statement has a line that no event knows of, and the versions have no hole."""
    assert broken.planted.positions == []
    [line] = [line for line in broken.paper() if not broken.referring_to(line["reference"])]
    assert int(line["amount_minor"]) == broken.planted.amount < 0
    assert broken.look.statement_off(broken.incident.outside) == {broken.key: broken.planted.amount}
    versions = [row.version for row in broken.rows if row.account == broken.planted.account]
    assert versions == list(range(1, len(versions) + 1))


def half_transfer(broken: Broken) -> None:
    """Sent and never received; the other account's statement has what its events lack."""
    sent = {row.payload["transfer_id"] for row in broken.rows if row.kind == "TransferSent"}
    received = {row.payload["transfer_id"] for row in broken.rows if row.kind == "TransferReceived"}
    [half] = broken.at_fault
    assert sent - received == {half.payload["transfer_id"]}
    assert received < sent
    assert (half.account, half.payload["amount_minor"]) == (broken.planted.account, broken.planted.amount)
    other = half.payload["to_account"], half.payload["currency"]
    assert broken.look.statement_off(broken.incident.outside) == {other: broken.planted.amount}


def lost_update(broken: Broken) -> None:
    """Both decided on one version, each within its means; the second leaves less than the account may have."""
    one, other = broken.at_fault
    assert one.metadata["decided_on_version"] == other.metadata["decided_on_version"] == one.version - 1
    assert other.version == one.version + 1
    before, limit = balance_before(broken, one), limit_of(broken)
    assert max(one.payload["amount_minor"], other.payload["amount_minor"]) <= before + limit
    assert one.payload["amount_minor"] + other.payload["amount_minor"] > before + limit
    assert overdrawn(broken) == [other.position]
    assert broken.look.statement_off(broken.incident.outside) == {}


def chain_fork(broken: Broken) -> None:
    """Two events of one stream name the same predecessor, and nobody else does."""
    one, other = broken.at_fault
    assert one.prev_hash == other.prev_hash
    assert other.version == one.version + 1
    seen: dict[tuple[str, str], list[int]] = {}
    for row in broken.rows:
        seen.setdefault((row.account, row.prev_hash), []).append(row.position)
    assert [positions for positions in seen.values() if len(positions) > 1] == [broken.planted.positions]
    assert broken.look.statement_off(broken.incident.outside) == {}


def invariant_broken(broken: Broken) -> None:
    """More was taken out than was there, decided on the newest version."""
    [event] = broken.at_fault
    assert event.metadata["decided_on_version"] == event.version - 1
    assert balance_before(broken, event) - event.payload["amount_minor"] < -limit_of(broken)
    assert overdrawn(broken) == broken.planted.positions
    assert broken.look.statement_off(broken.incident.outside) == {}


def settled_otherwise(broken: Broken) -> None:
    """The settlement names more than was held, and the statement books that."""
    [settled] = broken.at_fault
    held = next(row for row in broken.rows if row.payload.get("withdrawal_id") == settled.payload["withdrawal_id"])
    assert (held.kind, settled.kind) == ("WithdrawalRequested", "WithdrawalSettled")
    assert held.payload["amount_minor"] - settled.payload["amount_minor"] == broken.planted.amount < 0
    assert broken.look.statement_off(broken.incident.outside) == {broken.key: broken.planted.amount}
    asked = {row.payload["withdrawal_id"]: row.payload["amount_minor"] for row in broken.rows
             if row.kind == "WithdrawalRequested"}  # fmt: skip
    others = [row for row in broken.rows if row.kind == "WithdrawalSettled" and row != settled]
    assert all(asked[row.payload["withdrawal_id"]] == row.payload["amount_minor"] for row in others)


def double_repair(broken: Broken) -> None:
    """Two events name one original; the statement has one refund."""
    [second] = broken.at_fault
    repairs = [row for row in broken.rows if "compensates" in row.metadata]
    first, again = repairs
    assert again == second
    assert first.metadata["compensates"] == second.metadata["compensates"]
    [original] = [row for row in broken.rows if row.event_id == second.metadata["compensates"]]
    assert original.payload["amount_minor"] == second.payload["amount_minor"] == -broken.planted.amount
    assert broken.look.statement_off(broken.incident.outside) == {broken.key: broken.planted.amount}


def clock_skew(broken: Broken) -> None:
    """Recorded before what stands before them, by minutes, and only these."""
    latest, behind = datetime.min.replace(tzinfo=broken.rows[0].recorded_at.tzinfo), []
    for row in broken.rows:
        if row.recorded_at < latest:
            behind.append(row.position)
            assert latest - row.recorded_at > timedelta(minutes=5)
        latest = max(latest, row.recorded_at)
    assert behind == broken.planted.positions != []
    assert (broken.planted.account, broken.planted.amount) == (None, 0)
    assert broken.look.statement_off(broken.incident.outside) == {}


def valid_time_shift(broken: Broken) -> None:
    """Booked days after it was recorded, and in the end both agree."""
    [event] = broken.at_fault
    [line] = [line for line in broken.paper() if line["reference"] == event.payload["reference"]]
    late = datetime.fromisoformat(line["booked_at"]) - event.recorded_at
    assert timedelta(days=2) <= late < timedelta(days=6)
    assert int(line["amount_minor"]) == event.payload["amount_minor"]
    assert broken.look.statement_off(broken.incident.outside) == {}


def statement_incomplete(broken: Broken) -> None:
    """One line is missing, and the next balance moves by it as well."""
    [event] = broken.at_fault
    assert [line for line in broken.paper() if line["reference"] == event.payload["reference"]] == []
    [(_, apart)] = jumps(broken.paper())
    assert apart == -broken.planted.amount
    assert abs(apart) == event.payload["amount_minor"]
    assert broken.look.statement_off(broken.incident.outside) == {}


def statement_inconsistent(broken: Broken) -> None:
    """One balance doesn't follow from the amounts, and the next one is right again."""
    [event] = broken.at_fault
    (line, off), (_, back) = jumps(broken.paper())
    assert off == -back == broken.planted.amount
    assert line["reference"] == event.payload["reference"]
    assert off % 9 == 0
    assert broken.look.statement_off(broken.incident.outside) == {}


FIGURES = {
    check.__name__: check
    for check in (
        retry_duplicate, never_appended, half_transfer, lost_update, chain_fork, invariant_broken, settled_otherwise,
        double_repair, clock_skew, valid_time_shift, statement_incomplete, statement_inconsistent,
    )
}  # fmt: skip


def jumps(paper: list[dict[str, str]]) -> list[tuple[dict[str, str], int]]:
    """Lines whose balance isn't the one before plus their amount, and by how much."""
    found, before = [], 0
    for line in paper:
        apart = int(line["balance_minor"]) - before - int(line["amount_minor"])
        if apart:
            found.append((line, apart))
        before = int(line["balance_minor"])
    return found


def limit_of(broken: Broken) -> int:
    [opened] = [row for row in broken.rows if row.kind == "AccountOpened" and row.account == broken.planted.account]
    return int(opened.payload["overdraft_limit_minor"])


def balance_before(broken: Broken, event: Row) -> int:
    return sum(
        posted.amount for posted in broken.look.postings()
        if posted.account == event.account and posted.position < event.position
    )  # fmt: skip


def overdrawn(broken: Broken) -> list[int]:
    """Where an owner took an account below its limit, in the whole bank."""
    limits = {row.account: row.payload["overdraft_limit_minor"] for row in broken.rows if row.kind == "AccountOpened"}
    balances: dict[str, int] = {}
    found = []
    for posted in broken.look.postings():
        balances[posted.account] = balances.get(posted.account, 0) + posted.amount
        owners = posted.event_type in ("MoneyWithdrawn", "WithdrawalRequested", "TransferSent")
        if owners and balances[posted.account] < -limits[posted.account]:
            found.append(posted.position)
    return found


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.sweep)])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Builds each fault once per engine; every test here only looks."""
    folder = tmp_path_factory.mktemp("writers")
    found: dict[str, Broken] = {}
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None

    def build(fault: str, copy: str = "") -> Broken:
        name = f"writer_{fault}{copy}_{os.getpid()}"
        if name not in found:
            url = f"sqlite:///{folder / name}.db"
            if server:
                with psycopg.connect(server, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE \"{name}\" ENCODING 'UTF8' TEMPLATE template0")
                url = make_url(server).set(database=name).render_as_string(hide_password=False)
            incident = build_incident(url, fault=fault, seed=SEED, scale="small")
            [planted] = reveal(url)
            found[name] = Broken(incident, Look(url), planted, rows_of(Look(url)))
        return found[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESWORKBENCH_HOME", str(folder))
        yield build
    for name in found if server else ():
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def rows_of(look: Look) -> list[Row]:
    return [
        Row(position, event_id, stream.removeprefix("BankAccount-"), version, kind, json.loads(payload),
            json.loads(metadata), at if isinstance(at, datetime) else datetime.fromisoformat(at), prev_hash)
        for position, event_id, stream, version, kind, payload, metadata, at, prev_hash in look.rows(
            "SELECT global_position, event_id, stream_id, version, event_type, payload, metadata, recorded_at,"
            " prev_hash FROM events ORDER BY global_position"
        )
    ]  # fmt: skip


@pytest.mark.parametrize("fault", FIGURES)
def test_the_figures_of_the_answer_are_those_of_the_tables(built: Build, fault: str) -> None:
    """The class, the exact events and the amount. Read models and hashes are sound: nobody touched the log or them."""
    broken = built(fault)
    assert broken.planted.fault == fault
    assert broken.look.broken() == ([], broken.planted.positions[1:] if fault == "chain_fork" else [])
    FIGURES[fault](broken)
    assert broken.look.balances_off() == broken.look.history_off() == broken.look.days_off() == {}


@pytest.mark.parametrize(
    "fault",
    [
        fault
        if fault in ("half_transfer", "lost_update", "chain_fork")
        else pytest.param(fault, marks=pytest.mark.sweep)
        for fault in FIGURES
    ],
)
def test_one_seed_gives_the_same_events_and_rows(built: Build, fault: str) -> None:
    """Processes that race and die included: whoever holds them decides who comes first."""
    once, again = built(fault), built(fault, "_again")
    assert again.look.contents() == once.look.contents()
    assert again.planted == once.planted
    paper = "statements/statement.csv"
    assert (again.incident.outside / paper).read_bytes() == (once.incident.outside / paper).read_bytes()
