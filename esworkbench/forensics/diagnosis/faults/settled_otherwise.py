"""settled_otherwise: a hold was settled for a different amount than was held. The settlement itself says so."""

from collections.abc import Iterator

import msgspec

from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.ledger import PostingRule
from esworkbench.forensics.compare.holds import REPAIRS, json_path
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places

# Whatever made up for the difference since: a repair that names one of the two, or a movement under the reference. Most
# settlements name just what was held, and stay where they are: to read them all would take memory without end.
_SETTLED = f"""
    WITH {REPAIRS}
    SELECT h.account, h.currency, h.event_id, h.amount, e.stream_id, e.version, e.event_id, e.type, e.schema_version,
        e.payload, e.position,
        (SELECT coalesce(sum(r.amount), 0)::BIGINT FROM repairs AS r WHERE r.original IN (h.event_id, e.event_id)
            AND r.account = h.account AND r.currency = h.currency)
    FROM holds AS h JOIN events AS e ON e.event_id = h.answered_by WHERE h.answer = 'settled'
        AND ($amount IS NULL OR NOT json_valid(e.payload)
             OR json_extract_string(e.payload, $amount) IS DISTINCT FROM h.amount::VARCHAR)
    ORDER BY e.position
"""

Settlement = tuple[int, str, str, int]
"""Position and id of the settlement, the request's id, and settled − held with its sign as posted."""


def settled_otherwise(facts: Facts, left: Left) -> Explanations:
    ledger = facts.evidence.ledger
    rules = [rule for rule in ledger.posting if ledger.pending and rule.event == ledger.pending.settle]
    silent = [rule for rule in rules if rule.sign == 0]
    if not silent:
        return NotTestable("the ledger names no settlement that says its amount and posts nothing")
    groups: dict[Key, list[Settlement]] = {}
    for key, settlement in _otherwise(facts, silent):
        groups.setdefault(key, []).append(settlement)
    found = [_explanation(facts, left, key, settlements) for key, settlements in groups.items()]
    return [explanation for explanation in found if explanation is not None]


FAULT = Fault(
    name="settled_otherwise",
    meaning="a hold was settled for a different amount than was held, and the statement shows what was settled",
    look_alikes=("unresolved_pending", "rounding"),
    remedy="append an adjusting event, and have a rule for tips and fees",
    repair="none",
    detector=settled_otherwise,
)


def _otherwise(facts: Facts, silent: list[PostingRule]) -> Iterator[tuple[Key, Settlement]]:
    """Settlements for another amount than was held, less what was adjusted since."""
    spoken = [msgspec.structs.replace(rule, sign=1) for rule in silent]
    poster = Poster(msgspec.structs.replace(facts.evidence.ledger, posting=spoken, without_posting=[]))
    plain = silent[0].amount if len(silent) == 1 and silent[0].scale == "minor" else None
    amount = None if plain is None else json_path(plain)
    for account, currency, request, held, *event, position, repaired in facts.rows(_SETTLED, amount=amount):
        says = [posted for posted in poster.post(*event) if (posted.account, posted.currency) == (account, currency)]
        apart = held - abs(sum(posted.amount_minor for posted in says)) if says and held > 0 else 0
        if apart and repaired != apart:
            yield (account, currency), (position, event[2], request, apart)


def _explanation(facts: Facts, left: Left, key: Key, settlements: list[Settlement]) -> Explanation | None:
    """A statement that books what was held rules it out; one that books what was settled proves it."""
    steps = left.steps(key=key, kind="statement")
    shown = {request: [step for step in steps if step.event_id == request and step.amount == apart]
             for _, _, request, apart in settlements}  # fmt: skip
    told = {event for (event,) in facts.rows(
        "SELECT event_id FROM pairs WHERE account = $account AND currency = $currency",
        account=key[0], currency=key[1],
    )}  # fmt: skip
    mine = [each for each in settlements if shown[each[2]] or each[2] not in told]
    if not mine:
        return None
    taken = [step for each in mine for step in shown[each[2]]]
    amount = sum(apart for _, _, _, apart in mine)
    proof = (
        f"the settlement{'s' * (len(mine) > 1)} at {places([each[0] for each in mine])} name other amounts than were "
        f"held, and the log posts what was held: {facts.money(amount, key)} apart"
    )
    proof += (
        f"; {taken[0].source} books what was settled" if taken
        else "; a statement would show which amount was booked"
    )  # fmt: skip
    found = finding(
        FAULT, key, amount=amount, events=[(each[0], each[1]) for each in mine],
        certainty="proven" if all(shown[each[2]] for each in mine) else "likely",
        source=taken[0].source if taken else None, proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in taken])
