"""Exercises of notebook 11: moments without doubt, the two axes of time, and an account as it stood."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.course.small_log import day, posting, recorded_event
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.errors import EsworkbenchError
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Posting
from esworkbench.forensics.replay.moments import parse_moment

# A cheque paid in on day 3 is recorded on day 8; a correction valid on day 5 is recorded on day 7.
POSTINGS = [
    posting(1, 10_000),
    posting(2, -1_500),
    posting(4, 20_000),
    posting(7, 600, valid=5),
    posting(8, 35_000, valid=3),
    posting(9, -4_000),
]


def _naive_is_utc(text: str) -> datetime:
    return datetime.fromisoformat(text[:16]).replace(tzinfo=UTC)


def _always_winter(text: str) -> datetime:
    return datetime.fromisoformat(text[:16] + "+01:00").astimezone(UTC)


def _first_of_two(text: str) -> datetime:
    written, _, zone = text.rpartition(" ")
    if "/" not in zone:
        raise ValueError(text)
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _guesses_a_zone(text: str) -> datetime:
    return parse_moment(text if "/" in text else f"{text} Europe/Zurich")


def _examine_moment(answer: Callable[[str], datetime]) -> None:
    summer = answer("2023-07-15 15:47 Europe/Zurich")
    if summer.tzinfo is None:
        raise Wrong(f"{summer!r} is naive: it names a different instant on every machine; return it in UTC")
    if summer == datetime(2023, 7, 15, 15, 47, tzinfo=UTC):
        raise Wrong("the zone is dropped: 15:47 in Zurich was taken for 15:47 in UTC")
    if summer == datetime(2023, 7, 15, 14, 47, tzinfo=UTC):
        raise Wrong("Zurich is not one hour ahead all year: an offset belongs to a moment, not to a zone")
    if summer != datetime(2023, 7, 15, 13, 47, tzinfo=UTC):
        raise Wrong(f"15:47 in Zurich in July is 13:47 in UTC, not {summer}")
    if answer("2023-03-15 15:47 Europe/Zurich") != datetime(2023, 3, 15, 14, 47, tzinfo=UTC):
        raise Wrong("15:47 in Zurich in early March is 14:47 in UTC")
    if not _refuses(answer, "2023-03-15 15:47"):
        raise Wrong("a time without a zone was guessed, not refused")
    if not _refuses(answer, "2023-10-29 02:30 Europe/Zurich"):
        raise Wrong("02:30 happened twice on 29 October, an hour apart: refuse it rather than pick one")
    if not _refuses(answer, "2023-03-26 02:30 Europe/Zurich"):
        raise Wrong("02:30 never happened on 26 March, because the clocks skipped it: refuse it")


def _refuses(answer: Callable[[str], datetime], text: str) -> bool:
    try:
        answer(text)
    except (ValueError, EsworkbenchError):
        return True
    return False


def known_then(postings: Sequence[Posting], moment: datetime) -> int:
    """What the store had been told by then, the moment itself included: ``balance_at(…, known_at=moment)``."""
    return sum(each.amount_minor for each in postings if each.recorded_at <= moment)


def _true_then(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= moment)


def _told_before(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.recorded_at < moment)


def _today(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings)


def _examine_known_then(answer: Callable[[Sequence[Posting], datetime], int]) -> None:
    moment = day(5.5)
    said = answer(POSTINGS, moment)
    if said == _true_then(POSTINGS, moment):
        raise Wrong("that is what was true then: valid time. The court asks what the bank had been told: recorded time")
    if said == _today(POSTINGS, moment):
        raise Wrong("that is today's balance: leave out what was recorded after the moment")
    if said != known_then(POSTINGS, moment):
        raise Wrong(f"by then {known_then(POSTINGS, moment)} was known, not {said!r}")
    if answer(POSTINGS, day(4)) != known_then(POSTINGS, day(4)):
        raise Wrong("what was recorded exactly at that moment was known: the bound is inclusive")


def believed(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    """What the store believed, as of ``known_at``, that the balance was at ``at``: both bounds, as in ``Bounds``."""
    return sum(each.amount_minor for each in postings if each.valid_at <= at and each.recorded_at <= known_at)


def _ignores_known(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return _true_then(postings, at)


def _ignores_at(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return known_then(postings, known_at)


def _axes_swapped(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return believed(postings, known_at, at)


def _either(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= at or each.recorded_at <= known_at)


def _examine_believed(answer: Callable[[Sequence[Posting], datetime, datetime], int]) -> None:
    at, known_at = day(4.5), day(7.5)
    said = answer(POSTINGS, at, known_at)
    hints = {
        _ignores_known(POSTINGS, at, known_at): "that is what we know today of that day: known_at has no effect",
        _ignores_at(POSTINGS, at, known_at): "that is all that was known by then: at has no effect",
        _either(POSTINGS, at, known_at): "an event counts only when it is within both bounds: and, not or",
    }
    if said in hints:
        raise Wrong(hints[said])
    later = answer(POSTINGS, day(3), day(8))
    if later == believed(POSTINGS, day(8), day(3)):
        raise Wrong("the axes are swapped: at bounds valid_at, known_at bounds recorded_at")
    if said != believed(POSTINGS, at, known_at) or later != believed(POSTINGS, day(3), day(8)):
        raise Wrong(f"on day 7.5 the balance of day 4.5 was believed to be {believed(POSTINGS, at, known_at)}")


def as_of_version(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    """Decode through the upcasters, run the account's own handlers in order of version, stop after ``version``."""
    account = BankAccount("ACC-1")
    chosen = sorted((event for event in events if event.version <= version), key=lambda event: event.version)
    for event in bank_decoder().decode_all(chosen):
        account.replay(event.data)
    return account


