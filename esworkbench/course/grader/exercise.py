"""An exercise: what is asked, the right answer, the generator of cases, and the mistakes that people make."""

import dis
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from hypothesis.strategies import SearchStrategy

from esworkbench.course.grader.observe import Play, call


class Mistake(msgspec.Struct, frozen=True):
    """A wrong answer that people give, and the hint for whoever gives it."""

    answer: Any
    hint: str


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """One exercise of a notebook.

    ``stub`` is the text of the cell as the learner finds it, with every import, type and error that an answer needs.
    ``cases`` generates the cases, each a tuple; ``examples`` are tried before. ``play(answer, *case)`` runs one and
    returns what counts: by default the answer is called with the case as its arguments. ``given`` shows a case; by
    default, each argument by its name. ``hints`` go from a nudge to nearly the whole answer.
    """

    name: str
    task: str
    stub: str
    reference: Any
    cases: SearchStrategy[tuple[Any, ...]]
    mistakes: Mapping[str, Mistake]
    hints: Sequence[str]
    examples: Sequence[tuple[Any, ...]] = ()
    play: Play = call
    given: Callable[..., str] | None = None

    @property
    def asked(self) -> str:
        """The name that the learner's answer bears."""
        return f"my_{self.name}"


class Exercises(Sequence[Exercise]):
    """The exercises of one notebook, by name: ``exercises.lost_update``.

    ``module`` is where they stand as ``exercises``, so that another process finds them there.
    """

    def __init__(self, module: str, *exercises: Exercise) -> None:
        self.module = module
        self._by_name = {exercise.name: exercise for exercise in exercises}
        if len(self._by_name) < len(exercises):
            raise ValueError("two exercises share one name")

    def __getattr__(self, name: str) -> Any:
        from esworkbench.course.grader.shown import Shown

        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._by_name:
            raise AttributeError(f"there is no exercise {name!r}: there are {', '.join(self._by_name)}")
        return Shown(self.module, self._by_name[name])

    def __getitem__(self, index: Any) -> Any:
        return list(self._by_name.values())[index]

    def __len__(self) -> int:
        return len(self._by_name)


def is_stub(answer: Any) -> bool:
    """Whether nobody has filled it in: ``...``, a function whose body is only ``...``, a class of nothing else."""
    if answer is ...:
        return True
    if isinstance(answer, types.FunctionType):
        return _does_nothing(answer)
    if isinstance(answer, type):
        methods = [each for each in vars(answer).values() if isinstance(each, types.FunctionType)]
        return bool(methods) and all(_does_nothing(each) for each in methods)
    return False


def _empty() -> None: ...


def _does_nothing(function: types.FunctionType) -> bool:
    """Whether it does what an empty function does, and returns nothing; a docstring leaves no instruction."""
    loads_nothing = all(
        each.argval is None for each in dis.get_instructions(function) if each.opname in ("LOAD_CONST", "RETURN_CONST")
    )
    return loads_nothing and function.__code__.co_code[::2] == _empty.__code__.co_code[::2]
