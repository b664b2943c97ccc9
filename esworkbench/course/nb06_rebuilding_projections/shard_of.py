"""The exercise ``shard_of``: the same shard of a stream in every process."""

import zlib

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake

TASK = (
    "The shard that a stream belongs to: the CRC-32 of its name in UTF-8, modulo `count`. There are `count` "
    "shards, at least one and any number of them, counted from 0. Every process must come to the same answer."
)


def shard_of(stream_id: str, count: int) -> int:
    """As the archive's buckets: the same in each process, and as even as names of any kind."""
    return zlib.crc32(stream_id.encode()) % count


NAMES = st.one_of(
    st.builds("{}-{}".format, st.sampled_from(["BankAccount", "Claim", "Pólizas"]), st.integers(1, 40)),
    st.builds(
        "{}-{}".format,
        st.sampled_from(["BankAccount" * 9, "Po\u0301lizas", " Claim", "\N{COW FACE}"]),
        st.integers(1, 9),
    ),
    st.sampled_from(["", "Claim-1 ", "claim", "CLAIM-1"]),
)
COUNTS = st.one_of(st.integers(1, 9), st.sampled_from([255, 256, 257, 300, 1_000, 1_024, 5_000, 2**32 - 1, 2**40]))


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _by_hash(stream_id: str, count: int) -> int:
    return hash(stream_id) % count


def _by_category(stream_id: str, count: int) -> int:
    return shard_of(stream_id.partition("-")[0], count)


def _from_one(stream_id: str, count: int) -> int:
    return shard_of(stream_id, count) + 1


def _by_bits(stream_id: str, count: int) -> int:
    return zlib.crc32(stream_id.encode()) & (count - 1)


def _by_length(stream_id: str, count: int) -> int:
    return len(stream_id) % count


# --- the exercise -----------------------------------------------------------------------------------------------------

SHARD_OF = Exercise(
    name="shard_of",
    task=TASK,
    stub="import zlib\n\n\ndef my_shard_of(stream_id: str, count: int) -> int: ...",
    reference=shard_of,
    cases=st.tuples(NAMES, COUNTS),
    examples=[
        ("BankAccount-1", 3),
        ("BankAccount-2", 4),
        ("BankAccount-2", 7),
        ("Pólizas-12", 5),
        ("BankAccount-1", 300),
        ("BankAccount-1", 5_000),
        ("BankAccount-6f1c2f0e-3b1d-4c55-9a5e-0d9f5b1f7a10", 5),
    ],
    hints=("`zlib.crc32` takes bytes.", "`zlib.crc32(stream_id.encode()) % count`"),
    mistakes={
        "hash()": Mistake(
            _by_hash, "Python's `hash` of a text differs in each process: two of them would claim one stream"
        ),
        "by category": Mistake(
            _by_category, "all streams of one category come into one shard: take the whole name of the stream"
        ),
        "counted from one": Mistake(_from_one, "the shards are counted from 0 on, so none has the number `count`"),
        "by bits": Mistake(
            _by_bits, "`&` cuts bits off, which is a remainder only where `count` is a power of two: use `%`"
        ),
        "by length": Mistake(
            _by_length, "names of one length come into one shard, and nearly all have one length: take the CRC-32"
        ),
    },
)
