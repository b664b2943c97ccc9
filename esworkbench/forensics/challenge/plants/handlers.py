"""What a read model's own code makes of the events that it gets."""

from collections.abc import Callable
from typing import Any

from esworkbench.forensics.challenge.draw import CantPlant, Draw
from esworkbench.forensics.challenge.plants.accounts import balance_of, book, streams_of
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.working_copy import Row, WorkingCopy


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
    beyond, balance = draw.amount(), balance_of(copy, account, currency)
    charge = draw.draft(stream, template, max(balance, 0) + beyond, draw.later(), currency=currency)
    [event] = draw.append(charge)
    book(copy, draw, account, event)
    projection = draw.projection("head")
    below = balance_of(copy, account, currency)
    for row in copy.claims(account, projection, "head"):
        row["claimed_minor"] = 0
    return Planted(account, currency, -below, -below)


def rounding(copy: WorkingCopy, draw: Draw) -> Planted:
    """A read model that rounds what was worked out the other way, by one minor unit."""
    _, account, currency = draw.account()
    projection = draw.projection()
    rounded = [
        event for stream in streams_of(copy, account) for event in copy.stream(stream)
        if (rule := copy.rule_of(event)) is not None and rule.rounds
    ]  # fmt: skip
    if not rounded:
        raise CantPlant("no event of that account was worked out and rounded, by what the ledger says")
    for event in rounded[-2:]:
        copy.shift(projection, account, currency, event["position"] - 1, 1)
        _beside(copy, projection, account, event, 1)
    return Planted(account, currency, len(rounded[-2:]), len(rounded[-2:]))


def _beside(copy: WorkingCopy, projection: str, account: str, event: Row, by: int) -> None:
    """The column beside a running balance says what the handler made of the event."""
    for row in copy.claims(account, projection, "amount"):
        if row["position"] == event["position"]:
            row["claimed_minor"] += by


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
