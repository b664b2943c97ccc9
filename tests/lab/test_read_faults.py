"""Faults of readers, snapshots and tampered logs: the lab's answer is what plain SQL finds in the tables it left."""

import csv
import hashlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
import pytest
from second_look import Look, Posted, Sums, statement, sums
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from esworkbench.errors import UnusableInput
from esworkbench.lab import Incident, PlantedFault, build_incident, reveal

BUSY = ("ACC-1001", "USD")
STREAM = "BankAccount-"


class Found(NamedTuple):
    """What was built, what the lab says of it, and a look of one's own at it."""

    incident: Incident
    planted: list[PlantedFault]
    look: Look

    @property
    def amounts(self) -> Sums:
        return {(each.account, each.currency): each.amount for each in self.planted if each.account and each.currency}

    @property
    def positions(self) -> list[int]:
        return sorted({position for each in self.planted for position in each.positions})

    @property
    def event_ids(self) -> list[str]:
        return sorted({event_id for each in self.planted for event_id in each.event_ids})

    def events(self) -> dict[str, Posted]:
        return {posted.event_id: posted for posted in self.look.postings()}

    def told_positions_are_those_of_the_events(self) -> None:
        rows = dict(self.look.rows("SELECT event_id, global_position FROM events"))
        for each in self.planted:
            assert [rows[event_id] for event_id in each.event_ids] == each.positions

    def nothing_else_is_off(self, *, but: str) -> None:
        """Of balances, history, days and statement only those named in ``but`` part from the events."""
        look = self.look
        off = {"balances": look.balances_off(), "history": look.history_off(), "days": look.days_off(),
               "statement": look.statement_off(self.incident.outside)}  # fmt: skip
        assert {name: each for name, each in off.items() if each and name not in but.split()} == {}


def framed(value: object) -> bytes:
    field = value if isinstance(value, bytes) else str(value).encode()
    return len(field).to_bytes(8, "big") + field


def microseconds(moment: Any) -> int:
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def in_order(broken: tuple[list[int], list[int]]) -> tuple[list[int], list[int]]:
    contents, links = broken
    return sorted(contents), sorted(links)


def intact(found: Found) -> None:
    assert in_order(found.look.broken()) == ([], [])


def twin_dropped(found: Found) -> None:
    [planted] = found.planted
    rows = found.look.rows("SELECT event_id, stream_id, payload FROM events ORDER BY global_position")
    [(stream, payload)] = [row[1:] for row in rows if row[0] == planted.event_ids[0]]
    same = [row[0] for row in rows if row[1:] == (stream, payload)]
    assert len(same) == 2
    assert same[1] == planted.event_ids[0]
    reference = json.loads(payload)["reference"]
    booked = [line for line in (found.incident.outside / "statements" / "statement.csv").read_text("utf-8").splitlines()
              if reference in line]  # fmt: skip
    assert len(booked) == 2
    assert found.look.balances_off() == found.amounts == {BUSY: -found.events()[same[1]].amount}
    intact(found)
    found.nothing_else_is_off(but="balances")


def poison_skipped(found: Found) -> None:
    letters = found.look.rows("SELECT position, event_id, event_type, schema_version, projection FROM dead_letters")
    assert {letter[4] for letter in letters} == {"account_balances"}
    assert len({letter[2:4] for letter in letters}) == 1
    assert sorted(letter[0] for letter in letters) == found.positions
    assert sorted(letter[1] for letter in letters) == found.event_ids
    assert found.look.balances_off() == found.amounts
    assert BUSY in found.amounts
    intact(found)
    found.nothing_else_is_off(but="balances")


