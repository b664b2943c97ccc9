"""Verdict, hint and solution as the learner sees them.

``check``, ``hint`` and ``solution`` show something and never raise: a notebook full of unanswered exercises must still
run from top to bottom. (Three of the outcomes are those of Kaggle's learntools.)
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from IPython.display import Markdown, display

from esworkbench.course.answers import Unusable, drop_answer, keep_answer, kept_answer, kept_source, source_of
from esworkbench.course.grader.exercise import Exercise, is_stub
from esworkbench.course.grader.judge import Outcome, Verdict, judge
from esworkbench.course.grader.pasteable import pasteable
from esworkbench.course.grader.worker import NoWorker, judge_elsewhere
from esworkbench.course.progress import Attempt, keep
from esworkbench.errors import UnusableInput
from esworkbench.event_store.store import Clock
from esworkbench.events import utc_now

MARKS = {Outcome.CORRECT: "✔", Outcome.INCORRECT: "✘", Outcome.NOT_ATTEMPTED: "…", Outcome.TOO_SLOW: "…"}


class Shown:
    """An exercise of a module, as the notebook's cells use it."""

    def __init__(self, module: str, exercise: Exercise, *, clock: Clock = utc_now) -> None:
        self.module = module
        self.exercise = exercise
        self.clock = clock

    def judge(self, answer: Any = ...) -> tuple[Verdict, str]:
        """The verdict on the answer, and why it was reached in this very process, if it was."""
        if is_stub(answer):
            return judge(self.exercise, answer), ""
        try:
            return judge_elsewhere(self.module, self.exercise.name, answer), ""
        except NoWorker as reason:
            return judge(self.exercise, answer), f"{reason}; it ran here, without a time limit"

    def check(self, answer: Any = ...) -> None:
        """Show the verdict on the answer, and the smallest case on which it is wrong."""
        try:
            verdict, here = self.judge(answer)
        except Exception as error:  # noqa: BLE001 - a check that fails in itself stops no notebook
            return _show(f"the check of **{self.exercise.name}** failed in itself, please report it: {error!r}")
        if verdict.outcome is not Outcome.NOT_ATTEMPTED:
            here = "; ".join(filter(None, (here, self._kept(verdict))))
        if verdict.outcome is Outcome.CORRECT:
            here = "; ".join(filter(None, (here, self._written_down(answer))))
        rest = f": {verdict.hint}" if verdict.hint else ""
        lines = [f"{MARKS[verdict.outcome]} **{self.exercise.name}** is {verdict.outcome.value}{rest}"]
        if verdict.counterexample:
            lines.append(f"```text\n{_table(verdict.counterexample)}\n```")
        if here:
            lines.append(f"({here}.)")
        _show("\n\n".join(lines))

    @property
    def key(self) -> str:
        """The number of the notebook and the name of the exercise: ``"02.append"``."""
        return f"{self.module.rpartition('.nb')[2][:2]}.{self.exercise.name}"

    def in_use(self) -> Any:
        """What the cells after it run on: the learner's accepted answer, or the course's own where there is none."""
        if kept_source(self.key, self.exercise.stub) is None:
            _show(f"**{self.exercise.name}**: from here on the course's own; yours, once it is accepted")
            return self.exercise.reference
        try:
            answer = kept_answer(self.key, self.exercise.asked)
        except Unusable as error:
            _show(f"**{self.exercise.name}**: from here on the course's own, for {error}")
            return self.exercise.reference
        _show(f"**{self.exercise.name}**: from here on yours")
        return answer

    def source_in_use(self) -> str:
        """The same as code that defines the answer's name (``my_append``), for a file that another process runs."""
        kept = kept_source(self.key, self.exercise.stub)
        return kept if kept is not None else pasteable(self.exercise.asked, self.exercise.reference)

    def _written_down(self, answer: Any) -> str:
        """Keep the answer's source for later cells and notebooks, if it is right by itself; why not, where it isn't."""
        before = kept_source(self.key, self.exercise.stub)
        try:
            keep_answer(self.key, self.exercise.stub, source_of(self.exercise.asked, answer))
            alone = self.judge(kept_answer(self.key, self.exercise.asked))[0]
            if alone.outcome is Outcome.CORRECT:
                return ""
            reason = "write what it uses into its own cell"
        except (Unusable, OSError) as error:
            reason = str(error)
        with suppress(OSError):  # said already, where that is the reason
            if before is None:
                drop_answer(self.key)
            else:
                keep_answer(self.key, self.exercise.stub, before)
        return f"later cells can't use it: {reason}"

    def _kept(self, verdict: Verdict) -> str:
        """Keep the attempt on record; why not, where that can't be."""
        try:
            keep(Attempt(self.key, verdict.outcome.value, self.clock()))
        except (OSError, UnusableInput) as error:
            return f"this attempt isn't kept on record: {getattr(error, 'strerror', None) or error}"
        return ""

    def hint(self, number: int = 1) -> None:
        """Show a hint; 1 is the first, and each one after it says more."""
        hints = self.exercise.hints
        number = min(max(number, 1), len(hints))
        more = f" ({number} of {len(hints)})" if len(hints) > 1 else ""
        _show(f"**{self.exercise.name}**, hint{more}: {hints[number - 1]}")

    def solution(self) -> None:
        """Show a right answer: code that runs when pasted into an empty cell."""
        code = pasteable(self.exercise.asked, self.exercise.reference)
        _show(f"**{self.exercise.name}**, a solution:\n\n```python\n{code}\n```")


def _table(told: Mapping[str, str]) -> str:
    """What is told, and behind it the text; the later lines of a text stand below its first."""
    wide = max(map(len, told))
    lines = [f"{what:<{wide}}  " + text.replace("\n", "\n" + " " * (wide + 2)) for what, text in told.items()]
    return "\n".join(lines)


def _show(text: str) -> None:
    display(Markdown(text))
