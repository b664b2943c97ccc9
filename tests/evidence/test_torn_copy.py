"""Evidence of a SQLite file is of one moment, or refused in a sentence: each journal mode × locking × link × load.

Real processes write and are killed. What is read is held against itself: money that was moved is neither made nor lost,
the log has no hole, and balances and checkpoint are those of the log's last event.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
import torn_writers
from evidence_sources import listing

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.source import Pace, SqliteSource
from esworkbench.evidence.capturing.sqlite_opening import open_sqlite

MODES = ("WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "OFF")
LOCKINGS = ("NORMAL", "EXCLUSIVE")
LINKS = ("direct", "symbolic link", "hard link")
LOADS = ("closed", "short", "long", "crashed", "crashed inside")
LIVE = ("short", "long")
LOOKS = 6

IN_EVERY_RUN = [
    ("WAL", "NORMAL", "symbolic link", "short"),
    ("WAL", "NORMAL", "direct", "long"),
    ("WAL", "NORMAL", "symbolic link", "crashed inside"),
    ("WAL", "EXCLUSIVE", "direct", "short"),
    ("WAL", "EXCLUSIVE", "direct", "crashed inside"),
    ("WAL", "NORMAL", "hard link", "short"),
    ("WAL", "NORMAL", "direct", "closed"),
    ("DELETE", "NORMAL", "direct", "long"),
    ("DELETE", "NORMAL", "symbolic link", "crashed inside"),
    ("TRUNCATE", "NORMAL", "direct", "short"),
    ("PERSIST", "NORMAL", "direct", "long"),
    ("PERSIST", "EXCLUSIVE", "direct", "crashed inside"),
    ("MEMORY", "NORMAL", "direct", "long"),
    ("OFF", "NORMAL", "direct", "crashed inside"),
]


class Seen(NamedTuple):
    """What one look found: the log's length, and what in it contradicts itself."""

    events: int
    wrong: list[str]


@contextmanager
def written(folder: Path, mode: str, locking: str, load: str) -> Iterator[Path]:
    """A file in the folder under that load, once the load is on."""
    path = folder / "bank.db"
    torn_writers.make(path)
    command = [sys.executable, torn_writers.__file__, str(path), mode, locking, load]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") as writer:
        assert writer.stdout is not None
        try:
            for _ in range(5):
                assert writer.stdout.readline() == "commit\n"
            if load == "closed":
                assert writer.wait(timeout=60) == 0
            elif load not in LIVE:
                assert writer.stdout.readline() == "inside\n"
                writer.kill()
                writer.wait()
            yield path
        finally:
            writer.kill()


def linked(path: Path, link: str) -> Path:
    """Another name of the file, in another folder."""
    if link == "direct":
        return path
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.mkdir()
    name = elsewhere / "current.db"
    if link == "hard link":
        name.hardlink_to(path)
    else:
        name.symlink_to(Path("..") / path.parent.name / path.name)
    return name


def seen_in(source: SqliteSource) -> Seen:
    def rows(query: str) -> list[tuple[int, ...]]:
        return [row for batch in source.rows(query) for row in batch]

    events = rows("SELECT position, payer, payee, amount FROM events ORDER BY position")
    expected = dict.fromkeys(range(torn_writers.ACCOUNTS), 0)
    for _, payer, payee, amount in events:
        expected[payer] -= amount
        expected[payee] += amount
    facts = {
        "the log has a hole": [position for position, *_ in events] != list(range(1, len(events) + 1)),
        "the checkpoint is another moment's": rows("SELECT position FROM checkpoints") != [(len(events),)],
        "the balances are another moment's": dict(rows("SELECT account, balance FROM balances")) != expected,
    }
    return Seen(len(events), [what for what, is_so in facts.items() if is_so])


def check(folder: Path, mode: str, locking: str, link: str, load: str) -> None:
    (folder / "store").mkdir()
    with written(folder / "store", mode, locking, load) as path:
        name = linked(path, link)
        refusal = ""
        before = listing(path.parent)
        earlier = 0
        for _ in range(LOOKS if load in LIVE else 1):
            try:
                with open_sqlite(name, Pace(lock_wait=0.3 if locking == "EXCLUSIVE" else 20.0)) as source:
                    seen = seen_in(source)
            except UnusableInput as error:
                refusal = str(error)
                continue
            if not unprovable(mode, load):
                assert seen.wrong == []
                assert seen.events >= max(earlier, 15), "what was committed before is there"
            earlier = seen.events
        if load not in LIVE:
            assert listing(path.parent) == before, "not a byte is changed, and no file is new"
        assert {file.name for file in name.parent.iterdir()} <= {name.name, *(f"bank.db{s}" for s in JOURNALS)}
        if link == "hard link":
            assert "more than one name" in refusal
        elif locking == "EXCLUSIVE" and load in LIVE:
            assert "locking_mode=EXCLUSIVE" in refusal
        elif not unprovable(mode, load):
            assert refusal == ""


JOURNALS = ("", "-wal", "-shm", "-journal")


def unprovable(mode: str, load: str) -> bool:
    """Who writes without a journal on disk and is killed leaves a file that nothing can tell from a whole one.

    Every reader of SQLite's sees the same there, and so does evidence, unless the damage shows.
    """
    return mode in ("MEMORY", "OFF") and load == "crashed inside"


@pytest.mark.parametrize(("mode", "locking", "link", "load"), IN_EVERY_RUN)
def test_a_capture_is_of_one_moment(tmp_path: Path, mode: str, locking: str, link: str, load: str) -> None:
    check(tmp_path, mode, locking, link, load)


@pytest.mark.sweep
@pytest.mark.parametrize(("mode", "locking", "link", "load"), list(product(MODES, LOCKINGS, LINKS, LOADS)))
def test_every_mode_locking_link_and_load(tmp_path: Path, mode: str, locking: str, link: str, load: str) -> None:
    check(tmp_path, mode, locking, link, load)


def test_the_check_notices_a_torn_copy(tmp_path: Path) -> None:
    """Copied page by page, as files are: the first half before a commit, the second after it."""
    (tmp_path / "store").mkdir()
    with written(tmp_path / "store", "DELETE", "NORMAL", "closed") as path:
        before = path.read_bytes()
        writer = torn_writers.Writer(str(path), "DELETE", "NORMAL")
        writer.commit(50)
        writer.connection.close()
        after = path.read_bytes()
    torn = tmp_path / "torn.db"
    torn.write_bytes(before[: len(before) // 2] + after[len(before) // 2 :])
    connection = sqlite3.connect(torn)
    assert seen_in(SqliteSource(connection, Pace(), "")).wrong != []
    connection.close()
