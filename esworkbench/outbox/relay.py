"""The relay: publishes what the outbox holds, at least once, and in the order of each stream.

**At least once.** A message is marked as published after ``publish`` has returned. A relay that dies in between
publishes it again, so a subscriber has to know what it has seen (see ``projections.inbox``).

**In the order of each stream.** A relay reads the unpublished messages by position, and one that fails holds back the
later ones of its stream while other streams go on. A row may become visible after one with a higher position, but
never inside a stream: nobody appends version n+1 before version n is committed. So no message is published before
every earlier one of its stream was. Several relays at once change nothing about that: each publishes a message only
after it has published the one before, or seen it marked as published. Duplicates are all that can come of it; that
relays take turns on PostgreSQL saves work, not the order. (Locking single rows and skipping locked ones, as queues of
jobs do, loses the order.)
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, and_, bindparam, delete, func, insert, or_, select, text, update

from esworkbench.errors import SubscriberUnavailable
from esworkbench.event_store.database import retried, write_transaction
from esworkbench.event_store.schema import events
from esworkbench.event_store.triggers import WRITER_LOCK
from esworkbench.events import utc_now
from esworkbench.outbox import tables
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.tables import outbox, outbox_failures

MESSAGE = OutboxMessage.__struct_fields__
MARK_PUBLISHED = (
    update(outbox)
    .where(outbox.c.global_position == bindparam("place"), outbox.c.published_at.is_(None))
    .values(published_at=bindparam("now"))
)
FORGET_FAILURE = delete(outbox_failures).where(outbox_failures.c.global_position == bindparam("place"))

RELAY_LOCK = WRITER_LOCK + 2
"""Key of the advisory lock of the relay whose turn it is. It goes with the relay's connection, however that ends."""

logger = logging.getLogger(__name__)


class Queued(NamedTuple):
    """A message to publish, and how often that was tried in vain."""

    message: OutboxMessage
    attempts: int


class Failed(NamedTuple):
    queued: Queued
    error: Exception


def doubling(attempts: int) -> timedelta:
    """1 second after the first attempt, then twice as long each time, never more than 5 minutes."""
    return timedelta(seconds=min(2 ** (attempts - 1), 300))


