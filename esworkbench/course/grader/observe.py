"""What an answer does with a case: what it returns or raises, and whether it changes what it was given."""

import contextlib
import copy
import io
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from esworkbench.course.grader.meaning import Raised, alike, is_not_whole, plain, readable

CASE_SECONDS = 2
"""So long an answer may work on one case: time of the processor, which other programs don't use up."""

WAITING_SECONDS = 6
"""So long it may take when it waits, or when others hold the processor."""


class TooSlow(BaseException):
    """An answer took longer on one case than it may: no ``except Exception`` of its own keeps it going."""


class Reply(NamedTuple):
    """What came of one case, made plain, and ``kept``, what the arguments were afterwards; the rest is to be shown."""

    value: Any
    kept: tuple[Any, ...]
    text: str
    leaves: str


Play = Callable[..., Any]
"""Runs an answer on one case, ``play(answer, *case)``, and returns all of it that counts."""


def call(answer: Any, *case: Any) -> Any:
    """The play of most exercises: the answer is a function, and the case its arguments."""
    return answer(*case)


def reply(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns, or Raised: for a play that makes several calls and goes on after an error."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever an answer raises is its reply
        return Raised(type(error), str(error))


@contextlib.contextmanager
def another_process(answer: Any, number: int) -> Iterator[None]:
    """In which ``hash`` of a text or of bytes is another one, as it is wherever PYTHONHASHSEED isn't set."""
    names = getattr(answer, "__globals__", {})

    def salted(value: Any) -> int:
        return hash(value if isinstance(value, int | float) else (number, value))

    own = {name: names[name] for name in ("hash",) if name in names}
    names["hash"] = salted
    try:
        yield
    finally:
        del names["hash"]
        names.update(own)


def observe(play: Play, answer: Any, case: tuple[Any, ...], *, limited: bool = False) -> Reply:
    """Play the case with a copy of its own. Raises TooSlow where ``limited`` and the time is up, nothing else."""
    given = copy.deepcopy(case)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), _time_limit(limited):
        try:
            returned = play(answer, *given)
            value = plain(returned)
            text = readable(value if isinstance(returned, Iterator) else returned)
        except TooSlow:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not limited:
                raise  # the learner's own, who waits no longer
            value = Raised(type(error), str(error))
            text = readable(value)
        kept = [after for before, after in zip(case, given, strict=True) if isinstance(before, list | dict | set)]
        return Reply(value, plain(kept), text, ", ".join(map(readable, kept)))


def difference(right: Reply, said: Reply) -> str:
    """Of which kind the difference is; "" where the two mean the same."""
    if isinstance(said.value, Raised) and not isinstance(right.value, Raised):
        return f"raises {said.value.error.__name__}"
    try:
        if not alike(right.value, said.value):
            return "not whole" if is_not_whole(right.value, said.value) else "value"
        return "" if alike(right.kept, said.kept) else "changed"
    except Exception:  # noqa: BLE001 - a class of the answer's own, which can't be compared, is no right value
        return "value"


@contextlib.contextmanager
def _time_limit(limited: bool) -> Iterator[None]:
    if not limited:
        yield
        return

    began, worked = time.monotonic(), time.process_time()

    def stop(*_: object) -> None:
        if time.process_time() - worked >= CASE_SECONDS or time.monotonic() - began >= WAITING_SECONDS:
            raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, CASE_SECONDS, CASE_SECONDS / 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a case, which is none of whoever runs the case."""
