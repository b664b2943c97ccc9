"""row_lost: the read model lacks a row that its own later rows take into account."""

from esworkbench.forensics.compare.records import Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.holes import Hole, holes
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def row_lost(facts: Facts, left: Left) -> Explanations:
    if facts.is_file:
        return NotTestable("the rows of a file are its events, so neither can lack the other")
    if not any(source.kind == "running" for source in facts.sources):
        return NotTestable("there is no read model with a row for each event")
    groups: dict[tuple[str, Key], list[Residual]] = {}
    for step in left.steps(kind="running"):
        groups.setdefault((step.source, step.key), []).append(step)
    explanations = []
    for (source, key), steps in groups.items():
        lost = [hole for hole in holes(steps) if _heals_at_once(facts, key, hole)]
        if lost:
            explanations.append(_explanation(facts, source, key, lost))
    return explanations


FAULT = Fault(
    name="row_lost",
    meaning="the read model lacks a row that its own later rows count",
    look_alikes=("gap_skipped", "manual_edit", "index_differs"),
    remedy="rebuild the read model",
    repair="rebuild",
    detector=row_lost,
)

_BETWEEN = """
    SELECT count(*) FROM postings WHERE account = $account AND currency = $currency AND amount_minor <> 0
      AND position > $first AND position < $heals AND NOT list_contains($lost, event_id)
"""


def _heals_at_once(facts: Facts, key: Key, hole: Hole) -> bool:
    """True where the very next row counts what is lost. If a row in between
    doesn't, the event was never seen and no row is lost: the balance is put right later by something else."""
    between = facts.rows(
        _BETWEEN, account=key[0], currency=key[1], first=hole.lost[0].position, heals=hole.heals.position,
        lost=[step.event_id for step in hole.lost],
    )  # fmt: skip
    return bool(between[0][0] == 0)


def _explanation(facts: Facts, source: str, key: Key, lost: list[Hole]) -> Explanation:
    steps = [step for hole in lost for step in hole.lost]
    amount = sum(hole.amount for hole in lost)
    healing = [hole.heals.position or 0 for hole in lost]
    proof = (
        f"{source} has no row for the event{'s' * (len(steps) > 1)} at {places([step.position or 0 for step in steps])}"
        f", {facts.money(-amount, key)} in all, but the row{'s' * (len(healing) > 1)} at {places(healing)} count"
        f"{'s' * (len(healing) == 1)} it all the same, so it was read and its row is gone"
    )
    broken = {each.position for each in facts.breaks}
    whole_log = facts.hashed and broken.isdisjoint(step.position for step in steps)
    if not whole_log:
        proof += "; only an intact hash chain would prove that the events were there from the start"
    found = finding(
        FAULT, key, amount=amount, events=[(step.position or 0, step.event_id or "") for step in steps], source=source,
        certainty="proven" if whole_log else "likely", proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for hole in lost for step in (*hole.lost, hole.heals)])
