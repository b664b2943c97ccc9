"""The old shop, on both engines, or on one where the database makes no difference."""

from collections.abc import Iterator

import pytest
from old_orders import old_shop

from esworkbench.domains.orders import Shop


@pytest.fixture
def shop(store_url: str) -> Iterator[Shop]:
    shop = old_shop(store_url)
    yield shop
    shop.store.engine.dispose()


@pytest.fixture
def sqlite_shop(sqlite_url: str) -> Iterator[Shop]:
    """For what no database has a part in."""
    shop = old_shop(sqlite_url)
    yield shop
    shop.store.engine.dispose()
