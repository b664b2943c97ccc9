"""From our own store to evidence: its log, what its read models claim, and how far they had got."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from esworkbench.archive import SCHEMAS, ArchiveWriter, Cut
from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.opening import EVENT_COLUMNS, require_event_store
from esworkbench.evidence.capturing.poster import Poster, Unpostable, account_of, field, read_payload, to_minor
from esworkbench.evidence.capturing.progress import Progress
from esworkbench.evidence.capturing.source import SourceDatabase
from esworkbench.evidence.capturing.statement_file import read_statement
from esworkbench.evidence.ledger import LedgerDefinition, ReadModel, SnapshotClaims

COPIED_AS_THEY_ARE = ("checkpoints", "checkpoint_log", "dead_letters", "snapshots")
GAPS_KEPT = 1000


class Captured(NamedTuple):
    """What the manifest says about a capture, besides listing its files.

    ``decimals`` holds every currency that was found, with None for one whose decimals nobody says.
    """

    cut: Cut
    poster: Poster
    decimals: dict[str, int | None]


class StoreCapture:
    """One capture of our own store into an archive."""

    def __init__(
        self,
        source: SourceDatabase,
        writer: ArchiveWriter,
        ledger: LedgerDefinition,
        progress: Progress,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._writer = writer
        self._ledger = ledger
        self._progress = progress
        self._clock = clock
        self._poster = Poster(ledger)
        self._columns = source.columns()
        self._currencies: set[str] = set()

    def run(self, statements: Path) -> Captured:
        """Everything at the source's one cut, and the statements in the folder beside it, if there is one."""
        require_event_store(self._columns)
        high_water, gaps = self._events()
        checkpoints: dict[str, int] = {}
        for table in COPIED_AS_THEY_ARE:
            for batch in self._copy(table):
                if table == "checkpoints":
                    checkpoints.update(zip(batch["projection"], batch["position"], strict=True))
                if table == "snapshots" and self._ledger.snapshot:
                    self._snapshot_claims(self._ledger.snapshot, batch)
        for read_model in self._ledger.read_model:
            if read_model.table in self._columns:
                self._read_model(read_model)
        for path in sorted(statements.glob("*.csv")):
            self._statement(path)
        cut = Cut(
            high_water=high_water,
            checkpoints=checkpoints,
            server_time=self._source.server_time() or self._clock(),
            gaps=gaps[:GAPS_KEPT],
            gaps_left_out=max(0, len(gaps) - GAPS_KEPT),
        )
        return Captured(cut, self._poster, self._poster.scales.of_all(self._currencies))

    def _events(self) -> tuple[int | None, list[tuple[int, int]]]:
        last = 0
        gaps: list[tuple[int, int]] = []
        query = f"SELECT {', '.join(EVENT_COLUMNS)} FROM events ORDER BY global_position"
        for batch in self._batches("events", query):
            for row in batch:
                if row[0] > last + 1:
                    gaps.append((last + 1, row[0] - 1))
                last = row[0]
            self._writer.write("events", _event_columns(batch))
            self._writer.write("postings", self._posting_columns(batch))
        return last or None, gaps

    def _posting_columns(self, batch: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
        rows = []
        for position, stream_id, version, event_id, kind, shape, recorded_at, valid_at, payload, metadata, *_ in batch:
            postings = self._poster.post(stream_id, version, event_id, kind, shape, _text(payload))
            self._currencies.update(posted.currency for posted in postings)
            for ordinal, posted in enumerate(postings):
                place = (position, ordinal, stream_id, version, event_id)
                rows.append((*place, *posted, recorded_at, valid_at, _metadata(metadata).get("correlation_id")))
        return _as_columns(SCHEMAS["postings"].names, rows)

    def _copy(self, table: str) -> Iterator[dict[str, list[Any]]]:
        """A table of the store that evidence keeps under the same name and columns, as far as it has them."""
        names = [name for name in SCHEMAS[table].names if name in self._columns.get(table, set())]
        if not names:
            return
        for batch in self._batches(table, f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2"):
            columns = _as_columns(names, batch)
            self._writer.write(table, columns)
            yield columns

    def _snapshot_claims(self, claims: SnapshotClaims, batch: dict[str, list[Any]]) -> None:
        rows = []
        for stream_id, version, state, taken_at in zip(
            batch["stream_id"], batch["version"], batch["state"], batch["taken_at"], strict=True
        ):
            if not stream_id.startswith(f"{claims.category}-"):
                continue
            try:
                content = read_payload(_text(state), [])
                claimed = to_minor(field(content, claims.claimed))
                currency = field(content, claims.currency_field)
            except Unpostable as reason:
                self._poster.report(f"snapshot: {reason}", stream_id, version, "")
                continue
            rows.append((account_of(stream_id), currency, claimed, version, version, taken_at))
        names = ["account", "currency", "claimed_minor", "version", "order_key", "recorded_at"]
        self._assertions("snapshots", "snapshot", _as_columns(names, rows))

    def _read_model(self, model: ReadModel) -> None:
        wanted = {
            "account": model.account, "currency": model.currency, "claimed_minor": model.claimed,
            "position": model.position, "version": model.version, "event_id": model.event_id, "day": model.day,
            "recorded_at": model.recorded_at,
        }  # fmt: skip
        names = {name: column for name, column in wanted.items() if column is not None}
        missing = set(names.values()) - self._columns[model.table]
        if missing:
            raise UnusableInput(
                f"the ledger names columns {', '.join(sorted(missing))} of {model.table}, which doesn't have them"
            )
        order = [names[name] for name in ("account", "currency", "position", "day") if name in names]
        query = f"SELECT {', '.join(names.values())} FROM {model.table} ORDER BY {', '.join(order)}"
        running = _Running()
        for batch in self._batches(model.table, query):
            columns = _as_columns(list(names), batch)
            if model.kind == "running":
                columns |= running.steps(columns)
            self._assertions(model.projection, model.kind, columns)

    def _statement(self, path: Path) -> None:
        lines = list(read_statement(path))
        columns = _as_columns(SCHEMAS["statements"].names, [(path.name, *line) for line in lines])
        self._writer.write("statements", columns)
        running = _Running()
        claims = {
            "account": columns["account"],
            "currency": columns["currency"],
            "claimed_minor": columns["balance_minor"],
            "recorded_at": columns["booked_at"],
            "valid_at": columns["booked_at"],
        }
        openings = [line.balance_minor - line.amount_minor for line in lines]
        self._assertions(path.name, "statement", claims | running.steps(claims, openings))

    def _assertions(self, source: str, kind: str, columns: dict[str, list[Any]]) -> None:
        count = len(columns["account"])
        self._currencies.update(currency for currency in columns["currency"] if isinstance(currency, str))
        self._writer.write("assertions", {**columns, "source": [source] * count, "kind": [kind] * count})

    def _batches(self, table: str, query: str) -> Iterator[list[tuple[Any, ...]]]:
        with self._progress.of(table) as advance:
            for batch in self._source.rows(query):
                yield batch
                advance(len(batch))


class _Running:
    """Steps between running claims of each account, across batches that come in order."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, int]] = {}

    def steps(self, columns: dict[str, list[Any]], openings: list[int] | None = None) -> dict[str, list[Any]]:
        """``step_minor`` and ``order_key`` of claims in order. An account opens at 0, or where ``openings`` says.

        A row that claims nothing (null) makes no step.
        """
        steps: list[int | None] = []
        places: list[int] = []
        for index, (account, currency, claimed) in enumerate(
            zip(columns["account"], columns["currency"], columns["claimed_minor"], strict=True)
        ):
            opening = openings[index] if openings else 0
            before, place = self._last.get((account, currency), (opening, 0))
            steps.append(None if claimed is None else claimed - before)
            places.append(place + 1)
            self._last[account, currency] = (before if claimed is None else claimed, place + 1)
        return {"step_minor": steps, "order_key": places}


def _event_columns(batch: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    columns = _as_columns(EVENT_COLUMNS, batch)
    columns["position"] = columns.pop("global_position")
    columns["type"] = columns.pop("event_type")
    columns["payload"] = [_text(payload) for payload in columns["payload"]]
    columns["metadata"] = [_text(metadata) for metadata in columns["metadata"]]
    found = [_metadata(metadata) for metadata in columns["metadata"]]
    for name in ("correlation_id", "causation_id", "idempotency_key", "actor"):
        columns[name] = [None if (value := each.get(name)) is None else str(value) for each in found]
    versions = [each.get("decided_on_version") for each in found]
    columns["decided_on_version"] = [version if isinstance(version, int) else None for version in versions]
    return columns


def _metadata(text: str) -> dict[str, Any]:
    """The metadata as a mapping; empty if it isn't a JSON object, which is then for the hash chain to judge."""
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _as_columns(names: list[str] | tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    if not rows:
        return {name: [] for name in names}
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
