"""The format of evidence on disk: Parquet in hash buckets, and a manifest that pins every byte.

``manifest``: what was taken, from where, up to which cut, and the SHA-256 of every file.
``paths``: the bucket a key belongs in, and a path as SQL is told it.
``tables``: the columns of each table.
``writer``: writes an archive in bounded memory, all of it or none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from esworkbench.archive.manifest import MANIFEST, Cut, LedgerRecord, Manifest, Problem, file_digest
from esworkbench.archive.paths import bucket_of, quoted

if TYPE_CHECKING:
    from esworkbench.archive.tables import BUCKETED, SCHEMAS
    from esworkbench.archive.writer import ArchiveWriter

__all__ = [
    "BUCKETED",
    "MANIFEST",
    "SCHEMAS",
    "ArchiveWriter",
    "Cut",
    "LedgerRecord",
    "Manifest",
    "Problem",
    "bucket_of",
    "file_digest",
    "quoted",
]

if not TYPE_CHECKING:  # a type checker would take every name that isn't there for one of these
    _MODULES = {"ArchiveWriter": "writer", "BUCKETED": "tables", "SCHEMAS": "tables"}

    def __getattr__(name: str) -> Any:
        """PEP 562: what needs Arrow or DuckDB is imported when it is asked for."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
