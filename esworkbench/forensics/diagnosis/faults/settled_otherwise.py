"""settled_otherwise: a hold was settled for a different amount than was held. The settlement itself says so."""

from esworkbench.forensics.compare.holds import Settlement, settlements_for_another_amount, silent_settlements
from esworkbench.forensics.compare.records import Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def settled_otherwise(facts: Facts, left: Left) -> Explanations:
    ledger = facts.evidence.ledger
    if not silent_settlements(ledger):
        return NotTestable("the ledger names no settlement that says its amount and posts nothing")
    groups: dict[Key, list[Settlement]] = {}
    for each in settlements_for_another_amount(facts.connection, ledger):
        if each.repaired != each.apart:
            groups.setdefault((each.account, each.currency), []).append(each)
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


def _explanation(facts: Facts, left: Left, key: Key, settlements: list[Settlement]) -> Explanation | None:
    """A statement that books what was held rules it out; one that books what was settled proves it."""
    steps = left.steps(key=key, kind="statement")
    shown = {each.request: [step for step in steps if step.event_id == each.request and step.amount == each.apart]
             for each in settlements}  # fmt: skip
    told = {event for (event,) in facts.rows(
        "SELECT event_id FROM pairs WHERE account = $account AND currency = $currency",
        account=key[0], currency=key[1],
    )}  # fmt: skip
    mine = [each for each in settlements if shown[each.request] or each.request not in told]
    if not mine:
        return None
    taken = [step for each in mine for step in shown[each.request]]
    amount = sum(each.apart for each in mine)
    proof = (
        f"the settlement{'s' * (len(mine) > 1)} at {places([each.position for each in mine])} name other amounts than "
        f"were held, and the log posts what was held: {facts.money(amount, key)} apart"
    )
    proof += (
        f"; {taken[0].source} books what was settled" if taken
        else "; a statement would show which amount was booked"
    )  # fmt: skip
    found = finding(
        FAULT, key, amount=amount, events=[(each.position, each.event_id) for each in mine],
        certainty="proven" if all(shown[each.request] for each in mine) else "likely",
        source=taken[0].source if taken else None, proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in taken])
