"""Judge an answer: try it on generated cases, shrink the first that fails, and say what is known of the mistake.

The cases come from Hypothesis, with a fixed seed: the same answer always gets the same verdict.
(Claessen and Hughes, QuickCheck, 2000; MacIver and Donaldson, Test-Case Reduction via Test-Case Generation, 2020.)
"""

import inspect
import time
import warnings
from collections.abc import Callable, Iterator
from enum import Enum
from random import Random
from typing import Any, NamedTuple

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, find, settings
from hypothesis.errors import HypothesisException, HypothesisWarning

from esworkbench.course.grader.exercise import Exercise, is_stub
from esworkbench.course.grader.meaning import readable
from esworkbench.course.grader.observe import Reply, TooSlow, call, difference, observe

CASES = 200
SECONDS = 8
"""For all cases, shrinking among them: time of the processor. When it is over, the cases tried by then must do."""

WAITING = 2.5
"""So many times as long it may take by the clock: an answer may wait, and other programs run beside it."""

FEWEST_CASES = 20
"""Fewer than these prove nothing, where there was no time for more."""

NOT_WHOLE = (
    "a float, a bool or a Decimal stands where an int belongs: money is counted in minor units, or cents get lost"
)
CHANGED = "it changes what it was given: others hold the same, so leave it as it is and return something new"
TOO_SLOW = "it was too slow on this case"


class Outcome(Enum):
    NOT_ATTEMPTED = "not attempted"
    INCORRECT = "incorrect"
    CORRECT = "correct"
    TOO_SLOW = "too slow to be judged"


class Verdict(msgspec.Struct, frozen=True):
    """What an answer is worth. ``counterexample`` is the smallest case found on which it differs from a right one."""

    outcome: Outcome
    hint: str = ""
    counterexample: dict[str, str] = {}
    cases: int = 0


class Failure(NamedTuple):
    """A case, what the right answer makes of it, what this one does, and of which kind the difference is."""

    case: tuple[Any, ...]
    right: Reply
    said: Reply | None
    kind: str


class Trial:
    """An answer on trial: which cases it has seen, where it failed, which mistakes it has agreed with throughout."""

    def __init__(self, exercise: Exercise, answer: Any, *, limited: bool, seconds: float) -> None:
        self.exercise = exercise
        self.answer = answer
        self.limited = limited
        self.tried = 0
        self.failure: Failure | None = None
        self.agreeing = {name: mistake.answer for name, mistake in exercise.mistakes.items()}
        self._until = time.process_time() + seconds, time.monotonic() + WAITING * seconds

    def fails(self, case: tuple[Any, ...]) -> bool:
        """Whether the answer differs from a right one on this case, in the way in which it first did."""
        if self.is_over or (self.failure and self.failure.kind == TOO_SLOW):
            return False
        self.tried += 1
        right = self._observed(self.exercise.reference, case)
        try:
            said = self._observed(self.answer, case, limited=self.limited)
        except TooSlow:
            self.failure = Failure(case, right, None, TOO_SLOW)
            return True
        self._compare_mistakes(case, said)
        kind = difference(right, said)
        if not kind or (self.failure and self.failure.kind != kind):
            return False
        self.failure = Failure(case, right, said, kind)
        return True

    @property
    def is_over(self) -> bool:
        worked, waited = self._until
        return time.process_time() > worked or time.monotonic() > waited

    def _compare_mistakes(self, case: tuple[Any, ...], said: Reply) -> None:
        for name, mistake in list(self.agreeing.items()):
            made = self._observed(mistake, case)
            if difference(made, said) or difference(said, made):
                del self.agreeing[name]

    def _observed(self, answer: Any, case: tuple[Any, ...], *, limited: bool = False) -> Reply:
        return observe(self.exercise.play, answer, case, limited=limited)


def judge(
    exercise: Exercise, answer: Any, *, cases: int = CASES, limited: bool = False, seconds: float = SECONDS
) -> Verdict:
    """The verdict on an answer, ``limited`` where a time limit for each case can be kept (see ``observe``)."""
    if is_stub(answer):
        return Verdict(Outcome.NOT_ATTEMPTED, exercise.hints[0])
    trial = Trial(exercise, answer, limited=limited, seconds=seconds)
    for case in exercise.examples:
        trial.fails(case)
    _search(exercise, trial.fails, cases)
    if trial.failure is None:
        if trial.is_over and trial.tried < FEWEST_CASES:
            few = f"it was right on {trial.tried} cases, and there was no time for more"
            return Verdict(Outcome.TOO_SLOW, few, cases=trial.tried)
        return Verdict(Outcome.CORRECT, cases=trial.tried)
    outcome = Outcome.TOO_SLOW if trial.failure.kind == TOO_SLOW else Outcome.INCORRECT
    return Verdict(outcome, _hint(trial, trial.failure), _shown(exercise, trial.failure), trial.tried)


def first_failure(exercise: Exercise, answer: Any, *, cases: int = CASES) -> Failure | None:
    """The first case on which the answer differs from a right one, as it was generated."""
    trial = Trial(exercise, answer, limited=True, seconds=SECONDS)
    if not any(trial.fails(case) for case in exercise.examples):
        _search(exercise, trial.fails, cases, shrinks=False)
    return trial.failure


def _search(exercise: Exercise, fails: Callable[[tuple[Any, ...]], bool], cases: int, *, shrinks: bool = True) -> None:
    """Generate cases, and ever smaller ones after the first that fails. What matters is what ``fails`` remembers."""
    quiet = settings(
        max_examples=cases,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        try:
            find(exercise.cases, fails, settings=quiet, random=Random(0))
        except HypothesisException:
            return  # nothing found, or an answer that replies now so and now so: `fails` has seen it


def _hint(trial: Trial, failure: Failure) -> str:
    """What fits: the mistake that this answer has agreed with on every case, if it is the only one."""
    if failure.kind == TOO_SLOW:
        return TOO_SLOW
    if len(trial.agreeing) == 1:
        return trial.exercise.mistakes[next(iter(trial.agreeing))].hint
    if failure.kind.startswith("raises "):
        assert failure.said is not None
        return f"your answer {failure.said.text}"
    return {"not whole": NOT_WHOLE, "changed": CHANGED}.get(failure.kind, "")


def _shown(exercise: Exercise, failure: Failure) -> dict[str, str]:
    if exercise.given:
        given = {"given": exercise.given(*failure.case)}
    else:
        given = {f"given {name}": readable(value) for name, value in zip(_names(exercise), failure.case, strict=False)}
    if failure.said is None:
        return {**given, "yours": "no reply yet", "right": failure.right.text}
    if failure.kind == "changed":
        return {**given, "yours": f"leaves {failure.said.leaves}", "right": f"leaves {failure.right.leaves}"}
    return {**given, "yours": failure.said.text, "right": failure.right.text}


def _names(exercise: Exercise) -> Iterator[str]:
    function, skipped = (exercise.reference, 0) if exercise.play is call else (exercise.play, 1)
    return iter(list(inspect.signature(function).parameters)[skipped:])
