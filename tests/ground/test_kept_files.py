"""Promise 17: what a killed process left half written goes at the next start, and nothing else does."""

import fcntl
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from esworkbench.archive.duckdb_connection import SPILL
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors.keys import create_key
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.events import utc_now
from esworkbench.forensics.challenge.challenge import FOLDER
from esworkbench.kept_files import partial_beside, remove_partials, replace_whole, throwaway_folder
from tests.support import new_event

UUID = "0123456789ab4def8123456789abcdef"
PEOPLES = (
    ".{}.partial-20261201", ".{}.partial-mine", ".{}.partial-" + UUID.upper(), ".{}.partial-" + UUID + ".bak",
    "{}.partial-" + UUID, ".old {}.partial-" + UUID, ".{}.partial", ".{}.partial-0123456789ab0def8123456789abcdef",
)  # fmt: skip
"""What somebody may call a file of their own, beside one of that name."""


def peoples_files(folder: Path, *names: str) -> list[Path]:
    paths = [folder / each.format(name) for name in names for each in PEOPLES]
    for path in paths:
        path.write_text("mine")
    for name in names:
        (folder / f".{name}.partial-{UUID[:-1]}0").mkdir()
        (folder / f".{name}.partial-{UUID[:-1]}1").symlink_to(paths[0])
        paths += [folder / f".{name}.partial-{UUID[:-1]}0", folder / f".{name}.partial-{UUID[:-1]}1"]
    return paths


def killed(code: str, *given: object) -> None:
    """Run until it kills itself, as anybody may be killed."""
    begin = "import os, signal, sys\ndie = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    ran = subprocess.run([sys.executable, "-c", begin + code, *map(str, given)], check=False, capture_output=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr


def hidden(folder: Path, but: list[Path] | None = None) -> list[str]:
    left = set(folder.iterdir()) - set(but or [])
    return sorted(each.name for each in left if ".partial-" in each.name)


WRITES = """
from pathlib import Path
from esworkbench.cli.output_files import CHALLENGE, write_output
os.fsync = die
write_output(Path(sys.argv[1]), CHALLENGE.mark + b"}", CHALLENGE)
"""


def test_half_an_output_of_a_killed_command_goes_with_the_next(tmp_path: Path) -> None:
    from esworkbench.cli.output_files import CHALLENGE, write_output

    out = tmp_path / "table.json"
    mine = peoples_files(tmp_path, "table.json")
    killed(WRITES, out)
    other = tmp_path / "another.json"
    killed(WRITES, other)
    [left, others] = sorted(hidden(tmp_path, mine), key=lambda name: "another" in name)
    write_output(out, (CHALLENGE.mark or b"") + b"}", CHALLENGE)
    assert hidden(tmp_path, mine) == [others], "that of another file is that file's"
    assert all(each.is_symlink() or each.exists() for each in mine)
    assert left != others


def test_what_somebody_is_writing_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with partial_beside(path) as (partial, file):
        replace_whole(path, b"other")
        assert partial.exists()
        file.write(b"x")
    assert not partial.exists()
    assert path.read_bytes() == b"other"


def test_a_long_name_has_room_for_a_hidden_one(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 120)
    replace_whole(path, b"whole")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_whoever_looks_while_a_file_is_made_gets_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making a file and holding it, it looks like one that was left."""
    real: Callable[..., Any] = fcntl.flock
    looked: list[Path] = []

    def late(descriptor: int, how: int) -> None:
        if not looked:
            looked.extend(tmp_path.iterdir())
            remove_partials(tmp_path, "a")
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    replace_whole(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert len(looked) == 1
    assert not looked[0].exists()


ANCHORS = """
from pathlib import Path
from esworkbench.event_store import EventStore
from esworkbench.event_store.anchors import files
from esworkbench.event_store.anchors.keys import load_key
from esworkbench.event_store.anchors.write import take_anchor
from esworkbench.events import utc_now
url, outside, key, step = sys.argv[1:]
if step == "leaves":
    os.fsync = die
elif step == "anchor":
    files._name_once = die
else:
    files.keep = die
    import esworkbench.event_store.anchors.write as write
    write.keep = die
take_anchor(EventStore.open(url, create=False), Path(outside), load_key(Path(key)), clock=utc_now)
"""


@pytest.mark.parametrize("step", ["leaves", "anchor", "between"])
def test_half_an_anchor_of_a_killed_run_goes_with_the_next(step: str, tmp_path: Path) -> None:
    url, outside = f"sqlite:///{tmp_path / 'bank.db'}", tmp_path / "outside"
    store = EventStore.open(url)
    store.append("stream", [new_event()] * 3, expected_version=0)
    key = create_key(tmp_path / "key.pem")
    folder = outside / "anchors"
    folder.mkdir(parents=True)
    mine = peoples_files(folder, "leaves", "00000000000000000003.json")
    (folder / f".notes.json.partial-{UUID}").write_text("mine")
    killed(ANCHORS, url, outside, tmp_path / "key.pem", step)
    assert len(hidden(folder, mine)) == 2, "what was killed left something"
    with partial_beside(folder / "00000000000000000003.tsr") as (held, _):
        assert take_anchor(store, outside, key, clock=utc_now).taken is not None
        assert hidden(folder, mine) == sorted([f".notes.json.partial-{UUID}", held.name])
    store.engine.dispose()
    assert all(each.is_symlink() or each.exists() for each in mine)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


SPILLS = """
from esworkbench.archive.duckdb_connection import connect_duckdb, spill_folder
spill = spill_folder() / "of evidence"
database = connect_duckdb(memory_limit="16MB", temp_directory=str(spill), threads="1")
database.execute("SET enable_progress_bar = false")
database.execute("CREATE TABLE t AS SELECT hash(i)::VARCHAR AS h, hash(i + 1)::VARCHAR AS g FROM range(600000) t(i)")
print(len(list(spill.iterdir())), flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_spilled_goes_with_the_next_that_spills_and_a_living_ones_stays(temporary: Path) -> None:
    mine = [temporary / f"{SPILL}notes", temporary / f"{SPILL}{UUID}", temporary / f"esworkbench-{UUID}"]
    for each in mine:
        each.mkdir()
        (each / "notes.txt").touch()
    (mine[0] / "lock").touch()
    lives = []
    for _ in range(2):
        life = subprocess.Popen(
            [sys.executable, "-c", f"import sys\n{SPILLS}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        lives.append(life)
        assert life.stdout is not None
        assert int(life.stdout.readline()) > 0, "it has spilled"
    dead, alive = lives
    dead.kill()
    dead.communicate()
    folders = set(temporary.glob(f"{SPILL}*")) - set(mine)
    assert len(folders) == 2
    with throwaway_folder(SPILL) as own:
        [left] = set(temporary.glob(f"{SPILL}*")) - set(mine) - {own}
        assert left in folders
        assert any((left / "of evidence").iterdir())
    alive.communicate()
    assert alive.returncode == 0
    assert set(temporary.iterdir()) == set(mine)
    assert all((each / "notes.txt").exists() for each in mine)


CHALLENGES = f"""
from esworkbench.kept_files import throwaway_folder
with throwaway_folder({FOLDER!r}) as folder:
    (folder / "copy").mkdir()
    die()
"""


def test_copies_that_a_killed_challenge_left_are_removed_and_a_living_ones_stay(temporary: Path) -> None:
    with throwaway_folder(FOLDER) as alive:
        killed(CHALLENGES)
        assert len(list(temporary.iterdir())) == 2
        with throwaway_folder(FOLDER) as own:
            assert set(temporary.iterdir()) == {alive, own}
    assert list(temporary.iterdir()) == []
