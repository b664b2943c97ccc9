"""The crash player shows what the model says, can be played with keys alone, and shows its errors in itself."""

import pytest

from esworkbench.lab.models.crash import CrashPlayer
from esworkbench.widgets.crash_view import ORDERS, CrashView

AMOUNTS = (10_00, 10_00, 10_00, 10_00)


def played(order: str, keys: str) -> CrashView:
    view = CrashView(AMOUNTS, batch_size=2, order=order)
    for key in keys:
        view.keys.value = key
    return view


@pytest.mark.parametrize(
    ("order", "keys", "off_by"),
    [("rows first", "nnk", 20_00), ("checkpoint first", "nnk", -20_00), ("one transaction", "nnk", 0)],
)
def test_a_death_in_the_middle_shows_what_it_costs(order: str, keys: str, off_by: int) -> None:
    view = played(order, keys)
    assert view.player.off_by_minor == off_by
    assert ("20.00" in view.status.value) == (off_by != 0)
    assert view.player.deaths == 1


@pytest.mark.parametrize("order", ORDERS)
def test_alive_to_the_end_every_order_is_right_and_the_buttons_rest(order: str) -> None:
    view = played(order, "n" * 20)
    assert view.player.kept == (40_00, 4)
    assert view.player.off_by_minor == 0
    assert "all events were seen" in view.status.value
    assert view.buttons["next"].disabled
    assert view.buttons["kill"].disabled


@pytest.mark.parametrize("lived", range(8))
def test_one_transaction_is_right_wherever_it_dies(lived: int) -> None:
    view = played("one transaction", "n" * lived + "k" + "n" * 20)
    assert (view.player.kept, view.player.off_by_minor) == ((40_00, 4), 0)


def test_what_is_not_committed_is_shown_apart() -> None:
    view = played("one transaction", "n")
    assert view.player.kept.balance_minor == 0
    assert "in the open transaction" in view.tables.value
    view.buttons["kill"].click()
    assert view.player.unseen == (0, 0)


def test_another_order_begins_anew() -> None:
    view = played("rows first", "nnk")
    view.order.value = "one transaction"
    assert view.player.log == []


def test_a_wrong_key_and_a_failing_batch_are_told_in_the_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    view = played("rows first", "x")
    assert "no action" in view.error.value

    def fails() -> None:
        raise ValueError("what now?")

    monkeypatch.setattr(view.player, "advance", fails)
    view.keys.value = "n"
    assert "what now?" in view.error.value


def test_a_player_that_is_done_stays_done() -> None:
    player = CrashPlayer(ORDERS["rows first"], AMOUNTS, batch_size=4)
    for _ in range(4):
        player.advance()
    before = list(player.log)
    player.advance()
    assert player.log == before
