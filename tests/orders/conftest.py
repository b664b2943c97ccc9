"""The old shop, on both engines."""

from collections.abc import Iterator

import pytest
from old_orders import old_shop

from esworkbench.domains.orders import Shop


@pytest.fixture
def shop(store_url: str) -> Iterator[Shop]:
    shop = old_shop(store_url)
    yield shop
    shop.store.engine.dispose()
