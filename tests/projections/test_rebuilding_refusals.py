"""What a rebuild must not do is refused in one sentence, or begun anew; and the old read model stands.

No way that doesn't suit the projection, no archive with a gap, no snapshot or half-built rows of other code or another
log, no second rebuild beside the first, no sum that was rounded.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from projection_logs import whole_log
from rebuilding_logs import Owners, run_live, told, two_archives, write_log
from sqlalchemy import Connection

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.errors import EvidenceDamaged, StoreBusy, UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.events import Event, NewEvent, RecordedEvent
from esworkbench.projections.rebuilding import (
    Options,
    Recipe,
    archive_events,
    read_model_snapshots,
    rebuild,
    take_snapshot,
)
from esworkbench.projections.rebuilding.build import build
from esworkbench.projections.rebuilding.job import Job, Watch
from esworkbench.projections.rebuilding.lock import one_at_a_time
from esworkbench.projections.rebuilding.staging import StagingFile, prepare
from esworkbench.projections.rebuilding.strategies import NONE_NEEDED, work_folder

BALANCES = Recipe(AccountBalances, bank_decoder, BANK_QUERIES["account_balances"])


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    write_log(store)
    yield store
    store.engine.dispose()


class Later(AccountBalances):
    code_version = "2"


class Changed(AccountBalances):
    def handle(self, event: Event, connection: Connection) -> None:
        super().handle(event, connection)


class ByStream(AccountBalances):
    """The log has two streams that one row of an account comes from."""

    def shard_key(self, stream_id: str) -> str:
        return stream_id


def refused(store: EventStore, recipe: Recipe, strategy: str, options: Options = NONE_NEEDED) -> str:
    before = told(store, AccountBalances())
    with pytest.raises((UnusableInput, EvidenceDamaged)) as refusal:
        rebuild(store, recipe, strategy=strategy, options=options)
    assert told(store, AccountBalances()) == before
    return str(refusal.value)


def test_what_does_not_suit_is_refused_in_a_sentence_and_the_old_read_model_stands(
    store: EventStore, tmp_path: Path
) -> None:
    run_live(store, AccountBalances())
    assert "there are plain, bulk" in refused(store, BALANCES, "overnight")
    assert "owners isn't said to be shardable" in refused(store, Recipe(Owners, bank_decoder), "sharded")
    in_three = refused(store, Recipe(ByStream, bank_decoder), "sharded", Options(workers=3))
    assert "two shards of account_balances have a row of the same key" in in_three
    assert "no set-based definition" in refused(store, Recipe(Changed, bank_decoder), "set-based")
    assert "name their folders" in refused(store, BALANCES, "cold")
    assert "name its file" in refused(store, BALANCES, "snapshot")
    take_snapshot(store, AccountBalances(), tmp_path / "snapshot")
    of_other_code = refused(store, Recipe(Later, bank_decoder), "snapshot", Options(snapshot=tmp_path / "snapshot"))
    assert "was not taken of this log with account_balances schema version 1 and code version 2" in of_other_code


def test_archives_that_leave_a_gap_overlap_or_were_changed_are_refused(store: EventStore, tmp_path: Path) -> None:
    run_live(store, AccountBalances())
    second, first = two_archives(store, tmp_path)
    assert "end at 0" in refused(store, BALANCES, "cold", Options(cold=[second]))
    assert "each once" in refused(store, BALANCES, "set-based", Options(cold=[first, first, second]))
    with pytest.raises(UnusableInput, match="archive up to one that does"):
        archive_events(store, 10**9, tmp_path / "too far")
    assert not (tmp_path / "too far").exists()
    [*files] = (first / "events").rglob("*.parquet")
    files[0].write_bytes(files[0].read_bytes()[:-1])
    assert "has changed since capture" in refused(store, BALANCES, "cold", Options(cold=[first, second]))


def test_archives_of_another_log_are_refused(store: EventStore, tmp_path: Path) -> None:
    run_live(store, AccountBalances())
    other = EventStore.open(f"sqlite:///{tmp_path / 'other.db'}")
    write_log(other)
    archives = two_archives(other, tmp_path)
    other.engine.dispose()
    assert "of another log" in refused(store, BALANCES, "cold", Options(cold=archives))


def test_two_rebuilds_of_one_read_model_do_not_work_at_once(store: EventStore) -> None:
    with (
        one_at_a_time(store, "account_balances", work_folder(store) / "account_balances"),
        pytest.raises(StoreBusy, match="under way"),
    ):
        rebuild(store, BALANCES)
    rebuild(store, BALANCES)


def test_a_sum_beyond_64_bits_is_an_error_and_never_a_rounded_number(store: EventStore) -> None:
    run_live(store, AccountBalances())
    largest = NewEvent(
        event_type="MoneyDeposited", schema_version=3,
        payload=b'{"amount_minor":9007199254740991,"currency":"USD","reference":"r"}',
    )  # fmt: skip
    store.append("BankAccount-rich", [largest] * 1025, expected_version=0)
    assert "the old read model stands" in refused(store, BALANCES, "set-based")


def test_what_was_begun_by_other_code_or_for_another_log_is_begun_anew(sqlite_url: str, tmp_path: Path) -> None:
    """A staging left by a killed rebuild must not leak into the next one."""
    store = EventStore.open(sqlite_url)
    write_log(store)
    expected = run_live(store, AccountBalances())
    other = EventStore.open(f"sqlite:///{tmp_path / 'other.db'}")
    write_log(other, seed=99)
    for source, make, events, anew in (
        (other, AccountBalances, 600, False),
        (store, Later, 600, False),
        (store, AccountBalances, 300, True),
        (store, AccountBalances, 300, False),
    ):
        staging = StagingFile(work_folder(store) / "account_balances" / "bulk.db")
        prepare(staging, source, make())
        job = Job(source, Recipe(make, bank_decoder), "killed", source.clock, 100, lambda _: None)
        build(job, staging, source, Watch(), up_to=events - 50)
        staging.engine.dispose()
        done = rebuild(store, BALANCES, options=Options(anew=anew))
        assert told(store, AccountBalances()) == expected
        resumed = source is store and make is AccountBalances and not anew
        assert (done.events < len(whole_log(store))) == resumed
    for each in (store, other):
        each.engine.dispose()


def test_a_read_model_that_cannot_be_kept_leaves_no_part_of_it(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes the file's name, and no database in it."""

    class NoRoom:
        def __init__(self, path: Path) -> None:
            path.touch()
            raise UnusableInput("database or disk is full")

    monkeypatch.setattr(read_model_snapshots, "StagingFile", NoRoom)
    with pytest.raises(UnusableInput, match="disk is full"):
        take_snapshot(EventStore.open(sqlite_url), AccountBalances(), tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir() if "kept" in path.name] == []


def test_an_archive_that_lacks_events_of_the_store_is_not_rebuilt_from(store: EventStore, tmp_path: Path) -> None:
    """As one is that a role wrote from which row security hid some: it begins and ends with the log's own events."""

    class Hiding(EventStore):
        def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
            return [event for event in super().read_all(after=after, limit=limit) if event.global_position != 2]

    run_live(store, AccountBalances())
    head = store.read_all(limit=10_000)[-1].global_position
    archive_events(Hiding(store.engine), head, tmp_path / "archive")
    assert "one of them lacks some" in refused(store, BALANCES, "cold", Options(cold=[tmp_path / "archive"]))


def test_one_store_under_two_names_is_rebuilt_once_at_a_time(tmp_path: Path) -> None:
    store = EventStore.open(f"sqlite:///{tmp_path / 'bank.db'}")
    write_log(store)
    (tmp_path / "other.db").symlink_to("bank.db")
    other = EventStore.open(f"sqlite:///{tmp_path / 'other.db'}")
    assert work_folder(other) == work_folder(store)
    for each in (store, other):
        each.engine.dispose()
