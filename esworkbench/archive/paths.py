"""Where a row lies: the bucket of its key, and a path as SQL is told it."""

import zlib


def bucket_of(key: str, buckets: int) -> int:
    """The bucket of a stream or account, 0 … buckets - 1."""
    return zlib.crc32(key.encode("utf-8")) % buckets


def quoted(value: object) -> str:
    """A SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"
