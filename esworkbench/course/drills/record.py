"""What is kept of a drill: ``drill.json``, in the drill's own folder.

It holds nothing of the answer. The fingerprint is of all accounts, because a list of the healthy ones would name the
others. What happened is only ever added to.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.event_store.database import parse_url, sqlite_url
from esworkbench.kept_files import decoded, read_kept, replace_whole, turn_at

RECORD = "drill.json"
BANK = "bank.db"

Clock = Callable[[], datetime]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
MOST = 2**63 - 1
Whole = Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]
MOST_MINUTES = 366 * 24 * 60
"""Nobody is at a drill for longer than a year."""


class RowsMark(msgspec.Struct, frozen=True):
    """How many rows of one table belong to one account, and the SHA-256 over all of them, 64 hex digits."""

    rows: Whole
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
    points: dict[str, Whole] = {}
    cost: Whole = 0
    total: Whole = 0


class Drill(msgspec.Struct, kw_only=True):
    """One drill. ``bank_now`` is the bank's own last moment, by which ages of holds are measured."""

    kind: Literal["esworkbench drill"] = "esworkbench drill"
    level: Annotated[int, msgspec.Meta(ge=1, le=4)]
    seed: Whole
    minutes: Annotated[int, msgspec.Meta(ge=1, le=MOST_MINUTES)]
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
    return sqlite_url(folder / BANK)


def read_drill(path: Path) -> Drill:
    """The drill in this folder, or in this file. Raises UnusableInput where there is none, or none that can be read."""
    path = path / RECORD if path.is_dir() else path
    try:
        return decoded(read_kept(path), Drill)
    except UnusableInput:
        raise
    except FileNotFoundError:
        raise UnusableInput(f"there is no drill at {path}: `esworkbench drill start` begins one") from None
    except (ValueError, RecursionError) as error:
        raise UnusableInput(f"{path} is damaged, or no drill of this tool: {error}") from None


def keep_drill(folder: Path, drill: Drill) -> None:
    """Write ``drill.json``, all of it or nothing. Raises UnusableInput where it can't be."""
    try:
        replace_whole(folder / RECORD, msgspec.json.format(msgspec.json.encode(drill), indent=2) + b"\n")
    except OSError as error:
        raise UnusableInput(f"the drill in {folder} can't be kept: {error.strerror}") from None


def add(folder: Path, drill: Drill, happening: Callable[[Drill], DrillEntry]) -> DrillEntry:
    """One more line of what happened, in the file and in ``drill``: made of what is on record by then.

    ``drill`` may have been read a while ago, and others may have added to the record since; of two at once each has
    its turn. What ``happening`` raises leaves the record as it is.
    """
    try:
        with turn_at(folder / RECORD):
            now = read_drill(folder)
            added = happening(now)
            now.happened = [*now.happened, added]
            keep_drill(folder, now)
    except OSError as error:
        raise UnusableInput(f"the drill in {folder} can't be kept: {error.strerror}") from None
    drill.happened = now.happened
    return added


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
        add(path.parent, drill, lambda _: DrillEntry(at=clock(), what="revealed"))
