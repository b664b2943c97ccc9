"""poison_skipped: events that a handler could not process are parked as dead letters, and the read model lacks them."""

from esworkbench.forensics.compare.records import NO_ROW, Key
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
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
    groups: dict[tuple[str, Key | None], list[tuple[int, str, str, int, str, int]]] = {}
    for projection, position, event_id, type_, schema, error, account, currency, amount in letters:
        key = (account, currency) if account is not None else None
        groups.setdefault((projection, key), []).append((position, event_id, type_, schema, error, amount))
    return [_explanation(facts, left, projection, key, parked) for (projection, key), parked in groups.items()]


FAULT = Fault(
    name="poison_skipped",
    meaning="events that the handler could not process were parked, and the read model goes on without them",
    look_alikes=("gap_skipped", "handler_bug"),
    remedy="correct the handler, then rebuild the read model, so that the parked events are applied in their place",
    repair="rebuild",
    detector=poison_skipped,
)


def _explanation(
    facts: Facts, left: Left, projection: str, key: Key | None, parked: list[tuple[int, str, str, int, str, int]]
) -> Explanation:
    source = facts.source(projection)
    kinds = sorted({f"{type_} v{schema}" for _, _, type_, schema, _, _ in parked})
    positions = [position for position, *_ in parked]
    proof = f"{projection} parked {' and '.join(kinds)} at {places(positions)}: {parked[0][4]}"
    shares: list[Share] = []
    amount = 0
    if key is not None and source is not None:
        amount = -sum(posted for *_, posted in parked)
        ids = {event_id for _, event_id, *_ in parked}
        if source.kind == "head" and not left.head(projection, key):
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
    events = [(position, event_id) for position, event_id, *_ in parked]
    return Explanation(finding(FAULT, key, amount=amount, events=events, source=projection, proof=proof), shares)
