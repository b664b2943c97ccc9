"""The grader itself: whatever an answer does, it gets a verdict, and a wrong one its smallest case."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from esworkbench.course.grader import shown, worker
from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake, is_stub
from esworkbench.course.grader.judge import CHANGED, FEWEST_CASES, NOT_WHOLE, TOO_SLOW, Outcome, Verdict, judge
from esworkbench.course.grader.meaning import Raised, alike, plain
from esworkbench.course.grader.observe import CASE_SECONDS, reply
from esworkbench.course.grader.worker import _workers, judge_elsewhere


def total(amounts: Sequence[int]) -> int:
    return sum(amounts)


TOTAL = Exercise(
    name="total",
    task="Add the amounts; of none the total is 0. A negative amount is refused with `ValueError`.",
    stub="def my_total(amounts: list[int]) -> int: ...",
    reference=total,
    cases=st.tuples(st.lists(st.integers(0, 100), max_size=5)),
    mistakes={
        "the first only": Mistake(lambda amounts: amounts[0] if amounts else 0, "it looks at the first amount only"),
        "the largest": Mistake(lambda amounts: max(amounts, default=0), "it takes the largest amount for the total"),
    },
    hints=("What does + do?", "`sum`"),
)
exercises = Exercises(__name__, TOTAL)


def drop_last(items: list[int]) -> list[int]:
    return items[:-1]


DROP_LAST = Exercise(
    name="drop_last",
    task="All items but the last.",
    stub="def my_drop_last(items: list[int]) -> list[int]: ...",
    reference=drop_last,
    cases=st.tuples(st.lists(st.integers(0, 3), max_size=4)),
    mistakes={},
    hints=("A slice.",),
)


def refuse(amount: int) -> int:
    if amount < 0:
        raise ValueError("negative")
    return amount


REFUSE = Exercise(
    name="refuse",
    task="The amount; a negative one is refused with `ValueError`.",
    stub="def my_refuse(amount: int) -> int: ...",
    reference=refuse,
    cases=st.tuples(st.integers(-3, 3)),
    mistakes={},
    hints=("raise",),
)


def _stub(amounts: list[int]) -> int: ...


def _documented(amounts: list[int]) -> int:
    """The total."""
    ...


class _StubClass:
    def add(self, amount: int) -> None: ...
    def remove(self, amount: int) -> None: ...


class _HalfDone:
    def add(self, amount: int) -> None:
        self.total = amount

    def close(self) -> None:
        pass


@pytest.mark.parametrize("answer", [..., _stub, _documented, _StubClass])
def test_what_nobody_filled_in_is_not_attempted(answer: Any) -> None:
    assert judge(TOTAL, answer) == Verdict(Outcome.NOT_ATTEMPTED, "What does + do?")


def test_a_class_of_which_one_method_does_nothing_is_an_attempt() -> None:
    assert not is_stub(_HalfDone)


def test_a_right_answer_was_tried_on_many_cases() -> None:
    verdict = judge(TOTAL, lambda amounts: sum(amounts))
    assert (verdict.outcome, verdict.counterexample) == (Outcome.CORRECT, {})
    assert verdict.cases > 100


def test_a_wrong_answer_is_shown_the_smallest_case() -> None:
    verdict = judge(TOTAL, lambda amounts: sum(amounts) if len(amounts) < 3 else 0)
    assert verdict.outcome is Outcome.INCORRECT
    assert verdict.counterexample == {"given amounts": "[0, 0, 1]", "yours": "0", "right": "1"}


def test_the_same_answer_always_gets_the_same_verdict() -> None:
    def answer(amounts: list[int]) -> int:
        return sum(amounts) % 97

    assert judge(TOTAL, answer) == judge(TOTAL, answer)


def test_a_case_shrinks_to_the_failure_that_was_found_first() -> None:
    """Of two defects, one would have a smaller case: what is shown belongs to the hint."""

    def answer(amounts: list[int]) -> int:
        if not amounts:
            return 1
        if len(amounts) > 2:
            raise KeyError("three")
        return sum(amounts)

    verdict = judge(TOTAL, answer)
    raised = verdict.hint.startswith("your answer raises KeyError")
    assert raised == ("KeyError" in verdict.counterexample["yours"])
    assert raised == (verdict.counterexample["given amounts"] != "[]")


def test_a_hint_is_given_where_one_mistake_alone_fits_every_case() -> None:
    assert judge(TOTAL, lambda amounts: next(iter(amounts), 0)).hint == "it looks at the first amount only"


def test_without_a_mistake_that_fits_the_case_speaks_for_itself() -> None:
    verdict = judge(TOTAL, lambda amounts: amounts[0] if len(amounts) == 2 else sum(amounts))
    assert (verdict.outcome, verdict.hint) == (Outcome.INCORRECT, "")
    assert verdict.counterexample["given amounts"] == "[0, 1]"


def test_no_hint_where_two_mistakes_fit() -> None:
    twins = {"one": Mistake(lambda amounts: 0, "the one"), "two": Mistake(lambda amounts: 0 * 1, "the two")}
    exercise = Exercise(**{**{name: getattr(TOTAL, name) for name in TOTAL.__struct_fields__}, "mistakes": twins})
    assert judge(exercise, lambda amounts: 0).hint == ""


def _exits(amounts: list[int]) -> int:
    sys.exit(3)


def _interrupts(amounts: list[int]) -> int:
    raise KeyboardInterrupt


def _asserts(amounts: list[int]) -> int:
    raise AssertionError


@pytest.mark.parametrize("answer", [_exits, _asserts, lambda: 0, 17, None, "total"])
def test_whatever_an_answer_raises_is_its_reply(answer: Any) -> None:
    verdict = judge(TOTAL, answer)
    assert verdict.outcome is Outcome.INCORRECT
    assert verdict.hint.startswith("your answer raises ")


def test_what_an_answer_prints_is_not_heard(capfd: pytest.CaptureFixture[str]) -> None:
    def loud(amounts: list[int]) -> int:
        print("heard?")
        print("heard?", file=sys.stderr)
        return sum(amounts)

    assert judge(TOTAL, loud).outcome is Outcome.CORRECT
    assert capfd.readouterr() == ("", "")


def _drains(items: list[int]) -> list[int]:
    del items[-1:]
    return items


def test_an_answer_that_changes_what_it_was_given_is_told_so() -> None:
    verdict = judge(DROP_LAST, _drains)
    assert verdict.hint == CHANGED
    assert verdict.counterexample == {"given items": "[0]", "yours": "leaves []", "right": "leaves [0]"}


@pytest.mark.parametrize("answer", [lambda items: tuple(items[:-1]), lambda items: iter(items[:-1])])
def test_any_sequence_is_as_good_as_another(answer: Callable[[list[int]], Any]) -> None:
    assert judge(DROP_LAST, answer).outcome is Outcome.CORRECT


@pytest.mark.parametrize("kind", [float, np.float64, lambda amount: amount + 0.0])
def test_money_in_floats_is_wrong_even_where_the_numbers_agree(kind: Callable[[int], Any]) -> None:
    assert judge(TOTAL, lambda amounts: kind(sum(amounts))).hint == NOT_WHOLE


def test_a_bool_is_no_amount() -> None:
    assert judge(REFUSE, lambda amount: bool(amount) if amount in (0, 1) else refuse(amount)).hint == NOT_WHOLE


def test_where_an_error_is_right_any_of_its_class_is() -> None:
    class Negative(ValueError):
        pass

    def answer(amount: int, error: type[Exception]) -> int:
        if amount < 0:
            raise error("other words")
        return amount

    assert judge(REFUSE, lambda amount: answer(amount, Negative)).outcome is Outcome.CORRECT
    assert judge(REFUSE, lambda amount: answer(amount, TypeError)).outcome is Outcome.INCORRECT
    assert judge(REFUSE, lambda amount: amount).counterexample["right"] == "raises ValueError: negative"


def test_an_answer_that_is_now_so_and_now_so_is_incorrect() -> None:
    turns: Iterator[int] = iter(range(10**9))
    assert judge(TOTAL, lambda amounts: sum(amounts) + next(turns) % 2).outcome is Outcome.INCORRECT


def _never_ends(amounts: list[int]) -> int:
    while True:
        pass


def test_an_answer_that_takes_too_long_is_stopped_on_the_case_it_took_long_on() -> None:
    verdict = judge_elsewhere(__name__, "total", lambda amounts: _never_ends(amounts) if amounts else 0)
    assert (verdict.outcome, verdict.hint) == (Outcome.TOO_SLOW, TOO_SLOW)
    assert verdict.counterexample["yours"] == "no reply yet"


def test_a_case_takes_as_long_as_the_answer_works_on_it_however_busy_the_machine_is() -> None:
    """Where others hold the processor the clock goes on and the work doesn't, as while it sleeps."""
    waited = iter([CASE_SECONDS + 0.3])

    def answer(amounts: Sequence[int]) -> int:
        time.sleep(next(waited, 0))
        return sum(amounts)

    assert judge(TOTAL, answer, limited=True).outcome is Outcome.CORRECT


