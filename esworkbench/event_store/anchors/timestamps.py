"""A third party's word for when an anchor, or any file, was there: an RFC 3161 token, asked for and checked.

The authority gets a digest and nothing else, signs it with its own clock's time, and who holds the anchor's key
can't talk it into an earlier one. It is asked only where its address is given. The whole response is kept (``.tsr``) as
``openssl ts -reply`` and ``openssl ts -verify`` read it: ``openssl ts -verify -digest HEX -in X.tsr -CAfile CA.pem``.
"""

import threading
import time
from concurrent.futures import Future
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from esworkbench.credentials import without_credentials
from esworkbench.errors import UnusableInput
from esworkbench.event_store.anchors.files import NAME, read_anchor, write_new
from esworkbench.kept_files import opened, read_all

if TYPE_CHECKING:
    from urllib.request import Request

    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

SECONDS = 20.0
"""How long an authority may take: to be found, to be reached, and to send all of its answer."""
MOST_TOKEN_BYTES = 1 << 18
TOKEN = ".tsr"

Failure = Literal["no_token", "other_imprint", "other_authority", "bad_signature"]
"""What can be wrong with a token: it is none, or none was granted; it is over something else; who signed it isn't the
authority whose certificate was given; or it was, and this isn't what was signed."""

STRANGERS = ("issuer certificate", "self-signed certificate", "self signed certificate", "certificates neither found")
"""How OpenSSL and the verifier say that a certificate leads to none that was given."""


