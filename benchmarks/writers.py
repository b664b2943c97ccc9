"""Many writers at once, each a process.

The same processes do the work of every contender, one contender at a time; the others rest.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.bare import Bare, BareInsert, make_bare_tables
from benchmarks.hot_and_cold import Commands, TimedBareInsert
from benchmarks.ours import Append, Save, open_store
from benchmarks.rounds import Contender
from esworkbench.event_store import open_database


def _append(url: str, size: int, writer: str) -> Contender:
    return Append(open_store(url), size, 1, writer)


def _save(url: str, size: int, writer: str) -> Contender:
    return Save(open_store(url), size, 1, writer)


def _inside(url: str, size: int, writer: str) -> Contender:
    from benchmarks.inside import AppendInside

    return AppendInside(open_store(url), size, 1, writer)


def _bare(url: str, size: int, writer: str) -> Contender:
    return BareInsert(Bare(url, make_tables=False), size, 1, writer)


def _peer(url: str, size: int, writer: str) -> Contender:
    from benchmarks.peer import PeerSave, open_peer

    return PeerSave(open_peer(url), size, 1, writer)


def _cold(url: str, size: int, writer: str) -> Contender:
    return Commands(url, size, writer, hot=False)


def _hot(url: str, size: int, writer: str) -> Contender:
    return Commands(url, size, writer, hot=True)


MAKERS: dict[str, Callable[[str, int, str], Contender]] = {
    "ours: append": _append,
    "ours: deposit and save": _save,
    "ours: append, projection inside": _inside,
    "bare insert": _bare,
    "bare insert, each timed": TimedBareInsert,
    "ours: commands, cold": _cold,
    "ours: commands, hot": _hot,
    "peer: deposit and save": _peer,
}
COUNT = {"peer: deposit and save": "SELECT count(*) FROM accounts_events"}


def be_a_writer(orders: Connection, urls: dict[str, str], size: int, writer: str) -> None:
    """The life of one process: make the contenders, then prepare and work as ordered, until there are no more."""
    orders.recv()
    contenders = {name: MAKERS[name](url, size, writer) for name, url in urls.items()}
    orders.send("made")
    while (order := orders.recv()) is not None:
        name, round_number = order
        if round_number is None:
            contenders[name].work()
            contenders[name].rest()
        else:
            contenders[name].prepare(round_number)
        orders.send(contenders[name].commit_seconds)
    for contender in contenders.values():
        contender.close()


class Crew:
    """The processes. ``order`` returns when every one of them has done it, with the seconds of their commits."""

    def __init__(self, writers: int, urls: dict[str, str], size: int) -> None:
        self.urls = urls
        _make_tables(urls)
        spawn = multiprocessing.get_context("spawn")
        self._ends: list[Connection] = []
        self._processes = []
        for number in range(writers):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=be_a_writer, args=(theirs, urls, size, f"writer-{number}"), daemon=True)
            process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)
        # One after the other, because the peer's way to make sure of its tables fails when several do it at once.
        for end in self._ends:
            end.send("make")
            end.recv()

    def order(self, name: str, round_number: int | None) -> list[float]:
        for end in self._ends:
            end.send((name, round_number))
        return [seconds for of_one in self._answers() for seconds in of_one]

    def dismiss(self) -> None:
        for end in self._ends:
            end.send(None)
        for process in self._processes:
            process.join()
        self._ends, self._processes = [], []

    def _answers(self) -> list[Any]:
        return [end.recv() for end in self._ends]


class Together(Contender):
    """One contender's work, by the whole crew at once."""

    def __init__(self, crew: Crew, name: str) -> None:
        self.crew = crew
        self.name = name

    def prepare(self, round_number: int) -> None:
        self.crew.order(self.name, round_number)

    def work(self) -> None:
        self.commit_seconds = self.crew.order(self.name, None)

    def done(self) -> int:
        engine = open_database(self.crew.urls[self.name])
        with engine.connect() as connection:
            count = connection.exec_driver_sql(COUNT.get(self.name, "SELECT count(*) FROM events")).scalar_one()
        engine.dispose()
        return int(count)

    def close(self) -> None:
        self.crew.dismiss()


def _make_tables(urls: dict[str, str]) -> None:
    """Before the processes start, so that they don't all try at once."""
    for name, url in urls.items():
        if name.startswith("bare"):
            make_bare_tables(url)
        elif name.startswith("ours"):
            open_store(url).engine.dispose()
        else:
            from benchmarks.peer import open_peer

            open_peer(url).close()
