"""One key a subject, in a database that isn't the log's; destroying it erases what it sealed, in every copy of the log.

What a database has let go of may still lie in its files. On SQLite freed pages are overwritten (secure_delete) and the
write-ahead log emptied. On PostgreSQL the table is written anew (a plain VACUUM frees a row's place and leaves its
bytes), and the key lies in the server's own log and in backups for as long as these are kept: keep them short.
Where others who use the keys prevent that, the key is destroyed all the same, and ``Destruction.still_in`` says where
its bytes may still be found.
"""

import contextlib
import csv
import io
import json
import os
import re
import secrets
import string
import struct
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Self

from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from esworkbench.errors import CommandRejected, UnusableInput
from esworkbench.event_store.columns import moment_of, moment_text
from esworkbench.event_store.database import (
    described,
    gave_up,
    open_database,
    parse_url,
    servers_of,
    sqlite_url,
    write_transaction,
)
from esworkbench.event_store.guards import make_tables
from esworkbench.event_store.sidecar import outside_folder, user_folder
from esworkbench.events import utc_now
from esworkbench.kept_files import read_kept, replace_whole, turn_at
from esworkbench.personal_data.envelope import KEY_BYTES, envelope_in, seal, unseal
from esworkbench.personal_data.tables import personal_key_bytes, personal_keys

IN_THE_LOG = (
    "the keys can't be kept in the log's own database, because a backup of the log would bring a destroyed key back: "
    "name another for the keys"
)
LOCK_MILLISECONDS = 5_000
LOCK_NOT_AVAILABLE = "55P03"
"""How long to wait for those who use the keys, and PostgreSQL's code (SQLSTATE) for a lock that didn't come in time."""

RECORDS = "personal_keys.csv"
_FORMULA = re.compile(r"(^|[,;|])\s*[=+\-@＝＋－＠]")
_PLAIN = frozenset(string.ascii_letters + string.digits + " ._")
"""In a log's outside folder: what is known of the keys, for whoever captures the log."""


class KeyRecord(NamedTuple):
    """What is known of a key, and stays known. ``destroyed_at`` is None while it is there."""

    key_id: str
    subject: str
    created_at: datetime
    destroyed_at: datetime | None


class Destruction(NamedTuple):
    """A key's destruction, and, a sentence each, where its bytes may still lie; empty once they were cleared away."""

    record: KeyRecord
    still_in: list[str]


class Erased(NamedTuple):
    """In place of a text whose key was destroyed. As text it is always the same."""

    key_id: str
    destroyed_at: datetime

    def __str__(self) -> str:
        return "[erased]"


def default_keys_url(log_url: str) -> str:
    """Where a log's keys are kept unless somebody says otherwise: a SQLite file in the user's folder, of its own."""
    outside = outside_folder(log_url)
    name = f"{outside.name.removesuffix('.outside')[:80]}-{sha256(str(outside.resolve()).encode()).hexdigest()[:12]}.db"
    return sqlite_url(user_folder() / "personal_keys" / name)


