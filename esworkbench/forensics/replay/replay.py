"""An account as of a moment, on either time axis: the balance from the postings, the state from the real handlers.

``at`` asks what was true then, as known at the cut; ``known_at`` asks what the store had recorded by then; both
together ask what it then believed about that moment (Snodgrass, *Developing Time-Oriented Database Applications*).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.errors import UnknownAccount, UnusableInput
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Evidence
from esworkbench.forensics.replay.moments import format_moment, require_aware
from esworkbench.upcasters import EventDecoder

if TYPE_CHECKING:
    import duckdb

A = TypeVar("A", bound=Aggregate)

NOT_TOLD = -1
"""The schema version of an event whose log doesn't tell it: no code has a class or an upcaster for it."""


class Moment(NamedTuple):
    """A balance in minor units, and the last event that it includes.

    ``version`` is the stream's version at that event, None where the account has no stream to itself. ``events``
    counts the events chosen; under ``at`` they need not be a prefix of the log. ``undated`` counts those left out
    because the log doesn't tell their time: nothing shows that they were so early.
    """

    account: str
    balance: int
    currency: str
    version: int | None
    position: int
    event_id: str
    recorded_at: datetime | None
    valid_at: datetime | None
    events: int
    undated: int = 0

    def as_json(self) -> dict[str, Any]:
        """What ``replay --json`` prints."""
        return self._asdict()


class StreamMoment(NamedTuple):
    """Like ``Moment``, for a ledger that posts nothing and so has no balance: how far the stream had got."""

    account: str
    version: int
    position: int
    event_id: str
    recorded_at: datetime | None
    valid_at: datetime | None
    events: int
    undated: int = 0

    def as_json(self) -> dict[str, Any]:
        """What ``replay --json`` prints: the same keys, with no balance."""
        return {"account": self.account, "balance": None, "currency": None, **self._asdict()}


class Bounds(NamedTuple):
    """Which events count: those within every bound given, each of them inclusive."""

    at: datetime | None = None
    known_at: datetime | None = None
    version: int | None = None
    position: int | None = None

    def checked(self) -> "Bounds":
        """The same in UTC. Raises UnusableInput for a naive time."""
        return self._replace(
            at=self.at and require_aware(self.at, "at"),
            known_at=self.known_at and require_aware(self.known_at, "known_at"),
        )

    def sql(self) -> tuple[str, dict[str, Any]]:
        """A condition on the columns of events or postings, and its parameters."""
        columns = {"at": "valid_at", "known_at": "recorded_at", "version": "version", "position": "position"}
        given = {name: value for name, value in self._asdict().items() if value is not None}
        return " AND ".join(["TRUE", *(f"{columns[name]} <= ${name}" for name in given)]), given

    def undated_sql(self) -> str:
        """A condition for the events of which the log doesn't tell the time that a bound asks for."""
        asked = {"valid_at": self.at, "recorded_at": self.known_at}
        return " OR ".join(["FALSE", *(f"{name} IS NULL" for name, bound in asked.items() if bound is not None)])


def balance_at(
    evidence: Evidence,
    account: str,
    *,
    currency: str | None = None,
    at: datetime | None = None,
    known_at: datetime | None = None,
    version: int | None = None,
    position: int | None = None,
) -> Moment:
    """The event sum of one account over the events within all the bounds given; without any, as of the cut.

    Raises UnknownAccount, and UnusableInput where several currencies need ``currency``, where ``version`` doesn't
    name one stream, or where no event is within the bounds.
    """
    bounds = Bounds(at, known_at, version, position).checked()
    currency = evidence.choose_currency(account, currency)
    connection = evidence.connection()
    stream = evidence.own_stream(account)
    if stream is None and version is not None:
        raise UnusableInput(
            f"account {account!r} has no stream to itself, so it has no versions of its own: give a position"
        )
    condition, given = bounds.sql()
    mine, key = ("events WHERE stream_id = $key", stream) if stream else ("postings WHERE account = $key", account)
    count, undated, highest, last = _last_within(connection, account, mine, key, bounds)
    ((total,),) = connection.execute(
        f"SELECT coalesce(sum(amount_minor), 0)::BIGINT FROM postings "
        f"WHERE account = $account AND currency = $currency AND {condition}",
        {"account": account, "currency": currency, **given},
    ).fetchall()
    balance = evidence.opening(account, currency) + total
    place, event_id, recorded_at, valid_at = last
    return Moment(
        account, balance, currency, highest if stream else None, place, event_id, recorded_at, valid_at, count, undated
    )


def stream_at(
    evidence: Evidence,
    account: str,
    *,
    at: datetime | None = None,
    known_at: datetime | None = None,
    version: int | None = None,
) -> StreamMoment:
    """As ``balance_at`` for a ledger that posts nothing: ``account`` is then a stream id without its category.

    Raises UnknownAccount for no such stream, and UnusableInput where no event is within the bounds.
    """
    stream = evidence.own_stream(account)
    if stream is None:
        raise UnknownAccount(f"{evidence.path} has no stream for {account!r}, or several")
    bounds = Bounds(at, known_at, version).checked()
    count, undated, highest, last = _last_within(
        evidence.connection(), account, "events WHERE stream_id = $key", stream, bounds
    )
    return StreamMoment(account, highest, *last, count, undated)