@pytest.mark.parametrize(("works", "outcome"), [(0.02, Outcome.CORRECT), (0.3, Outcome.TOO_SLOW)])
def test_a_slow_right_answer_is_never_called_incorrect(works: float, outcome: Outcome) -> None:
    def answer(amounts: Sequence[int]) -> int:
        until = time.process_time() + works
        while time.process_time() < until:
            pass
        return sum(amounts)

    verdict = judge(TOTAL, answer, limited=True, seconds=1.5)
    assert (verdict.outcome, verdict.counterexample) == (outcome, {})
    assert (verdict.cases < FEWEST_CASES) == (outcome is Outcome.TOO_SLOW)


def test_an_answer_that_is_stopped_in_the_end_is_not_called_incorrect(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(amounts: Sequence[int]) -> int:
        time.sleep(0.3)
        return sum(amounts)

    monkeypatch.setattr(worker, "ALL_SECONDS", 1)
    verdict = judge_elsewhere(__name__, "total", answer)
    assert verdict == Verdict(Outcome.TOO_SLOW, "it did not end within 1 seconds and was stopped")


def test_an_answer_is_judged_in_a_notebook_that_was_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ``%reset -f`` the notebook's module lacks ``__spec__``; the next process is started from it."""
    assert "ended the process" in judge_elsewhere(__name__, "total", lambda amounts: os._exit(7)).hint
    monkeypatch.delattr(sys.modules["__main__"], "__spec__")
    _workers.cache_clear()
    assert judge_elsewhere(__name__, "total", total).outcome is Outcome.CORRECT


def test_an_answer_that_ends_its_process_ends_no_other(tmp_path: Any) -> None:
    assert "ended the process" in judge_elsewhere(__name__, "total", lambda amounts: os._exit(7)).hint
    assert judge_elsewhere(__name__, "total", total).outcome is Outcome.CORRECT


def test_files_of_an_answer_stay_in_its_process(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(amounts: list[int]) -> int:
        with open("litter", "w") as file:  # noqa: PTH123 - as a learner may write it
            file.write("here")
        return sum(amounts)

    monkeypatch.chdir(tmp_path)
    assert judge_elsewhere(__name__, "total", writes).outcome is Outcome.CORRECT
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("zone", ["UTC", "Europe/Zurich"])
def test_the_verdict_does_not_depend_on_the_computers_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(amounts: list[int]) -> int:
        noon = datetime(2023, 3, 14, 12, tzinfo=UTC).timestamp()
        return sum(amounts) if time.localtime(noon)[3:5] == (2, 30) else -1

    monkeypatch.setenv("TZ", zone)
    _workers.cache_clear()
    assert judge_elsewhere(__name__, "total", answer).outcome is Outcome.CORRECT


def test_names_of_the_notebook_come_along() -> None:
    unit = 1

    def helper(amounts: list[int]) -> int:
        return sum(amounts) * unit

    assert judge_elsewhere(__name__, "total", lambda amounts: helper(amounts)).outcome is Outcome.CORRECT


def test_an_answer_that_can_not_be_sent_runs_here_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    monkeypatch.setattr(shown, "_show", said.append)
    lock = threading.Lock()

    def answer(amounts: list[int]) -> int:
        with lock:
            return sum(amounts)

    exercises.total.check(answer)
    assert said[0].startswith("✔ **total** is correct")
    assert "can't be sent to another process" in said[0]
    assert "it ran here, without a time limit" in said[0]


def test_check_shows_verdict_hint_and_case_and_returns_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    monkeypatch.setattr(shown, "_show", said.append)
    assert exercises.total.check(lambda amounts: max(amounts, default=0)) is None
    assert said == [
        "✘ **total** is incorrect: it takes the largest amount for the total\n\n"
        "```text\ngiven amounts  [1, 1]\nyours          1\nright          2\n```"
    ]


def test_an_unknown_exercise_is_told_with_those_there_are() -> None:
    with pytest.raises(AttributeError, match="there is no exercise 'totl': there are total"):
        exercises.totl  # noqa: B018 - reading it is what is tried


class _Row(NamedTuple):
    day: str
    amount: int


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ([1, 2], (1, 2)), ([("a", 1)], [_Row("a", 1)]), ({"a": [1]}, {"a": (1,)}), ({1, 2}, frozenset({2, 1})),
        ([("a", 1)], pd.DataFrame({"day": ["a"], "amount": [1]})), ([1, 2], pd.Series([1, 2])), (3, np.int64(3)),
        (True, np.bool_(True)), (0.5, 1 / 2 + 1e-12), (float("nan"), float("nan")),
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
    ],
)  # fmt: skip
def test_what_means_the_same_is_alike(right: Any, said: Any) -> None:
    assert alike(plain(right), plain(said))


