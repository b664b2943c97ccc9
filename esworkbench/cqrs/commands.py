"""The command side of CQRS: one intent in, one decision saved, one answer out of the write side's own state.

The answer never comes from a read model, which may not have caught up: whoever needs to read their own write compares
``version`` or ``position`` with the read model's. (Bertrand Meyer's separation, as Greg Young's CQRS documents use it.)
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from esworkbench.aggregates.aggregate import Aggregate
from esworkbench.aggregates.repository import Repository
from esworkbench.errors import CommandRejected, ConcurrencyError, UnusableInput
from esworkbench.event_store.engine import Idempotency
from esworkbench.event_store.store import EventStore


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of all commands: what somebody wants, which the aggregate may refuse.

    Defaults are left out of the digest, so that a field added later doesn't turn yesterday's retry into a conflict.
    """


class CommandReply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command: the write side's state of the (first) aggregate it changed.

    ``version`` is that stream's, ``position`` the global position of its last event. ``repeated``: the idempotency key
    was known, nothing was written now, and this is the answer given the first time.
    """

    stream_id: str
    version: int
    position: int
    state: dict[str, Any]
    repeated: bool = False


C = TypeVar("C", bound=Command)
Handler = Callable[[C], Sequence[Aggregate]]


def command_digest(command: Command) -> str:
    """64 hex digits of SHA-256 over the command's type and its canonical JSON: equal intents, equal digests."""
    fields = json.dumps(msgspec.to_builtins(command), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{type(command).__qualname__}\n{fields}".encode()).hexdigest()


def require_text(name: str, value: object) -> None:
    """Text that says something and can be stored. Raises CommandRejected."""
    if not isinstance(value, str):
        raise CommandRejected(f"{name} must be text, not {value!r}")
    if not value.strip():
        raise CommandRejected(f"{name} must not be empty")
    require_storable(name, value)


def require_storable(name: str, value: str) -> None:
    """Text that both databases, and JSON in UTF-8, can hold. Raises CommandRejected."""
    if "\0" in value:
        raise CommandRejected(f"{name} holds a NUL character, which PostgreSQL can't store: {value!r}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise CommandRejected(f"{name} holds half of a surrogate pair, which is no UTF-8: {value!r}") from None


class CommandBus:
    """Finds the handler, lets it decide, saves what it changed in one transaction, and answers."""

    def __init__(self, store: EventStore, *repositories: Repository[Any]) -> None:
        self._store = store
        self._repositories = {repository.aggregate_class: repository for repository in repositories}
        self._handlers: dict[type[Command], Handler[Any]] = {}

    def register(self, command_type: type[C], handler: Handler[C]) -> None:
        """``handler`` loads, decides and returns what it changed, the answering aggregate first; it saves nothing."""
        if command_type in self._handlers:
            raise ValueError(f"{command_type.__name__} has a handler already")
        self._handlers[command_type] = handler

    def handle(
        self,
        command: Command,
        *,
        idempotency_key: str | None = None,
        actor: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        attempts: int = 3,
    ) -> CommandReply:
        """Decide and save; when another writer was faster, load again and decide anew, up to ``attempts`` times.

        With a key, a command handled before is answered as it was then, and nothing is decided. Raises CommandRejected
        when the aggregate refuses or a text can't be stored, IdempotencyConflict when the key belongs to another
        command, ConcurrencyError when every attempt lost its race.
        """
        envelope = {
            "correlation_id": correlation_id or self._store.new_id(),
            "causation_id": causation_id,
            "actor": actor,
            "idempotency_key": idempotency_key,
        }
        for name, value in envelope.items():
            if value is not None:
                require_text(name, value)
        for name, value in msgspec.structs.asdict(command).items():
            if isinstance(value, str):
                require_storable(name, value)
        context = {name: value for name, value in envelope.items() if value is not None} | dict(metadata or {})
        digest = command_digest(command) if idempotency_key is not None else ""
        earlier = self._earlier_reply(idempotency_key, digest)
        if earlier is not None:
            return earlier
        for attempts_left in reversed(range(attempts)):
            try:
                return self._decide_and_save(command, context, idempotency_key, digest)
            except (CommandRejected, ConcurrencyError) as error:
                # A client that sends one command twice at once must get one answer twice, not a refusal.
                earlier = self._earlier_reply(idempotency_key, digest)
                if earlier is not None:
                    return earlier
                if isinstance(error, CommandRejected) or attempts_left == 0:
                    raise
        raise ValueError("attempts must be 1 or more")

    def _decide_and_save(
        self, command: Command, context: Mapping[str, Any], key: str | None, digest: str
    ) -> CommandReply:
        changed = [aggregate for aggregate in self._handler_of(command)(command) if aggregate.uncommitted]
        if not changed:
            raise ValueError(f"{type(command).__name__} changed nothing: it must end in events or in CommandRejected")
        answering = changed[0]
        answer: dict[str, Any] = {
            "stream_id": answering.stream_id,
            "version": answering.version,
            "state": answering.state(),
        }
        idempotency = None if key is None else Idempotency(key, digest, msgspec.json.encode(answer))
        appends = [self._repository_of(aggregate).append_of(aggregate, context) for aggregate in changed]
        result = self._store.append_many(appends, idempotency=idempotency)
        if result.repeated:
            assert result.reply is not None
            return self._repeat(result.reply)
        for aggregate in changed:
            self._repository_of(aggregate).saved([aggregate])
        position = max(event.global_position for event in result.events if event.stream_id == answering.stream_id)
        return CommandReply(**answer, position=position)

    def _earlier_reply(self, key: str | None, digest: str) -> CommandReply | None:
        reply = None if key is None else self._store.find_reply(key, digest)
        return None if reply is None else self._repeat(reply)

    def _repeat(self, reply: bytes) -> CommandReply:
        """The reply was stored in the transaction that drew the position, so the position is read from the stream."""
        answer = msgspec.json.decode(reply, type=dict[str, Any])
        version = answer["version"]
        last = self._store.read_stream(answer["stream_id"], after_version=version - 1, up_to_version=version)
        if not last:
            raise UnusableInput(
                f"this command was answered before with version {version} of {answer['stream_id']!r}, which the store "
                "no longer holds: have it verified before writing to it again"
            )
        return CommandReply(**answer, position=last[0].global_position, repeated=True)

    def _handler_of(self, command: Command) -> Handler[Any]:
        try:
            return self._handlers[type(command)]
        except KeyError:
            raise LookupError(f"no handler is registered for {type(command).__name__}") from None

    def _repository_of(self, aggregate: Aggregate) -> Repository[Any]:
        try:
            return self._repositories[type(aggregate)]
        except KeyError:
            raise LookupError(f"the bus was given no repository for {type(aggregate).__name__}") from None
