"""Delivery to another process on this machine, with an acknowledgement: both ends of it.

One message goes out as JSON, one answer comes back, and nothing is pipelined: when ``publish`` returns, the subscriber
has committed. The standard library's ``multiprocessing.connection`` frames what is sent and lets nobody in without the
key; its pickling is not used. A broker takes this file's place by being another ``publish``.
"""

import logging
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Literal

import msgspec
from sqlalchemy.exc import DBAPIError

from esworkbench.errors import EsworkbenchError, MessageRefused, StoreBusy, SubscriberUnavailable
from esworkbench.event_store.database import gave_up
from esworkbench.event_store.outbox_message import OutboxMessage

MOST_BYTES = 64 * 1024 * 1024
"""Longer messages are not read."""

Address = str | tuple[str, int]
"""The path of a Unix socket, which also works on Windows as that of a named pipe, or a host and a port."""

logger = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """``accepted``: it is committed, now or earlier. ``refused``: not this message, not now. ``unavailable``: none."""

    event_id: str
    outcome: Literal["accepted", "refused", "unavailable"]
    reason: str = ""


class DeliveryToProcess:
    """A ``publish`` for the relay. ``patience``: seconds to wait for an answer.

    A message that gets no answer counts as refused, because it may be the message that killed the subscriber. What
    the subscriber did with it is unknown, and nothing later on that connection could be told from its late answer, so
    the connection is given up.
    """

    def __init__(self, address: Address, key: bytes, *, patience: float = 30.0) -> None:
        self.address = address
        self.patience = patience
        self._key = key
        self._connection: Connection | None = None

    def __call__(self, message: OutboxMessage) -> None:
        """Raises MessageRefused or SubscriberUnavailable."""
        connection = self._connection or self._connect()
        self._connection = None
        try:
            answer = self._ask(connection, message)
        except (OSError, EOFError, msgspec.DecodeError) as error:
            connection.close()
            raise MessageRefused(f"no answer came from the subscriber at {self.address}: {error!r}") from error
        self._connection = connection
        if answer.outcome == "refused":
            raise MessageRefused(answer.reason)
        if answer.outcome == "unavailable":
            raise SubscriberUnavailable(answer.reason)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        try:
            return Client(self.address, authkey=self._key)
        except (OSError, EOFError, AuthenticationError) as error:
            raise SubscriberUnavailable(f"no subscriber could be reached at {self.address}: {error!r}") from error

    def _ask(self, connection: Connection, message: OutboxMessage) -> Answer:
        connection.send_bytes(message.to_json())
        if not connection.poll(self.patience):
            raise TimeoutError(f"it is silent for {self.patience} seconds")
        answer = msgspec.json.decode(connection.recv_bytes(MOST_BYTES), type=Answer)
        if answer.event_id != message.event_id:
            raise OSError(f"it answered for event {answer.event_id}, not {message.event_id}")
        return answer


def listen(address: Address, key: bytes) -> Listener:
    """A listener at the address; the socket that a killed process left there is taken away first."""
    if isinstance(address, str) and not address.startswith("\\\\"):
        Path(address).unlink(missing_ok=True)
    return Listener(address, backlog=16, authkey=key)


def serve(listener: Listener, receive: Callable[[OutboxMessage], object]) -> None:
    """Answer relays for as long as the process lives. ``receive`` returns once the message is committed.

    Each relay has a thread of its own, because one that stands by keeps its connection. ``receive`` says no to a
    message with an EsworkbenchError; a database that gave up makes the subscriber unavailable. Anything else that it
    raises is a defect here: it ends the thread, and the relay gets no answer.
    """
    while True:
        try:
            connection = listener.accept()
        except (AuthenticationError, EOFError, ConnectionError) as error:
            logger.warning(
                "a caller without the key, or gone before it was checked, at %s: %r", listener.address, error
            )
        else:
            threading.Thread(target=_answer_all, args=(connection, receive), daemon=True).start()


def _answer_all(connection: Connection, receive: Callable[[OutboxMessage], object]) -> None:
    with connection:
        while True:
            try:
                text = connection.recv_bytes(MOST_BYTES)
            except (EOFError, ConnectionError):
                return
            answer = _answer(text, receive)
            try:
                connection.send_bytes(msgspec.json.encode(answer))
            except ConnectionError:
                # It has stopped waiting, or lives no more; the message will come again.
                return


def _answer(text: bytes, receive: Callable[[OutboxMessage], object]) -> Answer:
    event_id = ""
    try:
        message = OutboxMessage.from_json(text)
        event_id = message.event_id
        receive(message)
    except (StoreBusy, SubscriberUnavailable) as error:
        return Answer(event_id, "unavailable", str(error))
    except EsworkbenchError as error:
        return Answer(event_id, "refused", str(error))
    except DBAPIError as error:
        sentence = gave_up(error)
        if sentence is None:
            raise
        return Answer(event_id, "unavailable", sentence)
    return Answer(event_id, "accepted")
