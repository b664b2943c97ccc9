"""Crafted or damaged evidence is refused in a sentence, or answers as before (promise 13).

Every trial spoils a copy of good evidence, by a byte, a cell, a file, a field of the manifest or of the ledger, and
asks it everything. Where a forger writes the hashes anew, an answer may change only if ``verify`` says that something
is wrong; and where he changes what has no second source (what read models claimed), ``verify`` says so.
"""

import contextlib
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from evidence_sources import small_bank

from esworkbench.archive import SCHEMAS, bucket_of, file_digest
from esworkbench.cli import run
from esworkbench.evidence import Evidence, capture

FILE_LEDGER = b"""
name = "file"
[file]
currency = "CHF"
date_format = "%Y-%m-%d"
order = "file"
[file.columns]
id = "id"
account = "account"
date = "date"
amount = "amount"
balance = "balance"
"""
LINES = (
    "id,account,date,amount,balance\n1,a1,2026-01-01,100.00,100.00\n2,a1,2026-01-02,5.00,105.00\n3,b,2026-01-02,1,1\n"
)

ONLY_CLAIMED = {"assertions", "checkpoint_log", "dead_letters", "order_days", "snapshots", "oddities"}
"""Tables with no second source: another copy of the read models, or the digest, would have to speak."""

Answers = dict[str, tuple[int, Any]]


class Sample:
    """Good evidence, the store it is from, and what it answers."""

    def __init__(self, evidence: Path, url: str) -> None:
        self.evidence = evidence
        self.url = url
        self.answers = self.asked(evidence)

    def asked(self, evidence: Path) -> Answers:
        """What every command answers, and with which exit code; ``refused`` in place of a refusal's words."""
        commands = {
            "diff": ["diff", evidence],
            "bisect": ["bisect", evidence, "--account", "a1"],
            "replay": ["replay", evidence, "--account", "a1"],
            "diagnose": ["diagnose", evidence],
            "report": ["report", evidence, "--out", evidence.parent / "report.html"],
            "repair": ["repair", evidence, "--store", self.url, "--operator", "me"],
            "verify": ["verify", evidence],
        }
        return {name: _answer([*map(str, given), "--json"], evidence) for name, given in commands.items()}


def _answer(command: list[str], evidence: Path) -> tuple[int, Any]:
    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = run(command)
    assert code in (0, 1, 2), f"{command[0]} ended with {code}:\n{told.getvalue()}"
    if code == 2:
        sentence = json.loads(out.getvalue())["error"]
        assert sentence
        assert "Traceback" not in told.getvalue()
        return 2, "refused"
    digest = file_digest(evidence / "manifest.json")
    plain = (
        out.getvalue().replace(str(evidence.parent), "HERE").replace(digest, "DIGEST").replace(digest[:16], "DIGEST")
    )
    document = json.loads(plain)
    document.pop("unprovable", None)
    document.get("ledger", {}).pop("origin", None)  # says where the ledger lay, which a copy elsewhere doesn't change
    return code, document


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("bank")
    url = f"sqlite:///{folder / 'bank.db'}"
    small_bank(url).engine.dispose()
    return Sample(capture(url, folder / "evidence", buckets=2, progress=False).path, url)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("file")
    (folder / "rows.csv").write_text(LINES, "utf-8")
    (folder / "ledger.toml").write_bytes(FILE_LEDGER)
    evidence = capture(
        str(folder / "rows.csv"), folder / "evidence", ledger=folder / "ledger.toml", buckets=2, progress=False
    )
    return Sample(evidence.path, f"sqlite:///{folder / 'none.db'}")


@pytest.fixture(params=["bank", "file"])
def sample(request: pytest.FixtureRequest) -> Sample:
    found: Sample = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def spoilt(sample: Sample, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(sample.evidence, tmp_path / "evidence"))


def hash_anew(evidence: Path) -> None:
    """As a forger would."""
    path = evidence / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    content["files"] = {name: file_digest(evidence / name) for name in content["files"]}
    if content["judged_by"]:
        content["judged_by"]["sha256"] = content["files"]["ledger.toml"]
    path.write_text(json.dumps(content), "utf-8")


def sentenced(answers: Answers) -> bool:
    """Whether ``verify`` refuses, or names a break."""
    code, document = answers["verify"]
    return code == 2 or bool(document["breaks"])


def files(evidence: Path) -> list[Path]:
    return sorted(path for path in evidence.rglob("*") if path.is_file())


def with_rows(evidence: Path) -> list[Path]:
    return [path for path in files(evidence) if path.suffix == ".parquet" and pq.read_metadata(path).num_rows]


