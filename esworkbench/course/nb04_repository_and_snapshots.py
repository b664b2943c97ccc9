"""The exercises of notebook 04: load from a snapshot, know when not to, migrate one, when one is due, the p99."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any

import msgspec
from hypothesis import strategies as st

from esworkbench.aggregates.snapshots import Snapshot
from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.domains.bank import AccountOpened, BankAccount, MoneyDeposited, WithdrawalRequested, WithdrawalSettled
from esworkbench.events import DomainEvent
from esworkbench.snapshotting.frequency import percentile

# --- load_from_snapshot -----------------------------------------------------------------------------------------------

Read = Callable[[int], Sequence[DomainEvent]]
"""The events that come after a version of the stream, in order; after 0, all of them."""


def load_from_snapshot(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    """Restore the state, then apply what came after it, and nothing else."""
    account.restore(msgspec.json.decode(snapshot.state))
    account.version = snapshot.version
    for event in read(snapshot.version):
        account.replay(event)


def _applies_one_again(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot._replace(version=snapshot.version - 1), read)


def _applies_all(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot._replace(version=0), read)


def _leaves_one_out(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot._replace(version=snapshot.version + 1), read)


def _forgets_the_version(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, read)
    account.version -= snapshot.version


def _never_opens_it(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    for event in read(0):
        account.replay(event)


def _reads_all(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, lambda after: read(0)[after:])


def _tail_without_a_state(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot._replace(state=b"{}"), read)


def _state_of_that_day(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, lambda after: [])


def _records_the_tail(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot, lambda after: [])
    for event in read(snapshot.version):
        account.record(event)


def _takes_the_balance_alone(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    balance = {"balance_minor": msgspec.json.decode(snapshot.state)["balance_minor"]}
    load_from_snapshot(account, snapshot._replace(state=msgspec.json.encode(balance)), read)


def _decodes_as_latin_1(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    load_from_snapshot(account, snapshot._replace(state=snapshot.state.decode("latin-1").encode()), read)


def _returns_the_account(account: BankAccount, snapshot: Snapshot, read: Read) -> BankAccount:
    load_from_snapshot(account, snapshot, read)
    return account


def _play_load(answer: Any, events: list[DomainEvent], snapshot_at: int) -> Any:
    """The account, of its state what a new one hasn't, what is to be saved, which versions were read and applied.

    And whether it is left as a past state is, which takes no commands.
    """
    kept = BankAccount("a")
    for event in events[:snapshot_at]:
        kept.replay(event)
    snapshot = Snapshot(
        stream_id=kept.stream_id,
        version=snapshot_at,
        state_version=1,
        state=msgspec.json.encode(kept.state()),
        event_shapes={},
        event_hash="0" * 64,
        based_on_version=None,
    )
    versions = range(1, len(events) + 1)
    read_versions: set[int] = set()
    applied: list[int] = []

    class Counted(BankAccount):
        def apply(self, event: DomainEvent) -> None:
            applied.append(next((version for version in versions if events[version - 1] is event), 0))
            super().apply(event)

    def read(after: int) -> list[DomainEvent]:
        read_versions.update(versions[after:])
        return events[after:]

    account, new = Counted("a"), Counted("a").state()
    returned = answer(account, snapshot, read)
    to_be_saved = [type(event).__name__ for event, _ in account.uncommitted]
    changed = {name: value for name, value in account.state().items() if value != new[name]}
    return {
        "version": account.version,
        "versions read": sorted(read_versions),
        "versions applied": applied,
        "to be saved": to_be_saved,
        **changed,
        **({"read_only": True} if account.read_only else {}),
        **({} if returned is None else {"returned": "something"}),
    }


OPENED, ZOE_OPENED = (AccountOpened(account_id="a", owner=owner, currency="USD") for owner in ("Ada", "Zoë"))
MONEY = {"currency": "USD", "reference": "r"}


@st.composite
def _events_and_a_version(draw: st.DrawFn) -> tuple[list[DomainEvent], int]:
    """An account opened and in use, and the version of its snapshot, the last one perhaps."""
    events: list[DomainEvent] = [draw(st.sampled_from([OPENED, OPENED, ZOE_OPENED]))]
    for amount_minor, kind in draw(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2)), max_size=5)):
        made: list[DomainEvent] = [
            MoneyDeposited(amount_minor=amount_minor, **MONEY),
            WithdrawalRequested(withdrawal_id="w", amount_minor=amount_minor, **MONEY),
            WithdrawalSettled(withdrawal_id="w", amount_minor=amount_minor, currency="USD"),
        ]
        events.append(made[kind])
    return events, draw(st.integers(1, len(events)))


def _given_load(events: list[DomainEvent], snapshot_at: int) -> str:
    told = [
        f"{version} {type(event).__name__} {getattr(event, 'amount_minor', getattr(event, 'owner', ''))}"
        for version, event in enumerate(events, start=1)
    ]
    return f"{', '.join(told)}; the snapshot is of version {snapshot_at}"


LOAD_FROM_SNAPSHOT = Exercise(
    name="load_from_snapshot",
    task=(
        "Bring the new `account` to the head of its stream. `snapshot.state` is JSON, as UTF-8 bytes, of what "
        "`account.restore(state)` takes as a dict, and `snapshot.version` is the version of the last event in it; that "
        "may be the last of the stream. `read(version)` returns the events that come after that version, as a list in "
        "their order. Each event it reads costs time, so read none that is in the snapshot. "
        "`account.replay(event)` applies an event and adds 1 to `account.version`, which `restore` leaves as it is. In "
        "the end `account.version` is the stream's, and `account.uncommitted`, what is to be saved, is empty. Nothing "
        "is returned."
    ),
    stub=(
        "import json\n"
        "from collections.abc import Callable\n\n"
        "from esworkbench.aggregates.snapshots import Snapshot\n"
        "from esworkbench.domains.bank import BankAccount\n"
        "from esworkbench.events import DomainEvent\n\n"
        "Read = Callable[[int], list[DomainEvent]]\n\n\n"
        "def my_load_from_snapshot(account: BankAccount, snapshot: Snapshot, read: Read) -> None: ..."
    ),
    reference=load_from_snapshot,
    cases=_events_and_a_version(),
    examples=[
        ([OPENED, *(MoneyDeposited(amount_minor=10**each, **MONEY) for each in range(4))], 3),
        ([ZOE_OPENED, MoneyDeposited(amount_minor=1, **MONEY)], 1),
    ],
    play=_play_load,
    given=_given_load,
    hints=(
        "`account.restore(...)` with what `json.loads` makes of the state, then the events after the snapshot.",
        "`account.replay(event)` counts from `account.version`: set that to `snapshot.version` first.",
    ),
    mistakes={
        "double apply": Mistake(
            _applies_one_again,
            "the event at the snapshot's own version is applied again: the state already includes it",
        ),
        "every event": Mistake(
            _applies_all, "every event is applied on top of a state that includes the first of them already"
        ),
        "off by one version": Mistake(
            _leaves_one_out, "the first event after the snapshot is left out: start at the version after the snapshot's"
        ),
        "the version": Mistake(
            _forgets_the_version,
            "the version only counts what was applied after the snapshot: the next save would be refused",
        ),
        "never opened": Mistake(
            _never_opens_it, "the snapshot is never opened: all events are folded, as slowly as without one"
        ),
        "reads all": Mistake(
            _reads_all, "it reads every event, only to skip most of them: that takes as long as without a snapshot"
        ),
        "the tail alone": Mistake(
            _tail_without_a_state, "the state is missing: `restore` takes over what the snapshot's JSON says"
        ),
        "the state alone": Mistake(
            _state_of_that_day,
            "the events after the snapshot are missing: it is the state of that day, not of today",
        ),
        "recorded": Mistake(
            _records_the_tail,
            "what happened long ago is recorded as new, and would be saved again: `replay` only applies it",
        ),
        "the balance alone": Mistake(
            _takes_the_balance_alone,
            "the balance alone is taken from the snapshot: there is more in it, so hand all of it to `restore`",
        ),
        "as Latin-1": Mistake(
            _decodes_as_latin_1,
            "the bytes are read in another encoding than UTF-8, which spoils each name beyond ASCII, such as Zoë's",
        ),
        "returns the account": Mistake(
            _returns_the_account, "it returns something, but the task says that nothing is returned"
        ),
    },
)

# --- usable -----------------------------------------------------------------------------------------------------------


def usable(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    """Whether today's code can vouch for it: the state has today's shape, and so have the events it was folded from."""
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type) == shape for event_type, shape in snapshot.event_shapes.items())


def _looks_at_the_state_alone(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.event_shapes is not None and snapshot.state_version == state_version


def _takes_older_states(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version <= state_version and usable(snapshot, snapshot.state_version, event_shapes)


def _takes_newer_states(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version >= state_version and usable(snapshot, snapshot.state_version, event_shapes)


def _ignores_the_state(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot, snapshot.state_version, event_shapes)


def _takes_newer_events(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type, 99) <= shape for event_type, shape in snapshot.event_shapes.items())


def _takes_older_events(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    if snapshot.state_version != state_version or snapshot.event_shapes is None:
        return False
    return all(event_shapes.get(event_type, 0) >= shape for event_type, shape in snapshot.event_shapes.items())


def _wants_the_same_types(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return snapshot.state_version == state_version and snapshot.event_shapes == event_shapes


def _forgives_what_is_gone(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot, state_version, {**(snapshot.event_shapes or {}), **event_shapes})


def _trusts_the_silent(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return usable(snapshot._replace(event_shapes=snapshot.event_shapes or {}), state_version, event_shapes)


def _takes_none_for_unsaid(snapshot: Snapshot, state_version: int, event_shapes: Mapping[str, int]) -> bool:
    return bool(snapshot.event_shapes) and usable(snapshot, state_version, event_shapes)


SHAPES = {"AccountOpened": 1, "MoneyDeposited": 3}
EXCHANGED = {"AccountOpened": 3, "MoneyDeposited": 1}


def _snapshot(
    event_shapes: Mapping[str, int] | None,
    *,
    version: int = 3,
    event_hash: str | None = "0" * 64,
    based_on_version: int | None = None,
) -> Snapshot:
    return Snapshot(
        stream_id="BankAccount-a",
        version=version,
        state_version=2,
        state=b"{}",
        event_shapes=event_shapes,
        event_hash=event_hash,
        based_on_version=based_on_version,
    )


@st.composite
def _snapshots_and_code(draw: st.DrawFn) -> tuple[Snapshot, int, dict[str, int]]:
    """The snapshot says what today's code says, but for one thing or two. The rest of it doesn't matter."""
    shapes: dict[str, int] | None = dict(SHAPES)
    today, state_version = dict(SHAPES), 2
    for change in draw(st.lists(st.integers(0, 9), max_size=2)):
        state_version = {0: 1, 1: 3}.get(change, state_version)
        if change == 2:
            shapes = None
        elif change == 3:
            today["PointsGranted"] = 1
        elif change == 4:
            today.pop("AccountOpened", None)
        elif change in (5, 6):
            today["MoneyDeposited"] = {5: 2, 6: 4}[change]
        elif change == 7:
            shapes = {}
        elif change == 8:
            today.clear()
        elif change == 9:
            today.update(EXCHANGED)
    version, based_on_version = draw(st.sampled_from([(3, None), (3, 2), (1, None), (200, 100)]))
    snapshot = _snapshot(
        shapes,
        version=version,
        event_hash=draw(st.sampled_from(["0" * 64, None])),
        based_on_version=based_on_version,
    )
    return snapshot, state_version, today


def _given_usable(snapshot: Snapshot, state_version: int, event_shapes: dict[str, int]) -> str:
    kept = f"snapshot: state_version {snapshot.state_version}, event_shapes {snapshot.event_shapes}"
    rest = f"version {snapshot.version}, based_on_version {snapshot.based_on_version}, event_hash "
    rest += "None" if snapshot.event_hash is None else "given"
    return f"{kept} ({rest}); code: state_version {state_version}, event_shapes {event_shapes}"


USABLE = Exercise(
    name="usable",
    task=(
        "May code that knows the shape `state_version` of the state, and the latest schema version of each event type "
        "in `event_shapes`, use this snapshot? There is no migration, so `snapshot.state_version` must be the same. "
        "`snapshot.event_shapes` says which schema version of each event type was the latest when it was folded: each "
        "type that it names must be known today in the same version, neither an older nor a newer one. Types that it "
        "doesn't name don't matter. It is None in a snapshot that doesn't say: that one may not be used. Nothing else "
        "in the snapshot matters. Return a `bool`."
    ),
    stub=(
        "from esworkbench.aggregates.snapshots import Snapshot\n\n\n"
        "def my_usable(snapshot: Snapshot, state_version: int, event_shapes: dict[str, int]) -> bool: ..."
    ),
    reference=usable,
    cases=_snapshots_and_code(),
    examples=[
        (_snapshot(SHAPES), 1, SHAPES),
        (_snapshot(SHAPES), 3, SHAPES),
        (_snapshot(SHAPES), 2, {**SHAPES, "MoneyDeposited": 2}),
        (_snapshot(SHAPES), 2, {**SHAPES, "MoneyDeposited": 4}),
        (_snapshot(SHAPES), 2, {"MoneyDeposited": 3}),
        (_snapshot({}), 2, SHAPES),
        (_snapshot({}), 2, {}),
        (_snapshot(SHAPES), 2, {}),
        (_snapshot(SHAPES), 2, EXCHANGED),
        (_snapshot(SHAPES, version=1), 2, SHAPES),
        (_snapshot(SHAPES, version=200, based_on_version=100), 2, SHAPES),
        (_snapshot(SHAPES, event_hash=None), 2, SHAPES),
    ],
    given=_given_usable,
    hints=(
        "`snapshot.state_version`, and `snapshot.event_shapes`, which may be None.",
        "Each event type that the snapshot names must have the same version today. New types don't matter.",
    ),
    mistakes={
        "missing upcast": Mistake(
            _looks_at_the_state_alone,
            "nobody looks at the shapes of the events: what was folded from an older one bypasses the upcaster",
        ),
        "an older state": Mistake(
            _takes_older_states,
            "a state of an older shape is taken for one of today's: without a migration nobody can read it",
        ),
        "a newer state": Mistake(
            _takes_newer_states,
            "a state of a newer shape is accepted by code that doesn't know it yet: that happens after a rollback",
        ),
        "any state": Mistake(_ignores_the_state, "nobody looks at the shape of the state, `snapshot.state_version`"),
        "newer events": Mistake(
            _takes_newer_events,
            "it was folded from a newer event shape than this code knows, and is used: that happens after a rollback",
        ),
        "older events": Mistake(
            _takes_older_events, "it was folded from an older event shape, and is used: it bypasses the upcaster"
        ),
        "new types": Mistake(
            _wants_the_same_types,
            "a new event type invalidates it, but code that didn't know that type has folded no event of it",
        ),
        "types that are gone": Mistake(
            _forgives_what_is_gone,
            "it was folded from an event type that today's code doesn't know: nobody can vouch for what that did",
        ),
        "says nothing": Mistake(
            _trusts_the_silent, "it doesn't say which events it was folded from, but is used all the same"
        ),
        "names none": Mistake(
            _takes_none_for_unsaid,
            "a snapshot that names no event type is refused like one that doesn't say: only None doesn't say",
        ),
    },
)

# --- count_in_minor_units ---------------------------------------------------------------------------------------------


def count_in_minor_units(state: dict[str, Any]) -> dict[str, Any]:
    """Amounts as text in dollars invited floats, so the second shape counts cents."""
    rest = {name: value for name, value in state.items() if name != "balance"}
    pending = {withdrawal_id: int(Decimal(amount) * 100) for withdrawal_id, amount in state["pending"].items()}
    return {**rest, "balance_minor": int(Decimal(state["balance"]) * 100), "pending": pending}


def _migrated_by(state: dict[str, Any], cents: Any) -> dict[str, Any]:
    pending = {withdrawal_id: cents(amount) for withdrawal_id, amount in state["pending"].items()}
    return {**count_in_minor_units(state), "balance_minor": cents(state["balance"]), "pending": pending}


def _through_floats(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: int(float(amount) * 100))


def _through_rounded_floats(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: round(float(amount) * 100))


def _as_floats(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: float(amount) * 100)


def _as_decimals(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: Decimal(amount) * 100)


def _whole_dollars(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: int(Decimal(amount)) * 100)


def _without_the_point(state: dict[str, Any]) -> dict[str, Any]:
    return _migrated_by(state, lambda amount: int(amount.replace(".", "")))


def _loses_the_holds(state: dict[str, Any]) -> dict[str, Any]:
    return {**count_in_minor_units(state), "pending": {}}


def _keeps_both(state: dict[str, Any]) -> dict[str, Any]:
    return {**state, **count_in_minor_units(state)}


def _leaves_holds_in_dollars(state: dict[str, Any]) -> dict[str, Any]:
    return {**count_in_minor_units(state), "pending": state["pending"]}


def _loses_the_rest(state: dict[str, Any]) -> dict[str, Any]:
    migrated = count_in_minor_units(state)
    return {name: migrated[name] for name in ("balance_minor", "pending")}


def _changes_whatever_looks_like_an_amount(state: dict[str, Any]) -> dict[str, Any]:
    def cents(value: Any) -> Any:
        try:
            return int(Decimal(value) * 100) if isinstance(value, str) else value
        except ArithmeticError:
            return value

    return {name: cents(value) for name, value in count_in_minor_units(state).items()}


def _play_migration(answer: Any, state: dict[str, Any]) -> Any:
    """What a snapshot would keep of it, as JSON. It may change the state it is given, as the package's may."""
    return msgspec.json.decode(msgspec.json.encode(answer(deepcopy(state))))


