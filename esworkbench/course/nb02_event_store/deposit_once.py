"""The exercise ``deposit_once``: a command that is sent twice is booked once."""

import json
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from esworkbench.course.case_database import case_store
from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.grader.meaning import Raised
from esworkbench.course.grader.observe import another_process, reply
from esworkbench.errors import ConcurrencyError, IdempotencyConflict
from esworkbench.event_store import ANY_VERSION, EventStore, Idempotency
from esworkbench.events import NewEvent

TASK = (
    "Append one event to stream `ACC-1001` of a real `EventStore`: of type `MoneyDeposited`, its payload the JSON "
    'object `{"amount_minor": …}` and nothing else. There may be events already, in this stream and in others. Return '
    "a reply: any JSON you like, as `bytes`. A client that repeats its command sends the same `key` and amount again, "
    "and may reach another process of the bank with it: that books nothing, and it gets the reply of the first time. "
    "The same key with another amount is another command: let the store's IdempotencyConflict out, as whatever else "
    "it raises; a lost race may be tried again. The store does it for whoever hands it `Idempotency(key, "
    "command_digest, reply)`, where `command_digest` is a text that is the same for the same command, in every "
    "process, "
    "and another for any other: by it the store knows a repeat from a misused key."
)


def deposit_once(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    """``EventStore.append`` looks for the key before the version, and keeps key and events in one transaction."""
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % amount_minor)
    once = Idempotency(key, sha256(event.payload).hexdigest(), b'{"done":true}')
    return store.append("ACC-1001", [event], expected_version=store.stream_version("ACC-1001"), idempotency=once).reply


KEYS = ["deposit-monday", "deposit-tuesday", "Deposit-Monday", "deposit-monday "]
"""Keys of different commands, though they begin alike, or look it."""


OTHERS = ["ACC-1002", "ACC-10011"]
"""Other streams, one of which begins like this one."""

RACE = "ConcurrencyError"
ERRORS: dict[str, Exception] = {
    RACE: ConcurrencyError("ACC-1001", 1, 2),
    "OperationalError": OperationalError("INSERT", None, Exception("disk full")),
    "TimeoutError": TimeoutError("no answer for 30 s"),
    "ValueError": ValueError("no such clock"),
}


def _play_deposit_once(
    answer: Any, events_there: int, commands: list[tuple[str, int]], events_elsewhere: int = 0, fails: str = ""
) -> Any:
    """Each reply, by whether its key was answered before and so; and what is in the store in the end.

    The store asks its clock before it writes, so a clock that raises stands for whatever goes wrong there. A race is
    lost once: an answer may raise then or try again, but not say that it has booked what it hasn't.
    """
    store = case_store()
    elsewhere = [OTHERS[number % 2] for number in range(events_elsewhere)]
    there = [*elsewhere[:1], *["ACC-1001"] * events_there, *elsewhere[1:]]
    for stream in there:
        store.append(stream, [NewEvent(event_type="Renamed", payload=b"{}")], expected_version=ANY_VERSION)
    first: dict[str, bytes] = {}
    replies: list[Any] = []
    for number, (key, amount_minor) in enumerate(commands):
        with another_process(answer, number):
            said = reply(answer, store, key, amount_minor)
        if isinstance(said, bytes) and not _is_json(said):
            replies.append("a reply that is no JSON")
        elif isinstance(said, bytes):
            repeated = "the same reply" if said == first.get(key) else "another reply"
            replies.append(repeated if key in first else "a reply")
            first.setdefault(key, said)
        else:
            replies.append(said)
    if fails:
        usual, before = store.clock, len(store.read_all())

        def clock() -> datetime:
            if fails == RACE:
                store.clock = usual
            raise ERRORS[fails]

        store.clock = clock
        said = reply(answer, store, "deposit-friday", 9)
        booked = len(store.read_all()) - before
        is_told = (isinstance(said, bytes) and booked == 1) or (isinstance(said, Raised) and booked == 0)
        replies.append("what became of it" if fails == RACE and is_told else (said, booked))
    written = [(each.stream_id, each.event_type, json.loads(each.payload)) for each in store.read_all()]
    return {"replies": replies, "written": written[len(there) : before if fails else None]}


def _is_json(said: bytes) -> bool:
    try:
        json.loads(said)
    except ValueError:
        return False
    return True


