"""Errors of a database and of the store on it, as the cases of several exercises raise them."""

from sqlalchemy.exc import OperationalError

from esworkbench.errors import ConcurrencyError


def locked(*said: str) -> Exception:
    return OperationalError("INSERT", None, Exception(*said or ["database is locked"]))


def overtaken(*said: str) -> Exception:
    return ConcurrencyError(said[0] if said else "ACC-1", 1, 2)
