"""Promises 11 and 13: whatever stands in a store, every command answers or refuses in a sentence; 3 is ours alone.

Each command that is registered is called, with a value for each of its options in turn: a new one is walked as well.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from cli_shell import Shell
from psycopg import sql

from esworkbench import cli
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, RequestWithdrawal, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.outbox.outbox import enable_outbox
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.rebuilding import STRATEGIES
from esworkbench.resources import data_path
from tests.support import StepClock

PAYLOAD = '{"amount_minor":1,"currency":"USD","reference":"r"}'
MOMENT = "2026-01-02T00:00:00.000000Z"
USUAL: dict[str, Any] = {
    "stream_id": "BankAccount-A1", "event_type": "MoneyDeposited", "schema_version": 3, "payload": PAYLOAD,
    "metadata": "{}", "recorded_at": MOMENT, "valid_at": MOMENT, "prev_hash": "0" * 64, "hash": "f" * 64,
}  # fmt: skip

ODD: dict[str, dict[str, Any]] = {
    "a null type": {"event_type": None},
    "an empty type": {"event_type": ""},
    "a null stream": {"stream_id": None},
    "no account": {"stream_id": "BankAccount-"},
    "null metadata": {"metadata": None},
    "metadata a list": {"metadata": "[1]"},
    "metadata a string": {"metadata": '"m"'},
    "metadata deep": {"metadata": "[" * 5000 + "]" * 5000},
    "metadata no JSON": {"metadata": "m"},
    "a null payload": {"payload": None},
    "a payload a list": {"payload": "[1, {}]"},
    "a payload a number": {"payload": "12"},
    "a payload a string": {"payload": '"text"'},
    "a payload null": {"payload": "null"},
    "a payload no JSON": {"payload": "{"},
    "a payload huge": {"payload": '{"owner":"' + "x" * 2_000_000 + '"}'},
    "a payload deep": {"payload": "[" * 5000 + "]" * 5000},
    "a payload deep in an object": {"payload": '{"amount_minor":' + '{"a":' * 3000 + "1" + "}" * 3001},
    "a number past 64 bits": {"payload": PAYLOAD.replace("1,", f"{2**70},")},
    "a number of a million digits": {"payload": PAYLOAD.replace("1,", "1" * 1_000_000 + ",")},
    "a huge exponent": {"payload": PAYLOAD.replace("1,", "1e999999999,")},
    "half a letter": {"payload": PAYLOAD.replace('"r"', '"\\ud800"')},
    "a key twice": {"payload": '{"amount_minor":1,"amount_minor":2,"currency":"USD","reference":"r"}'},
    "recorded at infinity": {"recorded_at": "infinity"},
    "valid at infinity": {"valid_at": "infinity"},
    "valid before all": {"valid_at": "-infinity"},
    "valid in the last year": {"valid_at": "9999-12-31T23:59:59.999999Z"},
    "recorded in the last year": {"recorded_at": "9999-12-31T23:59:59.999999Z"},
    "valid in the first year": {"valid_at": "0001-01-01T00:00:00.000000Z"},
    "a null moment": {"recorded_at": None, "valid_at": None},
    "a version past 31 bits": {"schema_version": 2**40},
    "a version of shape below 1": {"schema_version": -1},
    "a null version of shape": {"schema_version": None},
    "a version at the end": {"version": 2**63 - 1},
    "a version below 1": {"version": -3},
    "a position at the end": {"global_position": 2**63 - 1},
    "a position below 1": {"global_position": -5},
    "a null hash": {"hash": None, "prev_hash": None},
}
"""What is odd about one event of a log that is otherwise a bank's."""
ONLY_SQLITE: dict[str, dict[str, Any]] = {
    "a payload of bytes": {"payload": b"\xff\xfe"},
    "a type of bytes": {"event_type": b"\xff"},
    "a position that is no number": {"global_position": "x"},
    "a version that is no number": {"version": 1.5},
    "a moment no moment": {"recorded_at": "yesterday"},
    "a lossy moment": {"recorded_at": "2026-01-02T00:00:00.123456789Z"},
    "a NUL in a type": {"event_type": "Money\0Deposited"},
}

