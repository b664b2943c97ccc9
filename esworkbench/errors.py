"""Every error a user can meet.

Each message is one sentence for the person at 2 am: what was tried, what was found, what to do next.
The command line turns any of them into exit code 2; any other exception is a defect of ours and exits 3.
"""

from collections.abc import Mapping
from typing import Any


class EsworkbenchError(Exception):
    """Base of all errors that are the input's fault, not the program's."""


class UnusableInput(EsworkbenchError):
    """A source, file, argument or moment that can't be worked with as given."""


class NotAnEventStore(UnusableInput):
    """The database opened, but has no table that a known layout describes."""


class EvidenceDamaged(UnusableInput):
    """Evidence whose files don't match their manifest, or whose manifest is missing."""


class UnknownCurrency(UnusableInput):
    """A currency whose decimals neither ISO 4217 nor the ledger gives."""


class UnknownAccount(UnusableInput):
    """No posting and no assertion names the account."""


class StoreBusy(EsworkbenchError):
    """The database did not take the work now: others kept it locked or got in the way, or it takes no writes at all."""


class ConcurrencyError(EsworkbenchError):
    """A writer decided on a version of a stream that is no longer its last.

    ``expected`` is the version the writer had loaded, ``actual`` the version the stream is at now.
    """

    def __init__(self, stream_id: str, expected: int, actual: int) -> None:
        super().__init__(
            f"stream {stream_id!r} is at version {actual}, not {expected} as expected: load it again and decide anew"
        )
        self.stream_id = stream_id
        self.expected = expected
        self.actual = actual


class IdempotencyConflict(EsworkbenchError):
    """One idempotency key, two different commands."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"idempotency key {key!r} already belongs to a different command: "
            "a client must use a new key for each new intent"
        )
        self.key = key


class InvalidEvent(EsworkbenchError):
    """An event the store refuses: no JSON object, duplicate keys, NaN, an integer past 2**53 - 1, a repeated id."""


class UnreadableEvent(UnusableInput):
    """A row of ``events`` that no event can be made of; the error says which column of it is to blame."""

    def __init__(self, global_position: int, event_id: str, event_type: str, schema_version: int, column: str) -> None:
        super().__init__(
            f"the event at position {global_position} can't be read, as its {column} is not of the kind and spelling "
            "that the store writes: somebody else wrote it, so find out who, and what it was to say"
        )
        self.global_position = global_position
        self.event_id = event_id
        self.event_type = event_type
        self.schema_version = schema_version
        self.column = column


class ContractBroken(EsworkbenchError):
    """A published event breaks the promise that its public contract makes to its readers."""


class OtherReadModel(EsworkbenchError):
    """A read model's tables were built in another shape, or with other settings, than this code's."""


class SynchronousProjectionFailed(EsworkbenchError):
    """A projection that is updated inside the append could not handle its events, so nothing was appended."""


class AggregateNotFound(EsworkbenchError):
    """No event was ever written to the aggregate's stream."""


class ReadOnlyAggregate(EsworkbenchError):
    """An event was recorded on an aggregate that was loaded as of a past moment."""


class CommandRejected(EsworkbenchError):
    """The aggregate's rules don't allow the command; nothing was written."""


class SnapshotDisagrees(EsworkbenchError):
    """A snapshot and the events after it give another state than all the events.

    ``differences`` has, for each field that differs, what the snapshot leads to and what the events say.
    """

    def __init__(
        self, stream_id: str, snapshot_version: int, version: int, differences: Mapping[str, tuple[Any, Any]]
    ) -> None:
        told = [f"{field} is {kept!r}, not {folded!r}" for field, (kept, folded) in list(differences.items())[:3]]
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        super().__init__(
            f"loaded to version {version} from its snapshot at {snapshot_version}, {stream_id!r} is not what its "
            f"events make it: {'; '.join(told)}{more}. The events are right: find out what changed without a new "
            "state_version, or who edited the snapshot, and invalidate the snapshots of that state_version"
        )
        self.stream_id = stream_id
        self.snapshot_version = snapshot_version
        self.version = version
        self.differences = dict(differences)


class UnknownEventType(EsworkbenchError):
    """A stored event type with no registered class."""


class MissingUpcaster(EsworkbenchError):
    """A stored schema version with no upcaster chain to the version that the code knows."""


class MessageRefused(EsworkbenchError):
    """A subscriber did not accept a message: it said so, or never confirmed it. The message itself may be bad."""


class SubscriberUnavailable(EsworkbenchError):
    """A subscriber accepts no message at the moment: it is away, or its own database failed. No message is to blame."""
