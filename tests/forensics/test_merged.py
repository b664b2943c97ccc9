"""Promises 14, 15: what several claims tell of one fault is one finding, and no stronger than what proves it."""

from typing import Any

import pytest

from esworkbench.forensics.diagnosis.findings import Certainty, Finding
from esworkbench.forensics.diagnosis.unexplained import STRENGTHS, merged


def found(certainty: Certainty, *events: str, amount: int = 5, **more: Any) -> Finding:
    return Finding(
        fault="event_deleted", account="A", currency="USD", amount=amount, certainty=certainty, event_ids=list(events),
        proof=f"{certainty} {events}", remedy="", **more,
    )  # fmt: skip


@pytest.mark.parametrize("first", STRENGTHS)
@pytest.mark.parametrize("second", STRENGTHS)
def test_of_two_proofs_of_the_same_events_the_stronger_counts(first: Certainty, second: Certainty) -> None:
    [one] = merged([found(first, "e1"), found(second, "e1", "e2")])
    assert one.certainty == max(first, second, key=STRENGTHS.index)
    assert one.event_ids == ["e1", "e2"]
    assert one.proof == (f"{found(first, 'e1').proof}; also: {found(second, 'e1', 'e2').proof}")


@pytest.mark.parametrize("others", [("e2",), ("e1",), ()])
def test_a_proof_of_other_events_or_of_some_of_them_makes_the_rest_no_more_certain(others: tuple[str, ...]) -> None:
    [one] = merged([found("possible", "e1", "e2"), found("proven", *others)] if others != ("e2",) else [
        found("possible", "e1"), found("proven", "e2"),
    ])  # fmt: skip
    assert one.certainty == "possible"


def test_amounts_that_differ_are_two_faults_and_none_joins_one_that_has_one() -> None:
    assert [each.amount for each in merged([found("likely", "e1"), found("likely", "e2", amount=6)])] == [5, 6]
    [one] = merged([found("likely", "e1", amount=0), found("likely", "e1")])
    assert one.amount == 5
