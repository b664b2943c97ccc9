"""A drill is judged by what was found and by the state of the bank, and by nothing else."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from esworkbench.composition import capture, repair
from esworkbench.course.drills import verdict
from esworkbench.course.drills.begin import SCALE, begin
from esworkbench.course.drills.debrief import debrief, first_question, shortest_path
from esworkbench.course.drills.everything import with_all_evidence
from esworkbench.course.drills.hints import hints_on, take_hint
from esworkbench.course.drills.levels import ANY, LEVELS, drawn_fault
from esworkbench.course.drills.record import BANK, RECORD, Drill, DrillEntry, bank_in, noting_the_reveal, read_drill
from esworkbench.course.drills.sheet import sheet_row, state_of
from esworkbench.course.drills.verdict import (
    AGAIN_COSTS,
    HINT_COSTS,
    RUBRIC,
    Claimed,
    found_out,
    judge,
    told_by_evidence,
)
from esworkbench.domains.bank import Bank, Deposit
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.investigation.case import Case
from esworkbench.forensics.investigation.questions import ask
from esworkbench.lab import build_incident, reveal
from tests.support import START, StepClock

FULL = {part: points for part, (points, _) in RUBRIC.items()}
OFTEN = ("unresolved_pending", "double_apply", "gap_skipped", "payload_edited", "handler_bug", "lag")
EACH = [name if name in OFTEN else pytest.param(name, marks=pytest.mark.sweep) for name in ANY]
OTHER = "ACC-1004"
"""An account that none of the faults used below hits."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drills")


@pytest.fixture
def started(home: Path, tmp_path: Path) -> Callable[[str], tuple[Path, Drill]]:
    """A copy of one's own of a drill on this fault, each built once."""

    def start(fault: str) -> tuple[Path, Drill]:
        if not (home / fault).exists():
            level = 2 if fault in LEVELS[2].faults else 3
            seed = next(seed for seed in count(1) if drawn_fault(level, seed) == fault)
            begin(home / fault, level=level, seed=seed, minutes=None, clock=StepClock())
        shutil.copytree(home / fault, tmp_path / fault)
        return tmp_path / fault, read_drill(tmp_path / fault)

    return start


def truth(folder: Path) -> Claimed:
    """A verdict that is right in every part, of the first account that was hit."""
    planted = reveal(bank_in(folder))[0]
    return Claimed(planted.fault, planted.account, planted.event_ids, planted.amount, planted.currency)


def frozen(folder: Path) -> Evidence:
    return capture(bank_in(folder), folder / "evidence", progress=False)


def repaired(folder: Path) -> None:
    """What the bench's own repair does, in the bank itself."""
    evidence = frozen(folder)
    store = EventStore.open(bank_in(folder), create=False)
    repair(evidence, store, operator="ada", apply=True, digest=evidence.digest)
    store.engine.dispose()


def by_hand(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / BANK)) as connection, connection:
        assert connection.execute(statement).rowcount == 1


Started = Callable[[str], tuple[Path, Drill]]


@pytest.mark.parametrize("fault", EACH)
def test_the_right_verdict_with_the_right_repair_earns_every_point(fault: str, started: Started) -> None:
    folder, drill = started(fault)
    repaired(folder)
    judged = judge(folder, drill, truth(folder), clock=StepClock())
    assert (judged.points, judged.words, judged.total) == (FULL, [], 100)
    assert read_drill(folder).verdict == judged


