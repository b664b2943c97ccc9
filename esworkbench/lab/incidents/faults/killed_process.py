"""Running the naive runner in a process of its own, and killing that process at a named point.

The parent says on standard input what to run; the child says on standard output that it has reached the point, and
waits there to be killed. So it dies exactly there, on every machine, and no clock is involved.
"""

import subprocess
import sys
from datetime import datetime

import msgspec


class RunnerTask(msgspec.Struct):
    """What the child is to run. The URL may hold a password, so it travels on standard input, never as an argument."""

    url: str
    projection: str
    run_id: str
    batch_size: int
    now: datetime
    crash_point: str


def run_and_kill(task: RunnerTask) -> None:
    """Start the child, wait until it stands at the crash point, kill it. Raises RuntimeError if it never gets there."""
    command = [sys.executable, "-m", "esworkbench.lab.incidents.faults.killed_child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(task) + b"\n")
        child.stdin.flush()
        reached = child.stdout.readline().decode("utf-8").strip()
        child.kill()
    if reached != task.crash_point:
        raise RuntimeError(f"the runner to be killed ended before it reached {task.crash_point!r}")
