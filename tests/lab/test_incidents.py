"""An incident is a real bank with one thing really wrong in it; the lab's answer is what an independent look finds."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
from second_look import Look, Sums, booked, statement
from sqlalchemy.engine import make_url
from test_writer_faults import FIGURES as WRITERS

from esworkbench.event_store import EventStore
from esworkbench.event_store.chain import GENESIS, event_hash
from esworkbench.lab import FAULTS, Incident, PlantedFault, build_incident, reveal

Build = Callable[[str], Incident]

BUSY = ("ACC-1001", "USD")
ON_BALANCES = ("double_apply", "gap_skipped", "manual_edit", "event_deleted", "payload_edited", "tail_truncated")
ON_BOTH_ENGINES = ("unresolved_pending", *ON_BALANCES, "handler_bug", "rounding", "lag", "none")


def amounts(planted: list[PlantedFault]) -> Sums:
    return {(fault.account, fault.currency): fault.amount for fault in planted if fault.account and fault.currency}


def broken_hashes(url: str) -> list[int]:
    """Positions whose content doesn't give their hash, or whose link isn't the hash before them in the stream."""
    store = EventStore.open(url, create=False)
    broken, last = [], {}
    for e in store.read_all(limit=100_000):
        made = event_hash(
            e.prev_hash, e.stream_id, e.version, e.event_id, e.event_type, e.schema_version, e.recorded_at, e.valid_at,
            e.payload, e.metadata,
        )  # fmt: skip
        if made != e.hash or e.prev_hash != last.get(e.stream_id, GENESIS):
            broken.append(e.global_position)
        last[e.stream_id] = e.hash
    store.engine.dispose()
    return broken


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Builds each fault once per engine; every test here only looks."""
    folder = tmp_path_factory.mktemp("incidents")
    incidents: dict[str, Incident] = {}
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None

    def build(fault: str) -> Incident:
        if fault not in incidents:
            url = fresh_database(server, fault) if server else f"sqlite:///{folder / fault}.db"
            incidents[fault] = build_incident(url, fault=fault, seed=3, scale="small")
        return incidents[fault]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESWORKBENCH_HOME", str(folder))
        yield build
    for fault in incidents if server else ():
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{database_name(fault)}" WITH (FORCE)')


def database_name(fault: str) -> str:
    return f"incident_{fault}_{os.getpid()}"


def fresh_database(server: str, fault: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE \"{database_name(fault)}\" ENCODING 'UTF8' TEMPLATE template0")
    return make_url(server).set(database=database_name(fault)).render_as_string(hide_password=False)


def test_a_healthy_bank_agrees_with_itself_everywhere(built: Build) -> None:
    """Promise 10: on a healthy store every read model, and every line of every statement, is the event sum."""
    incident = built("none")
    look = Look(incident.url)
    assert reveal(incident.url) == []
    assert look.balances_off() == look.history_off() == look.days_off() == look.statement_off(incident.outside) == {}
    assert broken_hashes(incident.url) == []
    assert look.rows("SELECT * FROM dead_letters") == look.rows("SELECT * FROM pending_withdrawals") == []
    postings = look.postings()
    for key, lines in statement(incident.outside).items():
        for booked_at, balance in lines:
            assert booked(postings, booked_at, {key: 0}) == {key: balance}, (key, booked_at)


def test_the_47_23_is_a_purchase_whose_refusal_the_bus_lost(built: Build) -> None:
    """unresolved_pending: P = event sum, S differs by 47.23, and the hold is far older than a day."""
    incident = built("unresolved_pending")
    look = Look(incident.url)
    [planted] = reveal(incident.url)
    assert (planted.account, planted.amount) == ("ACC-1001", 4723)
    assert look.balances_off() == look.history_off() == look.days_off() == {}
    assert look.statement_off(incident.outside) == {BUSY: 4723}
    [request] = [posted for posted in look.postings() if posted.event_id == planted.event_ids[0]]
    assert (request.position, request.event_type) == (planted.positions[0], "WithdrawalRequested")
    assert request.amount == -4723
    same = [posted for posted in look.postings() if posted.withdrawal_id == request.withdrawal_id]
    assert same == [request]
    assert look.postings()[-1].recorded_at - request.recorded_at > timedelta(days=30)
    assert incident.claimed_minor == statement(incident.outside)[BUSY][-1][1]


@pytest.mark.parametrize("fault", [*ON_BALANCES, "handler_bug"])
def test_the_balances_are_off_by_what_was_planted(built: Build, fault: str) -> None:
    incident = built(fault)
    look = Look(incident.url)
    planted = reveal(incident.url)
    assert {each.fault for each in planted} == {fault}
    assert look.balances_off() == amounts(planted)
    assert BUSY in amounts(planted)