def wrong_upcaster(found: Found) -> None:
    deposits = found.look.rows(
        "SELECT stream_id, event_id, payload FROM events WHERE event_type = 'MoneyDeposited' AND schema_version = 1"
    )
    assert sorted(row[1] for row in deposits) == found.event_ids

    def off(believed: Callable[[Decimal], Decimal]) -> Sums:
        total: Counter[tuple[str, str]] = Counter()
        for stream, _, payload in deposits:
            amount = Decimal(json.loads(payload, parse_float=Decimal)["amount"])
            total[stream.removeprefix(STREAM), "USD"] += cents(believed(amount)) - cents(amount)
        return dict(total)

    beliefs = [off(lambda a: a / 100), off(lambda a: a * 10), off(lambda a: a - Decimal("1.5"))]
    assert found.look.balances_off() == found.amounts
    assert found.amounts in beliefs
    intact(found)
    found.nothing_else_is_off(but="balances")


def cents(amount: Decimal) -> int:
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def batch_end_stamping(found: Found) -> None:
    """At each row: what it claims less the event sum there. Told are the rows at which that changes."""
    running = sums([])
    delta = sums([])
    changes: dict[tuple[str, str], list[tuple[int, int]]] = {}
    rows = {row[0]: row[1] for row in found.look.rows("SELECT position, balance_after_minor FROM transaction_history")}
    for posted in found.look.postings():
        key = posted.account, posted.currency
        running[key] = running.get(key, 0) + posted.amount
        off = rows[posted.position] - running[key]
        if off != delta.get(key, 0):
            changes.setdefault(key, []).append((posted.position, off - delta.get(key, 0)))
        delta[key] = off
    assert {(each.account, each.currency): each.positions for each in found.planted} == {
        key: [position for position, _ in steps] for key, steps in changes.items()
    }
    assert found.amounts == {key: steps[0][1] for key, steps in changes.items()}
    assert BUSY in changes
    assert set(delta.values()) == {0}
    intact(found)
    found.nothing_else_is_off(but="")


def clamped_balance(found: Found) -> None:
    assert found.look.balances_off() == found.amounts
    [(shown,)] = found.look.rows(
        "SELECT balance_minor FROM account_balances WHERE account_id = 'ACC-1001' AND currency = 'USD'"
    )
    assert shown == 0
    assert sums(found.look.postings())[BUSY] == -found.amounts[BUSY] < 0
    assert all(found.events()[event_id].amount < 0 for event_id in found.event_ids)
    intact(found)
    found.nothing_else_is_off(but="balances")


def mixed_currency(found: Found) -> None:
    held = sums(found.look.postings())
    euros, dollars = held["ACC-1001", "EUR"], held[BUSY]
    assert found.look.rows("SELECT currency, balance_minor FROM account_balances WHERE account_id = 'ACC-1001'") == [
        ("USD", dollars + euros)
    ]
    assert found.look.balances_off() == found.amounts == {BUSY: euros, ("ACC-1001", "EUR"): -euros}
    foreign = [each.event_id for each in found.look.postings() if (each.account, each.currency) == ("ACC-1001", "EUR")]
    assert found.event_ids == sorted(foreign)
    assert len(statement(found.incident.outside)["ACC-1001", "EUR"]) == len(foreign)
    intact(found)
    found.nothing_else_is_off(but="balances")


def day_boundary(found: Found) -> None:
    rows = found.look.rows("SELECT account_id, currency, day, credits_minor, debits_minor FROM daily_summaries")
    claimed = {(row[0], row[1], str(row[2])): (row[3], row[4]) for row in rows}

    def by_day(zone: ZoneInfo) -> dict[tuple[str, str, str], tuple[int, int]]:
        days: dict[tuple[str, str, str], tuple[int, int]] = {}
        for each in found.look.postings():
            key = each.account, each.currency, str(each.recorded_at.astimezone(zone).date())
            credits, debits = days.get(key, (0, 0))
            days[key] = credits + max(each.amount, 0), debits + max(-each.amount, 0)
        return days

    utc = ZoneInfo("UTC")
    zones = [ZoneInfo(name) for name in ("America/New_York", "Asia/Tokyo", "Europe/Zurich", "Asia/Kolkata")]
    assert claimed != by_day(utc)
    [zone] = [zone for zone in zones if claimed == by_day(zone)]
    moved = [each.position for each in found.look.postings() if each.amount
             and each.recorded_at.astimezone(zone).date() != each.recorded_at.astimezone(utc).date()]  # fmt: skip
    assert found.positions == moved
    assert [(each.account, each.amount) for each in found.planted] == [(None, 0)]
    assert found.look.rows("SELECT settings FROM read_models WHERE projection = 'daily_summaries'") == [
        ("time_zone=UTC",)
    ]
    intact(found)
    found.nothing_else_is_off(but="")


