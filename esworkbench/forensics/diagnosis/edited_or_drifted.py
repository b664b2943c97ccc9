"""Contents that fail their hash, sorted into those that were written again and those that were edited.

A spelling that fits proves that nothing was edited. Where no spelling does, only a pattern is left: a whole stretch of
the log that fails, with no claim against it, was written by another serializer; a single event was edited.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from esworkbench.forensics.compare.records import DIFFERS, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash
from esworkbench.forensics.diagnosis.faults.batch_end_stamping import batch_end_stamping
from esworkbench.forensics.diagnosis.unexplained import Left, NotTestable

STRETCH_AT_LEAST = 10
"""So many events in a row have to fail before the stretch itself speaks for a serializer; or the whole log, if it is
shorter."""

WHOLE_LOG_AT_LEAST = 3

_PLACES = """
    SELECT position, place, type, schema_version FROM (
        SELECT position, type, schema_version, row_number() OVER (ORDER BY position) AS place FROM events
    ) WHERE position IN (SELECT unnest($positions)) ORDER BY position
"""


class Sorted(NamedTuple):
    """``respelled`` are proved to be the same content; ``alike`` are not, and only fail where all others do too.

    ``edited`` are left. Of them ``with_neighbours`` fail alike in a stretch in which ids are proved to be replaced, and
    nothing says which ids they bore.
    """

    respelled: list[FailingHash]
    alike: list[FailingHash]
    edited: list[FailingHash]
    with_neighbours: frozenset[int] = frozenset()
    """Positions."""

    @property
    def drifted(self) -> list[FailingHash]:
        return sorted([*self.respelled, *self.alike])


def edited_or_drifted(facts: Facts) -> Sorted:
    """Every event whose content fails, but for those that fit another place in the log."""
    added = {event.position for stream in facts.renumbered for event in stream.added}
    mine = [event for event in facts.failing if event.home is None and event.position not in added]
    if not mine:
        return Sorted([], [], [])
    respelled = [event for event in mine if event.respelled]
    rest = [event for event in mine if not event.respelled]
    contradicted = _contradicted(facts, rest) if rest else set()
    stretches = [
        [event for event in stretch if event.linked and event.event_id not in contradicted]
        for stretch in _by_pattern(facts, mine, respelled, rest)
    ]
    alike: list[FailingHash] = []
    with_neighbours: set[int] = set()
    for stretch in stretches:
        unknown = [event for event in stretch if event.id_then is None]
        if respelled or len(unknown) == len(stretch):
            alike += unknown
        else:  # the bytes of those whose id is known are as they were: no serializer was at work here
            with_neighbours.update(event.position for event in unknown)
    if not respelled and len(alike) < WHOLE_LOG_AT_LEAST:
        alike = []
    known = {event.position for event in alike}
    edited = [event for event in rest if event.position not in known and event.linked]
    return Sorted(respelled, alike, edited, frozenset(with_neighbours))


def _by_pattern(
    facts: Facts, failing: Sequence[FailingHash], respelled: Sequence[FailingHash], rest: Sequence[FailingHash]
) -> Iterator[list[FailingHash]]:
    """Of ``rest``, stretches that a serializer may have written: beside respelled ones, where no event of their shape
    could be respelled; without any of these, in a stretch in which everything fails."""
    rows = facts.rows(_PLACES, positions=[event.position for event in failing])
    places = {position: place for position, place, _, _ in rows}
    shapes = {position: (type_, shape) for position, _, type_, shape in rows}
    if respelled:
        first, last = places[respelled[0].position], places[respelled[-1].position]
        failed = set(places.values())
        while first - 1 in failed:
            first -= 1
        while last + 1 in failed:
            last += 1
        known = {shapes[event.position] for event in respelled}
        yield [
            event for event in rest
            if first <= places[event.position] <= last and shapes[event.position] not in known
        ]  # fmt: skip
        return
    if any(each.kind in ("link", "version_gap") for each in facts.breaks):
        return  # a chain that is cut says that somebody was at work, and no serializer cuts one
    enough = min(STRETCH_AT_LEAST, max(WHOLE_LOG_AT_LEAST, facts.count("events")))
    stretch: list[FailingHash] = []
    for event in rest:
        if stretch and places[event.position] != places[stretch[-1].position] + 1:
            if len(stretch) >= enough:
                yield stretch
            stretch = []
        stretch.append(event)
    if len(stretch) >= enough:
        yield stretch


def _contradicted(facts: Facts, failing: Sequence[FailingHash]) -> set[str]:
    """Ids of events of which a claim tells another amount. A row that the next one undoes is the row's own error, and
    so is one that was stamped with the balance at its batch's end."""
    stamped = batch_end_stamping(facts, Left(facts.residuals))
    own = set() if isinstance(stamped, NotTestable) else {each for one in stamped for each in one.finding.event_ids}
    ids = {event.event_id for event in failing} - own
    found: set[str] = set()
    before: Residual | None = None
    for step in facts.residuals:
        undone = before is not None and before.source == step.source and before.key == step.key
        if undone and before is not None and before.amount == -step.amount:
            found.discard(before.event_id or "")
        elif step.event_id in ids and step.reason == DIFFERS:
            found.add(step.event_id)
        before = step
    return found
