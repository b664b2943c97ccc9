"""DuckDB, set up so that what it answers can be relied on."""

import atexit
import contextlib
import os
import tempfile
import uuid
from functools import cache
from pathlib import Path

import duckdb

from esworkbench.kept_files import throwaway_folder

WRONG_RESULTS = "statistics_propagation,compressed_materialization"
"""Optimizers left out. In DuckDB 2.0.0 the statistics of one column are taken for another's after a filter has moved;
values are then squeezed into a type too small for them and come back as others, without an error
(duckdb/duckdb#25886 is of that kind)."""


SPILL = "esworkbench-spill-"


def connect_duckdb(**settings: str) -> duckdb.DuckDBPyConnection:
    """A database in memory with these settings. It installs nothing from the network."""
    return duckdb.connect(
        config={"autoinstall_known_extensions": "false", "disabled_optimizers": WRONG_RESULTS, **settings}
    )


def spill_folder() -> Path:
    """Where DuckDB puts what doesn't fit in memory: this process's own folder, gone with it, or with the next process
    that needs one if this is killed. Where none can be made, one that isn't there: what fits in memory needs none."""
    try:
        return _spill_folder_of(os.getpid())
    except OSError:
        return Path(tempfile.gettempdir()) / f"{SPILL}{uuid.uuid4().hex}"


@cache
def _spill_folder_of(process: int) -> Path:
    kept = contextlib.ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(throwaway_folder(SPILL))