class PersonalKeys:
    """The keys of the subjects of one log. Whoever can read them reads all that isn't erased."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.engine = engine
        self._clock = clock

    @classmethod
    def open(
        cls, log_url: str, keys_url: str | None = None, *, create: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:  # fmt: skip
        """The keys of a log, by default where ``default_keys_url`` says.

        Raises UnusableInput for a database that is the log's own, whose backups would bring a destroyed key back, and
        with ``create=False`` where there is none.
        """
        url = default_keys_url(log_url) if keys_url is None else keys_url
        if _same_database(log_url, url):
            raise UnusableInput(IN_THE_LOG)
        parsed = parse_url(url)
        if create and parsed.drivername == "sqlite":
            _make_private(Path(str(parsed.database)))
        engine = open_database(url, create=create)
        if engine.dialect.name == "postgresql" and _is_served_at(engine, log_url):
            engine.dispose()
            raise UnusableInput(IN_THE_LOG)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete = ON"))
            engine.dispose()  # the connection that opening made is without it
        with write_transaction(engine) as connection:
            if not create and not engine.dialect.has_table(connection, personal_keys.name):
                raise UnusableInput(f"{described(engine.url)} holds no keys of personal data: name the one that does")
            make_tables(connection, [personal_keys, personal_key_bytes])
        return cls(engine, clock=clock)

    def seal(self, subject: str, field: str, plain: str) -> str:
        """The envelope of a subject's text for a field, as text; the subject's key is made when it has none.

        Raises CommandRejected for a subject whose key was destroyed: nothing more is kept of it.
        """
        record, key = self._key_of(subject) or self._made(subject)
        if key is None:
            assert record.destroyed_at is not None
            raise CommandRejected(
                f"the personal data of {subject!r} was erased at {moment_text(record.destroyed_at)}, so no more of it "
                "is taken: open a new account for them"
            )
        return seal(key, record.key_id, subject, field, plain)

    def read(self, kept: str, field: str) -> str | Erased:
        """What a field says: its text, or Erased. A text that was never sealed is returned as it is.

        Raises UnusableInput for a key that isn't here, and for an envelope that was changed or moved.
        """
        envelope = envelope_in(kept)
        if envelope is None:
            return kept
        with self.engine.connect() as connection:
            found = connection.execute(
                select(personal_keys, personal_key_bytes.c.key)
                .outerjoin(personal_key_bytes, personal_keys.c.key_id == personal_key_bytes.c.key_id)
                .where(personal_keys.c.key_id == envelope.key_id)
            ).first()
        if found is None:
            raise UnusableInput(
                f"{described(self.engine.url)} knows no key {envelope.key_id}: name the database that keeps this log's "
                "keys"
            )
        *record, key = found
        known = KeyRecord(*record)
        if known.destroyed_at is not None:
            return Erased(known.key_id, known.destroyed_at)
        if key is None:
            raise UnusableInput(
                f"the key {known.key_id} is gone, and nobody recorded that it was destroyed: restore the keys' database"
            )
        return unseal(bytes(key), envelope, known.subject, field)

    def destroy(self, subject: str) -> Destruction:
        """Destroy a subject's key; what it sealed can't be read from then on, in any copy of the log.

        A key destroyed before stays so, with its time, and its bytes are cleared away again: do that for as long as
        ``still_in`` names a place. Backups, and a PostgreSQL server's own log, can't be seen from here. Raises
        UnusableInput for a subject that never had one.
        """
        with write_transaction(self.engine) as connection:
            found = connection.execute(select(personal_keys).where(personal_keys.c.subject == subject)).first()
            if found is None:
                raise UnusableInput(f"no personal data of {subject!r} was ever sealed with keys kept here")
            record = KeyRecord(*found)
            if record.destroyed_at is None:
                record = record._replace(destroyed_at=self._clock())
                mine = personal_keys.c.key_id == record.key_id
                connection.execute(personal_keys.update().where(mine).values(destroyed_at=record.destroyed_at))
            connection.execute(personal_key_bytes.delete().where(personal_key_bytes.c.key_id == record.key_id))
        return Destruction(record, self._cleared_away())

    def records(self) -> list[KeyRecord]:
        """What is known of every key, the oldest first. No key is read."""
        statement = select(personal_keys).order_by(personal_keys.c.created_at, personal_keys.c.key_id)
        with self.engine.connect() as connection:
            return [KeyRecord(*row) for row in connection.execute(statement)]

    def _key_of(self, subject: str) -> tuple[KeyRecord, bytes | None] | None:
        with self.engine.connect() as connection:
            found = connection.execute(
                select(personal_keys, personal_key_bytes.c.key)
                .outerjoin(personal_key_bytes, personal_keys.c.key_id == personal_key_bytes.c.key_id)
                .where(personal_keys.c.subject == subject)
            ).first()
        if found is None:
            return None
        *record, key = found
        known = KeyRecord(*record)
        if key is None and known.destroyed_at is None:
            raise UnusableInput(
                f"the key {known.key_id} is gone, and nobody recorded that it was destroyed: restore the keys' database"
            )
        return known, None if key is None else bytes(key)

    def _made(self, subject: str) -> tuple[KeyRecord, bytes | None]:
        record, key = KeyRecord(secrets.token_hex(16), subject, self._clock(), None), secrets.token_bytes(KEY_BYTES)
        try:
            with write_transaction(self.engine) as connection:
                connection.execute(personal_keys.insert(), [record._asdict()])
                connection.execute(personal_key_bytes.insert(), [{"key_id": record.key_id, "key": key}])
        except IntegrityError:  # somebody else was first
            found = self._key_of(subject)
            if found is None:
                raise
            return found
        return record, key

    def _cleared_away(self) -> list[str]:
        """Leave nothing of a deleted key in the database's files; where that can't be, or can't be known, say so."""
        try:
            return self._emptied_log() if self.engine.dialect.name == "sqlite" else self._rewritten_table()
        except DBAPIError as error:  # what was deleted stays so, whatever happens to the database now
            reason = gave_up(error) or type(error.orig).__name__
            return [f"the files of {described(self.engine.url)}: they couldn't be cleared ({reason})"]

    def _emptied_log(self) -> list[str]:
        # On the driver's own connection, outside the transaction that each of the engine's begins with.
        pooled = self.engine.raw_connection()
        try:
            pooled.cursor().execute(f"PRAGMA busy_timeout = {LOCK_MILLISECONDS}")
            busy, *_ = pooled.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            pooled.invalidate()  # its busy_timeout goes with it
        where = f"{described(self.engine.url)} and its -wal file"
        return [f"{where}: somebody is reading the keys, so they couldn't be overwritten"] if busy else []

    def _rewritten_table(self) -> list[str]:
        """VACUUM that only warns was skipped, and a page that isn't all-visible after it may hold a deleted row still.

        Once no row is left, VACUUM FULL writes a file in which none ever was. Source: PostgreSQL's manual, VACUUM and
        pg_class.relallvisible. Without INDEX_CLEANUP a few freed rows of a large table keep their page from counting.
        """
        name = personal_key_bytes.name
        where = f"the table {name} of {described(self.engine.url)}"
        skipped: list[str] = []

        def hear(notice: Any) -> None:
            if notice.severity_nonlocalized == "WARNING":
                skipped.append(str(notice.message_primary))

        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            session: Any = connection.connection.driver_connection
            session.add_notice_handler(hear)
            try:
                connection.execute(text(f"SET lock_timeout = {LOCK_MILLISECONDS}"))
                connection.execute(text(f"VACUUM (INDEX_CLEANUP ON) {name}"))
                if skipped:
                    return [f"{where}: it is its owner's to vacuum, and this login isn't that ({skipped[0]})"]
                pages = text("SELECT relpages = relallvisible FROM pg_class WHERE oid = CAST(:name AS regclass)")
                if not connection.execute(pages, {"name": name}).scalar_one():
                    return [
                        f"{where}: a transaction, maybe a prepared one or a replica's, may see what was there before"
                    ]
                connection.execute(text(f"VACUUM (FULL) {name}"))
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
                return [f"{where}: a transaction has it locked, so it couldn't be written anew"]
            finally:
                connection.invalidate()  # the lock_timeout goes with it
        return []


