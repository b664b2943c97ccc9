"""Events that a read model got never, not yet or twice: what its runner got wrong."""

from datetime import timedelta

from esworkbench.forensics.challenge.draw import Draw
from esworkbench.forensics.challenge.plants.accounts import book
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.working_copy import Row, WorkingCopy


def gap_skipped(copy: WorkingCopy, draw: Draw) -> Planted:
    """One read model never saw one event, and goes on without it."""
    stream, account, currency = draw.account()
    projection, event = draw.projection(), draw.posting_event(stream)
    return _not_seen(copy, projection, account, currency, event)


def poison_skipped(copy: WorkingCopy, draw: Draw) -> Planted:
    """The handler's own error parked one event."""
    stream, account, currency = draw.account()
    projection, event = draw.projection(), draw.posting_event(stream)
    copy.table("dead_letters").append({
        "projection": projection, "position": event["position"], "event_id": event["event_id"],
        "event_type": event["type"], "schema_version": event["schema_version"], "error": "ValueError: planted",
        "run_id": None, "parked_at": event["recorded_at"],
    })  # fmt: skip
    return _not_seen(copy, projection, account, currency, event)


def _not_seen(copy: WorkingCopy, projection: str, account: str, currency: str, event: Row) -> Planted:
    [(_, _, amount)] = copy.posted(event)
    copy.shift(projection, account, currency, event["position"], -amount)
    copy.drop_row(projection, account, event["position"])
    return Planted(account, currency, -amount, abs(amount))


def double_apply(copy: WorkingCopy, draw: Draw) -> Planted:
    """One event handled a second time by a run that began behind its own checkpoint."""
    stream, account, currency = draw.account()
    projection, event = draw.projection("head"), draw.posting_event(stream)
    [(_, _, amount)] = copy.posted(event)
    position = event["position"]
    log = [row for row in copy.table("checkpoint_log") if row["projection"] == projection]
    covering = [row for row in log if row["from_position"] <= position <= row["to_position"]]
    saved = covering[0]["saved_at"] if covering else event["recorded_at"]
    copy.note_batch(projection, position, position, saved + timedelta(seconds=5))
    copy.shift(projection, account, currency, position - 1, amount)
    return Planted(account, currency, amount, abs(amount))


def twin_dropped(copy: WorkingCopy, draw: Draw) -> Planted:
    """Two genuine events that look alike, of which a read model that knows them by value counts one."""
    stream, account, currency = draw.account()
    amount, at = draw.amount(), draw.later()
    template = draw.template(stream, 1)
    first, second = (draw.draft(stream, template, amount, at, currency=currency) for _ in range(2))
    projection = draw.projection()
    [one] = draw.append(first)
    [two] = draw.append(second, skipped_by=[projection])
    for event in (one, two):
        book(copy, draw, account, event)
    draw.go_on(stream, account, currency)
    return Planted(account, currency, -amount, amount)


def lag(copy: WorkingCopy, draw: Draw) -> Planted:
    """A projection that has yet to read the last event."""
    stream, account, currency = draw.account()
    projection = draw.projection()
    at = {row["projection"]: dict(row) for row in copy.table("checkpoints")}
    log = [dict(row) for row in copy.table("checkpoint_log")]
    [event] = draw.append(
        draw.draft(stream, draw.template(stream, 1), draw.amount(), draw.later(), currency=currency),
        skipped_by=[projection],
    )
    book(copy, draw, account, event)
    for row in copy.table("checkpoints"):
        if row["projection"] == projection:
            row |= at[projection]
    kept = {row["id"] for row in log}
    rows = copy.table("checkpoint_log")
    rows[:] = [row for row in rows if row["projection"] != projection or row["id"] in kept]
    return Planted(None, None, None)
