"""Events that should not have been written as they were, or not at all: what a writer got wrong."""

import json
from datetime import timedelta

from esworkbench.forensics.challenge.draw import CantPlant, Draw
from esworkbench.forensics.challenge.plants.accounts import balance_of, book, statements_of, streams_of
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.plants.required import is_part_of_two, require_hashes, require_transfer
from esworkbench.forensics.challenge.working_copy import Row, WorkingCopy, hash_of


def chain_fork(copy: WorkingCopy, draw: Draw) -> Planted:
    """Two writers that both read the last event and both append to it."""
    require_hashes(copy)
    stream, account, currency = draw.account()
    template = draw.template(stream, 1)
    drafts = [draw.draft(stream, template, draw.amount(), draw.later(), currency=currency) for _ in range(2)]
    first, second = draw.append(*drafts)
    second |= {"prev_hash": first["prev_hash"], "hash": hash_of(second, first["prev_hash"])}
    for event in (first, second):
        book(copy, draw, account, event)
    return Planted(account, currency, None)


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
        book(copy, draw, account, event, at)
    return Planted(None, None, None)


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
    book(copy, draw, account, first)
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
    transfer = require_transfer(copy)
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
    book(copy, draw, account, sent)
    for file in statements_of(copy, other):
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
        book(copy, draw, account, event)
    return Planted(account, currency, None, 2 * each - available)


def invariant_broken(copy: WorkingCopy, draw: Draw) -> Planted:
    """A withdrawal beyond what the ledger allows, that no command refused."""
    stream, account, currency = draw.account()
    template = _bound_by_the_minimum(copy, draw, stream)
    beyond = draw.amount()
    draft = draw.draft(stream, template, _room(copy, account, currency) + beyond, draw.later(), currency=currency)
    [event] = draw.append(draft)
    book(copy, draw, account, event)
    return Planted(account, currency, None, beyond)


def _room(copy: WorkingCopy, account: str, currency: str) -> int:
    """What may still be withdrawn, in minor units."""
    rules = copy.ledger.invariants
    least = rules.minimum_balance_minor or 0
    for stream in streams_of(copy, account):
        for event in copy.stream(stream):
            if event["type"] == rules.overdraft_event and rules.overdraft_field is not None:
                least -= int(json.loads(event["payload"]).get(rules.overdraft_field) or 0)
    return max(0, balance_of(copy, account, currency) - least)


def _bound_by_the_minimum(copy: WorkingCopy, draw: Draw, stream: str) -> Row:
    rules = copy.ledger.invariants
    if rules.minimum_balance_minor is None:
        raise CantPlant("the ledger names no minimum balance")
    template = draw.template(stream, -1)
    if rules.minimum_after and template["type"] not in rules.minimum_after:
        bound = [kind for kind in rules.minimum_after if not is_part_of_two(copy, {"type": kind})]
        template = draw.template(stream, -1, of=draw.chosen(bound, "no plain event is bound by the minimum"))
    return template
