"""Moments as people write them: never naive, never ambiguous.

A time without an offset or zone means a different instant on every machine, and a local hour that a clock change
repeats means two instants on the same one; both are refused rather than guessed.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from esworkbench.errors import UnusableInput

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d+))?"
    r"(?:\s*(?P<offset>[Zz]|[+-]\d{2}:\d{2})|\s+(?P<zone>[A-Za-z][A-Za-z0-9_+\-/]*))?",
    re.ASCII,
)


def parse_moment(text: str) -> datetime:
    """The instant, in UTC, that ``text`` names: RFC 3339 with an offset, or local time with a zone name.

    Digits past the microsecond are cut off. Raises UnusableInput for a naive time, an unknown zone, and a local time
    that a clock change repeats or drops.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise UnusableInput(
            f"{text!r} is not a moment: write it as 2024-10-15T15:00:00+02:00 or as '2024-10-15 15:00 Europe/Zurich'"
        )
    written = f"{found['date']}T{found['time']}"
    try:
        naive = datetime.fromisoformat(written).replace(microsecond=_microseconds(found["fraction"]))
        if found["offset"]:
            return datetime.fromisoformat(naive.isoformat() + found["offset"].upper()).astimezone(UTC)
        if found["zone"] is None:
            raise UnusableInput(
                f"{text!r} has no offset, so it names no single moment: write {naive.isoformat()}Z where it is UTC, "
                f"or name the zone, as in '{naive.isoformat(' ')} Europe/Zurich'"
            )
        return _local(naive, found["zone"])
    except (ValueError, OverflowError) as error:
        raise UnusableInput(f"{text!r} is not a moment: {error}") from None


def format_moment(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds only where there are any: ``2024-10-15T13:00:00Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def require_aware(moment: datetime, name: str) -> datetime:
    """The moment in UTC, for callers from Python. Raises UnusableInput when it carries no zone."""
    if moment.tzinfo is None:
        raise UnusableInput(
            f"{name}={moment.isoformat()} has no offset: give a datetime with tzinfo, or text: "
            f"{moment.isoformat()}Z where it is UTC, or with its zone, as in '{moment.isoformat(' ')} Europe/Zurich'"
        )
    return moment.astimezone(UTC)


def _local(naive: datetime, zone_name: str) -> datetime:
    try:
        zone = ZoneInfo(zone_name)
    except (KeyError, ValueError, OSError):
        raise UnusableInput(
            f"{zone_name!r} is not a time zone known here: write its full name, such as Europe/Zurich"
        ) from None
    first = naive.replace(tzinfo=zone, fold=0)
    second = naive.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    # With fold=0 a repeated time survives the trip through UTC; one that a clock change dropped comes back shifted.
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive:
        raise UnusableInput(
            f"{naive.isoformat(' ')} {zone_name} happened twice, because the clock went back: "
            f"write {first.isoformat()} or {second.isoformat()}"
        )
    raise UnusableInput(
        f"{naive.isoformat(' ')} {zone_name} never happened, because the clock went forward over it: "
        f"write a time before or after the change, or one with an offset"
    )


def _microseconds(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))
