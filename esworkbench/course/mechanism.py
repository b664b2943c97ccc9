"""Exercises that check themselves: a task, a stub to fill in, a check that runs the answer, a hint for each mistake.

``check``, ``hint`` and ``solution`` show something and never raise: a notebook full of unanswered exercises must still
run from top to bottom. (The three outcomes are those of Kaggle's learntools.)
"""

import dis
import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec
from IPython.display import Markdown, display

from esworkbench.course.grader.pasteable import pasteable


class Outcome(Enum):
    NOT_ATTEMPTED = "not attempted"
    INCORRECT = "incorrect"
    CORRECT = "correct"


class Wrong(Exception):
    """Raised by an exercise's check: the answer runs and is wrong. The message is the hint that fits the mistake."""


class Verdict(msgspec.Struct, frozen=True):
    """What an answer is worth; ``hint`` says where to look next."""

    outcome: Outcome
    hint: str


class Mistake(msgspec.Struct, frozen=True):
    """A wrong answer that people give, and words that its hint must contain: a test proves that it gets that hint."""

    answer: Any
    hint_says: str


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of a notebook.

    ``examine`` is called with the answer: it returns for a right one and raises Wrong for a wrong one. ``stub`` is what
    the notebook's cell holds at first, ``reference`` a right answer: the package's own code wherever possible.
    ``hints`` go from a nudge to nearly the whole answer.
    """

    name: str
    task: str
    examine: Callable[[Any], None]
    reference: Any
    hints: Sequence[str]
    mistakes: Mapping[str, Mistake]
    stub: Any = ...

    def judge(self, answer: Any) -> Verdict:
        """Judge the answer. One that raises is incorrect, and the hint says what it raised."""
        if is_stub(answer):
            return Verdict(Outcome.NOT_ATTEMPTED, self.hints[0])
        try:
            self.examine(answer)
        except Wrong as wrong:
            return Verdict(Outcome.INCORRECT, str(wrong))
        except Exception as error:  # noqa: BLE001 - the answer is somebody's first try, and may do anything
            return Verdict(Outcome.INCORRECT, f"your answer raises {type(error).__name__}: {error}")
        return Verdict(Outcome.CORRECT, "")

    def check(self, answer: Any = ...) -> None:
        """Show the verdict on the answer."""
        verdict = self.judge(answer)
        mark = {Outcome.CORRECT: "✔", Outcome.INCORRECT: "✘", Outcome.NOT_ATTEMPTED: "…"}[verdict.outcome]
        rest = f": {verdict.hint}" if verdict.hint else ""
        _show(f"{mark} **{self.name}** is {verdict.outcome.value}{rest}")

    def hint(self, number: int = 1) -> None:
        """Show a hint; 1 is the first, and each one after it says more."""
        number = min(max(number, 1), len(self.hints))
        more = f" ({number} of {len(self.hints)})" if len(self.hints) > 1 else ""
        _show(f"**{self.name}**, hint{more}: {self.hints[number - 1]}")

    def solution(self) -> None:
        """Show a right answer: code that runs when pasted into an empty cell."""
        _show(f"**{self.name}**, a solution:\n\n```python\n{pasteable(self.name, self.reference)}\n```")


class Exercises(Sequence[Exercise]):
    """The exercises of one notebook, by name: ``exercises.lost_update.check(…)``."""

    def __init__(self, *exercises: Exercise) -> None:
        self._by_name = {exercise.name: exercise for exercise in exercises}
        if len(self._by_name) < len(exercises):
            raise ValueError("two exercises share one name")

    def __getattr__(self, name: str) -> Exercise:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"there is no exercise {name!r}: there are {', '.join(self._by_name)}") from None

    def __getitem__(self, index: Any) -> Any:
        return list(self._by_name.values())[index]

    def __len__(self) -> int:
        return len(self._by_name)


def is_stub(answer: Any) -> bool:
    """Whether nobody has filled it in: ``...``, a function whose body is only ``...``, a class with such a method."""
    if answer is ...:
        return True
    if isinstance(answer, types.FunctionType):
        return _does_nothing(answer)
    if isinstance(answer, type):
        return any(_does_nothing(each) for each in vars(answer).values() if isinstance(each, types.FunctionType))
    return False


def _empty() -> None: ...


def _does_nothing(function: types.FunctionType) -> bool:
    """Whether it does what an empty function does, and returns nothing; a docstring leaves no instruction."""
    loads_nothing = all(
        each.argval is None for each in dis.get_instructions(function) if each.opname in ("LOAD_CONST", "RETURN_CONST")
    )
    return loads_nothing and function.__code__.co_code[::2] == _empty.__code__.co_code[::2]


def _show(text: str) -> None:
    display(Markdown(text))