LARGEST = 2**53 - 1


def _as_text(amount_minor: int, digits: int) -> str:
    """In dollars, with as many decimals as are needed, two at most, and at least ``digits``."""
    dollars, cents = divmod(abs(amount_minor), 100)
    decimals = f"{cents:02}"
    while len(decimals) > digits and decimals.endswith("0"):
        decimals = decimals[:-1]
    return ("-" if amount_minor < 0 else "") + f"{dollars}" + (f".{decimals}" if decimals else "")


def _amounts(lowest: int) -> st.SearchStrategy[str]:
    """Amounts that floats get wrong among them, the largest of all too."""
    small = st.integers(lowest, 300) | st.sampled_from([1_999, 2_005, 113, 11_010])
    large = st.integers(LARGEST - 1_000, LARGEST)
    return st.builds(_as_text, small | small | large, st.sampled_from([2, 2, 0]))


COUNT_IN_MINOR_UNITS = Exercise(
    name="count_in_minor_units",
    task=(
        "A migration from a state's first shape to its second. The first is a dict like `{'owner': 'Ada', 'balance': "
        "'-20.05', 'pending': {'w1': '19.9'}}`: amounts are text in dollars, with at most two decimals, up to "
        "90071992547409.91. In the second, `balance_minor` stands in place of `balance`, and all amounts, those in "
        "`pending` too, are whole cents, `int`. Everything else stays as it is, as do fields that aren't shown here. "
        "Return the new state; you may change the one that you are given."
    ),
    stub=(
        "from decimal import Decimal\nfrom typing import Any\n\n\n"
        "def my_count_in_minor_units(state: dict[str, Any]) -> dict[str, Any]: ..."
    ),
    reference=count_in_minor_units,
    cases=st.tuples(
        st.fixed_dictionaries(
            {
                "owner": st.sampled_from(["Ada", "Zoë", "007"]),
                "balance": _amounts(-300),
                "pending": st.dictionaries(st.sampled_from(["w1", "w2"]), _amounts(0), max_size=2),
            },
            optional={
                "currency": st.sampled_from(["USD", "CHF"]),
                "branch": st.sampled_from(["0301", "12.5", ""]),
                "overdraft_limit_minor": st.sampled_from([0, 5_000]),
                "closed": st.booleans(),
                "closed_on": st.none(),
                "limits": st.sampled_from([{}, {"daily": "500.00"}]),
            },
        )
    ),
    examples=[
        ({"owner": "007", "balance": "-20.05", "pending": {"w1": "19.9"}, "branch": "0301"},),
        ({"owner": "Ada", "balance": "0", "pending": {"w1": "0.00"}, "closed": False, "closed_on": None, "note": ""},),
        ({"owner": "Ada", "balance": "1", "pending": {}, "limits": {"daily": "500.00"}},),
    ],
    play=_play_migration,
    hints=("What does `int(19.99 * 100)` give?", "`int(Decimal(text) * 100)`, for each hold too."),
    mistakes={
        "float money": Mistake(
            _through_floats,
            "a float falls short of an amount now and then, and `int` cuts a cent off: Decimal is exact",
        ),
        "float money, rounded": Mistake(
            _through_rounded_floats,
            "rounding hides what a float loses until the amounts are large: Decimal reads the text exactly",
        ),
        "still floats": Mistake(_as_floats, "the amounts are floats: a whole number of cents is an `int`"),
        "still decimals": Mistake(_as_decimals, "the amounts are Decimals: a whole number of cents is an `int`"),
        "whole dollars": Mistake(_whole_dollars, "the cents are cut off before the amount is multiplied by 100"),
        "without the point": Mistake(
            _without_the_point, "it drops the point, but there may be one decimal only, or none"
        ),
        "the holds": Mistake(_loses_the_holds, "the holds are gone: their money would never come back"),
        "both fields": Mistake(
            _keeps_both,
            "the old field `balance` is still there, beside the new one: two fields for one thing will drift apart",
        ),
        "half migrated": Mistake(
            _leaves_holds_in_dollars, "the holds are still text in dollars: all amounts become whole numbers of cents"
        ),
        "all that look like amounts": Mistake(
            _changes_whatever_looks_like_an_amount,
            "a text that looks like a number needn't be an amount: convert `balance` and what is in `pending` alone",
        ),
        "the rest": Mistake(_loses_the_rest, "the owner is gone: a migration carries over what it doesn't change"),
    },
)

