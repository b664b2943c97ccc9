"""What every detector is handed: the evidence, the moment, and the residuals that need explaining.

A residual is a place where a claim moves otherwise than the events do. A running claim gives one for each event it
tells differently; a head, which remembers nothing, gives one figure for all that ever went wrong with it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from esworkbench.evidence import Evidence
from esworkbench.forensics.verify import Break

Key = tuple[str, str]
"""An account and a currency."""

NO_ROW = "no row"
NO_EVENT = "no event"
REPEATED = "repeated"
DIFFERS = "differs"
TOTAL = "total"


class Residual(NamedTuple):
    """``amount`` = what the claim moved by − what the events say, in minor units.

    ``reason``: ``no row`` (the event stands, the claim passed it), ``no event`` (the claim moved, no such event
    stands), ``repeated`` (a second row for one event), ``differs`` (row and event stand and disagree), ``total`` (all
    that is known is the sum). ``position`` and ``event_id`` are the event's, or what the row says of a missing one's.
    """

    number: int
    source: str
    kind: str
    account: str
    currency: str
    amount: int
    reason: str
    position: int | None = None
    event_id: str | None = None
    type: str | None = None
    schema_version: int | None = None
    posted: int = 0

    @property
    def key(self) -> Key:
        return self.account, self.currency

    @property
    def identity(self) -> tuple[Key, str | None, int]:
        """What makes it the same residual in another capture."""
        return self.key, self.event_id, self.amount


BATCHES = """
    batches AS (
        SELECT * FROM checkpoint_log WHERE projection = $projection AND to_position > 0 AND coalesce(shard, 0) >= 0
          AND id > coalesce((SELECT max(id) FROM checkpoint_log
                             WHERE projection = $projection AND to_position = 0), -1)
    )
"""
"""The batches of ``$projection`` since it was last dropped, which a row to position 0 says.

A row of shard -1 is one event that was parked and handled late: no second application. (The rule is that of
``esworkbench.projections.checkpoints``.)
"""

REPAIRS = """
    posted AS (
        SELECT event_id, any_value(account) AS account, any_value(currency) AS currency,
               sum(amount_minor)::BIGINT AS amount FROM postings GROUP BY event_id
    ), linked AS (
        SELECT event_id, position, json_extract_string(metadata, '$.compensates') AS original
        FROM events WHERE json_valid(metadata)
    ), repairs AS (
        SELECT linked.original, event_id AS repair, linked.position, posted.account, posted.currency, posted.amount,
               row_number() OVER (PARTITION BY linked.original ORDER BY linked.position) AS nth
        FROM linked JOIN posted USING (event_id) WHERE linked.original IS NOT NULL
    ), made_good AS (
        SELECT repairs.original, repairs.repair FROM repairs JOIN posted ON posted.event_id = repairs.original
        WHERE repairs.nth = 1 AND repairs.amount + posted.amount = 0
    )
"""
"""Events whose metadata ``compensates`` another; ``made_good``: the pairs of which nothing is left."""


class Source(NamedTuple):
    """Something that claims balances. ``cut`` is the last position it has seen; ``claims`` how many it makes."""

    name: str
    kind: str
    cut: int
    claims: int


class Run(NamedTuple):
    """A batch in the checkpoint log: both positions inclusive."""

    id: int
    shard: int
    from_position: int
    to_position: int
    run_id: str
    code_version: str
    saved_at: datetime


class Rebuilt(NamedTuple):
    """A read model after a replay with the code handed over: the residuals it then had, by identity.

    ``is_latest`` says whether this code reads an event type in a schema version as written, with no upcaster between.
    """

    source: str
    residuals: frozenset[tuple[Key, str | None, int]]
    is_latest: Callable[[str, int], bool]


class Facts(NamedTuple):
    """Evidence, and what was read from it once for all detectors."""

    evidence: Evidence
    connection: duckdb.DuckDBPyConnection
    now: datetime
    head: int
    hashed: bool
    limit_seconds: int
    sources: list[Source]
    residuals: list[Residual]
    breaks: list[Break]
    rebuilt: Rebuilt | None = None

    def rows(self, query: str, **given: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the evidence's views."""
        found: list[tuple[Any, ...]] = self.connection.execute(query, given or None).fetchall()
        return found

    @property
    def is_file(self) -> bool:
        """True for evidence from a delimited file: its versions and positions are ours, not the writer's."""
        return self.evidence.ledger.file is not None

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def runs(self, projection: str) -> list[Run]:
        """The batches that made the rows standing now, oldest first."""
        found = self.rows(
            f"WITH {BATCHES} SELECT id, shard, from_position, to_position, run_id, code_version, saved_at FROM batches "
            "ORDER BY id",
            projection=projection,
        )
        return [Run(*row) for row in found]

    def accounts_of_stream(self, stream_id: str) -> list[Key]:
        """Every account and currency that the stream's events post on."""
        found = self.rows(
            "SELECT DISTINCT account, currency FROM postings WHERE stream_id = $stream ORDER BY 1, 2", stream=stream_id
        )
        return [(account, currency) for account, currency in found]

    def repeated(self, source: str, key: Key, event_ids: Iterable[str] = ()) -> bool | None:
        """Does a rebuild with the code handed over repeat what is wrong here? None where no code was.

        For a head, the one figure; for rows, every residual at the events given.
        """
        if self.rebuilt is None or self.rebuilt.source != source:
            return None
        mine = [
            residual
            for residual in self.residuals
            if residual.source == source and residual.key == key and residual.event_id in (None, *event_ids)
        ]
        return bool(mine) and all(residual.identity in self.rebuilt.residuals for residual in mine)

    def healed(self, source: str, key: Key) -> bool:
        """True where the code handed over, replayed, leaves nothing wrong here."""
        if self.rebuilt is None or self.rebuilt.source != source:
            return False
        return all(identity[0] != key for identity in self.rebuilt.residuals)

    def source(self, name: str) -> Source | None:
        return next((source for source in self.sources if source.name == name), None)
