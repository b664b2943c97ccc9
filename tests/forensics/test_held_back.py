"""What holds a repair's step back, asked of diagnoses written by hand; and what a compensation takes back, and when."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from small_ledger import LEDGER, SmallLedger, hours

from esworkbench.cqrs.commands import Command, CommandReply
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding, Unexplained
from esworkbench.forensics.repair.plan import RepairStep, held_back, plan, rebuild_held_back

READ_MODEL = b"""
[[read_model]]
projection = "balances"
table = "balances"
kind = "head"
account = "account"
currency = "currency"
claimed = "balance"
"""


def a_finding(fault: str = "retry_duplicate", **given: Any) -> Finding:
    fields: dict[str, Any] = {
        "account": "A",
        "currency": "USD",
        "amount": -50,
        "explains": {"bank.csv": -50},
        "event_ids": ["e2"],
    }
    return Finding(fault=fault, proof="p", remedy="r", **(fields | given))


def loose(source: str, account: str | None) -> Unexplained:
    return Unexplained(account=account, currency="USD", source=source, amount=1, at_position=None, words="0.01 more")


def said(*findings: Finding, unexplained: Unexplained | None = None) -> Diagnosis:
    return Diagnosis(findings=list(findings), tested={}, unexplained=[unexplained] if unexplained else [])


@pytest.mark.parametrize(
    ("unexplained", "reason"),
    [
        (None, ""), (loose("bank.csv", "B"), ""), (loose("events", None), "not before the log is whole: 0.01 more"),
        (loose("events", "B"), "not before the log is whole: 0.01 more"),
        (loose("bank.csv", "A"), "something about this account is unexplained: 0.01 more"),
    ],
)  # fmt: skip
def test_no_money_moves_while_the_account_or_the_log_itself_is_unexplained(
    unexplained: Unexplained | None, reason: str
) -> None:
    finding = a_finding()
    assert held_back(said(finding, unexplained=unexplained), finding) == reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, ""), ({"certainty": "likely"}, "it is likely"), ({"certainty": "possible"}, "it is possible"),
        ({"explains": {}}, "no claim differs"), ({"explains": {"bank.csv": 50}}, "no claim differs"),
        ({"explains": {"balances": 7, "bank.csv": -50}}, ""), ({"amount": 0, "explains": {}}, ""),
    ],
)  # fmt: skip
def test_only_what_is_proven_and_just_what_a_claim_differs_by_is_paid(given: dict[str, Any], reason: str) -> None:
    finding = a_finding(**given)
    found = held_back(said(finding), finding)
    assert found.startswith(reason)
    assert bool(found) is bool(reason)


@pytest.mark.parametrize(("account", "held"), [("A", True), ("B", False)])
def test_a_look_alike_holds_back_what_is_of_its_own_account(account: str, held: bool) -> None:
    finding = a_finding()
    other = a_finding("statement_incomplete", account=account, alternative_to="retry_duplicate")
    assert bool(held_back(said(finding, other), finding)) is held


@pytest.mark.parametrize(
    ("unexplained", "held"),
    [
        (loose("balances", "B"), True), (loose("bank.csv", "A"), True), (loose("bank.csv", "B"), False),
        (loose("events", "B"), True),
    ],
)  # fmt: skip
def test_a_read_model_is_not_replaced_while_it_or_an_account_in_question_is_unexplained(
    unexplained: Unexplained, held: bool
) -> None:
    finding = a_finding("manual_edit")
    assert bool(rebuild_held_back(said(finding, unexplained=unexplained), "balances", [finding])) is held


class Asked(Command, frozen=True, kw_only=True):
    amount: int
    answered: bool
    valid_at: datetime


class Noting:
    """A compensator that only says what it was asked for."""

    def command_for(
        self, *, amount_minor: int, answered: bool = False, valid_at: datetime, **_: Any
    ) -> Command:  # fmt: skip
        return Asked(amount=amount_minor, answered=answered, valid_at=valid_at)

    def send(
        self, command: Command, *, idempotency_key: str, operator: str, metadata: Mapping[str, Any]
    ) -> CommandReply:
        raise AssertionError("a plan sends nothing")


def steps(tmp_path: Path, *findings: Finding, account: str | None = None, ledger: bytes = LEDGER) -> list[RepairStep]:
    small = SmallLedger()
    small.ledger = ledger
    small.event("A", 50)
    small.event("A", 50, payload='{"amount": 50}', valid_at=hours(1.5))
    small.event("A", -30, type="Held", payload='{"id": "h1"}', valid_at=hours(2.5))
    small.event("A", -20, type="Held", payload='{"id": "h2"}')
    small.event("A", 0, type="Settled", payload='{"id": "h2"}')
    small.event("B", 9)
    tmp_path.mkdir(exist_ok=True)
    evidence = small.write(tmp_path / "evidence")
    return plan(evidence, said(*findings), operator="Ida", account=account, compensator=Noting()).steps


def test_a_compensation_takes_back_what_was_posted_on_the_day_of_the_event(tmp_path: Path) -> None:
    [step] = steps(tmp_path, a_finding())
    assert step.original is not None
    assert (step.amount, step.original.valid_at, step.original.answered) == (-50, hours(1.5), False)
    assert step.state == "planned"


def test_a_hold_is_given_back_when_it_lapsed_or_was_answered(tmp_path: Path) -> None:
    waits, answered = steps(tmp_path, a_finding("unresolved_pending", amount=50, event_ids=["e3", "e4"]))
    assert waits.original is not None
    assert answered.original is not None
    assert (waits.amount, waits.original.valid_at, waits.original.answered) == (30, hours(3 + 24), False)
    assert (answered.original.valid_at, answered.original.answered) == (hours(5), True)


def test_of_a_hold_that_the_statement_has_booked_nothing_more_moves(tmp_path: Path) -> None:
    [step] = steps(tmp_path, a_finding("unresolved_pending", amount=0, explains={}, event_ids=["e3"]))
    assert step.amount == 0


def test_neither_an_alternative_nor_another_account_s_finding_is_a_step(tmp_path: Path) -> None:
    other = a_finding("retry_duplicate", alternative_to="statement_incomplete")
    elsewhere = a_finding("retry_duplicate", account="B", amount=-9, event_ids=["e6"])
    assert steps(tmp_path / "all", other, elsewhere) != []
    assert steps(tmp_path / "one", other, elsewhere, account="A") == []


@pytest.mark.parametrize(("certainty", "on_trial"), [("proven", False), ("likely", True)])
def test_a_read_model_is_rebuilt_on_trial_where_that_is_not_proven_to_mend_it(
    certainty: str, on_trial: bool, tmp_path: Path
) -> None:
    finding = a_finding("manual_edit", certainty=certainty, sources=["balances"], event_ids=[])
    [step] = steps(tmp_path, finding, ledger=LEDGER + READ_MODEL)
    assert (step.kind, step.state, step.on_trial) == ("rebuild", "planned", on_trial)


def test_a_hold_that_lapses_after_the_last_moment_there_is_has_no_date(tmp_path: Path) -> None:
    small = SmallLedger()
    small.event("A", -30, type="Held", payload='{"id": "h1"}', recorded_at=datetime.fromisoformat("9999-12-30T12:00Z"))
    finding = a_finding("unresolved_pending", amount=30, explains={"bank.csv": 30}, event_ids=["e1"])
    [step] = plan(small.write(tmp_path / "e"), said(finding), operator="Ida", compensator=Noting()).steps
    assert (step.state, step.command) == ("held back", None)
    assert "append it by hand" in step.words
    assert msgspec.to_builtins(step)["original"]["valid_at"] is None
