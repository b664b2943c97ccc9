"""``challenge`` tries the bench on one's own evidence; the report carries its table; ``--require`` is an exit code."""

import json
from pathlib import Path

import pytest
from cli_shell import Shell, fingerprint

from esworkbench.composition import capture
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.findings import Ratio, Shares
from esworkbench.lab import build_incident


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("challenged")
    build_incident(f"sqlite:///{folder / 'bank.db'}", fault="lag", seed=2, scale="small")
    return capture(f"sqlite:///{folder / 'bank.db'}", folder / "evidence", progress=False)


def test_the_table_is_printed_kept_and_carried_by_the_report(
    shell: Shell, evidence: Evidence, tmp_path: Path
) -> None:  # fmt: skip
    """And the evidence and the files beside it, its case too, are what they were."""
    before = fingerprint(evidence.path.parent)
    kept = tmp_path / "challenge.json"
    ran = shell.json(
        "challenge", evidence.path, "--fault", "payload_edited", "--fault", "split_view", "--out", kept
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert fingerprint(evidence.path.parent) == before
    found = ran.document
    assert found == json.loads(kept.read_text("utf-8"))
    assert (found["trials"], found["evidence"]) == (1, evidence.digest)
    tally = found["faults"]["payload_edited"]
    assert (tally["caught"], tally["missed"], tally["mistaken"], list(tally["smallest"].values())) == (1, 0, {}, [1])
    assert [each["fault"] for each in found["undetectable"]] == ["split_view"]
    page = tmp_path / "report.html"
    assert shell("report", evidence.path, "--out", page, "--challenge", kept).code == 0
    for shown in ("payload_edited", "1 throwaway copy", found["undetectable"][0]["why"][:40]):
        assert shown in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is no table of a challenge"),
        (b'{"kind": "esworkbench challenge"}', "is no table of a challenge"),
        (b"[" * 100_000, "is no table of a challenge"),
        (
            json.dumps({"evidence": "0" * 64, "trials": 1, "seed": 0, "faults": {}, "undetectable": [],
                        "not_planted": []}).encode(),
            "is of other evidence",
        ),
        (None, "does not exist"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_this_evidence_is_refused(
    shell: Shell, evidence: Evidence, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    table = tmp_path / "table.json"
    if content is not None:
        table.write_bytes(content)
    ran = shell("report", evidence.path, "--out", tmp_path / "page.html", "--challenge", table)
    assert ran.code == 2
    assert sentence in " ".join(ran.err.split())
    assert not (tmp_path / "page.html").exists()


def test_a_challenge_never_overwrites_somebodys_file(shell: Shell, evidence: Evidence, tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text("mine")
    assert shell("challenge", evidence.path, "--fault", "lag", "--out", mine).code == 2
    assert mine.read_text() == "mine"


def test_what_is_required_is_an_exit_code(shell: Shell, evidence: Evidence) -> None:
    """Lag is healthy, so that alone is 0; where all has to be timely it is not."""
    assert shell("diagnose", evidence.path).code == 0
    assert shell("diagnose", evidence.path, "--require", 0).code == 0
    ran = shell.json("diagnose", evidence.path, "--require", 100)
    assert ran.code == 1
    assert ran.document["shares"]["USD"]["timely"]["of"] < ran.document["shares"]["USD"]["timely"]["over"]
    assert "less than the 100 % required" in ran.err
    assert shell("diagnose", evidence.path, "--require", 101).code == 2


def test_as_much_can_be_required_as_is_printed(shell: Shell, evidence: Evidence) -> None:
    """A share is printed with a decimal point, so that one can be required with it."""
    ran = shell("diagnose", evidence.path, "--require", "99.5")
    assert ran.code in (0, 1)
    assert "99.5 %" in ran.out
    assert shell("diagnose", evidence.path, "--require", "100.5").code == 2


@pytest.mark.parametrize(("required", "is_reached"), [(99.54, True), (99.55, False), (99.5, True), (99, True)])
def test_a_share_that_is_just_what_is_required_reaches_it(required: float, is_reached: bool) -> None:
    """99.54 is no float: times 10,000 it is a little more than 995,400."""
    just = Ratio(9_954, 10_000)
    shares = Shares(cleared=just, timely=just, complete=just, unexplained=Ratio(0, 10_000))
    assert shares.reach(required) is is_reached
