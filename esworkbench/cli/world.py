"""Whose fault an error is that no code of ours foresaw: the world's, told in a sentence, or ours."""

import sqlite3
import sys

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from esworkbench.cli.extras import advice_on
from esworkbench.event_store.database import driver_error, gave_up, on_one_line

NO_SUCH = ("no such table", "no such column", "has no column named")
NOT_OURS = {"42P01", "42703", "3D000", "3F000"}
"""PostgreSQL's codes for a table, column, database or schema that isn't there."""

DUCKDB = ("IOException", "OutOfMemoryException", "PermissionException", "InterruptException")


def fault_of_the_world(error: Exception) -> str | None:
    """A sentence for a library, disk, permission, memory or database that fails us; None for a mistake of ours."""
    if isinstance(error, ModuleNotFoundError):
        return advice_on(error.name)
    if isinstance(error, MemoryError):
        return "there is not enough memory for this: free some, or ask on a larger machine"
    if isinstance(error, OSError):
        return _system_refused(error)
    if isinstance(error, NoFreeConnection):
        return "the database gave no free connection in time: end what else uses it, or try again"
    return gave_up(error) or _not_a_store(error) or _unreadable_value(error) or _duckdb_stopped(error)


def _system_refused(error: OSError) -> str:
    what = error.strerror or " ".join(str(error).split()) or type(error).__name__
    where = f" ({error.filename})" if error.filename is not None else ""
    return f"the system refused{where}: {what}; free or repair that, and run the command again"


def _not_a_store(error: Exception) -> str | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = " ".join(str(cause).split())
    if isinstance(cause, sqlite3.OperationalError):
        missing = any(each in words for each in NO_SUCH)
    else:
        missing = getattr(cause, "sqlstate", None) in NOT_OURS
    return f"the database isn't what this command needs, or is of another release: {words}" if missing else None


def _unreadable_value(error: Exception) -> str | None:
    """For a value that PostgreSQL keeps and Python can't hold, a moment such as infinity: its driver says so."""
    psycopg = sys.modules.get("psycopg")
    cause = driver_error(error)
    if psycopg is None or not isinstance(cause, psycopg.DataError) or cause.sqlstate is not None:
        return None
    return f"the database keeps a value that can't be read, which somebody else wrote: {on_one_line(cause)}"


def _duckdb_stopped(error: Exception) -> str | None:
    duckdb = sys.modules.get("duckdb")
    kinds = tuple(getattr(duckdb, name) for name in DUCKDB) if duckdb else ()
    return f"the work on the evidence was stopped: {' '.join(str(error).split())}" if isinstance(error, kinds) else None
