"""A runner killed at every step there is: one transaction is exact, two of them double a batch or lose it."""

import pytest

from esworkbench.lab.models.crash import (
    ApplyBatch,
    CrashPlayer,
    checkpoint_first,
    kept_after_a_kill,
    one_transaction,
    rows_first,
)

AMOUNTS = (100, 20, 3, 4_000, 500)
EXACT = sum(AMOUNTS)


@pytest.mark.parametrize(
    ("apply_batch", "balances"),
    [
        (one_transaction, {EXACT}),
        (rows_first, {EXACT, EXACT + 120, EXACT + 4_003, EXACT + 500}),
        (checkpoint_first, {EXACT, EXACT - 120, EXACT - 4_003, EXACT - 500}),
    ],
)
def test_killed_at_every_step(apply_batch: ApplyBatch, balances: set[int]) -> None:
    found = {
        kept_after_a_kill(apply_batch, AMOUNTS, batch_size=2, lives_steps=steps).balance_minor for steps in range(20)
    }
    assert found == balances


@pytest.mark.parametrize("apply_batch", [one_transaction, rows_first, checkpoint_first])
def test_alive_all_are_exact(apply_batch: ApplyBatch) -> None:
    assert kept_after_a_kill(apply_batch, AMOUNTS, batch_size=2, lives_steps=None) == (EXACT, len(AMOUNTS))


@pytest.mark.parametrize("apply_batch", [one_transaction, rows_first, checkpoint_first])
@pytest.mark.parametrize("lived", range(14))
def test_played_by_hand_a_death_leaves_what_it_leaves_at_once(apply_batch: ApplyBatch, lived: int) -> None:
    player = CrashPlayer(apply_batch, AMOUNTS, batch_size=2)
    for _ in range(lived):
        player.advance()
    player.kill()
    while player.next_step:
        player.advance()
    assert player.kept == kept_after_a_kill(apply_batch, AMOUNTS, batch_size=2, lives_steps=lived)


def test_when_all_is_done_nobody_is_there_to_be_killed() -> None:
    player = CrashPlayer(one_transaction, AMOUNTS, batch_size=len(AMOUNTS))
    while player.next_step:
        player.advance()
    before = list(player.log)
    player.kill()
    assert player.log == before
