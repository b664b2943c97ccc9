"""checkpoint_moved: the rows are right at one position and the checkpoint is at another, and no run explains why."""

from collections.abc import Iterator
from itertools import pairwise

from esworkbench.forensics.compare.columns import COLUMN_SQL
from esworkbench.forensics.compare.records import Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.faults.restored_read_model import FAULT as RESTORED
from esworkbench.forensics.diagnosis.stretches import Standing, places_of_all, standing, stretches
from esworkbench.forensics.diagnosis.totals import BALANCES, errors_of, events_between, posted_between, shares_of_all
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.wording import finding

PUT_BACK = "an older state of the rows, put back by hand together with its part of the log, would look the same"


def checkpoint_moved(facts: Facts, left: Left) -> Explanations:
    """Rows that are right where the last run ended, or ahead of their checkpoint; and events that no run read."""
    sources = [source for source in facts.sources if source.kind in BALANCES]
    if facts.is_file or not (facts.count("checkpoints") or facts.count("checkpoint_log")):
        return NotTestable("there is no read model of ours with a checkpoint")
    holds = [source for source in facts.columns if source.kind == "holds"]
    return [
        *_removed(facts),
        *(each for source in sources for each in _moved(facts, left, source)),
        *(each for source in sources for each in _moved_ahead_since(facts, left, source)),
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


def _moved(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = errors_of(left, source)
    if not errors:
        return
    batches = facts.batches(source.name)
    ended = batches[-1].to_position if batches else None
    found = standing(facts, source, errors)
    if found is None or 3 * found.misses > len(found.fits):
        if ended is not None and ended > source.cut:
            yield from _ahead_and_short_of_a_stretch(facts, source, ended, errors)
        return
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
    if noted and ended and ended > source.cut:
        others = {key: errors[key] for key in errors.keys() - {*found.fits}}
        yield from _off_otherwise_too(facts, source, ended, others, "other accounts are right there")


def _ahead_and_short_of_a_stretch(
    facts: Facts, source: Source, ended: int, errors: dict[Key, int]
) -> Iterator[Explanation]:  # fmt: skip
    """Rows ahead of their checkpoint that were an older state once: without what they are ahead by, all accounts lack
    one stretch, and with it they don't."""
    ahead = posted_between(facts, source.cut + 1, ended)
    rest = {key: error - ahead.get(key, 0) for key, error in errors.items() if error != ahead.get(key, 0)}
    posted = places_of_all(facts, source)

    def agreed(wrong: dict[Key, int]) -> int:
        found = stretches(wrong, posted.searched(wrong), source.cut, (-1,), posted.within)
        return max((len(each.fits) for each in found if each.common), default=0)

    if agreed(rest) > agreed(errors):
        words = "what accounts are off by besides is one stretch of the log, the same on each of them"
        yield from _off_otherwise_too(facts, source, ended, errors, words)


def _off_otherwise_too(
    facts: Facts, source: Source, ended: int, errors: dict[Key, int], so: str
) -> Iterator[Explanation]:  # fmt: skip
    """Accounts whose rows are ahead like all others, and off by something else besides: that is left to others."""
    ahead = posted_between(facts, source.cut + 1, ended)
    for key, error in sorted(errors.items()):
        if not ahead.get(key):
            continue
        proof = (
            f"{source.name} has its checkpoint at {source.cut}, while the last run of the checkpoint log ended at "
            f"{ended} and {so}; on this one that makes {facts.money(ahead[key], key)}, and "
            f"{facts.money(error - ahead[key], key)} of what it is off by has another cause"
        )
        named = finding(
            FAULT, key, amount=ahead[key], positions=[ended], source=source.name, certainty="possible", proof=proof
        )
        yield Explanation(named, [Share(source.name, key, ahead[key])] if source.kind == "head" else [])


def _moved_ahead_since(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """The checkpoint was set to a later event, and the runner went on from there: what lies between was read by no run.

    Runs follow on each other in one shard; where several share the log, none of them reads all of it.
    """
    batches = facts.batches(source.name)
    if any(batch.shard for batch in batches):
        return
    for before, behind in pairwise(batches):
        errors = errors_of(left, source)
        first, last = before.to_position + 1, behind.from_position - 1
        if not errors or first > last:
            continue
        lacks = posted_between(facts, first, last)
        fits = [key for key, error in errors.items() if lacks.get(key, 0) == -error]
        misses = [key for key, amount in lacks.items() if amount and key not in fits]
        if not fits or 3 * len(misses) > len(fits):
            continue
        proof = (
            f"a run of {source.name} ended at position {before.to_position} and the next began at "
            f"{behind.from_position}: no run read what is between, and exactly that is missing on "
            f"{len(fits)} account(s)"
        )
        for key in fits:
            events = [(at, event_id) for at, event_id, _ in events_between(facts, key, first - 1, last)]
            named = finding(
                FAULT, key, amount=errors[key], events=events, source=source.name, certainty="likely",
                proof=f"{proof}; on this account that makes {facts.money(errors[key], key)}",
            )  # fmt: skip
            yield Explanation(named, shares_of_all(left, source, key), (LookAlike(RESTORED.name, PUT_BACK),))


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
