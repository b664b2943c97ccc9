"""Reconcile: the lines of bank statements beside the events, one to one, as a bookkeeper ticks them off.

It answers which line means which event, and what is left on either side. What the balances claim, and what is wrong
where they part from the events, is the answer of ``diff`` and ``diagnose``, which don't read this one. Whether a line
should be there at all, and whether lines come to nothing among themselves, all three read in ``statement_steps``.

Files that overlap tell of the same lines: those of one account, currency, booking day and amount under one id (the
bank's, or else the reference) are counted as often as the file counts them that has most.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.holds import hold_limit
from esworkbench.forensics.compare.matching import Item, Pair, match
from esworkbench.forensics.compare.statement_lines import make_statement_steps

if TYPE_CHECKING:
    import duckdb

Key = tuple[str, str]
"""An account and a currency."""


class BookedLine(NamedTuple):
    """A booked line of a statement, amounts in minor units. ``line`` is its number in the file."""

    account: str
    currency: str
    file: str
    line: int
    day: date
    value_day: date | None
    reference: str
    bank_id: str | None
    amount: int


class BookedMovement(NamedTuple):
    """An event that posts, as a statement would book it. ``is_owed``: a line of it must come, a hold's may not."""

    account: str
    currency: str
    day: date
    reference: str
    amount: int
    position: int
    event_id: str
    type: str
    undoes: str | None
    is_owed: bool


class Ticked(NamedTuple):
    """A line and its movement, of another day or amount. ``days``: by how many the line is later."""

    line: BookedLine
    movement: BookedMovement
    days: int


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """``matched`` counts lines by what they were known by: ``id``, ``amount`` (and day), or ``parts``.

    ``missing``: events without a line; ``extra``: lines without an event; ``shifted``: matched, on another day;
    ``altered``: one id, and another amount. ``told_twice`` counts lines that several files hold, ``not_yet`` events so
    near the end of a statement that their lines may stand in the next one, ``taken_back`` lines without an event that
    come to nothing together: a booking of the bank's own, and its reversal.
    """

    statements: list[str]
    window_days: int
    matched: dict[str, int]
    told_twice: int
    not_yet: int
    missing: list[BookedMovement]
    extra: list[BookedLine]
    shifted: list[Ticked]
    altered: list[Ticked]
    taken_back: int

    def as_json(self) -> dict[str, Any]:
        """What ``reconcile --json`` prints."""
        plain = {name: getattr(self, name) for name in self.__struct_fields__}
        return {
            **plain,
            "missing": [_plain(each) for each in self.missing],
            "extra": [_plain(each) for each in self.extra],
            "shifted": [_both(each) for each in self.shifted],
            "altered": [_both(each) for each in self.altered],
        }


def reconcile(evidence: Evidence, *, statement: str | None = None) -> Reconciliation:
    """Every line of the statements, or of the one of that name, with its event. Raises UnusableInput without any."""
    files = [file for (file,) in evidence.rows("SELECT DISTINCT file FROM statements ORDER BY 1")]
    if statement is not None and statement not in files:
        there = ", ".join(files[:5]) or "none"
        raise UnusableInput(f"there is no statement {statement!r} in {evidence.path}; it holds {there}")
    if not files:
        raise UnusableInput(
            f"{evidence.path} holds no statement: add one with `esworkbench evidence add`, its option --statement"
        )
    chosen = [statement] if statement is not None else files
    told, told_twice = _lines(evidence, chosen)
    covered = _covered(evidence, chosen)
    connection = evidence.connection()
    make_statement_steps(connection, evidence, None)
    movements = _movements(connection, evidence, list(covered))
    lacking, nothing = _of_steps(connection, chosen)
    window = evidence.ledger.statement_window_days
    matched: Counter[str] = Counter({"id": 0, "amount": 0, "parts": 0})
    missing: list[BookedMovement] = []
    extra: list[BookedLine] = []
    shifted: list[Ticked] = []
    altered: list[Ticked] = []
    not_yet = taken_back = 0
    for key in sorted(covered):
        lines, mine = told.get(key, []), movements.get(key, [])
        pairs = match([_item_of(line) for line in lines], [_item(each) for each in mine], window)
        ticked = [Ticked(lines[pair.line], mine[pair.movement], _days(lines, mine, pair)) for pair in pairs]
        both = list(zip(pairs, ticked, strict=True))
        altered += [each for pair, each in both if pair.is_altered]
        shifted += [each for pair, each in both if each.days and not pair.is_altered]
        matched.update({pair.line: pair.by for pair in pairs if not pair.is_altered}.values())
        found, later = _without_line(mine, pairs, [each.days for each in ticked], covered[key], window)
        due = [each for each in found if (*key, each.event_id) in lacking]
        missing += due
        not_yet += later + len(found) - len(due)
        with_event = {pair.line for pair in pairs}
        alone = [line for number, line in enumerate(lines) if number not in with_event]
        left = [line for line in alone if (line.file, line.line) not in nothing]
        extra += left
        taken_back += len(alone) - len(left)
    return Reconciliation(
        statements=chosen, window_days=window, matched=dict(matched), told_twice=told_twice, not_yet=not_yet,
        missing=missing, extra=extra, shifted=shifted, altered=altered,
        taken_back=taken_back,
    )  # fmt: skip


