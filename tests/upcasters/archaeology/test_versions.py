"""A map of shapes to versions says what changed, and doesn't say more than the values bear out."""

import random
from typing import Any

import pytest
from archaeology_logs import written

from esworkbench.event_store import EventStore
from esworkbench.lab.inherited.shop import POINTS_COUNT_CENTS_FROM
from esworkbench.upcasters.archaeology import (
    ProposedVersion,
    all_events,
    map_shapes_to_versions,
    recover_shapes,
    sample_events,
)


def versions_of(*payloads: dict[str, Any]) -> list[ProposedVersion]:
    return map_shapes_to_versions(recover_shapes(written(*payloads))["Noted"])


def told(*payloads: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What is said of the second of two shapes."""
    _, second = versions_of(*payloads)
    return [tuple(change) for change in second.changes]


def inherited_versions(store: EventStore, event_type: str) -> list[ProposedVersion]:
    with store.engine.connect() as connection:
        return map_shapes_to_versions(recover_shapes(all_events(connection, event_type))[event_type])


@pytest.mark.parametrize(
    ("event_type", "version", "expected"),
    [
        ("CustomerRegistered", 2, "name was split into first_name and last_name"),
        ("CustomerRegistered", 3, "added address"),
        ("CustomerRegistered", 3, "added phone (optional)"),
        ("CustomerRegistered", 4, "address.zip became address.postal_code"),
        ("OrderPlaced", 2, "added currency"),
        ("OrderPlaced", 3, "total became total_cents, its values about 100 times as large"),
        ("OrderPlaced", 4, "added lines"),
        ("OrderShipped", 2, "tracking became tracking_number"),
        ("OrderCancelled", 2, "reason became note"),
        ("PaymentReceived", 2, "type of amount changed from number to string"),
        ("PaymentReceived", 3, "type of method changed from string to object"),
        ("RefundIssued", 3, "amount became refund_cents, its values about 100 times as large"),
        ("ReviewPosted", 2, "product became sku"),
        ("StockAdjusted", 4, "delta became quantity_change"),
    ],
)
def test_what_changed_in_the_inherited_log(
    inherited_sqlite: EventStore, event_type: str, version: int, expected: str
) -> None:
    [found] = [each for each in inherited_versions(inherited_sqlite, event_type) if each.version == version]
    assert expected in [change.text for change in found.changes]


def test_a_number_in_a_text_is_seen_through(inherited_sqlite: EventStore) -> None:
    third = inherited_versions(inherited_sqlite, "PaymentReceived")[2]
    assert third.changes[0] == (
        "unit", "amount became amount_cents, its values about 100 times as large, its type from string to number",
        "likely",
    )  # fmt: skip


def test_recorded_numbers_are_kept_where_they_tell_the_shapes_apart(inherited_sqlite: EventStore) -> None:
    """StockAdjusted v1 and RefundIssued v2 are in the code and were never written."""
    for event_type, numbers in (("StockAdjusted", [2, 3, 4]), ("RefundIssued", [1, 3])):
        versions = inherited_versions(inherited_sqlite, event_type)
        assert [each.version for each in versions] == numbers
        assert [each.disagreement for each in versions] == [None] * len(numbers)


def test_recorded_numbers_that_lie_are_said_to(inherited_sqlite: EventStore) -> None:
    versions = inherited_versions(inherited_sqlite, "OrderPlaced")
    assert [each.version for each in versions] == [1, 2, 3, 4, 5]
    assert versions[0].disagreement is None
    for each in versions[1:]:
        assert each.disagreement == f"recorded as v1 in {each.shape.events} of {each.shape.events} events"


@pytest.mark.parametrize("size", [150, 10_000])
def test_a_meaning_that_changed_without_a_version_is_suspected_where_it_did(
    inherited_sqlite: EventStore, size: int
) -> None:
    with inherited_sqlite.engine.connect() as connection:
        events = list(sample_events(connection, "LoyaltyPointsGranted", size, seed=3))
    first, second = map_shapes_to_versions(recover_shapes(events)["LoyaltyPointsGranted"])
    [suspicion] = first.suspicions
    assert (suspicion.kind, suspicion.certainty) == ("unit", "suspected")
    near = int(suspicion.text.split("near position ")[1].split(" ")[0])
    changed = [event.valid_at >= POINTS_COUNT_CENTS_FROM for event in events].index(True)
    assert events[max(0, changed - 12)].global_position <= near <= events[changed + 12].global_position
    assert second.suspicions == ()
    assert [change.kind for change in second.changes] == ["added", "added"]


def test_no_other_type_of_the_inherited_log_is_suspected(inherited_sqlite: EventStore) -> None:
    with inherited_sqlite.engine.connect() as connection:
        found = recover_shapes(all_events(connection))
    suspected = {name for name, shapes in found.items() for each in map_shapes_to_versions(shapes) if each.suspicions}
    assert suspected == {"LoyaltyPointsGranted"}


def test_growth_and_outliers_are_no_new_meaning() -> None:
    grown = [{"n": 1000 + number} for number in range(300)]
    grown[150] = {"n": 10_000_000}
    counted = [{"n": number} for number in range(1, 400)]
    noisy = random.Random(5)
    uneven = [{"n": noisy.randrange(1, 2000)} for _ in range(300)]
    for payloads in (grown, counted, uneven):
        [only] = versions_of(*payloads)
        assert only.suspicions == ()


def test_a_rename_needs_values_of_one_kind() -> None:
    same = told(*[{"code": f"AB-{n}"} for n in range(30)], *[{"reference": f"XY-{n}"} for n in range(30)])
    assert same == [("renamed", "code became reference", "likely")]
    other = told(*[{"code": f"AB-{n}"} for n in range(30)], *[{"remark": "as agreed by letter"}] * 30)
    assert [change[0] for change in other] == ["removed", "added"]
    size = told(*[{"weight": n} for n in range(20, 50)], *[{"height": 7 * n} for n in range(20, 50)])
    assert [change[0] for change in size] == ["removed", "added"]


def test_sizes_that_drift_over_the_years_hide_no_rename() -> None:
    old = [{"price": n} for n in range(10, 1010, 5)]
    new = [{"amount": n} for n in range(1000, 2000, 5)]
    assert told(*old, *new) == [("renamed", "price became amount", "likely")]


def test_a_unit_that_changed_with_a_version_is_told_from_a_rename() -> None:
    grams = told(*[{"kilograms": n} for n in range(20, 50)], *[{"grams": 1000 * n} for n in range(20, 50)])
    assert grams == [("unit", "kilograms became grams, its values about 1000 times as large", "likely")]
    kept = told(*[{"w": n} for n in range(20, 50)], *[{"w": 100 * n, "unit": "g"} for n in range(20, 50)])
    assert ("unit", "w is about 100 times what it was: a new unit?", "suspected") in kept


def test_an_object_that_came_or_went_is_named_once() -> None:
    came = told(*[{"a": 1}] * 30, *[{"a": 1, "where": {"street": "x", "city": {"name": "y"}}}] * 30)
    assert came == [("added", "added where", "certain")]
