"""A small bank of one's own, to break by direct means and diagnose."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lab_incidents import captured, copy_of, incident
from sqlalchemy import Connection

from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.event_store import EventStore
from esworkbench.event_store.guards import create_guards, drop_guards
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.diagnosis.findings import Diagnosis, Finding
from esworkbench.projections import ProjectionRunner

ACCOUNT = "ACC-1001"
GUARDED = ("events", "checkpoint_log")


class Copy:
    """A small bank to break: ``store`` is the caller's own."""

    def __init__(self, fault: str, folder: Path) -> None:
        self.folder = folder
        self.evidence = incident(fault)
        self.store: EventStore = copy_of(self.evidence, folder / "copy")

    @contextmanager
    def by_hand(self) -> Iterator[Connection]:
        """A database client with too many rights."""
        with self.store.engine.begin() as connection:
            drop_guards(connection, GUARDED)
            yield connection
            create_guards(connection, GUARDED)

    def edit_balance(self, amount: int, account: str = ACCOUNT) -> None:
        with self.by_hand() as connection:
            connection.exec_driver_sql(
                f"UPDATE account_balances SET balance_minor = balance_minor + {amount} WHERE account_id = '{account}'"
            )

    def statement(self) -> Path:
        [path] = outside_folder(str(self.store.engine.url)).joinpath("statements").glob("*.csv")
        return path

    def deposit(self, reference: str, amount: int, **metadata: object) -> str:
        """A deposit appended past all commands, as a client without an idempotency key would; returns its id."""
        stream = f"BankAccount-{ACCOUNT}"
        event = BANK_EVENT_TYPES.encode(
            MoneyDeposited(amount_minor=amount, currency="USD", reference=reference), metadata=metadata
        )
        version = self.store.stream_version(stream)
        return self.store.append(stream, [event], expected_version=version).events[0].event_id

    def catch_up(self) -> None:
        for factory in BANK_PROJECTIONS.values():
            ProjectionRunner(self.store, factory(), bank_decoder(), run_id="test").catch_up()

    def book(self, reference: str, amount: int) -> None:
        """A line more on the account's statement, of the latest moment that the evidence knew."""
        self.book_at(self.evidence.now, reference, amount)

    def book_at(self, at: datetime, reference: str, amount: int) -> None:
        """A line more on the account's statement."""
        path = self.statement()
        with path.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file))
        last = max(index for index, line in enumerate(lines) if line[0] == ACCOUNT)
        line = [ACCOUNT, "USD", f"{at:%Y-%m-%dT%H:%M:%SZ}", reference, str(amount), str(int(lines[last][5]) + amount)]
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *lines[: last + 1], line, *lines[last + 1 :]])

    def evidence_of(self, name: str = "evidence") -> Evidence:
        return captured(self.store, self.folder / name)

    def diagnose(self, **given: object) -> Diagnosis:
        return diagnose(self.evidence_of(), **given)  # type: ignore[arg-type]


def names(diagnosis: Diagnosis, account: str = ACCOUNT) -> dict[str, int]:
    """What was found on an account: amount by fault, look-alikes left out."""
    return {
        finding.fault: finding.amount
        for finding in diagnosis.findings
        if finding.account == account and finding.alternative_to is None
    }


def only(diagnosis: Diagnosis, fault: str) -> Finding:
    [finding] = [each for each in diagnosis.findings if each.fault == fault]
    return finding