def restored_read_model(found: Found) -> None:
    assert found.look.balances_off() == found.amounts
    told = {each.account: each.positions for each in found.planted}
    for account, positions in told.items():
        moving = [each.position for each in found.look.postings() if each.account == account and each.amount]
        assert positions == [each for each in moving if positions[0] <= each <= positions[-1]]
    covered = covered_by_runs(found.look)
    assert covered == list(range(1, found.look.checkpoint("account_balances") + 1))
    intact(found)
    found.nothing_else_is_off(but="balances")


def covered_by_runs(look: Look) -> list[int]:
    return [
        position
        for first, last in look.rows(
            "SELECT from_position, to_position FROM checkpoint_log WHERE projection = 'account_balances' ORDER BY id"
        )
        for position in range(first, last + 1)
    ]


def checkpoint_moved(found: Found) -> None:
    """Set back, the rows are those of the last run; set ahead, no run covers what they lack."""
    checkpoint, covered = found.look.checkpoint("account_balances"), covered_by_runs(found.look)
    assert found.look.balances_off() == found.amounts
    if checkpoint < covered[-1]:
        assert min(found.positions) > checkpoint
    else:
        assert set(found.positions).isdisjoint(covered)
        assert set(range(1, checkpoint + 1)) - set(covered) >= set(found.positions)
    intact(found)
    found.nothing_else_is_off(but="balances")


def row_lost(found: Found) -> None:
    rows = {row[0]: row[1] for row in found.look.rows("SELECT event_id, balance_after_minor FROM transaction_history")}
    [lost] = [each for each in found.look.postings() if each.event_id not in rows]
    assert (found.event_ids, found.amounts) == ([lost.event_id], {(lost.account, lost.currency): -lost.amount})
    running = 0
    for each in found.look.postings():
        if (each.account, each.currency) == (lost.account, lost.currency):
            running += each.amount
            assert rows.get(each.event_id, running) == running
    intact(found)
    found.nothing_else_is_off(but="")


