"""The format of evidence on disk: Parquet in hash buckets, and a manifest that pins every byte."""

from esworkbench.archive.manifest import MANIFEST, Cut, LedgerRecord, Manifest, Problem, file_digest
from esworkbench.archive.tables import BUCKETED, SCHEMAS, bucket_of
from esworkbench.archive.writer import ArchiveWriter, quoted

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
