"""Promise: what a learner keeps is read as hostile. Any byte or field of it may be anything: no command breaks on it,
waits for it, or adds to what isn't its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.course.drills.begin import begin
from esworkbench.course.drills.levels import LEVELS
from esworkbench.course.drills.record import Drill, DrillEntry, RowsMark, add, keep_drill, read_drill
from esworkbench.course.drills.verdict import RUBRIC
from esworkbench.course.interview.repetition import Rated
from esworkbench.course.predictions import Prediction
from esworkbench.course.progress import Attempt, keep
from esworkbench.credentials import shows_a_password
from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import parse_url, sqlite_url
from esworkbench.lab import PlantedFault
from esworkbench.lab.incidents.sealed import LogEnd, seal
from tests.support import START

ASKED = {"number": 1, "asked_at": "2026-01-01T00:00:00Z", "question": "diff", "arguments": {"against": None},
         "found": "0 of 27 diverge", "digest": "0" * 64, "evidence": None}  # fmt: skip
PLANTED = PlantedFault("lag", "ACC-1001", ["e-1"], [7], 4723, "USD")
END = LogEnd(1, "0" * 64)
FULL = {part: worth for part, (worth, _) in RUBRIC.items()}
VALUES: list[Any] = [
    [], {}, None, True, -1, 0, 2**63, 10**30, 1e300, "", "x", "\x1b[2J\u202e", "\ud800", "a\0b", "2026-01-01T00:00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", [[]], {"": {}}, "A" * 10_000,
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of each record. The drill has a sealed answer and a case, and no bank, which none of these commands opens."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "monday"
    (folder / "bank.db.outside").mkdir(parents=True)
    seal(folder / "bank.db.outside", [PLANTED], END)
    happened = [
        DrillEntry(at=START + timedelta(minutes=1), what="hint", words=["look"]),
        DrillEntry(at=START + timedelta(minutes=2), what="verdict", points=FULL, cost=5, total=95),
    ]
    keep_drill(folder, Drill(
        level=1, seed=3, minutes=60, started_at=START, bank_now=START, account="ACC-1001", complaint="wrong",
        fingerprint={"ACC-1001": {"events": RowsMark(1, "0" * 64)}}, happened=happened,
    ))  # fmt: skip
    (folder / "evidence.case.jsonl").write_text(json.dumps(ASKED) + "\n", "utf-8")
    for minute in range(2):
        keep(Attempt("02.append", "correct", START + timedelta(minutes=minute)), tmp_path)
        line = json.dumps({"card": "undo", "rating": 3, "at": f"2026-03-02T09:0{minute}:00Z"})
        with (tmp_path / "ratings.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    return tmp_path


RECORDS: dict[str, list[list[str]]] = {
    "monday/drill.json": [["drill", word, "monday"] for word in ("sheet", "watch --once", "hint", "debrief")],
    "monday/evidence.case.jsonl": [["drill", "debrief", "monday"]],
    "monday/bank.db.outside/answer.sealed": [["drill", "hint", "monday"], ["drill", "debrief", "monday"]],
    "progress.jsonl": [["progress", "."]],
    "ratings.jsonl": [["interview", "due", "--ratings", "ratings.jsonl"],
                      ["interview", "rate", "undo", "3", "--ratings", "ratings.jsonl"]],
}  # fmt: skip
COMMANDS = {name: [" ".join(each).split() for each in commands] for name, commands in RECORDS.items()}


def bytes_changed(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content))
    change = random.randrange(4)
    if change == 0:
        return content[:at]
    if change == 1:
        return content[:at] + content[at + random.randrange(1, 9) :]
    put = bytes(random.choices([*b'"\\{}[],:0\0\n\xff\x1b', random.randrange(256)], k=random.randrange(1, 4)))
    return content[:at] + put + content[at + (change == 2) :]


def field_changed(content: bytes, random: Random) -> bytes:
    """One field of one JSON document in the file is anything, or gone."""
    whole = content.startswith(b"{\n")
    documents = [json.loads(each) for each in ([content] if whole else content.splitlines())]
    spots: list[tuple[Any, Any]] = []

    def gather(value: Any) -> None:
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
        for key in keys:
            spots.append((value, key))
            gather(value[key])

    gather(documents)
    place, key = random.choice(spots)
    if random.randrange(6) == 0:
        del place[key]
    else:
        place[key] = random.choice(VALUES)
    return "".join(json.dumps(each) + "\n" for each in documents).encode()


@pytest.mark.parametrize("name", COMMANDS)
def test_whatever_stands_in_a_record_the_answer_is_0_or_a_sentence(shell: Shell, home: Path, name: str) -> None:
    record = home / name
    content = record.read_bytes()
    keep_safe = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    changes: list[Callable[[bytes, Random], bytes]] = [bytes_changed]
    if not name.endswith(".sealed"):
        changes.append(field_changed)
    for seed in range(12):
        for change in changes:
            changed = change(content, Random(f"{seed}"))
            for command in COMMANDS[name]:
                record.write_bytes(changed)
                ran = shell(*command)
                assert ran.code in (0, 2), (seed, command, changed, ran)
                assert "\x1b[2J" not in ran.out + ran.err
                if ran.code == 2:
                    assert record.read_bytes() == changed, (seed, command)
                for path, was in keep_safe.items():
                    path.write_bytes(was)


def test_an_answer_that_names_nothing_or_nothing_known_is_refused(shell: Shell, home: Path) -> None:
    for planted in ([], [PlantedFault("sabotage", None, [], [], 0, None)]):
        seal(home / "monday" / "bank.db.outside", planted, END)
        for word in ("hint", "debrief"):
            ran = shell("drill", word, "monday")
            assert (ran.code, "names no fault that is known" in ran.err) == (2, True)


@pytest.mark.parametrize("name", [*COMMANDS, "nothing"])
@pytest.mark.parametrize("kind", ["fifo", "zero"])
def test_nobody_waits_for_a_pipe_or_reads_without_end(home: Path, name: str, kind: str) -> None:
    """In a process of its own, that a hang would be seen."""
    if name == "nothing":
        os.mkfifo(home / "predictions.jsonl")
        with pytest.raises((OSError, UnusableInput)):
            Prediction("how many?", 3, home).was(3)
        return
    record = home / name
    record.unlink()
    if kind == "fifo":
        os.mkfifo(record)
    else:
        record.symlink_to("/dev/zero")
    program = f"import sys; from esworkbench import cli; sys.exit(max(map(cli.run, {COMMANDS[name]!r})))"
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, timeout=120, cwd=home)
    assert ran.returncode == 2, ran.stderr


def test_a_record_without_end_in_sight_is_refused(shell: Shell, home: Path) -> None:
    for name, commands in COMMANDS.items():
        if name.startswith("monday/drill"):
            os.truncate(home / name, 1 << 40)  # sparse
            assert "is larger than" in shell(*commands[0]).err


def test_hints_taken_while_a_verdict_is_judged_stay_and_cost(home: Path) -> None:
    folder = home / "monday"
    begun = read_drill(folder)
    add(folder, read_drill(folder), lambda _: DrillEntry(at=START, what="hint", words=["meanwhile"]))
    seen = []

    def judged(now: Drill) -> DrillEntry:
        seen.append(len(now.of("hint")))
        return DrillEntry(at=START, what="verdict")

    add(folder, begun, judged)
    assert [each.what for each in read_drill(folder).happened] == ["hint", "verdict", "hint", "verdict"]
    assert seen == [2]
    assert begun.happened == read_drill(folder).happened


def test_many_who_add_to_one_drill_lose_nothing(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from esworkbench.course.drills.record import *\n"
        "f = Path('monday'); d = read_drill(f)\n"
        "for _ in range(15): add(f, d, lambda now: DrillEntry(at=now.started_at, what='hint'))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program], cwd=home) for _ in range(3)]
    assert [each.wait() for each in writers] == [0, 0, 0]
    assert len(read_drill(home / "monday").happened) == 2 + 45


@pytest.mark.parametrize("command", [["interview", "rate", "undo", "3", "--ratings", "ratings.jsonl"], ["keep"]])
def test_a_full_disk_leaves_the_record_as_it_was(home: Path, command: list[str]) -> None:
    record = home / ("progress.jsonl" if command == ["keep"] else "ratings.jsonl")
    before = record.read_bytes()
    act = "cli.run(sys.argv[1:])"
    if command == ["keep"]:
        act = "keep(Attempt('02.append', 'correct', utc_now()), Path())"
    program = (
        "import resource, signal, sys; from pathlib import Path; from esworkbench import cli\n"
        "from esworkbench.course.progress import Attempt, keep; from esworkbench.events import utc_now\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 20}, {len(before) + 20}))\n"
        f"sys.exit({act})\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, *command], check=False, capture_output=True, cwd=home)
    assert ran.returncode in (1, 2), ran.stderr
    assert record.read_bytes() == before


def test_a_moment_at_the_end_of_the_calendar_is_refused_before_it_is_kept(shell: Shell, home: Path) -> None:
    before = fingerprint(home)
    for moment in ("9999-12-31T00:00:00Z", "9999-12-01T00:00:00Z"):
        ran = shell("interview", "rate", "undo", 3, "--now", moment, "--ratings", "ratings.jsonl")
        assert (ran.code, "end of the calendar" in ran.err) == (2, True)
    assert fingerprint(home) == before
    assert shell("interview", "due", "--ratings", "ratings.jsonl").code == 0
    with pytest.raises(ValueError, match="end of the calendar"):
        Rated("undo", 3, datetime(9999, 12, 31, tzinfo=UTC))


def test_what_a_cut_off_rating_needs_is_said_as_it_is(shell: Shell, home: Path) -> None:
    record = home / "ratings.jsonl"
    whole = record.read_bytes()
    for cut, advice in ((1, "add that"), (9, "remove that line")):
        record.write_bytes(whole[:-cut])
        ran = shell("interview", "due", "--ratings", record)
        assert (ran.code, advice in ran.err) == (2, True)


def test_ratings_are_kept_nowhere_that_is_somebody_elses(shell: Shell, home: Path) -> None:
    (home / "ev" / "events").mkdir(parents=True)
    (home / "ev" / "manifest.json").write_text("{}", "utf-8")
    (home / "bank.db").write_bytes(b"a store")
    (home / "bank.db.outside" / "statements").mkdir(parents=True)
    (home / "link.jsonl").symlink_to(home / "ratings.jsonl")
    before = fingerprint(home)
    for name in (
        "ev/events/x.jsonl", "bank.db-wal", "bank.db.outside/statements/z.csv", "new.case.jsonl", "no/folder/x.jsonl",
        "link.jsonl", "postgresql://u:Zx9Secret@h/db", "mysql://u:Zx9Secret@h/db", "host=h password=Zx9Secret",
    ):  # fmt: skip
        ran = shell("interview", "rate", "undo", 3, "--ratings", name)
        assert ran.code == 2, name
        assert "Zx9Secret" not in ran.err
        assert shell("lab", "--reset", "02", "--into", name if "@" in name or "=" in name else "ev").code == 2
    assert fingerprint(home) == before
    assert sorted(path.name for path in home.iterdir() if path.is_dir()) == ["bank.db.outside", "ev", "monday"]


def test_the_sheet_derives_what_can_be_and_doubts_the_rest(shell: Shell, home: Path) -> None:
    record = home / "monday" / "drill.json"
    document = json.loads(record.read_bytes())
    [honest] = shell.json("drill", "sheet", "monday").document["drills"]
    assert (honest["total"], honest["doubts"]) == (95, [])
    document["happened"][1] |= {"total": 10**15, "cost": -5, "points": {"cause": 10**15, "charm": 50}}
    document["happened"].append({"at": "9998-01-01T00:00:00Z", "what": "debrief"})
    record.write_text(json.dumps(document), "utf-8")
    [row] = shell.json("drill", "sheet", "monday").document["drills"]
    assert (row["total"], row["cost"], row["points"]) == (0, 5, dict.fromkeys(RUBRIC, 0))
    assert len(row["doubts"]) == 2
    assert "in the future" in shell("drill", "watch", "--once", "monday").out
    assert "didn't write that" in shell("drill", "sheet", "monday").out


def test_more_hints_than_a_level_gives_and_lines_after_the_answer_are_doubted(home: Path, shell: Shell) -> None:
    folder = home / "monday"
    drill = read_drill(folder)
    for what in ("hint", "hint", "debrief", "hint"):
        drill.happened.append(DrillEntry(at=START + timedelta(minutes=3), what=what))
    keep_drill(folder, drill)
    [row] = shell.json("drill", "sheet", folder).document["drills"]
    assert len(row["doubts"]) == 2
    assert LEVELS[1].hints == 3


@pytest.mark.parametrize("name", ["new.db?x", "a%20b", "a#b", "ä b", "file:x"])
def test_a_path_stays_a_path_whatever_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    for folder in (Path(name), tmp_path / name):
        parsed = parse_url(sqlite_url(folder / "bank.db"))
        assert not parsed.query
        assert Path(str(parsed.database)) == folder / "bank.db"
        assert not str(parsed.database).startswith("file:")


def test_a_name_that_is_no_text_and_numbers_that_are_too_large_are_refused(tmp_path: Path) -> None:
    def clock() -> datetime:
        return START

    for name, seed, minutes in (("a\udcff", 1, 5), ("b", 2**70, 5), ("b", 1, 10**9)):
        with pytest.raises(UnusableInput):
            begin(tmp_path / name, level=1, seed=seed, minutes=minutes, clock=clock)
    assert list(tmp_path.iterdir()) == []


def test_no_url_of_a_file_is_written_by_hand() -> None:
    """A path in a URL needs its quoting, so all of them are made at one place."""
    root = Path(__file__).parents[2] / "esworkbench"
    assert [path.name for path in root.rglob("*.py") if 'f"sqlite:///' in path.read_text("utf-8")] == []


@pytest.mark.parametrize(
    ("name", "shows"),
    [
        ("op postgresql://a:Zx9SecretQ@h/d", True), ("postgresql://a:pw1@h/d", True), ("ada password=Zx9", True),
        ("ada:Zx9Secret@h", True), ("Ada", False), ("Ada Lovelace <ada@example.org>", False), ("on-call: ada", False),
        ("used PGPASSWORD=Zx9 psql", True), ("DB_PASSWORD=Zx9", True), ("with MYSQL_PWD = Zx9", True),
        ("dbPasswd=Zx9", True), ("DB_PASS='Zx9'", True), ("compass=north", False), ("passwords are kept", False),
    ],
)  # fmt: skip
def test_an_operators_name_may_show_no_password(name: str, shows: bool) -> None:
    assert shows_a_password(name) is shows
