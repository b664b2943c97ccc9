"""A rebuild may be killed at any instruction, and so may each of its processes: the old read model serves on, and the
next call ends what was begun, with nothing repeated and nothing lost.

Balances are added up, so an event handled twice, or not at all, shows in a row. ``make sweep`` kills at every point.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from killed_rebuild import CRASH_POINTS
from rebuilding_logs import Told, assert_log_is_true, run_live, told, write_log

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.domains.bank.read_models.set_based import BANK_QUERIES
from esworkbench.errors import StoreBusy
from esworkbench.event_store import EventStore
from esworkbench.projections.rebuilding import Options, RebuildResult, Recipe, rebuild
from tests.killable import Killable

WORKER = Path(__file__).parent / "killed_rebuild.py"
BALANCES = Recipe(AccountBalances, bank_decoder, BANK_QUERIES["account_balances"])
COMMITS = {"plain": 60, "bulk": 60, "sharded": 10, "set-based": 10}
"""How many commits the parent comes to in about two rebuilds."""

POINTS = [*CRASH_POINTS, "before the commit"]


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    store = EventStore.open(store_url)
    write_log(store)
    yield store
    store.engine.dispose()


class Rebuilding(Killable):
    def __init__(self, url: str, strategy: str, *, who: str = "parent", point: str = "none", passes: int = 0) -> None:
        super().__init__(str(WORKER), url, strategy, who, point, str(passes))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=60)


def assert_served_and_resumed(store: EventStore, expected: Told, strategy: str) -> RebuildResult:
    assert told(store, AccountBalances()) == expected
    assert_log_is_true(store, "account_balances")
    done = rebuild(store, BALANCES, strategy=strategy, options=Options(workers=2), batch_size=40)
    assert told(store, AccountBalances()) == expected
    assert_log_is_true(store, "account_balances")
    return done


def kill_at(url: str, store: EventStore, strategy: str, point: str, passes: int, expected: Told) -> RebuildResult:
    process = Rebuilding(url, strategy, point=point, passes=passes)
    process.go()
    code, words = process.ends()
    assert code == -9, words
    return assert_served_and_resumed(store, expected, strategy)


@pytest.mark.parametrize(
    ("strategy", "point", "passes"),
    [
        ("plain", "between rows and checkpoint", 3),
        ("bulk", "between the old table and the new", 0),
    ],
)
def test_a_rebuild_may_be_killed_at_a_named_point(
    store_url: str, store: EventStore, strategy: str, point: str, passes: int
) -> None:
    expected = run_live(store, AccountBalances())
    kill_at(store_url, store, strategy, point, passes, expected)


@pytest.mark.parametrize("strategy", ["plain", "sharded"])
def test_killed_at_the_swap_all_that_was_built_is_kept(store_url: str, store: EventStore, strategy: str) -> None:
    expected = run_live(store, AccountBalances())
    assert kill_at(store_url, store, strategy, "before the old table goes", 0, expected).events == 0


def test_killed_at_the_fifth_batch_four_batches_are_kept(store_url: str, store: EventStore) -> None:
    expected, events = run_live(store, AccountBalances()), store.head_position()
    assert kill_at(store_url, store, "bulk", "between rows and checkpoint", 4, expected).events == events - 4 * 40


def test_a_process_of_a_sharded_rebuild_may_be_killed(store_url: str, store: EventStore) -> None:
    expected = run_live(store, AccountBalances())
    process = Rebuilding(store_url, "sharded", who="worker", point="between rows and checkpoint", passes=3)
    process.go()
    code, words = process.ends()
    assert (code, StoreBusy.__name__ in words, "rebuild again" in words) == (1, True, True), words
    done = assert_served_and_resumed(store, expected, "sharded")
    assert 0 < done.events < store.head_position()


def kill_at_random(url: str, store: EventStore, strategy: str, *, kills: int, seed: int) -> None:
    """The next process loads while the present one works. A life is so many commits long, not so many seconds."""
    expected = run_live(store, AccountBalances())
    rng = random.Random(seed)
    following = Rebuilding(url, strategy)
    for _ in range(kills):
        process, following = following, Rebuilding(url, strategy)
        process.go()
        assert process.comes_to_commit(rng.randint(0, COMMITS[strategy]))
        process.kill()
        assert told(store, AccountBalances()) == expected
        assert_log_is_true(store, "account_balances")
    following.kill()
    assert_served_and_resumed(store, expected, strategy)


def test_a_rebuild_may_be_killed_at_any_moment(store_url: str, store: EventStore) -> None:
    kill_at_random(store_url, store, "bulk", kills=2, seed=11)


@pytest.mark.sweep
@pytest.mark.parametrize("strategy", ["plain", "bulk", "sharded", "set-based"])
def test_a_rebuild_may_be_killed_many_times(store_url: str, store: EventStore, strategy: str) -> None:
    kill_at_random(store_url, store, strategy, kills=40, seed=5)


@pytest.mark.sweep
@pytest.mark.parametrize("strategy", ["plain", "bulk"])
@pytest.mark.parametrize("point", POINTS)
def test_a_rebuild_may_be_killed_at_each_named_point(
    store_url: str, store: EventStore, strategy: str, point: str
) -> None:
    expected = run_live(store, AccountBalances())
    for passes in range(4):
        process = Rebuilding(store_url, strategy, point=point, passes=passes)
        process.go()
        code, words = process.ends()
        assert code == -9, words
        assert_served_and_resumed(store, expected, strategy)
