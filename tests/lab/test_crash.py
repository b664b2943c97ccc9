"""A runner killed at every step there is: one transaction is exact, two of them double a batch or lose it."""

import pytest

from esworkbench.lab.crash import ApplyBatch, checkpoint_first, kept_after_a_kill, one_transaction, rows_first

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