GIVEN: dict[str, Callable[["Walk"], list[object]]] = {
    "url": lambda walk: [walk.url],
    "source": lambda walk: [walk.url],
    "store": lambda walk: [walk.url],
    "old": lambda walk: [walk.url],
    "evidence": lambda walk: [walk.evidence],
    "into": lambda walk: [walk.new_place()],
    "out": lambda walk: [walk.new_place()],
    "draft": lambda walk: [walk.new_place()],
    "digest": lambda walk: [walk.digest],
    "cold": lambda walk: [walk.evidence],
    "snapshot": lambda walk: [walk.evidence / "manifest.json"],
    "account": lambda _: ["A1", "", "BankAccount-A1"],
    "currency": lambda _: ["USD"],
    "claimed": lambda _: [12],
    "against": lambda _: ["account_balances", "snapshots"],
    "at": lambda _: ["2026-01-01T00:00:05Z"],
    "known_at": lambda _: ["2026-01-01T00:00:05Z"],
    "now": lambda _: ["2026-01-09T00:00:00Z"],
    "version": lambda _: [2],
    "operator": lambda _: ["ada"],
    "reason": lambda _: ["case 12"],
    "good": lambda walk: [walk.url],
    "damaged": lambda walk: [walk.evidence],
    "state": lambda walk: [walk.new_place()],
    "whole_every": lambda _: ["24h"],
    "lag_limit": lambda _: ["1m"],
    "events": lambda _: [2],
    "give_up_after": lambda _: [60.0],
    "anchors": lambda walk: [walk.folder],
    "head": lambda _: ["0" * 64],
    "ledger": lambda _: [data_path("ledgers", "bank.toml")],
    "domain": lambda _: ["bank", "orders"],
    "layout": lambda _: ["esworkbench"],
    "rate_limit": lambda _: [1e6],
    "projection": lambda _: ["account_balances", "transaction_history", "daily_summaries", "pending_withdrawals"],
    "strategy": lambda _: list(STRATEGIES),
    "older_name": lambda _: ["plain"],
    "workers": lambda _: [1],
    "up_to": lambda _: [2],
    "after": lambda _: [1],
    "older_than": lambda _: ["24h"],
    "watch": lambda _: [0.2],
    "limit_ms": lambda _: [1],
    "loads": lambda _: [2],
    "category": lambda _: ["BankAccount"],
    "profile": lambda _: ["cart"],
    "every": lambda _: [1],
    "event_type": lambda _: ["MoneyDeposited", ""],
    "sample": lambda _: [0],
    "seed": lambda _: [2],
    "opaque": lambda _: ["owner"],
    "through": lambda _: ["esworkbench.domains.bank.events:of_event"],
    "batch": lambda _: [1],
    "try_again": lambda _: [1],
    "leave_out": lambda _: [1],
    "fault": lambda _: ["lag", "none"],
    "case": lambda _: ["A"],
    "scale": lambda _: ["small"],
    "word": lambda _: ["posting"],
    "card_id": lambda _: ["undo", "no-card"],
    "rating": lambda _: [3],
    "ratings": lambda walk: [walk.new_place()],
    "topic": lambda _: ["snapshots", ""],
    "minutes": lambda _: [30],
    "folder": lambda walk: [walk.new_place()],
    "level": lambda _: [4],
    "begun": lambda walk: [walk.drill],
    "drills": lambda walk: [walk.drill],
    "event": lambda _: ["e1"],
    "amount": lambda _: [-12],
    "subject": lambda _: ["A1", ""],
    "keys": lambda walk: [walk.new_place()],
    "key": lambda walk: [walk.evidence / "manifest.json"],
    "consistency": lambda _: [2],
    "file": lambda walk: [walk.evidence / "manifest.json"],
    "authority": lambda _: ["ftp://127.0.0.1"],
    "timestamp": lambda _: ["ftp://127.0.0.1"],
    "certificate": lambda walk: [walk.evidence / "manifest.json"],
    "trials": lambda _: [1, 0],
}
"""What each option or argument is given, by its name in the command's function; one after the other."""
ALWAYS = {"url", "source", "out", "scale", "loads", "once", "fault"}
"""Given even where a command could do without: its own default is another store, a long time, this folder, no end."""
AWAY = {"lab": "a server of notebooks, which reads no store"}


