"""The text that stands in a payload for a personal one: see the package for its shape."""

import base64
import hmac
import re
from hashlib import sha256
from typing import NamedTuple

from esworkbench.errors import UnusableInput

VERSION = "personal:v1"
ENVELOPE = re.compile(r"personal:v1:([0-9a-f]{32}):([0-9a-f]{24}):([A-Za-z0-9_-]{22,})")
NONCE_BYTES = 12
KEY_BYTES = 32


class SealedText(NamedTuple):
    """What can be read of it without the key."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


def envelope_in(text: str) -> SealedText | None:
    """The envelope that a text is; None for any other text."""
    found = ENVELOPE.fullmatch(text)
    if found is None:
        return None
    padded = found[3] + "=" * (-len(found[3]) % 4)
    try:
        return SealedText(found[1], bytes.fromhex(found[2]), base64.urlsafe_b64decode(padded))
    except ValueError:
        return None


def seal(key: bytes, key_id: str, subject: str, field: str, text: str) -> str:
    """The envelope of a text, as text.

    The nonce is derived from key and text (as SIV modes do, RFC 5297), so a command that is sent again is sealed the
    same way, and known by its idempotency key. That one subject's same text looks the same is all that it gives away.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    bound, plain = _bound(key_id, subject, field), text.encode()
    nonce = hmac.digest(hmac.digest(key, b"personal:v1:nonce", sha256), bound + plain, sha256)[:NONCE_BYTES]
    sealed = AESGCM(key).encrypt(nonce, plain, bound)
    return f"{VERSION}:{key_id}:{nonce.hex()}:{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


def unseal(key: bytes, envelope: SealedText, subject: str, field: str) -> str:
    """The text. Raises UnusableInput for an envelope that was changed, or moved here from elsewhere."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        plain = AESGCM(key).decrypt(envelope.nonce, envelope.ciphertext, _bound(envelope.key_id, subject, field))
        return plain.decode()
    except (InvalidTag, ValueError):
        raise UnusableInput(
            f"the personal data in {field} of {subject!r} doesn't open with its key {envelope.key_id}: it was changed, "
            "or put there from elsewhere; verify the log"
        ) from None


def _bound(key_id: str, subject: str, field: str) -> bytes:
    parts = [part.encode() for part in (VERSION, key_id, subject, field)]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
