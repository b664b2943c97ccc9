"""The format of evidence on disk: Parquet in hash buckets, and a manifest that pins every byte.

``manifest``: what was taken, from where, up to which cut, and the SHA-256 of every file.
``paths``: the bucket a key belongs in, and a path as SQL is told it.
``form``: whether the files have the format's columns and as many rows as the manifest says.
``tables``: the columns of each table.
``sorting``: the rows of a table in order, in memory or by ranges on disk.
``duckdb_connection``: DuckDB without the optimizers that answer wrongly.
``writer``: writes an archive in bounded memory, all of it or none.
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
