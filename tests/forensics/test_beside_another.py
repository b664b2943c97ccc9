"""A second fault in one bank hides no first: what is known of the one is counted where the other shows (promise 15)."""

from pathlib import Path

import pytest

from esworkbench.composition import capture
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis
from esworkbench.lab import build_incident, reveal
from esworkbench.lab.incidents.sealed import PlantedFault


def diagnosed(folder: Path, *faults: str, seed: int) -> tuple[Diagnosis, list[PlantedFault]]:
    url, key = f"sqlite:///{folder / 'bank.db'}", folder / "answer.key"
    build_incident(url, faults=faults, seed=seed, scale="small", key_file=key)
    return diagnose(capture(url, folder / "evidence", progress=False)), reveal(url, key_file=key)


@pytest.mark.parametrize("other", ["payload_edited", "event_deleted", "manual_edit"])
def test_a_reader_behind_is_told_beside_what_is_wrong_with_what_it_has_read(other: str, tmp_path: Path) -> None:
    diagnosis, planted = diagnosed(tmp_path, "lag", other, seed=3)
    [lag] = [each for each in planted if each.fault == "lag"]
    [told] = [each for each in diagnosis.findings if each.fault == "lag"]
    assert sorted(told.event_ids) == sorted(lag.event_ids)
    assert told.healthy
    assert {each.fault for each in diagnosis.unhealthy} >= {other}


def test_a_figure_that_was_rebuilt_before_an_event_was_lost_still_counts_it(tmp_path: Path) -> None:
    """The release of a handler came with a rebuild; what was cut off later was read by then."""
    diagnosis, planted = diagnosed(tmp_path, "handler_bug", "tail_truncated", seed=14)
    bugs = {(each.account, each.amount) for each in planted if each.fault == "handler_bug"}
    told = {(each.account, each.amount) for each in diagnosis.findings if each.fault == "handler_bug"}
    assert told == bugs
    assert diagnosis.unexplained == []


@pytest.mark.parametrize("seed", [1, 2])
def test_a_broken_rule_is_told_where_a_read_model_alone_is_off(seed: int, tmp_path: Path) -> None:
    """The history tells of every event as the log does, so that the figure is wrong says nothing against the log."""
    diagnosis, _ = diagnosed(tmp_path, "lost_update", "double_apply", seed=seed)
    assert "lost_update" in {each.fault for each in diagnosis.findings}
