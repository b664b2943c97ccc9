"""restored_read_model: an older state was put back under a newer checkpoint.

Then every figure is right at one position that isn't the checkpoint's. If the runner went on from there, the figures
lack one stretch of the log, the same on all accounts. Nothing notes the act itself down, so it is never proven.
"""

from collections.abc import Iterator, Mapping

from esworkbench.forensics.compare.records import NO_ROW, Key, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.stretches import (
    PostedPlaces,
    Stretch,
    held_against,
    places_of,
    places_of_all,
    standing,
    stretches,
)
from esworkbench.forensics.diagnosis.totals import BALANCES, errors_of, events_between, shares_of_all
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


def restored_read_model(facts: Facts, left: Left) -> Explanations:
    """Figures right at an earlier position than the checkpoint, or short of one stretch of the log."""
    sources = [source for source in facts.sources if source.kind in BALANCES]
    if facts.is_file or not sources:
        return NotTestable("there is no read model of ours")
    holds = [source for source in facts.columns if source.kind == "holds"]
    return [
        *(each for source in sources for each in _of_source(facts, left, source)),
        *(each for source in holds for each in _of_holds(facts, left, source)),
    ]


def short_of_a_stretch(facts: Facts, left: Left) -> Explanations:
    """One account alone whose figure lacks what some stretch of its events posts, or a row that says how old it is."""
    heads = [source for source in facts.sources if source.kind == "head"]
    if facts.is_file or not heads:
        return NotTestable("there is no read model of current balances")
    return [each for source in heads for each in _one_account(facts, left, source)]


FAULT = Fault(
    name="restored_read_model",
    meaning="an older state of the read model was put back, and its checkpoint says more than it has read",
    look_alikes=(
        "tail_truncated", "lag", "manual_edit", "checkpoint_moved", "handler_bug", "wrong_upcaster", "gap_skipped",
    ),
    remedy="rebuild the read model from the position at which it is right",
    repair="rebuild",
    detector=restored_read_model,
    by_exclusion=short_of_a_stretch,
)  # fmt: skip


def _of_source(facts: Facts, left: Left, source: Source) -> list[Explanation]:
    """One position at which all is right says more than a hole; but a hole explains those that were run on, too."""
    restored = list(_at_one_position(facts, left, source))
    hole = list(_hole(facts, left, source))
    return hole if len(hole) > len(restored) else restored


