"""The dial says what was measured at its setting, and holds it against the limit of the moment."""

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.lab.models.snapshot_dial import SnapshotDial
from esworkbench.lab.stream_profiles import abandoned_carts, deposits, thirty_year_account
from esworkbench.snapshotting.frequency import FrequencyRow


def row(every: int | None, p99_ms: float, snapshots: int = 0) -> FrequencyRow:
    return FrequencyRow(every, 60, p99_ms / 2, p99_ms, snapshots, 120 * snapshots, 0.5 * snapshots, False, False)


MEASURED = {
    "account": [row(None, 8.0), row(100, 0.5, 14), row(10, 0.1, 142)],
    "cart": [row(None, 0.05), row(100, 0.06), row(10, 0.07, 11)],
}


def test_it_begins_at_what_is_recommended() -> None:
    dial = SnapshotDial(MEASURED, limit_ms=1.0)
    assert (dial.profile, dial.every) == ("account", 100)
    assert dial.conclusion() == (
        "a snapshot every 100 events: p99 0.5 ms, within the limit of 1 ms, for 14 snapshots of 1,680 bytes in all; "
        "this is the rarest that is"
    )


def test_turned_elsewhere_it_says_what_that_costs_and_what_is_recommended() -> None:
    dial = SnapshotDial(MEASURED, limit_ms=1.0)
    dial.turn(None)
    assert "no snapshots: p99 8 ms, beyond the limit of 1 ms" in dial.conclusion()
    assert dial.conclusion().endswith("recommended is 100")
    dial.turn(10)
    assert dial.row.snapshot_bytes == 120 * 142


def test_another_profile_keeps_the_setting_and_recommends_anew() -> None:
    dial = SnapshotDial(MEASURED, limit_ms=1.0)
    dial.choose("cart")
    assert (dial.every, dial.recommended.every) == (100, None)
    assert dial.conclusion().endswith("recommended is none")


def test_another_limit_recommends_anew() -> None:
    dial = SnapshotDial(MEASURED, limit_ms=1.0)
    for limit_ms, recommended in ((9.0, None), (8.0, None), (7.9, 100), (0.5, 100), (0.1, 10), (0.01, 10)):
        dial.set_limit(limit_ms)
        assert dial.recommended.every == recommended
    dial.turn(10)
    assert dial.conclusion().endswith("none is within it, and this is the fastest")


def test_what_was_not_measured_is_refused_and_changes_nothing() -> None:
    dial = SnapshotDial(MEASURED, limit_ms=1.0)
    with pytest.raises(UnusableInput, match="7 was not measured: turn to one of none, 100, 10"):
        dial.turn(7)
    with pytest.raises(UnusableInput, match="no profile 'order': choose one of account, cart"):
        dial.choose("order")
    for limit_ms in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UnusableInput, match="name a limit above 0"):
            dial.set_limit(limit_ms)
    assert (dial.profile, dial.every, dial.limit_ms) == ("account", 100, 1.0)


def test_a_dial_has_one_scale() -> None:
    for measured in ({}, {"account": []}, {"account": MEASURED["account"], "cart": MEASURED["cart"][:2]}):
        with pytest.raises(ValueError, match="measured at the same frequencies"):
            SnapshotDial(measured, limit_ms=1.0)


def test_the_profiles_are_as_long_as_they_say() -> None:
    [account] = thirty_year_account().streams
    assert len(account) == 30 * 12 * 4
    carts = abandoned_carts().streams
    assert (len(carts), min(map(len, carts)) >= 1, max(map(len, carts)) <= 20) == (30, True, True)
    assert [each.event_type for each in deposits(3)] == ["AccountOpened", "MoneyDeposited", "MoneyDeposited"]
