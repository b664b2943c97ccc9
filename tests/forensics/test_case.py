"""Promise: a case is the record of every step, and asking again gives the same answers or says that it doesn't."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support import START, StepClock

from esworkbench.errors import UnusableInput
from esworkbench.forensics.investigation.case import Case, digest_of


@pytest.fixture
def case(tmp_path: Path) -> Case:
    (tmp_path / "evidence").mkdir()
    kept = Case(tmp_path / "evidence", clock=StepClock())
    kept.record("diff", {"against": None}, {"divergent": 1}, "1 diverges")
    kept.record("replay", {"account": "A"}, {"balance": 5}, "0.05 USD")
    return kept


def test_entries_come_back_in_order_with_their_times(case: Case) -> None:
    first, second = case.entries()
    assert (first.number, first.question, first.asked_at, first.found) == (1, "diff", START, "1 diverges")
    assert (second.number, second.arguments) == (2, {"account": "A"})


def test_the_case_lies_beside_the_evidence_and_not_in_it(case: Case, tmp_path: Path) -> None:
    assert list((tmp_path / "evidence").iterdir()) == []
    assert case.path == tmp_path / "evidence.case.jsonl"


def test_replay_tells_the_same_answer_from_another(case: Case) -> None:
    answers: dict[str, dict[str, Any]] = {"diff": {"divergent": 1}, "replay": {"balance": 6}}

    def ask(question: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return answers[question]

    assert [each.same for each in case.replay(ask)] == [True, False]


def test_a_digest_sees_values_and_not_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})


def test_a_line_that_is_no_entry_is_named(case: Case) -> None:
    with case.path.open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(UnusableInput, match="line 3"):
        case.entries()