def _at_one_position(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = errors_of(left, source)
    found = standing(facts, source, errors) if errors else None
    if found is None or found.first >= source.cut or not found.common:
        return
    if _of_one_type(facts, found.fits, found.last, source.cut):
        return
    for key in found.fits:
        proof = (
            f"{source.name} is right at position {found.first} on {len(found.fits)} accounts at once, while its "
            f"checkpoint says {source.cut}: an older state was put back; on this account that makes "
            f"{facts.money(errors[key], key)}"
        )
        yield _explanation(facts, left, source, key, [found.first], "likely", proof)


def _hole(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = errors_of(left, source)
    if len(errors) < 2:
        return
    posted = places_of_all(facts, source)
    for by_sums in stretches(errors, posted.searched(errors), source.cut, (-1,), posted.within):
        found = _by_rows(facts, errors, posted, by_sums)
        # An account that is right refutes it; one that is off by something else may have another fault besides.
        several = len(found.fits) > 2 and len(found.fits) > len(found.misses) == found.missed
        if not (found.common or several) or _of_one_type(facts, found.fits, found.after, found.up_to):
            continue
        for key in found.fits:
            proof = (
                f"{source.name} lacks exactly the events {_in_words(found)}, on "
                f"{len(found.fits)} accounts alike, and counts those before and after: an older state was put back and "
                f"the runner went on from its checkpoint; on this account that makes {facts.money(errors[key], key)}"
            )
            yield _explanation(
                facts, left, source, key, _bounds(found), "possible" if found.misses else "likely", proof
            )
        for key in found.misses:
            yield from _off_otherwise_too(facts, left, source, key, found)
        return


_WITHOUT_ROW = """
    SELECT min(p.position), max(p.position), count(DISTINCT a.event_id) FROM postings AS p
    LEFT JOIN assertions AS a ON a.kind = 'running' AND a.source = $source AND a.event_id = p.event_id
    WHERE p.position BETWEEN $first AND $last AND p.amount_minor <> 0
"""


def _by_rows(facts: Facts, errors: Mapping[Key, int], posted: PostedPlaces, by_sums: Stretch) -> Stretch:
    """Of stretches that come to the same sums, the one of which some read model with a row for each event has none."""
    for source in facts.sources:
        lacks = [
            each.position
            for each in facts.residuals
            if each.source == source.name and each.kind == "running" and each.reason == NO_ROW and each.position
        ]
        if not lacks:
            continue
        [(first, last, with_row)] = facts.rows(
            _WITHOUT_ROW, source=source.name, first=min(lacks), last=max(lacks)
        )  # fmt: skip
        if with_row == 0:
            found = held_against(errors, posted, first - 1, last)
            if (len(found.fits), -found.missed) >= (len(by_sums.fits), -by_sums.missed):
                return found
    return by_sums


def _in_words(found: Stretch) -> str:
    """Where the events are that are lacking, or may be."""
    first, *others = [f"after position {after} and up to {up_to}" for after, up_to in _ranges(found)]
    if not others:
        return first
    return f"of one of these ranges, which come to the same sums: {first}; {'; '.join(others)};"


def _ranges(found: Stretch) -> list[tuple[int, int]]:
    return sorted([(found.after, found.up_to), *found.others])


def _off_otherwise_too(facts: Facts, left: Left, source: Source, key: Key, found: Stretch) -> Iterator[Explanation]:
    """An account that has events in the hole, too, and is off by something else besides: that is left to others."""
    stands = left.head(source.name, key) if source.kind == "head" else 0
    row = _stands_at(facts, source, key) if stands else None
    # A row that says that it stands before the hole has not been run on since.
    is_older = row is not None and row <= found.after
    up_to = source.cut if is_older else found.up_to
    lacks = sum(amount for place, amount in places_of(facts, source, key) if found.after < place <= up_to)
    if stands and lacks:
        mine = (
            f"this one's row says that it stands at position {row}, and all events since"
            if is_older
            else "on this one they"
        )
        proof = (
            f"{source.name} lacks the events after position {found.after} and up to {found.up_to} on "
            f"{len(found.fits)} other accounts; {mine} come to {facts.money(lacks, key)}, and "
            f"{facts.money(stands + lacks, key)} of what it is off by has another cause"
        )
        named = finding(
            FAULT, key, amount=-lacks, positions=_bounds(found), source=source.name, certainty="possible", proof=proof
        )
        yield Explanation(named, [Share(source.name, key, -lacks)])


def _bounds(found: Stretch) -> list[int]:
    return [bound for after, up_to in _ranges(found) for bound in (after + 1, up_to)]


def _of_one_type(facts: Facts, keys: tuple[Key, ...], after: int, up_to: int) -> bool:
    """Whether all that is missing is of one event type: then the handler is asked first."""
    events = [event for key in keys for event in events_between(facts, key, after, up_to)]
    return len({type_ for _, _, type_ in events}) == 1


_TOLD_OF_HOLDS = """
    SELECT told.position, told.asks, told.stream_id, told.hold, p.account, p.currency, -p.amount
    FROM told_of_holds AS told LEFT JOIN (
        SELECT event_id, any_value(account) AS account, any_value(currency) AS currency,
            sum(amount_minor)::BIGINT AS amount
        FROM postings GROUP BY event_id
    ) AS p USING (event_id) WHERE told.position <= $cut ORDER BY told.position
"""


def _of_holds(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """A table of holds as it was at an earlier position. One row too many, or rows that are gone, may as well be the
    work of a hand."""
    steps = left.steps(source=source.name, kind="holds")
    position = _where_the_holds_are_right(facts, source) if steps else None
    if position is None:
        return
    proof = (
        f"the holds of {source.name} are all those that waited after position {position}, and no others, while its "
        f"checkpoint says {source.cut}; no balance is wrong for it"
    )
    several = sum(step.reason != NO_ROW for step in steps) > 1
    other = LookAlike("manual_edit", f"{len(steps)} row(s) of {source.name} may as well have been changed by hand")
    for key in dict.fromkeys(step.key for step in steps):
        found = finding(
            FAULT, key, positions=[position], source=source.name, proof=proof,
            certainty="likely" if several else "possible",
        )  # fmt: skip
        mine = [whole(step) for step in steps if step.key == key]
        yield Explanation(found, mine, () if several else (other,))


def _where_the_holds_are_right(facts: Facts, source: Source) -> int | None:
    """The last position before the checkpoint after which exactly the holds waited that the table has."""
    claimed = {
        (account, currency, hold): amount
        for account, currency, hold, amount in facts.rows(
            "SELECT account, currency, event_id, claimed_minor FROM assertions "
            "WHERE kind = 'holds' AND source = $source",
            source=source.name,
        )
    }
    waiting: dict[tuple[str, str], tuple[str | None, str | None, int | None]] = {}
    wrong = set(claimed)
    right_at = None
    for position, asks, stream_id, hold, *asked in facts.rows(_TOLD_OF_HOLDS, cut=source.cut):
        account, currency, amount = asked if asks else waiting.pop((stream_id, hold), (None, None, None))
        if asks:
            waiting[stream_id, hold] = (account, currency, amount)
        if claimed.get((account, currency, hold)) == (amount if asks else None):
            wrong.discard((account, currency, hold))
        elif account is not None:
            wrong.add((account, currency, hold))
        right_at = right_at if wrong else position
    return right_at


_AGE = """
    SELECT any_value(a.position) FROM assertions AS a WHERE a.kind = 'head' AND a.source = $source
        AND a.account = $account AND a.currency = $currency HAVING count(*) = 1
"""


def _stands_at(facts: Facts, source: Source, key: Key) -> int | None:
    """The position that the account's one row names as its own."""
    age = facts.rows(_AGE, source=source.name, account=key[0], currency=key[1])
    return age[0][0] if age else None


def _one_account(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    errors = left.heads(source.name)
    for key, error in errors.items():
        stands = _stands_at(facts, source, key)
        if stands is None:
            continue
        places = places_of(facts, source, key)
        since = [amount for place, amount in places if place > stands]
        later = sum(since)
        if len(since) > 1 and later == -error:
            proof = (
                f"the row of {source.name} says that it stands at position {stands}, and it is right there: it lacks "
                f"what the account posted since, {facts.money(later, key)}, though the checkpoint is at {source.cut}"
            )
            yield _explanation(facts, left, source, key, [stands], "likely", proof)
            continue
        for found in stretches({key: error}, {key: places}, source.cut, (-1,)):
            if found.fits and len(events_between(facts, key, found.after, found.up_to)) > 1:
                proof = (
                    f"{source.name} is short of {facts.money(-error, key)}, which is what the account's events after "
                    f"position {found.after} and up to {found.up_to} come to; among so many events some stretch may "
                    "come to any amount by chance, and a backup or a rebuild would tell"
                )
                yield _explanation(facts, left, source, key, _bounds(found), "possible", proof, beside=True)
                break


def _explanation(
    facts: Facts, left: Left, source: Source, key: Key, positions: list[int], certainty: Certainty, proof: str,
    *, beside: bool = False,
) -> Explanation:  # fmt: skip
    shares = shares_of_all(left, source, key)
    found = finding(
        FAULT, key, amount=sum(share.amount for share in shares), positions=positions, source=source.name,
        certainty=certainty, proof=proof,
    )  # fmt: skip
    other = (LookAlike("manual_edit", f"the figure of {source.name} may as well have been changed outside the runner"),)
    return Explanation(found, shares, other if beside else ())
