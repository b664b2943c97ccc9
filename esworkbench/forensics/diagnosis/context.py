"""What every detector gets: the evidence, the moment, and the residuals that need explaining.

A residual is a place where a claim doesn't follow the events. A running claim gives one for each event it
tells differently; a head, which remembers nothing, gives one figure for all that ever went wrong with it.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.forensics.anchored import NO_ANCHORS, Anchored, held_against_anchors
from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.holds import hold_limit
from esworkbench.forensics.compare.of_event import WrongColumn
from esworkbench.forensics.compare.records import Key, Residual, Source, State
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash, failing_hashes
from esworkbench.forensics.diagnosis.renumbered import Renumbered, renumbered
from esworkbench.forensics.verify import Break, Verification, verify_log

if TYPE_CHECKING:
    import duckdb

BATCHES = """
    batches AS (
        SELECT * REPLACE (coalesce(shard, 0) AS shard, coalesce(run_id, '?') AS run_id)
        FROM checkpoint_log WHERE projection = $projection AND to_position > 0 AND coalesce(shard, 0) >= 0
          AND from_position IS NOT NULL AND saved_at IS NOT NULL
          AND id > coalesce((SELECT max(id) FROM checkpoint_log
                             WHERE projection = $projection AND to_position = 0), -1)
    )
"""
"""The batches of ``$projection`` since it was last dropped, which a row to position 0 says.

A row of shard -1 is one event that was parked and handled late: no second application. (The rule is that of
``esworkbench.projections.checkpoints``.)
"""


class Batch(NamedTuple):
    """A batch in the checkpoint log: both positions inclusive."""

    id: int
    shard: int
    from_position: int
    to_position: int
    run_id: str
    code_version: str
    saved_at: datetime


class CodeReplay(NamedTuple):
    """What a replay with the projection's own code gets wrong: the residuals of its read model, by identity.

    ``is_latest`` says whether this code reads an event type in a schema version as written, with no upcaster between.
    """

    source: str
    residuals: frozenset[tuple[Key, str | None, int]]
    is_latest: Callable[[str, int], bool]


class Facts(NamedTuple):
    """Evidence, and what was read from it once for all detectors.

    ``sources`` claim balances, ``columns`` what stands beside one; ``answers`` are those of ``once``.
    """

    evidence: Evidence
    connection: "duckdb.DuckDBPyConnection"
    now: datetime
    head: int
    hashed: bool
    limit_seconds: int
    sources: list[Source]
    residuals: list[Residual]
    breaks: list[Break]
    columns: list[Source]
    failing: list[FailingHash]
    answers: dict[Hashable, Any]
    code_replay: CodeReplay | None = None
    wrong_columns: Sequence[WrongColumn] = ()
    renumbered: Sequence[Renumbered] = ()
    anchored: Anchored = NO_ANCHORS

    def once(self, question: Hashable, answer: Callable[[], Any]) -> Any:
        """What several detectors ask for alike: worked out for the first of them."""
        if question not in self.answers:
            self.answers[question] = answer()
        return self.answers[question]

    def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the evidence's views."""
        found: list[tuple[Any, ...]] = self.connection.execute(query, given or None).fetchall()
        return found

    @property
    def changed(self) -> list[FailingHash]:
        """The events that aren't what was hashed. One that only spells the same content otherwise is."""
        changed: list[FailingHash] = self.once("changed", lambda: [each for each in self.failing if not each.respelled])
        return changed

    @property
    def damage(self) -> list[Break]:
        """What isn't as it was written, but for contents that are only spelled otherwise."""
        found: list[Break] = self.once("damage", self._damage)
        return found

    def _damage(self) -> list[Break]:
        respelled = {event.position for event in self.failing if event.respelled}
        return [each for each in self.breaks if each.kind != "content" or each.position not in respelled]

    @property
    def is_file(self) -> bool:
        """True for evidence from a delimited file: its versions and positions are ours, not the writer's."""
        return self.evidence.ledger.file is not None

    def money(self, amount: int, key: Key) -> str:
        """``-47.23 USD``, in the scale that the evidence keeps."""
        return self.evidence.money(amount, key[1])

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def batches(self, projection: str) -> list[Batch]:
        """The batches that made the rows standing now, oldest first."""
        found = self.rows(
            f"WITH {BATCHES} SELECT id, shard, from_position, to_position, run_id, code_version, saved_at FROM batches "
            "ORDER BY id",
            projection=projection,
        )
        return [Batch(*row) for row in found]

    def accounts_of_stream(self, stream_id: str) -> list[Key]:
        """Every account and currency that the stream's events post on."""
        found = self.rows(
            "SELECT DISTINCT account, currency FROM postings WHERE stream_id = $stream ORDER BY 1, 2", stream=stream_id
        )
        return [(account, currency) for account, currency in found]

    def has_events(self, stream_id: str) -> bool:
        """Whether anything is left of the stream."""
        return bool(self.rows("SELECT 1 FROM events WHERE stream_id = $stream LIMIT 1", stream=stream_id))

    def repeated(self, source: str, key: Key, event_ids: Iterable[str] = ()) -> bool | None:
        """Does a replay with the projection's own code repeat what is wrong here? None without the code.

        For a head, the one figure; for rows, every residual at the events given.
        """
        if self.code_replay is None or self.code_replay.source != source:
            return None
        mine = [
            residual
            for residual in self.residuals
            if residual.source == source and residual.key == key and residual.event_id in (None, *event_ids)
        ]
        return bool(mine) and all(residual.identity in self.code_replay.residuals for residual in mine)

    def healed(self, source: str, key: Key) -> bool:
        """True where a replay with the projection's own code leaves nothing wrong here."""
        if self.code_replay is None or self.code_replay.source != source:
            return False
        return all(identity[0] != key for identity in self.code_replay.residuals)

    def source(self, name: str) -> Source | None:
        """What claims balances under this name; else whatever else claims anything under it."""
        return next((source for source in (*self.sources, *self.columns) if source.name == name), None)


def gather(
    evidence: Evidence, now: datetime, *, residuals: Residuals | None = None, whole: Verification | None = None
) -> Facts:
    """Read what all detectors need. What the caller has worked out, for the same moment, is not worked out again."""
    residuals = residuals or Residuals(evidence, now=now)
    [(head,)] = evidence.rows("SELECT coalesce(max(position), 0) FROM events")
    whole = whole or verify_log(evidence)
    sources = residuals.sources()
    failing = failing_hashes(evidence, whole.breaks)
    return Facts(
        evidence, residuals.connection, now, head, whole.hashed > 0,
        int(hold_limit(evidence.ledger).total_seconds()), [each for each in sources if each.kind not in COLUMN_KINDS],
        residuals.found((State.DIVERGENCE, State.ROUNDING)), whole.breaks,
        [each for each in sources if each.kind in COLUMN_KINDS],
        failing, {}, wrong_columns=residuals.wrong_columns, renumbered=renumbered(evidence, failing),
        anchored=held_against_anchors(evidence),
    )  # fmt: skip
