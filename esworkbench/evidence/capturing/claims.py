"""What somebody says the balances are: rows of read models, snapshots and statement lines, as assertions."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from esworkbench.archive import SCHEMAS, ArchiveWriter
from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.fitting import fitted
from esworkbench.evidence.capturing.poster import Unpostable, account_of, field, read_payload, to_minor
from esworkbench.evidence.capturing.regular_file import says_where_it_ends, taken_to_be_whole
from esworkbench.evidence.capturing.statement_file import read_statement
from esworkbench.evidence.capturing.stored_form import Oddity
from esworkbench.evidence.ledger import ReadModel, SnapshotClaims


class Rows(Protocol):
    """Reads a query on a table of the source, in batches."""

    def __call__(self, table: str, query: str) -> Iterator[list[tuple[Any, ...]]]: ...


class Claims:
    """Writes balance assertions, and keeps the currencies that they name, and what had to be assumed of statements.

    ``columns`` are those of every table of the source, ``report`` records a problem of a stream, as the poster does,
    ``keep`` what is stored oddly.
    """

    def __init__(
        self,
        writer: ArchiveWriter,
        columns: dict[str, set[str]],
        rows: Rows,
        report: Callable[[str, str, int | None, str], None],
        keep: Callable[[list[Oddity]], None],
    ) -> None:
        self._writer = writer
        self._columns = columns
        self._rows = rows
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

    def read_model(self, model: ReadModel) -> None:
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
        query = f"SELECT {', '.join(names.values())} FROM {model.table} ORDER BY {', '.join(order)}"
        running = _Running()
        for batch in self._rows(model.table, query):
            columns, oddities = fitted("assertions", model.table, as_columns(list(names), batch), names)
            self._keep(oddities)
            beside = {kind: columns.pop(kind) for kind in model.beside}
            if model.kind == "running":
                columns |= running.steps(columns)
            self._assertions(model.projection, model.kind, columns)
            for kind, claimed in beside.items():
                self._assertions(
                    model.projection, kind, {**columns, "claimed_minor": claimed, "step_minor": [None] * len(claimed)}
                )

    def statement(self, path: Path) -> None:
        lines = list(read_statement(path))
        if not says_where_it_ends(path):
            self.assumptions.append(taken_to_be_whole(path))
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


def claim_of_state(claims: SnapshotClaims, state: str | None) -> tuple[int, str]:
    """The balance in minor units that a snapshot's state claims, and its currency. Raises Unpostable without one."""
    content = read_payload(state or "", [])
    currency = field(content, claims.currency_field)
    if not isinstance(currency, str):
        raise Unpostable(f"{claims.currency_field} is no text")
    return to_minor(field(content, claims.claimed)), currency


def as_columns(names: list[str] | tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows as columns of these names."""
    if not rows:
        return {name: [] for name in names}
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
