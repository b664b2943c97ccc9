"""Evidence, opened again: refused where it isn't whole, and exact in what it says."""

import gc
import re
import tempfile
from pathlib import Path

import pytest
from evidence_sources import small_bank

from esworkbench.composition import capture
from esworkbench.errors import EvidenceDamaged, UnknownAccount, UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence import evidence as opened
from esworkbench.evidence.adding import Additions, add_to


@pytest.fixture
def evidence(sqlite_url: str, tmp_path: Path) -> Evidence:
    small_bank(sqlite_url).engine.dispose()
    return capture(sqlite_url, tmp_path / "evidence", progress=False)


def test_it_opens_as_it_was_captured(evidence: Evidence) -> None:
    again = Evidence.open(evidence.path)
    assert again.manifest == evidence.manifest
    assert again.ledger == evidence.ledger
    assert again.digest == evidence.digest
    assert again.postings("a1") == evidence.postings("a1")


def test_every_table_has_a_view_and_each_connection_its_own_results(evidence: Evidence) -> None:
    one, other = evidence.connection(), evidence.connection()
    first = one.execute("SELECT position FROM events ORDER BY position")
    other.execute("SELECT 'elsewhere'")
    assert first.fetchone() == (1,)
    for table, rows in evidence.manifest.rows.items():
        assert one.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)
    assert "bucket" not in [column[0] for column in one.execute("SELECT * FROM events").description or ()]


def test_times_are_shown_in_utc_wherever_it_is_opened(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    found = evidence.connection().execute("SELECT min(recorded_at)::VARCHAR FROM events").fetchone()
    assert found == ("2026-01-01 00:00:00+00",)


def test_a_truncated_parquet_file_is_named(evidence: Evidence) -> None:
    path = evidence.path / "checkpoints" / "part-0.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(EvidenceDamaged, match=r"checkpoints/part-0\.parquet has changed since capture"):
        Evidence.open(evidence.path)
    with pytest.raises(EvidenceDamaged, match="can't be read"):
        Evidence.open(evidence.path, verify=False).connection()


def test_a_place_without_evidence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="does not exist"):
        Evidence.open(tmp_path / "nowhere")
    with pytest.raises(EvidenceDamaged, match="is not evidence"):
        Evidence.open(tmp_path)


def test_an_account_that_nothing_names_is_unknown(evidence: Evidence) -> None:
    assert evidence.currencies("idle") == ["EUR"]
    with pytest.raises(UnknownAccount, match="names account 'nobody'"):
        evidence.currencies("nobody")


STATEMENT_HEADER = "account_id,currency,booked_at,reference,amount_minor,balance_minor\n"
STATEMENT_LINE = "a1,USD,2026-01-01T00:00:00Z,r,1,1\n"
YEARS = "line 2: booked_at .* isn't within the years 1 to 9999"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("account_id,currency\n", "lacks the columns booked_at, reference"),
        (STATEMENT_HEADER + "a1,USD,2026-01-01T00:00:00,r,1,1\n", "line 2: booked_at .* has no offset"),
        (STATEMENT_HEADER + "a1,USD,yesterday,r,1,1\n", "line 2: booked_at .yesterday. is no time"),
        (STATEMENT_HEADER + "a1,USD,2026-01-01T00:00:00Z,r,1.5,1\n", "line 2: amount_minor .1.5. is no whole number"),
        (STATEMENT_HEADER + "a1,USD,2026-01-01T00:00:00Z,r\n", "line 2 has 2 fields too few"),
        (STATEMENT_HEADER + "a1,USD,2026-01-01T00:00:00Z,r,1,000,1000\n", "line 2 has 1 fields too many"),
        (STATEMENT_HEADER + STATEMENT_LINE + STATEMENT_LINE.replace("\n", ",\n"), "line 3 has 1 fields too many"),
        (STATEMENT_HEADER.replace("\n", ",balance_minor\n"), "line 1: the column 'balance_minor' is there more than"),
        (STATEMENT_HEADER.replace("\n", ",note,note\n"), "line 1: the column 'note' is there more than once"),
        (STATEMENT_HEADER + STATEMENT_LINE.replace("a1", " "), "line 2: account_id is empty"),
        (STATEMENT_HEADER + STATEMENT_LINE.replace("USD", ""), "line 2: currency is empty"),
        (
            "currency,booked_at,reference,amount_minor,balance_minor,account_id\nUSD,2026-01-01T00:00:00Z,r,1,1",
            "line 2 has 1 fields too few; where the file breaks off",
        ),
        (STATEMENT_HEADER + STATEMENT_LINE.replace("2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"), YEARS),
        (STATEMENT_HEADER + STATEMENT_LINE.replace("2026-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"), YEARS),
    ],
)
def test_a_bad_statement_is_one_sentence(sqlite_url: str, tmp_path: Path, text: str, words: str) -> None:
    small_bank(sqlite_url).engine.dispose()
    (tmp_path / "bank.db.outside" / "statements" / "bad.csv").write_text(text, encoding="utf-8")
    taken = capture(sqlite_url, tmp_path / "evidence", progress=False)
    (problem,) = taken.manifest.problems
    assert re.search(rf"bad\.csv.*{words}", problem.what)
    assert taken.rows("SELECT count(*) FROM statements WHERE file = 'bad.csv'") == [(0,)]
    with pytest.raises(UnusableInput, match=rf"bad\.csv.*{words}"):
        add_to(taken, Additions(statements=[tmp_path / "bank.db.outside" / "statements" / "bad.csv"]))


def test_more_than_fits_in_its_memory_is_sorted_all_the_same_and_nothing_stays(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spilled"))
    (tmp_path / "spilled").mkdir()
    monkeypatch.setattr(opened, "MEMORY", "100MB")
    again = Evidence.open(evidence.path)
    long = "SELECT md5(number::VARCHAR) AS text FROM range(3000000) AS numbers(number) ORDER BY text"
    [(first,)] = again.rows(f"SELECT text FROM ({long} OFFSET 1000) LIMIT 1")
    assert len(first) == 32
    again.rows(f"CREATE TEMP TABLE sorted AS {long}")
    assert list((tmp_path / "spilled").iterdir())
    del again
    gc.collect()
    assert not list((tmp_path / "spilled").iterdir())


def test_what_spilling_cannot_help_gets_the_memory_there_is(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "MEMORY", "20MB")
    again = Evidence.open(evidence.path)
    assert again.rows("SELECT len(list(md5(number::VARCHAR))) FROM range(1000000) AS numbers(number)") == [(1000000,)]
