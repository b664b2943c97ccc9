"""Events that were changed, moved or taken away after they were stored."""

import json

from esworkbench.forensics.challenge.draw import Draw, odd_streams
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.plants.required import is_part_of_two, require_hashes
from esworkbench.forensics.challenge.working_copy import (
    Row,
    WorkingCopy,
    amount_as_written,
    number_as_written,
    with_values,
)


def payload_edited(copy: WorkingCopy, draw: Draw) -> Planted:
    stream, account, currency = draw.account()
    return _edited(copy, draw, draw.posting_event(stream), account, currency)


def rehashed_history(copy: WorkingCopy, draw: Draw) -> Planted:
    require_hashes(copy)
    stream, account, currency = draw.account()
    planted = _edited(copy, draw, draw.posting_event(stream), account, currency)
    copy.rehash(stream)
    return planted


def _edited(copy: WorkingCopy, draw: Draw, event: Row, account: str, currency: str) -> Planted:
    """Another amount in the payload, by hand; the read models keep what was there."""
    rule = copy.rule_of(event)
    assert rule is not None
    [(_, _, before)] = copy.posted(event)
    by = draw.amount()
    written = abs(before) + by
    if rule.sign == "signed" and before < 0:
        written = -written
    value = amount_as_written(event, rule, written, copy.evidence.decimals(currency))
    changed = copy.change(event, payload=with_values(event["payload"], {rule.amount: value}))
    [(_, _, after)] = copy.posted(changed)
    return Planted(account, currency, before - after, by)


def event_deleted(copy: WorkingCopy, draw: Draw) -> Planted:
    stream, account, currency = draw.account()
    event = draw.posting_event(stream, among=lambda each, _: not is_part_of_two(copy, each))
    [(_, _, amount)] = copy.posted(event)
    copy.take(event)
    return Planted(account, currency, amount, abs(amount))


def tail_truncated(copy: WorkingCopy, draw: Draw) -> Planted:
    positions = [row for (row,) in copy.evidence.rows("SELECT position FROM events ORDER BY 1 DESC LIMIT 4")]
    cut = positions[: draw.trial % 3 + 1]
    streams = copy.evidence.rows(f"SELECT stream_id, position FROM events WHERE position >= {min(cut)}")
    for stream, position in streams:
        [event] = [each for each in copy.stream(stream) if each["position"] == position]
        copy.take(event)
    return Planted(None, None, None)


def reordered(copy: WorkingCopy, draw: Draw) -> Planted:
    require_hashes(copy)
    stream, account, currency = draw.account()
    event = draw.posting_event(stream)
    after = draw.chosen(
        [each for each in copy.stream(stream) if each["version"] == event["version"] + 1], "no two events follow"
    )
    copy.change(event, version=after["version"])
    copy.change(after, version=event["version"])
    return Planted(account, currency, None)


def event_misfiled(copy: WorkingCopy, draw: Draw) -> Planted:
    require_hashes(copy)
    stream, account, currency = draw.account()
    event = draw.posting_event(stream, among=lambda each, rule: rule.account == "stream"
                               and not is_part_of_two(copy, each))  # fmt: skip
    others = copy.evidence.rows(
        "SELECT DISTINCT stream_id FROM postings WHERE currency = $currency AND stream_id <> $stream ORDER BY 1",
        currency=currency, stream=stream,
    )  # fmt: skip
    [other] = draw.chosen(others, "there is no other stream in that currency")
    [(_, _, amount)] = copy.posted(event)
    copy.change(event, stream_id=other, version=copy.stream(other)[-1]["version"] + 1)
    return Planted(account, currency, amount, abs(amount))


def serialization_drift(copy: WorkingCopy, draw: Draw) -> Planted:
    """All events from one on, written down by another serializer that puts a space after each comma and colon."""
    require_hashes(copy)
    odd = odd_streams(copy)
    streams = [row for row, in copy.evidence.rows("SELECT DISTINCT stream_id FROM events ORDER BY 1")
               if row not in odd]  # fmt: skip
    first = draw.random.randrange(1, max(2, copy.head // 2))
    for stream in streams:
        for event in copy.stream(stream):
            if event["position"] >= first:
                content = json.loads(event["payload"], parse_float=number_as_written)
                text = json.dumps(content, ensure_ascii=True, separators=(" ,", " :"))
                event["payload"] = text.replace('"\\u0000', "").replace('\\u0000"', "")
    return Planted(None, None, None)
