"""How each fault is planted: in one account of a working copy, as its cause would have left it.

A plant knows the evidence and its ledger, no bank; and nothing of what finds it. Where the evidence has nothing to
plant a fault in, it says so with ``CantPlant``.
"""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from esworkbench.evidence.ledger import Pending, TransferSides
from esworkbench.forensics.challenge.draw import CantPlant, Draw, odd_streams
from esworkbench.forensics.challenge.working_copy import (
    Row,
    WorkingCopy,
    amount_as_written,
    hash_of,
    number_as_written,
    with_values,
)


class Planted(NamedTuple):
    """What was done. ``amount`` (claimed − event sum, minor units) is what a finding has to say; None: it may say any.

    ``size`` is how large the damage is in minor units, whichever way it shows; None where it is about no amount.
    """

    account: str | None
    currency: str | None
    amount: int | None
    size: int | None = None


Plant = Callable[[WorkingCopy, Draw], Planted]


# the log itself


def payload_edited(copy: WorkingCopy, draw: Draw) -> Planted:
    stream, account, currency = draw.account()
    return _edited(copy, draw, draw.posting_event(stream), account, currency)


def rehashed_history(copy: WorkingCopy, draw: Draw) -> Planted:
    _require_hashes(copy)
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
    event = draw.posting_event(stream, among=lambda each, _: not _is_part_of_two(copy, each))
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
    _require_hashes(copy)
    stream, account, currency = draw.account()
    event = draw.posting_event(stream)
    after = draw.chosen(
        [each for each in copy.stream(stream) if each["version"] == event["version"] + 1], "no two events follow"
    )
    copy.change(event, version=after["version"])
    copy.change(after, version=event["version"])
    return Planted(account, currency, None)


def event_misfiled(copy: WorkingCopy, draw: Draw) -> Planted:
    _require_hashes(copy)
    stream, account, currency = draw.account()
    event = draw.posting_event(stream, among=lambda each, rule: rule.account == "stream"
                               and not _is_part_of_two(copy, each))  # fmt: skip
    others = copy.evidence.rows(
        "SELECT DISTINCT stream_id FROM postings WHERE currency = $currency AND stream_id <> $stream ORDER BY 1",
        currency=currency, stream=stream,
    )  # fmt: skip
    [other] = draw.chosen(others, "there is no other stream in that currency")
    [(_, _, amount)] = copy.posted(event)
    copy.change(event, stream_id=other, version=copy.stream(other)[-1]["version"] + 1)
    return Planted(account, currency, amount, abs(amount))


def chain_fork(copy: WorkingCopy, draw: Draw) -> Planted:
    """Two writers that both read the last event and both append to it."""
    _require_hashes(copy)
    stream, account, currency = draw.account()
    template = draw.template(stream, 1)
    drafts = [draw.draft(stream, template, draw.amount(), draw.later(), currency=currency) for _ in range(2)]
    first, second = draw.append(*drafts)
    second |= {"prev_hash": first["prev_hash"], "hash": hash_of(second, first["prev_hash"])}
    for event in (first, second):
        _book(copy, draw, account, event)
    return Planted(account, currency, None)


def serialization_drift(copy: WorkingCopy, draw: Draw) -> Planted:
    """All events from one on, written down by another serializer that puts a space after each comma and colon."""
    _require_hashes(copy)
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


def backdated_insert(copy: WorkingCopy, draw: Draw) -> Planted:
    """An event appended today that says it was recorded days ago; every read model takes it, no statement knows it."""
    stream, account, currency = draw.account()
    amount, back = draw.amount(), draw.random.randint(3, 60)
    draft = draw.draft(stream, draw.template(stream, 1), amount, draw.later(-24 * back), currency=currency)
    draw.append(draft, saved_after=(24 * back + 1) * 3600)
    draw.go_on(stream, account, currency, days=1 / 24)
    return Planted(account, currency, -amount, amount)


def clock_skew(copy: WorkingCopy, draw: Draw) -> Planted:
    """Two honest events, of which the second was recorded by a clock that is behind."""
    stream, account, currency = draw.account()
    template, at = draw.template(stream, 1), draw.later(3)
    behind = timedelta(minutes=draw.random.randint(1, 90))
    drafts = [draw.draft(stream, template, draw.amount(), when, currency=currency) for when in (at, at - behind)]
    for event in draw.append(*drafts, saved_after=behind.total_seconds() + 1):
        _book(copy, draw, account, event, at)
    return Planted(None, None, None)


