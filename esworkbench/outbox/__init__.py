"""The outbox: telling other systems of events, in the order of each stream, at least once.

- `outbox`: queueing, in the event's own transaction
- `relay`: publishing what is queued
- `message`: what is told of an event
- `delivery`: to another process, with an acknowledgement
- `parked`: messages given up on, and what an operator does
- `tables`: the outbox's tables
"""
