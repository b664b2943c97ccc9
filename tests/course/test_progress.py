"""Progress is derived from the attempts on record, which stay on the learner's machine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from esworkbench.course.grader import shown
from esworkbench.course.grader.shown import Shown
from esworkbench.course.nb01_events_not_rows import BALANCE, balance
from esworkbench.course.progress import RECORD, Attempt, Row, as_markdown, attempts, keep, progress
from esworkbench.errors import UnusableInput

MODULE = "esworkbench.course.nb01_events_not_rows"
START = datetime(2024, 5, 1, 9, tzinfo=UTC)


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shown, "_show", heard.append)
    return heard


def test_each_check_of_an_attempt_is_kept_and_the_table_counts_them(said: list[str], tmp_path: Path) -> None:
    moments = iter(START + timedelta(minutes=number) for number in range(9))
    exercise = Shown(MODULE, BALANCE, clock=lambda: next(moments))
    for answer in (..., lambda facts: 0, balance, balance):
        exercise.check(answer)
    assert attempts() == [
        Attempt("01.balance", "incorrect", START),
        Attempt("01.balance", "correct", START + timedelta(minutes=1)),
        Attempt("01.balance", "correct", START + timedelta(minutes=2)),
    ]
    tried = [row for row in progress() if row.attempts]
    assert [(row.exercise, row.attempts, row.solved) for row in tried] == [("balance", 3, START + timedelta(minutes=1))]
    assert [path.name for path in (tmp_path / "work").iterdir() if path.is_file()] == [RECORD]


def test_what_was_never_tried_is_in_the_table_too(tmp_path: Path) -> None:
    rows = progress(tmp_path)
    assert {row.attempts for row in rows} == {0}
    assert {"append", "balance", "catch_up"} <= {row.exercise for row in rows}
    assert any(row.essential for row in rows)


def test_a_line_that_was_cut_off_in_writing_is_left_out(tmp_path: Path) -> None:
    keep(Attempt("01.balance", "incorrect", START), tmp_path)
    keep(Attempt("01.balance", "correct", START), tmp_path)
    record = tmp_path / RECORD
    record.write_bytes(record.read_bytes()[:-20])
    assert [attempt.outcome for attempt in attempts(tmp_path)] == ["incorrect"]


def test_an_attempt_after_a_line_that_was_cut_off_is_kept_all_the_same(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_bytes(b'{"exercise": "01.bal')
    keep(Attempt("01.balance", "correct", START), tmp_path)
    assert [attempt.outcome for attempt in attempts(tmp_path)] == ["correct"]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    keep(Attempt("01.balance", "incorrect", START), tmp_path)
    with (tmp_path / RECORD).open("ab") as file:
        file.write(b"something else\n")
    with pytest.raises(UnusableInput, match=r"line 2 of .*progress\.jsonl is no attempt"):
        attempts(tmp_path)


def test_where_nothing_can_be_kept_the_check_says_so(said: list[str], tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file where the folder belongs")
    Shown(MODULE, BALANCE).check(balance)
    assert said[0].startswith("✔ **balance** is correct")
    assert "this attempt isn't kept on record: File exists" in said[0]


def test_the_page_has_a_line_for_each_notebook_and_names_what_is_essential_and_to_go() -> None:
    rows = [
        Row("02_event_store", "append", True, 2, START),
        Row("02_event_store", "withdraw", True, 1, None),
        Row("02_event_store", "deposit_once", False, 0, None),
        Row("03_aggregates", "apply", True, 1, START),
    ]
    assert as_markdown(rows).splitlines()[2:] == [
        "| [02_event_store](02_event_store.ipynb) | 1 of 3 | `withdraw` |",
        "| [03_aggregates](03_aggregates.ipynb) | 1 of 1 |  |",
    ]
