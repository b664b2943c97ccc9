"""What is wrong with the log itself: edits, drift, forks, snapshots; and what fits no class."""

from pathlib import Path

import pytest
from broken_copy import ACCOUNT, Copy, names, only

from esworkbench.event_store.chain import event_hash


@pytest.mark.parametrize("since", [0, 200])
def test_a_changed_serializer_is_no_tampering(since: int, tmp_path: Path) -> None:
    """All events, or all since some moment, fail their hash: healthy content, not dozens of edits."""
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            f"UPDATE events SET payload = replace(payload, ':', ': ') WHERE global_position > {since}"
        )
    diagnosis = copy.diagnose()
    assert [(each.fault, each.healthy) for each in diagnosis.findings] == [("serialization_drift", True)]
    assert diagnosis.tested["payload_edited"] == "ruled_out"


def test_an_edit_that_spares_the_amount_is_found_with_amount_0(tmp_path: Path) -> None:
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            "UPDATE events SET metadata = replace(metadata, 'counter', 'branch') WHERE global_position = "
            "(SELECT max(global_position) FROM events WHERE metadata LIKE '%counter%')"
        )
    [finding] = copy.diagnose().findings
    assert (finding.fault, finding.amount) == ("payload_edited", 0)


def test_a_fork_is_two_events_with_one_predecessor(tmp_path: Path) -> None:
    """What a writer leaves that reads the tail without the check: the second event doesn't name the first."""
    copy = Copy("none", tmp_path)
    first = copy.deposit("R-1", 5_000)
    second = copy.deposit("R-2", 6_000)
    copy.catch_up()
    copy.book("R-1", 5_000)
    copy.book("R-2", 6_000)
    one, two = copy.store.read_stream(f"BankAccount-{ACCOUNT}")[-2:]
    forked = event_hash(
        one.prev_hash, two.stream_id, two.version, two.event_id, two.event_type, two.schema_version, two.recorded_at,
        two.valid_at, two.payload, two.metadata,
    )  # fmt: skip
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            f"UPDATE events SET prev_hash = '{one.prev_hash}', hash = '{forked}' WHERE event_id = '{second}'"
        )
    diagnosis = copy.diagnose()
    assert only(diagnosis, "chain_fork").event_ids == [first, second]
    assert diagnosis.unexplained == []


def test_a_wrong_snapshot_is_told_from_a_wrong_log(tmp_path: Path) -> None:
    """Folding from it gives another balance; the read models agree with the events."""
    copy = Copy("none", tmp_path)
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            "UPDATE snapshots SET state = "
            "json_set(state, '$.balance_minor', json_extract(state, '$.balance_minor') + 7) "
            "WHERE stream_id = 'BankAccount-ACC-1001' AND version = 50"
        )
    diagnosis = copy.diagnose()
    assert names(diagnosis) == {"bad_snapshot": 7}
    assert diagnosis.unexplained == []


def test_an_event_edited_and_rehashed_leaves_a_broken_link_that_is_reported(tmp_path: Path) -> None:
    """Its own hash holds, its successor's link doesn't: no class of ours, so it is told as unexplained."""
    copy = Copy("none", tmp_path)
    event = copy.store.read_stream(f"BankAccount-{ACCOUNT}")[20]
    metadata = event.metadata.replace(b'"actor":"', b'"actor":"not-')
    rehashed = event_hash(
        event.prev_hash, event.stream_id, event.version, event.event_id, event.event_type, event.schema_version,
        event.recorded_at, event.valid_at, event.payload, metadata,
    )  # fmt: skip
    with copy.by_hand() as connection:
        connection.exec_driver_sql(
            "UPDATE events SET metadata = ?, hash = ? WHERE event_id = ?", (metadata.decode(), rehashed, event.event_id)
        )
    diagnosis = copy.diagnose()
    assert diagnosis.findings == []
    assert [each.source for each in diagnosis.unexplained] == ["events"]
