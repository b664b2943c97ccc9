"""A bank's own statements, in every format that banks send: added to evidence, compared, diagnosed, and ticked off.

The oracle is what the lab's outside books printed, as plain data, and each damage done to that by hand.
"""

import csv
import random
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from bank_days import BANK_CSV, Account, Day, bank_csv, camt053, mt940, ofx

from esworkbench.composition import capture
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.compare.reconcile import reconcile
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.lab import build_incident

Writer = Callable[[list[Account]], str]
WRITERS: dict[str, Writer] = {
    "CAMT": camt053, "MT940": mt940, "OFX 1": partial(ofx, version=1), "OFX 2": partial(ofx, version=2),
    "CSV": bank_csv,
}  # fmt: skip


class World:
    """A healthy bank captured without its statements, and what its books booked, by day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = build_incident(f"sqlite:///{folder / 'bank.db'}", fault="none", seed=5, scale="small").url
        printed = folder / "bank.db.outside" / "statements" / "statement.csv"
        lines = defaultdict(list)
        with printed.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                lines[row["account_id"], row["currency"]].append(row)
        printed.rename(folder / "statement.csv")
        capture(self.url, folder / "evidence", progress=False)
        self.accounts = []
        for number, ((account, currency), rows) in enumerate(sorted(lines.items())):
            days = []
            for place, row in enumerate(rows):
                day = datetime.fromisoformat(row["booked_at"]).date()  # the bank's days are in UTC
                days.append(Day(day, day, int(row["amount_minor"]), row["reference"], f"B{number}X{place}"))
            self.accounts.append(Account(account, currency, 0, days[0].booked, days[-1].booked, days))
        (folder / "bank.toml").write_text(BANK_CSV.replace("Europe/Berlin", "UTC"), "utf-8")

    def with_statement(self, into: Path, writer: Writer, *accounts: list[Account]) -> Evidence:
        shutil.copytree(self.folder / "evidence", into)
        paths = []
        for number, each in enumerate(accounts):
            paths.append(into.with_name(f"{into.name}-{number}.txt"))
            paths[-1].write_text(writer(each), "utf-8")
        ledger = self.folder / "bank.toml" if writer is bank_csv else None
        return add_to(Evidence.open(into), Additions(statements=paths, ledger=ledger))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def said(evidence: Evidence) -> dict[str, list[tuple[object, ...]]]:
    found = reconcile(evidence)
    return {
        "missing": sorted((each.account, each.reference, each.amount) for each in found.missing),
        "extra": sorted((each.account, each.reference, each.amount) for each in found.extra),
        "shifted": sorted((each.line.account, each.movement.reference, each.days) for each in found.shifted),
        "altered": sorted((each.line.account, each.line.reference, each.line.amount) for each in found.altered),
    }


NOTHING: dict[str, list[tuple[object, ...]]] = {"missing": [], "extra": [], "shifted": [], "altered": []}


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_said_of_a_healthy_bank_whatever_its_statements_are_written_in(
    world: World, tmp_path: Path, name: str
) -> None:
    evidence = world.with_statement(tmp_path / "evidence", WRITERS[name], world.accounts)
    found = diff(evidence)
    assert (found.divergent, found.compared) == (0, diff(Evidence.open(world.folder / "evidence")).compared + 6)
    told = diagnose(evidence)
    assert [each.fault for each in told.findings if not each.healthy] + told.unexplained == []
    assert said(evidence) == NOTHING
    assert reconcile(evidence).matched == {
        "id": sum(len(account.entries) for account in world.accounts), "amount": 0, "parts": 0
    }  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_missing_extra_shifted_or_altered_is_listed(world: World, tmp_path: Path, name: str, seed: int) -> None:
    """Planted far from each other, in the middle of the statement, in lines whose amount is there once."""
    dice = random.Random(seed)
    account = world.accounts[0]
    entries = list(account.entries)
    once = [place for place, each in enumerate(entries) if 10 < place < len(entries) - 10
            and sum(other.amount == each.amount for other in entries) == 1]  # fmt: skip
    lost, altered, late, nameless = dice.sample(once, 4)
    truth = {
        "missing": [(account.name, entries[lost].reference, entries[lost].amount)],
        "extra": [(account.name, "strange", -31_337)],
        "shifted": [(account.name, entries[late].reference, 2)],
        "altered": [(account.name, entries[altered].reference, entries[altered].amount + 1)],
    }
    entries[altered] = entries[altered]._replace(amount=entries[altered].amount + 1)
    entries[late] = entries[late]._replace(booked=entries[late].booked + timedelta(days=2))
    entries[nameless] = entries[nameless]._replace(reference="NONREF")
    day = entries[20].booked
    entries = [each for place, each in enumerate(entries) if place != lost]
    entries.append(Day(day, day, -31_337, "strange", "B99"))
    entries.sort(key=lambda each: each.booked)
    evidence = world.with_statement(tmp_path / "evidence", WRITERS[name], [account._replace(entries=entries)])
    assert said(evidence) == truth
    assert reconcile(evidence).matched["amount"] == 1
    assert diff(evidence).divergent == 1


def test_lines_of_statements_that_overlap_count_once(world: World, tmp_path: Path) -> None:
    account = world.accounts[0]
    cut, overlap = len(account.entries) // 2, 7
    before = sum(each.amount for each in account.entries[:cut])
    first = account._replace(entries=account.entries[: cut + overlap], ends=account.entries[cut + overlap - 1].booked)
    second = account._replace(entries=account.entries[cut:], opening=before, begins=account.entries[cut].booked)
    evidence = world.with_statement(tmp_path / "evidence", mt940, [first], [second])
    assert said(evidence) == NOTHING
    assert reconcile(evidence).told_twice == overlap
    assert diff(evidence).divergent == 0
    assert said_of(evidence) == []


@pytest.mark.parametrize("name", ["MT940", "CSV"])
def test_what_diagnosis_does_not_miss_reconciling_does_not_list(world: World, tmp_path: Path, name: str) -> None:
    """What came after the bank's hour on the last day, and a line that the bank took back itself."""
    account = world.accounts[0]
    entries = account.entries
    half = next(place for place in range(len(entries) // 2, len(entries))
                if entries[place].booked == entries[place - 1].booked)  # fmt: skip
    last_day = account._replace(entries=entries[:half], ends=entries[half - 1].booked)
    evidence = world.with_statement(tmp_path / "hour", WRITERS[name], [last_day])
    assert said_of(evidence) == []
    assert said(evidence) == NOTHING
    day = entries[half].booked
    own = [Day(day, day, -777, "OWN", "OWN-1"), Day(day, day, 777, "OWN", "OWN-2")]
    back = account._replace(entries=[*entries[:half], *own, *entries[half:]])
    evidence = world.with_statement(tmp_path / "back", WRITERS[name], [back])
    assert said_of(evidence) == []
    assert said(evidence) == NOTHING
    assert reconcile(evidence).taken_back == 2


def said_of(evidence: Evidence) -> list[tuple[str, int, str]]:
    told = diagnose(evidence)
    assert told.unexplained == []
    return sorted((each.fault, each.amount, each.certainty) for each in told.findings if not each.healthy)


@pytest.mark.parametrize("name", ["CAMT", "MT940"])
def test_a_balance_that_a_bank_states_is_held_against_lines_and_events(world: World, tmp_path: Path, name: str) -> None:
    account = world.accounts[0]
    entries = account.entries
    amount = entries[40].amount
    writer = WRITERS[name]
    lost = account._replace(entries=[*entries[:40], *entries[41:]], closing_off=amount)
    assert said_of(world.with_statement(tmp_path / "lost", writer, [lost])) == [
        ("statement_incomplete", -amount, "proven")
    ]
    off = world.with_statement(tmp_path / "off", writer, [account._replace(closing_off=100)])
    assert said_of(off) == [("statement_incomplete", 100, "possible"), ("statement_inconsistent", 100, "possible")]
    assert any("at its closing balance" in each.proof for each in diagnose(off).findings)
    begins_off = world.with_statement(
        tmp_path / "begins off", writer, [account._replace(opening=account.opening + 100, closing_off=-100)]
    )
    assert said_of(begins_off) == [("statement_inconsistent", 100, "proven")]
    assert any("from the line of its opening balance until" in each.proof for each in diagnose(begins_off).findings)
    half = len(entries) // 2
    first = account._replace(entries=entries[:half], ends=entries[half - 1].booked)
    second = account._replace(entries=entries[half:], opening=first.closing, begins=entries[half].booked)
    back = world.with_statement(tmp_path / "back", writer, [second, first._replace(closing_off=100)])
    assert said_of(back) == [("statement_inconsistent", 100, "proven")]
    assert said_of(world.with_statement(tmp_path / "two", writer, [second, first])) == []
    quiet = account._replace(entries=[], opening=account.closing, begins=account.ends + timedelta(days=2),
                             ends=account.ends + timedelta(days=3))  # fmt: skip
    assert said_of(world.with_statement(tmp_path / "quiet", writer, [quiet])) == []
    wrong = world.with_statement(tmp_path / "wrong", writer, [quiet._replace(opening=account.closing + 5)])
    assert (diff(wrong).divergent, diff(wrong).rows[0].delta) == (1, 5)


def test_statements_of_every_format_are_taken_along(world: World, tmp_path: Path) -> None:
    shutil.copy(world.folder / "bank.db", tmp_path / "bank.db")
    statements = tmp_path / "bank.db.outside" / "statements"
    statements.mkdir(parents=True)
    for name, writer in (("a.xml", camt053), ("b.sta", mt940), ("c.ofx", partial(ofx, version=1)), ("d.csv", bank_csv)):
        (statements / name).write_text(writer(world.accounts), "utf-8")
    shutil.copy(world.folder / "bank.toml", statements / "d.toml")
    evidence = capture(f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "evidence", progress=False)
    files = [file for (file,) in evidence.rows("SELECT DISTINCT file FROM statements ORDER BY 1")]
    assert files == ["a.xml", "b.sta", "c.ofx", "d.csv"]
    assert not any("not read" in each for each in evidence.manifest.assumptions)
    assert diff(evidence).divergent == 0
    assert said(evidence) == NOTHING
    assert reconcile(evidence).told_twice == 3 * sum(len(account.entries) for account in world.accounts)


def test_an_account_that_the_ledger_does_not_know_is_refused_with_both_sides(world: World, tmp_path: Path) -> None:
    named = [world.accounts[0]._replace(name="CH9300762011623852957")]
    with pytest.raises(UnusableInput, match=r"is about 'CH9300762011623852957', which the ledger doesn't know; its "
                                            r"accounts are 'ACC-1001', 'ACC-1002'.*--account"):  # fmt: skip
        world.with_statement(tmp_path / "evidence", camt053, named)
    assert Evidence.open(tmp_path / "evidence").digest == Evidence.open(world.folder / "evidence").digest
    path = tmp_path / "march.xml"
    path.write_text(camt053(named), "utf-8")
    means = {"CH93 0076 2011 6238 5295 7": world.accounts[0].name}
    evidence = add_to(Evidence.open(tmp_path / "evidence"), Additions(statements=[path], accounts=means))
    assert said(evidence) == NOTHING
    assert any("CH9300762011623852957" in each for each in evidence.manifest.assumptions)
    with pytest.raises(UnusableInput, match="nothing was added"):
        add_to(evidence, Additions(statements=[shutil.copy(path, tmp_path / "again.xml")], accounts=means))
