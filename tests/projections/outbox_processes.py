"""Processes made to be killed: a relay, a subscriber with the bank's read models in its own database, and one that
pulls them there.

Arguments: role, database URL of the events, database URL of the read models, address, and the crash point with how
often it is passed before it strikes, or ``none``. Each begins when it gets a line and says ``ready``, and then a line
for each message.
"""

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from killed_runner import die
from sqlalchemy import Engine, event

from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore, open_database
from esworkbench.outbox.delivery import DeliveryToProcess, SubscriberServer
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.relay import OutboxRelay
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.inbox import Inbox
from esworkbench.projections.other_database import open_read_models

RELAY_POINTS = ["before the publish", "between publish and mark"]
SUBSCRIBER_POINTS = ["before the commit", "after the commit, before the answer"]
RARER_RELAY_POINTS = ["before the mark's commit"]
RARER_SUBSCRIBER_POINTS = ["between two read models", "between inbox and rows"]
PULL_POINTS = ["between rows and checkpoint", "after the commit"]


class CrashPoint:
    """SIGKILLs this process where it is reached after being passed so many times."""

    def __init__(self, name: str, passes: int) -> None:
        self.name = name
        self.left = passes

    def reach(self, name: str) -> None:
        if name != self.name:
            return
        if self.left == 0:
            die()
        self.left -= 1

    def watch(self, engine: Engine, name: str, statement_begins: str) -> None:
        def before(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.startswith(statement_begins):
                self.reach(name)

        event.listen(engine, "before_cursor_execute", before)


def say(word: str) -> None:
    print(word, flush=True)


def relay(url: str, address: str, crash: CrashPoint) -> None:
    engine = open_database(url)
    deliver = DeliveryToProcess(address)
    crash.watch(engine, "between publish and mark", "UPDATE outbox")
    event.listen(engine, "commit", lambda _connection: crash.reach("before the mark's commit"))

    def publish(message: OutboxMessage) -> None:
        crash.reach("before the publish")
        deliver(message)
        say("published")

    relaying = OutboxRelay(engine, publish, batch_size=5, attempts=10**9, backoff=lambda _attempts: timedelta(0))
    say("ready")
    relaying.run(until=lambda: False, pause=lambda: time.sleep(0.002))


def subscriber(url: str, address: str, crash: CrashPoint) -> None:
    engine = open_read_models(url)
    crash.watch(engine, "between inbox and rows", "SAVEPOINT")
    event.listen(engine, "commit", lambda _connection: crash.reach("before the commit"))
    inboxes = [Inbox(engine, make(), bank_decoder(), run_id="killed") for make in BANK_PROJECTIONS.values()]

    def receive(message: OutboxMessage) -> None:
        say("received")
        for inbox in inboxes:
            inbox.receive(message)
            crash.reach("between two read models")
        crash.reach("after the commit, before the answer")

    answer(address, receive)


def naive_subscriber(url: str, address: str, _crash: CrashPoint) -> None:
    """It handles what comes, and knows nothing of what came before."""
    engine = open_read_models(url)
    projections, decoder = [make() for make in BANK_PROJECTIONS.values()], bank_decoder()

    def receive(message: OutboxMessage) -> None:
        with engine.begin() as connection:
            for projection in projections:
                if projection.order_insensitive:
                    projection.create_tables(connection)
                    projection.handle(decoder.decode(message.recorded()), connection)

    answer(address, receive)


def answer(address: str, receive: Callable[[OutboxMessage], None]) -> None:
    with SubscriberServer(address, receive) as server:
        say("ready")
        server.serve_forever()


def pull(url: str, target: str, crash: CrashPoint) -> None:
    store, engine = EventStore.open(url), open_read_models(target)
    crash.watch(engine, "between rows and checkpoint", "UPDATE checkpoints")
    event.listen(engine, "commit", lambda _connection: crash.reach("before the commit"))
    runners = [
        ProjectionRunner(store, make(), bank_decoder(), run_id="killed", batch_size=10, engine=engine)
        for make in BANK_PROJECTIONS.values()
    ]
    say("ready")
    while any(runner.run_once() for runner in runners):
        crash.reach("after the commit")


def main(role: str, url: str, target: str, address: str, point: str, passes: str) -> None:
    # Who isn't there is reported each time it isn't; here it is killed on purpose.
    logging.disable(logging.WARNING)
    crash = CrashPoint(point, int(passes))
    sys.stdin.readline()
    match role:
        case "relay":
            relay(url, address, crash)
        case "subscriber":
            subscriber(target, address, crash)
        case "naive subscriber":
            naive_subscriber(target, address, crash)
        case "pull":
            pull(url, target, crash)


if __name__ == "__main__":
    main(*sys.argv[1:])
