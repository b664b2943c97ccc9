"""The ledger definition: what each event posts, in a small TOML file instead of in code.

It is the second opinion. The event sum comes from here and never from the upcasters and handlers that it has to
judge, so it names for every event type *and schema version* where the amount is, in which unit, and with which sign.
For a delimited file it says the same of columns.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence.capturing.regular_file import regular_file
from esworkbench.money import MOST_DECIMALS

Scale = Literal["minor", "major"]
ReadModelKind = Literal["head", "running", "daily", "holds"]

COLUMN_KINDS = ("amount", "credits", "debits", "holds")
"""The kinds of assertion that claim no balance: what stands beside one, and holds."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file. A field that isn't known here is a mistake, and is never ignored."""


class PostingRule(_Section, frozen=True, kw_only=True):
    """What one event type posts, for the schema versions named, or for all.

    ``account`` is ``"stream"`` for the stream id without its category, else a payload field. ``sign`` multiplies the
    amount; ``"signed"`` takes it as it is; 0 posts a row with the amount 0. ``major`` amounts are rounded
    half-up to the currency's decimals (see ``Scales``), which ``decimals`` may repeat. Fields may be dotted paths.
    ``rounds``: the amount was calculated (interest, a share of something) and rounded when it was written, so another
    rule may give one minor unit more or less.
    """

    event: str
    versions: list[int] | None = None
    amount: str
    account: str = "stream"
    scale: Scale = "minor"
    decimals: int | None = None
    sign: Literal[-1, 0, 1, "signed"] = "signed"
    currency: str | None = None
    currency_field: str | None = None
    kind: str
    rounds: bool = False

    def __post_init__(self) -> None:
        if (self.currency is None) == (self.currency_field is None):
            raise ValueError(f"the rule for {self.event} needs exactly one of `currency` and `currency_field`")
        _require_decimals(self.decimals)


class Pending(_Section, frozen=True, kw_only=True):
    """Two-phase events: a request holds money until it is settled or cancelled, or the limit has passed."""

    request: str
    settle: str
    cancel: str
    id_field: str
    limit_hours: int = 24


class TransferSides(_Section, frozen=True, kw_only=True):
    """Two events that move one amount between two accounts of this ledger, as one side sends what the other receives.

    ``id_field`` is the payload field that both sides share. ``to_field`` (of what is sent) and ``from_field`` (of what
    is received) name the account on the other side: one that isn't in this ledger has no side here. Without them every
    transfer has both.
    """

    sent: str
    received: str
    id_field: str
    to_field: str | None = None
    from_field: str | None = None


class Invariants(_Section, frozen=True, kw_only=True):
    """What must not happen. ``overdraft_field`` of ``overdraft_event`` lowers the minimum for the account it opens.

    ``minimum_after`` names the events that the minimum binds, where others may go beyond it (a bank's own fees); empty:
    it binds whatever lowers a balance. After a ``closing_event`` the balance is 0, and stays so.
    """

    minimum_balance_minor: int | None = None
    minimum_after: list[str] = []
    closing_event: str | None = None
    overdraft_event: str | None = None
    overdraft_field: str | None = None


class ReadModel(_Section, frozen=True, kw_only=True):
    """A table that claims balances: which columns claim what, and whose checkpoint says how far it got.

    ``position``, ``version``, ``event_id``, ``event_type``, ``recorded_at`` and ``day`` say of which event a row of a
    running balance or a hold speaks; of a current balance or a day, which event was the last to be counted in it.
    ``step`` is the column beside a running balance that claims what the event posted; ``credits`` and ``debits`` (both
    as positive numbers) stand beside a day's closing. A table of ``holds`` claims the amount of each hold that still
    waits, and names it in ``hold``.
    """

    table: str
    kind: ReadModelKind
    projection: str
    claimed: str
    account: str = "account_id"
    currency: str = "currency"
    step: str | None = None
    credits: str | None = None
    debits: str | None = None
    hold: str | None = None
    position: str | None = None
    version: str | None = None
    event_id: str | None = None
    event_type: str | None = None
    day: str | None = None
    recorded_at: str | None = None

    def __post_init__(self) -> None:
        belongs_to = {
            "`step`": (self.step, "running"), "`credits`": (self.credits, "daily"), "`debits`": (self.debits, "daily"),
            "`hold`": (self.hold, "holds"),
        }  # fmt: skip
        for name, (column, kind) in belongs_to.items():
            if column is not None and self.kind != kind:
                raise ValueError(f"{name} of {self.table} belongs to a read model of kind {kind!r}, not {self.kind!r}")
        if self.kind == "holds" and self.hold is None:
            raise ValueError(f"{self.table} is a table of holds and needs `hold`, the column with the id of each")
        if self.hold is not None and self.event_id is not None:
            raise ValueError(f"rows of {self.table} are named by `hold`, so it can't have `event_id` as well")

    @property
    def of_event(self) -> dict[str, str]:
        """The columns that say of which event a row speaks: their names in evidence, and the table's own."""
        named = {
            "position": self.position, "version": self.version, "event_id": self.event_id, "type": self.event_type,
            "recorded_at": self.recorded_at, "day": self.day if self.kind != "daily" else None,
        }  # fmt: skip
        return {name: column for name, column in named.items() if column is not None}

    @property
    def beside(self) -> dict[str, str]:
        """The columns that claim something beside ``claimed``: the kind of claim, and the column's name."""
        named = {"amount": self.step, "credits": self.credits, "debits": self.debits}
        return {kind: column for kind, column in named.items() if column is not None}


