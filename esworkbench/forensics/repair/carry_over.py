"""What came after a good copy was made, carried over into the store that was restored from it.

Events that are whole and follow what comes before them keep their bytes, hashes and positions: they are the same
events, so anchors and proofs of them hold on. Facts that are anchored but whose predecessor is lost are appended once
more, under their own event id, and say in their metadata where they stood. Nothing else is carried over. What was done,
by whom and from which evidence, is an event of the log's own, ``LogRestored``.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, func, select, text

from esworkbench.errors import UnusableInput
from esworkbench.event_store import ANY_VERSION, EventStore, StreamAppend, write_transaction
from esworkbench.event_store.columns import UtcMoment, moment_text
from esworkbench.event_store.drafts import draft_append, in_utc, place
from esworkbench.event_store.engine import LogTransaction
from esworkbench.event_store.participants import alone
from esworkbench.event_store.schema import events, idempotency_keys
from esworkbench.events import DomainEvent, EventTypes, NewEvent
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.logs import COLUMNS, LogComparison
from esworkbench.forensics.compare.records import RESTORATION_CATEGORY

AT_ONCE = 1_000
CARRY_KEY = text(
    "INSERT INTO idempotency_keys (idempotency_key, command_digest, reply, recorded_at)"
    " VALUES (:idempotency_key, :command_digest, :reply, :recorded_at) ON CONFLICT DO NOTHING"
).bindparams(bindparam("recorded_at", type_=UtcMoment))
LAST_DRAWN = text(
    "SELECT setval(pg_get_serial_sequence('events', 'global_position'),"
    " greatest(:last, (SELECT max(global_position) FROM events)))"
)


class LogRestored(DomainEvent, frozen=True, kw_only=True):
    """A store was restored from a good copy, and what came after carried over: by whom, and from which evidence.

    Up to ``good_head`` the log is the copy's. ``not_carried`` are positions of the damaged log that hold something else
    here, or nothing, each with why (``lost``, ``altered``, ``in doubt``, ``no event``): the first thousand of
    ``not_carried_count``.
    """

    operator: str
    damaged_evidence: str
    good_head: int
    damaged_head: int
    carried_as_they_were: int
    appended_again: int
    not_carried_count: int
    not_carried: Sequence[tuple[int, str]]


RECORD_TYPES = EventTypes(LogRestored)


class CarriedOver(NamedTuple):
    """How many events were carried over byte for byte, how many appended again, and how many keys came along."""

    as_they_were: int
    again: int
    keys: int


def carry_over(
    found: LogComparison, damaged: Evidence, restored: EventStore, *, operator: str, keys: EventStore | None = None
) -> CarriedOver:
    """Append to ``restored``, which holds the good copy and nothing more, what may be carried over.

    ``keys`` is the damaged store, whose idempotency keys come along: without them a client that tries once more is
    served twice. All is written in one transaction, the record of it too, by a role that owns the tables, and no other
    writer comes between: whoever is killed leaves the copy as it was, and it is done again. Raises UnusableInput, with
    nothing written, where the good copy isn't what was anchored, or the store holds something else than the copy.
    """
    if found.good_astray:
        raise UnusableInput(
            f"{found.good_astray} events of the copy are not what was anchored, so it is no good copy: take an older"
        )
    whole = [each.position for each in found.later if each.verdict == "as it was"]
    again = [each.position for each in found.later if each.verdict == "again"]
    count, left = _not_carried(found)
    record = LogRestored(
        operator=operator, damaged_evidence=damaged.digest, good_head=found.good_head, damaged_head=found.damaged_head,
        carried_as_they_were=len(whole), appended_again=len(again),
        not_carried_count=count, not_carried=left,
    )  # fmt: skip
    with write_transaction(restored.engine) as connection:
        log = alone(connection)
        head = connection.scalar(select(func.max(events.c.global_position))) or 0
        if head != found.good_head:
            raise UnusableInput(
                f"the store to be restored ends at position {head} and the good copy at {found.good_head}: it has to "
                "hold that copy and nothing more, so stop what writes to it, and begin again"
            )
        _carry_whole(connection, damaged, whole, found.damaged_head)
        carried_keys = 0 if keys is None else _carry_keys(keys, connection)
        _append_again(log, damaged, restored, again, record)
    return CarriedOver(len(whole), len(again), carried_keys)


def _not_carried(found: LogComparison) -> tuple[int, list[tuple[int, str]]]:
    """How many positions of the damaged log are not carried over, and the first of them, each with why."""
    left: dict[int, str] = {
        each.position: each.verdict for each in found.later if each.verdict not in ("as it was", "again")
    }
    count = len(left)
    for first, last in found.without_event:
        count += last - first + 1 - sum(first <= at <= last for at in left)
        for at in range(first, min(last + 1, first + AT_ONCE)):
            left.setdefault(at, "no event")
    return count, sorted(left.items())[:AT_ONCE]


def _carry_whole(connection: Connection, damaged: Evidence, positions: Sequence[int], damaged_head: int) -> None:
    overriding = " OVERRIDING SYSTEM VALUE" if connection.dialect.name == "postgresql" else ""
    names = ["event_type" if name == "type" else name for name in COLUMNS]
    insert = text(
        f"INSERT INTO events (global_position, {', '.join(names)}){overriding}"
        f" VALUES (:position, {', '.join(':' + name for name in COLUMNS)})"
    ).bindparams(bindparam("recorded_at", type_=UtcMoment), bindparam("valid_at", type_=UtcMoment))
    for rows in _rows(damaged, positions):
        connection.execute(insert, rows)
    if connection.dialect.name == "postgresql":
        connection.execute(LAST_DRAWN, {"last": damaged_head})


def _rows(damaged: Evidence, positions: Sequence[int]) -> Any:
    """The events at these positions in order, some hundreds at once, as the insert takes them."""
    for start in range(0, len(positions), AT_ONCE):
        found = damaged.rows(
            f"SELECT position, {', '.join(COLUMNS)} FROM events WHERE list_contains($wanted, position) ORDER BY 1",
            wanted=list(positions[start : start + AT_ONCE]),
        )
        yield [dict(zip(("position", *COLUMNS), row, strict=True)) for row in found]


def _append_again(
    log: LogTransaction, damaged: Evidence, restored: EventStore, positions: Sequence[int], record: LogRestored
) -> None:
    appends = []
    for rows in _rows(damaged, positions):
        for row in rows:
            stood = {
                "position": row["position"], "version": row["version"], "hash": row["hash"],
                "recorded_at": moment_text(row["recorded_at"]), "evidence": damaged.digest,
            }  # fmt: skip
            metadata = {**msgspec.json.decode(row["metadata"]), "restored_from": stood}
            event = NewEvent(
                event_type=row["type"], payload=row["payload"].encode(), schema_version=row["schema_version"],
                metadata=metadata, valid_at=row["valid_at"], event_id=row["event_id"],
            )  # fmt: skip
            appends.append(StreamAppend(row["stream_id"], ANY_VERSION, [event]))
    told = RECORD_TYPES.encode(record, metadata={"actor": record.operator})
    appends.append(StreamAppend(f"{RESTORATION_CATEGORY}-{damaged.digest[:16]}", 0, [told]))
    recorded_at = in_utc("recorded_at", restored.clock())
    drafts = [draft_append(each, recorded_at, restored.new_id) for each in appends]
    _, heads = log.look_up(None, {each.stream_id: each.expected_version for each in reversed(drafts)})
    log.insert(place(drafts, heads), None)


def _carry_keys(old: EventStore, connection: Connection) -> int:
    carried = 0
    with old.engine.connect() as reading:
        streaming = reading.execution_options(stream_results=True, yield_per=AT_ONCE)
        for some in streaming.execute(select(idempotency_keys)).mappings().partitions():
            connection.execute(CARRY_KEY, [dict(key) for key in some])
            carried += len(some)
    return carried
