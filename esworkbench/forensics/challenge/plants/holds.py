"""Holds without an answer, or with another one than was asked for."""

from esworkbench.evidence.ledger import Pending
from esworkbench.forensics.challenge.draw import Draw
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.plants.required import require_pending
from esworkbench.forensics.challenge.working_copy import Row, WorkingCopy


def unresolved_pending(copy: WorkingCopy, draw: Draw) -> Planted:
    """A hold that nobody ever answered."""
    pending = require_pending(copy)
    stream, account, currency = draw.account()
    amount = draw.amount()
    draw.append(_hold(draw, pending, stream, currency, amount, draw.name()))
    draw.go_on(stream, account, currency, days=pending.limit_hours / 24 + 12)
    return Planted(account, currency, amount, amount)


def settled_otherwise(copy: WorkingCopy, draw: Draw) -> Planted:
    """A hold settled for more than was held, as the statement books it."""
    pending = require_pending(copy)
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


def _hold(draw: Draw, pending: Pending, stream: str, currency: str, amount: int, hold: str) -> Row:
    template = draw.template(stream, 0, of=pending.request)
    return draw.draft(stream, template, amount, draw.later(), currency=currency, values={pending.id_field: hold})
