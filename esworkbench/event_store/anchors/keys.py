"""The key that signs anchors, in a file that only its owner reads; and its public half, which everybody may have.

Ed25519 in PEM, as ``openssl genpkey -algorithm ed25519`` writes it, so any tool can use either half. A key that lies
where the log's intruder reads it signs for the intruder: keep it away from the database's machine where you can.
"""

import os
import stat
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.anchor import Anchor, TreeHead, signed_bytes
from esworkbench.kept_files import opened, read_all

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_BYTES = 1 << 14
"""No Ed25519 key in PEM is nearly as long."""
MOST_KEYS = 1000
PUBLIC = ".pem"


def key_id_of(public_key: bytes) -> str:
    """What a key is called: SHA-256 of the 32 bytes of its public half, as hex."""
    return sha256(public_key).hexdigest()


class SigningKey:
    """A private key at hand. Printing it shows its id alone."""

    def __init__(self, private: "Ed25519PrivateKey") -> None:
        self._private = private
        self.public_key = private.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public_key)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"

    def sign(self, head: TreeHead, *, anchored_at: str, previous: str) -> Anchor:
        """The anchor that says so of a log; ``anchored_at`` as ``moment_text`` writes it."""
        signature = self._private.sign(signed_bytes(head, anchored_at, previous, self.key_id)).hex()
        return Anchor(
            log_id=head.log_id, position=head.position, count=head.count, root=head.root,
            anchored_at=anchored_at, previous=previous, key_id=self.key_id, signature=signature,
        )  # fmt: skip


def create_key(path: Path) -> SigningKey:
    """Draw a key and keep it in a new file that only its owner reads (0600).

    Raises UnusableInput where something lies there already, a link included: a key that is overwritten is lost.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = Ed25519PrivateKey.generate()
    content = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError:
        raise UnusableInput(f"{path} is there already, and a key is never overwritten: name another file") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return SigningKey(private)


def load_key(path: Path) -> SigningKey:
    """The key in a file. Raises UnusableInput for a link, a pipe, no key, or a file that others may read."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(path, "key", private=True)
    try:
        private = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise UnusableInput(
            f"{path} holds no Ed25519 key in PEM, or one with a passphrase: name the key file"
        ) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise UnusableInput(f"{path} holds a key of another kind: anchors are signed with Ed25519")
    return SigningKey(private)


def write_public_key(public_key: bytes, folder: Path) -> Path:
    """Keep the public half in the folder, named by the key's id; it may lie there already. Raises UnusableInput."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key_id_of(public_key)}{PUBLIC}"
    content = Ed25519PublicKey.from_public_bytes(public_key).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    try:
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        if read_public_key(path) != public_key:
            raise UnusableInput(f"{path} holds another key than its name says: move it away") from None
    return path


def read_public_key(path: Path) -> bytes:
    """The 32 bytes of a public key in PEM. Raises UnusableInput."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path, "public key")
    if b"PRIVATE KEY" in content:
        raise UnusableInput(f"{path} is the private half, which nobody else should have: name the public one")
    try:
        public = load_pem_public_key(content)
    except ValueError:
        raise UnusableInput(f"{path} holds no public Ed25519 key in PEM: name the file that `anchor` wrote") from None
    if not isinstance(public, Ed25519PublicKey):
        raise UnusableInput(f"{path} holds a public key of another kind: anchors are signed with Ed25519")
    return public.public_bytes_raw()


def read_public_keys(folder: Path) -> Mapping[str, bytes]:
    """The public keys of a folder by their ids, which the names of the files don't decide; empty without the folder.

    They lie beside the anchors, so whoever forges one can lay its key there: an auditor brings the key.
    """
    if folder.is_symlink() or not folder.is_dir():
        return {}
    paths = sorted(each for each in folder.iterdir() if each.name.endswith(PUBLIC) and not each.name.startswith("."))
    if len(paths) > MOST_KEYS:
        raise UnusableInput(f"{folder} holds {len(paths):,} keys, which nobody signs with: name the key with --key")
    found = [read_public_key(path) for path in paths]
    return {key_id_of(key): key for key in found}


def _read(path: Path, what: str, *, private: bool = False) -> bytes:
    try:
        with opened(path, links=False) as descriptor:
            found = os.fstat(descriptor)
            if found.st_size > MOST_BYTES:
                raise UnusableInput(f"{path} is too large to be a {what}: name the key file")
            if private and sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
                raise UnusableInput(
                    f"{path} can be read by others, so anybody may have signed with it: chmod 600 it, and if others "
                    "were there, make a new key"
                )
            return read_all(descriptor, path)
    except FileNotFoundError:
        raise UnusableInput(f"there is no {what} at {path}") from None
    except (OSError, ValueError) as error:
        raise UnusableInput(f"the {what} {path} can't be read: {getattr(error, 'strerror', None) or error}") from None
