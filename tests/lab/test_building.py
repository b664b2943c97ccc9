"""Building: deterministic, sealed, and never on top of something."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from second_look import Look
from sqlalchemy import create_engine

from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.event_store.sidecar import OPERATIONS, SEALED
from esworkbench.lab import FAULTS, PlantedFault, build_incident, reveal
from esworkbench.lab.incidents.faults import PlantableFault, Scene
from esworkbench.lab.world.agenda import Agenda
from esworkbench.lab.world.card_network import CLEARING
from esworkbench.lab.world.life import Life, month_start
from esworkbench.lab.world.operations import WHAT, Operations
from esworkbench.lab.world.people import SCALES


@pytest.fixture(autouse=True)
def outside_in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))


def url_in(folder: Path, name: str) -> str:
    return f"sqlite:///{folder / name}"


@pytest.mark.parametrize("fault", ["unresolved_pending", "double_apply", "gap_skipped", "payload_edited"])
def test_one_seed_gives_the_same_events_and_rows(tmp_path: Path, fault: str) -> None:
    one = build_incident(url_in(tmp_path, "one.db"), fault=fault, seed=5, scale="small")
    two = build_incident(url_in(tmp_path, "two.db"), fault=fault, seed=5, scale="small")
    assert Look(one.url).contents() == Look(two.url).contents()
    assert reveal(one.url) == reveal(two.url)
    for name in ("statements/statement.csv", "complaint.json", "operations.csv"):
        assert (one.outside / name).read_bytes() == (two.outside / name).read_bytes()


@pytest.mark.parametrize("fault", ["unresolved_pending", "rounding"])
def test_both_engines_keep_the_same_bank(sqlite_url: str, postgres_url: str, fault: str) -> None:
    build_incident(sqlite_url, fault=fault, seed=5, scale="small")
    build_incident(postgres_url, fault=fault, seed=5, scale="small")
    here, there = Look(sqlite_url).contents(), Look(postgres_url).contents()
    for table in ("events", "account_balances", "pending_withdrawals"):
        assert as_text(here[table]) == as_text(there[table]), table


def as_text(rows: list[tuple[object, ...]]) -> list[list[str]]:
    """Dates and moments are text on SQLite."""
    return [[re.sub(r"(\d)T(\d\d:\d\d:\d\d)\.000000Z", r"\1 \2+00:00", str(value)) for value in row] for row in rows]


def test_another_seed_gives_another_bank(tmp_path: Path) -> None:
    one = build_incident(url_in(tmp_path, "one.db"), fault="none", seed=1, scale="small")
    two = build_incident(url_in(tmp_path, "two.db"), fault="none", seed=2, scale="small")
    assert Look(one.url).contents()["events"] != Look(two.url).contents()["events"]


def test_without_the_partition_the_same_purchase_is_cancelled(tmp_path: Path) -> None:
    """The fault comes from the lost message and from nothing else: up to it, both banks hold the same events."""
    broken = build_incident(url_in(tmp_path, "broken.db"), fault="unresolved_pending", seed=5, scale="small")
    whole = build_incident(url_in(tmp_path, "whole.db"), fault="none", seed=5, scale="small")
    [position] = reveal(broken.url)[0].positions
    ours, theirs = Look(broken.url).contents()["events"], Look(whole.url).contents()["events"]
    assert ours[:position] == theirs[:position]
    request = next(posted for posted in Look(whole.url).postings() if posted.position == position)
    answers = [p for p in Look(whole.url).postings() if p.withdrawal_id == request.withdrawal_id and p != request]
    assert [answer.event_type for answer in answers] == ["WithdrawalCancelled"]


def test_the_answer_is_sealed(sqlite_url: str) -> None:
    incident = build_incident(sqlite_url, fault="manual_edit", seed=4, scale="small")
    for path in incident.outside.rglob("*"):
        if path.is_file():
            assert b"manual_edit" not in path.read_bytes(), path
    assert "manual_edit" not in repr(incident)
    assert [planted.fault for planted in reveal(sqlite_url)] == ["manual_edit"]


def test_a_case_is_that_fault_and_seed_and_tells_neither(tmp_path: Path) -> None:
    case = build_incident(url_in(tmp_path, "case.db"), case="A", scale="small")
    named = build_incident(url_in(tmp_path, "named.db"), fault="unresolved_pending", seed=1, scale="small")
    assert Look(case.url).contents() == Look(named.url).contents()
    assert reveal(case.url) == reveal(named.url)
    assert (case.seed, named.seed) == (None, 1)
    written = [path.read_bytes() for path in case.outside.rglob("*") if path.is_file()]
    assert [each for each in [repr(case).encode(), *written] if b"pending" in each] == []


@pytest.mark.parametrize("beside", [{"fault": "none"}, {"seed": 1}])
def test_a_case_has_its_own_fault_and_seed(sqlite_url: str, beside: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="name either the case or those"):
        build_incident(sqlite_url, case="A", scale="small", **beside)
    with pytest.raises(UnusableInput, match="no case 'Z': choose one of A"):
        build_incident(sqlite_url, case="Z", scale="small")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("fault", "more"), [("none", 0), ("unresolved_pending", 1), ("manual_edit", 0)])
def test_the_operations_log_tells_no_fault(sqlite_url: str, fault: str, more: int) -> None:
    """Whoever has only the log can't tell which fault it was: every bank has lines of every kind, now and then."""
    incident = build_incident(sqlite_url, fault=fault, seed=5, scale="small")
    header, *lines = (incident.outside / OPERATIONS).read_text(encoding="utf-8").splitlines()
    assert header == "begins,ends,what"
    assert lines == sorted(lines)
    kinds = Counter(line.split(",")[2] for line in lines)
    assert kinds.pop("the link from the card network is down") - more in range(2, 6)
    assert kinds.keys() == set(WHAT.values())
    assert min(kinds.values()) >= 2
    words = " ".join(lines)
    assert not re.search(r"ACC-|balance|account|customer|USD|EUR|payment", words)