def registered() -> dict[str, Any]:
    """Every command that a shell can call, by its words."""
    found = {}
    for name, command in typer.main.get_command(cli.app).commands.items():
        for word, each in getattr(command, "commands", {"": command}).items():
            found[f"{name} {word}".strip()] = each
    return found


class Walk:
    """One store, its evidence, and what the commands are called with."""

    def __init__(self, shell: Shell, folder: Path, url: str, kind: str = "") -> None:
        self.shell, self.folder, self.url, self.kind = shell, folder, url, kind
        self.evidence = folder / "evidence"
        self._numbers = count(1)
        taken = shell.json("capture", url, "--into", self.evidence)
        assert taken.code in (0, 2), taken.err[-3000:]
        self.digest = taken.document.get("digest", "")

    @cached_property
    def drill(self) -> Path:
        """A drill that was begun."""
        folder = self.new_place()
        assert self.shell("drill", "start", folder, "--seed", 2).code == 0
        return folder

    def new_place(self) -> Path:
        return self.folder / f"new-{next(self._numbers)}"

    def defects(self, name: str, *, thoroughly: bool = True) -> list[str]:
        """What a command answered that is neither an answer nor a sentence."""
        found = []
        for arguments in self.calls(name, thoroughly=thoroughly):
            ran = self.shell(*name.split(), *arguments)
            if ran.code not in (0, 1, 2) or "Traceback" in ran.err or (ran.code == 2 and len(ran.err.strip()) < 20):
                found.append(f"{name} {' '.join(map(str, arguments))}: {ran.code}\n{ran.err[-1500:]}")
        return found

    def calls(self, name: str, *, thoroughly: bool) -> Iterator[list[object]]:
        parameters = [each for each in registered()[name].params if each.name not in ("help", "json")]
        options = {each.name: "" if each.param_type_name == "argument" else each.opts[0] for each in parameters}

        def given(parameter: str, value: object) -> list[object]:
            return [options[parameter], value] if options[parameter] else [value]

        def usual() -> list[object]:
            needed = [each for each in parameters if each.required or each.name in ALWAYS]
            flags = [options[each.name] for each in needed if getattr(each, "is_flag", False)]
            valued = [each.name for each in needed if not getattr(each, "is_flag", False)]
            return [*flags, *(part for each in valued for part in given(each, GIVEN[each](self)[0]))]

        yield usual()
        for each in parameters:
            if getattr(each, "is_flag", False):
                more = given("digest", self.digest) if each.name == "apply" else []
                yield [*usual(), *more, options[each.name]]
            elif thoroughly:
                for value in GIVEN[each.name](self)[0 if options[each.name] else 1 :]:
                    yield [*usual(), *given(each.name, value)]


def a_bank(url: str, read_models: int = len(BANK_PROJECTIONS)) -> EventStore:
    store = EventStore.open(url, clock=StepClock())
    enable_outbox(store.engine)
    bank = Bank(store, snapshot_every=2)
    for command in (
        OpenAccount(account_id="A1", owner="Ann", currency="USD"),
        Deposit(account_id="A1", amount_minor=10_000, currency="USD", reference="r1"),
        RequestWithdrawal(account_id="A1", withdrawal_id="h1", amount_minor=20, currency="USD", reference="h1"),
    ):
        bank.handle(command)
    for make in list(BANK_PROJECTIONS.values())[:read_models]:
        ProjectionRunner(store, make(), bank_decoder(), run_id="run-1").catch_up()
    return store


