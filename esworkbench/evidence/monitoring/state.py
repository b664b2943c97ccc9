"""What a run of the monitor leaves for the next, so that each reads only what is new. A file outside the store."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.kept_files import decoded, read_kept, replace_whole

WINDOW = 100_000
"""So many of the latest positions are looked at again each time."""

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Sums(msgspec.Struct):
    """The event sum of every account and currency up to ``position``, in minor units; never a float."""

    position: _Count = 0
    by_account: dict[str, dict[str, int]] = {}
    unposted: dict[str, int] = {}
    problems: int = 0


class LogSeen(msgspec.Struct, frozen=True):
    """Where the log ended, and how many events stood behind ``after``."""

    head: _Count
    after: _Count
    events: _Count


class WholeSeen(msgspec.Struct, frozen=True):
    """What the last look at the whole store found, and when: it stands until the next."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    words: str
    count: _Count
    found: list[dict[str, Any]]


KIND = "esworkbench:monitor:v1"
BEGINS = f'{{"kind":"{KIND}"'.encode()


class MonitorState(msgspec.Struct, tag_field="kind", tag=KIND):
    """``first_hash`` tells one log from another; ``ledger`` is the SHA-256 of the definition that the sums follow.

    ``sums`` go by read model, since each stands at its own checkpoint. ``log`` is not brought up to date by a run that
    found events gone, so that each later run finds it too.
    """

    first_hash: str | None = None
    ledger: str | None = None
    sums: dict[str, Sums] = {}
    log: LogSeen | None = None
    whole: WholeSeen | None = None


def read_state(path: Path) -> tuple[MonitorState, str | None]:
    """What the last run left; where it can't be used an empty one, and why in a sentence.

    Raises UnusableInput for a file that no run left: the next state would take its place.
    """
    _require_ours(path)
    try:
        return decoded(read_kept(path), MonitorState), None
    except FileNotFoundError:
        return MonitorState(), None
    except (UnusableInput, ValueError, RecursionError) as error:
        return MonitorState(), f"what the last run left can't be used, so this one begins anew: {error}"


def _require_ours(path: Path) -> None:
    if not path.exists() and not path.is_symlink():
        return
    try:
        with regular_file(path).open("rb") as file:
            begins = file.read(len(BEGINS))
    except OSError as error:
        raise UnusableInput(f"{path} can't be read: {error.strerror}") from None
    if begins and begins != BEGINS:
        raise UnusableInput(
            f"{path} is nothing that an earlier run left, and is not overwritten: name another file for it, or none"
        )


def write_state(path: Path, state: MonitorState) -> None:
    """Keep it for the next run, whole or not at all. Raises UnusableInput."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, msgspec.json.encode(state) + b"\n")
    except OSError as error:
        raise UnusableInput(f"what the next run needs can't be kept in {path}: {error.strerror}") from None
