"""How a version is told where none was noted: by which fields are there, of which JSON type, and from when on.

A telltale is written once and used twice: in Python, to choose the upcaster that an event needs, and in SQL, to count
over the whole log how many events need it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from esworkbench.errors import InvalidEvent
from esworkbench.events import RecordedEvent
from esworkbench.upcasters.archaeology.fields import json_type
from esworkbench.upcasters.archaeology.latest import VersionOf, decode_payload

_ABSENT = object()


class Telltale(NamedTuple):
    """An event of ``event_type`` whose top-level fields look like this was written as ``version``.

    ``has`` and ``lacks`` name fields, ``types`` says which JSON type a field has. ``since`` (inclusive) and ``until``
    (exclusive) bound ``valid_at``: the only mark of a field that changed its meaning and nothing else.
    """

    event_type: str
    version: int
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    types: Mapping[str, str] = {}
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, payload: Mapping[str, Any], valid_at: datetime) -> bool:
        """Whether a payload of this type, true at that moment, is in this version's shape."""
        return (
            all(field in payload for field in self.has)
            and all(field not in payload for field in self.lacks)
            and all(_type_of(payload, field) == expected for field, expected in self.types.items())
            and (self.since is None or self.since <= valid_at)
            and (self.until is None or valid_at < self.until)
        )

    def condition(self, dialect: str) -> str:
        """The same test of an event of this type as an SQL condition, for ``sqlite`` or ``postgresql``; never NULL."""
        tests = [f"{_sql_type(field, dialect)} <> ''" for field in self.has]
        tests += [f"{_sql_type(field, dialect)} = ''" for field in self.lacks]
        tests += [
            f"{_sql_type(field, dialect)} IN ({_sql_names(expected, dialect)})"
            for field, expected in self.types.items()
        ]
        if self.since is not None:
            tests.append(f"valid_at >= {_sql_moment(self.since)}")
        if self.until is not None:
            tests.append(f"valid_at < {_sql_moment(self.until)}")
        return " AND ".join(tests) or "1 = 1"


def version_by(telltales: Iterable[Telltale]) -> VersionOf:
    """Tells the version of each event whose type has telltales; of any other type it is the recorded one.

    For a log as its writers left it. A compacted log notes every version, and keeps ``valid_at``: there a telltale that
    asks for nothing but the time would take new shapes for old ones. The function made raises InvalidEvent for an event
    that none of its type's telltales fits, or several: whoever guesses here reads money wrongly.
    """
    by_type: dict[str, list[Telltale]] = {}
    for telltale in telltales:
        by_type.setdefault(telltale.event_type, []).append(telltale)

    def version_of(recorded: RecordedEvent) -> int:
        candidates = by_type.get(recorded.event_type)
        if candidates is None:
            return recorded.schema_version
        payload = decode_payload(recorded)
        fitting = [each.version for each in candidates if each.fits(payload, recorded.valid_at)]
        if len(fitting) != 1:
            raise InvalidEvent(
                f"{recorded.event_type} at position {recorded.global_position} fits "
                f"{' and '.join(f'v{version}' for version in fitting) or 'no known version'}: "
                f"its fields are {', '.join(sorted(payload))}; make the telltales of its type tell it apart"
            )
        return fitting[0]

    return version_of


def quoted(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _type_of(payload: Mapping[str, Any], field: str) -> str:
    value = payload.get(field, _ABSENT)
    return "" if value is _ABSENT else json_type(value)


def _sql_type(field: str, dialect: str) -> str:
    """The JSON type of a top-level field in the database's own words, the empty text where the field is absent."""
    if dialect == "sqlite":
        path = '$."' + field + '"'
        return f"coalesce(json_type(payload, {quoted(path)}), '')"
    return f"coalesce(jsonb_typeof(payload_json -> {quoted(field)}), '')"


def _sql_names(expected: str, dialect: str) -> str:
    names = SQLITE_TYPES.get(expected, (expected,)) if dialect == "sqlite" else (expected,)
    return ", ".join(map(quoted, names))


def _sql_moment(moment: datetime) -> str:
    """Fixed width, so that SQLite's text sorts by it; PostgreSQL reads it as the moment it is."""
    return quoted(moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z")


SQLITE_TYPES = {"number": ("integer", "real"), "string": ("text",), "boolean": ("true", "false")}
"""SQLite's names for JSON types, where they differ from JSON Schema's."""
