"""Scripts that a notebook writes, run in a process of their own up to a named point, and killed there or let go on.

The child says on standard output where it stands, and waits; whoever started it decides whether it lives. So it dies
exactly there, on every machine, and no clock is involved.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

Write = Callable[[Connection], None]

STANDS = "\x1estands "
"""Begins what the child says where it stands: nothing that a script prints for itself is taken for it."""


def run_script(script: Path, urls: Sequence[str], *arguments: str, kill: bool) -> str:
    """Start the script, wait until it stands at its point, kill it there or let it end. Returns the point's name.

    The URLs may hold a password, so they travel on standard input, a line each, never as arguments. Raises
    RuntimeError for a script that ended before its point, or badly after it.
    """
    command = [sys.executable, str(script), *arguments]
    # In a session of its own, or a notebook's interrupt would end it too.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write("".join(f"{url}\n" for url in urls))
        child.stdin.flush()
        point = next((line.partition(STANDS)[2].strip() for line in child.stdout if STANDS in line), "")
        if kill:
            child.kill()
        child.communicate()
    if not point:
        raise RuntimeError(f"{script.name} ended before it reached a point: what it printed last says why")
    if child.returncode and not kill:
        raise RuntimeError(f"{script.name} was to go on from {point!r} and failed: what it printed last says why")
    return point


def url_from_parent() -> str:
    """In the child: the next URL."""
    return sys.stdin.readline().strip()


def stand_at(point: str) -> None:
    """In the child: wait here to be killed, or to be let go on."""
    print(f"{STANDS}{point}", flush=True)
    sys.stdin.read()


def stand_between(*writes: Write) -> list[Write]:
    """In the child: the same writes, but whichever is called second waits first, in whatever order they are called."""
    called: list[Write] = []

    def waiting(write: Write) -> Write:
        def wait_and_write(connection: Connection) -> None:
            called.append(write)
            if len(called) == 2:
                stand_at("between the two")
            write(connection)

        return wait_and_write

    return [waiting(write) for write in writes]


def stand_before(engine: Engine, statement_begins: str) -> None:
    """In the child: wait just before the first statement that begins with this is sent."""
    stood = False

    def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        nonlocal stood
        if statement.startswith(statement_begins) and not stood:
            stood = True
            stand_at(f"before {statement_begins}")

    event.listen(engine, "before_cursor_execute", before)
