"""DuckDB, set up so that what it answers can be relied on."""

import duckdb

WRONG_RESULTS = "statistics_propagation,compressed_materialization"
"""Optimizers left out. In DuckDB 2.0.0 the statistics of one column are taken for another's after a filter has moved;
values are then squeezed into a type too small for them and come back as others, without an error
(duckdb/duckdb#25886 is of that kind)."""


def connect_duckdb(**settings: str) -> duckdb.DuckDBPyConnection:
    """A database in memory with these settings. It installs nothing from the network."""
    return duckdb.connect(
        config={"autoinstall_known_extensions": "false", "disabled_optimizers": WRONG_RESULTS, **settings}
    )