def _without_line(
    movements: Sequence[BookedMovement],
    pairs: Sequence[Pair],
    late: Sequence[int],
    covered: Sequence[tuple[date, date]],
    window: int,
) -> tuple[list[BookedMovement], int]:
    """The events that should have a line and have none, and how many of the others may have theirs later.

    A booking and what undoes it may both be left out.
    """
    booked = {pair.movement for pair in pairs}
    left = [each for number, each in enumerate(movements) if number not in booked and each.is_owed]
    undone: Counter[str] = Counter()
    for each in left:
        if each.undoes is not None:
            undone[each.undoes] += each.amount
    slack = timedelta(days=min(window, max([0, *late])))
    missing, later = [], 0
    for each in left:
        if each.undoes is not None and undone[each.undoes] == 0:
            continue
        inside = [last for first, last in covered if first <= each.day <= last]
        if any(each.day + slack <= last for last in inside):
            missing.append(each)
        elif inside:
            later += 1
    return missing, later


_LINES = """
    SELECT account, currency, file, line, timezone($zone, booked_at)::DATE, value_day, coalesce(reference, ''), bank_id,
        amount_minor
    FROM statements WHERE list_contains($files, file) AND coalesce(kind, 'entry') IN ('entry', 'reversal')
    ORDER BY file, line
"""


def _lines(evidence: Evidence, files: Sequence[str]) -> tuple[dict[Key, list[BookedLine]], int]:
    """The lines by account and currency, each once however many files hold it; and how many of them came again."""
    counted: Counter[tuple[object, ...]] = Counter()
    of_file: Counter[tuple[object, ...]] = Counter()
    found: dict[Key, list[BookedLine]] = defaultdict(list)
    again = 0
    for row in evidence.rows(_LINES, zone=evidence.ledger.time_zone, files=list(files)):
        line = BookedLine(*row)
        same = (line.account, line.currency, line.day, line.amount, line.bank_id or line.reference)
        of_file[(*same, line.file)] += 1
        if of_file[(*same, line.file)] <= counted[same]:
            again += 1
            continue
        counted[same] += 1
        found[line.account, line.currency].append(line)
    return found, again


# The opening balance stands at the beginning of the first day that a statement covers, and the closing one at its end.
_COVERED = """
    SELECT account, currency, min(timezone($zone, booked_at)::DATE), max(timezone($zone, booked_at)::DATE)
    FROM statements WHERE list_contains($files, file) GROUP BY file, account, currency ORDER BY ALL
"""


def _covered(evidence: Evidence, files: Sequence[str]) -> dict[Key, list[tuple[date, date]]]:
    """The days that statements cover, those of files that follow each other or overlap as one stretch."""
    found: dict[Key, list[tuple[date, date]]] = defaultdict(list)
    for account, currency, first, last in evidence.rows(_COVERED, zone=evidence.ledger.time_zone, files=list(files)):
        stretches = found[account, currency]
        if stretches and first <= stretches[-1][1] + timedelta(days=1):
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], last))
        else:
            stretches.append((first, last))
    return found


_MOVEMENTS = """
    SELECT account, currency, timezone($zone, booked_at)::DATE, reference, amount, position, event_id, type, undoes,
        NOT waits OR $now - recorded_at > $limit
    FROM movements WHERE list_contains($accounts, account) ORDER BY position
"""


_LACKING = """
    SELECT account, currency, event_id FROM statement_steps WHERE list_contains($files, file) AND reason = 'no row'
"""

_NOTHING = """
    SELECT file, line FROM statement_steps
    WHERE list_contains($files, file) AND reason = 'no event' AND residual = 0 AND line IS NOT NULL
"""


def _of_steps(
    connection: "duckdb.DuckDBPyConnection", files: Sequence[str]
) -> tuple[set[tuple[str, str, str]], set[tuple[str, int]]]:
    """The events that a statement lacks, by account and currency; and the lines that come to nothing with others."""
    lacking = connection.execute(_LACKING, {"files": list(files)}).fetchall()
    nothing = connection.execute(_NOTHING, {"files": list(files)}).fetchall()
    return set(lacking), set(nothing)


def _movements(
    connection: "duckdb.DuckDBPyConnection", evidence: Evidence, keys: Sequence[Key]
) -> dict[Key, list[BookedMovement]]:
    given = {
        "zone": evidence.ledger.time_zone, "now": evidence.now, "limit": hold_limit(evidence.ledger),
        "accounts": sorted({account for account, _ in keys}),
    }  # fmt: skip
    found: dict[Key, list[BookedMovement]] = defaultdict(list)
    for row in connection.execute(_MOVEMENTS, given).fetchall():
        found[row[0], row[1]].append(BookedMovement(*row))
    return found


def _item_of(line: BookedLine) -> Item:
    return Item((line.reference, line.bank_id or ""), line.amount, line.day, line.line)


def _item(movement: BookedMovement) -> Item:
    comes_second = movement.undoes is not None
    return Item((movement.reference,), movement.amount, movement.day, movement.position, comes_second)


def _days(lines: Sequence[BookedLine], movements: Sequence[BookedMovement], pair: Pair) -> int:
    return (lines[pair.line].day - movements[pair.movement].day).days


def _plain(row: BookedLine | BookedMovement) -> dict[str, Any]:
    values: Mapping[str, Any] = row._asdict()
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _both(ticked: Ticked) -> dict[str, Any]:
    return {"line": _plain(ticked.line), "movement": _plain(ticked.movement), "days": ticked.days}
