"""Answers to the exercises of notebook 04."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from esworkbench.aggregates.snapshots import Snapshot
from esworkbench.course.nb04_repository_and_snapshots import Read, count_in_minor_units, load_from_snapshot, usable
from esworkbench.domains.bank import BankAccount
from esworkbench.events import DomainEvent
from esworkbench.snapshotting.frequency import percentile

# --- load_from_snapshot -----------------------------------------------------------------------------------------------


def load_and_return(account: BankAccount, snapshot: Snapshot, read: Read) -> BankAccount:
    load_from_snapshot(account, snapshot, read)
    return account


def load_by_counting(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    account.restore(json.loads(snapshot.state))
    tail = read(snapshot.version)
    for event in tail:
        account.apply(event)
    account.version = snapshot.version + len(tail)


def load_by_attributes(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    for name, value in json.loads(snapshot.state.decode("utf-8")).items():
        setattr(account, name, value)
    account.version = account.snapshot_version = snapshot.version
    for version, event in enumerate(read(snapshot.version), start=snapshot.version + 1):
        account.apply(event)
        account.version = version


def load_and_keep_the_tail(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    """Right but for the version where there is no tail."""
    account.restore(json.loads(snapshot.state))
    for version, event in enumerate(read(snapshot.version), start=snapshot.version + 1):
        account.replay(event)
        account.version = version


def load_twice(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, read)
    load_from_snapshot(account, snapshot, read)


def load_and_count_all(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    """Reads the whole stream to learn its version."""
    account.restore(json.loads(snapshot.state))
    for event in read(snapshot.version):
        account.apply(event)
    account.version = len(read(0))


def load_backwards(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, lambda after: list(reversed(read(after))))


def load_only_deposits(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    def deposits(after: int) -> list[DomainEvent]:
        return [each for each in read(after) if "Deposited" in type(each).__name__]

    load_from_snapshot(account, snapshot, deposits)
    account.version = snapshot.version + len(read(snapshot.version))


def load_by_commands(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, read)
    account.read_only = False
    account.uncommitted.clear()
    account.charge_fee(1, "USD", "r", "loading")


def load_with_a_restored_state_last(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, read)
    account.restore(json.loads(snapshot.state))


def load_from_latin_1(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    account.restore(json.loads(snapshot.state.decode("latin-1")))
    account.version = snapshot.version
    for event in read(snapshot.version):
        account.replay(event)


def load_as_a_past_state(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    """No command is possible any more."""
    load_from_snapshot(account, snapshot, read)
    account.read_only = True


def load_from_what_it_is_based_on(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    account.restore(json.loads(snapshot.state))
    account.version = snapshot.based_on_version or snapshot.version
    for event in read(account.version):
        account.replay(event)


def load_what_is_known(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    account.restore(json.loads(snapshot.state))
    account.version = snapshot.version
    for event in read(snapshot.version):
        with suppress(Exception):
            account.replay(event)


def load_up_to_what_is_unknown(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    with suppress(TypeError):
        load_from_snapshot(account, snapshot, read)


# --- usable -----------------------------------------------------------------------------------------------------------


def usable_by_sets(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    kept = snapshot.event_shapes
    return (
        kept is not None and snapshot.state_version == state_version and set(kept.items()) <= set(event_shapes.items())
    )


def usable_by_loop(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if snapshot.event_shapes is None:
        return False
    for name in snapshot.event_shapes:
        if name not in event_shapes or event_shapes[name] != snapshot.event_shapes[name]:
            return False
    return not snapshot.state_version - state_version


def usable_by_today(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    """Asks of today's types whether the snapshot knows them, instead of the other way round."""
    kept = snapshot.event_shapes
    return (
        kept is not None
        and snapshot.state_version == state_version
        and all(kept.get(name, shape) == shape for name, shape in event_shapes.items())
    )


