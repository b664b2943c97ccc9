"""The report answers its three readers: amounts and times as people write them, SQL that runs, every bend explained."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from broken_copy import ACCOUNT, Copy
from lab_incidents import captured, incident, url_of
from sqlalchemy import create_engine, text
from test_report import HOSTILE, Tags

from esworkbench.composition import capture
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore
from esworkbench.evidence import Evidence
from esworkbench.forensics.challenge.challenge import Challenge, Tally, Undetectable
from esworkbench.forensics.compare.timeline import timeline
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.investigation.bends import ANOTHER_DAY, UNEXPLAINED, bends, standing
from esworkbench.forensics.investigation.investigate import Inquiry, investigate
from esworkbench.forensics.investigation.report import moment, render
from esworkbench.forensics.investigation.sql_without_us import queries
from esworkbench.plots import balance_figure
from esworkbench.projections import ProjectionRunner
from tests.support import SequentialIds, StepClock


def words(page: str) -> str:
    tags = Tags()
    tags.feed(page)
    return " ".join(" ".join(tags.text).split())


def answers(url: str, inquiry: Inquiry, evidence: Evidence, engine: str) -> dict[str, list[tuple[Any, ...]]]:
    """What the store itself prints, by what each query says that it shows."""
    with create_engine(url).connect() as connection:
        return {
            query.shows: [tuple(row) for row in connection.execute(text(query.sql.replace(":", "\\:")))]
            for query in queries(inquiry, evidence, engine)
        }


@pytest.mark.parametrize("fault", ["payload_edited", "double_apply", "unresolved_pending"])
def test_the_sql_prints_the_facts_from_a_store_on_sqlite(fault: str) -> None:
    evidence = incident(fault)
    inquiry = investigate(evidence)
    told = answers(url_of(fault, 1), inquiry, evidence, "SQLite")
    [event_sum] = [rows for shows, rows in told.items() if "add up to" in shows]
    assert event_sum == [(inquiry.event_sum,)]
    assert [row[0] for row in told["the events that the findings name"]] == inquiry.culprits
    [head] = evidence.assertions(str(inquiry.account), inquiry.currency, kind="head")
    [claimed] = [rows for shows, rows in told.items() if "claims" in shows]
    assert claimed == [(head.claimed_minor,)]
    assert {row[0]: row[1] for row in told["how far each projection has read"]} == evidence.manifest.cut.checkpoints


def test_the_sql_prints_the_facts_from_a_store_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    """With an amount of the first shape, in whole dollars, among them."""
    store = EventStore.open(postgres_url, clock=StepClock(), new_id=SequentialIds())
    account = 'O\'Neil \\ "x"'
    bank = Bank(store)
    bank.handle(OpenAccount(account_id=account, owner="o", currency="USD"))
    bank.handle(Deposit(account_id=account, amount_minor=10_001, currency="USD", reference="r"))
    ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="test").catch_up()
    with psycopg.connect(store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as raw:
        raw.execute("ALTER TABLE events DISABLE TRIGGER USER")
        raw.execute("UPDATE events SET schema_version = 2, payload = "
                    "'{\"amount\":418.64,\"currency\":\"USD\",\"reference\":\"r\"}' WHERE version = 2")  # fmt: skip
        raw.execute("ALTER TABLE events ENABLE TRIGGER USER")
    evidence = capture(postgres_url, tmp_path / "evidence", progress=False)
    inquiry = investigate(evidence, account=account)
    told = answers(postgres_url, inquiry, evidence, "PostgreSQL")
    [event_sum] = [rows for shows, rows in told.items() if "add up to" in shows]
    assert [int(total) for (total,) in event_sum] == [inquiry.event_sum] == [41_864]
    assert [rows for shows, rows in told.items() if "claims" in shows] == [[(10_001,)]]


def test_of_a_name_that_cannot_be_typed_there_is_no_sql(sqlite_url: str, tmp_path: Path) -> None:
    bank = Bank(EventStore.open(sqlite_url, clock=StepClock(), new_id=SequentialIds()))
    bank.handle(OpenAccount(account_id=HOSTILE, owner="o", currency="USD"))
    bank.handle(Deposit(account_id=HOSTILE, amount_minor=10_000, currency="USD", reference="r"))
    evidence = capture(sqlite_url, tmp_path / "evidence", progress=False)
    assert queries(investigate(evidence), evidence, "SQLite") == []


def test_the_first_page_answers_a_manager() -> None:
    """What happened, how much, since when, who else, what was decided on it, is it fixed."""
    evidence = incident("double_apply")
    inquiry = investigate(evidence)
    page = words(render(inquiry, evidence))
    short = page[page.index("What happened?") : page.index("For the engineer Findings")]
    reach, money = inquiry.diagnosis.reach["double_apply"], evidence.money
    assert inquiry.currency is not None
    for answer in (
        "Events were applied twice", "This is proven.", money(abs(inquiry.delta), inquiry.currency),
        "Who else?", money(reach.amounts["USD"], "USD"), moment(reach.first_at), "InterestCredited",
        "Is it fixed? Not yet", "100.00 %",
    ):  # fmt: skip
        assert answer in short


def test_amounts_and_times_are_written_as_people_write_them() -> None:
    evidence = incident("payload_edited")
    page = words(render(investigate(evidence), evidence))
    steps = page[page.index("The steps") : page.index("For the auditor The cut")]
    assert "minor units" not in steps
    assert re.search(r"\d,\d{3}\.\d\d USD", steps)
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", steps)
    assert not re.search(r"\d\d:\d\d:\d\d(Z|\+00)", page)


def test_an_auditor_reads_what_could_not_be_tested_and_what_it_would_take() -> None:
    evidence = incident("none")
    inquiry = investigate(evidence)
    page = words(render(inquiry, evidence))
    for fault, result in inquiry.diagnosis.tested.items():
        assert fault in page
        assert result.partition(": ")[2] in page
    for sentence in inquiry.unprovable:
        assert sentence in page
    assert "No custody log lies beside this evidence" in page
    assert "Nobody has tried" in page


def test_custody_and_challenge_are_shown_and_escaped(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    evidence = copy.evidence_of()
    custody = evidence.path.with_name(evidence.path.name + ".custody.jsonl")
    line = {"operator": "<b>Ada</b>", "at": "2026-01-01T00:00:00Z", "command": "esworkbench capture", "host": None}
    custody.write_bytes(json.dumps(line).encode() + b"\n\xff\n[1]\n{\n")
    found = Challenge(
        evidence=evidence.digest, trials=3, seed=0, faults={"lag": Tally(caught=2, mistaken={"<script>": 1})},
        undetectable=[Undetectable("split_view", "an anchor & more")], not_planted=[Undetectable("rounding", "none")],
    )  # fmt: skip
    page = render(investigate(evidence), evidence, challenge=found)
    tags = Tags()
    tags.feed(page)
    assert not {"script", "b"} & set(tags.seen)
    for shown in ("<b>Ada</b>", "this line is no entry", "<script> (1)", "an anchor & more", "3 throwaway copies"):
        assert shown in words(page)


def late(tmp_path: Path, *, reference: str | None) -> tuple[Evidence, int]:
    """A line of the statement booked days after its event, with the event's reference or another; the amount."""
    copy = Copy("none", tmp_path)
    copy.deposit("LATE", 12_300)
    copy.deposit("OTHER", 500)
    copy.catch_up()
    copy.book("OTHER", 500)
    copy.book(reference or "LATE", 12_300)
    return copy.evidence_of(), 12_300


