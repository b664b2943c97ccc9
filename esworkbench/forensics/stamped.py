"""What a third party's timestamps say: the tokens beside the anchors of the evidence, and beside its manifest.

A token names the SHA-256 of what it is over, so whether it is over this very anchor shows without knowing who signed.
Whether it is whole, and who signed, takes the authority's certificate, which whoever investigates brings: one that lies
beside the token may be laid there by whoever lays a forged token there.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from esworkbench.archive.manifest import MANIFEST
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.anchored import held_against_anchors

TOLERANCE = timedelta(minutes=5)
"""By so much two honest clocks may differ."""

Outcome = Literal["signed", "unchecked", "other_imprint", "bad_signature", "other_authority", "no_token", "unread"]

TAMPERED: tuple[Outcome, ...] = ("other_imprint", "bad_signature")


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """One token and what came of it.

    ``of``: an anchor, by its ``position``, or the manifest. ``outcome``: signed, by the authority whose certificate was
    named; unchecked: it is over this, and no certificate was named; other_imprint: it is over something else;
    bad_signature: it isn't what that authority signed; other_authority: that isn't who signed it; no_token; unread:
    the extra that reads it isn't installed. ``at``: what time it says. ``early``: that is before the anchor's own.
    """

    of: Literal["anchor", "manifest"]
    position: int | None
    outcome: Outcome
    at: str | None
    early: bool
    words: str


class _Token(NamedTuple):
    content: bytes
    of: Literal["anchor", "manifest"]
    position: int | None
    over: dict[bytes, str]
    """The digests that it may be over, and what to say beside."""
    own_time: datetime | None

    @property
    def named(self) -> str:
        return "the timestamp of the " + (
            "manifest" if self.position is None else f"anchor at position {self.position}"
        )


def read_stamps(evidence: Evidence, authority: Path | None = None) -> list[Stamp]:
    """Every token, the manifest's first, held against what it lies beside and, where it is named, against the file with
    the authority's certificates. Raises UnusableInput for a file that holds none.
    """
    tokens = [*_of_manifest(evidence), *_of_anchors(evidence)]
    if authority is None and not tokens:
        return []
    try:
        import rfc3161_client  # noqa: F401  only whether it is there
    except ModuleNotFoundError:
        if authority is not None:
            raise
        return [_stamp(each, "unread", None, "lies here unread: install the extra [timestamps]") for each in tokens]
    if authority is not None:
        from esworkbench.event_store.anchors.timestamps import certificates_in

        certificates_in(authority)
    return [_read(each, authority) for each in tokens]


def left_unproven(stamps: list[Stamp]) -> list[str]:
    """What of the tokens is neither proven nor refuted."""
    return [each.words for each in stamps if each.outcome != "signed" and each.outcome not in TAMPERED]


def _of_manifest(evidence: Evidence) -> Iterator[_Token]:
    """The one token that no manifest can list, because it is over it, or over an earlier one where it was added to."""
    from esworkbench.event_store.anchors.timestamps import TOKEN, read_token

    try:
        content = read_token(evidence.path / f"{MANIFEST}{TOKEN}")
    except UnusableInput:
        return
    over = {bytes.fromhex(evidence.digest): ""}
    over |= {bytes.fromhex(digest): " of an earlier state" for digest, _ in evidence.manifest.earlier(evidence.path)}
    yield _Token(content, "manifest", None, over, None)


def _of_anchors(evidence: Evidence) -> Iterator[_Token]:
    from esworkbench.event_store.columns import moment_of

    for anchor, token in held_against_anchors(evidence).tokens:
        over = {bytes.fromhex(anchor.digest): ""}
        yield _Token(token, "anchor", anchor.position, over, moment_of(anchor.anchored_at))


def _read(token: _Token, authority: Path | None) -> Stamp:
    from esworkbench.event_store.anchors.timestamps import TimestampRefused, moment_and_imprint, require_signed
    from esworkbench.event_store.columns import moment_text

    try:
        moment, imprint = moment_and_imprint(token.content)
    except TimestampRefused as refused:
        return _stamp(token, refused.failure, None, f"proves nothing: {refused}")
    if imprint not in token.over:
        return _stamp(
            token, "other_imprint", moment,
            f"isn't over it: it names {imprint.hex()[:16]}…, so what it lies beside was changed since, or exchanged",
        )  # fmt: skip
    beside = token.over[imprint]
    if authority is None:
        return _stamp(
            token, "unchecked", moment,
            f"fits it{beside} and says {moment_text(moment)}; who signed that isn't checked: name the authority's "
            "certificate (--authority-certificate)",
        )  # fmt: skip
    try:
        require_signed(token.content, imprint, authority)
    except TimestampRefused as refused:
        return _stamp(token, refused.failure, moment, f"proves nothing: {refused}")
    return _stamp(
        token, "signed", moment, f"fits it{beside}; the authority says that it was there at {moment_text(moment)}"
    )


def _stamp(token: _Token, outcome: Outcome, moment: datetime | None, words: str) -> Stamp:
    from esworkbench.event_store.columns import moment_text

    early = bool(moment and token.own_time and moment < token.own_time - TOLERANCE)
    if early and token.own_time:
        words += f", which is before the anchor's own time, {moment_text(token.own_time)}: one of the clocks was wrong"
    at = moment_text(moment) if moment else None
    return Stamp(
        of=token.of, position=token.position, outcome=outcome, at=at, early=early, words=f"{token.named} {words}"
    )