# --- due --------------------------------------------------------------------------------------------------------------


def due(before: int, after: int, every: int) -> bool:
    """Whether a multiple of ``every`` lies after version ``before`` and not after ``after``."""
    return after // every > before // every


def _only_on_the_multiple(before: int, after: int, every: int) -> bool:
    return after % every == 0


def _counts_events(before: int, after: int, every: int) -> bool:
    return after - before >= every


def _one_late(before: int, after: int, every: int) -> bool:
    return (after - 1) // every > (before - 1) // every


def _at_either_end(before: int, after: int, every: int) -> bool:
    return before % every == 0 or after // every > before // every


def _in_floats(before: int, after: int, every: int) -> bool:
    return int(after / every) > int(before / every)


@st.composite
def _saves(draw: st.DrawFn) -> tuple[int, int, int]:
    """Of few events, near a multiple."""
    every = draw(st.integers(1, 6) | st.sampled_from([49, 98, 100]))
    before = max(0, draw(st.integers(0, 3)) * every + draw(st.integers(-3, 3)))
    return before, before + draw(st.integers(0, 12)), every


TOO_LARGE_FOR_A_FLOAT = 2**54
"""The next whole number has no float."""

DUE = Exercise(
    name="due",
    task=(
        "A snapshot is due at every multiple of `every`. A save took the stream from version `before` to version "
        "`after`, by one event or by many. Return True if it reached a multiple or passed one, else False; a multiple "
        "that the stream had reached before counts no more. `every` is 1 or more, and `before` is 0 or more and not "
        "above `after`; a save of no events makes nothing due."
    ),
    stub="def my_due(before: int, after: int, every: int) -> bool: ...",
    reference=due,
    cases=_saves(),
    examples=[
        (20, 120, 100),
        (99, 100, 100),
        (100, 101, 100),
        (98, 99, 100),
        (48, 49, 49),
        (TOO_LARGE_FOR_A_FLOAT, TOO_LARGE_FOR_A_FLOAT + 1, 1),
    ],
    hints=("One save may hold several events.", "How many multiples are there up to `before`, and up to `after`?"),
    mistakes={
        "jumped over": Mistake(
            _only_on_the_multiple,
            "`after` as a multiple says too little: a save of many events may pass one, and one of none reaches none",
        ),
        "counts events": Mistake(
            _counts_events, "it counts the events of this save: count the multiples between the two versions instead"
        ),
        "off by one version": Mistake(
            _one_late, "it is one version late: the event that reaches the multiple makes it due, not the next one"
        ),
        "twice": Mistake(
            _at_either_end,
            "a multiple that the stream had reached before is due again: the save before this one took it",
        ),
        "in floats": Mistake(
            _in_floats, "`/` gives a float, which is not exact for large numbers: `//` divides whole numbers"
        ),
    },
)

