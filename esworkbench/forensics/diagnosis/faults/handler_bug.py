"""handler_bug and wrong_upcaster: the read model is wrong about one kind of event, every time.

A handler sees every event in its latest shape, so an error confined to one of several stored schema versions was made
on the way there. Where the log holds only one version of the type, the two can't be told apart without the code.
"""

from collections.abc import Iterator
from fractions import Fraction

from esworkbench.forensics.compare.records import Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.patterns import Pattern, head_pattern, running_patterns
from esworkbench.forensics.diagnosis.unexplained import Answer, Claim, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.wording import finding, money

FACTORS = {Fraction(-1): "not applied", Fraction(-2): "applied with the wrong sign", Fraction(1): "applied twice"}


def handler_bug(facts: Facts, left: Left) -> Answer:
    if facts.is_file:
        return NotTestable("a file's running balances are nobody's projection of its rows")
    claims: list[Claim] = []
    for source in facts.sources:
        if source.kind == "head":
            pattern = head_pattern(facts, left, source)
            if pattern:
                claims += _of_heads(facts, left, source, pattern)
        elif source.kind == "running":
            for pattern, steps in running_patterns(facts, left, source):
                claims += _of_rows(facts, source, pattern, steps)
    return claims


def _of_heads(facts: Facts, left: Left, source: Source, pattern: Pattern) -> Iterator[Claim]:
    for key in (*pattern.fits, *(key for key in pattern.misses if left.head(source.name, key))):
        amount = pattern.predicted(key)
        if amount:
            yield from _claims(facts, source, pattern, key, amount, [Share(source.name, key, amount)])


def _of_rows(facts: Facts, source: Source, pattern: Pattern, steps: list[Residual]) -> Iterator[Claim]:
    by_key: dict[Key, list[Residual]] = {}
    for step in steps:
        by_key.setdefault(step.key, []).append(step)
    for key, wrong in by_key.items():
        yield from _claims(
            facts, source, pattern, key, sum(step.amount for step in wrong), [whole(step) for step in wrong]
        )


def _claims(
    facts: Facts, source: Source, pattern: Pattern, key: Key, amount: int, shares: list[Share]
) -> Iterator[Claim]:
    events = [(position, event_id) for position, event_id, _ in pattern.events[key]]
    confined = pattern.schema_version is not None
    first, second = ("wrong_upcaster", "handler_bug") if confined else ("handler_bug", "wrong_upcaster")
    # A pattern alone is no proof: somebody's UPDATE over all accounts can look the same. Only the code settles it.
    certainty: Certainty = "likely"
    proof = _proof(source, pattern, key, amount)
    repeated = facts.repeated(source.name, key, [event_id for _, event_id in events])
    if repeated:
        certainty = "proven"
        proof += "; a rebuild with the code handed over repeats it"
    elif repeated is not None:
        proof += "; a rebuild with the code handed over doesn't repeat it, so other code ran then"
    yield Claim(
        finding(first, key, amount=amount, events=events, source=source.name, certainty=certainty, proof=proof), shares
    )
    if _may_be_either(facts, pattern, repeated):
        why = (
            f"the pattern is the same as for {first}: without the projection's code it can't be told whether the "
            f"handler or an upcaster makes the error; stepping both would settle it"
        )
        yield Claim(
            finding(
                second, key, amount=amount, events=events, source=source.name, certainty="possible",
                alternative_to=first, proof=why,
            ),
            [],
        )  # fmt: skip


def _may_be_either(facts: Facts, pattern: Pattern, repeated: bool | None) -> bool:
    """With the code at hand, an event already in its newest shape meets no upcaster."""
    rebuilt = facts.rebuilt
    if repeated and rebuilt is not None and all(rebuilt.is_latest(pattern.type, each) for each in pattern.versions):
        return False
    return pattern.schema_version is not None or len(pattern.versions) == 1


def _proof(source: Source, pattern: Pattern, key: Key, amount: int) -> str:
    events = pattern.events[key]
    name = pattern.type + ("" if pattern.schema_version is None else f" v{pattern.schema_version}")
    posted = sum(each for _, _, each in events)
    since = f" from position {pattern.since} on" if pattern.since else ""
    if pattern.of == "sum":
        how = FACTORS.get(pattern.factor, f"off by {pattern.factor} of its amount")
        mine = (
            f"{source.name} is off by {money(amount, key)}: {name} is {how}, {len(events)} events of "
            f"{money(posted, key)}"
        )
    else:
        each = money(int(pattern.factor), key) if pattern.factor.denominator == 1 else str(pattern.factor)
        mine = f"{source.name} is off by {money(amount, key)}: {each} for each of {len(events)} events {name}"
    return f"{mine}{since}; the same holds on {len(pattern.fits)} account(s) over {pattern.size} events"
