"""Exercises of notebook 11: moments without doubt, the two axes of time, and an account as it stood."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import product, takewhile
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.small_log import START, day, posting, recorded_event
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Posting
from esworkbench.forensics.replay.moments import parse_moment

# --- moment -----------------------------------------------------------------------------------------------------------


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

# --- known_then -------------------------------------------------------------------------------------------------------

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
def _postings(draw: st.DrawFn) -> list[Posting]:
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
def _moments(draw: st.DrawFn) -> datetime:
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


def _told(postings: Iterable[Posting]) -> str:
    return "".join(
        f"\n  {each.event_id}: amount_minor={each.amount_minor}, "
        f"recorded_at={each.recorded_at}, valid_at={each.valid_at}"
        for each in postings
    )


def known_then(postings: Sequence[Posting], moment: datetime) -> int:
    """What the store had been told by then, the moment itself included: ``balance_at(…, known_at=moment)``."""
    return sum(each.amount_minor for each in postings if each.recorded_at <= moment)


def _true_then(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= moment)


def _told_before(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.recorded_at < moment)


def _today(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in postings)


def _known_and_true(postings: Sequence[Posting], moment: datetime) -> int:
    return believed(postings, moment, moment)


def _whole_days(postings: Sequence[Posting], moment: datetime) -> int:
    tomorrow = datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return sum(each.amount_minor for each in postings if each.recorded_at < tomorrow)


def _up_to_the_first_later(postings: Sequence[Posting], moment: datetime) -> int:
    return sum(each.amount_minor for each in takewhile(lambda each: each.recorded_at <= moment, postings))


POSTINGS_STUB = "from datetime import datetime\n\nfrom esworkbench.evidence import Posting\n\n\n"

KNOWN_THEN = Exercise(
    name="known_then",
    task=(
        "What had the store been told by a given `moment`? Add up the amounts of the postings, in minor units: an "
        "`int`, 0 where there are none. Each posting has `recorded_at`, `valid_at` and `amount_minor`; one event may "
        "have several, they come in no particular order, and what was recorded exactly at the moment was known. All "
        "moments have a time zone."
    ),
    stub=POSTINGS_STUB + "def my_known_then(postings: list[Posting], moment: datetime) -> int: ...",
    reference=known_then,
    cases=st.tuples(_postings(), _moments()),
    examples=[
        ([], day(1)),
        (EVERY_COMBINATION[6:], day(1)),
        (OF_ONE_EVENT, day(1)),
        (LATER, day(1)),
        (EXACT, day(1)),
        (TWICE_HALF_PAST_TWO, FIRST),
        (TWICE_HALF_PAST_TWO, SECOND),
    ],
    given=lambda postings, moment: f"moment={moment}, postings:{_told(postings)}",
    hints=(
        "Which of its two times says when the store learned of an event?",
        "sum(each.amount_minor for each in postings if each.recorded_at <= moment)",
    ),
    mistakes={
        "valid time": Mistake(
            _true_then, "that is what was true then, valid time; what the store had been told goes by recorded time"
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

# --- believed ---------------------------------------------------------------------------------------------------------


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


def _before_at(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at < at and each.recorded_at <= known_at)


def _before_known_at(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at <= at and each.recorded_at < known_at)


def _before_both(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return sum(each.amount_minor for each in postings if each.valid_at < at and each.recorded_at < known_at)


def _one_bound_for_both(postings: Sequence[Posting], at: datetime, known_at: datetime) -> int:
    return believed(postings, min(at, known_at), min(at, known_at))


BELIEVED = Exercise(
    name="believed",
    task=(
        "As of `known_at`, what did the store believe the balance was at `at`? An `int` in minor units, 0 where there "
        "is nothing to add up. Each of the two moments bounds an axis of its own, inclusively; either of them may be "
        "the earlier one. The postings are those of `known_then`, in no particular order."
    ),
    stub=POSTINGS_STUB + "def my_believed(postings: list[Posting], at: datetime, known_at: datetime) -> int: ...",
    reference=believed,
    cases=st.tuples(_postings(), _moments(), _moments()),
    examples=[
        ([], day(1), day(1)),
        (EVERY_COMBINATION, day(2), day(1)),
        (EVERY_COMBINATION, day(1), day(2)),
        (OF_ONE_EVENT, day(1), day(2)),
        (LATER, day(1), day(1)),
        (EXACT, day(1), day(1)),
        *[(TWICE_HALF_PAST_TWO, at, known_at) for at, known_at in product([FIRST, SECOND], repeat=2)],
    ],
    given=lambda postings, at, known_at: f"at={at}, known_at={known_at}, postings:{_told(postings)}",
    hints=(
        "Two questions of each posting: was it true by then, and had we been told?",
        "valid_at <= at and recorded_at <= known_at",
    ),
    mistakes={
        "known_at ignored": Mistake(_ignores_known, "that is what we know today of that time: known_at has no effect"),
        "at ignored": Mistake(_ignores_at, "that is all that was known by then: at has no effect"),
        "or": Mistake(_either, "a posting counts only when it is within both bounds: and, not or"),
        "swapped": Mistake(_axes_swapped, "the axes are swapped: at bounds valid_at, known_at bounds recorded_at"),
        "an exclusive at": Mistake(_before_at, "what was valid exactly at `at` counts: that bound is inclusive"),
        "an exclusive known_at": Mistake(
            _before_known_at, "what was recorded exactly at `known_at` counts: that bound is inclusive"
        ),
        "both exclusive": Mistake(_before_both, "both bounds are inclusive, and yours leave out what lies on them"),
        "one bound for both": Mistake(
            _one_bound_for_both,
            "the earlier moment bounds both axes: each axis has a bound of its own, at for valid_at and known_at for "
            "recorded_at",
        ),
    },
)

# --- as_of_version ----------------------------------------------------------------------------------------------------


def as_of_version(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    """Decode through the upcasters, run the account's own handlers in order of version, stop after ``version``."""
    account = BankAccount("ACC-1")
    chosen = sorted((event for event in events if event.version <= version), key=lambda event: event.version)
    for event in bank_decoder().decode_all(chosen):
        account.replay(event.data)
    return account