class TimestampRefused(UnusableInput):
    """A token that proves nothing; ``failure`` says which check failed."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


def stamped_bytes(path: Path) -> bytes:
    """What a token for this file is over, before hashing: an anchor's ``digested_bytes``; of any other file its bytes.

    Raises UnusableInput where the file can't be read.
    """
    if NAME.fullmatch(path.name):
        return read_anchor(path).anchor.digested_bytes()
    return _read(path, "file")


def require_authority(authority: str) -> str:
    """The host of an authority that can be asked from here. Raises UnusableInput for another kind of address, and
    ModuleNotFoundError without the extra ``timestamps``: so ask before there is something to be stamped.
    """
    import rfc3161_client  # noqa: F401  only whether it is there

    try:
        parts = urlsplit(authority)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if "@" in authority:  # before anything is said of its parts, since a password may stand in any of them
        raise UnusableInput(
            "a timestamp authority is asked without a user's name and password: write its address without them, and an "
            "@ in its path as %40 (the address isn't repeated here)"
        )
    if parts is None or not host or parts.scheme not in ("http", "https"):
        raise UnusableInput("a timestamp authority is asked over http:// or https://: write its whole address")
    if not authority.isascii() or not authority.isprintable() or " " in authority:
        raise UnusableInput("the address of a timestamp authority holds what must be percent-encoded, such as a blank")
    return host


def request_token(authority: str, message: bytes, *, seconds: float = SECONDS) -> bytes:
    """Ask the authority at an http(s) address for a token over the SHA-256 of a message; the response as it came.

    Raises UnusableInput where it hasn't answered within so many seconds, all in all; TimestampRefused where what it
    answers is no token over that.
    """
    import urllib.request
    from http.client import HTTPException
    from urllib.error import URLError

    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    host = require_authority(authority)
    query = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
    request = urllib.request.Request(
        authority, query.as_bytes(), {"Content-Type": "application/timestamp-query"}, method="POST"
    )
    try:
        content = _answer_to(request, seconds)
    except (OSError, ValueError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        # What a server sends back may repeat what it was sent: a query may hold a key of whoever asks.
        said = without_credentials(" ".join(str(reason).split())[:160], secrets=[urlsplit(authority).query])
        raise UnusableInput(
            f"the timestamp authority at {host} gave no answer ({said}): what was written stays, so ask again"
        ) from None
    if _decoded(content).tst_info.nonce != query.nonce:
        raise TimestampRefused(
            "no_token", "the timestamp authority answered another question than was asked: ask again"
        )
    require_imprint(content, message)
    return content


def _answer_to(request: "Request", seconds: float) -> bytes:
    """What comes back within so many seconds. Raises TimeoutError, or what urllib does.

    A socket's timeout starts again with every byte, and finding a host's address has none. So somebody else asks, and
    is left to it when the time is over; of a process that ends it holds up nothing.
    """
    import urllib.request

    ends = time.monotonic() + seconds
    answered: Future[bytes] = Future()

    def ask() -> None:
        try:
            content = b""
            with urllib.request.urlopen(request, timeout=seconds) as response:
                while len(content) <= MOST_TOKEN_BYTES and (more := response.read1(MOST_TOKEN_BYTES)):
                    content += more
                    if time.monotonic() > ends:  # nobody waits for the rest
                        return
            answered.set_result(content)
        except Exception as error:  # noqa: BLE001 (told to whoever waits)
            answered.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answered.result(timeout=seconds)
    except TimeoutError:
        raise TimeoutError(f"it took longer than {seconds:g} s") from None


def require_imprint(token: bytes, message: bytes) -> datetime:
    """When a token says that this message was there, by its signer's clock; who that is isn't checked.

    Raises TimestampRefused (no_token, other_imprint).
    """
    moment, imprint = moment_and_imprint(token)
    if imprint != sha256(message).digest():
        raise TimestampRefused(
            "other_imprint",
            f"the message imprint of the timestamp is {imprint.hex()[:16]}…, and of what is there "
            f"{sha256(message).hexdigest()[:16]}…: it was changed since, or the token belongs to something else",
        )
    return moment


def moment_and_imprint(token: bytes) -> tuple[datetime, bytes]:
    """When a token says that something was there, and the SHA-256 of what; empty where it is another digest.

    Raises TimestampRefused (no_token).
    """
    info = _decoded(token).tst_info
    imprint = info.message_imprint
    return info.gen_time, imprint.message if imprint.hash_algorithm.dotted_string == SHA256 else b""


def is_over(token: bytes, message: bytes) -> bool:
    """Whether a token is one over this message, by whoever signed it.

    Without the extra ``timestamps``, whether it holds the message's digest at all.
    """
    try:
        require_imprint(token, message)
    except TimestampRefused:
        return False
    except ModuleNotFoundError:
        return token.startswith(DER_SEQUENCE) and sha256(message).digest() in token
    return True


def check_token(token: bytes, message: bytes, certificates: Path) -> datetime:
    """When an authority says that this message was there, if it is that of the certificates (PEM, its root among them).

    Raises TimestampRefused, and UnusableInput for a file without certificates.
    """
    moment = require_imprint(token, message)
    require_signed(token, sha256(message).digest(), certificates)
    return moment


def require_signed(token: bytes, imprint: bytes, certificates: Path) -> None:
    """Raises TimestampRefused (other_authority, bad_signature) unless an authority of these certificates signed it."""
    from rfc3161_client import VerificationError, VerifierBuilder

    given = certificates_in(certificates)
    response = _decoded(token)
    builder = VerifierBuilder(
        roots=[each for each in given if each.issuer == each.subject] or given,
        intermediates=[each for each in given if each.issuer != each.subject],
    )
    try:
        builder.build().verify(response, imprint)
    except (VerificationError, ValueError) as error:
        if not any(words in str(error).lower() for words in STRANGERS):
            raise TimestampRefused(
                "bad_signature",
                f"the timestamp isn't as the authority in {certificates} signed it: it was altered, or signed with a "
                "certificate that isn't for that or wasn't valid then",
            ) from None
        raise TimestampRefused(
            "other_authority",
            f"the timestamp isn't signed by the authority in {certificates} ({str(error).partition(':')[0]}): name the "
            "certificates of the authority that was asked, its root among them",
        ) from None


def read_token(path: Path) -> bytes:
    """The response in a ``.tsr`` file. Raises UnusableInput."""
    return _read(path, "timestamp")


def write_token(path: Path, token: bytes) -> None:
    """Keep a response in a new file, all of it or nothing. Raises UnusableInput where one is."""
    write_new(path, token)


DER_SEQUENCE = b"\x30"
CERTIFICATES = 0xA0
SHA256 = "2.16.840.1.101.3.4.2.1"


def _decoded(token: bytes) -> "TimeStampResponse":
    from rfc3161_client import decode_timestamp_response

    try:
        if len(token) > MOST_TOKEN_BYTES:
            raise ValueError("larger than any token")
        response = decode_timestamp_response(_in_order(token))
        if response.status not in (0, 1):
            said = ", ".join(response.status_string)[:160] or f"status {response.status}"
            raise TimestampRefused("no_token", f"the timestamp authority granted no timestamp ({said}): ask another")
        _ = response.tst_info.message_imprint
    except ValueError as error:
        raise TimestampRefused(
            "no_token", f"this is no RFC 3161 timestamp ({' '.join(str(error).split())[:160]}): ask the authority again"
        ) from None
    return response


def _in_order(token: bytes) -> bytes:
    """The token with its certificates in DER's order for a set, which the decoder insists on and OpenSSL's ``-chain``
    doesn't keep. No signature covers their order, and in any order they take as many bytes.
    """
    try:
        place = _parts(token, 0)[0]
        for step in (1, 1, 0, 3):  # the token beside its status; the content beside its type; that; its certificates
            place = _parts(token, place[1], place[2])[step]
        if token[place[0]] != CERTIFICATES:
            return token
        certificates = sorted(token[begin:end] for begin, _, end in _parts(token, place[1], place[2]))
    except IndexError:
        return token
    return token[: place[1]] + b"".join(certificates) + token[place[2] :]


def _parts(data: bytes, at: int, end: int | None = None) -> list[tuple[int, int, int]]:
    """What stands in DER from here: of each where it begins, where its content does, and its end; without an end, of
    the one that is here. Raises IndexError where there is less than is said.
    """
    found = []
    while end is None or at < end:
        size, content = data[at + 1], at + 2
        if size & 0x80:
            content += size & 0x7F
            size = int.from_bytes(data[at + 2 : content])
        if content + size > len(data):
            raise IndexError(at)
        found.append((at, content, content + size))
        at = content + size
        if end is None:
            break
    return found


def certificates_in(path: Path) -> "list[Certificate]":
    """The certificates (PEM) in a file. Raises UnusableInput where there is none."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(_read(path, "certificate"))
    except ValueError:
        raise UnusableInput(f"{path} holds no certificates in PEM: name the authority's, its root among them") from None


def _read(path: Path, what: str) -> bytes:
    try:
        with opened(path, links=False) as descriptor:
            return read_all(descriptor, path)
    except FileNotFoundError:
        raise UnusableInput(f"there is no {what} at {path}") from None
    except (OSError, ValueError) as error:
        raise UnusableInput(f"the {what} {path} can't be read: {getattr(error, 'strerror', None) or error}") from None
