"""Writers with real bugs. ``writer_child`` runs one of them, and names each point at which it can be held or killed."""

from collections.abc import Callable

import msgspec
from sqlalchemy import func, select

from esworkbench.aggregates.repository import Repository
from esworkbench.domains.bank import BANK_EVENT_TYPES, BankAccount, MoneyDeposited, bank_decoder
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.event_store.chain import event_hash
from esworkbench.event_store.drafts import ANY_VERSION
from esworkbench.event_store.schema import events
from esworkbench.lab.incidents.faults.writer_process import WriterTask

At = Callable[[str], None]

BETWEEN_THE_APPENDS = "between the two appends"
BOOKED_AND_NOT_APPENDED = "booked, and not appended"
DECIDED = "decided"
HEAD_READ = "head read"


def transfer_in_two_appends(store: EventStore, task: WriterTask, at: At) -> None:
    """Each side in a transaction of its own. Killed between the two, half of the transfer stands."""
    accounts = _accounts(store)
    movement = (task.amount_minor, task.currency, task.reference)
    metadata = {"correlation_id": store.new_id(), "actor": "standing-order"}
    sender = accounts.load(task.account)
    sender.send_transfer(f"T-{task.reference}", task.partner, *movement)
    accounts.save(sender, metadata=metadata)
    at(BETWEEN_THE_APPENDS)
    receiver = accounts.load(task.partner)
    receiver.receive_transfer(f"T-{task.reference}", task.account, *movement)
    accounts.save(receiver, metadata=metadata)


def pay_and_then_append(store: EventStore, task: WriterTask, at: At) -> None:
    """The money goes out first, and is written down after. Killed between the two, nobody ever writes it down."""
    accounts = _accounts(store)
    account = accounts.load(task.account)
    account.withdraw(task.amount_minor, task.currency, task.reference)
    at(BOOKED_AND_NOT_APPENDED)
    accounts.save(account, metadata={"correlation_id": store.new_id(), "actor": "cash-machine"})


def withdraw_without_version_check(store: EventStore, task: WriterTask, at: At) -> None:
    """Decides on what it loaded, and appends after whatever is there by then."""
    accounts = _accounts(store)
    account = accounts.load(task.account)
    account.withdraw(task.amount_minor, task.currency, task.reference)
    at(DECIDED)
    append = accounts.append_of(account, {"correlation_id": store.new_id(), "actor": "cash-machine"})
    store.append(append.stream_id, append.events, expected_version=ANY_VERSION)


def deposit_on_a_head_read_before(store: EventStore, task: WriterTask, at: At) -> None:
    """Writes to the table itself: its version is drawn under the lock, the hash before it was read without."""
    stream_id = f"{BankAccount.category}-{task.account}"
    head = store.read_stream(stream_id)[-1]
    at(HEAD_READ)
    deposited = MoneyDeposited(amount_minor=task.amount_minor, currency=task.currency, reference=task.reference)
    metadata = {"correlation_id": store.new_id(), "actor": "cheque-clearing", "decided_on_version": head.version}
    event = BANK_EVENT_TYPES.encode(deposited, metadata=metadata)
    encoded, event_id, now = msgspec.json.encode(metadata), store.new_id(), store.clock()
    with write_transaction(store.engine) as connection:
        last = connection.scalar(select(func.max(events.c.version)).where(events.c.stream_id == stream_id)) or 0
        made = event_hash(
            head.hash, stream_id, last + 1, event_id, event.event_type, event.schema_version, now, now, event.payload,
            encoded,
        )  # fmt: skip
        row = {
            "stream_id": stream_id, "version": last + 1, "event_id": event_id, "event_type": event.event_type,
            "schema_version": event.schema_version, "payload": event.payload.decode(), "metadata": encoded.decode(),
            "recorded_at": now, "valid_at": now, "prev_hash": head.hash, "hash": made,
        }  # fmt: skip
        connection.execute(events.insert().values(row))


def _accounts(store: EventStore) -> Repository[BankAccount]:
    return Repository(store, BankAccount, bank_decoder())


WRITERS: dict[str, Callable[[EventStore, WriterTask, At], None]] = {
    writer.__name__: writer
    for writer in (
        transfer_in_two_appends,
        pay_and_then_append,
        withdraw_without_version_check,
        deposit_on_a_head_read_before,
    )
}
