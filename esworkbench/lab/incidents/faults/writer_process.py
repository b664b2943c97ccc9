"""A broken writer in a process of its own, held at each of its named points until it is told to go on, or killed.

What it is to do goes to its standard input; the name of each point it has reached comes from its standard output. No
clock decides who comes first: whoever holds the processes does, so one seed gives the same rows.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec

from esworkbench.event_store import EventStore

IDS = 4
"""No writer needs more."""


class WriterTask(msgspec.Struct):
    """What the child is to write; amounts in minor units. The URL may hold a password, so it is no argument.

    ``writer`` names a function of ``broken_writers``; ``ids`` are those it may give to what it writes.
    """

    url: str
    writer: str
    account: str
    amount_minor: int
    currency: str
    reference: str
    now: datetime
    ids: list[str]
    partner: str = ""


class WriterProcess:
    """The child, held at a point. See ``held_writer``."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child

    def wait_for(self, point: str) -> None:
        """Until it stands at that point. Raises RuntimeError if it never gets there."""
        assert self._child.stdout is not None
        reached = self._child.stdout.readline().decode("utf-8").strip()
        if reached != point:
            raise RuntimeError(f"the broken writer ended before it reached {point!r}")

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def go_on(self, now: datetime) -> None:
        """Let it do the rest; its clock says ``now``. Raises RuntimeError if it fails."""
        assert self._child.stdin is not None
        self._child.stdin.write(now.isoformat().encode() + b"\n")
        self._child.stdin.flush()
        if self._child.wait() != 0:
            raise RuntimeError("the broken writer failed at something else than it should have")


@contextmanager
def held_writer(task: WriterTask, point: str) -> Iterator[WriterProcess]:
    """The writer at work, once it stands at ``point``. Whatever happens, no process is left behind."""
    command = [sys.executable, "-m", "esworkbench.lab.incidents.faults.writer_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdin is not None
            child.stdin.write(msgspec.json.encode(task) + b"\n")
            child.stdin.flush()
            process = WriterProcess(child)
            process.wait_for(point)
            yield process
        finally:
            child.kill()


def ids_of(store: EventStore) -> list[str]:
    """Ids for a writer, drawn here: the child has no seed."""
    return [store.new_id() for _ in range(IDS)]