class SnapshotClaims(_Section, frozen=True, kw_only=True):
    """Where in a snapshot's state the balance is, and what else in it the events can tell without the code that folds.

    ``holds`` is an object of the open holds' ids and amounts. ``copied`` says of which event a field repeats a field:
    ``{owner = "AccountOpened.owner"}``; the latest such event counts. ``happened`` says which event makes a field true.
    """

    category: str
    claimed: str
    currency_field: str
    holds: str | None = None
    copied: dict[str, str] = {}
    happened: dict[str, str] = {}

    def __post_init__(self) -> None:
        for source in self.copied.values():
            if "." not in source:
                raise ValueError(f"`copied` names a field of an event, as in `Opened.owner`, not {source!r}")


class FileColumns(_Section, frozen=True, kw_only=True):
    """Column names, as in the file's header or in ``names``. Without ``type``, amounts carry their own sign.

    ``reference`` and ``value_date`` are read where the file is a statement: what both sides of a payment know it by,
    and from when it bears interest.
    """

    id: str
    account: str
    date: str
    amount: str
    balance: str
    type: str | None = None
    currency: str | None = None
    reference: str | None = None
    value_date: str | None = None


class DelimitedFile(_Section, frozen=True, kw_only=True):
    """A file with one booked row a line, and the running balance beside it.

    ``order``: ``"file"`` where the lines of an account are in the order in which they were booked, ``"day"`` where
    that is true between days but not inside one; either way the newest may stand first. ``rounding_limit`` (minor
    units) bounds what a step may be off by. ``major`` amounts have at most the currency's decimals (see ``Scales``),
    which ``decimals`` may repeat. Where ``opening_minor`` isn't given, an account begins with its first balance less
    that row's amount.
    """

    columns: FileColumns
    date_format: str
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    names: list[str] = []
    scale: Scale = "major"
    decimals: int | None = None
    decimal_mark: Literal[".", ","] = "."
    thousands_mark: str | None = None
    currency: str | None = None
    sign: dict[str, Literal[-1, 1]] = {}
    order: Literal["day", "file"] = "day"
    rounding_limit: int = 0
    opening_minor: int | None = None

    def __post_init__(self) -> None:
        if (self.currency is None) == (self.columns.currency is None):
            raise ValueError("a file needs exactly one of `currency` and `columns.currency`")
        if (self.columns.type is None) != (not self.sign):
            raise ValueError("`columns.type` and `sign` belong together: give both or neither")
        if not self.header and not self.names:
            raise ValueError("a file without a header needs `names`, the columns from left to right")
        if self.rounding_limit < 0:
            raise ValueError("`rounding_limit` is at least 0")
        _require_decimals(self.decimals)
        if len(self.delimiter) != 1 or len(self.quote) != 1:
            raise ValueError("`delimiter` and `quote` are one character each")
        mark = self.thousands_mark
        if mark is not None and (len(mark) != 1 or mark == self.decimal_mark or mark.isalnum() or mark in "+-"):
            raise ValueError("`thousands_mark` is one character, no letter, digit or sign, and not the `decimal_mark`")


class AmountSection(NamedTuple):
    """Where a ledger describes amounts: a rule or the file. ``currency`` is None where a field or column says it."""

    where: str
    currency: str | None
    scale: Scale
    decimals: int | None


