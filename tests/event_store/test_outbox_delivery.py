"""An acknowledged message is committed on the other side; every other outcome reaches the relay as what it is."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from esworkbench.errors import MessageRefused, StoreBusy, SubscriberUnavailable
from esworkbench.event_store.outbox_delivery import DeliveryToProcess, listen, serve
from esworkbench.event_store.outbox_message import OutboxMessage
from esworkbench.events import RecordedEvent
from tests.support import START

KEY = b"the key of this test"


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
        self.listener = listen(address, KEY)
        threading.Thread(target=serve, args=(self.listener, self.receive), daemon=True).start()

    def receive(self, received: OutboxMessage) -> None:
        self.got.append(received)
        self.then()


@pytest.fixture
def receiver(address: str) -> Iterator[Receiver]:
    receiver = Receiver(address)
    yield receiver
    receiver.listener.close()


@pytest.fixture
def publish(address: str, receiver: Receiver) -> Iterator[DeliveryToProcess]:
    delivery = DeliveryToProcess(address, KEY)
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
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_subscriber_that_breaks_on_a_message_counts_against_it(
    publish: DeliveryToProcess, receiver: Receiver, error: Exception
) -> None:
    """No answer comes. Were it taken for absence, a message that kills its subscriber would be sent for ever."""
    receiver.then = raises(error)
    with pytest.raises(MessageRefused, match="no answer"):
        publish(message(1))
    receiver.then = lambda: None
    publish(message(1))


def test_nobody_there_is_no_messages_fault(address: str) -> None:
    with pytest.raises(SubscriberUnavailable, match="no subscriber could be reached"):
        DeliveryToProcess(address, KEY)(message(1))


def test_without_the_key_nothing_is_taken_and_the_others_are_still_served(
    address: str, publish: DeliveryToProcess, receiver: Receiver
) -> None:
    with pytest.raises(SubscriberUnavailable):
        DeliveryToProcess(address, b"another key")(message(1))
    publish(message(2))
    assert receiver.got == [message(2)]


def test_a_relay_that_stands_by_keeps_nobody_waiting(
    address: str, publish: DeliveryToProcess, receiver: Receiver
) -> None:
    publish(message(1))
    other = DeliveryToProcess(address, KEY)
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


def test_a_late_answer_is_not_taken_for_the_next_messages(address: str) -> None:
    listener = Listener(address, authkey=KEY)
    connections: list[Connection] = []

    def answer_the_first_on_the_second_connection() -> None:
        for _ in range(2):
            connections.append(listener.accept())
            connections[-1].recv_bytes()
        connections[1].send_bytes(b'{"event_id":"event-1","outcome":"accepted"}')

    thread = threading.Thread(target=answer_the_first_on_the_second_connection)
    thread.start()
    publish = DeliveryToProcess(address, KEY, patience=0)
    with pytest.raises(MessageRefused, match="silent for 0 seconds"):
        publish(message(1))
    publish.patience = 60
    with pytest.raises(MessageRefused, match="answered for event event-1, not event-2"):
        publish(message(2))
    thread.join(timeout=60)
    listener.close()
