"""checkpoint_moved: the rows are right at one position and the checkpoint is at another, and no run explains why."""

from collections.abc import Iterator
from itertools import pairwise

from esworkbench.forensics.compare.columns import COLUMN_SQL
from esworkbench.forensics.compare.records import Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.restored_read_model import FAULT as RESTORED
from esworkbench.forensics.diagnosis.stretches import Standing, places_of_all, standing
from esworkbench.forensics.diagnosis.totals import BALANCES, errors_of, shares_of_all
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding


def checkpoint_moved(facts: Facts, left: Left) -> Explanations:
    """Rows that are right where the last run ended, or ahead of their checkpoint."""
    sources = [source for source in facts.sources if source.kind in BALANCES]
    if facts.is_file or not (facts.count("checkpoints") or facts.count("checkpoint_log")):
        return NotTestable("there is no read model of ours with a checkpoint")
    holds = [source for source in facts.columns if source.kind == "holds"]
    return [
        *_removed(facts),
        *(each for source in sources for each in _passed_over(facts, left, source)),
        *(each for source in sources for each in _moved(facts, left, source)),
        *(each for source in holds for each in _holds_ahead(facts, left, source)),
    ]


FAULT = Fault(
    name="checkpoint_moved",
    meaning="the checkpoint was moved but the rows were not, so events are skipped, applied again, or only seem to lag",
    look_alikes=("restored_read_model", "lag", "tail_truncated", "double_apply", "manual_edit"),
    remedy="set the checkpoint to the position at which the rows are right, or rebuild the read model",
    repair="rebuild",
    detector=checkpoint_moved,
)


PUT_BACK = "an older state of the rows, put back by hand together with its part of the log, would look the same"


def _removed(facts: Facts) -> Iterator[Explanation]:
    """Read models that runs have fed since they were last dropped, without a checkpoint or with one below 0, where no
    runner ever is: the next run begins at the first event again."""
    for model in facts.evidence.ledger.read_model:
        batches = facts.batches(model.projection)
        checkpoint = facts.evidence.checkpoint(model.projection)
        if not batches or (checkpoint is not None and checkpoint >= 0):
            continue
        at = "no checkpoint" if checkpoint is None else f"its checkpoint at {checkpoint}"
        proof = (
            f"{model.projection} has {at}, while the last run of the checkpoint log ended at "
            f"{batches[-1].to_position}: the next run would apply every event again"
        )
        named = finding(
            FAULT, None, positions=[batches[-1].to_position], source=model.projection, certainty="likely", proof=proof
        )
        yield Explanation(named, [])


def _passed_over(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """What was posted between the end of one run and the beginning of the next, where just that is lacking."""
    batches = facts.batches(source.name)
    errors = errors_of(left, source)
    if not errors or any(each.shard for each in batches):
        return
    skipped = [
        (one.to_position, other.from_position - 1)
        for one, other in pairwise(batches)
        if other.from_position - 1 > one.to_position
    ]
    for (after, up_to), posted in zip(skipped, places_of_all(facts, source).within(skipped), strict=True):
        for key in sorted(key for key, amount in posted.items() if amount and errors.get(key) == -amount):
            proof = (
                f"by the checkpoint log one run of {source.name} ended at {after} and the next began at {up_to + 1}: "
                f"nobody read what lies between, and the checkpoint was moved over it; on this account that makes "
                f"{facts.money(errors[key], key)}"
            )
            named = finding(
                FAULT, key, amount=errors[key], positions=[after + 1, up_to], source=source.name, certainty="likely",
                proof=proof,
            )  # fmt: skip
            yield Explanation(named, shares_of_all(left, source, key), (LookAlike(RESTORED.name, PUT_BACK),))


def _moved(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = errors_of(left, source)
    found = standing(facts, source, errors) if errors else None
    if found is None or 3 * found.misses > len(found.fits):
        return
    batches = facts.batches(source.name)
    ended = batches[-1].to_position if batches else None
    noted = ended is not None and found.first <= ended <= found.last and ended != source.cut
    if not noted and (found.first < source.cut or not found.common):
        return
    for key in found.fits:
        shares = shares_of_all(left, source, key)
        named = finding(
            FAULT, key, amount=errors[key], positions=[ended if noted and ended else found.first], source=source.name,
            certainty="likely", proof=_proof(source, found, ended) + f"; on this account that makes "
            f"{facts.money(errors[key], key)}",
        )  # fmt: skip
        yield Explanation(named, shares, (LookAlike(RESTORED.name, PUT_BACK),) if found.last < source.cut else ())


def _holds_ahead(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """Holds that are those of the log's end, while the checkpoint is before it."""
    steps: dict[Key, list[Residual]] = {}
    for step in left.steps(source=source.name, kind="holds"):
        steps.setdefault(step.key, []).append(step)
    apart = f"SELECT count(*) FROM ({COLUMN_SQL['holds']}) WHERE state IS NOT NULL"
    if not steps or source.cut >= facts.head or facts.rows(apart, source=source.name, cut=facts.head)[0][0]:
        return
    for key, mine in steps.items():
        proof = f"the holds of {source.name} are those at position {facts.head}, and its checkpoint is at {source.cut}"
        named = finding(FAULT, key, positions=[facts.head], source=source.name, certainty="likely", proof=proof)
        yield Explanation(named, [whole(step) for step in mine])


def _proof(source: Source, found: Standing, ended: int | None) -> str:
    words = f"{source.name} is right at position {found.first} on {len(found.fits)} account(s), and its checkpoint is "
    words += f"at {source.cut}"
    if ended is None:
        return f"{words}; there is no checkpoint log to say which run ended where"
    return f"{words}, while the last run of the checkpoint log ended at {ended}"
