"""A script stands at its point until it is killed or let go on: what comes after the point then happened, or didn't."""

from pathlib import Path

import pytest

from esworkbench.event_store import EventStore
from esworkbench.lab.processes.killed_script import run_script

SCRIPT = """
import sys
from pathlib import Path
from esworkbench.lab.processes.killed_script import stand_at, url_from_parent
url = url_from_parent()
stand_at("the point")
Path(sys.argv[1]).write_text(url)
"""
BEFORE_A_STATEMENT = """
from sqlalchemy import text
from esworkbench.event_store import open_database
from esworkbench.lab.processes.killed_script import stand_before, url_from_parent
engine = open_database(url_from_parent())
stand_before(engine, "CREATE TABLE reached")
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE reached (a INTEGER)"))
"""

BETWEEN_TWO_WRITES = """
import sys
from pathlib import Path
from esworkbench.lab.processes.killed_script import stand_between
folder = Path(sys.argv[1])
first, second = stand_between(lambda _: (folder / "first").touch(), lambda _: (folder / "second").touch())
second(None)
first(None)
"""


def written(folder: Path, text: str) -> Path:
    script = folder / "script.py"
    script.write_text(text)
    return script


@pytest.mark.parametrize("kill", [True, False])
def test_it_stands_at_its_point_and_its_parent_decides(tmp_path: Path, kill: bool) -> None:
    after = tmp_path / "after"
    assert run_script(written(tmp_path, SCRIPT), ["sqlite:///x"], str(after), kill=kill) == "the point"
    assert after.exists() != kill
    assert kill or after.read_text() == "sqlite:///x"


@pytest.mark.parametrize("kill", [True, False])
def test_what_a_script_prints_is_no_point(tmp_path: Path, kill: bool) -> None:
    after = tmp_path / "after"
    printing = 'print("the first batch")\nprint("and so", end=" ")\n' + SCRIPT + 'print("done")\n'
    assert run_script(written(tmp_path, printing), ["sqlite:///x"], str(after), kill=kill) == "the point"
    assert after.exists() != kill


def test_it_stands_before_a_statement_is_sent(store_url: str, tmp_path: Path) -> None:
    EventStore.open(store_url).engine.dispose()
    script = written(tmp_path, BEFORE_A_STATEMENT)
    # The second would fail if the first had made the table.
    for kill in (True, False):
        assert run_script(script, [store_url], kill=kill) == "before CREATE TABLE reached"


@pytest.mark.parametrize("kill", [True, False])
def test_it_stands_before_the_second_write_whichever_that_is(tmp_path: Path, kill: bool) -> None:
    assert run_script(written(tmp_path, BETWEEN_TWO_WRITES), [], str(tmp_path), kill=kill) == "between the two"
    assert (tmp_path / "second").exists()
    assert (tmp_path / "first").exists() != kill


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "before it reached"), ("print('hello')", "before it reached"), (SCRIPT + "\n1 / 0", "and failed")],
)
def test_a_script_that_goes_wrong_is_noticed(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RuntimeError, match=says):
        run_script(written(tmp_path, text), ["sqlite:///x"], str(tmp_path / "after"), kill=False)
