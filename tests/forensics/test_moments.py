"""A moment names exactly one instant, or it is refused with the way to write it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esworkbench.errors import UnusableInput
from esworkbench.forensics.replay.moments import format_moment, parse_moment, require_aware


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-10-15T15:00:00+02:00", "2024-10-15T13:00:00Z"),
        ("2024-10-15 15:00 Europe/Zurich", "2024-10-15T13:00:00Z"),
        ("2024-12-15 15:00 Europe/Zurich", "2024-12-15T14:00:00Z"),
        ("2024-10-15t13:00:00z", "2024-10-15T13:00:00Z"),
        ("2024-10-15T13:00:00.123456789Z", "2024-10-15T13:00:00.123456Z"),
        ("2024-10-15T13:00:00.5Z", "2024-10-15T13:00:00.500000Z"),
        (" 2024-10-15 13:00 UTC ", "2024-10-15T13:00:00Z"),
    ],
)
def test_offset_or_zone_names_one_instant(text: str, utc: str) -> None:
    assert format_moment(parse_moment(text)) == utc


@pytest.mark.parametrize("text", ["2024-10-15T15:00:00", "2024-10-15 15:00"])
def test_naive_time_is_refused_with_both_ways_to_write_it(text: str) -> None:
    with pytest.raises(UnusableInput, match=r"15T15:00:00Z where it is UTC, or .* '2024-10-15 15:00:00 Europe/Zurich'"):
        parse_moment(text)


def test_hour_the_clock_repeats_is_refused_with_both_offsets() -> None:
    with pytest.raises(UnusableInput, match=r"happened twice.*02:30:00\+02:00 or 2024-10-27T02:30:00\+01:00"):
        parse_moment("2024-10-27 02:30 Europe/Zurich")


def test_hour_the_clock_drops_is_refused() -> None:
    with pytest.raises(UnusableInput, match="never happened"):
        parse_moment("2024-03-31 02:30 Europe/Zurich")


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2024-10-15", "2024-13-01T00:00:00Z", "2024-10-15T25:00:00Z", "2024-10-15T23:59:60Z",
     "2024-10-15 15:00 Europe/Atlantis", "2024-10-15 15:00 Europe", "2024-10-15 15:00 ../etc/passwd",
     "0001-01-01T00:00:00+14:00", "2024-10-15T15:00:00Z\n; drop"],
)  # fmt: skip
def test_nonsense_is_one_sentence_not_a_traceback(text: str) -> None:
    with pytest.raises(UnusableInput):
        parse_moment(text)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_what_is_formatted_parses_back(moment: datetime) -> None:
    assert parse_moment(format_moment(moment)) == moment


def test_naive_datetime_from_python_is_refused() -> None:
    with pytest.raises(UnusableInput, match="at=2024-10-15T15:00:00 has no offset"):
        require_aware(datetime(2024, 10, 15, 15, 0), "at")  # noqa: DTZ001
