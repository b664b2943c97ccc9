"""The shop with a past is the same for the same seed, holds every shape there ever was, and reads through the chain."""

from collections import Counter
from pathlib import Path

from esworkbench.domains.orders import ORDER_UPCASTERS, order_decoder
from esworkbench.lab.old_orders import open_old_shop
from esworkbench.upcasters import Shape


def test_every_shape_of_the_past_is_there_and_can_be_read(store_url: str) -> None:
    shop = open_old_shop(store_url, orders=60)
    log = shop.store.read_all(limit=10_000)
    shapes = {Shape(event.event_type, event.schema_version) for event in log}
    assert shapes >= {step.source for step in ORDER_UPCASTERS}
    placed = Counter(event.schema_version for event in log if event.event_type == "OrderPlaced")
    assert placed == {1: 24, 2: 24, 3: 12}
    assert sum(len(order_decoder().events_in(event)) for event in log) > 0
    assert {shop.orders.load(f"o{number:03d}").status for number in range(1, 61)} == {"paid", "shipped", "cancelled"}
    shop.store.engine.dispose()


def test_the_same_seed_gives_the_same_log_and_another_one_another(tmp_path: Path) -> None:
    logs = []
    for name, seed in (("a", 8), ("b", 8), ("c", 9)):
        shop = open_old_shop(f"sqlite:///{tmp_path / name}.db", orders=10, seed=seed)
        logs.append(shop.store.read_all())
        shop.store.engine.dispose()
    assert logs[0] == logs[1] != logs[2]
