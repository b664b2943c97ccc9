"""Two writers in small: with the version check no order of steps pays too much, without it nearly every order does."""

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.lab.models.race import OPENING_MINOR, Race, Writer, every_order, played


def test_one_after_the_other_all_is_well_either_way() -> None:
    for checked in (False, True):
        race = played("AAAABB", checked=checked)
        assert [(event.version, event.writer) for event in race.stream] == [(2, "A")]
        assert race.writers["B"].outcome == "refused"
        assert (race.paid_minor, race.balance_minor) == (8_000, 2_000)


def test_without_the_check_both_are_paid_and_share_a_version() -> None:
    race = played("ABABAABB", checked=False)
    assert [(event.version, event.writer) for event in race.stream] == [(2, "A"), (2, "B")]
    assert [event.writer for event in race.doubled] == ["B"]
    assert (race.paid_minor, race.balance_minor) == (16_000, -6_000)
    assert race.conclusion() == (
        "too much is paid: 160.00 USD left the machines, 100.00 USD were there; "
        "B decided on a state that was gone, and two events are version 2"
    )


def test_with_the_check_the_slower_one_begins_anew_and_is_refused() -> None:
    race = played("ABABAAB", checked=True)
    assert "ConcurrencyError: stream 'BankAccount-ACC-1001' is at version 2, not 1" in race.log[-1].what
    assert race.writers["B"].next_step == "load"
    assert race.writers["B"].loaded is None
    for _ in range(2):
        race.advance("B")
    assert race.writers["B"].outcome == "refused"
    assert race.writers["B"].attempts == 2
    assert race.conclusion() == "all is well: 80.00 USD were paid out, 100.00 USD were there"


def test_what_is_not_committed_is_not_visible() -> None:
    race = played("AAAB", checked=True)
    assert race.writers["B"].loaded == (1, OPENING_MINOR)


def test_an_append_waits_for_another_writers_commit() -> None:
    race = played("AAABB", checked=True)
    assert race.ready == ["A"]
    with pytest.raises(UnusableInput, match="B waits: A has appended and not committed"):
        race.advance("B")
    assert len(race.log) == 5


def test_a_writer_that_is_done_stays_done() -> None:
    race = played("AAAA", checked=True)
    with pytest.raises(UnusableInput, match="A is done, it has paid"):
        race.advance("A")
    with pytest.raises(UnusableInput, match="there is no writer 'C': there are A, B"):
        race.advance("C")


def test_in_every_order_the_check_keeps_the_stream_and_the_cash_together() -> None:
    with_check, without = (every_order(checked=checked) for checked in (True, False))
    assert len(with_check) == len(without) > 20
    assert [order for order, race in with_check.items() if race.doubled] == []
    assert all(OPENING_MINOR - race.paid_minor == race.balance_minor == 2_000 for race in with_check.values())
    too_much = [order for order, race in without.items() if race.doubled]
    assert 0 < len(too_much) < len(without)
    assert all(without[order].paid_minor == 16_000 for order in too_much)
    assert all(race.balance_minor >= 0 for order, race in without.items() if order not in too_much)


def test_two_that_both_fit_are_both_paid_with_the_check() -> None:
    race = Race(checked=True, asked_minor={"A": 3_000, "B": 3_000})
    for name in "ABABAAB" + "BBBB":
        race.advance(name)
    assert [(event.version, event.writer) for event in race.stream] == [(2, "A"), (3, "B")]
    assert race.balance_minor == 4_000


def test_a_race_without_end_is_told_and_not_run_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(race: Race, writer: Writer) -> str:
        writer.next_step = "load"
        return "thinks again"

    monkeypatch.setattr(Race, "_decide", undecided)
    with pytest.raises(UnusableInput, match="a race goes on after 20 steps"):
        every_order(checked=True)
