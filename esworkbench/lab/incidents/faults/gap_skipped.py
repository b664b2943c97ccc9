"""A reader that goes past a position which is filled later."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from sqlalchemy import select, text

from esworkbench.domains.bank import BANK_EVENT_TYPES, MoneyDeposited
from esworkbench.event_store import EventStore, StreamAppend, write_transaction
from esworkbench.event_store.chain import event_hash
from esworkbench.event_store.schema import events
from esworkbench.events import NewEvent, RecordedEvent
from esworkbench.lab.incidents.faults.scene import PlantableFault, Scene, planted_per_account
from esworkbench.lab.incidents.sealed import PlantedFault
from esworkbench.lab.processes.slow_writer import append_slowly

READ_MODEL = "account_balances"
PATIENCE_SECONDS = 30


class GapBlindStore(EventStore):
    """Reads the log as many do: whatever is visible past the checkpoint, gaps or no gaps."""

    def read_all(self, *, after: int = 0, limit: int = 1000) -> list[RecordedEvent]:
        query = select(events).where(events.c.global_position > after).order_by(events.c.global_position).limit(limit)
        with self.engine.connect() as connection:
            return [_recorded(dict(row)) for row in connection.execute(query).mappings()]


class GapSkipped(PlantableFault):
    """A deposit on the account is under way while another customer's commits at the next position and is read."""

    name = "gap_skipped"
    strikes_any_account = True
    shows_in = (READ_MODEL,)

    def __init__(self) -> None:
        self.position = 0

    def before(self, scene: Scene) -> None:
        on_sqlite = scene.engine.dialect.name == "sqlite"
        pass_it = self.with_reserved_position if on_sqlite else self.with_slow_commit
        scene.life.agenda.at(scene.quiet_moment(0.6), lambda: pass_it(scene))

    def with_slow_commit(self, scene: Scene) -> None:
        """PostgreSQL: a transaction that holds its position and takes its time."""
        drawn, may_commit = threading.Event(), threading.Event()

        def wait(position: int) -> None:
            self.position = position
            drawn.set()
            if not may_commit.wait(PATIENCE_SECONDS):
                raise TimeoutError("nobody let the slow writer commit")

        amount, reference, event = _deposit_under_way(scene)
        account = scene.life.bank.accounts.load(scene.account)
        with ThreadPoolExecutor(1) as other_process:
            writing = other_process.submit(
                append_slowly, scene.store, StreamAppend(account.stream_id, account.version, [event]), reference, wait
            )
            try:
                if not drawn.wait(PATIENCE_SECONDS):
                    raise TimeoutError("the slow writer drew no position")
                self.neighbour_is_read(scene)
            finally:
                may_commit.set()
            writing.result()
        scene.life.books.book(scene.account, scene.person.currency, amount, reference, scene.life.agenda.now)

    def with_reserved_position(self, scene: Scene) -> None:
        """SQLite, where one writer at a time leaves no gap: the writer draws its position before it begins to write."""
        with write_transaction(scene.engine) as connection:
            connection.execute(text("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'events'"))
            drawn = connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'events'")).scalar_one()
        self.position = int(drawn)
        self.neighbour_is_read(scene)
        amount, reference, event = _deposit_under_way(scene)
        _write_at(scene, self.position, event)
        scene.life.books.book(scene.account, scene.person.currency, amount, reference, scene.life.agenda.now)

    def neighbour_is_read(self, scene: Scene) -> None:
        """Somebody else's deposit commits at the next position, and the naive reader goes past both."""
        agenda = scene.life.agenda
        agenda.wait()
        scene.life.deposit(scene.partner, 12_500, f"GIFT-{agenda.now:%Y%m%d}")
        agenda.wait()
        blind = GapBlindStore(scene.engine, clock=scene.store.clock)
        scene.readers.runner(READ_MODEL, blind).catch_up()
        agenda.wait()

    def after(self, scene: Scene) -> list[PlantedFault]:
        skipped = scene.decoded(after=self.position - 1)[0]
        assert isinstance(skipped.data, MoneyDeposited)
        return planted_per_account(self.name, [(skipped, -skipped.data.amount_minor)])


def _deposit_under_way(scene: Scene) -> tuple[int, str, NewEvent]:
    amount = 10_000 + scene.rng.randrange(1, 9_999)
    reference = f"CHEQUE-{scene.account}-{scene.life.agenda.now:%Y%m%d}"
    account = scene.life.bank.accounts.load(scene.account)
    deposited = MoneyDeposited(amount_minor=amount, currency=scene.person.currency, reference=reference)
    metadata = {
        "correlation_id": scene.store.new_id(),
        "actor": "cheque-clearing",
        "decided_on_version": account.version,
    }
    return amount, reference, BANK_EVENT_TYPES.encode(deposited, metadata=metadata)


def _write_at(scene: Scene, position: int, event: NewEvent) -> None:
    """Insert the account's next event at a position drawn long before, chained as the store would."""
    account = scene.life.bank.accounts.load(scene.account)
    [last] = scene.store.read_stream(account.stream_id, after_version=account.version - 1)
    now = scene.store.clock()
    metadata = msgspec.json.encode(event.metadata)
    event_id = scene.store.new_id()
    version = last.version + 1
    chained = event_hash(
        last.hash, account.stream_id, version, event_id, event.event_type, event.schema_version, now, now,
        event.payload, metadata,
    )  # fmt: skip
    with write_transaction(scene.engine) as connection:
        connection.execute(
            events.insert().values(
                global_position=position,
                stream_id=account.stream_id,
                version=version,
                event_id=event_id,
                event_type=event.event_type,
                schema_version=event.schema_version,
                payload=event.payload.decode("utf-8"),
                metadata=metadata.decode("utf-8"),
                recorded_at=now,
                valid_at=now,
                prev_hash=last.hash,
                hash=chained,
            )
        )


def _recorded(row: dict[str, Any]) -> RecordedEvent:
    encoded = {name: str(row[name]).encode("utf-8") for name in ("payload", "metadata")}
    return RecordedEvent(**{**row, **encoded})