@pytest.mark.parametrize("reference", [None, "ELSE"])
def test_a_late_booking_is_no_spike(reference: str | None, tmp_path: Path) -> None:
    """Where the event is known by its line nothing is apart; where it may be, that is told beside the line."""
    evidence, amount = late(tmp_path, reference=reference)
    inquiry = investigate(evidence, account=ACCOUNT)
    frame = timeline(evidence, ACCOUNT, "USD", against="statement.csv", named=inquiry.culprits)
    claims = frame.dropna(subset=["claimed_minor"])
    assert (claims["claimed_minor"] == claims["event_sum_minor"]).all()
    found = bends(frame, ACCOUNT, "USD", inquiry.findings, inquiry.unexplained, "statement.csv")
    if reference is not None:
        assert set(claims["elsewhere_minor"]) <= {0, -amount}
    assert {(bend.then, bend.why) for bend in found} <= {(0, ANOTHER_DAY)}


def test_an_unanswered_hold_bends_the_line_once() -> None:
    """It counts from its own event on, though a statement misses it a day later, after other lines."""
    evidence = incident("unresolved_pending")
    inquiry = investigate(evidence)
    frame = timeline(evidence, str(inquiry.account), "USD", against="statement.csv", named=inquiry.culprits)
    [bend] = bends(frame, str(inquiry.account), "USD", inquiry.findings, inquiry.unexplained, "statement.csv")
    assert (bend.position, bend.by, bend.then) == (inquiry.culprits[0], inquiry.delta, inquiry.delta)
    assert bend.why == "unresolved_pending (proven)"


def test_what_is_drawn_ends_where_the_claim_does() -> None:
    """However the steps are ordered, the last difference is claimed − event sum."""
    evidence = incident("unresolved_pending")
    for account, currency in evidence.accounts():
        frame = timeline(evidence, account, currency, against="statement.csv").dropna(subset=["claimed_minor"])
        apart = [
            each.amount for each in diagnose(evidence).findings if (each.account, each.currency) == (account, currency)
        ]
        if not frame.empty:
            assert frame["claimed_minor"].iloc[-1] - frame["event_sum_minor"].iloc[-1] == sum(apart)


def test_a_bend_that_nothing_explains_is_called_unexplained() -> None:
    frame = pd.DataFrame(
        {"position": [1, 2], "recorded_at": pd.to_datetime(["2026-01-01T00:00Z", "2026-01-02T00:00Z"]),
         "event_sum_minor": [5, 6], "claimed_minor": [5, 9], "elsewhere_minor": [0, 0]}
    )  # fmt: skip
    [bend] = bends(frame, "A", "USD", [], [], "s")
    assert (bend.position, bend.by, bend.then, bend.why) == (2, 3, 3, UNEXPLAINED)
    assert standing("A", "USD", [], [], "head", 9, 3).why == UNEXPLAINED


def test_no_line_goes_back_in_time(tmp_path: Path) -> None:
    """A clock that was behind writes an earlier time at a later position."""
    evidence = captured(Copy("none", tmp_path).store, tmp_path / "evidence")
    frame = timeline(evidence, ACCOUNT, "USD", against="transaction_history")
    frame.loc[len(frame) - 1, "recorded_at"] = frame["recorded_at"].iloc[0]
    figure = balance_figure(frame, currency="USD", stands=("account_balances", 5))
    drawn = [pd.Series(line.get_xdata()) for axes in figure.axes for line in axes.lines]
    assert max(map(len, drawn)) > 50
    assert all(each.is_monotonic_increasing for each in drawn)
