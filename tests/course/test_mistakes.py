"""Each mistake that an exercise knows is told from every other, on the cases that a learner's answer meets."""

from esworkbench.course.grader.exercise import Exercise
from esworkbench.course.grader.judge import Outcome, judge

FEWEST_MISTAKES = 2


def test_each_mistake_gets_its_own_hint(exercise: Exercise) -> None:
    """Which it only gets where some case parts it from every other one."""
    assert len(exercise.mistakes) >= FEWEST_MISTAKES
    assert len({mistake.hint for mistake in exercise.mistakes.values()}) == len(exercise.mistakes)
    for name, mistake in exercise.mistakes.items():
        verdict = judge(exercise, mistake.answer)
        assert (name, verdict.outcome, verdict.hint) == (name, Outcome.INCORRECT, mistake.hint), verdict
        assert verdict.counterexample, name
