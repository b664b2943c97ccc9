"""The benchmarks still run, and tell a contender that didn't do its work from a fast one."""

import json
from pathlib import Path

import pytest

from benchmarks import databases as databases_module
from benchmarks import peer
from benchmarks.__main__ import measure
from benchmarks.databases import Databases
from benchmarks.experiments import BATCH, COMMIT, COSTS_COMMIT, ENGINES, Sizes, all_experiments
from benchmarks.ours import open_store
from benchmarks.protections import NOTHING, AppendWithout
from benchmarks.rounds import Contender, Experiment, run
from tests.support import swept

TINY = Sizes(
    rounds=2,
    commits=3,
    batched=BATCH,
    loaded=20,
    followed_each=20,
    followed_batch=20,
    writers=2,
    commits_per_writer=2,
    crowd=2,
    commits_in_crowd=2,
    protected_commits=2,
    protected_batched=BATCH,
    long_log=BATCH,
)


@pytest.fixture
def local_server(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases_module, "local_postgres_url", lambda: postgres_server)


@pytest.mark.usefixtures("local_server")
def test_contenders_are_measured_and_reported(tmp_path: Path) -> None:
    results = measure(
        TINY,
        out=tmp_path,
        data=tmp_path,
        command="python -m benchmarks",
        only="one event per commit, sqlite",
        tell=print,
    )
    assert [measured.title for measured in results] == [COMMIT, COSTS_COMMIT]
    assert all(len(seconds) == TINY.rounds for measured in results for seconds in measured.seconds.values())
    report = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| bare insert |" in report
    assert "load at start" in report
    written = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [result["title"] for result in written["results"]] == [COMMIT, COSTS_COMMIT]
    lacking = [
        f"The peer was not measured on {engine}: {lack}." for engine in ENGINES if (lack := peer.missing(engine))
    ]
    assert written["notes"] == lacking


@pytest.mark.usefixtures("local_server")
@pytest.mark.parametrize(
    "words",
    swept([
        "loading one aggregate, sqlite",
        "from a snapshot, sqlite",
        "checkpoint per event, sqlite",
        "inside the append, sqlite",
        "into a long log, sqlite",
        "writers",
    ], every=2),
)  # fmt: skip
def test_the_other_experiments_do_their_work(tmp_path: Path, words: str) -> None:
    with Databases(tmp_path) as databases:
        for title, make in all_experiments(databases, TINY):
            if words in title.lower():
                assert run(make(), 1, print).seconds


def test_every_protection_on_postgresql_can_be_switched_off(postgres_url: str) -> None:
    append = AppendWithout(open_store(postgres_url), 2, 1, NOTHING)
    append.prepare(1)
    append.work()
    assert append.done() == 2
    append.close()


class Idler(Contender):
    name = "idler"

    def work(self) -> None:
        """Nothing."""

    def done(self) -> int:
        return 0


def test_a_contender_that_did_not_do_its_work_is_refused() -> None:
    with pytest.raises(RuntimeError, match="'idler' was to do 5 events and did 0"):
        run(Experiment("idling", "sqlite", 5, "idler", [Idler()]), 1, print)
