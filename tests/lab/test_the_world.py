"""The parts the simulated world is made of: time, the bus, the network, the killed process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from second_look import Look

from esworkbench.event_store import EventStore
from esworkbench.lab import build_incident
from esworkbench.lab.incidents.faults.killed_process import RunnerTask, run_and_kill
from esworkbench.lab.incidents.faults.naive_runner import BETWEEN_ROWS_AND_CHECKPOINT
from esworkbench.lab.world.agenda import Agenda
from esworkbench.lab.world.books import Books
from esworkbench.lab.world.bus import ANSWERS, REQUESTS, Bus, CardMessage, Partition
from esworkbench.lab.world.card_network import CardNetwork, next_clearing
from esworkbench.lab.world.interest import interest_half_up

START = datetime(2024, 3, 1, tzinfo=UTC)
REQUEST = CardMessage("ACC-1", "W-1", 4723, "USD", "CARD-1", "event-1", 7)


def test_no_two_actions_share_a_moment() -> None:
    """The order of recording and of the clock is one order, even where two things are due at once."""
    agenda = Agenda(START)
    seen: list[tuple[str, datetime]] = []
    noon = START + timedelta(hours=12)
    agenda.at(noon, lambda: seen.append(("first", agenda.now)))
    agenda.at(noon, lambda: seen.append(("second", agenda.now)))
    agenda.at(START + timedelta(hours=1), lambda: seen.append(("early", agenda.now)))
    agenda.run_until(START + timedelta(days=1))
    assert [name for name, _ in seen] == ["early", "first", "second"]
    assert seen[2][1] - seen[1][1] == timedelta(seconds=1)
    assert agenda.now == START + timedelta(days=1)


def test_a_partition_loses_what_it_cuts_and_nothing_else() -> None:
    now = START
    bus = Bus(lambda: now)
    got: list[tuple[str, str]] = []
    bus.subscribe(ANSWERS, lambda message: got.append((ANSWERS, message.withdrawal_id)))
    bus.subscribe(REQUESTS, lambda message: got.append((REQUESTS, message.withdrawal_id)))
    bus.partitions.append(Partition("cut", ANSWERS, START, START + timedelta(minutes=30)))
    bus.publish(ANSWERS, REQUEST._replace(withdrawal_id="lost"))
    bus.publish(REQUESTS, REQUEST)
    now = START + timedelta(minutes=31)
    bus.publish(ANSWERS, REQUEST)
    assert got == [(REQUESTS, "W-1"), (ANSWERS, "W-1")]
    assert [message.withdrawal_id for message in bus.lost] == ["lost"]


@pytest.mark.parametrize(("hour", "settled"), [(2, False), (12, True)])
def test_the_network_books_what_it_clears_and_only_that(hour: int, settled: bool) -> None:
    """In its cut-over hour it declines; what it declines moves no money. Every answer comes within twenty hours."""
    agenda = Agenda(START + timedelta(hours=hour))
    bus, books, answers = Bus(agenda.clock), Books(), list[tuple[CardMessage, datetime]]()
    bus.subscribe(ANSWERS, lambda message: answers.append((message, agenda.now)))
    CardNetwork(agenda, bus, books, Random(1), declines_per_cent=0)
    bus.publish(REQUESTS, REQUEST)
    agenda.run_until(START + timedelta(days=2))
    [(answer, moment)] = answers
    assert answer.settled is settled
    assert moment - (START + timedelta(hours=hour)) < timedelta(hours=20)
    assert books.balance("ACC-1", "USD") == (-4723 if settled else 0)


def test_clearing_runs_twice_a_day() -> None:
    assert next_clearing(START + timedelta(hours=5)) == START + timedelta(hours=6)
    assert next_clearing(START + timedelta(hours=6)) == START + timedelta(hours=18)
    assert next_clearing(START + timedelta(hours=19)) == START + timedelta(hours=30)


@pytest.mark.parametrize(
    ("balance", "months", "interest"), [(0, 1, 0), (-500, 1, 0), (100_000, 12, 1_750), (343, 1, 1), (342, 1, 0)]
)
def test_interest_rounds_halves_up(balance: int, months: int, interest: int) -> None:
    """Promise 8: integers all the way. 343 minor units earn 0.5002 a month, 342 earn 0.4988."""
    assert interest_half_up(balance, months) == interest


def test_the_process_dies_between_its_two_writes(sqlite_url: str) -> None:
    """Rows and log stand, the checkpoint doesn't: what only a death at that very point leaves behind."""
    build_incident(sqlite_url, fault="lag", seed=2, scale="small")
    look = Look(sqlite_url)
    before = look.checkpoint("account_balances")
    run_and_kill(RunnerTask(sqlite_url, "account_balances", "killed", 3, START, BETWEEN_ROWS_AND_CHECKPOINT))
    assert look.checkpoint("account_balances") == before
    assert look.rows("SELECT from_position, to_position FROM checkpoint_log WHERE run_id = 'killed'") == [
        (before + 1, before + 3)
    ]
    assert look.balances_off() != {}


def test_a_process_that_never_reaches_the_point_is_an_error(sqlite_url: str) -> None:
    build_incident(sqlite_url, fault="none", seed=2, scale="small")
    with pytest.raises(RuntimeError, match="before it reached"):
        run_and_kill(RunnerTask(sqlite_url, "account_balances", "killed", 3, START, BETWEEN_ROWS_AND_CHECKPOINT))


def test_the_default_incident_is_as_large_as_promised(sqlite_url: str, tmp_path: Path) -> None:
    """Eight years, thousands of events on the account, three shapes of deposits, two currencies, one 47.23."""
    incident = build_incident(sqlite_url, fault="unresolved_pending", seed=1)
    look = Look(sqlite_url)
    postings = look.postings()
    assert 8_000 <= incident.events <= 11_000
    assert incident.accounts == 41
    assert sum(posted.account == incident.account for posted in postings) >= 3_000
    assert (postings[0].recorded_at.year, postings[-1].recorded_at.date().isoformat()) == (2016, "2024-02-29")
    assert {posted.currency for posted in postings} == {"USD", "EUR"}
    assert look.rows("SELECT DISTINCT schema_version FROM events WHERE event_type = 'MoneyDeposited' ORDER BY 1") == [
        (1,),
        (2,),
        (3,),
    ]
    assert look.statement_off(incident.outside) == {(incident.account, "USD"): 4723}
    assert look.balances_off() == look.history_off() == {}
    assert len(look.rows("SELECT DISTINCT run_id FROM checkpoint_log")) > 50
    moments = [event.recorded_at for event in EventStore.open(sqlite_url).read_all(limit=20_000)]
    assert moments == sorted(moments)