def test_what_really_was_done_is_written_down_three_times_in_four() -> None:
    """True and incomplete: the line is about the time of the act, and sometimes nobody wrote it."""
    noted = 0
    moment = datetime(2024, 1, 10, 4, 0, 7, tzinfo=UTC)
    for seed in range(200):
        log = Operations(datetime(2023, 3, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC), Random(seed))
        before = len(log.notes)
        log.note("session", moment)
        noted += len(log.notes) - before
        assert all(each.begins <= moment <= each.ends for each in log.notes[before:])
    assert 120 < noted < 180


@pytest.mark.parametrize("seed", range(40))
def test_other_interruptions_than_that_of_the_night_lose_nothing(seed: int) -> None:
    """Their nights aren't that night, and they end before the first clearing and begin after the last refusal."""
    engine = create_engine("sqlite://")
    agenda = Agenda(month_start(SCALES["full"], 0))
    life = Life(EventStore(engine, clock=agenda.clock), agenda, SCALES["full"], seed)
    for each in life.bus.partitions:
        assert each.begins.date() == each.ends.date() != life.partition_night.date()
        assert each.begins.hour >= 1
        assert each.ends.hour < CLEARING[0].hour


def test_the_answer_was_lost_in_one_of_the_interruptions(sqlite_url: str) -> None:
    incident = build_incident(sqlite_url, case="A", scale="small")
    [lost] = [
        posted for posted in Look(incident.url).postings() if posted.position in reveal(incident.url)[0].positions
    ]
    text = (incident.outside / OPERATIONS).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "card network" in line]
    begins = [datetime.fromisoformat(line.split(",")[0]) for line in lines]
    assert [each - lost.recorded_at for each in begins if each.date() == lost.recorded_at.date()] == [
        timedelta(minutes=5)
    ]


def test_evidence_says_nothing_of_the_operations_log_which_proves_no_balance(sqlite_url: str, tmp_path: Path) -> None:
    build_incident(sqlite_url, case="A", scale="small")
    told = capture(sqlite_url, tmp_path / "evidence", progress=False).manifest.assumptions
    assert [each for each in told if "lies outside" in each] == []


