"""What somebody says the balances are: rows of read models, snapshots and statement lines, as assertions."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from esworkbench.archive import SCHEMAS, ArchiveWriter
from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.fitting import fitted, fitted_in_bulk, is_plain
from esworkbench.evidence.capturing.poster import Unpostable, account_of, field, read_payload, to_minor
from esworkbench.evidence.capturing.statements.recognise import read_lines, with_accounts_of
from esworkbench.evidence.capturing.stored_form import Oddity
from esworkbench.evidence.ledger import LedgerDefinition, ReadModel, SnapshotClaims

compute: Any = pc
"""Its stubs know no chunked columns."""

SCHEMA = SCHEMAS["assertions"]
MANY = 3
"""So many names are listed."""


class TableReader(Protocol):
    """Reads a query on a table of the source: in batches of rows, or in bulk, as ``SourceDatabase`` gives them."""

    engine: str

    def rows(self, table: str, query: str) -> Iterator[list[tuple[Any, ...]]]: ...

    def in_bulk(self, table: str, query: str) -> Iterator[pa.RecordBatch]: ...


class Claims:
    """Writes balance assertions, and keeps the currencies that they name, and what had to be assumed of statements.

    ``columns`` are those of every table of the source, ``report`` records a problem of a stream, as the poster does,
    ``keep`` what is stored oddly.
    """

    def __init__(
        self,
        writer: ArchiveWriter,
        columns: dict[str, set[str]],
        tables: TableReader,
        report: Callable[[str, str, int | None, str], None],
        keep: Callable[[list[Oddity]], None],
    ) -> None:
        self._writer = writer
        self._columns = columns
        self._tables = tables
        self._report = report
        self._keep = keep
        self.currencies: set[str] = set()
        self.assumptions: list[str] = []

    def snapshots(self, claims: SnapshotClaims, batch: dict[str, list[Any]]) -> None:
        rows = []
        for stream_id, version, state, taken_at in zip(
            batch["stream_id"], batch["version"], batch["state"], batch["taken_at"], strict=True
        ):
            if not stream_id.startswith(f"{claims.category}-"):
                continue
            try:
                claimed, currency = claim_of_state(claims, state)
            except Unpostable as reason:
                self._report(f"snapshot: {reason}", stream_id, version, "")
                continue
            rows.append((account_of(stream_id), currency, claimed, version, version, taken_at))
        names = ["account", "currency", "claimed_minor", "version", "order_key", "recorded_at"]
        self._assertions("snapshots", "snapshot", as_columns(names, rows))

    def read_model(self, model: ReadModel, *, past_indexes: bool = False) -> None:
        """The rows of its table. ``past_indexes``: one of them shows others, and evidence is of the table."""
        wanted = {
            "account": model.account, "currency": model.currency, "claimed_minor": model.claimed,
            "position": model.position, "version": model.version, "event_id": model.hold or model.event_id,
            "day": model.day, "recorded_at": model.recorded_at, "type": model.event_type, **model.beside,
        }  # fmt: skip
        names = {name: column for name, column in wanted.items() if column is not None}
        missing = set(names.values()) - self._columns[model.table]
        if missing:
            raise UnusableInput(
                f"the ledger names columns {', '.join(sorted(missing))} of {model.table}, which doesn't have them"
            )
        order = [names[name] for name in ("account", "currency", "position", "day") if name in names]
        rows_of_it = model.table
        if past_indexes and self._tables.engine == "sqlite":
            rows_of_it = f"{model.table} NOT INDEXED"
        elif past_indexes:
            rows_of_it = f"(SELECT * FROM {model.table} OFFSET 0) AS whole"
        query = f"SELECT {', '.join(names.values())} FROM {rows_of_it} ORDER BY {', '.join(order)}"
        running = _Running()
        # A row of a history may leave the balance to the next one; a balance or a day that claims none is odd.
        never_null = ("claimed_minor",) if model.kind in ("head", "daily") else ()
        for rows in self._fitted(model.table, query, names, never_null):
            places = running.in_order(rows) if model.kind == "running" else {}
            shared = {name: rows[name] for name in names if name in SCHEMA.names}
            self._write(model.projection, model.kind, shared | places)
            places.pop("step_minor", None)
            for kind in model.beside:
                self._write(model.projection, kind, {**shared, **places, "claimed_minor": rows[kind]})

    def _fitted(self, table: str, query: str, names: dict[str, str], never_null: Collection[str]) -> Iterator[pa.Table]:
        """The rows of a read model with the types of evidence: in bulk where all are stored in the plainest form."""
        kinds = {name: SCHEMA.field(name).type if name in SCHEMA.names else pa.int64() for name in names}
        plain = " AND ".join(
            [is_plain(self._tables.engine, names[name], kind) for name, kind in kinds.items()]
            + [f"{names[name]} IS NOT NULL" for name in never_null]
        )
        if any(self._tables.rows(table, f"SELECT 1 FROM {table} WHERE ({plain}) IS NOT TRUE LIMIT 1")):
            for rows in self._tables.rows(table, query):
                yield self._one_by_one(table, rows, names, kinds, never_null)
            return
        for batch in self._tables.in_bulk(table, query):
            found = fitted_in_bulk(batch, kinds)
            yield self._one_by_one(table, rows_of(batch), names, kinds, never_null) if found is None else found

    def _one_by_one(
        self,
        table: str,
        rows: Sequence[tuple[Any, ...]],
        names: dict[str, str],
        kinds: dict[str, pa.DataType],
        never_null: Collection[str],
    ) -> pa.Table:
        columns, oddities = fitted("assertions", table, as_columns(list(names), rows), names, never_null)
        self._keep(oddities)
        return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})

    def statement(
        self,
        path: Path,
        ledger: LedgerDefinition,
        known: Callable[[], set[str]],
        *,
        described: LedgerDefinition | None = None,
        accounts: Mapping[str, str] | None = None,
    ) -> None:
        """The lines of a statement of any format, and what its balances claim.

        ``known`` gives the ledger's accounts, asked where the bank has names of its own for them; ``accounts`` says
        what such names mean, beside what ``ledger`` and ``described`` (the columns of a bank's CSV) say of them.
        """
        read = read_lines(path, ledger, described)
        said = described.statement_accounts if described else {}
        named = {line.account for line in read.lines}
        read = with_accounts_of(read, path.name, known, {**ledger.statement_accounts, **said, **(accounts or {})})
        lines = read.lines
        self.assumptions += read.said
        if described and read.format == "described CSV":
            self.assumptions.append(f"{path.name} was read by the columns that the ledger {described.name!r} describes")
        if strange := sorted(named - {line.account for line in lines}):
            self.assumptions.append(
                f"accounts in {path.name} were taken for the ledger's as somebody said: {', '.join(strange[:MANY])}"
                + (f" and {len(strange) - MANY:,} more" if len(strange) > MANY else "")
            )
        columns = as_columns(SCHEMAS["statements"].names, [(path.name, *line) for line in lines])
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
        self.currencies.update(currency for currency in columns["currency"] if isinstance(currency, str))
        self._writer.write("assertions", {**columns, "source": [source] * count, "kind": [kind] * count})

    def _write(self, source: str, kind: str, columns: dict[str, Any]) -> None:
        """As ``_assertions``, for columns with the types of evidence."""
        count = len(columns["account"])
        self.currencies.update(compute.unique(columns["currency"]).to_pylist())
        columns = {**columns, "source": pa.repeat(source, count), "kind": pa.repeat(kind, count)}
        missing = {field.name: pa.nulls(count, field.type) for field in SCHEMA if field.name not in columns}
        whole = missing | columns
        self._writer.write_table("assertions", pa.table({name: whole[name] for name in SCHEMA.names}, schema=SCHEMA))


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

    def in_order(self, rows: pa.Table) -> dict[str, Any]:
        """The same of typed rows in which those of an account follow each other, as whole columns; it opens at 0."""
        encoded: list[Any] = [rows[name].combine_chunks().dictionary_encode() for name in ("account", "currency")]
        accounts, currencies = (column.indices.to_numpy().astype(np.int64) for column in encoded)
        numbers = accounts * len(encoded[1].dictionary) + currencies
        firsts = np.flatnonzero(np.diff(numbers, prepend=-1))
        # A database may order texts by rules under which two of them are one.
        if rows["claimed_minor"].null_count or len(np.unique(numbers[firsts])) < len(firsts):
            listed = {name: rows[name].to_pylist() for name in ("account", "currency", "claimed_minor")}
            return {name: pa.array(values, pa.int64()) for name, values in self.steps(listed).items()}
        claimed = rows["claimed_minor"].to_numpy()
        keys = list(zip(*(column.take(firsts).to_pylist() for column in encoded), strict=True))
        before = np.array([self._last.get(key, (0, 0)) for key in keys], np.int64).reshape(-1, 2)
        counts = np.diff(firsts, append=len(rows))
        places = np.arange(1, len(rows) + 1) + np.repeat(before[:, 1] - firsts, counts)
        previous = np.roll(claimed, 1)
        previous[firsts] = before[:, 0]
        for key, last in zip(keys, firsts + counts - 1, strict=True):
            self._last[key] = (int(claimed[last]), int(places[last]))
        return {"step_minor": pa.array(claimed - previous), "order_key": pa.array(places)}


def claim_of_state(claims: SnapshotClaims, state: str | None) -> tuple[int, str]:
    """The balance in minor units that a snapshot's state claims, and its currency. Raises Unpostable without one."""
    content = read_payload(state or "", [])
    currency = field(content, claims.currency_field)
    if not isinstance(currency, str):
        raise Unpostable(f"{claims.currency_field} is no text")
    return to_minor(field(content, claims.claimed)), currency


def rows_of(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """What was read in bulk, as it is when it is read row by row."""
    columns = (
        column.cast(pa.binary()) if pa.types.is_string(column.type) else column for column in batch.columns
    )  # fmt: skip
    return [
        tuple(value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value for value in row)
        for row in zip(*(column.to_pylist() for column in columns), strict=True)
    ]


def as_columns(names: list[str] | tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as columns of these names."""
    if not rows:
        return {name: [] for name in names}
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
