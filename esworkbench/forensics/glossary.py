"""The words of the field, as this house uses them: what ``esworkbench explain`` says of a word."""

from typing import NamedTuple


class Word(NamedTuple):
    """What a word means, and the notebook that shows it."""

    meaning: str
    notebook: str


_SHOWN_IN = {
    "00_start_here": {
        "event store": "the append-only log of events, keyed by stream",
        "stream": "one aggregate's events; its version counts 1, 2, 3 … within it",
        "global position": "an event's place in the whole log; what a checkpoint records",
        "event type": "what happened, by name: MoneyDeposited",
        "schema version": "which shape of an event type was written",
        "payload": "what happened, as the exact JSON text that was hashed and stored",
        "metadata": (
            "about the event, not in it: correlation id, causation id, idempotency key, actor, and the version "
            "the decision was made on"
        ),
        "aggregate": "a cluster of state with rules; it decides which events a command causes",
        "command": "an intent, which the aggregate may reject; an event is a fact, which nobody may",
        "upcaster": "one named function from an event type's schema version N to N+1, run on reading",
        "snapshot": "an aggregate's state at a version, so that loading need not start at zero",
    },
    "01_events_not_rows": {
        "event": "a fact in the past tense, never changed once it is stored",
        "fold": "going through events one after the other, keeping a state: how a balance is derived",
        "compensating event": "an appended event that undoes an earlier one's effect; the earlier one stays",
    },
    "02_event_store": {
        "lost update": "two writers decide on one state, and the later one wipes out what the earlier one wrote",
        "optimistic concurrency": (
            "nobody holds a lock while deciding; a writer states the version its decision was based on, and is told "
            "when it is no longer the last"
        ),
        "idempotency key": "drawn by a client once per intent: a repeated command is one command",
    },
    "05_projections": {
        "projection": "the handler that turns events into rows, and how far it got",
        "checkpoint": "one integer: every event at or below it was seen by the projection",
        "read model": "the table a projection keeps; it can be dropped and rebuilt",
        "dead letter": "an event that could not be handled, parked with its error, so that it stops nobody",
        "outbox": "which events are still to be told to others, noted in the event's own transaction",
        "inbox": "the id of each event that was received, written with its rows: what comes twice is known",
    },
    "06_rebuilding_projections": {
        "swap": "one transaction that puts a rebuilt read model in the live one's place: readers see all of it or none",
        "shard": "the streams that one process of a rebuild takes, whole, with a checkpoint of their own",
    },
    "07_cqrs_and_read_your_writes": {
        "CQRS": "command query responsibility segregation: one model decides on commands, others answer queries",
        "query": "a question to a read model; asking changes nothing",
        "lag": "how far a projection is behind: in positions, and as the age of the oldest event it has not seen",
        "eventual consistency": "a read model is late, never wrong: right for every event up to its checkpoint",
        "read-your-writes": "what a user has just done, that user sees; others may see it later",
    },
    "08_upcasting": {
        "shape": "an event type as it is written in one of its schema versions",
        "hash chain": "each event's hash covers the exact bytes written and the hash before it in its stream",
        "published contract": "the shapes that readers outside were promised, frozen until nobody reads them any more",
        "downcaster": "one named function from schema version N back to N-1, run where events are published",
    },
    "09_upcaster_archaeology": {
        "contract test": "an event as it was really written, and what it is read as: approved until somebody objects",
        "dead": "of an upcaster: no event in the log starts at it or passes through it, as of a query",
        "telltale": "the fields, types and dates by which a version is told where none was noted",
        "compaction": "a new log with every event in its latest shape; the old one stays as it was",
    },
    "10_joining_four_aggregates": {
        "correlation id": "in the metadata: one id for all that happened in one session; the command path sets it",
        "public event contract": "the events that others may build on, their fields promised; the rest is private",
        "waiting table": "what was read before the event that completes it, kept and counted once that one comes",
    },
    "11_replay_to_a_moment": {
        "recorded at": "when the store learned of the event",
        "valid at": "when the fact was true in the world; missing means when it was recorded",
    },
    "12_diff_projection_against_events": {
        "posting": "the signed effect of one event on one account in one currency",
        "event sum": "the sum of an account's postings, in minor units: what the events say the balance is",
        "balance assertion": (
            "anything that claims a balance: a read-model row at its checkpoint, a running balance, a snapshot, a "
            "statement line, a customer's complaint"
        ),
        "delta": "claimed minus event sum, in minor units",
    },
    "13_bisect_a_corrupted_balance": {
        "residual": "what one step of a running claim doesn't explain: claim[i] − claim[i−1] − posting[i]",
        "bisection": "finding the first divergence in ⌈log2 N⌉ probes; sound only on a quantity that never goes back",
    },
    "14_the_47_23_case": {
        "evidence": (
            "a frozen, hashed copy of a log with its read models, checkpoints, snapshots and statements, taken at "
            "one consistent cut"
        ),
        "case": "the record of one investigation on evidence: every step, replayable",
        "finding": "one fault: its class, the exact events, the amount, the proof",
    },
}

WORDS: dict[str, Word] = {
    word: Word(meaning, notebook) for notebook, words in _SHOWN_IN.items() for word, meaning in words.items()
}