# --- percentile -------------------------------------------------------------------------------------------------------


def _last_for_none(ordered: Sequence[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1]


def _average(ordered: Sequence[float], share: float) -> float:
    return sum(ordered) / len(ordered)


def _slowest(ordered: Sequence[float], share: float) -> float:
    return ordered[-1]


def _one_below(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 2)]


def _one_above(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, floor(share * len(ordered)))]


def _rounds_the_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, round(share * len(ordered)) - 1)]


def _cuts_off_the_rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, floor(share * len(ordered)) - 1)]


def _rounds_the_result(ordered: Sequence[float], share: float) -> float:
    return round(percentile(ordered, share))


def _between_two(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _load(number: int) -> float:
    """Exact, also for whoever interpolates, and another number when rounded to seven decimals or fewer."""
    return number * 257 / 256


SHARES = (0.0, 0.01, 0.1, 0.25, 0.375, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
HUNDRED = [_load(number) for number in range(1, 101)]


@st.composite
def _loads_and_a_share(draw: st.DrawFn) -> tuple[list[float], float]:
    """A few numbers, some of them equal, or a hundred; and a share that no float carries past a rank."""
    ordered = sorted(draw(st.lists(st.integers(-5, 20).map(_load), min_size=1, max_size=12)))
    if draw(st.sampled_from([False, False, False, True])):
        ordered = HUNDRED
    exact = [share for share in SHARES if ceil(share * len(ordered)) == ceil(Fraction(str(share)) * len(ordered))]
    return ordered, draw(st.sampled_from(exact))


def _given_percentile(ordered: list[float], share: float) -> str:
    told = f"{ordered}" if len(ordered) <= 12 else f"{ordered[0]}, {ordered[1]} … {ordered[-1]}, {len(ordered)} in all"
    return f"ordered {told}; share {share}"


PERCENTILE = Exercise(
    name="percentile",
    task=(
        "Of the numbers in `ordered`, which are ascending and at least one, return the smallest such that at least "
        "this `share` of them all is at or below it (nearest rank): one of the numbers, not one between two, and not "
        "rounded. `share` runs from 0, which gives the smallest of all, to 1, which gives the largest; 0.99 is the "
        "p99. It is a float, but no case depends on how `share * len(ordered)` is rounded."
    ),
    stub="import math\n\n\ndef my_percentile(ordered: list[float], share: float) -> float: ...",
    reference=percentile,
    cases=_loads_and_a_share(),
    examples=[
        (HUNDRED, 0.99),
        (HUNDRED[:8], 0.375),
        (HUNDRED, 0.0),
        ([0.0, 1.0], 0.0),
        ([-5.0, 1.0], 0.0),
        ([1e-10, 0.1], 0.5),
        ([1e-10, 0.1], 1.0),
    ],
    given=_given_percentile,
    hints=(
        "Of 100 numbers, p99 is the 99th.",
        "Counted from 1, it is the first at whose rank `rank / len(ordered) >= share`. "
        "`math.ceil(share * len(ordered))` is that rank too, but for 0, and where a float passes it: 0.07 * 100 is a "
        "little more than 7.",
    ),
    mistakes={
        "the average": Mistake(
            _average, "the average is no load that was measured, and says little about the slow ones"
        ),
        "share 0": Mistake(
            _last_for_none, "share 0 asks for index -1, which is the last one and not the first: the lowest rank is 1"
        ),
        "the slowest": Mistake(_slowest, "it is the slowest of all, whatever the share"),
        "off by one": Mistake(
            _one_below, "it is one number too low: fewer than the share are at or below it; Python counts from 0"
        ),
        "one above": Mistake(
            _one_above, "it is one number too high where the rank is whole: rank 99 stands at index 98"
        ),
        "rounds the rank": Mistake(
            _rounds_the_rank, "the rank is rounded, down as well as up: then fewer than the share may be at or below it"
        ),
        "cuts off the rank": Mistake(
            _cuts_off_the_rank, "the rank is cut off: then fewer than the share may be at or below it, so round it up"
        ),
        "rounds the number": Mistake(
            _rounds_the_result, "the number is rounded, but it should be one of those measured"
        ),
        "between two": Mistake(
            _between_two, "it lies between two of the numbers: no load took so long, so return one of them"
        ),
    },
)

exercises = Exercises(__name__, LOAD_FROM_SNAPSHOT, USABLE, COUNT_IN_MINOR_UNITS, DUE, PERCENTILE)