def any_byte(evidence: Path, rnd: random.Random) -> None:
    path = rnd.choice([path for path in files(evidence) if path.name != "manifest.json"])
    content = bytearray(path.read_bytes())
    place = rnd.randrange(len(content))
    content[place] ^= 1 << rnd.randrange(8)
    path.write_bytes(content)


def cut_short(evidence: Path, rnd: random.Random) -> None:
    path = rnd.choice(files(evidence))
    content = path.read_bytes()
    path.write_bytes(content[: rnd.randrange(len(content))])


def a_file_gone(evidence: Path, rnd: random.Random) -> None:
    rnd.choice(files(evidence)).unlink()


def two_files_changed_about(evidence: Path, rnd: random.Random) -> None:
    one, other = rnd.sample([path for path in files(evidence) if path.suffix == ".parquet"], 2)
    first, second = one.read_bytes(), other.read_bytes()
    if first != second:
        one.write_bytes(second)
        other.write_bytes(first)


NOT_HASHED_ANEW = [any_byte, cut_short, a_file_gone, two_files_changed_about]


@pytest.mark.parametrize("spoil", NOT_HASHED_ANEW)
def test_a_file_that_changed_is_refused(sample: Sample, spoilt: Path, spoil: Callable[..., None]) -> None:
    spoil(spoilt, random.Random(7))
    answers = sample.asked(spoilt)
    assert {code for code, _ in answers.values()} == {2} or answers == sample.answers


OTHER_VALUES: dict[pa.DataType, list[Any]] = {
    pa.int64(): [None, 0, -1, 1, 4723, 2**53, 2**63 - 1, -(2**63)],
    pa.int32(): [None, 0, -1, 7, 2**31 - 1],
    pa.bool_(): [None, True, False],
    pa.string(): [None, "", "a1", "a2", "USD", "head", "{}", "{", "[1]", "\x00", "é\u202e", "9" * 500, "0" * 64],
    pa.date32(): [None, date(1, 1, 1), date(2026, 1, 9), date(9999, 12, 31)],
    SCHEMAS["events"].field("recorded_at").type: [
        None, datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC), 2**62, -(2**62),
    ],
}  # fmt: skip


def a_cell(evidence: Path, rnd: random.Random) -> str:
    """Another value in one cell of any table; the table's name."""
    path = rnd.choice(with_rows(evidence))
    table = pq.read_table(path, partitioning=None)
    name = rnd.choice(table.column_names)
    kind = table.column(name).type
    whole = pa.types.is_timestamp(kind)
    column = (table.column(name).cast(pa.int64()) if whole else table.column(name)).to_pylist()
    other = rnd.choice(OTHER_VALUES[kind])
    column[rnd.randrange(len(column))] = int(other.timestamp()) * 10**6 if isinstance(other, datetime) else other
    made = pa.array(column, pa.int64()).cast(kind) if whole else pa.array(column, kind)
    pq.write_table(table.set_column(table.column_names.index(name), name, made), path)
    return path.relative_to(evidence).parts[0]


def a_row(evidence: Path, rnd: random.Random) -> str:
    """One row left out, or there twice, with the manifest's count as it should be."""
    path = rnd.choice(with_rows(evidence))
    table = pq.read_table(path, partitioning=None)
    row = rnd.randrange(table.num_rows)
    without = pa.concat_tables([table.slice(0, row), table.slice(row + 1)])
    changed = rnd.choice([without, pa.concat_tables([table, table.slice(row, 1)])])
    pq.write_table(changed, path)
    name = path.relative_to(evidence).parts[0]
    manifest = json.loads((evidence / "manifest.json").read_text("utf-8"))
    manifest["rows"][name] += changed.num_rows - table.num_rows
    (evidence / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return name


def buckets_changed_about(evidence: Path, rnd: random.Random) -> str:
    name = rnd.choice(["events", "postings", "assertions"])
    zero, one = evidence / name / "bucket=0", evidence / name / "bucket=1"
    zero.rename(evidence / "aside")
    one.rename(zero)
    (evidence / "aside").rename(one)
    return "buckets"


def a_byte(evidence: Path, rnd: random.Random) -> str:
    path = rnd.choice(with_rows(evidence))
    content = bytearray(path.read_bytes())
    content[rnd.randrange(len(content))] = rnd.randrange(256)
    path.write_bytes(content)
    return path.relative_to(evidence).parts[0]


FORGED = [a_cell, a_cell, a_cell, a_row, buckets_changed_about, a_byte]


def try_forgery(sample: Sample, spoilt: Path, seed: int) -> None:
    rnd = random.Random(seed)
    where = rnd.choice(FORGED)(spoilt, rnd)
    hash_anew(spoilt)
    answers = sample.asked(spoilt)
    unseen = answers != sample.answers and not sentenced(answers)
    assert not unseen or where in ONLY_CLAIMED, f"seed {seed}: {where} was changed, and nothing shows it"


@pytest.mark.parametrize("seed", range(2))
def test_a_forged_table_changes_no_answer_unseen(sample: Sample, spoilt: Path, seed: int) -> None:
    try_forgery(sample, spoilt, seed)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(1000, 1400))
