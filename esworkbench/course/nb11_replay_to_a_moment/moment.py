"""The exercise ``moment``: one moment, or a refusal."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.forensics.replay.moments import parse_moment


def moment(text: str) -> datetime:
    """As ``parse_moment`` does for local times: of a repeated or skipped one, the two folds have two offsets.

    Where no zone is named, there is no third word, and to take the text apart raises ValueError.
    """
    date, clock, name = text.split(" ")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"{name!r} is no time zone") from None
    local = datetime.fromisoformat(f"{date} {clock}").replace(tzinfo=zone)
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise ValueError(f"{text!r} happened twice or never")
    return local.astimezone(UTC)


def _zone_dropped(text: str) -> datetime:
    return moment(text).astimezone(ZoneInfo(text.split(" ")[2])).replace(tzinfo=UTC)


def _zone_lost(text: str) -> datetime:
    return moment(text).replace(tzinfo=None)


def _always_winter(text: str) -> datetime:
    there = moment(text).astimezone(ZoneInfo(text.split(" ")[2]))
    winter = min(there.replace(month=month, day=15).utcoffset() or timedelta(0) for month in (1, 7))
    return there.replace(tzinfo=UTC) - winter


def _read_anyhow(text: str, *, refuses: Callable[[datetime], bool]) -> datetime:
    """An answer that refuses only some of what the clocks repeat or skip."""
    date, clock, name = text.split(" ")
    try:
        local = datetime.fromisoformat(f"{date} {clock}").replace(tzinfo=ZoneInfo(name))
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError from None
    if refuses(local):
        raise ValueError
    return local.astimezone(UTC)


def _exists(local: datetime) -> bool:
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)


def _happens_twice(local: datetime) -> bool:
    return _exists(local) and local.utcoffset() != local.replace(fold=1).utcoffset()


def _clocks_never_change(text: str) -> datetime:
    return _read_anyhow(text, refuses=lambda local: False)


def _first_of_two(text: str) -> datetime:
    return _read_anyhow(text, refuses=lambda local: not _exists(local))


def _skipped_ones_shifted(text: str) -> datetime:
    return _read_anyhow(text, refuses=_happens_twice)


def _guesses_a_zone(text: str) -> datetime:
    return moment(text if text.count(" ") > 1 else f"{text} Europe/Zurich")


def _lets_the_key_error_out(text: str) -> datetime:
    ZoneInfo(text.rpartition(" ")[2])
    return moment(text)


def _lets_the_folder_error_out(text: str) -> datetime:
    """As ``ZoneInfo`` of Python 3.11 lets it out; a newer one may raise a KeyError for a folder, too."""
    if text.rpartition(" ")[2] in FOLDERS:
        raise IsADirectoryError(text)
    return moment(text)


FOLDERS = ["Europe", "America"]
"""No zones, but folders of them: ``ZoneInfo`` raises an OSError where it meets one."""

ZONES_AND_CHANGES = [
    ("Europe/Zurich", "2023-03-26", "2023-10-29"),
    ("America/New_York", "2023-03-12", "2023-11-05"),
    ("Australia/Lord_Howe", "2023-04-02", "2023-10-01"),
    ("America/Havana", "2023-03-12", "2023-11-05"),
    ("Europe/Moscow", "2014-10-26", "2011-03-27"),
    ("Asia/Kolkata", "2023-03-26", "2023-10-29"),
    ("UTC", "2023-03-26", "2023-10-29"),
]
"""Zones, and days on which the clocks of most of them change.