def _one_short(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return as_of_version(events, version - 1)


def _in_recorded_order(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    account = BankAccount("ACC-1")
    chosen = sorted((event for event in events if event.version <= version), key=lambda event: event.recorded_at)
    for event in bank_decoder().decode_all(chosen):
        account.replay(event.data)
    return account


def _without_upcasters(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return as_of_version(
        [event for event in events if event.schema_version != 1 or b'"amount"' not in event.payload], version
    )


def _to_the_head(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return as_of_version(events, max(event.version for event in events))


# The server's clock was set back between versions 3 and 4.
EVENTS = [
    recorded_event(1, "AccountOpened", '{"account_id":"ACC-1","owner":"Ada","currency":"USD"}', recorded=1),
    recorded_event(2, "MoneyDeposited", '{"amount":445.95,"reference":"OPEN"}', recorded=2),
    recorded_event(
        3,
        "WithdrawalRequested",
        '{"withdrawal_id":"W-1","amount_minor":2000,"currency":"USD","reference":"SHOP"}',
        recorded=3,
    ),
    recorded_event(
        4, "WithdrawalSettled", '{"withdrawal_id":"W-1","amount_minor":2000,"currency":"USD"}', recorded=2.5
    ),
    recorded_event(
        5,
        "MoneyDeposited",
        '{"amount_minor":700,"currency":"USD","reference":"CASH"}',
        recorded=4,
        schema_version=3,
    ),
    recorded_event(6, "MoneyWithdrawn", '{"amount_minor":100,"currency":"USD","reference":"ATM"}', recorded=5),
]


def _examine_as_of_version(answer: Callable[[Sequence[RecordedEvent], int], Any]) -> None:
    shuffled = [EVENTS[number] for number in (4, 0, 3, 5, 1, 2)]
    said = answer(shuffled, 5)
    if not isinstance(said, BankAccount):
        raise Wrong(f"return the BankAccount that you folded, not {said!r}")
    if said.balance_minor == _one_short(EVENTS, 5).balance_minor:
        raise Wrong("off by one version: the account as of version 5 has seen event 5")
    if said.balance_minor == _to_the_head(EVENTS, 5).balance_minor:
        raise Wrong("that is the head: stop after the version asked for")
    if said.balance_minor == _without_upcasters(EVENTS, 5).balance_minor:
        raise Wrong("the deposit in dollars, schema version 1, is missing: decode with bank_decoder(), which upcasts")
    if said.pending:
        raise Wrong(
            f"{said.pending} is still pending: clocks are set back, so fold in order of version, never by recorded_at"
        )
    if said.state() != as_of_version(EVENTS, 5).state():
        raise Wrong(f"as of version 5 the account is {as_of_version(EVENTS, 5).state()}, not {said.state()}")


exercises = Exercises(
    Exercise(
        name="moment",
        task="Turn '2023-07-15 15:47 Europe/Zurich' into the instant it names, in UTC. Raise ValueError for a time "
        "without a zone, and for one that a clock change repeats or drops.",
        examine=_examine_moment,
        reference=parse_moment,
        hints=(
            "What would the same text mean on a server in Tokyo?",
            "zoneinfo.ZoneInfo knows when clocks change; datetime's fold says which of two equal hours is meant.",
            "Compare utcoffset() for fold=0 and fold=1: where they differ, the hour is repeated or dropped.",
        ),
        mistakes={
            "the zone dropped": Mistake(_naive_is_utc, "the zone is dropped"),
            "a fixed offset": Mistake(_always_winter, "not one hour ahead all year"),
            "the first of two": Mistake(_first_of_two, "happened twice"),
            "a zone guessed": Mistake(_guesses_a_zone, "guessed, not refused"),
        },
    ),
    Exercise(
        name="known_then",
        task=(
            "What had the store been told by a given moment? Add up the postings, in minor units. Each has "
            "`recorded_at`, `valid_at` and `amount_minor`."
        ),
        examine=_examine_known_then,
        reference=known_then,
        hints=(
            "Which of its two times says when the store learned of an event?",
            "sum(each.amount_minor for each in postings if each.recorded_at <= moment)",
        ),
        mistakes={
            "valid time": Mistake(_true_then, "valid time"),
            "an exclusive bound": Mistake(_told_before, "inclusive"),
            "no bound": Mistake(_today, "today's balance"),
        },
    ),
    Exercise(
        name="believed",
        task="As of `known_at`, what did the store believe the balance was at `at`?",
        examine=_examine_believed,
        reference=believed,
        hints=(
            "Two questions of each posting: was it true by then, and had we been told?",
            "valid_at <= at and recorded_at <= known_at",
        ),
        mistakes={
            "known_at ignored": Mistake(_ignores_known, "known_at has no effect"),
            "at ignored": Mistake(_ignores_at, "at has no effect"),
            "or": Mistake(_either, "and, not or"),
            "swapped": Mistake(_axes_swapped, "the axes are swapped"),
        },
    ),
    Exercise(
        name="as_of_version",
        task=(
            "Fold recorded events, which come in no particular order, into the BankAccount as it was at a version. "
            "Use `bank_decoder().decode_all(…)` and `account.replay(event.data)`."
        ),
        examine=_examine_as_of_version,
        reference=as_of_version,
        hints=(
            "In which order did the account decide?",
            "sorted(events, key=lambda event: event.version), those up to the version only",
        ),
        mistakes={
            "off by one version": Mistake(_one_short, "off by one version"),
            "recorded order": Mistake(_in_recorded_order, "fold in order of version"),
            "no upcast": Mistake(_without_upcasters, "upcasts"),
            "the head": Mistake(_to_the_head, "that is the head"),
        },
    ),
)
