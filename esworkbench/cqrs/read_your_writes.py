"""Reading your own writes: what a user has just done, that user sees, while everybody else may see it a little later.

A command's reply holds the write side's state. It is kept for its user for 30 seconds, and that user's questions are
answered from it for as long as the read model is behind it. Two rules keep this honest:

- A read model that has got as far wins, so nobody ever reads something older than the read model.
- When a later event of the stream is committed, the state is out of date and goes. **Its version stays**: without it
  the user would read a balance from before their own deposit. The question then waits for the read model.

This is not "cache the aggregates in Redis". Such a cache is read in order to *decide*: a state that has missed an event
makes commands fail with ConcurrencyError, or worse, pass; and it must be right for everybody at once, on every
machine. Here nothing is ever decided by what is kept (commands load from the log), it is shown to one person only, it
may live in the process that serves that person's session, and emptying it loses nothing but the head start.
(Kleppmann, *Designing Data-Intensive Applications*, chapter 5, on read-after-write consistency.)
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from esworkbench.cqrs.commands import CommandReply
from esworkbench.cqrs.queries import Answer, QueryBus, StreamQuery, V
from esworkbench.events import RecordedEvent
from esworkbench.projections.monitoring.measure import ALARM_OVER_SECONDS

KEPT_SECONDS = 30.0


class OwnWrite(NamedTuple):
    """The latest a user wrote to a stream. ``state`` is None where no reply told it, or a later event is known.

    Of the second it is ``overtaken``: a reply that comes again, to a command that was repeated, brings no state back.
    """

    version: int
    position: int
    state: dict[str, Any] | None
    until: float
    overtaken: bool = False


class ReadYourWrites:
    """The queries, as a user who has just written should see them. Any number of threads may share one.

    To be told of later events it must subscribe to the store: ``store.subscribe(reads.see)``. It hears nothing of what
    other processes append, nor of what got in between a command's commit and ``remember``; for those events the first
    rule stands alone.

    At most ``most_writes`` are kept, the oldest go first; ``timer`` counts seconds and never goes back. A user whose
    write is no longer kept reads as everybody does. ``user`` is whoever the commands name as their ``actor``.
    """

    def __init__(
        self,
        queries: QueryBus,
        *,
        kept_seconds: float = KEPT_SECONDS,
        most_writes: int = 10_000,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queries = queries
        self._kept_seconds = kept_seconds
        self._most_writes = most_writes
        self._timer = timer
        self._lock = threading.Lock()
        self._writes: OrderedDict[tuple[str, str], OwnWrite] = OrderedDict()
        self._users_of: dict[str, set[str]] = {}

    def remember(self, user: str, reply: CommandReply) -> None:
        """To be called with each reply before the user gets it."""
        with self._lock:
            self._keep(user, reply.stream_id, reply.version, reply.position, reply.state)

    def see(self, events: Sequence[RecordedEvent]) -> None:
        """The events of one append, once committed: states they are later than go, versions stay.

        A command that changed several streams is answered with the state of the first alone. Of the others the versions
        are kept for the events' ``actor``, so that a transfer from one's own account is not seen to vanish on its way
        to another of one's own.
        """
        with self._lock:
            for event in events:
                for user in self._users_of.get(event.stream_id, ()):
                    known = self._writes[user, event.stream_id]
                    if event.version > known.version:
                        self._writes[user, event.stream_id] = known._replace(state=None, overtaken=True)
            if len({event.stream_id for event in events}) > 1:
                for event in events:
                    actor = event.metadata_dict().get("actor")
                    if actor is not None:
                        self._keep(actor, event.stream_id, event.version, event.global_position, None)

    def ask(self, user: str, query: StreamQuery[V], *, at_most_seconds: float = ALARM_OVER_SECONDS) -> Answer[V]:
        """The answer as of the user's own latest write to the stream, or of something later.

        Waits only where the state that is kept can't give the answer. What was not in the read model by then is
        answered ``stale``, as by ``QueryBus.wait_for``.
        """
        own = self._kept(user, query.stream_id())
        if own is None:
            return self._queries.ask(query)
        now = self._queries.wait_for(query, version=own.version, position=own.position, at_most_seconds=0)
        if not now.stale:
            return now
        value = None if own.state is None else query.from_state(own.state)
        if value is not None:
            return now._replace(value=value, version=own.version, stale=False, from_own_write=True)
        return self._queries.wait_for(
            query, version=own.version, position=own.position, at_most_seconds=at_most_seconds
        )

    def _keep(self, user: str, stream_id: str, version: int, position: int, state: dict[str, Any] | None) -> None:
        known = self._writes.get((user, stream_id))
        if known is not None and known.version > version:
            return
        overtaken = known is not None and known.version == version and known.overtaken
        self._writes[user, stream_id] = OwnWrite(
            version, position, None if overtaken else state, self._timer() + self._kept_seconds, overtaken
        )
        self._writes.move_to_end((user, stream_id))
        self._users_of.setdefault(stream_id, set()).add(user)
        self._drop_oldest()

    def _kept(self, user: str, stream_id: str) -> OwnWrite | None:
        with self._lock:
            self._drop_oldest()
            return self._writes.get((user, stream_id))

    def _drop_oldest(self) -> None:
        """All are kept equally long, so the oldest are always the first to end."""
        now = self._timer()
        while self._writes:
            (user, stream_id), oldest = next(iter(self._writes.items()))
            if oldest.until > now and len(self._writes) <= self._most_writes:
                return
            del self._writes[user, stream_id]
            self._users_of[stream_id].discard(user)
            if not self._users_of[stream_id]:
                del self._users_of[stream_id]
