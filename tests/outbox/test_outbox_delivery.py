"""An acknowledged message is committed on the other side; every other outcome reaches the relay as what it is."""

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from esworkbench.errors import MessageRefused, StoreBusy, SubscriberUnavailable
from esworkbench.events import RecordedEvent
from esworkbench.outbox.delivery import DeliveryToProcess, SubscriberServer
from esworkbench.outbox.message import OutboxMessage
from tests.support import START


def message(number: int) -> OutboxMessage:
    recorded = RecordedEvent(
        global_position=number,
        stream_id="s",
        version=number,
        event_id=f"event-{number}",
        event_type="Noted",
        schema_version=1,
        payload='{"note":"Zürich\\n"}'.encode(),
        metadata=b"{}",
        recorded_at=START,
        valid_at=START,
        prev_hash="0" * 64,
        hash="f" * 64,
    )
    return OutboxMessage.of(recorded)


@pytest.fixture
def address() -> Iterator[str]:
    """A path short enough for a Unix socket, which pytest's own folders may not be."""
    with TemporaryDirectory(prefix="esworkbench-") as folder:
        yield str(Path(folder) / "socket")


class Receiver:
    """Serves in a thread, and does with each message what it is told to."""

    def __init__(self, address: str) -> None:
        self.got: list[OutboxMessage] = []
        self.then: Callable[[], None] = lambda: None
        self.server = SubscriberServer(address, self.receive)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def receive(self, received: OutboxMessage) -> None:
        self.got.append(received)
        self.then()


@pytest.fixture
def receiver(address: str) -> Iterator[Receiver]:
    receiver = Receiver(address)
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    receiver.thread.join()


@pytest.fixture
def publish(address: str, receiver: Receiver) -> Iterator[DeliveryToProcess]:
    delivery = DeliveryToProcess(address)
    yield delivery
    delivery.close()


def raises(error: Exception) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it


def test_publishing_returns_once_the_subscriber_is_done(publish: DeliveryToProcess, receiver: Receiver) -> None:
    for number in (1, 2, 3):
        publish(message(number))
        assert receiver.got[-1] == message(number)
    assert len(receiver.got) == 3


def test_a_refusal_is_the_messages_and_leaves_the_connection_open(
    publish: DeliveryToProcess, receiver: Receiver
) -> None:
    receiver.then = raises(MessageRefused("version 2 came too early"))
    with pytest.raises(MessageRefused, match="version 2 came too early"):
        publish(message(2))
    receiver.then = lambda: None
    publish(message(1))


GAVE_UP = sqlite3.OperationalError("disk I/O error")
GAVE_UP.sqlite_errorcode = sqlite3.SQLITE_IOERR


@pytest.mark.parametrize("error", [StoreBusy("locked"), OperationalError("INSERT", {}, GAVE_UP)])
def test_a_database_that_gave_up_is_no_messages_fault(
    publish: DeliveryToProcess, receiver: Receiver, error: Exception
) -> None:
    receiver.then = raises(error)
    with pytest.raises(SubscriberUnavailable, match=r"locked|disk I/O error"):
        publish(message(1))


@pytest.mark.parametrize("error", [ZeroDivisionError("a defect"), IntegrityError("INSERT", {}, sqlite3.Error("bad"))])
def test_a_subscriber_that_breaks_on_a_message_counts_against_it_and_says_so(
    publish: DeliveryToProcess, receiver: Receiver, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """No answer comes. Were it taken for absence, a message that kills its subscriber would be sent for ever."""
    receiver.then = raises(error)
    with pytest.raises(MessageRefused, match="it closed the connection"):
        publish(message(1))
    assert type(error).__name__ in caplog.text
    receiver.then = lambda: None
    publish(message(1))


def test_nobody_there_is_no_messages_fault(address: str) -> None:
    with pytest.raises(SubscriberUnavailable, match="no subscriber could be reached"):
        DeliveryToProcess(address)(message(1))


def test_a_relay_that_stands_by_keeps_nobody_waiting(
    address: str, publish: DeliveryToProcess, receiver: Receiver
) -> None:
    publish(message(1))
    other = DeliveryToProcess(address)
    other(message(2))
    publish(message(3))
    other.close()
    assert len(receiver.got) == 3


def test_what_is_no_message_is_refused(publish: DeliveryToProcess, receiver: Receiver) -> None:
    class Garbled(OutboxMessage):
        def to_json(self) -> bytes:
            return b'{"event_id":"event-1"}'

    fields = {name: getattr(message(1), name) for name in OutboxMessage.__struct_fields__}
    with pytest.raises(MessageRefused):
        publish(Garbled(**fields))
    assert receiver.got == []


def test_a_late_answer_is_not_taken_for_the_next_messages(address: str, receiver: Receiver) -> None:
    """The first message is still being received when the second goes out, on another connection."""
    is_received, may_end = threading.Event(), threading.Event()

    def take_long() -> None:
        is_received.set()
        may_end.wait(timeout=60)

    publish = DeliveryToProcess(address, patience=0.05)
    receiver.then = take_long
    with pytest.raises(MessageRefused, match="timed out"):
        publish(message(1))
    is_received.wait(timeout=60)
    receiver.then = lambda: None
    publish.patience = 60
    publish(message(2))
    may_end.set()
    publish(message(3))
    publish.close()
    assert receiver.got == [message(1), message(2), message(3)]


def test_an_answer_for_another_message_is_no_answer(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()

        def answer_wrongly() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as lines:
                lines.readline()
                lines.write(b'{"event_id":"event-1","outcome":"accepted"}\n')

        thread = threading.Thread(target=answer_wrongly)
        thread.start()
        with pytest.raises(MessageRefused, match="answered for event 'event-1', not 'event-2'"):
            DeliveryToProcess(address)(message(2))
        thread.join(timeout=60)


def test_a_port_on_loopback_serves_as_well() -> None:
    with SubscriberServer(("127.0.0.1", 0), lambda _message: None) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        host, port = server.server_address[:2]
        publish = DeliveryToProcess((str(host), int(port)))
        publish(message(1))
        publish.close()
        server.shutdown()
        thread.join(timeout=60)
