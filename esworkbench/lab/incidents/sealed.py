"""The sealed answer: out of sight of whoever investigates. An envelope against a stray glance, not a safe."""

import base64
import zlib
from pathlib import Path

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.sidecar import SEALED
from esworkbench.kept_files import MOST_BYTES, read_kept

_HEADER = b"esworkbench sealed answer v1; open it with: esworkbench incident reveal URL\n"


class PlantedFault(msgspec.Struct, frozen=True):
    """One fault, as the lab knows it.

    ``amount`` is its share, in minor units, of claimed − event sum in the source it hits: a read model, or the
    statement. A fault of the whole store has no account, and amount 0.
    """

    fault: str
    account: str | None
    event_ids: list[str]
    positions: list[int]
    amount: int
    currency: str | None


class SealedCase(msgspec.Struct, frozen=True):
    """What a case of the course is built from."""

    fault: str
    seed: int


CASES = {"A": b"eJyrVkpLLM0pUbJSKs0rSi3OzylLTYkvSM1LycxLV9JRKk5NTVGyMqwFAB27Dd4="}
"""By name, each in an envelope of its own, so that a notebook that names one doesn't tell what it is."""


def close(told: object) -> bytes:
    """An envelope with this in it."""
    return base64.encodebytes(zlib.compress(msgspec.json.encode(told)))


def case_named(name: str) -> SealedCase:
    """What that case is built from. Raises UnusableInput for a name that is none."""
    if name not in CASES:
        raise UnusableInput(f"there is no case {name!r}: choose one of {', '.join(CASES)}")
    return msgspec.json.decode(zlib.decompress(base64.b64decode(CASES[name])), type=SealedCase)


def seal(folder: Path, planted: list[PlantedFault]) -> None:
    (folder / SEALED).write_bytes(_HEADER + close(planted))


def unseal(folder: Path) -> list[PlantedFault]:
    """What ``seal`` put there. Raises UnusableInput when there is no answer, or none that opens."""
    path = folder / SEALED
    if not path.is_file():
        raise UnusableInput(f"there is no sealed answer at {str(path)!r}: the lab didn't build this bank, or not here")
    header, _, answer = read_kept(path).partition(b"\n")
    try:
        if header + b"\n" != _HEADER:
            raise ValueError("another header")
        return msgspec.json.decode(_unpacked(base64.b64decode(answer)), type=list[PlantedFault])
    except (ValueError, RecursionError, zlib.error, msgspec.MsgspecError):
        raise UnusableInput(f"the sealed answer at {str(path)!r} is damaged: build the incident again") from None


def _unpacked(packed: bytes) -> bytes:
    """A few bytes may unpack to more than a machine holds."""
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(packed, MOST_BYTES)
    if not unpacking.eof:
        raise ValueError("cut off, or larger than any answer")
    return found