@pytest.mark.parametrize(
    ("right", "said"),
    [
        ([1, 2], [2, 1]), ([1], [1, 1]), ([1], []), ({"a": 1}, {"a": 1, "b": 2}), (1, 1.0), (1, True), (0, None),
        (1, Decimal(1)), (0.5, 0.6), (0.5, True), (True, 1), (True, "yes"), ("1", 1), (None, 0), ((), None),
        (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1)),  # noqa: DTZ001 - a naive moment is none
        (Raised(ValueError), Raised(TypeError)), (1, Raised(ValueError)), (Raised(ValueError), 1),
    ],
)  # fmt: skip
def test_what_means_something_else_is_not_alike(right: Any, said: Any) -> None:
    assert not alike(plain(right), plain(said))


class _Incomparable:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]  # nor can it be hashed


@pytest.mark.parametrize("answer", [lambda amounts: _Incomparable(), lambda amounts: {0: _Incomparable()}])
def test_a_reply_that_can_not_be_compared_is_incorrect(answer: Callable[[list[int]], Any]) -> None:
    assert judge(TOTAL, answer).outcome is Outcome.INCORRECT


def test_a_reply_may_be_an_error_and_the_play_goes_on() -> None:
    assert [reply(refuse, amount) for amount in (1, -1)] == [1, Raised(ValueError, "negative")]