def write_records(log_url: str, records: list[KeyRecord]) -> Path:
    """Lay what is known of the keys into the log's outside folder, for whoever captures it. It holds no key.

    What lies there of keys that are kept elsewhere stays. Raises OSError, and UnusableInput as ``laid_down`` does.
    """
    folder = outside_folder(log_url)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RECORDS
    with turn_at(path):
        known = {each.key_id: each for each in [*laid_down(log_url), *records]}
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerow(KeyRecord._fields)
        for each in sorted(known.values(), key=lambda each: (each.created_at, each.key_id)):
            destroyed_at = "" if each.destroyed_at is None else moment_text(each.destroyed_at)
            writer.writerow([each.key_id, _shown(each.subject), moment_text(each.created_at), destroyed_at])
        replace_whole(path, lines.getvalue().encode())
    return path


def laid_down(log_url: str) -> list[KeyRecord]:
    """What ``write_records`` laid down before; nothing where no file is. Raises UnusableInput for a file that isn't
    from there: it is somebody's, and isn't written over."""
    path = outside_folder(log_url) / RECORDS
    if path.is_symlink():
        raise _not_ours(path, "it is a link")
    try:
        content = read_kept(path)
    except FileNotFoundError:
        return []
    try:
        header, *rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        if tuple(header) != KeyRecord._fields:
            raise ValueError(f"its first line isn't {','.join(KeyRecord._fields)}")
        return [_record_of(row) for row in rows]
    except (ValueError, csv.Error) as error:
        raise _not_ours(path, " ".join(str(error).split())[:160]) from None


def _shown(subject: str) -> str:
    """A subject as it can stand in a table that people open: itself, or a JSON string in plain letters.

    A spreadsheet takes what begins with = + - or @ for a formula, behind its own separator too; a terminal obeys ESC.
    """
    if subject.isprintable() and subject[:1] not in (" ", '"') and _FORMULA.search(subject) is None:
        return subject
    units = struct.iter_unpack(">H", subject.encode("utf-16-be"))
    return '"' + "".join(chr(each) if chr(each) in _PLAIN else f"\\u{each:04x}" for (each,) in units) + '"'


def _named(shown: str) -> str:
    """The subject that ``_shown`` was given."""
    try:
        found = json.loads(shown) if shown.startswith('"') else shown
    except ValueError:
        return shown
    return found if _shown(found) == shown else shown


def _record_of(row: list[str]) -> KeyRecord:
    if len(row) != len(KeyRecord._fields):
        raise ValueError(f"a line of it has {len(row)} fields")
    key_id, subject, created_at, destroyed_at = row
    return KeyRecord(key_id, _named(subject), moment_of(created_at), moment_of(destroyed_at) if destroyed_at else None)


def _not_ours(path: Path, why: str) -> UnusableInput:
    return UnusableInput(
        f"{path} is no record of keys that was written here ({why}), and it isn't written over: move it away"
    )


def _same_database(one: str, other: str) -> bool:
    left, right = parse_url(one), parse_url(other)
    if left.drivername != right.drivername:
        return False
    if left.drivername == "sqlite":
        files = Path(str(left.database)), Path(str(right.database))
        with contextlib.suppress(OSError):  # a file that isn't there yet is known by its path alone
            return files[0].samefile(files[1])
        return files[0].resolve() == files[1].resolve()
    return (servers_of(left), left.database) == (servers_of(right), right.database)


def _is_served_at(engine: Engine, url: str) -> bool:
    """Whether a PostgreSQL database is that at a URL, however each was written: the servers themselves are asked."""
    if parse_url(url).drivername == "sqlite":
        return False
    other = open_database(url, create=False)
    try:
        return _identity(engine) == _identity(other)
    finally:
        other.dispose()


def _identity(engine: Engine) -> tuple[Any, ...]:
    """A cluster's system identifier, which its replicas share, and the database's number in it."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database()) "
                "FROM pg_control_system()"
            )
        )
        return tuple(found.one())


def _make_private(path: Path) -> None:
    """A file that only its owner reads, before SQLite makes one that others do."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