class LedgerDefinition(_Section, frozen=True, kw_only=True):
    """A ledger, as one TOML file describes it: of an event store (``posting`` …) or of a delimited file (``file``).

    ``decimals`` maps a currency to the digits of its minor unit, where ISO 4217 doesn't say them or the ledger counts
    differently: ``BTC = 8``. Amounts in whole minor units need it only for display. ``depends_on_balance`` names the
    event types that were decided on a balance: an amount worked out from it, or something that it allowed.
    ``statement_accounts`` says which account a bank's statement means by a name of its own, such as an IBAN; a line and
    an event that share no id may be ``statement_window_days`` apart.
    """

    name: str
    time_zone: str = "UTC"
    business_key: str | None = None
    decimals: dict[str, int] = {}
    posting: list[PostingRule] = []
    without_posting: list[str] = []
    depends_on_balance: list[str] = []
    pending: Pending | None = None
    transfer: TransferSides | None = None
    invariants: Invariants = Invariants()
    read_model: list[ReadModel] = []
    snapshot: SnapshotClaims | None = None
    file: DelimitedFile | None = None
    statement_window_days: int = 5
    statement_accounts: dict[str, str] = {}

    def __post_init__(self) -> None:
        if bool(self.posting or self.without_posting) == (self.file is not None):
            raise ValueError(
                "a ledger describes either events, by [[posting]] rules, or a [file]; "
                "events that post nothing belong in `without_posting`"
            )
        for decimals in self.decimals.values():
            _require_decimals(decimals)
        if not 0 <= self.statement_window_days <= 366:
            raise ValueError("`statement_window_days` are from 0 to 366")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"`time_zone` {self.time_zone!r} is no zone of the tz database") from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a ledger file. Raises UnusableInput naming the file and the field."""
        try:
            return cls.parse(regular_file(path).read_bytes(), str(path))
        except OSError as error:
            raise UnusableInput(f"ledger file {path} can't be read: {error.strerror}") from None

    @classmethod
    def parse(cls, text: bytes, name: str) -> Self:
        """Like ``load``, from the file's bytes."""
        try:
            found = msgspec.convert(tomllib.loads(text.decode("utf-8")), cls)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UnusableInput(f"ledger file {name} is not TOML: {error}") from None
        except msgspec.ValidationError as error:
            raise UnusableInput(f"ledger file {name}: {error}{_what_may_stand_there(str(error))}") from None
        found._require_known_decisions(name)
        return found

    def _require_known_decisions(self, name: str) -> None:
        known = {*self.without_posting, *(rule.event for rule in self.posting)}
        for event in self.depends_on_balance:
            if event not in known:
                raise UnusableInput(
                    f"ledger file {name}: `depends_on_balance` names {event!r}, which no [[posting]] rule and not "
                    "`without_posting` knows: correct the name, or say there what it posts"
                )
        if len(set(self.depends_on_balance)) < len(self.depends_on_balance):
            raise UnusableInput(f"ledger file {name}: `depends_on_balance` names an event type more than once")

    @property
    def posts(self) -> bool:
        """Whether anything is posted at all. Where nothing is, there is nothing to sum."""
        return bool(self.posting) or self.file is not None

    def sections_with_amounts(self) -> list[AmountSection]:
        """Every rule, or the file, with what it says of its amounts."""
        rules = [
            AmountSection(f"the rule for {rule.event}", rule.currency, rule.scale, rule.decimals)
            for rule in self.posting
        ]
        file = self.file
        return rules if file is None else [AmountSection("[file]", file.currency, file.scale, file.decimals)]

    def decimals_said(self, currency: str) -> int | None:
        """The decimals that the ledger itself gives a currency; None where it gives none."""
        beside = [each.decimals for each in self.sections_with_amounts() if each.currency == currency]
        return next((each for each in (self.decimals.get(currency), *beside) if each is not None), None)

    def zone(self) -> ZoneInfo:
        """The zone whose midnight divides days."""
        return ZoneInfo(self.time_zone)


def _require_decimals(decimals: int | None) -> None:
    if decimals is not None and not 0 <= decimals <= MOST_DECIMALS:
        raise ValueError(f"`decimals` are from 0 to {MOST_DECIMALS}")


def _what_may_stand_there(complaint: str) -> str:
    """The settings or the values that the ledger knows at the place that msgspec complains of; empty for the rest."""
    found = re.search(r"at `\$\.?([^`]*)`", complaint)
    places = re.findall(r"[a-z_]+", found[1]) if found else []
    kind: Any = LedgerDefinition
    for place in places:
        struct = next((each for each in _parts(kind) if isinstance(each, type) and issubclass(each, _Section)), None)
        if struct is None:
            return ""
        kind = get_type_hints(struct).get(place)
    parts = list(_parts(kind))
    if "unknown field" in complaint:
        known = [field for each in parts if isinstance(each, type) and issubclass(each, _Section)
                 for field in each.__struct_fields__]  # fmt: skip
        return f"; known there: {', '.join(known)}" if known else ""
    if "enum value" in complaint:
        values = [repr(value) for each in parts if get_origin(each) is Literal for value in get_args(each)]
        return f"; it may be {' or '.join(values)}" if values else ""
    return ""


def _parts(kind: Any) -> Iterator[Any]:
    """The type and all that it is made of: ``list[Rule] | None`` is made of Rule and None."""
    yield kind
    if get_origin(kind) is not Literal:
        for inner in get_args(kind):
            yield from _parts(inner)
