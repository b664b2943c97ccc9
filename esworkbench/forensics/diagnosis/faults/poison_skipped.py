"""poison_skipped: events that a handler could not process are parked as dead letters, and the read model lacks them."""

from esworkbench.forensics.compare.records import NO_ROW, Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.lines_of_unposted import UnpostedEvent, lines_of_unposted
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.wording import finding, places


def poison_skipped(facts: Facts, left: Left) -> Explanations:
    """Parked events of projections that claim no balance are found too: their rows are missing all the same."""
    if not facts.count("checkpoints"):
        return NotTestable("no projection of ours keeps a checkpoint here, so there are no dead letters either")
    letters = facts.rows(
        """
        SELECT d.projection, d.position, d.event_id, d.event_type, d.schema_version, d.error,
               p.account, p.currency, coalesce(p.amount, 0)::BIGINT
        FROM dead_letters AS d LEFT JOIN (
            SELECT event_id, account, currency, sum(amount_minor) AS amount FROM postings GROUP BY ALL
        ) AS p ON p.event_id = d.event_id
        ORDER BY d.projection, d.position
        """
    )
    unposted = lines_of_unposted(facts, left) if letters else {}
    groups: dict[tuple[str, Key | None], list[tuple[int, str, str, int, str, int]]] = {}
    for projection, position, event_id, type_, schema, error, account, currency, amount in letters:
        key = (account, currency) if account is not None else None
        if event_id in unposted:
            key = unposted[event_id].line.key
        groups.setdefault((projection, key), []).append((position, event_id, type_, schema, error, amount))
    explanations = []
    for (projection, key), parked in groups.items():
        # Several projections may have parked one event: the first that did takes the line.
        lines = [each for _, event_id, *_ in parked if (each := unposted.pop(event_id, None))]
        explanations.append(_explanation(facts, left, projection, key, parked, lines))
    return explanations


FAULT = Fault(
    name="poison_skipped",
    meaning="events that the handler could not process were parked, and the read model goes on without them",
    look_alikes=("gap_skipped", "handler_bug", "never_appended"),
    remedy="correct the handler, then rebuild the read model, so that the parked events are applied in their place",
    repair="rebuild",
    detector=poison_skipped,
)


def _explanation(
    facts: Facts, left: Left, projection: str, key: Key | None, parked: list[tuple[int, str, str, int, str, int]],
    lines: list[UnpostedEvent],
) -> Explanation:  # fmt: skip
    """``lines`` are those of a statement that show what the parked events, which post nothing here, moved."""
    source = facts.source(projection)
    kinds = sorted({f"{type_} v{schema}" for _, _, type_, schema, _, _ in parked})
    positions = [position for position, *_ in parked]
    proof = f"{projection} parked {' and '.join(kinds)} at {places(positions)}: {parked[0][4]}"
    shares: list[Share] = []
    amount = 0
    if key is not None and source is not None:
        amount = -sum(posted for *_, posted in parked)
        ids = {event_id for _, event_id, *_ in parked}
        if source.kind == "head" and amount and not left.head(projection, key):
            amount = 0
            proof += "; its balance counts the event all the same"
        elif source.kind == "head" and amount:
            shares = [Share(projection, key, amount)]
            proof += f"; its balance lacks {facts.money(-amount, key)}"
        elif source.kind == "holds":
            amount = 0
            steps = left.steps(source=projection, key=key, kind="holds")
            shares = [whole(step) for step in steps if step.event_id in ids]
        elif source.kind == "running":
            steps = left.steps(source=projection, key=key)
            shares = [whole(step) for step in steps if step.event_id in ids and step.reason == NO_ROW]
    if key is not None and lines:
        shares += [whole(each.line) for each in lines]
        told = sum(each.line.amount for each in lines)
        amount = amount or told
        file = lines[0].line.source
        proof += f"; by the ledger it posts nothing, and {file} books its reference, {facts.money(told, key)}"
    events = [(position, event_id) for position, event_id, *_ in parked]
    # That line and event mean the same is said by account and reference alone.
    certainty: Certainty = "likely" if lines else "proven"
    found = finding(FAULT, key, amount=amount, events=events, source=projection, certainty=certainty, proof=proof)
    return Explanation(found, shares)
