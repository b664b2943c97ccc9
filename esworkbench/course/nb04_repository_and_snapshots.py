"""The exercises of notebook 04: load from a snapshot, know when not to, migrate one, when one is due, the p99."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import ceil
from typing import Any

import msgspec

from esworkbench.aggregates.snapshots import Snapshot
from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.domains.bank import AccountOpened, BankAccount, MoneyDeposited
from esworkbench.events import DomainEvent
from esworkbench.snapshotting.frequency import percentile

Stream = Sequence[tuple[int, DomainEvent]]
"""Version and event, from the first event on."""


def snapshot_with(**changed: Any) -> Snapshot:
    """A snapshot at version 3 of an account that holds 30, in shape 1, folded when deposits were v3."""
    account = BankAccount("a")
    account.open("Ada", "USD")
    account.balance_minor = 30
    snapshot = Snapshot(
        stream_id=account.stream_id,
        version=3,
        state_version=1,
        state=msgspec.json.encode(account.state()),
        event_shapes={"AccountOpened": 1, "MoneyDeposited": 3},
        event_hash="0" * 64,
        based_on_version=None,
    )
    return snapshot._replace(**changed)


def load_from_snapshot(account: BankAccount, snapshot: Snapshot, stream: Stream) -> None:
    """Restore the state, then apply what came after it, and nothing else."""
    account.restore(msgspec.json.decode(snapshot.state))
    account.version = snapshot.version
    for version, event in stream:
        if version > snapshot.version:
            account.replay(event)


def examine_load(answer: Callable[[BankAccount, Snapshot, Stream], None]) -> None:
    events: list[DomainEvent] = [AccountOpened(account_id="a", owner="Ada", currency="USD")]
    for amount_minor in (10, 20, 400, 5_000):
        events.append(MoneyDeposited(amount_minor=amount_minor, currency="USD", reference=f"r{amount_minor}"))
    account = BankAccount("a")
    answer(account, snapshot_with(), list(enumerate(events, start=1)))
    wrong = {
        5_450: "the event at the snapshot's own version is applied again: the state already includes it",
        5_460: "every event is applied on top of a state that holds the first three: only those after it are missing",
        5_030: "the first event after the snapshot is left out: after version 3 comes 4",
        30: "the events after the snapshot are missing: it is the state of that day, not of today",
        0: "the account holds nothing: `restore` takes over what the snapshot's JSON says",
    }
    if account.balance_minor != 5_430:
        raise Wrong(wrong.get(account.balance_minor, f"the account should hold 5430, not {account.balance_minor}"))
    if account.version != 5:
        raise Wrong(f"the version is {account.version}, and the stream is at 5: the next save would be refused")


def applies_one_again(account: BankAccount, snapshot: Snapshot, stream: Stream) -> None:
    load_from_snapshot(account, snapshot._replace(version=snapshot.version - 1), stream)


def applies_all(account: BankAccount, snapshot: Snapshot, stream: Stream) -> None:
    load_from_snapshot(account, snapshot._replace(version=0), stream)


def leaves_one_out(account: BankAccount, snapshot: Snapshot, stream: Stream) -> None:
    load_from_snapshot(account, snapshot._replace(version=snapshot.version + 1), stream)


def forgets_the_version(account: BankAccount, snapshot: Snapshot, stream: Stream) -> None:
    load_from_snapshot(account, snapshot, stream)
    account.version -= snapshot.version


def usable(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    """Whether today's code can vouch for it: the state has today's shape, and so have the events it was folded from."""
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type) == shape for event_type, shape in snapshot.event_shapes.items())


def examine_usable(answer: Callable[[Snapshot, int, Mapping[str, int]], bool]) -> None:
    shapes = {"AccountOpened": 1, "MoneyDeposited": 3}
    if not answer(snapshot_with(), 1, shapes):
        raise Wrong("a snapshot of today's shape, folded from events of today's shapes, is refused")
    if answer(snapshot_with(), 2, shapes):
        raise Wrong("a state of shape 1 is taken for shape 2: without a migration nobody can read it")
    if answer(snapshot_with(state_version=2), 1, shapes):
        raise Wrong("code that knows shape 1 accepts a state of shape 2: that happens after a rollback")
    if answer(snapshot_with(), 1, {**shapes, "MoneyDeposited": 4}):
        raise Wrong("deposits are v4 now and it was folded from v3: it bypasses the upcaster")
    if not answer(snapshot_with(), 1, {**shapes, "PointsGranted": 1}):
        raise Wrong("a new event type invalidates it, but code that didn't know PointsGranted folded none")
    if answer(snapshot_with(event_shapes=None), 1, shapes):
        raise Wrong("it doesn't say which events it was folded from, but is used all the same")


def looks_at_the_state_alone(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version == state_version


def takes_older_shapes(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version <= state_version


def wants_the_same_types(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version == state_version and snapshot.event_shapes == event_shapes


def trusts_the_silent(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot._replace(event_shapes=snapshot.event_shapes or {}), state_version, event_shapes)


def count_in_minor_units(state: dict[str, Any]) -> dict[str, Any]:
    """Amounts as text in dollars invited floats, so the second shape counts cents."""
    rest = {name: value for name, value in state.items() if name != "balance"}
    pending = {withdrawal_id: int(Decimal(amount) * 100) for withdrawal_id, amount in state["pending"].items()}
    return {**rest, "balance_minor": int(Decimal(state["balance"]) * 100), "pending": pending}


def examine_migration(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    migrated = answer({"owner": "Ada", "balance": "20.05", "pending": {"w1": "19.99"}})
    if migrated.get("owner") != "Ada":
        raise Wrong("the owner is gone: a migration carries over what it doesn't change")
    if "balance" in migrated:
        raise Wrong(
            "the old field `balance` is still there, beside the new one: two fields for one thing will drift apart"
        )
    amounts = [migrated.get("balance_minor"), *(migrated.get("pending") or {}).values()]
    if any(type(amount) is not int for amount in amounts):
        raise Wrong(f"amounts should be whole numbers of cents, not {amounts}")
    if amounts == [2005]:
        raise Wrong("the hold is gone: its money would never come back")
    if amounts != [2005, 1999]:
        raise Wrong(f"20.05 and 19.99 became {amounts}: a float has lost a cent; Decimal reads the text exactly")


def through_floats(state: dict[str, Any]) -> dict[str, Any]:
    pending = {withdrawal_id: int(float(amount) * 100) for withdrawal_id, amount in state["pending"].items()}
    return {"owner": state["owner"], "balance_minor": int(float(state["balance"]) * 100), "pending": pending}


def loses_the_hold(state: dict[str, Any]) -> dict[str, Any]:
    return {**count_in_minor_units(state), "pending": {}}


def keeps_both(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, **count_in_minor_units(state)}


def leaves_holds_in_dollars(state: dict[str, Any]) -> dict[str, Any]:
    return {**count_in_minor_units(state), "pending": state["pending"]}


def due(before: int, after: int, every: int) -> bool:
    """Whether a multiple of ``every`` lies after version ``before`` and not after ``after``."""
    return after // every > before // every


def examine_due(answer: Callable[[int, int, int], bool]) -> None:
    for before, after, expected, words in (
        (20, 120, True, "one save of a hundred events passes from 20 to 120, over the multiple, and none is taken"),
        (100, 101, False, "from 100 to 101 the multiple is already behind us: it would be taken one version late"),
        (99, 100, True, "from 99 to 100 a multiple is reached, and none is taken: count multiples, not events"),
        (98, 99, False, "from 98 to 99 no multiple is reached, and one is taken"),
    ):
        if bool(answer(before, after, 100)) is not expected:
            raise Wrong(words)


def only_on_the_multiple(before: int, after: int, every: int) -> bool:
    return after % every == 0


def counts_events(before: int, after: int, every: int) -> bool:
    return after - before >= every


def off_by_one(before: int, after: int, every: int) -> bool:
    return (after - 1) // every > (before - 1) // every


def examine_percentile(answer: Callable[[Sequence[float], float], float]) -> None:
    hundred = [float(number) for number in range(1, 100)] + [30_000.0]
    found = answer(hundred, 0.99)
    if found == hundred[-1]:
        raise Wrong("that is the slowest of all: 99 of 100 loads are at or below 99")
    if found > 99:
        raise Wrong(f"{found:g} is no load that was measured: an average says little about the slow ones")
    if found != 99:
        raise Wrong(f"only {found:g} of 100 loads are at or below {found:g}: 99 are asked for")
    if answer([7.0], 0.5) != 7:
        raise Wrong("with a single load, every percentile is that load")


def average(ordered: Sequence[float], share: float) -> float:
    return sum(ordered) / len(ordered)


def slowest(ordered: Sequence[float], share: float) -> float:
    return ordered[-1]


def one_below(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 2)]


exercises = Exercises(
    Exercise(
        name="load_from_snapshot",
        task=(
            "Write `my_load(account, snapshot, stream)`: bring the new `account` to the head of its stream. "
            "`stream` is a list of (version, event) pairs, from the first event on; `snapshot.state` is JSON."
        ),
        examine=examine_load,
        reference=load_from_snapshot,
        hints=(
            "`account.restore(...)`, then the events with a version above the snapshot's.",
            "`account.replay(event)` counts from `account.version`: set that first.",
        ),
        mistakes={
            "double apply": Mistake(applies_one_again, "applied again"),
            "every event": Mistake(applies_all, "only those after it"),
            "off by one version": Mistake(leaves_one_out, "left out"),
            "the version": Mistake(forgets_the_version, "the next save would be refused"),
        },
    ),
    Exercise(
        name="usable",
        task=(
            "Write `my_usable(snapshot, state_version, event_shapes)`: may the snapshot be used by code that knows "
            "this shape of the state and these latest schema versions of the events? There is no migration."
        ),
        examine=examine_usable,
        reference=usable,
        hints=(
            "`snapshot.state_version`, and `snapshot.event_shapes`, which may be None.",
            "Each event type that the snapshot names must have the same version today. New types don't matter.",
        ),
        mistakes={
            "missing upcast": Mistake(looks_at_the_state_alone, "bypasses the upcaster"),
            "an older shape": Mistake(takes_older_shapes, "without a migration"),
            "new types": Mistake(wants_the_same_types, "folded none"),
            "says nothing": Mistake(trusts_the_silent, "used all the same"),
        },
    ),
    Exercise(
        name="count_in_minor_units",
        task=(
            "Write `my_migration(state)`: the first shape is `{'owner': …, 'balance': '20.05', 'pending': {'w1': "
            "'19.99'}}`; the second has `balance_minor`, and all amounts as whole cents."
        ),
        examine=examine_migration,
        reference=count_in_minor_units,
        hints=("What does `int(19.99 * 100)` give?", "`int(Decimal(text) * 100)`, for each hold too."),
        mistakes={
            "float money": Mistake(through_floats, "a float has lost a cent"),
            "the hold": Mistake(loses_the_hold, "the hold is gone"),
            "both fields": Mistake(keeps_both, "still there"),
            "half migrated": Mistake(leaves_holds_in_dollars, "whole numbers of cents"),
        },
    ),
    Exercise(
        name="due",
        task=(
            "Write `my_due(before, after, every)`: a save took the stream from version `before` to `after`. Did it "
            "reach or pass a multiple of `every`?"
        ),
        examine=examine_due,
        reference=due,
        hints=("One save may hold several events.", "How many multiples are there up to `before`, and up to `after`?"),
        mistakes={
            "jumped over": Mistake(only_on_the_multiple, "over the multiple"),
            "counts events": Mistake(counts_events, "count multiples"),
            "off by one version": Mistake(off_by_one, "one version late"),
        },
    ),
    Exercise(
        name="percentile",
        task=(
            "Write `my_percentile(ordered, share)`: the smallest of the ascending numbers such that at least this "
            "share of them all is at or below it."
        ),
        examine=examine_percentile,
        reference=percentile,
        hints=("Of 100 numbers, p99 is the 99th.", "Python counts from 0, and `math.ceil` rounds up."),
        mistakes={
            "the average": Mistake(average, "no load that was measured"),
            "the slowest": Mistake(slowest, "the slowest of all"),
            "off by one": Mistake(one_below, "99 are asked for"),
        },
    ),
)
