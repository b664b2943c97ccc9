"""Both sides of a bank, on both engines."""

from collections.abc import Iterator

import pytest
from read_side import BothSides, deposit


@pytest.fixture
def sides(store_url: str) -> Iterator[BothSides]:
    """Account ``pm`` holds 100.00 USD, and the read models know it."""
    sides = BothSides(store_url)
    sides.open_account("pm")
    sides.bank.handle(deposit("pm", 100_00))
    sides.catch_up()
    yield sides
    sides.store.engine.dispose()