def test_many_forged_tables_change_no_answer_unseen(sample: Sample, spoilt: Path, seed: int) -> None:
    try_forgery(sample, spoilt, seed)


ODD = [None, True, -1, 0, 1, 3, 2.5, 10**25, "", "x", [], {}, [[1]], {"a": {}}, "0" * 64, ["a"] * 50]
FREE_TEXT = {"source", "layout", "tool_version", "domain", "previous", "origin", "server_time", "name"}
"""What only the digest pins: names, and when the capture was."""


def places(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield (*at, key)
        yield from places(value, (*at, key))


def try_manifest(sample: Sample, spoilt: Path, seed: int) -> None:
    rnd = random.Random(seed)
    path = spoilt / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    where = rnd.choice([place for place in places(content) if place[0] != "files" or rnd.random() < 0.1])
    holder = content
    for key in where[:-1]:
        holder = holder[key]
    if rnd.random() < 0.2:
        del holder[where[-1]]
    else:
        holder[where[-1]] = rnd.choice(ODD)
    path.write_text(json.dumps(content), "utf-8")
    answers = sample.asked(spoilt)
    unseen = answers != sample.answers and not sentenced(answers)
    assert not unseen or FREE_TEXT & set(where), (
        f"seed {seed}: {where} of the manifest was changed, and nothing shows it"
    )


@pytest.mark.parametrize("seed", range(2))
def test_an_edited_manifest_changes_no_answer_unseen(sample: Sample, spoilt: Path, seed: int) -> None:
    try_manifest(sample, spoilt, seed)


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(2000, 2400))
def test_many_edited_manifests_change_no_answer_unseen(sample: Sample, spoilt: Path, seed: int) -> None:
    try_manifest(sample, spoilt, seed)


COUNTS = {"exact": 1, "rounded": 0, "unresolved": 0, "ambiguous": 0}


@pytest.mark.parametrize("field", ["order", "unposted", "problems", "problem_count"])
def test_what_the_manifest_counts_follows_from_the_tables(sample: Sample, spoilt: Path, field: str) -> None:
    path = spoilt / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    problem = {"what": "odd", "stream_id": "s", "version": 1, "event_id": "e"}
    content[field] = {"order": COUNTS, "unposted": {"X v1": 1}, "problems": [problem], "problem_count": 1}[field]
    path.write_text(json.dumps(content), "utf-8")
    assert sentenced(sample.asked(spoilt))


def test_an_edited_ledger_that_posts_otherwise_is_refused(bank: Sample, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(bank.evidence, tmp_path / "evidence"))
    ledger = spoilt / "ledger.toml"
    ledger.write_text(ledger.read_text("utf-8").replace("sign = -1", "sign = 1", 1), "utf-8")
    hash_anew(spoilt)
    answers = bank.asked(spoilt)
    assert {name for name, (code, _) in answers.items() if code == 2} == set(answers) - {"verify"}
    assert {found["kind"] for found in answers["verify"][1]["breaks"]} == {"posting"}


def test_what_only_the_digest_pins_is_said(bank: Sample) -> None:
    """A forged claim agrees with all the rest: the digest alone is another."""
    told = _unprovable(bank.evidence)
    assert any("noted at the capture" in said and Evidence.open(bank.evidence).digest in said for said in told)


def _unprovable(evidence: Path) -> list[str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        run(["verify", str(evidence), "--json"])
    found: list[str] = json.loads(out.getvalue())["unprovable"]
    return found


def test_forged_postings_are_named_by_their_event(bank: Sample, tmp_path: Path) -> None:
    spoilt = Path(shutil.copytree(bank.evidence, tmp_path / "evidence"))
    path = spoilt / "postings" / f"bucket={bucket_of('a1', 2)}" / "part-0.parquet"
    table = pq.read_table(path, partitioning=None)
    amounts = [amount + 4723 if row == 0 else amount for row, amount in enumerate(table["amount_minor"].to_pylist())]
    place = table.column_names.index("amount_minor")
    pq.write_table(table.set_column(place, "amount_minor", pa.array(amounts, pa.int64())), path)
    hash_anew(spoilt)
    code, document = bank.asked(spoilt)["verify"]
    assert code == 1
    assert {(found["kind"], found["event_id"]) for found in document["breaks"]} == {
        ("posting", table["event_id"][0].as_py())
    }
