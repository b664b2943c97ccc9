"""What a projection's code gets wrong every time: one event type, or one stored schema version of a type.

A handler sees every event in its latest shape, so an error confined to one of several stored schema versions was made
on the way there, by an upcaster. Where the log holds only one version of the type, the two can't be told apart without
the code.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from esworkbench.forensics.compare.records import NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.patterns import Pattern, head_pattern, running_patterns
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

FACTORS = {Fraction(-1): "not applied", Fraction(-2): "applied with the wrong sign", Fraction(1): "applied twice"}


class CodeError(NamedTuple):
    """What one account is off by because of a pattern; ``ambiguous``: handler and upcaster can't be told apart.

    ``ends_there``: on this account alone, and it has no row at all from the first of these events on.
    ``one_figure``: one figure of one account is all there is of the pattern.
    """

    source: Source
    key: Key
    amount: int
    events: list[tuple[int, str]]
    shares: list[Share]
    certainty: Certainty
    proof: str
    ambiguous: bool
    ends_there: bool = False
    one_figure: bool = False


_ROWS_SINCE = """
    SELECT count(*) FROM assertions WHERE source = $source AND kind = 'running' AND account = $account
        AND currency = $currency AND position >= $first
"""


def code_errors(facts: Facts, left: Left, fault: Fault, look_alike: str, *, in_one_version: bool) -> Explanations:
    """Errors in all versions of a type, or in one of several, reported as ``fault``, with its look-alike beside it."""
    if facts.is_file:
        return NotTestable("a file's running balances come from no projection of ours")
    why = (
        f"the pattern is the same as for {fault.name}: without the projection's code it can't be told whether the "
        "handler or an upcaster is wrong; stepping through both would show it"
    )
    found = [
        Explanation(
            finding(
                fault, error.key, amount=error.amount, events=error.events, source=error.source.name,
                certainty=error.certainty, proof=error.proof,
            ),
            error.shares,
            tuple(_look_alikes(error, look_alike, why)),
        )
        for error in _errors(facts, left, in_one_version=in_one_version)
    ]  # fmt: skip
    if not found and facts.code_replay is None and any(_parts_from_events(left, source) for source in facts.sources):
        return NotTestable(
            "no pattern over two events or more was found, and one alone only the projection's code shows"
        )
    return found


def _look_alikes(error: CodeError, look_alike: str, why: str) -> Iterator[LookAlike]:
    if error.ambiguous:
        yield LookAlike(look_alike, why)
    if error.ends_there and error.certainty != "proven":
        yield LookAlike(
            "restored_read_model",
            f"{error.source.name} has no row of the account from there on: the newest may have been lost, or an older "
            "state of them put back",
        )
    if error.certainty == "possible":
        yield LookAlike("manual_edit", f"{error.source.name} may as well have been changed outside the runner")
    elif error.one_figure and error.certainty != "proven":
        yield LookAlike(
            "manual_edit",
            f"one figure of {error.source.name} is off, on the one account that has such events: it may as well have "
            "been changed outside the runner by an amount that is theirs by chance",
        )


def _parts_from_events(left: Left, source: Source) -> bool:
    if source.kind == "head":
        return bool(left.heads(source.name))
    return source.kind == "running" and bool(left.steps(source=source.name, kind="running"))


def _errors(facts: Facts, left: Left, *, in_one_version: bool) -> Iterator[CodeError]:
    for source in facts.sources:
        if source.kind == "head":
            pattern = head_pattern(facts, left, source)
            if pattern and (pattern.schema_version is not None) == in_one_version:
                yield from _of_heads(facts, left, source, pattern)
        elif source.kind == "running":
            for pattern, steps in running_patterns(facts, left, source):
                if (pattern.schema_version is not None) == in_one_version:
                    yield from _of_rows(facts, source, pattern, steps)


def _of_heads(facts: Facts, left: Left, source: Source, pattern: Pattern) -> Iterator[CodeError]:
    for key in (*pattern.fits, *(key for key in pattern.misses if left.head(source.name, key))):
        amount = pattern.predicted(key)
        if amount:
            error = _error(facts, source, pattern, key, [Share(source.name, key, amount)])
            yield error._replace(one_figure=len(pattern.fits) == 1)


def _of_rows(facts: Facts, source: Source, pattern: Pattern, steps: list[Residual]) -> Iterator[CodeError]:
    by_key: dict[Key, list[Residual]] = {}
    for step in steps:
        by_key.setdefault(step.key, []).append(step)
    for key, wrong in by_key.items():
        found = _error(facts, source, pattern, key, [whole(step) for step in wrong])
        yield found._replace(ends_there=len(by_key) == 1 and _ends_there(facts, source, key, wrong))


def _ends_there(facts: Facts, source: Source, key: Key, wrong: list[Residual]) -> bool:
    if any(step.reason != NO_ROW for step in wrong):
        return False
    first = min(step.position or 0 for step in wrong)
    [(rows,)] = facts.rows(_ROWS_SINCE, source=source.name, account=key[0], currency=key[1], first=first)
    return not rows


def _error(facts: Facts, source: Source, pattern: Pattern, key: Key, shares: list[Share]) -> CodeError:
    amount = sum(share.amount for share in shares)
    events = [(position, event_id) for position, event_id, _ in pattern.events[key]]
    # A pattern alone is no proof: an UPDATE of all accounts can look the same. Only the code can tell.
    certainty: Certainty = "likely" if pattern.sure else "possible"
    proof = _proof(facts, source, pattern, key, amount)
    repeated = facts.repeated(source.name, key, [event_id for _, event_id in events])
    if repeated:
        certainty = "proven"
        proof += "; a rebuild with the projection's own code repeats it"
    elif repeated is not None:
        proof += "; a rebuild with the projection's own code doesn't repeat it, so other code ran then"
    return CodeError(source, key, amount, events, shares, certainty, proof, _may_be_either(facts, pattern, repeated))


def _may_be_either(facts: Facts, pattern: Pattern, repeated: bool | None) -> bool:
    """With the code at hand, an event already in its newest shape meets no upcaster."""
    replay = facts.code_replay
    if repeated and replay is not None and all(replay.is_latest(pattern.type, each) for each in pattern.versions):
        return False
    return pattern.schema_version is not None or len(pattern.versions) == 1


def _proof(facts: Facts, source: Source, pattern: Pattern, key: Key, amount: int) -> str:
    events = pattern.events[key]
    name = pattern.type + ("" if pattern.schema_version is None else f" v{pattern.schema_version}")
    posted = sum(each for _, _, each in events)
    since = pattern.where or (f" from position {pattern.since} on" if pattern.since else "")
    if pattern.of == "sum":
        how = FACTORS.get(pattern.factor, f"off by {pattern.factor} of its amount")
        mine = (
            f"{source.name} is off by {facts.money(amount, key)}: {name} is {how}, {len(events)} events of "
            f"{facts.money(posted, key)}"
        )
    else:
        each = facts.money(int(pattern.factor), key) if pattern.factor.denominator == 1 else str(pattern.factor)
        mine = f"{source.name} is off by {facts.money(amount, key)}: {each} for each of {len(events)} events {name}"
    return f"{mine}{since}; the same holds on {len(pattern.fits)} account(s) over {pattern.size} events"
