"""Another process for answers: it can be stopped, and whatever an answer does to files and streams stays there.

It guards against slips, not against malice. It is started at the first answer, and again after one that was stopped.
"""

import atexit
import importlib
import logging
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import TimeoutError as Timeout
from functools import cache
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
from pebble import ProcessExpired, ProcessPool

from esworkbench.course.grader.exercise import is_stub
from esworkbench.course.grader.judge import Outcome, Verdict, judge

ALL_SECONDS = 40
"""So long all cases together may take before the process is killed; ``judge`` is done much sooner."""

STARTING_SECONDS = 60

ZONE = "Pacific/Marquesas"
"""The worker's own time zone, nine and a half hours behind UTC: hardly anybody's, and the zone of no case.

An answer that takes the computer's zone for UTC, or for the customer's, would be right where it happens to be that.
"""


class NoWorker(Exception):
    """The answer can't be judged in another process; the message says why."""


def judge_elsewhere(module: str, name: str, answer: Any) -> Verdict:
    """As ``judge``, in the worker. Raises NoWorker where there can be none, or where the answer can't be sent to it."""
    try:
        sent = cloudpickle.dumps(answer)
    except Exception as error:  # noqa: BLE001 - what an answer refers to may refuse to be pickled in any way
        raise NoWorker(f"your answer can't be sent to another process ({error})") from None
    _restore_what_reset_removes()
    try:
        # The imports of both, where they are new to the worker, take none of the answer's time.
        _workers().schedule(_import, args=(module, sent), timeout=STARTING_SECONDS).result()
        return _workers().schedule(_judged, args=(module, name, sent), timeout=ALL_SECONDS).result()
    except Timeout:
        return Verdict(Outcome.TOO_SLOW, f"it did not end within {ALL_SECONDS} seconds and was stopped")
    except ProcessExpired as error:
        return Verdict(Outcome.INCORRECT, f"it ended the process it ran in (exit code {error.exitcode})")


def _restore_what_reset_removes() -> None:
    """``%reset`` takes ``__spec__`` from the notebook's module, and ``spawn`` starts no process without it."""
    notebook = sys.modules["__main__"]
    if not hasattr(notebook, "__spec__"):
        notebook.__spec__ = None


def _import(module: str, sent: bytes) -> None:
    importlib.import_module(module)
    _made_again(sent)


def _made_again(sent: bytes) -> Any:
    try:
        return cloudpickle.loads(sent)
    except Exception as error:  # noqa: BLE001 - what made an answer here may be unknown there
        raise NoWorker(f"your answer can't be made again in another process ({error})") from None


def _judged(module: str, name: str, sent: bytes) -> Verdict:
    exercise = next(each for each in importlib.import_module(module).exercises if each.name == name)
    return judge(exercise, _made_again(sent), limited=True)


@cache
def _workers() -> ProcessPool:
    """One process, which has imported what it takes before the first answer's time begins."""
    try:
        folder = tempfile.mkdtemp(prefix="esworkbench-answers-")
        spawned = multiprocessing.get_context("spawn")
        pool = ProcessPool(max_workers=1, initializer=_settle, initargs=(folder,), context=spawned)
        pool.schedule(is_stub, args=(...,)).result(STARTING_SECONDS)
    except (OSError, ImportError, NotImplementedError) as error:
        raise NoWorker(f"no other process can be started here ({error})") from None
    atexit.register(_stop, pool, folder)
    return pool


def _stop(pool: ProcessPool, folder: str) -> None:
    pool.stop()  # type: ignore[no-untyped-call]  # pebble's own annotations are partial
    pool.join()
    shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: str) -> None:
    """A folder for all that answers write, which is removed when they are judged no more, a zone, and silence."""
    os.environ["TZ"] = ZONE
    time.tzset()
    os.chdir(folder)
    tempfile.tempdir = folder
    logging.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