def usable_by_the_sum(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    kept = snapshot.event_shapes
    return (
        kept is not None
        and snapshot.state_version == state_version
        and kept.keys() <= event_shapes.keys()
        and sum(event_shapes.values()) >= sum(kept.values())
    )


def usable_if_any(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return any(event_shapes.get(name) == shape for name, shape in snapshot.event_shapes.items())


def usable_unless_it_raises(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    assert snapshot.event_shapes is not None
    return usable(snapshot, state_version, event_shapes)


def usable_if_it_names_any(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return bool(snapshot.event_shapes) and usable(snapshot, state_version, event_shapes)


def usable_if_code_knows_any(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if not event_shapes:
        return False
    return usable(snapshot, state_version, event_shapes)


def usable_if_folded_from_the_start(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.based_on_version is None and usable(snapshot, state_version, event_shapes)


def usable_if_of_many_events(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.version > 1 and usable(snapshot, state_version, event_shapes)


def usable_if_its_event_is_known(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.event_hash is not None and usable(snapshot, state_version, event_shapes)


def usable_by_sorted_versions(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    kept = snapshot.event_shapes
    return (
        kept is not None
        and snapshot.state_version == state_version
        and kept.keys() <= event_shapes.keys()
        and sorted(kept.values()) == sorted(event_shapes[name] for name in kept)
    )


# --- count_in_minor_units ---------------------------------------------------------------------------------------------


def count_in_place(state: dict[str, Any]) -> dict[str, Any]:
    state["balance_minor"] = int((Decimal(state.pop("balance")) * 100).to_integral_exact())
    for withdrawal_id in state["pending"]:
        state["pending"][withdrawal_id] = int(Decimal(state["pending"][withdrawal_id]).scaleb(2))
    return state


def count_by_text(state: dict[str, Any]) -> dict[str, Any]:
    def cents(amount: str) -> int:
        sign = -1 if amount.startswith("-") else 1
        dollars, _, rest = amount.lstrip("-").partition(".")
        return sign * (int(dollars) * 100 + int(rest.ljust(2, "0")))

    migrated = {name: value for name, value in state.items() if name not in ("balance", "pending")}
    migrated["pending"] = {key: cents(value) for key, value in state["pending"].items()}
    return migrated | {"balance_minor": cents(state["balance"])}


def count_without_the_sign(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    return {**migrated, "balance_minor": abs(migrated["balance_minor"])}


def count_and_return_nothing(state: dict[str, Any]) -> None:
    state |= count_in_minor_units(state)
    del state["balance"]


def count_by_parts(state: dict[str, Any]) -> dict[str, Any]:
    """Of -0.50 it makes +50, of 1.5 it makes 105."""

    def cents(amount: str) -> int:
        dollars, _, rest = amount.partition(".")
        return int(dollars) * 100 + int(rest or 0)

    return {
        **count_in_minor_units(state),
        "balance_minor": cents(state["balance"]),
        "pending": {key: cents(value) for key, value in state["pending"].items()},
    }


def count_with_the_owner_alone(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    return {name: migrated[name] for name in ("owner", "balance_minor", "pending")}


def count_of_the_first_hold(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    return {**migrated, "pending": dict(list(migrated["pending"].items())[:1])}


def count_under_the_old_name(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    migrated["balance"] = migrated.pop("balance_minor")
    return migrated


def count_whatever_looks_like_an_amount(state: dict[str, Any]) -> dict[str, Any]:
    def cents(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cents(each) for name, each in value.items()}
        try:
            return int(Decimal(value) * 100)
        except ArithmeticError:
            return value

    migrated = {name: cents(value) for name, value in state.items()}
    migrated["balance_minor"] = migrated.pop("balance")
    return migrated


def count_and_drop_what_is_empty(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in count_in_minor_units(state).items() if value not in (None, "")}


def count_and_drop_holds_of_nothing(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    return {**migrated, "pending": {key: value for key, value in migrated["pending"].items() if value}}


def count_in_every_table(state: dict[str, Any]) -> dict[str, Any]:
    def cents(value: Any) -> Any:
        return {key: int(Decimal(each) * 100) for key, each in value.items()} if isinstance(value, dict) else value

    migrated = {name: cents(value) for name, value in state.items() if name != "balance"}
    return {**migrated, "balance_minor": int(Decimal(state["balance"]) * 100)}


# --- due --------------------------------------------------------------------------------------------------------------


def due_by_trying(before: int, after: int, every: int) -> bool:
    return any(version % every == 0 for version in range(before + 1, after + 1))


def due_by_the_next(before: int, after: int, every: int) -> bool:
    to_go = every - before % every
    return after - before >= to_go


def due_by_difference(before: int, after: int, every: int) -> bool:
    return divmod(after, every)[0] != divmod(before, every)[0]


def due_at_the_multiple_before(before: int, after: int, every: int) -> bool:
    return any(version % every == 0 for version in range(before, after + 1))


def due_short_of_the_last(before: int, after: int, every: int) -> bool:
    return any(version % every == 0 for version in range(before + 1, after))


def due_by_remainders(before: int, after: int, every: int) -> bool:
    return after % every < before % every


def due_as_a_number(before: int, after: int, every: int) -> int:
    return after // every - before // every


def due_by_the_inverse(before: int, after: int, every: int) -> bool:
    return int(after * (1 / every)) > int(before * (1 / every))


def due_by_floats(before: int, after: int, every: int) -> bool:
    return floor(after / every) > floor(before / every)


# --- percentile -------------------------------------------------------------------------------------------------------


def percentile_by_its_words(ordered: list[float], share: float) -> float:
    enough = share * len(ordered) - 1e-9
    return min(each for each in ordered if sum(other <= each for other in ordered) >= enough)


def percentile_by_numpy(ordered: list[float], share: float) -> float:
    return float(np.quantile(ordered, share, method="inverted_cdf"))


def percentile_by_bisecting(ordered: list[float], share: float) -> float:
    for each in ordered:
        if bisect_right(ordered, each) + 1e-9 >= share * len(ordered):
            return each
    return ordered[-1]


def percentile_of_the_different(ordered: list[float], share: float) -> float:
    different = sorted(set(ordered))
    return different[max(0, ceil(share * len(different)) - 1)]


def percentile_from_above(ordered: list[float], share: float) -> float:
    return ordered[-max(1, ceil((1 - share) * len(ordered)))]


def percentile_of_the_last_for_none(ordered: list[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1]


def percentile_as_text(ordered: list[float], share: float) -> str:
    return f"{percentile(ordered, share):g}"


def percentile_to_a_decimal(ordered: list[float], share: float) -> float:
    return round(percentile(ordered, share), 1)


def percentile_by_numpy_as_it_is(ordered: list[float], share: float) -> float:
    return float(np.percentile(ordered, share))


def percentile_to_two_decimals(ordered: list[float], share: float) -> float:
    return round(percentile(ordered, share), 2)


def percentile_to_microseconds(ordered: list[float], share: float) -> float:
    return round(percentile(ordered, share), 6)


def percentile_to_nine_decimals(ordered: list[float], share: float) -> float:
    return round(percentile(ordered, share), 9)


def percentile_in_32_bits(ordered: list[float], share: float) -> float:
    return float(np.float32(percentile(ordered, share)))


def percentile_without_zeros(ordered: list[float], share: float) -> float:
    return percentile([each for each in ordered if each] or ordered, share)


def percentile_by_size(ordered: list[float], share: float) -> float:
    return percentile(sorted(ordered, key=abs), share)


def percentile_in_whole_per_cents(ordered: list[float], share: float) -> float:
    return ordered[max(1, ceil(round(share * 100) * len(ordered) / 100)) - 1]


def percentile_by_the_rank(ordered: list[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def percentile_by_exact_rank(ordered: list[float], share: float) -> float:
    return ordered[max(1, ceil(Fraction(str(share)) * len(ordered))) - 1]


RIGHT: dict[str, list[Any]] = {
    "load_from_snapshot": [load_by_counting, load_by_attributes],
    "usable": [usable_by_sets, usable_by_loop],
    "count_in_minor_units": [count_in_place, count_by_text],
    "due": [due_by_trying, due_by_the_next, due_by_difference],
    "percentile": [
        percentile_by_its_words,
        percentile_by_numpy,
        percentile_by_bisecting,
        percentile_by_the_rank,
        percentile_by_exact_rank,
    ],
}
WRONG: dict[str, list[Any]] = {
    "load_from_snapshot": [
        load_and_return,
        load_and_keep_the_tail,
        load_twice,
        load_and_count_all,
        load_backwards,
        load_only_deposits,
        load_by_commands,
        load_with_a_restored_state_last,
        load_from_latin_1,
        load_as_a_past_state,
        load_from_what_it_is_based_on,
        load_what_is_known,
        load_up_to_what_is_unknown,
    ],
    "usable": [
        usable_by_today,
        usable_by_the_sum,
        usable_if_any,
        usable_unless_it_raises,
        usable_if_it_names_any,
        usable_if_code_knows_any,
        usable_if_folded_from_the_start,
        usable_if_of_many_events,
        usable_if_its_event_is_known,
        usable_by_sorted_versions,
    ],
    "count_in_minor_units": [
        count_without_the_sign,
        count_and_return_nothing,
        count_by_parts,
        count_with_the_owner_alone,
        count_of_the_first_hold,
        count_under_the_old_name,
        count_whatever_looks_like_an_amount,
        count_and_drop_what_is_empty,
        count_and_drop_holds_of_nothing,
        count_in_every_table,
    ],
    "due": [
        due_at_the_multiple_before,
        due_short_of_the_last,
        due_by_remainders,
        due_as_a_number,
        due_by_the_inverse,
        due_by_floats,
    ],
    "percentile": [
        percentile_of_the_different,
        percentile_from_above,
        percentile_of_the_last_for_none,
        percentile_as_text,
        percentile_to_a_decimal,
        percentile_by_numpy_as_it_is,
        percentile_to_two_decimals,
        percentile_to_microseconds,
        percentile_to_nine_decimals,
        percentile_in_32_bits,
        percentile_without_zeros,
        percentile_by_size,
        percentile_in_whole_per_cents,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
