"""restored_read_model: every figure is right at one position, but that isn't the position of the checkpoint."""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share
from esworkbench.forensics.diagnosis.wording import finding

_AT = """
    WITH sums AS (
        SELECT account, currency, sum(amount_minor)::BIGINT AS total FROM postings WHERE position <= $at GROUP BY ALL
    ), claims AS (SELECT * FROM assertions WHERE kind = 'head' AND source = $source)
    SELECT count(*) FROM claims FULL JOIN sums USING (account, currency)
    WHERE coalesce(claimed_minor, 0) <> coalesce(total, 0)
"""


def restored_read_model(facts: Facts, left: Left) -> Explanations:
    """Every figure of the read model is right at one position that is not its checkpoint."""
    heads = [source for source in facts.sources if source.kind == "head"]
    if not heads:
        return NotTestable("there is no read model of current balances")
    return [each for source in heads for each in _restored(facts, left, source)]


FAULT = Fault(
    name="restored_read_model",
    meaning="the read model is right, but at a different position than its checkpoint says",
    look_alikes=("tail_truncated", "lag", "manual_edit", "checkpoint_moved"),
    remedy="rebuild the read model from the position at which it is right",
    repair="rebuild",
    detector=restored_read_model,
)


def _restored(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    short = left.heads(source.name)
    at = facts.rows("SELECT max(position) FROM assertions WHERE kind = 'head' AND source = $name", name=source.name)[0][
        0
    ]
    if not short or at is None or at >= source.cut:
        return
    unread = facts.rows(
        "SELECT count(DISTINCT event_id) FROM postings WHERE position > $at AND position <= $cut AND amount_minor <> 0",
        at=at, cut=source.cut,
    )[0][0]  # fmt: skip
    if unread < 2 or facts.rows(_AT, source=source.name, at=at)[0][0]:
        return
    for key, amount in short.items():
        proof = (
            f"every balance of {source.name} is right at position {at}, while its checkpoint says {source.cut}: an "
            f"older state was put back; on this account that makes {facts.money(amount, key)}"
        )
        found = finding(FAULT, key, amount=amount, positions=[at], source=source.name, proof=proof)
        yield Explanation(found, [Share(source.name, key, amount)])
