"""What a comparison is made of: who claims, a step of a claim, and a residual, where claim and events differ."""

from enum import StrEnum
from typing import NamedTuple

RESTORATION_CATEGORY = "LogRestoration"
"""What the ids of streams begin with in which a restored log tells that it was."""

Key = tuple[str, str]
"""An account and a currency."""


class Reason(StrEnum):
    """Why claim and events differ.

    ``no row``: the event is there, and the source has no row for it. ``no event``: the claim moved without an event.
    ``repeated``: a second row for one event. ``differs``: row and event are there and disagree. ``total``: all that is
    known is the sum.
    """

    NO_ROW = "no row"
    NO_EVENT = "no event"
    REPEATED = "repeated"
    DIFFERS = "differs"
    TOTAL = "total"


NO_ROW, NO_EVENT, REPEATED, DIFFERS, TOTAL = Reason


class State(StrEnum):
    """What a residual is.

    ``divergence``: claim and events differ. ``rounding``: within the limit that the ledger states for a file.
    ``shifted``: booked on another day, and right in the end.
    """

    DIVERGENCE = "divergence"
    ROUNDING = "rounding"
    SHIFTED = "shifted"


class Source(NamedTuple):
    """Something that claims balances. ``cut`` is the last position it has seen; ``claims`` how many it makes."""

    name: str
    kind: str
    cut: int
    claims: int


class Residual(NamedTuple):
    """One place where a claim and the events differ, in minor units.

    ``amount`` = what the claim moved by − what the events say. ``position`` and ``event_id`` are the event's, or what
    the row says of a missing one's; ``at`` is the last position the claim was compared with. ``claimed`` is the balance
    claimed after the step (None: the source has no row for the account), ``event_sum`` what the events make of it.
    ``place`` orders the steps of a source: a position, or the number of a day, a line or a version (0: it has none).
    """

    number: int
    source: str
    kind: str
    account: str
    currency: str
    amount: int
    reason: str
    position: int | None = None
    event_id: str | None = None
    type: str | None = None
    schema_version: int | None = None
    posted: int = 0
    state: State = State.DIVERGENCE
    claimed: int | None = None
    event_sum: int = 0
    at: int | None = None
    place: int = 0

    @property
    def key(self) -> Key:
        return self.account, self.currency

    @property
    def identity(self) -> tuple[Key, str | None, int]:
        """What makes it the same residual in another capture."""
        return self.key, self.event_id, self.amount


class ClaimStep(NamedTuple):
    """One event, day or statement line of an account beside the claim made after it, in minor units.

    ``claimed`` is the claim in force after the step, whether it was made there (``made``) or earlier. ``residual`` is
    what the claim moved by − ``posted``, and ``state`` what that is, None where it is 0. ``at`` is the last position
    up to which claim and events were compared; ``position`` is the event's own, None where there is none.
    """

    position: int | None
    version: int | None
    event_id: str | None
    claimed: int
    posted: int
    residual: int
    event_sum: int
    reason: str
    state: State | None
    made: bool
    at: int | None
    type: str | None = None
    schema_version: int | None = None
