"""Postings with their two moments, as the cases of ``known_then`` and ``believed`` are made of."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from esworkbench.course.small_log import day, posting
from esworkbench.evidence import Posting

HALF_DAYS = st.integers(0, 6).map(lambda halves: halves / 2)

REPEATED = 28 + 0.5 / 24
"""The day's number at which Zurich's clocks show half past two for the first time, and an hour later once more."""

AROUND_IT = st.sampled_from([REPEATED + minutes / 1_440 for minutes in (-15, 0, 15, 45, 60, 75)])

MOMENT_LATER, INSTANT_LATER = 0.3 / 86_400, 1e-6 / 86_400
"""Three tenths of a second, and a millionth, in days."""

DAYS = st.builds(
    lambda days, later: days + later,
    st.one_of(HALF_DAYS, HALF_DAYS, HALF_DAYS, AROUND_IT),
    st.sampled_from([0, 0, 0, 0, MOMENT_LATER, INSTANT_LATER]),
)


@st.composite
def lists_of_postings(draw: st.DrawFn) -> list[Posting]:
    """Postings in no order; some are true before they are recorded, some are announced, some are of one event."""
    amounts = st.sampled_from([1, -1, 100, 100, -250, 900])
    lives = draw(st.lists(st.tuples(amounts, DAYS, DAYS, st.sampled_from([1, 1, 1, 2])), max_size=5))
    return [
        posting(number, amount, recorded=recorded, valid=valid)._replace(ordinal=ordinal)
        for number, (amount, recorded, valid, postings) in enumerate(lives, start=1)
        for ordinal in range(postings)
    ]


EVERY_COMBINATION = [
    posting(number, 2**number, recorded=recorded, valid=valid)
    for number, (recorded, valid) in enumerate(product([2.5, 0, 1, 1.5, 2, 3], repeat=2))
]
"""Before, at and after the moments of the first cases on either axis. The sum tells which of them were added up."""


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    zone = draw(st.sampled_from([UTC, ZoneInfo("Europe/Zurich"), ZoneInfo("America/New_York")]))
    return day(draw(DAYS)).astimezone(zone)


OF_ONE_EVENT = [posting(1, 100, recorded=1), posting(1, 100, recorded=1)._replace(ordinal=1)]

LATER = [
    posting(1, 100, recorded=1, valid=1 + MOMENT_LATER),
    posting(2, 200, recorded=1 + MOMENT_LATER, valid=1),
    posting(3, 400, recorded=1 + INSTANT_LATER, valid=1),
]

EXACT = [posting(1, 2**53, recorded=1), posting(2, 1, recorded=1)]
"""Whose sum no float can hold."""

TWICE_HALF_PAST_TWO = [
    posting(number, 2**number, recorded=REPEATED + minutes / 1_440)
    for number, minutes in enumerate([-15, 15, 45, 75], start=1)
]

FIRST, SECOND = (day(REPEATED + hours / 24).astimezone(ZoneInfo("Europe/Zurich")) for hours in (0, 1))


def shown_postings(postings: Iterable[Posting]) -> str:
    return "".join(
        f"\n  {each.event_id}: amount_minor={each.amount_minor}, "
        f"recorded_at={each.recorded_at}, valid_at={each.valid_at}"
        for each in postings
    )


POSTINGS_STUB = "from datetime import datetime\n\nfrom esworkbench.evidence import Posting\n\n\n"