def recorded_events(
    evidence: Evidence, stream_id: str | None = None, bounds: Bounds | None = None
) -> list[RecordedEvent]:
    """Events as the store held them: one stream's in order of version, or the whole log's in order of position."""
    condition, given = (bounds or Bounds()).checked().sql()
    if stream_id is not None:
        condition += " AND stream_id = $stream"
        given = {**given, "stream": stream_id}
    rows = evidence.connection().execute(
        f"SELECT position, stream_id, version, event_id, type, schema_version, payload, metadata, recorded_at, "
        f"valid_at, prev_hash, hash FROM events WHERE {condition} "
        f"ORDER BY {'position' if stream_id is None else 'version, position'}",
        given,
    )
    return [_recorded(*row) for row in rows.fetchall()]


def fold(
    evidence: Evidence,
    stream_id: str,
    new_aggregate: Callable[[], A],
    decoder: EventDecoder,
    *,
    bounds: Bounds | None = None,
    skip: Sequence[int] = (),
) -> A:
    """The aggregate itself, folded by its own handlers over the stream's events within the bounds, and read-only.

    ``skip`` lists positions to leave out: what if these events had not happened? Raises UnusableInput where no event
    is left, and whatever the decoder or the handlers raise.
    """
    events = recorded_events(evidence, stream_id, bounds)
    if not events:
        raise UnusableInput(f"no event of stream {stream_id!r} in {evidence.path} is within the bounds given")
    aggregate = new_aggregate()
    for recorded in events:
        if recorded.global_position not in skip:
            if recorded.schema_version == NOT_TOLD:
                raise UnusableInput(
                    f"the log doesn't tell the schema version of the {recorded.event_type} at position "
                    f"{recorded.global_position}, so no code can read it"
                )
            for event in decoder.events_in(recorded):
                aggregate.apply(event.data)
            aggregate.version += 1
    aggregate.read_only = True
    return aggregate


def _last_within(
    connection: "duckdb.DuckDBPyConnection", account: str, mine: str, key: str, bounds: Bounds
) -> tuple[int, int, int, tuple[int, str, datetime | None, datetime | None]]:
    """How many events are within the bounds, of how many that can't be told, the highest version of those within, and
    position, id and times of the last."""
    condition, given = bounds.sql()
    count, highest, last = connection.execute(
        f"SELECT count(*), max(version), arg_max((position, event_id, recorded_at, valid_at), position) "
        f"FROM {mine} AND {condition}",
        {"key": key, **given},
    ).fetchall()[0]
    if not count:
        raise UnusableInput(_nothing_within(connection, account, f"FROM {mine}", {"key": key}, bounds))
    [(undated,)] = connection.execute(
        f"SELECT count(*) FROM {mine} AND ({bounds.undated_sql()})", {"key": key}
    ).fetchall()
    return count, undated, highest, last


def _nothing_within(
    connection: "duckdb.DuckDBPyConnection", account: str, mine: str, key: dict[str, str], bounds: Bounds
) -> str:
    count, valid, recorded, version, position = connection.execute(
        f"SELECT count(*), min(valid_at), min(recorded_at), min(version), min(position) {mine}", key
    ).fetchall()[0]
    if not count:
        return f"account {account!r} has no event in this evidence, only claims: there is nothing to replay"
    if (bounds.at and valid is None) or (bounds.known_at and recorded is None):
        return f"the log tells of no event of {account!r} when it was {'recorded' if valid else 'valid'}"
    if bounds.at and bounds.at < valid:
        return f"{format_moment(bounds.at)} is before the first event of {account!r}, valid at {format_moment(valid)}"
    if bounds.known_at and bounds.known_at < recorded:
        return (
            f"{format_moment(bounds.known_at)} is before the first event of {account!r}, "
            f"recorded at {format_moment(recorded)}"
        )
    if bounds.version is not None and bounds.version < version:
        return f"version {bounds.version} is before the first event of {account!r}, version {version}"
    if bounds.position is not None and bounds.position < position:
        return f"position {bounds.position} is before the first event of {account!r}, at position {position}"
    return (
        f"no event of {account!r} is within all of the bounds given: each alone leaves some, together they leave none"
    )


def _recorded(
    position: int, stream_id: str, version: int, event_id: str, event_type: str, schema_version: int | None,
    payload: str, metadata: str, recorded_at: datetime, valid_at: datetime, prev_hash: str | None,
    event_hash: str | None,
) -> RecordedEvent:  # fmt: skip
    return RecordedEvent(
        global_position=position,
        stream_id=stream_id,
        version=version,
        event_id=event_id,
        event_type=event_type,
        schema_version=NOT_TOLD if schema_version is None else schema_version,
        payload=payload.encode(),
        metadata=metadata.encode(),
        recorded_at=recorded_at,
        valid_at=valid_at,
        prev_hash=prev_hash or "",
        hash=event_hash or "",
    )
