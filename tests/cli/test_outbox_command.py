"""`outbox` says what waits and what stands still, and lets an operator do something about it."""

from datetime import timedelta
from pathlib import Path

import pytest
from cli_shell import Shell

from esworkbench.errors import MessageRefused
from esworkbench.event_store import EventStore
from esworkbench.outbox.message import OutboxMessage
from esworkbench.outbox.outbox import enable_outbox
from esworkbench.outbox.relay import OutboxRelay
from tests.support import new_event


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store with one message parked and one that waits behind it."""
    url = f"sqlite:///{tmp_path / 'bank.db'}"
    store = EventStore.open(url)
    enable_outbox(store.engine)
    store.append("a", [new_event(), new_event()], expected_version=0)
    OutboxRelay(store.engine, refuse, attempts=1).relay_once()
    store.engine.dispose()
    return url


def refuse(_message: OutboxMessage) -> None:
    raise MessageRefused("not this one")


def test_it_tells_what_waits_and_what_is_parked(shell: Shell, url: str) -> None:
    told = shell.json("outbox", url)
    assert told.code == 1
    assert told.document["queued"] == 1
    assert 0 <= told.document["oldest_age_seconds"] < timedelta(hours=1).total_seconds()
    [parked] = told.document["parked"]
    assert (parked["position"], parked["stream"], parked["error"]) == (1, "a", "MessageRefused: not this one")
    assert f"next: esworkbench outbox {url} --retry 1" in told.err


def test_a_parked_message_is_retried_or_left_out(shell: Shell, url: str) -> None:
    left_out = shell.json("outbox", url, "--leave-out", 1)
    assert (left_out.code, left_out.document["queued"], len(left_out.document["parked"])) == (0, 1, 1)
    retried = shell.json("outbox", url, "--retry", 1)
    assert (retried.code, retried.document["queued"], retried.document["parked"]) == (0, 2, [])


def test_what_it_cannot_do_it_says_in_a_sentence(shell: Shell, url: str, tmp_path: Path) -> None:
    assert "no parked message stands at position 2" in shell("outbox", url, "--retry", 2).err
    without = f"sqlite:///{tmp_path / 'without.db'}"
    EventStore.open(without).engine.dispose()
    told = shell("outbox", without)
    assert (told.code, told.err) == (2, "no outbox is enabled in this store: enable_outbox(engine) begins one\n")