def test_a_damaged_or_missing_answer_is_one_clear_sentence(sqlite_url: str, tmp_path: Path) -> None:
    incident = build_incident(sqlite_url, fault="none", seed=4, scale="small")
    sealed = incident.outside / SEALED
    sealed.write_bytes(sealed.read_bytes()[:-9] + b"\n")
    with pytest.raises(UnusableInput, match="is damaged"):
        reveal(sqlite_url)
    with pytest.raises(UnusableInput, match="no sealed answer"):
        reveal(url_in(tmp_path, "other.db"))


def test_a_mystery_is_one_of_the_faults_and_the_seed_settles_which(tmp_path: Path) -> None:
    found = []
    for seed in (1, 2, 1):
        url = url_in(tmp_path, f"{len(found)}.db")
        build_incident(url, seed=seed, scale="small")
        found.append({planted.fault for planted in reveal(url)})
    assert all(len(names) == 1 and names <= set(FAULTS) - {"none"} for names in found)
    assert found[0] == found[2]


def test_nothing_is_built_on_top_of_something(sqlite_url: str, tmp_path: Path) -> None:
    """Promise 9: the target is refused as it is, not a byte of it changed."""
    target = tmp_path / "bank.db"
    target.write_bytes(b"somebody's file")
    with pytest.raises(UnusableInput, match="exists already"):
        build_incident(sqlite_url, fault="none", scale="small")
    assert target.read_bytes() == b"somebody's file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bank.db"]
    outside = tmp_path / "other.db.outside"
    outside.mkdir()
    (outside / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UnusableInput, match="isn't empty"):
        build_incident(url_in(tmp_path, "other.db"), fault="none", scale="small")


def test_a_database_with_tables_is_refused(postgres_url: str) -> None:
    EventStore.open(postgres_url).engine.dispose()
    with pytest.raises(UnusableInput, match=r"holds \d+ tables already"):
        build_incident(postgres_url, fault="none", seed=1, scale="small")


@pytest.mark.parametrize(("fault", "scale"), [("no_such", "small"), ("none", "huge")])
def test_unknown_names_are_refused_before_anything_is_made(tmp_path: Path, fault: str, scale: str) -> None:
    with pytest.raises(UnusableInput, match="choose one of"):
        build_incident(url_in(tmp_path, "bank.db"), fault=fault, scale=scale)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_leaves_nothing(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stumbles(PlantableFault):
        def last_run(self, scene: Scene) -> None:
            raise KeyError("stumbled")

    monkeypatch.setitem(FAULTS, "stumbles", Stumbles)
    with pytest.raises(KeyError, match="stumbled"):
        build_incident(store_url, fault="stumbles", seed=1, scale="small")
    assert not list(tmp_path.rglob("*.outside"))
    assert not (tmp_path / "bank.db").exists()
    build_incident(store_url, fault="none", seed=1, scale="small")


def test_what_somebody_else_put_there_meanwhile_stays(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(PlantableFault):
        def last_run(self, scene: Scene) -> None:
            with psycopg.connect(postgres_url) as connection:
                connection.execute("CREATE TABLE precious (v text)")
            raise KeyboardInterrupt

    monkeypatch.setitem(FAULTS, "interrupted", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_incident(postgres_url, fault="interrupted", seed=1, scale="small")
    with psycopg.connect(postgres_url) as connection:
        left = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert left == [("precious",)]


def test_of_two_who_build_at_once_in_one_place_one_is_refused(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Meanwhile(PlantableFault):
        def before(self, scene: Scene) -> None:
            with pytest.raises(UnusableInput, match=r"exists already|somebody is building"):
                build_incident(store_url, fault="none", seed=2, scale="small")

        def after(self, scene: Scene) -> list[PlantedFault]:
            return []

    monkeypatch.setitem(FAULTS, "meanwhile", Meanwhile)
    built = build_incident(store_url, fault="meanwhile", seed=1, scale="small")
    assert built.events > 0
    assert reveal(store_url) == []
