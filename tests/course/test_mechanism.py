"""An exercise has three outcomes, fits its hint to the mistake, and never raises."""

from collections.abc import Callable
from typing import Any

import pytest

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Outcome, Wrong, is_stub


def double(number: int) -> int:
    return 2 * number


def examine(answer: Callable[[int], int]) -> None:
    if answer(3) == 9:
        raise Wrong("that is the square")
    if answer(3) != 6:
        raise Wrong("3 should give 6")


DOUBLE = Exercise(
    name="double",
    task="Write a function that doubles a number.",
    examine=examine,
    reference=double,
    hints=("What is twice 3?", "2 * number"),
    mistakes={"square": Mistake(lambda number: number**2, "square")},
)


def stub(number: int) -> int: ...


def documented_stub(number: int) -> int:
    """Twice the number."""
    ...


class StubClass:
    rate = 3

    def twice(self, number: int) -> int: ...


class Attempted:
    def twice(self, number: int) -> int:
        return number


@pytest.mark.parametrize("answer", [..., stub, documented_stub, StubClass])
def test_a_stub_is_not_attempted(answer: Any) -> None:
    assert DOUBLE.judge(answer).outcome is Outcome.NOT_ATTEMPTED


def test_an_answer_that_is_always_the_same_was_attempted() -> None:
    def always(amount: int) -> int:
        return 4

    assert DOUBLE.judge(always).outcome is not Outcome.NOT_ATTEMPTED


@pytest.mark.parametrize("answer", [None, 0, "", double, Attempted, lambda number: None, lambda number: number])
def test_what_somebody_wrote_is_an_attempt(answer: Any) -> None:
    assert is_stub(answer) is (answer is not None and answer != 0 and answer != "" and _is_none_lambda(answer))


def _is_none_lambda(answer: Any) -> bool:
    """``lambda number: None`` compiles to nothing but a return: nobody can tell it from ``...``."""
    return callable(answer) and not isinstance(answer, type) and answer(1) is None


def test_the_right_answer_is_correct() -> None:
    assert DOUBLE.judge(double).outcome is Outcome.CORRECT


def test_a_wrong_answer_gets_the_hint_that_fits() -> None:
    verdict = DOUBLE.judge(DOUBLE.mistakes["square"].answer)
    assert (verdict.outcome, verdict.hint) == (Outcome.INCORRECT, "that is the square")
    assert DOUBLE.judge(lambda number: number).hint == "3 should give 6"


def test_an_answer_that_raises_is_told_and_does_not_raise(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = DOUBLE.judge(lambda number: 1 // 0)
    assert verdict.outcome is Outcome.INCORRECT
    assert "ZeroDivisionError" in verdict.hint
    for call in (lambda: DOUBLE.check(lambda number: 1 // 0), lambda: DOUBLE.check("no function"), DOUBLE.check):
        call()
    assert "Markdown" in capsys.readouterr().out


def test_hints_go_on_and_the_solution_is_source(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("esworkbench.course.mechanism._show", shown.append)
    for number in (1, 2, 9, 0):
        DOUBLE.hint(number)
    DOUBLE.solution()
    assert ["twice 3" in text for text in shown] == [True, False, False, True, False]
    assert "return 2 * number" in shown[-1]


def test_exercises_are_found_by_name() -> None:
    exercises = Exercises(DOUBLE)
    assert exercises.double is DOUBLE
    assert list(exercises) == [DOUBLE]
    with pytest.raises(AttributeError, match="there is no exercise 'triple': there are double"):
        exercises.triple  # noqa: B018
    with pytest.raises(ValueError, match="one name"):
        Exercises(DOUBLE, DOUBLE)
