"""The read side's process: feeds two read models of the bank, and stands still when told to.

Reads a database URL and then orders, each a line: ``follow`` keeps up with the log, ``hold`` stops and answers with the
checkpoint it stands at. It ends with its standard input.
"""

import sys
import threading

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.event_store import EventStore
from esworkbench.projections import ProjectionRunner

PAUSE_SECONDS = 0.01


class Follower:
    """Runs in a thread of its own from ``start`` until ``hold``, which returns once nothing is being written."""

    def __init__(self, runners: list[ProjectionRunner]) -> None:
        self._runners = runners
        self._hold = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hold(self) -> int:
        self._hold.set()
        if self._thread.is_alive():
            self._thread.join()
        return self._runners[0].checkpoint()

    def _follow(self) -> None:
        while not self._hold.wait(PAUSE_SECONDS):
            for runner in self._runners:
                runner.run_once()


def main() -> None:
    store = EventStore.open(sys.stdin.readline().strip(), create=False)
    runners = [
        ProjectionRunner(store, projection, bank_decoder(), run_id="held")
        for projection in (AccountBalances(), TransactionHistory())
    ]
    for runner in runners:
        runner.catch_up(up_to=store.head_position())
    print("ready", flush=True)
    follower = Follower(runners)
    for order in sys.stdin:
        if order == "follow\n":
            follower.hold()
            follower = Follower(runners)
            follower.start()
            print("following", flush=True)
        else:
            print(follower.hold(), flush=True)


if __name__ == "__main__":
    main()
