"""Every exercise is proved: its right answers are accepted, its mistakes told apart, and hardly a mutant survives."""

import ast
import importlib
from types import ModuleType
from typing import Any

import msgspec
import pytest

from esworkbench.course.case_database import play_cases_on
from esworkbench.course.grader.exercise import Exercise
from esworkbench.course.grader.judge import Outcome, first_failure, judge
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import observe
from esworkbench.course.grader.pasteable import pasteable
from tests.course.conftest import EVERY
from tests.course.mutants import mutants

FEWEST_STYLES = 2
EQUIVALENT_AT_MOST = 0.1
RIGHT_CASES = 40
SWEPT_CASES = 5_000
POSTGRES_CASES = 25
ON_SQLITE_ALONE = {"old_holds_as_text"}
"""Right where times are stored as text."""


def test_the_stub_is_not_attempted_and_brings_all_it_names(exercise: Exercise) -> None:
    cell: dict[str, Any] = {}
    exec(compile(exercise.stub, "<cell>", "exec"), cell)
    assert judge(exercise, cell[exercise.asked]).outcome is Outcome.NOT_ATTEMPTED


def test_the_reference_is_correct_whoever_pastes_it(exercise: Exercise) -> None:
    cell: dict[str, Any] = {}
    exec(compile(pasteable(exercise.asked, exercise.reference), "<cell>", "exec"), cell)
    verdict = judge(exercise, cell[exercise.asked], cases=RIGHT_CASES)
    assert verdict.outcome is Outcome.CORRECT, verdict


def test_a_pasted_solution_imports_from_the_notebooks_own_module(pair: tuple[str, Exercise]) -> None:
    """However many files that has: what a learner has pasted and kept must not depend on it."""
    name, exercise = pair
    nodes = ast.walk(ast.parse(pasteable(exercise.asked, exercise.reference)))
    homes = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {home for home in homes if home.startswith("esworkbench.course.nb")} <= {f"esworkbench.course.{name}"}


def test_right_answers_in_other_styles_are_correct(exercise: Exercise, answers: ModuleType) -> None:
    styles = answers.RIGHT[exercise.name]
    assert len(styles) >= FEWEST_STYLES
    for answer in styles:
        verdict = judge(exercise, answer, cases=RIGHT_CASES)
        assert verdict.outcome is Outcome.CORRECT, (answer, verdict)


def test_what_the_reference_raises_is_named_in_the_task(exercise: Exercise) -> None:
    """A case of another form than the answer's arguments would raise in every answer, and tell none apart."""
    raised: set[str] = set()

    def look(*case: Any) -> Any:
        reply = observe(exercise.play, exercise.reference, case)
        if isinstance(reply.value, Raised):
            raised.add(reply.value.error.__name__)
        return reply.value

    first_failure(
        msgspec.structs.replace(exercise, play=lambda answer, *case: look(*case), mistakes={}), object(), cases=50
    )
    assert [name for name in raised - {Exception.__name__} if name not in exercise.task] == []


def test_answers_that_were_accepted_once_are_not(exercise: Exercise, answers: ModuleType) -> None:
    accepted = [answer for answer in answers.WRONG.get(exercise.name, []) if not first_failure(exercise, answer)]
    assert not accepted


def test_every_mutant_is_caught_or_means_the_same(exercise: Exercise, answers: ModuleType) -> None:
    equivalent = answers.EQUIVALENT.get(exercise.name, {})
    made = mutants(exercise.reference)
    alive = [mutant.what for mutant in made if not first_failure(exercise, mutant.function)]
    assert sorted(alive) == sorted(equivalent), "a mutant lives, or one that is listed dies"
    assert len(alive) <= EQUIVALENT_AT_MOST * len(made)


@pytest.mark.sweep
def test_right_answers_stay_correct_however_long_they_are_tried(exercise: Exercise, answers: ModuleType) -> None:
    for answer in answers.RIGHT[exercise.name]:
        verdict = judge(exercise, answer, cases=SWEPT_CASES, seconds=300)
        assert verdict.outcome is Outcome.CORRECT, (answer, verdict)


@pytest.mark.sweep
def test_no_case_refutes_an_equivalent_mutant(exercise: Exercise, answers: ModuleType) -> None:
    equivalent = answers.EQUIVALENT.get(exercise.name, {})
    for mutant in mutants(exercise.reference):
        if mutant.what in equivalent:
            assert not first_failure(exercise, mutant.function, cases=SWEPT_CASES), mutant.what


def test_it_says_what_is_asked_and_helps(exercise: Exercise) -> None:
    assert exercise.task
    assert exercise.hints


ON_A_DATABASE = [
    pair for pair in EVERY if pair[1].name in {"append", "deposit_once", "old_holds", "waits", "rebuild", "put_right"}
]


@pytest.mark.sweep
@pytest.mark.parametrize("pair", ON_A_DATABASE, ids=lambda pair: f"{pair[0]}.{pair[1].name}")
def test_right_answers_are_right_on_postgres_too(pair: tuple[str, Exercise], postgres_url: str) -> None:
    name, exercise = pair
    answers = importlib.import_module(f"tests.course.answers.{name}")
    play_cases_on(postgres_url)
    try:
        for answer in [exercise.reference, *answers.RIGHT[exercise.name]]:
            if answer.__name__ in ON_SQLITE_ALONE:
                continue
            verdict = judge(exercise, answer, cases=POSTGRES_CASES, seconds=300)
            assert verdict.outcome is Outcome.CORRECT, (answer, verdict)
    finally:
        play_cases_on(None)