@pytest.mark.parametrize("fault", EACH)
def test_a_look_alike_that_the_evidence_rules_out_loses_the_cause(
    fault: str, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the evidence itself says is right: the finding's events and amount, and each name that it leaves open."""
    folder, drill = started(fault)
    share = reveal(bank_in(folder))[0]
    told = told_by_evidence(drill.seed, share)
    assert told, "a drill whose answer can't be found"
    monkeypatch.setattr(verdict, "told_by_evidence", lambda *_: told)  # one bank is built again, and not for each name
    open_names = {each.fault for each in told}
    assert fault in open_names
    claimed = truth(folder)
    hit = {share.account} if share.account is not None else set()
    for name in (*FAULTS[fault].look_alikes, "unexplained", "lost_update" if fault != "lost_update" else "lag"):
        found = found_out([share], claimed._replace(fault=name), hit, account=drill.account, seed=drill.seed)
        assert found == {"cause": name in open_names, "account": True, "events": True, "amount": True}, name
    for each in told:
        said = Claimed(each.fault, share.account, each.events, each.amount, each.currency)
        found = found_out([share], said, hit, account=drill.account, seed=drill.seed)
        assert all(found.values()), each


@pytest.mark.parametrize("at_hand", [True, False])
def test_unexplained_is_right_where_the_evidence_names_no_cause(
    at_hand: bool, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a log rewritten with its anchors, the anchor that somebody else has tells all, and nothing else does."""
    folder, drill = started("split_view")
    if not at_hand:
        monkeypatch.setattr(verdict, "with_all_evidence", lambda url, into: capture(url, into, progress=False))
    honest = truth(folder)._replace(fault="unexplained", events=[])
    planted = reveal(bank_in(folder))
    hit = {each.account for each in planted if each.account is not None}
    found = found_out(planted, honest, hit, account=drill.account, seed=drill.seed)
    assert found == {"cause": not at_hand, "account": True, "events": True, "amount": True}


@pytest.mark.parametrize("fault", ["unresolved_pending", "rounding"])
def test_without_a_repair_its_points_are_lost_and_no_others(fault: str, started: Started) -> None:
    folder, drill = started(fault)
    judged = judge(folder, drill, truth(folder), clock=StepClock())
    assert judged.points == FULL | {"repair": 0}


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("cause", {"fault": "lost_update"}),
        ("account", {"account": OTHER}),
        ("events", {"events": []}),
        ("amount", {"amount": 1}),
        ("amount", {"currency": "EUR"}),
    ],
)
def test_a_wrong_part_loses_its_own_points(part: str, wrong: dict[str, Any], started: Started) -> None:
    folder, drill = started("event_deleted")
    judged = judge(folder, drill, truth(folder)._replace(**wrong), clock=StepClock())
    assert judged.points == FULL | {part: 0}


def test_any_account_that_was_hit_is_right_with_its_own_events_and_amount(started: Started) -> None:
    folder, drill = started("double_apply")
    for number, planted in enumerate(reveal(bank_in(folder))):
        claimed = Claimed(planted.fault, planted.account, planted.event_ids, planted.amount, planted.currency)
        judged = judge(folder, drill, claimed, clock=StepClock())
        assert judged.points == FULL | {"repair": 0}
        assert judged.cost == number * AGAIN_COSTS


def test_a_name_that_the_evidence_does_not_tell_apart_is_right(started: Started) -> None:
    """Without the guilty code, a wrong upcaster would look the same; a look-alike that was ruled out would not."""
    folder, drill = started("handler_bug")
    for name, points in (("wrong_upcaster", FULL["cause"]), ("rounding", 0)):
        assert judge(folder, drill, truth(folder)._replace(fault=name), clock=StepClock()).points["cause"] == points


def test_a_changed_row_of_a_healthy_account_is_seen(started: Started) -> None:
    folder, drill = started("gap_skipped")
    repaired(folder)
    by_hand(folder, f"UPDATE account_balances SET balance_minor = balance_minor + 1 WHERE account_id = '{OTHER}'")
    judged = judge(folder, drill, truth(folder), clock=StepClock())
    assert judged.points == FULL | {"collateral": 0}
    assert judged.words == [f"what account_balances holds of {OTHER} isn't as it was: 1 rows then, 1 now"]


def test_an_event_appended_to_another_account_is_named(started: Started) -> None:
    folder, drill = started("gap_skipped")
    store = EventStore.open(bank_in(folder), create=False)
    Bank(store).handle(Deposit(account_id=OTHER, amount_minor=1, currency="USD", reference="by mistake"))
    store.engine.dispose()
    judged = judge(folder, drill, truth(folder), clock=StepClock())
    assert judged.points["collateral"] == 0
    assert judged.words == [f"1 events were appended to {OTHER}"]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM account_balances WHERE account_id = 'ACC-1001'", "DROP TABLE account_balances"]
)
def test_a_claim_that_was_removed_is_no_claim_that_agrees(statement: str, started: Started) -> None:
    folder, drill = started("manual_edit")
    with closing(sqlite3.connect(folder / BANK)) as connection, connection:
        connection.execute(statement)
    assert judge(folder, drill, truth(folder), clock=StepClock()).points["repair"] == 0


def test_to_replay_a_damaged_log_is_no_repair(started: Started) -> None:
    """It takes the last trace of the lost money away."""
    folder, drill = started("event_deleted")
    by_hand(
        folder,
        f"UPDATE account_balances SET balance_minor = balance_minor - {truth(folder).amount} "
        f"WHERE account_id = '{drill.account}'",
    )
    assert judge(folder, drill, truth(folder), clock=StepClock()).points == FULL | {"repair": 0}


def test_who_brings_the_changed_event_back_has_repaired_the_log(started: Started, tmp_path: Path) -> None:
    """By whatever means: here out of the same bank before the fault, past the guards."""
    folder, drill = started("payload_edited")
    build_incident(f"sqlite:///{tmp_path / 'before.db'}", fault="none", seed=drill.seed, scale=SCALE)
    with closing(sqlite3.connect(tmp_path / "before.db")) as before:
        [event_id] = truth(folder).events
        [payload] = before.execute("SELECT payload FROM events WHERE event_id = ?", [event_id]).fetchone()
    with closing(sqlite3.connect(folder / BANK)) as connection, connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE events SET payload = ? WHERE event_id = ?", [payload, event_id])
        for _, definition in guards:
            connection.execute(definition)
    assert judge(folder, drill, truth(folder), clock=StepClock()).points == FULL


def test_hints_cost_and_name_the_culprit_last(started: Started) -> None:
    folder, drill = started("gap_skipped")
    hints = [take_hint(folder, drill, clock=StepClock()).words[0] for _ in range(3)]
    assert hints == hints_on("gap_skipped")
    assert "gap_skipped" not in hints[0]
    assert all(name in hints[1] for name in ("gap_skipped", *FAULTS["gap_skipped"].look_alikes))
    assert hints[2].startswith("it is gap_skipped")
    with pytest.raises(UnusableInput, match="no more than 3 hints"):
        take_hint(folder, drill, clock=StepClock())
    judged = judge(folder, read_drill(folder), truth(folder), clock=StepClock())
    assert judged.total == 100 - FULL["repair"] - 3 * HINT_COSTS


def test_who_is_late_is_told_and_not_refused(started: Started) -> None:
    folder, drill = started("event_deleted")
    clock = StepClock(START + timedelta(minutes=drill.minutes + 7, seconds=1))
    judged = judge(folder, drill, truth(folder), clock=clock)
    assert (judged.words, judged.total) == (["late: the time was up 7 minutes ago"], 100)


@pytest.mark.parametrize("wrong", [{"fault": "double_aply"}, {"account": "ACC-9"}])
def test_a_slip_of_the_pen_is_refused_and_costs_nothing(wrong: dict[str, Any], started: Started) -> None:
    folder, drill = started("event_deleted")
    with pytest.raises(UnusableInput, match="there is no"):
        judge(folder, drill, truth(folder)._replace(**wrong), clock=StepClock())
    assert read_drill(folder).happened == []


def test_after_the_debrief_no_verdict_counts(started: Started) -> None:
    folder, drill = started("event_deleted")
    for _ in range(2):
        debrief(folder, drill, clock=StepClock())
    assert [each.what for each in read_drill(folder).happened] == ["debrief"]
    with pytest.raises(UnusableInput, match="no verdict counts"):
        judge(folder, read_drill(folder), truth(folder), clock=StepClock())
    with pytest.raises(UnusableInput, match="nothing left to hint"):
        take_hint(folder, read_drill(folder), clock=StepClock())


def test_whoever_opens_the_seal_ends_the_drill(started: Started, tmp_path: Path) -> None:
    folder, _ = started("event_deleted")
    with noting_the_reveal(bank_in(folder), StepClock()):
        pass
    assert read_drill(folder).told
    with noting_the_reveal(f"sqlite:///{tmp_path / BANK}", StepClock()):
        pass  # an incident that is no drill's
    assert not (tmp_path / RECORD).exists()


@pytest.mark.parametrize("fault", EACH)
def test_the_first_question_of_the_shortest_path_shows_the_fault(fault: str, started: Started) -> None:
    """A break in the log; a claim that differs; the very event; the finding."""
    folder, drill = started(fault)
    evidence = with_all_evidence(bank_in(folder), folder / "evidence")
    [planted, *_] = reveal(bank_in(folder))
    question = first_question(fault)
    path = [words for words in shortest_path(folder, fault, drill.account) if " evidence add " not in words]
    assert path[1].startswith(f"esworkbench {question} ")
    found = ask(evidence, question, {"account": drill.account} if question == "bisect" else {})
    shown: dict[str, Callable[[], object]] = {
        "verify": lambda: found["breaks"],
        "diff": lambda: planted.account in {row["account"] for row in found["rows"]},
        "bisect": lambda: found["event_id"] in planted.event_ids,
        "diagnose": lambda: fault in {each["fault"] for each in found["findings"]},
    }
    assert shown[question]()


def test_the_debrief_shows_ones_own_path_in_order(started: Started) -> None:
    folder, drill = started("event_deleted")
    evidence = frozen(folder)
    case = Case(evidence.path, clock=StepClock(START + timedelta(minutes=2), timedelta(minutes=1)))
    for question in ("diff", "verify"):
        case.record(question, {}, {}, f"asked {question}")
    told = debrief(folder, drill, clock=StepClock())
    assert [(step.minute, step.evidence, step.question, step.found) for step in told.taken] == [
        (2, "evidence", "diff", "asked diff"), (3, "evidence", "verify", "asked verify"),
    ]  # fmt: skip
    assert told.cases == [evidence.path]
    assert told.planted == reveal(bank_in(folder))


def test_one_seed_and_clock_give_one_drill(tmp_path: Path) -> None:
    for name in ("a", "b"):
        begin(tmp_path / name, level=1, seed=3, minutes=None, clock=StepClock())
    assert (tmp_path / "a" / RECORD).read_bytes() == (tmp_path / "b" / RECORD).read_bytes()


def test_the_record_names_neither_the_fault_nor_the_accounts_it_hit(started: Started) -> None:
    folder, drill = started("gap_skipped")
    content = (folder / RECORD).read_text()
    assert not any(name in content for name in FAULTS)
    assert len(drill.fingerprint) == 6


def test_a_higher_level_says_less(tmp_path: Path) -> None:
    drill = begin(tmp_path / "hard", level=4, seed=3, minutes=None, clock=StepClock())
    assert drill.account in drill.complaint
    assert "holds" not in drill.complaint
    assert not (tmp_path / "hard" / f"{BANK}.outside" / "complaint.json").exists()
    assert drill.minutes == LEVELS[4].minutes < LEVELS[3].minutes


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UnusableInput, match="stays as it is"):
        begin(tmp_path, level=1, seed=1, minutes=None, clock=StepClock())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_every_fault_of_a_level_is_drawn() -> None:
    for level, rules in LEVELS.items():
        assert {drawn_fault(level, seed) for seed in range(500)} == set(rules.faults)


def test_the_sheet_tells_the_verdict_that_counts(started: Started) -> None:
    folder, drill = started("event_deleted")
    path = folder / RECORD
    now = START + timedelta(hours=1)
    assert sheet_row(path, drill, now)[3:] == (None, 0, {}, 0, None, [])
    assert state_of(folder, drill, START + timedelta(minutes=3))[2:] == (3, 45, 0, "at work", [])
    take_hint(folder, drill, clock=StepClock())
    judge(folder, drill, truth(folder)._replace(fault="lag"), clock=StepClock())
    judge(folder, drill, truth(folder), clock=StepClock(START + timedelta(minutes=9, seconds=1)))
    row = sheet_row(path, read_drill(folder), now)
    assert row == ("event_deleted", 2, drill.seed, 9, 1, FULL, HINT_COSTS + AGAIN_COSTS, 85, [])
    assert state_of(folder, drill, START + timedelta(minutes=30))[2:] == (9, 45, 1, "verdict: 85 points", [])


@pytest.mark.parametrize("content", [b"", b'{"kind":"esworkbench drill","level":1', b"[" * 9000, b"{}", b"\xff",
                                     b'{"kind":"esworkbench progress","exercises":[]}'])  # fmt: skip
def test_a_torn_or_foreign_record_is_told_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_bytes(content)
    with pytest.raises(UnusableInput, match="is damaged, or no drill of this tool"):
        read_drill(tmp_path)


def test_what_happened_is_only_added_to(started: Started) -> None:
    folder, drill = started("event_deleted")
    first = take_hint(folder, drill, clock=StepClock())
    second = take_hint(folder, read_drill(folder), clock=StepClock())
    assert read_drill(folder).happened == [first, second]
    assert first == DrillEntry(at=START, what="hint", words=[hints_on("event_deleted")[0]])


def test_the_rubric_in_the_documents_is_that_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "drills.md").read_text("utf-8")
    for part, (points, what) in RUBRIC.items():
        assert f"| {part} | {points} | {what} |" in text
    for level, rules in LEVELS.items():
        assert f"| {level} | {rules.minutes} | {rules.hints} |" in text
    assert sum(FULL.values()) == 100
