"""Delivery to another process on this machine, with an acknowledgement: both ends of it.

A line of JSON goes out, a line of JSON comes back, and only then the next one goes out: when ``publish`` returns, the
subscriber has committed. Whoever can open the socket can send, so let it be a Unix socket in a folder that only the
two can enter; a port on loopback is open to everybody here. A broker takes this file's place by being another
``publish``.
"""

import logging
import socket
import socketserver
from collections.abc import Callable
from enum import StrEnum
from io import BufferedRWPair
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import EsworkbenchError, MessageRefused, StoreBusy, SubscriberUnavailable
from esworkbench.event_store.database import gave_up
from esworkbench.outbox.message import OutboxMessage

Address = str | tuple[str, int]
"""The path of a Unix socket (some hundred bytes at most), or a host and a port."""

Lines: TypeAlias = "BufferedRWPair[Any, Any]"

logger = logging.getLogger(__name__)


class DeliveryOutcome(StrEnum):
    """Accepted: it is committed, now or earlier. Refused: not this message, not now. Unavailable: no message at all."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class Acknowledgement(msgspec.Struct, frozen=True):
    """What the subscriber says to one message, and why."""

    event_id: str
    outcome: DeliveryOutcome
    reason: str = ""


class DeliveryToProcess:
    """A ``publish`` for the relay. ``patience``: seconds to wait for an answer.

    A message that gets no answer counts as refused, because it may be the message that killed the subscriber. What
    the subscriber did with it is unknown, and its late answer could be taken for the next message's, so the
    connection is given up.
    """

    def __init__(self, address: Address, *, patience: float = 30.0) -> None:
        self.address = address
        self.patience = patience
        self._connection: Lines | None = None

    def __call__(self, message: OutboxMessage) -> None:
        """Raises MessageRefused or SubscriberUnavailable."""
        connection = self._connection or self._connect()
        self._connection = None
        try:
            answer = _ask(connection, message)
        except (OSError, msgspec.DecodeError) as error:
            _close(connection)
            raise MessageRefused(f"no answer came from the subscriber at {self.address}: {error!r}") from error
        self._connection = connection
        if answer.outcome is DeliveryOutcome.REFUSED:
            raise MessageRefused(answer.reason)
        if answer.outcome is DeliveryOutcome.UNAVAILABLE:
            raise SubscriberUnavailable(answer.reason)

    def close(self) -> None:
        if self._connection is not None:
            _close(self._connection)
            self._connection = None

    def _connect(self) -> Lines:
        opened = socket.socket(_family(self.address))
        try:
            opened.settimeout(self.patience)
            opened.connect(self.address)
            return opened.makefile("rwb")
        except OSError as error:
            raise SubscriberUnavailable(f"no subscriber could be reached at {self.address}: {error!r}") from error
        finally:
            # The file keeps the connection open.
            opened.close()


class SubscriberServer(socketserver.ThreadingTCPServer):
    """Answers relays at an address, in ``serve_forever``, until ``shutdown``.

    ``receive`` returns once the message is committed. It says no to one with an EsworkbenchError; a database that gave
    up makes the subscriber unavailable. Anything else that it raises is a defect here: it is logged, and the relay
    gets no answer. Each relay has a thread of its own, because one that stands by keeps its connection.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 16

    def __init__(self, address: Address, receive: Callable[[OutboxMessage], object]) -> None:
        self.address_family = _family(address)
        self.receive = receive
        if isinstance(address, str):
            # The socket that a killed process left there.
            Path(address).unlink(missing_ok=True)
        super().__init__(address, _Conversation)  # type: ignore[arg-type]

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.exception("the conversation with a relay broke off; the message will come again")


class _Conversation(socketserver.StreamRequestHandler):
    server: SubscriberServer

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(msgspec.json.encode(_answer(line, self.server.receive)) + b"\n")


def _ask(connection: Lines, message: OutboxMessage) -> Acknowledgement:
    connection.write(message.to_json() + b"\n")
    connection.flush()
    line = connection.readline()
    if not line:
        raise ConnectionError("it closed the connection")
    answer = msgspec.json.decode(line, type=Acknowledgement)
    if answer.event_id != message.event_id:
        raise OSError(f"it answered for event {answer.event_id!r}, not {message.event_id!r}")
    return answer


def _answer(line: bytes, receive: Callable[[OutboxMessage], object]) -> Acknowledgement:
    event_id = ""
    try:
        message = OutboxMessage.from_json(line)
        event_id = message.event_id
        receive(message)
    except (StoreBusy, SubscriberUnavailable) as error:
        return Acknowledgement(event_id, DeliveryOutcome.UNAVAILABLE, str(error))
    except EsworkbenchError as error:
        return Acknowledgement(event_id, DeliveryOutcome.REFUSED, str(error))
    except DBAPIError as error:
        sentence = gave_up(error)
        if sentence is None:
            raise
        return Acknowledgement(event_id, DeliveryOutcome.UNAVAILABLE, sentence)
    return Acknowledgement(event_id, DeliveryOutcome.ACCEPTED)


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_UNIX if isinstance(address, str) else socket.AF_INET


def _close(connection: Lines) -> None:
    """A broken connection may still hold what could not be sent, and says so on closing."""
    try:
        connection.close()
    except OSError as error:
        logger.debug("what was left unsent on a broken connection is dropped: %r", error)
