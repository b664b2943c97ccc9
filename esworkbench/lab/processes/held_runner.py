"""A process that feeds the bank's read models, and stands still when told to.

It is behind because it is held, never because it is slow: what a page shows meanwhile is the same on any machine.

The process reads a database URL (which may hold a password, so it isn't an argument) and then orders, each a line:
``follow`` keeps up with the log, ``hold`` stops. Each is answered with the checkpoint. It ends with its standard input.
"""

import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from typing import IO

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import EsworkbenchError
from esworkbench.event_store import EventStore
from esworkbench.projections import ProjectionRunner

PAUSE_SECONDS = 0.01


class HeldRunner:
    """The process, as its parent sees it. It first brings the read models to the head of the log, then holds.

    It ends at the latest with this object: a cell that is run again leaves none behind that goes on following.
    """

    def __init__(self, url: str) -> None:
        # In a session of its own, or a notebook's interrupt would end it too.
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        assert self._process.stdin is not None
        weakref.finalize(self, _close, self._process.stdin)
        self._tell(url)

    def follow(self) -> int:
        """Keep up with the log from now on. Returns the checkpoint it starts from."""
        return self._tell("follow")

    def hold(self) -> int:
        """Stop, and return once nothing is being written: the checkpoint at which the read models stand."""
        return self._tell("hold")

    def end(self) -> None:
        """End the process, once its last batch is written."""
        self._process.communicate()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _tell(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            said = self._process.stdout.readline()
        except BrokenPipeError:
            said = ""
        if not said:
            raise EsworkbenchError("the process that feeds the read models has died: what it printed last says why")
        return int(said)


def _close(pipe: IO[str]) -> None:
    with suppress(OSError):  # the process may have died before
        pipe.close()


class _Follower:
    """Runs in a thread of its own from ``start`` until ``hold``, which returns once nothing is being written."""

    def __init__(self, runners: list[ProjectionRunner]) -> None:
        self._runners = runners
        self._hold = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self) -> None:
        self._hold.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._hold.wait(PAUSE_SECONDS):
            for runner in self._runners:
                runner.run_once()


def main() -> None:
    store = EventStore.open(sys.stdin.readline().strip(), create=False)
    runners = [ProjectionRunner(store, make(), bank_decoder(), run_id="held") for make in BANK_PROJECTIONS.values()]
    for runner in runners:
        runner.catch_up(up_to=store.head_position())
    print(runners[0].checkpoint(), flush=True)
    follower = _Follower(runners)
    for order in sys.stdin:
        follower.hold()
        if order == "follow\n":
            follower = _Follower(runners)
            follower.start()
        print(runners[0].checkpoint(), flush=True)
    follower.hold()


if __name__ == "__main__":
    main()