def index_differs(found: Found) -> None:
    """The same question, asked through the index and past it."""
    by_key = "SELECT count(*) FROM account_balances WHERE account_id = 'ACC-1001' AND currency = 'USD'"
    past_it = "SELECT count(balance_minor) FROM account_balances WHERE account_id || '' = 'ACC-1001'"
    if found.incident.url.startswith("sqlite"):
        assert found.look.rows(by_key) == [(0,)]
        assert "missing from index" in found.look.rows("PRAGMA integrity_check")[0][0]
    else:
        engine = create_engine(make_url(found.incident.url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            for scan in ("enable_seqscan", "enable_bitmapscan"):
                connection.execute(text(f"SET {scan} = off"))
            assert "Index" in str(connection.execute(text(f"EXPLAIN {by_key}")).all())
            assert connection.scalar(text(by_key)) == 0
            ready = "SELECT bool_and(indisready AND indisvalid AND indislive) FROM pg_index"
            assert connection.scalar(text(ready))
        engine.dispose()
    assert found.look.rows(past_it) == [(1,)]
    assert [(each.account, each.amount) for each in found.planted] == [("ACC-1001", 0)]
    intact(found)
    found.nothing_else_is_off(but="")


def snapshots_off(look: Look) -> dict[tuple[str, int, int], tuple[int, int, int | None]]:
    """Account, version and shape of each snapshot: its position, its balance − event sum, its base."""
    found = {}
    postings = look.postings()
    for stream, version, shape, state, position, based_on in look.rows(
        "SELECT s.stream_id, s.version, s.state_version, s.state, e.global_position, s.based_on_version"
        " FROM snapshots AS s JOIN events AS e ON e.stream_id = s.stream_id AND e.version = s.version"
    ):
        account = stream.removeprefix(STREAM)
        until = sum(each.amount for each in postings if each.account == account and each.position <= position)
        found[account, version, shape] = position, json.loads(state)["balance_minor"] - until, based_on
    return found


def bad_snapshot(found: Found) -> None:
    off = {key: (position, amount) for key, (position, amount, _) in snapshots_off(found.look).items() if amount}
    assert {account for account, _, _ in off} == {"ACC-1001"}
    assert {amount for _, amount in off.values()} == set(found.amounts.values())
    assert sorted(position for position, _ in off.values()) == found.positions
    intact(found)
    found.nothing_else_is_off(but="")


def stale_snapshot_shape(found: Found) -> None:
    all_of_them = snapshots_off(found.look)
    off = {key: each for key, each in all_of_them.items() if each[1]}
    assert {account: amount for (account, _, _), (_, amount, _) in off.items()} == {
        account: amount for (account, _), amount in found.amounts.items()
    }
    assert {account: position for (account, _, _), (position, _, _) in off.items()} == {
        each.account: each.positions[0] for each in found.planted
    }
    for (account, _, shape), (_, _, based_on) in off.items():
        assert based_on is not None
        assert all_of_them[account, based_on, shape - 1][1] == 0
    intact(found)
    found.nothing_else_is_off(but="")


def rehashed_history(found: Found) -> None:
    [planted] = found.planted
    intact(found)
    assert found.look.statement_off(found.incident.outside) == found.amounts
    for each in anchors_in(found.incident.outside / "anchors"):
        require_signature(each, found.incident.outside)
        still = root_of_log(found.look, each["position"]) == each["root"]
        assert still == (each["position"] < planted.positions[0])
    kept = (found.look.balances_off(), found.look.history_off(), found.look.days_off())
    assert kept in (({}, {}, {}), (found.amounts,) * 3)
    assert booked_amount(found, planted.event_ids[0]) - found.events()[planted.event_ids[0]].amount == planted.amount
    found.nothing_else_is_off(but="balances history days statement")


def booked_amount(found: Found, event_id: str) -> int:
    """What the statement books under the event's reference."""
    [(payload,)] = found.look.rows(f"SELECT payload FROM events WHERE event_id = '{event_id}'")
    reference = json.loads(payload)["reference"]
    lines = (found.incident.outside / "statements" / "statement.csv").read_text("utf-8").splitlines()
    [amount] = [int(line.split(",")[4]) for line in lines if line.split(",")[3] == reference]
    return amount


def reordered(found: Found) -> None:
    """Both contents are what was hashed at the other's place in the stream."""
    contents, _links = in_order(found.look.broken())
    assert found.positions == contents
    [planted] = found.planted
    places = {row[0]: row[1:] for row in found.look.rows(
        "SELECT event_id, version, global_position, recorded_at FROM events"
    )}  # fmt: skip
    first, second = (places[event_id] for event_id in planted.event_ids)
    assert first[0] == second[0] + 1
    assert (first[1] < second[1]) or (microseconds(first[2]) < microseconds(second[2]))
    assert found.amounts == {BUSY: 0}
    found.nothing_else_is_off(but="")


def event_misfiled(found: Found) -> None:
    contents, links = in_order(found.look.broken())
    assert contents == found.positions
    assert set(links) > set(found.positions) or len(links) == 2
    [here] = {each.account for each in found.planted if each.amount == -found.events()[each.event_ids[0]].amount}
    assert found.events()[found.event_ids[0]].account == here
    assert found.look.balances_off() == found.look.history_off() == found.amounts
    assert found.look.statement_off(found.incident.outside) == found.amounts
    assert sum(found.amounts.values()) == 0


def backdated_insert(found: Found) -> None:
    [event_id] = found.event_ids
    rows = found.look.rows("SELECT event_id, recorded_at FROM events ORDER BY global_position")
    moments = [microseconds(row[1]) for row in rows]
    back = [rows[index][0] for index in range(1, len(rows)) if moments[index] < max(moments[:index])]
    assert back == [event_id]
    assert found.look.statement_off(found.incident.outside) == found.amounts == {BUSY: -found.events()[event_id].amount}
    [(payload,)] = found.look.rows(f"SELECT payload FROM events WHERE event_id = '{event_id}'")
    reference = json.loads(payload)["reference"]
    assert f",{reference}," not in (found.incident.outside / "statements" / "statement.csv").read_text("utf-8")
    intact(found)
    found.nothing_else_is_off(but="statement")


def serialization_drift(found: Found) -> None:
    contents, links = in_order(found.look.broken())
    assert contents == found.positions == list(range(found.positions[0], found.incident.events + 1))
    assert links == []
    assert [(each.account, each.amount) for each in found.planted] == [(None, 0)]
    found.nothing_else_is_off(but="")


def root_over(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_over(leaves[:left]) + root_over(leaves[left:])).digest()


def root_of_log(look: Look, position: int) -> str:
    leaves = [
        hashlib.sha256(b"\x00esworkbench:leaf:v1\n" + b"".join(map(framed, leaf))).digest()
        for leaf in look.rows(
            "SELECT stream_id, version, global_position, hash FROM events"
            f" WHERE global_position <= {position} ORDER BY global_position"
        )
    ]
    return root_over(leaves).hex()


def anchors_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8"))["anchor"] for path in sorted(folder.glob("*.json"))]


def require_signature(anchor: dict[str, Any], outside: Path) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    [pem] = (outside / "keys").iterdir()
    names = ("log_id", "position", "count", "root", "anchored_at", "previous", "key_id")
    signed = b"esworkbench:anchor:v1\n" + b"".join(framed(anchor[name]) for name in names)
    load_pem_public_key(pem.read_bytes()).verify(bytes.fromhex(anchor["signature"]), signed)  # type: ignore[union-attr,call-arg]


def split_view(found: Found) -> None:
    """All that the store and its folder hold agrees; the auditor's anchor, as validly signed, is of another log."""
    outside = found.incident.outside
    [planted] = found.planted
    own = anchors_in(outside / "anchors")
    assert len(own) == 6
    for each in own:
        require_signature(each, outside)
        assert root_of_log(found.look, each["position"]) == each["root"]
    copies = found.look.rows("SELECT position, root FROM anchors ORDER BY position")
    assert copies == [(each["position"], each["root"]) for each in own]
    [elsewhere] = anchors_in(outside / "auditor")
    require_signature(elsewhere, outside)
    [here] = [each for each in own if each["position"] == elsewhere["position"]]
    assert here["anchored_at"] == elsewhere["anchored_at"]
    assert here["root"] != elsewhere["root"]
    assert planted.positions[0] <= elsewhere["position"]
    assert {amount for _, amount, _ in snapshots_off(found.look).values()} == {0}
    intact(found)
    assert found.look.statement_off(outside) == found.amounts
    assert booked_amount(found, planted.event_ids[0]) - found.events()[planted.event_ids[0]].amount == planted.amount
    found.nothing_else_is_off(but="statement")


def shredded_payload(found: Found) -> None:
    """Every name is sealed; one is of a key that is known to be destroyed, and that lies nowhere any more."""
    outside = found.incident.outside
    opened = {
        event_id: json.loads(payload)["owner"].split(":")[2]
        for event_id, payload in found.look.rows("SELECT event_id, payload FROM events") if '"owner"' in payload
    }  # fmt: skip
    records = list(csv.DictReader((outside / "personal_keys.csv").read_text("utf-8").splitlines()))
    [gone] = [record for record in records if record["destroyed_at"]]
    [planted] = found.planted
    assert {record["key_id"] for record in records} == set(opened.values())
    assert [event_id for event_id, key_id in opened.items() if key_id == gone["key_id"]] == planted.event_ids
    assert (planted.account, planted.amount) == (None, 0)
    streams = dict(found.look.rows("SELECT event_id, stream_id FROM events"))
    assert [streams[event_id] for event_id in planted.event_ids] == [STREAM + gone["subject"]]
    with closing(sqlite3.connect(outside / "personal_keys.db")) as keys:
        [(kept,)] = keys.execute("SELECT count(*) FROM personal_key_bytes").fetchall()
        [(still,)] = keys.execute("SELECT count(*) FROM personal_key_bytes WHERE key_id = ?", [gone["key_id"]])
    assert (kept, still) == (len(records) - 1, 0)
    intact(found)
    found.nothing_else_is_off(but="")


CHECKS: dict[str, Callable[[Found], None]] = {
    check.__name__: check
    for check in (
        twin_dropped, poison_skipped, wrong_upcaster, batch_end_stamping, clamped_balance, mixed_currency, day_boundary,
        restored_read_model, checkpoint_moved, row_lost, index_differs, bad_snapshot, stale_snapshot_shape,
        rehashed_history, reordered, event_misfiled, backdated_insert, serialization_drift, split_view,
        shredded_payload,
    )
}  # fmt: skip
OF_WHOLE_STORE = ("index_differs", "bad_snapshot", "stale_snapshot_shape")
"""Those that are about no event, or about where snapshots stand."""

SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(2, 21))]


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))