def with_odd_events(url: str, odd: list[dict[str, Any]]) -> None:
    """A bank whose log takes anything, and holds these events."""
    a_bank(url).engine.dispose()
    rows = [
        {"global_position": 10 + place, "version": 4 + place, "event_id": f"odd-{place}"} | USUAL | each
        for place, each in enumerate(odd)
    ]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            names = ", ".join(row[1] for row in connection.execute("PRAGMA table_info(events)"))
            for statement in (
                "ALTER TABLE events RENAME TO typed", f"CREATE TABLE events ({names})",
                f"INSERT INTO events SELECT {names} FROM typed", "DROP TABLE typed",
            ):  # fmt: skip
                connection.execute(statement)
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO events ({', '.join(row)}) VALUES ({marks})", list(row.values()))
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER TABLE events DROP COLUMN payload_json, ALTER schema_version TYPE bigint")
        connection.execute("ALTER TABLE events DROP CONSTRAINT events_position_range")
        connection.execute("ALTER TABLE outbox ALTER queued_at DROP NOT NULL")
        for name in ("stream_id", "version", "event_id", "event_type", "schema_version", "payload", "metadata",
                     "recorded_at", "valid_at", "prev_hash", "hash"):  # fmt: skip
            connection.execute(sql.SQL("ALTER TABLE events ALTER {} DROP NOT NULL").format(sql.Identifier(name)))
        for row in rows:
            columns = sql.SQL(", ").join(map(sql.Identifier, row))
            values = sql.SQL(", ").join(map(sql.Literal, row.values()))
            connection.execute(
                sql.SQL("INSERT INTO events ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(columns, values)
            )
        connection.execute(
            "SELECT setval('events_global_position_seq', greatest(100, max(global_position))) FROM events"
        )


def an_empty_store(url: str) -> None:
    EventStore.open(url).engine.dispose()


def one_read_model(url: str) -> None:
    a_bank(url, read_models=1).engine.dispose()


def odd(*names: str) -> Callable[[str], None]:
    return lambda url: with_odd_events(url, [ODD[name] for name in names])


IN_TEXT = [name for name in ODD if name.startswith(("metadata", "a payload", "half", "a key", "a huge"))]
ON_ITS_OWN = ("a position at the end", "a position below 1", "a null stream")
"""With these others would hide: a log that can't go on, or no place to keep an event at."""

STORES: dict[str, Callable[[str], None]] = {
    "an empty store": an_empty_store,
    "one read model": one_read_model,
    "odd text": odd(*IN_TEXT),
    "odd values": odd(*(name for name in ODD if name not in (*IN_TEXT, *ON_ITS_OWN))),
}
READ = {"url", "source", "store", "old", "evidence"}
"""Parameters that name what is read. A command without any is walked once."""


@pytest.fixture
def made(
    request: pytest.FixtureRequest, shell: Shell, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Walk:  # fmt: skip
    """The store of this kind on this engine, and its evidence."""
    engine, kind = request.param
    folder = tmp_path_factory.mktemp("walk")
    monkeypatch.setenv("ESWORKBENCH_HOME", str(folder / "home"))
    monkeypatch.chdir(folder)
    url = f"sqlite:///{folder / 'bank.db'}" if engine == "sqlite" else str(request.getfixturevalue("postgres_url"))
    if engine == "postgresql":
        monkeypatch.setenv("ESWORKBENCH_PG_DSN", url)
    STORES[kind](url)
    return Walk(shell, folder, url, kind)


def walked_on(kind: str) -> list[str]:
    reading = {name for name, each in registered().items() if READ & {parameter.name for parameter in each.params}}
    return [name for name in registered() if name not in AWAY and (name in reading or kind == "an empty store")]


ENGINES = ("sqlite", "postgresql")
EITHER = [
    pytest.param((engine, kind), id=f"{kind}, {engine}", marks=[pytest.mark.sweep] if (at + by) % 2 else [])
    for at, kind in enumerate(STORES)
    for by, engine in enumerate(ENGINES)
]
"""Each kind of store on one of the engines; on the other in the sweep."""
KINDS = [pytest.param((engine, kind), id=f"{kind}, {engine}") for kind in STORES for engine in ENGINES]


@pytest.mark.parametrize("made", EITHER, indirect=True)
def test_every_command_answers_or_refuses_in_a_sentence(made: Walk) -> None:
    assert [defect for name in walked_on(made.kind) for defect in made.defects(name, thoroughly=False)] == []


@pytest.mark.sweep
@pytest.mark.parametrize("made", KINDS, indirect=True)
@pytest.mark.parametrize("name", [name for name in registered() if name not in AWAY])
def test_every_option_does(made: Walk, name: str) -> None:
    assert made.defects(name) == []


@pytest.mark.sweep
@pytest.mark.parametrize("what", [*ODD, *ONLY_SQLITE])
def test_one_odd_event_alone(what: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESWORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    with_odd_events(url, [(ODD | ONLY_SQLITE)[what]])
    walk = Walk(shell, tmp_path, url)
    assert [defect for name in walked_on(what) for defect in walk.defects(name, thoroughly=False)] == []
