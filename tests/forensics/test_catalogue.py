"""The catalogue: one fault, one file, one record; and what a record says of other faults and of notebooks is so."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from esworkbench.domains.bank import BANK_EVENT_TYPES
from esworkbench.forensics import diagnosis, repair
from esworkbench.forensics.diagnosis import faults
from esworkbench.forensics.diagnosis.catalogue import FAULTS, detectors
from esworkbench.lab import FAULTS as BUILT_BY_THE_LAB
from tests.ground.tracked import TOP

NOTEBOOKS = sorted(Path(__file__).parents[2].joinpath("notebooks").glob("*.ipynb"))


def test_every_file_of_the_room_is_one_fault_of_the_catalogue() -> None:
    modules = {path.stem for path in Path(faults.__path__[0]).glob("*.py")} - {"__init__"}
    assert modules == set(FAULTS)
    assert len(FAULTS) == 42


@pytest.mark.parametrize("name", FAULTS)
def test_a_record_is_whole(name: str) -> None:
    """Its detector stands in its own file; or it says what evidence a test would take, and not both."""
    fault = FAULTS[name]
    assert fault.meaning
    assert fault.remedy
    module = f"{faults.__name__}.{name}"
    own = [each for each in (fault.by_anchor, fault.detector, fault.by_exclusion) if each is not None]
    assert {each.__module__ for each in own} <= {module}
    assert bool(own) != bool(fault.needs)
    assert fault.repair == "none" or not fault.healthy, "what is healthy needs no repair"


@pytest.mark.parametrize("name", FAULTS)
def test_whoever_is_taken_for_another_is_named_by_it_in_turn(name: str) -> None:
    for other in FAULTS[name].look_alikes:
        assert other != name
        assert name in FAULTS[other].look_alikes, f"{other} doesn't name {name}"


@pytest.mark.parametrize(
    "alike",
    [
        ("never_appended", "handler_bug", "wrong_upcaster"),
        ("twin_dropped", "event_deleted"),
        ("tail_truncated", "restored_read_model"),
        ("payload_edited", "serialization_drift"),
        ("retry_duplicate", "twin_dropped"),
        ("gap_skipped", "twin_dropped"),
        ("lag", "gap_skipped"),
        ("restored_read_model", "manual_edit"),
        ("rehashed_history", "manual_edit"),
        ("rehashed_history", "bad_snapshot"),
        ("handler_bug", "manual_edit"),
        ("clamped_balance", "manual_edit"),
        ("rounding", "manual_edit"),
        ("reordered", "bad_snapshot"),
        ("half_transfer", "never_appended"),
        ("clock_skew", "gap_skipped"),
        ("row_lost", "gap_skipped", "manual_edit"),
    ],
    ids="-".join,
)
def test_the_pairs_that_are_hard_to_tell_apart_name_each_other(alike: tuple[str, ...]) -> None:
    for name in alike:
        assert set(alike) - {name} <= set(FAULTS[name].look_alikes)


def test_what_only_exclusion_names_is_asked_after_every_signature() -> None:
    asked = [detector for _, detector in detectors()]
    excluding = [fault.by_exclusion for fault in FAULTS.values() if fault.by_exclusion]
    assert asked[-len(excluding) :] == excluding
    assert len(asked) == len(set(asked))


def test_whatever_the_lab_builds_is_in_the_catalogue() -> None:
    assert set(BUILT_BY_THE_LAB) - {"none"} <= set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_notebook_is_named_exactly_where_one_shows_the_fault(name: str) -> None:
    showing = {path.stem for path in NOTEBOOKS if name in shown_in(path)}
    notebook = FAULTS[name].notebook
    assert notebook in showing or (notebook is None and not showing)


def test_no_room_that_serves_strangers_names_an_event_type_of_the_bank() -> None:
    """What a remedy or a proof calls an event, the ledger in the evidence called it first."""
    types = re.compile(rf"\b({'|'.join(sorted(BANK_EVENT_TYPES.names()))})\b")
    for room in (diagnosis, repair):
        for path in Path(room.__path__[0]).rglob("*.py"):
            assert types.findall(path.read_text(encoding="utf-8")) == [], path


@cache
def shown_in(path: Path) -> set[str]:
    """Faults that a notebook's code asks for by name, or that a cell prints by name and not as a plain word."""
    shown: set[str] = set()
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code" or "predict(" in "".join(cell["source"]):
            continue  # a name that stands there to be chosen shows no fault
        shown |= strings_of("".join(cell["source"]))
        printed = json.dumps(cell["outputs"], ensure_ascii=False)
        shown |= {name for name in FAULTS if "_" in name and re.search(rf"\b{name}\b", printed)}
        shown |= {name for name in FAULTS if re.search(rf"'{name}'(?!:)", printed)}
    return shown & set(FAULTS)


def strings_of(code: str) -> set[str]:
    """String literals of a cell, its magics left out."""
    lines = [line for line in code.splitlines() if not line.lstrip().startswith(("%", "!"))]
    tree = ast.parse("\n".join(lines))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_readme_says_how_many_faults_have_a_test() -> None:
    tested = sum(1 for fault in FAULTS.values() if fault.detector or fault.by_exclusion)
    assert f"of {len(FAULTS)} faults, {tested} of them with a test today" in (TOP / "README.md").read_text("utf-8")