class OutboxRelay:
    """Hands the messages of one store's outbox to ``publish``, which returns once the other side has them for good.

    What ``publish`` raises counts as a failed attempt at that message, and ``backoff`` says how long its stream then
    waits. After ``attempts`` of them the message is parked (see ``outbox_parked``). SubscriberUnavailable is no
    message's fault: it counts for nothing and ends the batch.

    A parked message goes on holding back its stream, because later events applied without it make a balance that
    looks right and isn't, while an account that stands still is noticed. With ``hold_parked_streams=False`` the
    stream goes on without it: for subscribers to whom each message stands alone.
    """

    def __init__(
        self,
        engine: Engine,
        publish: Callable[[OutboxMessage], None],
        *,
        attempts: int = 10,
        backoff: Callable[[int], timedelta] = doubling,
        hold_parked_streams: bool = True,
        batch_size: int = 100,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.engine = engine
        self.publish = publish
        self.attempts = attempts
        self.backoff = backoff
        self.hold_parked_streams = hold_parked_streams
        self.batch_size = batch_size
        self.clock = clock
        with write_transaction(engine) as connection:
            tables.make_missing(connection)

    def run(self, *, until: Callable[[], bool], pause: Callable[[], None]) -> None:
        """Batch after batch until ``until`` says so, with a ``pause`` whenever there was nothing to be done."""
        while not until():
            try:
                published = self.relay_once()
            except SubscriberUnavailable as error:
                logger.warning("the outbox waits: %s", error)
                published = 0
            if not published:
                pause()

    def relay_once(self) -> int:
        """One batch. Returns how many messages were published: 0 too when it is another relay's turn.

        Raises SubscriberUnavailable, with what was published before that marked as such.
        """
        with _turn(self.engine) as is_ours:
            return self._publish_batch() if is_ours else 0

    def _publish_batch(self) -> int:
        published: list[Queued] = []
        failed: dict[str, Failed] = {}
        try:
            for queued in self._next():
                if queued.message.stream_id in failed:
                    continue
                try:
                    self.publish(queued.message)
                except SubscriberUnavailable:
                    raise
                except Exception as error:  # noqa: BLE001 - kept beside the message, and given up on in the end
                    failed[queued.message.stream_id] = Failed(queued, error)
                else:
                    published.append(queued)
        finally:
            if published or failed:
                self._record(published, list(failed.values()))
        return len(published)

    def _next(self) -> list[Queued]:
        with self.engine.connect() as connection:
            rows = connection.execute(_unpublished(self.clock(), self.batch_size)).all()
        return [Queued(OutboxMessage(**dict(zip(MESSAGE, fields, strict=True))), tried) for tried, *fields in rows]

    @retried
    def _record(self, published: list[Queued], failed: list[Failed]) -> None:
        now = self.clock()
        tried_before = [each for each in published if each.attempts] + [each.queued for each in failed]
        with write_transaction(self.engine) as connection:
            if published:
                connection.execute(MARK_PUBLISHED, [{"place": _position(each), "now": now} for each in published])
            if tried_before:
                connection.execute(FORGET_FAILURE, [{"place": _position(each)} for each in tried_before])
            if failed:
                connection.execute(insert(outbox_failures), [self._failure(each, now) for each in failed])

    def _failure(self, failed: Failed, now: datetime) -> dict[str, Any]:
        position, attempts = _position(failed.queued), failed.queued.attempts + 1
        is_parked = attempts >= self.attempts
        error = _storable(f"{type(failed.error).__name__}: {failed.error}")
        outcome = "is parked" if is_parked else "failed"
        logger.warning("message %d %s at attempt %d: %s", position, outcome, attempts, error)
        return {
            "global_position": position,
            "stream_id": failed.queued.message.stream_id,
            "attempts": attempts,
            "error": error,
            "failed_at": now,
            "next_attempt_at": None if is_parked else now + self.backoff(attempts),
            "holds_stream": self.hold_parked_streams or not is_parked,
        }


def _position(queued: Queued) -> int:
    return queued.message.global_position


def _storable(text: str) -> str:
    """An error's words as every database can hold them: one that can't be noted must not stop the other streams."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _unpublished(now: datetime, limit: int) -> Select[Any]:
    """The first messages by position that nothing holds back, each after its failed attempts.

    Streams that wait are left out here, in the database, or enough of them would fill every batch.
    """
    earlier = outbox_failures.alias("earlier")
    is_parked = and_(
        earlier.c.next_attempt_at.is_(None),
        or_(earlier.c.holds_stream, earlier.c.global_position == events.c.global_position),
    )
    held_back = select(earlier.c.attempts).where(
        earlier.c.stream_id == events.c.stream_id,
        earlier.c.global_position <= events.c.global_position,
        or_(earlier.c.next_attempt_at > now, is_parked),
    )
    return (
        select(func.coalesce(outbox_failures.c.attempts, 0), *[events.c[name] for name in MESSAGE])
        .select_from(outbox)
        .join(events, events.c.global_position == outbox.c.global_position)
        .outerjoin(outbox_failures, outbox_failures.c.global_position == outbox.c.global_position)
        .where(outbox.c.published_at.is_(None), ~held_back.exists())
        .order_by(outbox.c.global_position)
        .limit(limit)
    )


@contextmanager
def _turn(engine: Engine) -> Iterator[bool]:
    """Whether no other relay of this store is at work. On SQLite it isn't asked: there, run one relay."""
    if engine.dialect.name == "sqlite":
        yield True
        return
    with engine.begin() as connection:
        yield bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": RELAY_LOCK}))
