"""A process made to be killed: it rebuilds the bank's balances, again and again.

Arguments: database URL, strategy, who is to die (``parent`` or ``worker``, a process of a sharded rebuild), and the
crash point with how often it is passed before it strikes, or ``none``. It says ``ready``, waits for a line, and works
until it dies, with a line for each commit it comes to.
"""

import multiprocessing
import os
import signal
import sys
from typing import Any

from sqlalchemy import Connection, Engine, event

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.event_store import EventStore
from esworkbench.projections.rebuilding import Options, Recipe, rebuild
from esworkbench.upcasters import EventDecoder

BATCH = 40
CRASH_POINTS = {
    "before the staging area is made": "CREATE TABLE log_seen",
    "before the rows": "INSERT INTO account_balances",
    "between rows and checkpoint": "UPDATE checkpoints",
    "between checkpoint and log": "INSERT INTO checkpoint_log",
    "before a dead letter": "INSERT INTO dead_letters",
    "before the old table goes": "DROP TABLE account_balances",
    "between the old table and the new": "ALTER TABLE",
}
IN_A_WORKER = "KILLED_REBUILD_WORKER"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str, passes: int) -> None:
    """SIGKILL this process, whatever engine it is working with, after it has passed the crash point that often."""
    left = passes

    def reached() -> None:
        nonlocal left
        if left == 0:
            die()
        left -= 1

    def statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = " ".join(statement.replace("\n", " ").replace('"', "").split())
        if point in CRASH_POINTS and words.startswith(CRASH_POINTS[point]):
            reached()

    def commit(_connection: Connection) -> None:
        if point == "before the commit":
            reached()

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)


def decoder_of_a_worker() -> EventDecoder:
    """Every process makes its own decoder, so this is where a worker learns that it is the one to die."""
    if multiprocessing.parent_process() is not None and IN_A_WORKER in os.environ:
        point, passes = os.environ[IN_A_WORKER].split("|")
        die_at(point, int(passes))
    return bank_decoder()


def main(url: str, strategy: str, who: str, point: str, passes: str) -> None:
    store = EventStore.open(url)
    print("ready", flush=True)
    sys.stdin.readline()
    event.listen(Engine, "commit", lambda _connection: print("commit", flush=True))
    if who == "worker":
        os.environ[IN_A_WORKER] = f"{point}|{passes}"
    elif point != "none":
        die_at(point, int(passes))
    while True:
        recipe = Recipe(AccountBalances, decoder_of_a_worker, BANK_QUERIES["account_balances"])
        rebuild(store, recipe, strategy=strategy, run_id="killed", options=Options(workers=2), batch_size=BATCH)


if __name__ == "__main__":
    main(*sys.argv[1:])