def _given_deposit_once(
    events_there: int, commands: list[tuple[str, int]], events_elsewhere: int = 0, fails: str = ""
) -> str:
    told = [f"{amount_minor} with the key {key!r}" for key, amount_minor in commands]
    if fails:
        told.append(
            f"9 with the key 'deposit-friday', and the store's append raises {fails}{', once' if fails == RACE else ''}"
        )
    elsewhere = [f"{events_elsewhere} in other streams"] if events_elsewhere else []
    return "; ".join([f"{events_there} events in the stream", *elsewhere, *told])


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _deposit(store: EventStore, amount_minor: int, once: Idempotency, *, booked: int | None = None) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % (booked or amount_minor))
    return store.append("ACC-1001", [event], expected_version=ANY_VERSION, idempotency=once).reply


def _new_key_each_time(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, str(uuid4()), amount_minor)


def _digest_of_the_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit(store, amount_minor, Idempotency(key, sha256(key.encode()).hexdigest(), b"{}"))


def _no_reply_to_a_repeat(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    before = store.stream_version("ACC-1001")
    said = deposit_once(store, key, amount_minor)
    return said if store.stream_version("ACC-1001") > before else None


def _amount_as_key(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return deposit_once(store, str(amount_minor), amount_minor)


def _books_one(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit(store, amount_minor, Idempotency(key, str(amount_minor), b"{}"), booked=1)


def _conflict_swallowed(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    try:
        return deposit_once(store, key, amount_minor)
    except IdempotencyConflict:
        return None


def _as_if_new(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    event = NewEvent(event_type="MoneyDeposited", payload=b'{"amount_minor":%d}' % amount_minor)
    once = Idempotency(key, str(amount_minor), b"{}")
    return store.append("ACC-1001", [event], expected_version=0, idempotency=once).reply


def _digest_by_hash(store: EventStore, key: str, amount_minor: int) -> bytes | None:
    return _deposit(store, amount_minor, Idempotency(key, str(hash(b"%d" % amount_minor)), b"{}"))


# --- the exercise -----------------------------------------------------------------------------------------------------

DEPOSIT_ONCE = Exercise(
    name="deposit_once",
    task=TASK,
    stub=(
        "from hashlib import sha256\n\n"
        "from esworkbench.event_store import EventStore, Idempotency\n"
        "from esworkbench.events import NewEvent\n\n\n"
        "def my_deposit_once(store: EventStore, key: str, amount_minor: int) -> bytes: ..."
    ),
    reference=deposit_once,
    cases=st.tuples(
        st.integers(0, 2),
        st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from([5, 7, 1005, 4723, 7423])),
            min_size=1,
            max_size=4,
        ),
        st.integers(0, 2),
        st.sampled_from(["", "", "", *ERRORS]),
    ),
    examples=[
        (0, [("deposit-monday", 5), ("deposit-monday", 5)]),
        (0, [("deposit-monday", 5), ("deposit-monday", 1005)]),
        (0, [("deposit-monday", 12), ("deposit-monday", 21)]),
        (0, [("deposit-monday", 2**53 - 1), ("deposit-monday", 2**53 - 2)]),
        *((0, [(KEYS[0], 5), (key, 5)]) for key in KEYS[1:]),
        (0, [("deposit-monday", 5)], 2),
        (2, [("deposit-monday", 5)], 2),
        *((0, [("deposit-monday", 5)], 0, fails) for fails in ERRORS),
    ],
    play=_play_deposit_once,
    given=_given_deposit_once,
    hints=(
        "`store.append(stream, [event], expected_version=store.stream_version(stream), idempotency=…)` does most of "
        "it, and returns a result that has the `reply`.",
        "The digest must differ when the command differs, and be the same in every process, as Python's own `hash` "
        "isn't: `sha256(event.payload).hexdigest()`. Return `result.reply`.",
    ),
    mistakes={
        "double apply": Mistake(
            _new_key_each_time, "the retry is booked again: hand the store the key that the client has drawn and sent"
        ),
        "digest of the key": Mistake(
            _digest_of_the_key,
            "one key, two amounts, and nobody is told: the digest must be made from the command, not from the key, and "
            "IdempotencyConflict goes to the caller",
        ),
        "another hash in each process": Mistake(
            _digest_by_hash,
            "the digest is another one in each process, as `hash` of a text or of bytes is, so a repeat that reaches "
            "another one looks like another command: take `sha256`",
        ),
        "no reply": Mistake(
            _no_reply_to_a_repeat, "a repeat deserves the answer that got lost: return the reply that the store kept"
        ),
        "the amount as key": Mistake(
            _amount_as_key, "the amount serves as key, but a second deposit of the same amount is a second intent"
        ),
        "books one": Mistake(_books_one, "it books 1, whatever the amount"),
        "swallowed": Mistake(
            _conflict_swallowed,
            "the key was used for another command, and the client isn't told: let IdempotencyConflict out",
        ),
        "as if new": Mistake(
            _as_if_new, "it expects version 0, but the stream has events already: ask `store.stream_version`"
        ),
    },
)