def look_at(url: str, fault: str, seed: int) -> Found:
    incident = build_incident(url, fault=fault, seed=seed, scale="small")
    return Found(incident, reveal(url), Look(url))


def check(found: Found, fault: str) -> None:
    assert {each.fault for each in found.planted} == {fault}
    assert fault in OF_WHOLE_STORE or found.event_ids
    found.told_positions_are_those_of_the_events() if fault not in OF_WHOLE_STORE else None
    CHECKS[fault](found)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", CHECKS)
def test_what_the_lab_tells_is_what_stands_in_the_tables(tmp_path: Path, fault: str, seed: int) -> None:
    """Exact events, positions and amounts, on every account and in every claim; and nothing beside them."""
    check(look_at(f"sqlite:///{tmp_path / 'bank.db'}", fault, seed), fault)


@pytest.mark.sweep
@pytest.mark.parametrize("fault", CHECKS)
def test_the_same_on_postgresql(postgres_url: str, fault: str) -> None:
    check(look_at(postgres_url, fault, 1), fault)


ALIKE = [
    "restored_read_model",
    *(pytest.param(fault, marks=pytest.mark.sweep) for fault in CHECKS if fault != "restored_read_model"),
]


@pytest.mark.parametrize("fault", ALIKE)
def test_one_seed_gives_the_same_rows(tmp_path: Path, fault: str) -> None:
    first, again = (look_at(f"sqlite:///{tmp_path / name}.db", fault, 4) for name in ("first", "again"))
    assert first.planted == again.planted
    assert first.look.contents() == again.look.contents()


def test_an_index_is_damaged_by_a_superuser_alone(postgres_server: str) -> None:
    """Anybody else is refused in a sentence, and nothing is left behind."""
    role, name = f"builder_{os.getpid()}", f"index_{os.getpid()}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'builds'")
        connection.execute(f"CREATE DATABASE {name} OWNER {role} ENCODING 'UTF8' TEMPLATE template0")
        try:
            url = make_url(postgres_server).set(username=role, password="builds", database=name)
            plain = url.render_as_string(hide_password=False)
            with pytest.raises(UnusableInput, match="superuser"):
                build_incident(plain, fault="index_differs", scale="small")
            with closing(psycopg.connect(plain)) as left:
                assert left.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"DROP ROLE {role}")
