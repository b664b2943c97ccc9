"""Promise 17: what arrives after the capture is added, and nothing that was there is overwritten or lost."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from evidence_sources import STATEMENT, small_bank
from support import START, StepClock

from esworkbench.archive import file_digest
from esworkbench.errors import EvidenceDamaged, UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.evidence.capturing.capture import capture
from esworkbench.evidence.capturing.since import capture_since

CHILD = Path(__file__).with_name("adding_child.py")
FEBRUARY = """account_id,currency,booked_at,reference,amount_minor,balance_minor
a1,USD,2026-02-01T00:00:10Z,d2,100,8600
"""
EUROS = FEBRUARY.replace("a1,USD", "idle,EUR")


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adding")
    url = f"sqlite:///{folder}/bank.db"
    small_bank(url).engine.dispose()
    capture(url, folder / "evidence", progress=False, clock=StepClock(), buckets=2)
    return folder / "evidence"


@pytest.fixture
def evidence(captured: Path, tmp_path: Path) -> Evidence:
    shutil.copytree(captured, tmp_path / "evidence")
    return Evidence.open(tmp_path / "evidence")


@pytest.fixture
def february(tmp_path: Path) -> Path:
    path = tmp_path / "february.csv"
    path.write_text(FEBRUARY, "utf-8")
    return path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_statement_that_is_added_claims_what_it_would_have_claimed_at_the_capture(
    evidence: Evidence, february: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    small_bank(url).engine.dispose()
    shutil.copy(february, tmp_path / "bank.db.outside" / "statements")
    at_once = capture(url, tmp_path / "at-once", progress=False, clock=StepClock(), buckets=2)
    later = add_to(evidence, Additions(statements=[february]))
    for table in ("statements", "assertions"):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert later.rows(query) == at_once.rows(query)
    assert later.manifest.rows == at_once.manifest.rows
    open_agreeing(later.path)


def test_no_file_is_written_again_and_the_manifest_before_is_kept(evidence: Evidence, february: Path) -> None:
    before = bytes_of(evidence.path)
    later = add_to(evidence, Additions(statements=[february]), clock=StepClock())
    after = bytes_of(evidence.path)
    assert {name: content for name, content in after.items() if name in before and name != "manifest.json"} == {
        name: content for name, content in before.items() if name != "manifest.json"
    }
    assert after[f"manifests/{evidence.digest}.json"] == before["manifest.json"]
    assert later.manifest.previous == evidence.digest != later.digest == file_digest(later.path / "manifest.json")
    [added] = later.manifest.added
    assert (added.kind, added.name, added.sha256, added.added_at) == (
        "statement", "february.csv", file_digest(february), START,
    )  # fmt: skip


def test_the_state_before_can_still_be_opened_and_says_what_it_said(evidence: Evidence, february: Path) -> None:
    query = "SELECT file, line FROM statements ORDER BY ALL"
    before = evidence.rows(query)
    add_to(evidence, Additions(statements=[february]))
    then = Evidence.open(evidence.path, earlier=evidence.digest)
    assert (then.rows(query), then.digest) == (before, evidence.digest)
    assert Evidence.open(evidence.path).rows(query) == sorted([*before, ("february.csv", 2)])


def test_what_arrives_again_and_again_is_added_each_time(evidence: Evidence, february: Path, tmp_path: Path) -> None:
    march = tmp_path / "march.csv"
    march.write_text(EUROS, "utf-8")
    second = add_to(add_to(evidence, Additions(statements=[february])), Additions(statements=[march]))
    assert [each.name for each in second.manifest.added] == ["february.csv", "march.csv"]
    assert [digest for digest, _ in second.manifest.earlier(second.path)][-1] == evidence.digest
    open_agreeing(second.path)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("january.csv", FEBRUARY, "holds a statement called 'january.csv' already"),
        ("copy.csv", STATEMENT, "has the very lines of january.csv"),
        ("bad.csv", "account_id\n", "lacks the columns"),
        ("february.csv", FEBRUARY.replace("100,", "1.00,"), "line 2"),
    ],
)
def test_what_is_there_already_or_is_no_statement_changes_nothing(
    evidence: Evidence, tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    before = bytes_of(evidence.path)
    with pytest.raises(UnusableInput, match=words):
        add_to(evidence, Additions(statements=[tmp_path / name]))
    after = bytes_of(evidence.path)
    after.pop(".manifest.json.lock")
    assert after == before
    assert {path.name for path in tmp_path.iterdir()} == {"evidence", name}


def test_two_who_add_at_once_can_not_lose_one_anothers_statement(
    evidence: Evidence, february: Path, tmp_path: Path
) -> None:
    stale = Evidence.open(evidence.path)
    add_to(evidence, Additions(statements=[february]))
    march = tmp_path / "march.csv"
    march.write_text(EUROS, "utf-8")
    with pytest.raises(UnusableInput, match="something else has been added"):
        add_to(stale, Additions(statements=[march]))


@pytest.mark.parametrize(
    ("renames", "when", "is_added"),
    [(1, "before", False), (2, "after", False), (3, "before", False), (4, "before", False), (4, "after", True)],
)
def test_killed_at_any_step_it_is_the_old_evidence_or_the_new(
    evidence: Evidence, february: Path, renames: int, when: str, is_added: bool
) -> None:
    """The renames: the file of statements, that of claims, the manifest that is kept, the manifest."""
    asked = [sys.executable, str(CHILD), str(evidence.path), str(february)]
    killed = subprocess.run([*asked, str(renames), when], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    found = open_agreeing(evidence.path)
    assert (found.digest != evidence.digest) == is_added
    if not is_added:
        assert found.manifest == evidence.manifest
        found = add_to(found, Additions(statements=[february]))
    assert found.rows("SELECT count(*) FROM statements WHERE file = 'february.csv'") == [(1,)]
    assert open_agreeing(evidence.path).manifest.previous == evidence.digest


@pytest.mark.parametrize("damage", ["gone", "changed", "link", "emptied"])
def test_an_addition_whose_earlier_manifest_is_damaged_is_refused(
    evidence: Evidence, february: Path, tmp_path: Path, damage: str
) -> None:
    later = add_to(evidence, Additions(statements=[february]))
    kept = evidence.path / "manifests" / f"{evidence.digest}.json"
    if damage == "changed":
        kept.write_bytes(kept.read_bytes().replace(b'"layout": "esworkbench"', b'"layout": "esworkbenck"'))
    elif damage == "link":
        shutil.move(kept, tmp_path / "kept.json")
        kept.symlink_to(tmp_path / "kept.json")
    elif damage == "gone":
        kept.unlink()
    else:  # somebody took the statements of the capture out, and wrote a manifest that agrees
        path = evidence.path / "statements/part-0.parquet"
        shutil.copy(evidence.path / "order_days/part-0.parquet", path)
        files = later.manifest.files | {"statements/part-0.parquet": file_digest(path)}
        forged = msgspec.structs.replace(later.manifest, files=files)
        (evidence.path / "manifest.json").write_bytes(msgspec.json.encode(forged))
    with pytest.raises(EvidenceDamaged, match=r"manifests|doesn't go on from the manifest"):
        Evidence.open(evidence.path)


def test_a_repaired_stores_new_evidence_keeps_the_statement_that_was_added(
    evidence: Evidence, february: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/bank.db"
    small_bank(url).engine.dispose()
    later = add_to(evidence, Additions(statements=[february]))
    again = capture_since(url, later, tmp_path / "again")
    for table in ("statements", "assertions"):
        query = f"SELECT * FROM {table} ORDER BY ALL"
        assert again.rows(query) == later.rows(query)
    open_agreeing(again.path)


def test_what_a_killed_run_left_beside_the_evidence_goes_with_the_next(evidence: Evidence, february: Path) -> None:
    left = evidence.path.with_name("evidence.adding-0123abcd")
    others = [evidence.path.with_name(name) for name in ("evidence.adding-notes", "evidence2.adding-0123abcd")]
    for each in (left, *others):
        (each / "events").mkdir(parents=True)
    add_to(evidence, Additions(statements=[february]))
    assert (left.exists(), *(each.exists() for each in others)) == (False, True, True)
