"""The sealed answer: AES-256-GCM under a key that lies elsewhere, so a bank can be handed over without its answer.

Each incident has an id and a key of its own. The key lies in the user's folder by that id, or where whoever builds the
incident puts it. A case of the course is known by a letter; what that letter stands for is in an envelope, against a
stray glance only. An answer names the last event of the bank's log as it was built: beside another bank it is refused.
"""

import base64
import os
import re
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.sidecar import SEALED, user_folder
from esworkbench.kept_files import MOST_BYTES, read_kept

_EARLIER = (b"esworkbench sealed answer v1;", b"esworkbench sealed answer v2 ")
_HEADER = (
    b"esworkbench sealed answer v3 of incident %s on the log with %s at %d; open it with: esworkbench incident reveal "
    b"URL\n"
)
_HEADER_LINE = re.compile(
    re.escape(_HEADER)
    .replace(b"%s", b"([0-9a-f]{32})", 1)
    .replace(b"%s", b"([0-9a-f]{64})")
    .replace(b"%d", b"([1-9][0-9]{0,18})")
)
_KEY = b"esworkbench key to the answer of incident %s\n%s\n"
_KEY_LINES = re.compile(rb"esworkbench key to the answer of incident ([0-9a-f]{32})\n([0-9a-f]{64})\n")
_NONCE = 12
_BLOCK = 8192
"""Answers are filled up to a multiple of so many bytes: a file's length is not to tell a healthy bank from others."""

KEY_BESIDE = "answer.key"
"""The name of a key that lies beside its database, as a drill's does."""


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


class LogEnd(NamedTuple):
    """The last event of a bank's log, as it was built: where it stands, and its hash."""

    position: int
    hash: str


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


def seal(folder: Path, planted: list[PlantedFault], end: LogEnd, key_file: Path | None = None) -> Path:
    """Put the answer into this outside folder, under a key of its own, and return where the key lies: ``key_file``,
    else the user's folder. ``end`` says of which bank it is. Raises UnusableInput where the key can't be kept.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    incident = secrets.token_hex(16)
    key = AESGCM.generate_key(256)
    where = key_file or keys_folder() / f"{incident}.key"
    _keep_key(where, incident, key)
    header = _HEADER % (incident.encode(), end.hash.encode(), end.position)
    nonce = secrets.token_bytes(_NONCE)
    told = msgspec.json.encode(planted)
    told += b" " * (-len(told) % _BLOCK)
    closed = nonce + AESGCM(key).encrypt(nonce, told, header)
    (folder / SEALED).write_bytes(header + base64.encodebytes(closed))
    return where


def unseal(
    folder: Path, hash_at: Callable[[int], str | None] | None, key_file: Path | None = None
) -> list[PlantedFault]:
    """What ``seal`` put there. The key is ``key_file``, else the user's own, else ``answer.key`` beside the database.

    ``hash_at`` says which hash the bank's event at a position has; None where there is no bank. Raises UnusableInput
    when there is no answer, or none that opens, or no key, and where the answer is that of another bank.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    path = folder / SEALED
    if not path.is_file():
        raise UnusableInput(f"there is no sealed answer at {str(path)!r}: the lab didn't build this bank, or not here")
    header, _, closed = read_kept(path).partition(b"\n")
    if header.startswith(_EARLIER):
        raise UnusableInput(f"the answer at {str(path)!r} was sealed by an earlier release: build the incident again")
    damaged = UnusableInput(f"the sealed answer at {str(path)!r} is damaged: build the incident again")
    sealed_for = _HEADER_LINE.fullmatch(header + b"\n")
    if sealed_for is None:
        raise damaged
    key = _key_of(sealed_for[1].decode(), [key_file] if key_file else _usual_places(sealed_for[1].decode(), folder))
    try:
        packed = base64.b64decode(closed.replace(b"\n", b""), validate=True)
        opened = AESGCM(key).decrypt(packed[:_NONCE], packed[_NONCE:], header + b"\n")
        told = msgspec.json.decode(opened, type=list[PlantedFault])
    except (ValueError, RecursionError, InvalidTag, msgspec.MsgspecError):
        raise damaged from None
    end = LogEnd(int(sealed_for[3]), sealed_for[2].decode())
    if hash_at is not None and hash_at(end.position) != end.hash:
        raise UnusableInput(
            f"the sealed answer at {str(path)!r} isn't that of this bank, whose log holds another event at position "
            f"{end.position}, or none: put the bank's own answer there, or build the incident again"
        )
    return told


def keys_folder() -> Path:
    """Where the keys of a user's incidents lie, each by the incident's id, readable by the user alone."""
    return user_folder() / "incident-keys"


def require_room_for(key_file: Path) -> None:
    """Raises UnusableInput where a key can't be put there, before an incident is built for it."""
    if key_file.exists() or key_file.is_symlink():
        raise UnusableInput(f"{str(key_file)!r} is there already, and stays as it is: name another file for the key")
    if not key_file.parent.is_dir():
        raise UnusableInput(f"there is no folder {str(key_file.parent)!r} to put the key into: make it first")


def _keep_key(path: Path, incident: str, key: bytes) -> None:
    try:
        if path.parent == keys_folder():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_KEY % (incident.encode(), key.hex().encode()))
    except OSError as error:
        raise UnusableInput(f"the key can't be kept at {str(path)!r}: {error.strerror}") from None


def _usual_places(incident: str, folder: Path) -> list[Path]:
    return [keys_folder() / f"{incident}.key", folder.parent / KEY_BESIDE]


def _key_of(incident: str, places: list[Path]) -> bytes:
    """The key of that incident, from the first place that has it."""
    for path in places:
        try:
            kept = _KEY_LINES.fullmatch(read_kept(path))
        except FileNotFoundError:
            continue
        if kept is None:
            raise UnusableInput(f"{str(path)!r} is no key to an incident's answer, or damaged")
        if kept[1].decode() == incident:
            return bytes.fromhex(kept[2].decode())
    looked = " or ".join(repr(str(path)) for path in places)
    raise UnusableInput(
        f"the key to this answer isn't at {looked}: whoever built the incident has it; name it with --key FILE"
    )


def _unpacked(packed: bytes) -> bytes:
    """A few bytes may unpack to more than a machine holds."""
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(packed, MOST_BYTES)
    if not unpacking.eof:
        raise ValueError("cut off, or larger than any answer")
    return found