def _replayed(events: Iterable[RecordedEvent]) -> BankAccount:
    account = BankAccount("ACC-1")
    for event in bank_decoder().decode_all(events):
        account.replay(event.data)
    return account


def _one_short(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return as_of_version(events, version - 1)


def _in_recorded_order(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    chosen = [event for event in events if event.version <= version]
    return _replayed(sorted(chosen, key=lambda event: event.recorded_at))


def _as_they_come(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return _replayed(event for event in events if event.version <= version)


def _the_first_that_come(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return _replayed(sorted(events[:version], key=lambda event: event.version))


def _without_upcasters(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return as_of_version([event for event in events if b'"amount"' not in event.payload], version)


def _to_the_head(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    return as_of_version(events, len(events))


def _only_applied(events: Sequence[RecordedEvent], version: int) -> BankAccount:
    account = as_of_version(events, version)
    account.version = 0
    return account


def _play_as_of_version(answer: Any, events: list[RecordedEvent], version: int) -> Any:
    account = answer(events, version)
    if not isinstance(account, BankAccount):
        return account
    shown = {"BankAccount": account.id, "version": account.version, **account.state()}
    return {**shown, "yet to be stored": account.uncommitted} if account.uncommitted else shown


OPENED = '{"account_id":"ACC-1","owner":"Ada","currency":"USD"}'
MONEY = '"currency":"USD","reference":"R"'


@st.composite
def _shuffled_streams(draw: st.DrawFn) -> tuple[list[RecordedEvent], int]:
    """The stream of one account in any order, told by a clock that is set back now and then, and a version of it."""
    lives: list[tuple[str, int, str]] = [("AccountOpened", 1, OPENED)]
    held: list[str] = []
    kinds = ["dollars", "with currency", "cents", "fee", "request", "settle", "cancel"]
    told = st.tuples(st.sampled_from(kinds), st.integers(1, 2_000), st.integers(0, 2), st.integers(0, 3))
    happened = draw(st.one_of(*[st.lists(told, max_size=6)] * 9, st.lists(told, min_size=9, max_size=12)))
    for number, (kind, cents, *_) in enumerate(happened, start=1):
        lives.append(_happens(kind, cents, f"W-{number}", held))
    clock, places = [0, *(each[2] for each in happened)], [draw(st.integers(0, 3)), *(each[3] for each in happened)]
    events = [
        _stored(version, kind, payload, recorded=recorded, schema_version=schema_version)
        for version, ((kind, schema_version, payload), recorded) in enumerate(zip(lives, clock, strict=True), start=1)
    ]
    version = draw(st.integers(0, len(events)))
    return sorted(events, key=lambda event: places[event.version - 1]), version


def _stored(version: int, kind: str, payload: str, *, recorded: float, schema_version: int = 1) -> RecordedEvent:
    """Other streams were appended to in between, and ids are in no order."""
    event = recorded_event(version, kind, payload, recorded=recorded, schema_version=schema_version)
    event_id = f"{zlib.crc32(event.event_id.encode()):08x}"
    return msgspec.structs.replace(event, global_position=3 * version + 4, event_id=event_id)


def _happens(kind: str, cents: int, withdrawal: str, held: list[str]) -> tuple[str, int, str]:
    """Type, schema version and payload; where nothing is held, a withdrawal is requested in place of its end."""
    match kind:
        case "dollars":
            return "MoneyDeposited", 1, f'{{"amount":{cents / 100:.2f},"reference":"R"}}'
        case "with currency":
            return "MoneyDeposited", 2, f'{{"amount":{cents / 100:.2f},{MONEY}}}'
        case "cents":
            return "MoneyDeposited", 3, f'{{"amount_minor":{cents},{MONEY}}}'
        case "fee":
            return "FeeCharged", 1, f'{{"amount_minor":{cents},{MONEY},"reason":"late"}}'
        case "settle" if held:
            return "WithdrawalSettled", 1, f'{{"withdrawal_id":"{held.pop()}","amount_minor":{cents},"currency":"USD"}}'
        case "cancel" if held:
            ended = f'"withdrawal_id":"{held.pop()}","amount_minor":{cents},"currency":"USD","reason":"changed"'
            return "WithdrawalCancelled", 1, f"{{{ended}}}"
    held.append(withdrawal)
    return "WithdrawalRequested", 1, f'{{"withdrawal_id":"{withdrawal}","amount_minor":{cents},{MONEY}}}'


SET_BACK = [
    _stored(1, "AccountOpened", OPENED, recorded=1),
    _stored(2, "MoneyDeposited", '{"amount":445.95,"reference":"R"}', recorded=2),
    _stored(3, "WithdrawalRequested", f'{{"withdrawal_id":"W-1","amount_minor":2000,{MONEY}}}', recorded=3),
    _stored(4, "WithdrawalSettled", '{"withdrawal_id":"W-1","amount_minor":2000,"currency":"USD"}', recorded=2.5),
    _stored(5, "MoneyDeposited", f'{{"amount_minor":700,{MONEY}}}', recorded=4, schema_version=3),
    _stored(6, "MoneyWithdrawn", f'{{"amount_minor":100,{MONEY}}}', recorded=5),
]
"""The server's clock was set back between versions 3 and 4."""

TWELVE = [
    _stored(1, "AccountOpened", OPENED, recorded=1),
    *(
        _stored(version, "MoneyDeposited", f'{{"amount_minor":{2**version},{MONEY}}}', recorded=2, schema_version=3)
        for version in range(2, 13)
    ),
]


def _told_events(events: list[RecordedEvent], version: int) -> str:
    lines = (
        f"\n  version {each.version}, recorded on day {(each.recorded_at - START).days}: "
        f"{each.event_type} v{each.schema_version} {each.payload.decode()}"
        for each in events
    )
    return f"version={version}, events:{''.join(lines)}"


AS_OF_VERSION = Exercise(
    name="as_of_version",
    task=(
        "Fold the recorded events of one stream, which come in no particular order, into the account as it was at a "
        '`version`, the event of that version included: return a `BankAccount("ACC-1")`. Version 0 is the account to '
        "which nothing has happened yet; no version past the last event is asked for. `bank_decoder().decode_all(…)` "
        "reads recorded events in today's shape, and `account.replay(event.data)` applies one and counts it."
    ),
    stub=(
        "from esworkbench.domains.bank import BankAccount, bank_decoder\nfrom esworkbench.events import RecordedEvent"
        "\n\n\ndef my_as_of_version(events: list[RecordedEvent], version: int) -> BankAccount: ..."
    ),
    reference=as_of_version,
    cases=_shuffled_streams(),
    examples=[([SET_BACK[number] for number in (4, 0, 2, 3, 5, 1)], 5), (SET_BACK[::-1], 4), (TWELVE[::-1], 10)],
    play=_play_as_of_version,
    given=_told_events,
    hints=(
        "In which order did the account decide?",
        "sorted(events, key=lambda event: event.version), those up to the version only",
    ),
    mistakes={
        "off by one version": Mistake(
            _one_short, "off by one version: the account as of a version has seen the event of that version"
        ),
        "recorded order": Mistake(
            _in_recorded_order, "clocks are set back, so fold in order of version, and never by what a clock said"
        ),
        "as they come": Mistake(_as_they_come, "the events come in no particular order: fold in order of version"),
        "the first that come": Mistake(
            _the_first_that_come, "the first events of the list aren't the first of the stream: sort before you cut"
        ),
        "no upcast": Mistake(
            _without_upcasters, "deposits in dollars, of old schema versions, are missing: bank_decoder() upcasts them"
        ),
        "the head": Mistake(_to_the_head, "that is the head: stop after the version asked for"),
        "only applied": Mistake(
            _only_applied, "the account doesn't know its version: replay applies an event and counts it, apply doesn't"
        ),
    },
)

exercises = Exercises(__name__, MOMENT, KNOWN_THEN, BELIEVED, AS_OF_VERSION)