On Lord Howe Island it is by half an hour, in Havana at midnight, and in Moscow it was for good, with no summer time.
"""


@st.composite
def _texts(draw: st.DrawFn) -> tuple[str]:
    """Local times, often around a change of the clocks; sometimes without a zone, or with one that doesn't exist."""
    name, *changes = draw(st.sampled_from(ZONES_AND_CHANGES))
    date = draw(st.sampled_from(["2023-07-15", "2023-12-31", "2024-01-01", *changes, *changes]))
    hour, minute = draw(st.sampled_from([0, 1, 1, 2, 2, 3, 15, 23])), draw(st.sampled_from([0, 1, 29, 30, 59]))
    zone = draw(st.sampled_from([f" {name}"] * 8 + ["", " Europe/Atlantis", *(f" {each}" for each in FOLDERS)]))
    return (f"{date} {hour:02}:{minute:02}{zone}",)


MOMENT = Exercise(
    name="moment",
    task=(
        "Turn a text such as `2023-07-15 15:47 Europe/Zurich` (date, time and the zone's name, with a space between) "
        "into the instant that it names: a `datetime` with a time zone, best in UTC. Raise `ValueError` for a text "
        "without a zone, for a zone that `ZoneInfo` doesn't know (whatever it raises itself for such a name), and for "
        "a local time that a change of the clocks repeats or skips."
    ),
    stub=(
        "from datetime import UTC, datetime\nfrom zoneinfo import ZoneInfo, ZoneInfoNotFoundError\n\n\n"
        "def my_moment(text: str) -> datetime: ..."
    ),
    reference=moment,
    cases=_texts(),
    examples=[
        ("2023-07-15 15:47 Europe/Zurich",),
        ("2023-10-29 02:30 Europe/Zurich",),
        ("2023-03-26 02:30 Europe/Zurich",),
        ("2023-07-15 15:47",),
        ("2023-07-15 15:47 Europe/Atlantis",),
        ("2023-07-15 15:47 Europe",),
        ("2023-04-02 01:45 Australia/Lord_Howe",),
        ("2023-11-05 00:30 America/Havana",),
        ("2014-10-26 01:30 Europe/Moscow",),
        ("2011-12-30 12:00 Pacific/Apia",),
        ("2023-07-15 15:47 Etc/UTC",),
    ],
    hints=(
        "What would the same text mean on a server in Tokyo?",
        "`ZoneInfo` knows when clocks change, and raises a `KeyError` for a name it doesn't know, or an "
        "`OSError` where the name is a folder's, as `Europe` is. Of a `datetime`, "
        "`fold` says which of two equal local times is meant.",
        "Compare `utcoffset()` for `fold=0` and for `fold=1`: where they differ, the time is repeated or skipped.",
    ),
    mistakes={
        "the zone dropped": Mistake(
            _zone_dropped, "the zone is dropped: what the clocks of that zone showed was taken for UTC"
        ),
        "a naive reply": Mistake(
            _zone_lost, "the reply has no time zone, so it names another instant on every machine: keep UTC with it"
        ),
        "a fixed offset": Mistake(
            _always_winter, "an offset belongs to a moment, not to a zone: in summer it is another one than in winter"
        ),
        "clocks that never change": Mistake(
            _clocks_never_change,
            "this local time, which a change of the clocks repeats or skips, names no single instant: refuse it; the "
            "last hint says how such a time is told",
        ),
        "the first of two": Mistake(
            _first_of_two, "when the clocks go back, some local times happen twice: refuse them rather than pick one"
        ),
        "skipped times shifted": Mistake(
            _skipped_ones_shifted, "when the clocks go forward, some local times never happen: refuse them"
        ),
        "a zone guessed": Mistake(_guesses_a_zone, "a time without a zone was guessed: it must be refused"),
        "another error": Mistake(
            parse_moment, "it refuses what it should, but with an error of its own: it must be a ValueError"
        ),
        "a KeyError": Mistake(
            _lets_the_key_error_out,
            "`ZoneInfo` raises ZoneInfoNotFoundError, which is a KeyError: turn it into a ValueError",
        ),
        "an OSError": Mistake(
            _lets_the_folder_error_out,
            "`Europe` is a folder of zones and no zone, for which `ZoneInfo` may raise an OSError: turn that into a "
            "ValueError as well",
        ),
    },
)
