"""The exercise ``as_of_version``: the account as it stood at a version."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.small_log import START, recorded_event
from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.events import RecordedEvent


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
        "reads recorded events in today's shape, and `account.replay(event.data)` applies one and counts it. Leave the "
        "list as it is."
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
