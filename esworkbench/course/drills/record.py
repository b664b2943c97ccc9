"""What is kept of a drill: ``drill.json``, in the drill's own folder.

It holds nothing of the answer. The fingerprint is of all accounts, because a list of the healthy ones would name the
others. What happened is only ever added to.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import parse_url

RECORD = "drill.json"
BANK = "bank.db"

Clock = Callable[[], datetime]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class RowsMark(msgspec.Struct, frozen=True):
    """How many rows of one table belong to one account, and the SHA-256 over all of them, 64 hex digits."""

    rows: int
    sha256: str


Fingerprint = dict[str, dict[str, RowsMark]]
"""By account, then by table."""


class DrillEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened in a drill, and when.

    A verdict has ``points`` for each part of the rubric, what hints and earlier verdicts ``cost``, and the ``total``.
    """

    at: Moment
    what: Literal["hint", "verdict", "revealed", "debrief"]
    words: list[str] = []
    points: dict[str, int] = {}
    cost: int = 0
    total: int = 0


class Drill(msgspec.Struct, kw_only=True):
    """One drill. ``bank_now`` is the bank's own last moment, by which ages of holds are measured."""

    kind: Literal["esworkbench drill"] = "esworkbench drill"
    level: Annotated[int, msgspec.Meta(ge=1, le=4)]
    seed: int
    minutes: Annotated[int, msgspec.Meta(ge=1)]
    started_at: Moment
    bank_now: Moment
    account: str
    complaint: str
    fingerprint: Fingerprint
    happened: list[DrillEntry] = []

    def of(self, what: str) -> list[DrillEntry]:
        """All that happened of this sort, oldest first."""
        return [each for each in self.happened if each.what == what]

    @property
    def told(self) -> bool:
        """Whether the answer has been seen, which ends the drill."""
        return bool(self.of("revealed") or self.of("debrief"))

    @property
    def verdict(self) -> DrillEntry | None:
        """The one that counts: the last."""
        return next(reversed(self.of("verdict")), None)

    def minutes_until(self, moment: datetime) -> int:
        """Whole minutes since the start."""
        return (moment - self.started_at) // timedelta(minutes=1)


def bank_in(folder: Path) -> str:
    """The URL of a drill's bank."""
    return f"sqlite:///{folder / BANK}"


def read_drill(path: Path) -> Drill:
    """The drill in this folder, or in this file. Raises UnusableInput where there is none, or none that can be read."""
    path = path / RECORD if path.is_dir() else path
    try:
        return msgspec.json.decode(path.read_bytes(), type=Drill)
    except FileNotFoundError:
        raise UnusableInput(f"there is no drill at {path}: `esworkbench drill start` begins one") from None
    except OSError as error:
        raise UnusableInput(f"the drill {path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UnusableInput(f"{path} is damaged, or no drill of this tool: {error}") from None


def keep_drill(folder: Path, drill: Drill) -> None:
    """Write ``drill.json``, all of it or nothing. Raises UnusableInput where it can't be."""
    partial = folder / f".{RECORD}.partial-{uuid.uuid4().hex[:8]}"
    try:
        with partial.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(drill), indent=2) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / RECORD)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UnusableInput(f"the drill in {folder} can't be kept: {error.strerror}") from None


def add(folder: Path, drill: Drill, happening: DrillEntry) -> DrillEntry:
    """One more line of what happened, in the file and in ``drill``."""
    drill.happened = [*drill.happened, happening]
    keep_drill(folder, drill)
    return happening


@contextmanager
def noting_the_reveal(url: str, clock: Clock) -> Iterator[None]:
    """For whoever opens the sealed answer of the bank at ``url``: its drill, if it is one's, ends with that.

    Raises UnusableInput where the drill beside it can't be read, before the answer is seen.
    """
    parsed = parse_url(url)
    path = Path(str(parsed.database))
    is_drill = parsed.drivername == "sqlite" and path.name == BANK and path.with_name(RECORD).exists()
    drill = read_drill(path.parent) if is_drill else None
    yield
    if drill is not None and not drill.told:
        add(path.parent, drill, DrillEntry(at=clock(), what="revealed"))
