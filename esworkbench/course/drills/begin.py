"""Beginning a drill: the bank with its fault, the complaint, and what everything was before anybody touched it."""

from pathlib import Path

import msgspec
from sqlalchemy import func, select

from esworkbench.course.drills.fingerprint import fingerprint, rows_by_account
from esworkbench.course.drills.levels import LEVELS, drawn_fault
from esworkbench.course.drills.record import MOST, MOST_MINUTES, Clock, Drill, bank_in, keep_drill
from esworkbench.errors import UnusableInput
from esworkbench.event_store import open_database
from esworkbench.event_store.schema import events
from esworkbench.lab import KEY_BESIDE, Complaint, build_incident

SCALE = "small"


def begin(folder: Path, *, level: int, seed: int, minutes: int | None, clock: Clock) -> Drill:
    """Build a mystery incident in a new ``folder``; its time runs from when it stands, ``minutes`` or the level's.

    One seed draws the same fault and builds the same bank. Raises UnusableInput where the folder holds anything.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UnusableInput(f"{folder} is there already, and stays as it is: name a new folder")
    if not -MOST <= seed <= MOST or not (minutes is None or 1 <= minutes <= MOST_MINUTES):
        raise UnusableInput(
            f"a seed has 63 bits at most, and a drill 1 to {MOST_MINUTES} minutes: give smaller numbers"
        )
    url = bank_in(folder)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UnusableInput(f"the folder {folder} can't be made: {error.strerror}") from None
    rules = LEVELS[level]
    key = folder / KEY_BESIDE  # the drill's own, so that a folder handed in can be judged elsewhere
    built = build_incident(url, fault=drawn_fault(level, seed), seed=seed, scale=SCALE, key_file=key)
    kept = built.outside / "complaint.json"
    complaint = msgspec.json.decode(kept.read_bytes(), type=Complaint).text
    if not rules.complaint_in_full:
        kept.unlink()
        complaint = f"Something is wrong with account {built.account}. I want it explained and put right."
    engine = open_database(built.url)
    with engine.connect() as connection:
        bank_now = connection.scalar(select(func.max(events.c.recorded_at)))
    drill = Drill(
        level=level, seed=seed, minutes=rules.minutes if minutes is None else minutes, started_at=clock(),
        bank_now=bank_now, account=built.account, complaint=complaint, fingerprint=fingerprint(rows_by_account(engine)),
    )  # fmt: skip
    engine.dispose()
    keep_drill(folder, drill)
    return drill
