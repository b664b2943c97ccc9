"""Streams whose events were numbered anew: the hashes still say as which version each event was written.

Where an event is deleted and the later ones move up, or one is put in between and they move down, every later content
fails its hash, though none was edited: with its version put back the hash holds again. What the versions so found leave
out is gone, and what stands between two neighbours was added.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.poster import account_of
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

if TYPE_CHECKING:
    from esworkbench.forensics.diagnosis.context import Facts

_STREAM = """
    SELECT version, position, event_id, prev_hash, hash FROM events WHERE stream_id = $stream ORDER BY version, position
"""


class Placed(NamedTuple):
    """An event of a stream, and the version that it was written as; None where it was not written in this stream."""

    version: int
    position: int
    event_id: str
    prev_hash: str | None
    hash: str | None
    written_as: int | None


class Renumbered(NamedTuple):
    """A stream in which contents were hashed as other versions than they bear: ``moved`` are these.

    ``original`` are those written here up to the last of these, in the order of their versions now: what follows may
    have been appended since. ``added`` stand between two that were neighbours.
    """

    stream_id: str
    original: list[Placed]
    moved: list[FailingHash]
    added: list[Placed]

    @property
    def misnumbered(self) -> list[FailingHash]:
        """``moved``, where no event is gone and none was added, and some version that they bear none was written as.

        Nothing takes that version's place: what was changed is the number alone.
        """
        written = {event.written_as for event in self.original}
        whole = not self.missing and not self.added
        return self.moved if whole and any(event.version not in written for event in self.moved) else []

    @property
    def out_of_order(self) -> list[Placed]:
        """Those that others have overtaken."""
        if self.misnumbered:
            return []
        ordered = sorted(self.original, key=lambda event: event.written_as or 0)
        return [event for event, other in zip(self.original, ordered, strict=True) if event != other]

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Runs of versions, first and last, that were written before others and that no event was written as."""
        versions = sorted(event.written_as or 0 for event in self.original)
        return [(one + 1, two - 1) for one, two in pairwise([0, *versions]) if two > one + 1]

    def at(self, written_as: int) -> int:
        """The position of what was written as that version; 0 where nothing was."""
        return next((event.position for event in self.original if event.written_as == written_as), 0)

    @property
    def words(self) -> str:
        """Which contents were hashed as what, as far as a sentence holds it."""
        shown = "; ".join(
            f"version {event.version} was hashed as {event.home[1]}" for event in self.moved[:3] if event.home
        )
        more = f", and {len(self.moved) - 3} more" if len(self.moved) > 3 else ""
        return f"the contents of {self.stream_id} hold with other versions than they bear: {shown}{more}"


def renumbered(evidence: Evidence, failing: Sequence[FailingHash]) -> list[Renumbered]:
    """Every stream with an event that was hashed as another version of it."""
    at = {event.position: event for event in failing}
    moved: dict[str, list[FailingHash]] = {}
    for event in failing:
        if event.home is not None and event.home[0] == event.stream_id and not event.is_copy:
            moved.setdefault(event.stream_id, []).append(event)
    return [_stream(evidence, stream_id, at, mine) for stream_id, mine in moved.items()]


def as_written(facts: "Facts", left: Left, stream: Renumbered) -> Iterator[Share]:
    """The snapshots that are right about the stream as it was written: their versions are those of then.

    What is lost or edited before that version is as the rows of a running claim tell it.
    """
    account = account_of(stream.stream_id)
    for step in left.steps(kind="snapshot"):
        if step.account != account:
            continue
        then = [event.position for event in stream.original if (event.written_as or 0) <= step.place]
        after = [event.position for event in stream.original if (event.written_as or 0) > step.place]
        [(total,)] = facts.rows(
            "SELECT coalesce(sum(amount_minor), 0)::BIGINT FROM postings WHERE account = $account "
            "AND currency = $currency AND position IN (SELECT unnest($positions))",
            account=account, currency=step.currency, positions=then,
        )  # fmt: skip
        told = [each for each in facts.residuals if each.kind == "running" and each.key == step.key]
        end = min(after, default=2**63)
        known = {0} | {
            sum(each.amount for each in told if each.source == source and (each.position or 0) < end)
            for source in {each.source for each in told}
        }
        if (step.claimed or 0) - total in known:
            yield whole(step)


def _stream(
    evidence: Evidence, stream_id: str, failing: dict[int, FailingHash], moved: list[FailingHash]
) -> Renumbered:
    shifts = {event.position: event.home[1] - event.version for event in moved if event.home}
    rows = evidence.rows(_STREAM, stream=stream_id)
    last = max(number for number, row in enumerate(rows) if row[1] in shifts)
    events: list[Placed] = []
    for number, (version, position, event_id, prev_hash, own_hash) in enumerate(rows[: last + 1]):
        event = failing.get(position)
        written_as: int | None = version + shifts.get(position, 0)
        if event is not None and position not in shifts:
            # Nothing fits it: it was edited, and moved as its neighbours were. Or it was never written here.
            near = [rows[at][1] for at in (number - 1, number + 1) if 0 <= at <= last]
            written_as = (
                version + min((shifts.get(place, 0) for place in near), key=abs) if event.home is None else None
            )
        events.append(Placed(version, position, event_id, prev_hash, own_hash, written_as))
    added = _added(events, {event.version + shifts[event.position] for event in moved}, shifts)
    return Renumbered(stream_id, [e for e in events if e.written_as is not None and e not in added], moved, added)


def _added(events: list[Placed], taken: set[int], shifts: dict[int, int]) -> list[Placed]:
    """Runs of events that take the versions of ``taken``, to which the event after them doesn't link."""
    found: list[Placed] = []
    run: list[Placed] = []
    for event in events:
        if event.position not in shifts and event.written_as in taken:
            run.append(event)
            continue
        if run and event.prev_hash != run[-1].hash:
            found += run
        run = []
    return found
