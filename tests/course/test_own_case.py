"""A case of one's own: nothing is opened before a verdict is written, and the first one on a seed counts."""

from pathlib import Path

import pytest
from IPython.display import Markdown

from esworkbench.course.drills import own_case as module
from esworkbench.course.drills.begin import SCALE
from esworkbench.course.drills.own_case import FULL, RECORD, close_case
from esworkbench.course.drills.verdict import Claimed
from esworkbench.lab import Incident, build_incident, reveal

SEED = 3


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    shown: list[str] = []

    def show(text: Markdown) -> None:
        assert isinstance(text.data, str)
        shown.append(text.data)

    monkeypatch.setattr(module, "display", show)
    return shown


@pytest.fixture
def incident(sqlite_url: str) -> Incident:
    return build_incident(sqlite_url, fault=None, seed=SEED, scale=SCALE)


def truth(incident: Incident) -> Claimed:
    planted = reveal(incident.url)[0]
    return Claimed(planted.fault, planted.account, planted.event_ids, planted.amount, planted.currency)


def test_the_answer_stays_sealed_until_a_verdict_is_written(
    incident: Incident, said: list[str], tmp_path: Path
) -> None:
    name = truth(incident).fault
    assert close_case(incident, ..., tmp_path) is None
    assert close_case(incident, truth(incident)._replace(fault="bad_luck"), tmp_path) is None
    assert said[0].startswith("No verdict yet")
    assert said[1].startswith("There is no fault `bad_luck`")
    assert name not in said[0]
    assert not (tmp_path / RECORD).exists()


def test_the_right_verdict_earns_every_point_and_is_kept(incident: Incident, said: list[str], tmp_path: Path) -> None:
    assert close_case(incident, truth(incident), tmp_path) == FULL == 70
    assert f"It was **{truth(incident).fault}**" in said[-1]
    assert len((tmp_path / RECORD).read_text().splitlines()) == 1


@pytest.mark.parametrize(("part", "wrong"), [("events", {"events": ["none"]}), ("amount", {"amount": 1})])
def test_a_wrong_part_loses_its_own_points(
    part: str, wrong: dict[str, object], incident: Incident, said: list[str], tmp_path: Path
) -> None:
    assert close_case(incident, truth(incident)._replace(**wrong), tmp_path) == FULL - module.RUBRIC[part][0]
    assert f"| {part} | {module.RUBRIC[part][1]} | 0 of" in said[-1]


def test_the_first_verdict_counts(incident: Incident, said: list[str], tmp_path: Path) -> None:
    close_case(incident, truth(incident)._replace(amount=1), tmp_path)
    assert "counts" not in said[-1]
    (tmp_path / RECORD).write_bytes((tmp_path / RECORD).read_bytes() + b'{"seed":')
    assert close_case(incident, truth(incident), tmp_path) == FULL
    assert f"The first verdict on seed {SEED} counts: it earned **55**" in said[-1]


def test_a_fault_of_the_whole_store_has_no_account(sqlite_url: str, said: list[str], tmp_path: Path) -> None:
    incident = build_incident(sqlite_url, fault="lag", seed=SEED, scale=SCALE)
    assert close_case(incident, truth(incident), tmp_path) == FULL
    assert "of the whole store, at position" in said[-1]
