"""The format of evidence on disk: Parquet in hash buckets, and a manifest that pins every byte.

``manifest``: what was taken, from where, up to which cut, and the SHA-256 of every file.
``tables``: the columns of each table, and the bucket an account or a stream belongs in.
``writer``: writes an archive in bounded memory, all of it or none.
"""

from esworkbench.archive.manifest import MANIFEST, Cut, Manifest, Problem, file_digest
from esworkbench.archive.tables import BUCKETED, SCHEMAS, bucket_of
from esworkbench.archive.writer import ArchiveWriter, quoted

__all__ = [
    "BUCKETED",
    "MANIFEST",
    "SCHEMAS",
    "ArchiveWriter",
    "Cut",
    "Manifest",
    "Problem",
    "bucket_of",
    "file_digest",
    "quoted",
]
