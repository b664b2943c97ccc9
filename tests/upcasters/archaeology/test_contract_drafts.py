"""Drafted contract tests really run, on events as they were really written, and fail when the reading changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from archaeology_logs import written

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.lab.inherited import legacy_latest_shape
from esworkbench.upcasters.archaeology import (
    ShapedEvent,
    all_events,
    draft_contract_tests,
    map_shapes_to_versions,
    recover_shapes,
)

UNCHANGED = "from esworkbench.lab.inherited import legacy_latest_shape as read\n"
CHANGED = """
from esworkbench.lab.inherited import legacy_latest_shape

def read(recorded):
    shaped = legacy_latest_shape(recorded)
    for each in shaped:
        if each.payload.get("carrier") == "DHL" and b"carrier" not in recorded.payload:
            each.payload["carrier"] = "DHL Express"
    return shaped
"""
PACKAGE = Path(__file__).parents[3]


def run_drafted(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{folder}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False)


def test_they_run_and_catch_a_changed_upcaster(inherited_sqlite: EventStore, tmp_path: Path) -> None:
    with inherited_sqlite.engine.connect() as connection:
        found = recover_shapes(all_events(connection))
    versions = [each for shapes in found.values() for each in map_shapes_to_versions(shapes)]
    text = draft_contract_tests(versions, legacy_latest_shape, "reader:read")
    (tmp_path / "test_drafted.py").write_text(text, encoding="utf-8")
    assert text.count("\ndef test_") == len(versions) == 27
    assert text.count("Reason: unknown origin: do not remove without investigation") == 27

    (tmp_path / "reader.py").write_text(UNCHANGED, encoding="utf-8")
    ran = run_drafted(tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert "54 passed" in ran.stdout

    (tmp_path / "reader.py").write_text(CHANGED, encoding="utf-8")
    ran = run_drafted(tmp_path)
    assert ran.returncode == 1
    failed = {line.split("::")[1].split("[")[0] for line in ran.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {"test_order_shipped_v1"}


def test_awkward_payloads_stand_in_the_text_as_they_were_written() -> None:
    awkward = {"quote": '\'"""\'', "backslash": "\\n{}", "mark": "é日"}
    [only] = map_shapes_to_versions(recover_shapes(written(awkward))["Noted"])
    text = draft_contract_tests([only], lambda recorded: [ShapedEvent("Noted", 2, awkward)], "json:loads")
    compile(text, "drafted", "exec")
    assert repr('{"quote":"\'\\"\\"\\"\'","backslash":"\\\\n{}","mark":"é日"}') in text
    assert text.count("            1,\n") == 1, "an event seen once makes one case"


@pytest.mark.parametrize("reference", ["nothing", "a:b c", ":f", "m:", "m;x:f"])
def test_a_reference_that_names_no_function_is_refused(reference: str) -> None:
    with pytest.raises(UnusableInput, match="module:function"):
        draft_contract_tests([], legacy_latest_shape, reference)
