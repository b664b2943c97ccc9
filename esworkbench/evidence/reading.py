"""DuckDB on evidence: what it can't read there is the evidence's fault, and is said in one sentence.

Files can be whole to the byte and still hold what nobody can count with: a damaged page under a hash that was written
anew, a sum beyond 64 bits. That shows only in the middle of a question, so every question goes through here.
"""

from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from esworkbench.errors import EvidenceDamaged, UnusableInput

OURS = (
    duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.SyntaxException,
    duckdb.NotImplementedException, duckdb.TransactionException, duckdb.InterruptException,
)  # fmt: skip
"""What a badly written question raises, on any evidence."""

CAN_NOT_BE_READ = (duckdb.Error, OverflowError, UnicodeDecodeError)


class Reading:
    """A DuckDB connection, or a relation of one, that raises EvidenceDamaged for what it can't read of ``folder``."""

    def __init__(self, inner: Any, folder: Path) -> None:
        self._inner = inner
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._explained(found) if callable(found) else found

    def __repr__(self) -> str:
        return str(self._explained(self._inner.__repr__)())

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._inner.close()

    def _in_memory(self, method: Any, *given: Any, **named: Any) -> Any:
        """The answer; where spilling doesn't do, in all the memory that the machine has, rather than none."""
        try:
            return method(*given, **named)
        except duckdb.OutOfMemoryException:
            if not isinstance(self._inner, duckdb.DuckDBPyConnection) or method.__name__ != "execute":
                raise
            self._inner.execute("RESET memory_limit")
            return method(*given, **named)

    def _explained(self, method: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            try:
                found = self._in_memory(method, *given, **named)
            except OURS:
                raise
            except duckdb.OutOfMemoryException as error:
                raise UnusableInput(f"there is not enough memory to read {self._folder}: {error}") from error
            except duckdb.DataError as error:
                raise EvidenceDamaged(
                    f"{self._folder} holds a value, or amounts with a sum, beyond what is counted with: {error}"
                ) from error
            except CAN_NOT_BE_READ as error:
                raise EvidenceDamaged(f"{self._folder} can't be read: {error}") from error
            if found is self._inner:
                return self
            if isinstance(found, duckdb.DuckDBPyConnection | duckdb.DuckDBPyRelation):
                return Reading(found, self._folder)
            return found

        return call
