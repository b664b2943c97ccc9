"""The exercise ``load_from_snapshot``: the state that was kept, then what came after it, and nothing else."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from esworkbench.aggregates.snapshots import Snapshot
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.domains.bank import AccountOpened, BankAccount, MoneyDeposited, WithdrawalRequested, WithdrawalSettled
from esworkbench.events import DomainEvent

TASK = (
    "Bring the new `account` to the head of its stream. `snapshot.state` is JSON, as UTF-8 bytes, of what "
    "`account.restore(state)` takes as a dict, and `snapshot.version` is the version of the last event in it; that "
    "may be the last of the stream. `read(version)` returns the events that come after that version, as a list in "
    "their order. Each event it reads costs time, so read none that is in the snapshot. "
    "`account.replay(event)` applies an event and adds 1 to `account.version`, which `restore` leaves as it is. In "
    "the end `account.version` is the stream's, and `account.uncommitted`, what is to be saved, is empty. Let out the "
    "TypeError that `replay` raises for an event that it doesn't know. Nothing is returned."
)

Read = Callable[[int], Sequence[DomainEvent]]
"""The events that come after a version of the stream, in order; after 0, all of them."""


def load_from_snapshot(account: BankAccount, snapshot: Snapshot, read: Read) -> None:
    """Restore the state, then apply what came after it, and nothing else."""
    account.restore(msgspec.json.decode(snapshot.state))
    account.version = snapshot.version
    for event in read(snapshot.version):
        account.replay(event)


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
        based_on_version=snapshot_at // 2 or None,
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


class AccountRenamed(DomainEvent, frozen=True, kw_only=True):
    """Of no kind that an account knows."""

    owner: str


RENAMED = AccountRenamed(owner="Ada B.")
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
    snapshot_at = draw(st.integers(1, len(events)))
    if draw(st.sampled_from([False] * 9 + [True])):
        events.insert(draw(st.integers(snapshot_at, len(events))), RENAMED)
    return events, snapshot_at


def _given_load(events: list[DomainEvent], snapshot_at: int) -> str:
    told = [
        f"{version} {type(event).__name__} {getattr(event, 'amount_minor', getattr(event, 'owner', ''))}"
        for version, event in enumerate(events, start=1)
    ]
    return f"{', '.join(told)}; the snapshot is of version {snapshot_at}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


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


# --- the exercise -----------------------------------------------------------------------------------------------------

LOAD_FROM_SNAPSHOT = Exercise(
    name="load_from_snapshot",
    task=TASK,
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
        ([OPENED, MoneyDeposited(amount_minor=1, **MONEY), RENAMED], 2),
        ([OPENED, RENAMED, MoneyDeposited(amount_minor=1, **MONEY)], 1),
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
