"""What a plant may need of the evidence and its ledger; without it, ``CantPlant`` says what is missing."""

from esworkbench.evidence.ledger import Pending, TransferSides
from esworkbench.forensics.challenge.draw import CantPlant
from esworkbench.forensics.challenge.working_copy import Row, WorkingCopy


def require_hashes(copy: WorkingCopy) -> None:
    if not copy.evidence.rows("SELECT 1 FROM events WHERE hash IS NOT NULL LIMIT 1"):
        raise CantPlant("the events carry no hashes")


def require_pending(copy: WorkingCopy) -> Pending:
    if copy.ledger.pending is None:
        raise CantPlant("the ledger names no two-phase events")
    return copy.ledger.pending


def require_transfer(copy: WorkingCopy) -> TransferSides:
    if copy.ledger.transfer is None:
        raise CantPlant("the ledger doesn't say which event types are the two sides of a transfer")
    return copy.ledger.transfer


def is_part_of_two(copy: WorkingCopy, event: Row) -> bool:
    """A hold, its answer, or a side of a transfer: without it, its other part tells a story of its own."""
    ledger = copy.ledger
    parts = [ledger.pending.request, ledger.pending.settle, ledger.pending.cancel] if ledger.pending else []
    parts += [ledger.transfer.sent, ledger.transfer.received] if ledger.transfer else []
    return event["type"] in parts
