"""Building an incident: a bank that lived through years of business, with one thing really wrong in it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import URL, Connection, Engine, Table, event, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore, open_database
from esworkbench.event_store.database import described, parse_url
from esworkbench.event_store.schema import events
from esworkbench.event_store.sidecar import COMPLAINT, OPERATIONS, STATEMENTS, outside_folder
from esworkbench.lab.incidents.faults import FAULTS, MYSTERIES
from esworkbench.lab.incidents.planting import Planting
from esworkbench.lab.incidents.sealed import LogEnd, PlantedFault, case_named, require_room_for, seal, unseal
from esworkbench.lab.world.agenda import Agenda
from esworkbench.lab.world.anchoring import Anchoring
from esworkbench.lab.world.life import Life, month_start
from esworkbench.lab.world.people import SCALES, Person, Scale
from esworkbench.lab.world.readers import Readers
from esworkbench.money import format_minor

STATEMENT = "statement.csv"
FEWEST_ACCOUNTS, MOST_ACCOUNTS = 10, 100_000
BUILDERS_LOCK = 8451_1
"""The advisory lock of whoever builds an incident in a PostgreSQL database."""


class Complaint(msgspec.Struct, frozen=True):
    """What the customer says the balance should be, in minor units, and how they put it."""

    account: str
    currency: str
    claimed_minor: int
    text: str


@dataclass(frozen=True)
class Incident:
    """What was built, without a word about what is wrong with it. ``accounts`` and ``events`` are counts.

    ``account``, ``currency`` and ``claimed_minor`` are the customer's complaint, which also lies in ``outside``. A
    case doesn't tell its ``seed``. ``key`` is the file that opens the sealed answer.
    """

    url: str
    account: str
    currency: str
    claimed_minor: int
    accounts: int
    events: int
    seed: int | None
    outside: Path
    key: Path


def build_incident(
    url: str,
    *,
    fault: str | None = None,
    faults: Sequence[str] = (),
    seed: int | None = None,
    case: str | None = None,
    scale: str = "full",
    accounts: int | None = None,
    anchored: bool = True,
    key_file: Path | None = None,
    progress: bool = False,
) -> Incident:
    """A bank at ``url`` with that fault in it; ``none``: healthy; None: one drawn from the seed, for you to find.

    ``faults`` names several at once: each strikes an account that the seed draws (see ``Planting``). ``case`` stands
    for a fault and a seed that aren't told, "A" the course's own; the seed is 1 unless given. ``scale`` is ``full``
    (eight years, thousands of events on the account complained about) or ``small`` (one year);
    ``accounts``, 10 to 100,000, says how many accounts there are, else 41 or 6. ``anchored``: the bank
    anchors its log whenever its read models are run, and keeps the anchors outside. The answer is sealed; its key goes
    to ``key_file``, a new file, or into the user's folder. One seed gives the same events, rows and anchors.

    Raises UnusableInput for an unknown name, a case with a fault or a seed beside it, faults that can't stand side by
    side, or a database that already holds something, or in which somebody else is building. If building fails, what it
    made is taken away again, and nothing else.
    """
    size: Scale = _named("scale", scale, SCALES)
    if accounts is not None:
        if not FEWEST_ACCOUNTS <= accounts <= MOST_ACCOUNTS:
            raise UnusableInput(f"a bank has {FEWEST_ACCOUNTS} to {MOST_ACCOUNTS:,} accounts here, not {accounts:,}")
        size = size.with_accounts(accounts)
    if case is not None:
        if fault is not None or faults or seed is not None:
            raise UnusableInput(f"the case {case!r} has a fault and a seed of its own: name either the case or those")
        fault, seed = msgspec.structs.astuple(case_named(case))
    seed = 1 if seed is None else seed
    if fault is not None and faults:
        raise UnusableInput("name either one fault or several")
    names = list(faults) or [Random(f"{seed}/mystery").choice(MYSTERIES) if fault is None else fault]
    rng = Random(f"{seed}/fault")
    rng.randrange(10)  # kept from when the mystery was drawn here: a seed goes on breaking its bank where it did
    planting = Planting([_named("fault", name, FAULTS)() for name in names], seed, rng)
    if key_file is not None:
        require_room_for(key_file)
    with _target(url) as (engine, outside):
        _relax_durability(engine)
        built = _build(url, engine, planting, seed, size, outside, anchored, key_file, progress)
        return built if case is None else replace(built, seed=None)


def reveal(url: str, *, key_file: Path | None = None) -> list[PlantedFault]:
    """Open the sealed answer of the incident at ``url``; empty for a healthy bank.

    Raises UnusableInput without an answer, where it is another bank's, or without its key: ``key_file``, else looked
    for as ``unseal`` says.
    """
    parsed = parse_url(url)
    gone = parsed.drivername == "sqlite" and not Path(str(parsed.database)).exists()
    return unseal(outside_folder(url), None if gone else partial(_hash_at, url), key_file)


def _hash_at(url: str, position: int) -> str | None:
    engine = open_database(url, create=False)
    try:
        with engine.connect() as connection:
            return connection.scalar(select(events.c.hash).where(events.c.global_position == position))
    except DBAPIError as error:
        raise UnusableInput(
            f"the log of {described(engine.url)} can't be read ({type(error.orig).__name__}), so nothing says whether "
            "the answer is its own"
        ) from None
    finally:
        engine.dispose()


def _build(
    url: str,
    engine: Engine,
    planting: Planting,
    seed: int,
    scale: Scale,
    outside: Path,
    anchored: bool,
    key_file: Path | None,
    progress: bool,
) -> Incident:
    agenda = Agenda(month_start(scale, 0))
    ids = Random(f"{seed}/ids")
    store = EventStore(engine, clock=agenda.clock, new_id=lambda: str(UUID(int=ids.getrandbits(128), version=4)))
    store.create_tables()
    life = Life(store, agenda, scale, seed)
    readers = Readers(store)
    anchoring = Anchoring(store, outside, Random(f"{seed}/anchors")) if anchored else None
    planting.begin(url, life, readers)
    from tqdm.auto import tqdm

    for month in tqdm(range(scale.months), desc="months of banking", disable=not progress):
        life.begin(month)
        if month and month % scale.run_months == 0:
            agenda.at(life.month_start(month), readers.run_all)
            if anchoring is not None:
                agenda.at(life.month_start(month), anchoring.take)
        agenda.run_until(life.month_start(month + 1))
    answer = planting.end()
    complaint = _complaint(life, planting.person)
    (outside / STATEMENTS).mkdir(parents=True)
    life.books.print_statement(outside / STATEMENTS / STATEMENT)
    (outside / COMPLAINT).write_bytes(msgspec.json.format(msgspec.json.encode(complaint), indent=2) + b"\n")
    life.operations.write(outside / OPERATIONS, life.bus.partitions)
    _settle_down(engine)
    with engine.connect() as connection:
        count = connection.scalar(select(func.count()).select_from(events)) or 0
        accounts = connection.scalar(select(func.count(events.c.stream_id.distinct()))) or 0
        last = select(events.c.global_position, events.c.hash).order_by(events.c.global_position.desc()).limit(1)
        end = LogEnd(*connection.execute(last).one())
    key = seal(outside, answer, end, key_file)
    return Incident(
        url, complaint.account, complaint.currency, complaint.claimed_minor, accounts, count, seed, outside, key
    )


def _complaint(life: Life, person: Person) -> Complaint:
    """The customer compares the bank's paper with the bank's screen."""
    account, currency = person.account, person.currency
    with life.store.engine.connect() as connection:
        shown = connection.scalar(
            select(account_balances.c.balance_minor).where(account_balances.c.account_id == account)
        )
    claimed = life.books.balance(account, currency)
    off_by = claimed - (shown or 0)
    paper = f"My statement says that account {account} holds {format_minor(claimed, currency)}"
    words = f"{paper}. Please show me that this is so."
    if off_by:
        words = f"{paper}, your app is off by {format_minor(abs(off_by), currency)}. I want it explained and put right."
    return Complaint(account, currency, claimed, words)


def _named(kind: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise UnusableInput(f"there is no {kind} {name!r}: choose one of {', '.join(known)}")
    return known[name]


@contextmanager
def _target(url: str) -> Iterator[tuple[Engine, Path]]:
    """The database at ``url``, reserved for this build alone, and its outside folder.

    It was empty, but somebody may put something beside us meanwhile: on failure what was made here is removed, nothing
    else. Raises UnusableInput for a database that isn't empty or is another's to build in.
    """
    parsed = parse_url(url)
    outside = outside_folder(url)
    if outside.is_dir() and any(outside.iterdir()):
        raise UnusableInput(f"the folder {str(outside)!r} isn't empty: remove it, or name another database")
    reserved = _new_file if parsed.drivername == "sqlite" else _empty_database
    with reserved(parsed, url) as engine:
        try:
            yield engine, outside
        except BaseException:
            shutil.rmtree(outside, ignore_errors=True)
            raise


@contextmanager
def _new_file(parsed: URL, url: str) -> Iterator[Engine]:
    """Whoever makes the file builds in it."""
    path = Path(str(parsed.database))
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        raise UnusableInput(f"{described(parsed)} exists already: remove it, or name a new file") from None
    except OSError as error:
        raise UnusableInput(f"{described(parsed)} can't be made: {error.strerror}") from None
    try:
        engine = open_database(url)
        try:
            yield engine
        finally:
            engine.dispose()
    except BaseException:
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        raise


@contextmanager
def _empty_database(parsed: URL, url: str) -> Iterator[Engine]:
    """Whoever holds its lock, which dies with the session, builds in it."""
    engine = open_database(url)
    made: list[Table] = []

    def note(table: Table, connection: Connection, **_: object) -> None:
        if connection.engine is engine:
            made.append(table)

    try:
        with engine.connect() as holder:
            holder.detach()  # or a pool would keep the session, and with it the lock
            if not holder.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": BUILDERS_LOCK}):
                raise UnusableInput(f"somebody is building in {described(parsed)} right now: name another database")
            holder.commit()  # the lock is the session's; an open transaction would hold back the vacuum
            tables = inspect(engine).get_table_names()
            if tables:
                raise UnusableInput(f"{described(parsed)} holds {len(tables)} tables already: name an empty database")
            event.listen(Table, "after_create", note)
            try:
                yield engine
            except BaseException:
                event.remove(Table, "after_create", note)
                _drop(url, made)
                raise
            event.remove(Table, "after_create", note)
    finally:
        engine.dispose()


def _drop(url: str, made: list[Table]) -> None:
    """Take these tables away, over a connection of its own: the build's may be in any state."""
    engine = open_database(url)
    try:
        for table in reversed(list(dict.fromkeys(made))):
            table.drop(engine, checkfirst=True)
    finally:
        engine.dispose()


def _relax_durability(engine: Engine) -> None:
    """Don't wait for the disk at each commit: if the power fails now, the incident is built again, not recovered."""
    sqlite = engine.dialect.name == "sqlite"

    def prepare(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF" if sqlite else "SET synchronous_commit = off")
        if not sqlite:
            connection.commit()

    event.listen(engine, "connect", prepare)
    engine.dispose()


def _settle_down(engine: Engine) -> None:
    """Bring a SQLite file to rest: all of it in the one file, and on the disk."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA synchronous = FULL")
        connection.execute(text("SELECT 1")).all()
        connection.rollback()
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
