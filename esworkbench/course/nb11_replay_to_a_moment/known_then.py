"""The exercise ``known_then``: what was known at a moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb11_replay_to_a_moment.postings import (
    EVERY_COMBINATION,
    EXACT,
    FIRST,
    LATER,
    OF_ONE_EVENT,
    POSTINGS_STUB,
    SECOND,
    TWICE_HALF_PAST_TWO,
    lists_of_postings,
    moments,
    shown_postings,
)
from esworkbench.course.small_log import day
from esworkbench.evidence import Posting


def known_then(postings: Sequence[Posting], moment: datetime) -> int:
    """What the store had been told by then, the moment itself included: ``balance_at(…, known_at=moment)``."""
    return sum(each.amount_minor for each in postings if each.recorded_at <= moment)


def true_then(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= moment)


def _told_before(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.recorded_at < moment)


def _today(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings)


def _known_and_true(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= moment and each.recorded_at <= moment)


def _whole_days(postings: Sequence[Posting], moment: datetime) -> int:
    tomorrow = datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return sum(each.amount_minor for each in postings if each.recorded_at < tomorrow)


def _up_to_the_first_later(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in takewhile(lambda each: each.recorded_at <= moment, postings))


KNOWN_THEN = Exercise(
    name="known_then",
    task=(
        "What had the store been told by a given `moment`? Add up the amounts of the postings, in minor units: an "
        "`int`, 0 where there are none. Each posting has `recorded_at`, `valid_at` and `amount_minor`; one event may "
        "have several, they come in no particular order, and what was recorded exactly at the moment was known. All "
        "moments have a time zone. Leave the list as it is."
    ),
    stub=POSTINGS_STUB + "def my_known_then(postings: list[Posting], moment: datetime) -> int: ...",
    reference=known_then,
    cases=st.tuples(lists_of_postings(), moments()),
    examples=[
        ([], day(1)),
        (EVERY_COMBINATION[6:], day(1)),
        (OF_ONE_EVENT, day(1)),
        (LATER, day(1)),
        (EXACT, day(1)),
        (TWICE_HALF_PAST_TWO, FIRST),
        (TWICE_HALF_PAST_TWO, SECOND),
    ],
    given=lambda postings, moment: f"moment={moment}, postings:{shown_postings(postings)}",
    hints=(
        "Which of its two times says when the store learned of an event?",
        "sum(each.amount_minor for each in postings if each.recorded_at <= moment)",
    ),
    mistakes={
        "valid time": Mistake(
            true_then, "that is what was true then, valid time; what the store had been told goes by recorded time"
        ),
        "valid time too": Mistake(
            _known_and_true,
            "something that was recorded by then is missing: the store knew of it, though it was valid only later",
        ),
        "an exclusive bound": Mistake(
            _told_before, "what was recorded exactly at the moment was known: the bound is inclusive"
        ),
        "no bound": Mistake(_today, "that is today's balance: leave out what was recorded after the moment"),
        "whole days": Mistake(
            _whole_days, "the rest of the day is counted too: a moment has a time, so compare moments and not dates"
        ),
        "stops too early": Mistake(
            _up_to_the_first_later, "it stops at the first posting that came later, but they are in no particular order"
        ),
    },
)