# what reads the log


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


def manual_edit(copy: WorkingCopy, draw: Draw) -> Planted:
    _, account, currency = draw.account()
    by = draw.amount() * draw.random.choice((1, -1))
    projection = draw.projection()
    postings = [row for row in copy.table("postings", account) if row["account"] == account]
    middle = sorted(row["position"] for row in postings)[len(postings) // 2]
    copy.shift(projection, account, currency, middle, by)
    return Planted(account, currency, by, abs(by))


def row_lost(copy: WorkingCopy, draw: Draw) -> Planted:
    stream, account, currency = draw.account()
    projection, event = draw.projection("running"), draw.posting_event(stream)
    [(_, _, amount)] = copy.posted(event)
    copy.drop_row(projection, account, event["position"])
    return Planted(account, currency, -amount, abs(amount))


def batch_end_stamping(copy: WorkingCopy, draw: Draw) -> Planted:
    """Rows of one batch that all carry the balance at its end."""
    _, account, currency = draw.account()
    projection = draw.projection("running")
    rows = [row for row in copy.claims(account, projection, "running") if row["claimed_minor"] is not None]
    batches = [
        mine
        for batch in copy.table("checkpoint_log")
        if batch["projection"] == projection
        and (mine := [row for row in rows if batch["from_position"] <= row["position"] <= batch["to_position"]])
        and len({row["claimed_minor"] for row in mine}) > 1
    ]
    batch = draw.chosen(batches, "no batch of a history has rows enough of one account")
    for row in batch:
        row["claimed_minor"] = batch[-1]["claimed_minor"]
    copy.count_steps(projection, account)
    return Planted(account, currency, None)


def clamped_balance(copy: WorkingCopy, draw: Draw) -> Planted:
    """A balance that a handler doesn't let go below 0, where a charge takes it there."""
    stream, account, currency = draw.account()
    ledger = copy.ledger
    template = draw.template(stream, -1, without=tuple(ledger.invariants.minimum_after), rounds=True)
    beyond, balance = draw.amount(), _balance(copy, account, currency)
    charge = draw.draft(stream, template, max(balance, 0) + beyond, draw.later(), currency=currency)
    [event] = draw.append(charge)
    _book(copy, draw, account, event)
    projection = draw.projection("head")
    below = _balance(copy, account, currency)
    for row in copy.claims(account, projection, "head"):
        row["claimed_minor"] = 0
    return Planted(account, currency, -below, -below)


def rounding(copy: WorkingCopy, draw: Draw) -> Planted:
    """A read model that rounds what was worked out the other way, by one minor unit."""
    _, account, currency = draw.account()
    projection = draw.projection()
    rounded = [
        event for stream in _streams(copy, account) for event in copy.stream(stream)
        if (rule := copy.rule_of(event)) is not None and rule.rounds
    ]  # fmt: skip
    if not rounded:
        raise CantPlant("no event of that account was worked out and rounded, by what the ledger says")
    for event in rounded[-2:]:
        copy.shift(projection, account, currency, event["position"] - 1, 1)
        _beside(copy, projection, account, event, 1)
    return Planted(account, currency, len(rounded[-2:]), len(rounded[-2:]))


def mixed_currency(copy: WorkingCopy, draw: Draw) -> Planted:
    projection = draw.projection("head")
    both = copy.evidence.rows(
        "SELECT account FROM assertions WHERE kind = 'head' AND source = $source GROUP BY account "
        "HAVING count(DISTINCT currency) > 1 ORDER BY 1",
        source=projection,
    )
    [account] = draw.chosen(both, "no account has balances in two currencies")
    one, other, *_ = copy.claims(account, projection, "head")
    one["claimed_minor"] += other["claimed_minor"]
    return Planted(account, one["currency"], other["claimed_minor"], abs(other["claimed_minor"]))


def handler_bug(copy: WorkingCopy, draw: Draw) -> Planted:
    """A read model that passes over one event type, on every account."""
    projection = draw.projection("head")
    types = copy.evidence.rows(
        "SELECT e.type FROM events e JOIN postings p USING (position) WHERE p.amount_minor <> 0 GROUP BY 1 "
        "HAVING count(*) >= 4 AND count(DISTINCT p.account) >= 2 ORDER BY 1"
    )
    [kind] = draw.chosen(types, "no event type posts on two accounts, four times")
    return _misread(copy, projection, "e.type = $kind", {"kind": kind}, lambda amount: -amount)


def wrong_upcaster(copy: WorkingCopy, draw: Draw) -> Planted:
    """A read model that reads an older schema version of one event type a hundred times too large."""
    projection = draw.projection("head")
    shapes = copy.evidence.rows(
        "SELECT e.type, e.schema_version FROM events e JOIN postings p USING (position) WHERE p.amount_minor <> 0 "
        "AND e.schema_version < (SELECT max(l.schema_version) FROM events l WHERE l.type = e.type) "
        "GROUP BY 1, 2 HAVING count(*) >= 2 ORDER BY 1, 2"
    )
    kind, version = draw.chosen(shapes, "no event type has an older schema version with events enough")
    of = {"kind": kind, "version": version}
    which = "e.type = $kind AND e.schema_version = $version"
    return _misread(copy, projection, which, of, lambda amount: 99 * amount)


def _misread(copy: WorkingCopy, projection: str, which: str, of: dict[str, Any], off: Callable[[int], int]) -> Planted:
    """Every account is off by what the handler makes of these events; the most affected one is the one asked about."""
    events = copy.evidence.rows(
        "SELECT p.account, p.currency, p.position, p.amount_minor FROM events e JOIN postings p USING (position) "
        f"WHERE {which} AND p.amount_minor <> 0 ORDER BY p.position", **of,
    )  # fmt: skip
    has_history = any(model.kind == "running" for model in copy.models(projection))
    total: dict[tuple[str, str], int] = {}
    for account, currency, position, amount in events:
        total[account, currency] = total.get((account, currency), 0) + off(amount)
        if has_history:
            copy.shift(projection, account, currency, position - 1, off(amount))
    for (account, currency), amount in total.items() if not has_history else ():
        copy.shift(projection, account, currency, 0, amount)
    account, currency = max(total, key=lambda key: abs(total[key]))
    return Planted(account, currency, total[account, currency], abs(total[account, currency]))


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
        _book(copy, draw, account, event)
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
    _book(copy, draw, account, event)
    for row in copy.table("checkpoints"):
        if row["projection"] == projection:
            row |= at[projection]
    kept = {row["id"] for row in log}
    rows = copy.table("checkpoint_log")
    rows[:] = [row for row in rows if row["projection"] != projection or row["id"] in kept]
    return Planted(None, None, None)


def restored_read_model(copy: WorkingCopy, draw: Draw) -> Planted:
    """A read model put back as it was some events ago, beside a checkpoint that wasn't."""
    projection = draw.projection("head")
    since = copy.head - draw.random.randint(5, 25)
    moved = copy.evidence.rows(
        "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings WHERE position > $since GROUP BY 1, 2 "
        "HAVING sum(amount_minor) <> 0 ORDER BY 1, 2", since=since,
    )  # fmt: skip
    if not moved:
        raise CantPlant("the last events move nothing")
    for account, currency, amount in moved:
        copy.shift(projection, account, currency, since, -amount)
    account, currency, amount = moved[0]
    return Planted(account, currency, -amount, None)


def checkpoint_moved(copy: WorkingCopy, draw: Draw) -> Planted:
    projection = draw.projection("head")
    checkpoint = draw.chosen(
        [row for row in copy.table("checkpoints") if row["projection"] == projection], "no checkpoint is kept"
    )
    checkpoint["position"] -= draw.random.randint(3, max(4, checkpoint["position"] // 4))
    return Planted(None, None, None)


def day_boundary(copy: WorkingCopy, draw: Draw) -> Planted:
    """Days cut at another midnight, some hours from the right one: a daily read model worked out anew."""
    projection, hours = draw.projection("daily"), draw.random.randint(1, 6)
    postings = copy.evidence.rows(
        "SELECT account, currency, timezone($zone, recorded_at)::DATE, "
        f"    (timezone($zone, recorded_at) + INTERVAL {hours} HOUR)::DATE, amount_minor FROM postings "
        "WHERE position <= $seen ORDER BY position",
        zone=copy.ledger.time_zone, seen=copy.evidence.checkpoint(projection) or 0,
    )  # fmt: skip
    if all(right == wrong or not amount for _, _, right, wrong, amount in postings):
        raise CantPlant("nothing was posted within some hours before midnight")
    totals: dict[tuple[str, str], int] = {}
    days: dict[tuple[str, str, Any], list[int]] = {}
    for account, currency, _, day, amount in postings:
        totals[account, currency] = totals.get((account, currency), 0) + amount
        of_day = days.setdefault((account, currency, day), [0, 0, 0])
        of_day[:] = totals[account, currency], of_day[1] + max(amount, 0), of_day[2] + max(-amount, 0)
    of_account: dict[str, list[tuple[str, Any, list[int]]]] = {}
    for (account, currency, day), of_day in days.items():
        of_account.setdefault(account, []).append((currency, day, of_day))
    for account, mine in sorted(of_account.items()):
        rows = copy.table("assertions", account)
        for number, kind in enumerate(("daily", "credits", "debits")):
            before = copy.claims(account, projection, kind)
            gone = {id(row) for row in before}
            rows[:] = [row for row in rows if id(row) not in gone]
            rows += [
                before[0] | {"currency": currency, "day": day, "claimed_minor": of_day[number]}
                for currency, day, of_day in mine
                if before
            ]
    return Planted(None, None, None)


def bad_snapshot(copy: WorkingCopy, draw: Draw) -> Planted:
    """A snapshot's state with another balance."""
    said = copy.ledger.snapshot
    if said is None or not copy.table("snapshots"):
        raise CantPlant("there are no snapshots whose balance the ledger knows")
    snapshot = draw.chosen(
        [row for row in copy.table("snapshots") if row["stream_id"].startswith(f"{said.category}-")], "no snapshots"
    )
    account, by = snapshot["stream_id"].partition("-")[2], draw.amount()
    for claim in copy.claims(account, "snapshots", "snapshot"):
        if claim["version"] == snapshot["version"]:
            claim["claimed_minor"] += by
            snapshot["state"] = with_values(snapshot["state"], {said.claimed: claim["claimed_minor"]})
            return Planted(account, claim["currency"], by, by)
    raise CantPlant("no snapshot claims a balance")


# what a statement shows


def never_appended(copy: WorkingCopy, draw: Draw) -> Planted:
    """A line of the statement that no event was ever written for."""
    _, account, currency = draw.account(stated=True)
    file, amount = draw.statement(account), draw.amount() * draw.random.choice((1, -1))
    lines = copy.lines(file, account)
    at = lines[len(lines) // 2]["booked_at"] + timedelta(minutes=1)
    copy.book(file, account, at, draw.name(), amount)
    return Planted(account, currency, amount, abs(amount))


def statement_incomplete(copy: WorkingCopy, draw: Draw) -> Planted:
    """A line that the statement's own balances count, and that isn't there."""
    _, account, currency = draw.account(stated=True)
    file = draw.statement(account)
    lines = copy.lines(file, account)
    gone = draw.chosen(lines[1:-1], "no statement has three lines of an account")
    rows = copy.table("statements")
    rows[:] = [row for row in rows if row is not gone]
    copy.restate(file, account)
    return Planted(account, currency, None, abs(gone["amount_minor"]))


def statement_inconsistent(copy: WorkingCopy, draw: Draw) -> Planted:
    """Balances that, from a line on, don't follow from the amounts beside them."""
    _, account, currency = draw.account(stated=True)
    file, by = draw.statement(account), draw.amount()
    lines = copy.lines(file, account)
    if len(lines) < 3:
        raise CantPlant("no statement has three lines of an account")
    for line in lines[len(lines) // 2 :]:
        line["balance_minor"] += by
    copy.restate(file, account)
    return Planted(account, currency, by, by)


def unresolved_pending(copy: WorkingCopy, draw: Draw) -> Planted:
    """A hold that nobody ever answered."""
    pending = _pending(copy)
    stream, account, currency = draw.account()
    amount = draw.amount()
    draw.append(_hold(draw, pending, stream, currency, amount, draw.name()))
    draw.go_on(stream, account, currency, days=pending.limit_hours / 24 + 12)
    return Planted(account, currency, amount, amount)


def settled_otherwise(copy: WorkingCopy, draw: Draw) -> Planted:
    """A hold settled for more than was held, as the statement books it."""
    pending = _pending(copy)
    stream, account, currency = draw.account(stated=True)
    hold, held, more = draw.name(), 2_000, draw.amount(2_000)
    request = _hold(draw, pending, stream, currency, held, hold)
    [event] = draw.append(request)
    template = draw.template(stream, 0, of=pending.settle)
    said = {"causation_id": event["event_id"]}
    settlement = draw.draft(
        stream, template, held + more, draw.later(), currency=currency, values={pending.id_field: hold}, metadata=said
    )
    draw.append(settlement)
    copy.book(draw.statement(account), account, draw.now, draw.reference(request), -held - more)
    draw.go_on(stream, account, currency)
    return Planted(account, currency, -more, more)


def retry_duplicate(copy: WorkingCopy, draw: Draw) -> Planted:
    """One command, sent again by a client without a key, and recorded twice."""
    stream, account, currency = draw.account()
    amount, template, reference = draw.amount(), draw.template(stream, 1), draw.name()
    drafts = [
        draw.draft(stream, template, amount, draw.later() + timedelta(seconds=after), currency=currency,
                   reference=reference)
        for after in (0, 2)
    ]  # fmt: skip
    first, _ = draw.append(*drafts)
    _book(copy, draw, account, first)
    draw.go_on(stream, account, currency)
    return Planted(account, currency, -amount, amount)


def double_repair(copy: WorkingCopy, draw: Draw) -> Planted:
    """A wrong event that was put right twice; the statement knows of neither the first nor the last."""
    stream, account, currency = draw.account()
    amount, template = draw.amount(), draw.template(stream, 1)
    [wrong] = draw.append(draw.draft(stream, draw.template(stream, -1), amount, draw.later(), currency=currency))
    for _ in range(2):
        repair = draw.draft(
            stream, template, amount, draw.later(2), currency=currency, metadata={"compensates": wrong["event_id"]}
        )
        draw.append(repair)
    draw.go_on(stream, account, currency)
    return Planted(account, currency, -amount, amount)


def half_transfer(copy: WorkingCopy, draw: Draw) -> Planted:
    """What was sent and never arrived; the statement books both sides."""
    transfer = _transfer(copy)
    stream, account, currency = draw.account()
    others = copy.evidence.rows(
        "SELECT DISTINCT account FROM postings WHERE currency = $currency AND account <> $account ORDER BY 1",
        currency=currency, account=account,
    )  # fmt: skip
    [other] = draw.chosen(others, "there is no other account in that currency")
    values = {transfer.id_field: draw.name()} | ({transfer.to_field: other} if transfer.to_field else {})
    template = draw.template(stream, -1, of=transfer.sent)
    [sent] = draw.append(
        draw.draft(stream, template, amount := draw.amount(), draw.later(), currency=currency, values=values)
    )
    _book(copy, draw, account, sent)
    for file in _files(copy, other):
        copy.book(file, other, sent["recorded_at"], draw.reference(sent), amount)
    draw.go_on(stream, account, currency)
    return Planted(account, currency, None, amount)


def lost_update(copy: WorkingCopy, draw: Draw) -> Planted:
    """Two withdrawals decided on one and the same balance, which has enough for either."""
    stream, account, currency = draw.account()
    template = _bound_by_the_minimum(copy, draw, stream)
    available = _room(copy, account, currency)
    each = available // 2 + draw.amount(max(1, available // 2))
    if available < 2:
        raise CantPlant("the account has nothing to withdraw")
    version = copy.stream(stream)[-1]["version"]
    drafts = [
        draw.draft(stream, template, each, draw.later(), currency=currency, metadata={"decided_on_version": version})
        for _ in range(2)
    ]  # fmt: skip
    for event in draw.append(*drafts):
        _book(copy, draw, account, event)
    return Planted(account, currency, None, 2 * each - available)


def invariant_broken(copy: WorkingCopy, draw: Draw) -> Planted:
    """A withdrawal beyond what the ledger allows, that no command refused."""
    stream, account, currency = draw.account()
    template = _bound_by_the_minimum(copy, draw, stream)
    beyond = draw.amount()
    draft = draw.draft(stream, template, _room(copy, account, currency) + beyond, draw.later(), currency=currency)
    [event] = draw.append(draft)
    _book(copy, draw, account, event)
    return Planted(account, currency, None, beyond)


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        payload_edited, rehashed_history, event_deleted, tail_truncated, reordered, event_misfiled, chain_fork,
        serialization_drift, backdated_insert, clock_skew, gap_skipped, poison_skipped, double_apply, manual_edit,
        row_lost, batch_end_stamping, clamped_balance, rounding, mixed_currency, handler_bug, wrong_upcaster,
        twin_dropped, lag, restored_read_model, checkpoint_moved, day_boundary, bad_snapshot, never_appended,
        statement_incomplete, statement_inconsistent, unresolved_pending, settled_otherwise, retry_duplicate,
        double_repair, half_transfer, lost_update, invariant_broken,
    )
}  # fmt: skip
"""What can be planted, by the fault's name."""


def _require_hashes(copy: WorkingCopy) -> None:
    if not copy.evidence.rows("SELECT 1 FROM events WHERE hash IS NOT NULL LIMIT 1"):
        raise CantPlant("the events carry no hashes")


def _is_part_of_two(copy: WorkingCopy, event: Row) -> bool:
    """A hold, its answer, or a side of a transfer: without it, its other part tells a story of its own."""
    ledger = copy.ledger
    parts = [ledger.pending.request, ledger.pending.settle, ledger.pending.cancel] if ledger.pending else []
    parts += [ledger.transfer.sent, ledger.transfer.received] if ledger.transfer else []
    return event["type"] in parts


def _streams(copy: WorkingCopy, account: str) -> Iterable[str]:
    return [
        row for (row,) in copy.evidence.rows("SELECT DISTINCT stream_id FROM postings WHERE account = $a", a=account)
    ]


def _files(copy: WorkingCopy, account: str) -> list[str]:
    return sorted({row["file"] for row in copy.table("statements") if row["account"] == account})


def _book(copy: WorkingCopy, draw: Draw, account: str, event: Row, at: Any = None) -> None:
    """The event on the account's statements, as a bank books it."""
    amount = sum(amount for name, _, amount in copy.posted(event) if name == account)
    for file in _files(copy, account):
        copy.book(file, account, at or event["recorded_at"], draw.reference(event), amount)


def _beside(copy: WorkingCopy, projection: str, account: str, event: Row, by: int) -> None:
    """The column beside a running balance says what the handler made of the event."""
    for row in copy.claims(account, projection, "amount"):
        if row["position"] == event["position"]:
            row["claimed_minor"] += by


def _balance(copy: WorkingCopy, account: str, currency: str) -> int:
    mine = [row for row in copy.table("postings", account) if (row["account"], row["currency"]) == (account, currency)]
    return sum(int(row["amount_minor"]) for row in mine) + copy.evidence.opening(account, currency)


def _room(copy: WorkingCopy, account: str, currency: str) -> int:
    """What may still be withdrawn, in minor units."""
    rules = copy.ledger.invariants
    least = rules.minimum_balance_minor or 0
    for stream in _streams(copy, account):
        for event in copy.stream(stream):
            if event["type"] == rules.overdraft_event and rules.overdraft_field is not None:
                least -= int(json.loads(event["payload"]).get(rules.overdraft_field) or 0)
    return max(0, _balance(copy, account, currency) - least)


def _bound_by_the_minimum(copy: WorkingCopy, draw: Draw, stream: str) -> Row:
    rules = copy.ledger.invariants
    if rules.minimum_balance_minor is None:
        raise CantPlant("the ledger names no minimum balance")
    template = draw.template(stream, -1)
    if rules.minimum_after and template["type"] not in rules.minimum_after:
        bound = [kind for kind in rules.minimum_after if not _is_part_of_two(copy, {"type": kind})]
        template = draw.template(stream, -1, of=draw.chosen(bound, "no plain event is bound by the minimum"))
    return template


def _pending(copy: WorkingCopy) -> Pending:
    if copy.ledger.pending is None:
        raise CantPlant("the ledger names no two-phase events")
    return copy.ledger.pending


def _transfer(copy: WorkingCopy) -> TransferSides:
    if copy.ledger.transfer is None:
        raise CantPlant("the ledger doesn't say which event types are the two sides of a transfer")
    return copy.ledger.transfer


def _hold(draw: Draw, pending: Pending, stream: str, currency: str, amount: int, hold: str) -> Row:
    template = draw.template(stream, 0, of=pending.request)
    return draw.draft(stream, template, amount, draw.later(), currency=currency, values={pending.id_field: hold})