@pytest.mark.parametrize("fault", ["double_apply", "gap_skipped", "handler_bug", "manual_edit", "rounding", "lag"])
def test_a_fault_of_a_reader_leaves_the_log_as_it_was(built: Build, fault: str) -> None:
    """The fault is in one read model: the other ones, the statement and the hash chain agree with the events."""
    incident = built(fault)
    look = Look(incident.url)
    assert broken_hashes(incident.url) == []
    assert look.days_off() == look.statement_off(incident.outside) == {}
    if fault == "rounding":
        assert look.balances_off() == {}
    else:
        assert look.history_off() == {}


def test_a_killed_naive_runner_covers_positions_twice(built: Build) -> None:
    """double_apply: two ranges in the checkpoint log both cover the very events that count twice."""
    incident = built("double_apply")
    ranges = Look(incident.url).rows(
        "SELECT from_position, to_position FROM checkpoint_log WHERE projection = 'account_balances' ORDER BY id"
    )
    covered = [position for first, last in ranges for position in range(first, last + 1)]
    twice = sorted({position for position in covered if covered.count(position) == 2})
    assert twice == sorted(position for planted in reveal(incident.url) for position in planted.positions)


def test_a_skipped_position_was_covered_by_a_run_that_could_not_see_it(built: Build) -> None:
    """gap_skipped: the checkpoint is beyond the event, some run's range covers it, and positions have no hole."""
    incident = built("gap_skipped")
    look = Look(incident.url)
    [planted] = reveal(incident.url)
    [position] = planted.positions
    assert look.rows(
        "SELECT count(*) FROM checkpoint_log WHERE projection = 'account_balances'"
        f" AND {position} BETWEEN from_position AND to_position"
    ) == [(1,)]
    positions = [row[0] for row in look.rows("SELECT global_position FROM events ORDER BY 1")]
    assert positions == list(range(1, len(positions) + 1))


def test_interest_is_short_of_a_cent_here_and_there(built: Build) -> None:
    """rounding: small residuals at interest events only, each below the minor unit the ledger rounds to."""
    incident = built("rounding")
    look = Look(incident.url)
    planted = reveal(incident.url)
    assert look.history_off() == amounts(planted)
    shown = {row[0]: row[1] for row in look.rows("SELECT event_id, amount_minor FROM transaction_history")}
    wrong = {posted.event_id: shown[posted.event_id] - posted.amount for posted in look.postings()}
    wrong = {event_id: off for event_id, off in wrong.items() if off}
    assert set(wrong.values()) == {-1}
    assert sorted(wrong) == sorted(event_id for fault in planted for event_id in fault.event_ids)
    assert {posted.event_type for posted in look.postings() if posted.event_id in wrong} == {"InterestCredited"}


def test_lag_is_not_corruption(built: Build) -> None:
    """Promise 7: the balances are right up to their own checkpoint, which is below the head."""
    incident = built("lag")
    look = Look(incident.url)
    [planted] = reveal(incident.url)
    assert look.balances_off() == {}
    assert (planted.account, planted.amount) == (None, 0)
    assert planted.positions == list(range(look.checkpoint("account_balances") + 1, incident.events + 1))


def test_a_deleted_event_leaves_a_hole_in_its_stream(built: Build) -> None:
    incident = built("event_deleted")
    look = Look(incident.url)
    [planted] = reveal(incident.url)
    versions = [row[0] for row in look.rows(
        "SELECT version FROM events WHERE stream_id = 'BankAccount-ACC-1001' ORDER BY version"
    )]  # fmt: skip
    assert len(versions) == versions[-1] - 1
    [successor] = broken_hashes(incident.url)
    assert successor > planted.positions[0]
    assert look.statement_off(incident.outside) == amounts([planted])


def test_an_edited_payload_breaks_its_own_hash_alone(built: Build) -> None:
    incident = built("payload_edited")
    [planted] = reveal(incident.url)
    assert broken_hashes(incident.url) == planted.positions
    assert Look(incident.url).statement_off(incident.outside) == amounts([planted])


def test_a_cut_tail_leaves_no_hole(built: Build) -> None:
    """tail_truncated: what is left agrees with itself; only the checkpoint and the claims are ahead of it."""
    incident = built("tail_truncated")
    look = Look(incident.url)
    assert broken_hashes(incident.url) == []
    assert look.checkpoint("account_balances") > incident.events
    assert look.balances_off() == look.history_off() == look.statement_off(incident.outside)


@pytest.mark.parametrize("fault", ["event_deleted", "payload_edited", "tail_truncated"])
def test_the_guards_stand_again_afterwards(built: Build, fault: str) -> None:
    """Promise 5: whoever had the rights to take the triggers down put them back, so that nothing shows."""
    look = Look(built(fault).url)
    with pytest.raises(Exception, match="append-only"):
        look.rows("DELETE FROM events")


def test_every_fault_of_the_lab_is_tried_here() -> None:
    assert set(FAULTS) == {*ON_BOTH_ENGINES, *WRITERS}
