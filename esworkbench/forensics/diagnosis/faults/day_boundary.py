"""day_boundary: daily sums are cut at another midnight than the ledger's."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from esworkbench.forensics.compare.records import Key, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, whole
from esworkbench.forensics.diagnosis.wording import finding

Days = dict[tuple[str, int], int]
"""What a day's closing moves by, and its credits and debits, in minor units: by the kind of claim, and the day's
number since 1970."""

EPOCH = date(1970, 1, 1)

KINDS = ("daily", "credits", "debits")

_QUARTERS = [minutes for minutes in range(-12 * 60, 14 * 60 + 1, 15) if minutes % 30 == 0 or minutes % 45 == 0]
SHOWN = 3


def day_boundary(facts: Facts, left: Left) -> Explanations:
    """Daily claims that all agree if days begin at the midnight of another zone."""
    days = [source for source in facts.sources if source.kind == "daily"]
    if not days:
        return NotTestable("there is no read model of daily sums")
    return [each for source in days for each in _of_source(facts, left, source)]


FAULT = Fault(
    name="day_boundary",
    meaning="daily sums are cut at a different midnight than the ledger's",
    look_alikes=("valid_time_shift",),
    remedy="correct the time zone, then rebuild the read model",
    repair="rebuild",
    detector=day_boundary,
)


def _of_source(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """A hold and its release that move to another day together leave every closing as it is, so all columns count."""
    drifted = {position for each in left.found("serialization_drift") for position in each.positions}
    edited = [event.position for event in facts.changed if event.position not in drifted]
    undated = set(facts.rows(
        "SELECT DISTINCT account, currency FROM postings WHERE recorded_at IS NULL "
        "OR list_contains($edited, position)", edited=edited,
    ))  # fmt: skip
    steps = [
        step for kind in KINDS for step in left.steps(source=source.name, kind=kind) if step.key not in undated
    ]  # fmt: skip
    wrong = sorted({step.key for step in steps})
    if not wrong:
        return
    # Where an event has no known time, or one that may have been edited, no zone says its day: such accounts are left
    # out.
    # The accounts that part now allow the fewest zones, so they are asked first; then everybody must agree. What has
    # another cause, by now, is no longer among the steps.
    apart: dict[Key, Days] = {}
    for step in steps:
        days = apart.setdefault(step.key, {})
        days[step.kind, step.place] = days.get((step.kind, step.place), 0) + step.amount
    claimed = _claimed(facts, source)
    kinds = {kind for _, kind in claimed}
    moments = _moments(facts, source)
    others = sorted({key for key, _ in claimed} - set(wrong) - undated)
    own = {key: _days(moments.get(key, []), ZoneInfo(facts.evidence.ledger.time_zone), kinds) for key in moments}
    fitting = [
        name for name, zone in _zones()
        if all(
            _apart(_days(moments.get(key, []), zone, kinds), own.get(key, {})) == apart.get(key, {})
            for key in (*wrong, *others)
        )
    ]  # fmt: skip
    if not fitting:
        return
    moved = max(sum(abs(step.amount) for step in steps if step.kind == kind) for kind in KINDS) // 2
    proof = (
        f"every day of {source.name} agrees if days begin at midnight in {' or '.join(fitting[:SHOWN])} instead of "
        f"{facts.evidence.ledger.time_zone}, and the totals agree as they are: {facts.money(moved, wrong[0])} in all "
        f"stand on a day beside, on {len(wrong)} account(s)"
    )
    found = finding(FAULT, None, source=source.name, certainty="likely", proof=proof)
    yield Explanation(found, [whole(step) for step in steps])


def _zones() -> Iterator[tuple[str, tzinfo]]:
    """Every fixed difference from UTC that is in use anywhere, then the zones whose clocks change."""
    for minutes in sorted(_QUARTERS, key=abs):
        sign = "-" if minutes < 0 else "+"
        name = f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}" if minutes else "UTC"
        yield name, timezone(timedelta(minutes=minutes))
    for name in sorted(available_timezones()):
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/")):
            yield name, ZoneInfo(name)


def _claimed(facts: Facts, source: Source) -> set[tuple[Key, str]]:
    """The accounts that have days, and which of the kinds are claimed of them."""
    rows = facts.rows(
        "SELECT DISTINCT account, currency, kind FROM assertions WHERE source = $source "
        "AND (kind = 'daily' OR kind IN ('credits', 'debits') AND claimed_minor IS NOT NULL)",
        source=source.name,
    )
    return {((account, currency), kind) for account, currency, kind in rows}


def _moments(facts: Facts, source: Source) -> dict[Key, list[tuple[datetime, int]]]:
    found: dict[Key, list[tuple[datetime, int]]] = {}
    for account, currency, moment, amount in facts.rows(
        "SELECT account, currency, recorded_at, amount_minor FROM postings "
        "WHERE position <= $cut AND recorded_at IS NOT NULL ORDER BY recorded_at, position",
        cut=source.cut,
    ):
        found.setdefault((account, currency), []).append((moment, amount))
    return found


def _days(moments: list[tuple[datetime, int]], zone: tzinfo, kinds: set[str]) -> Days:
    found: Days = {}
    for moment, amount in moments:
        day = (moment.astimezone(zone).date() - EPOCH).days
        for kind, moved in (("daily", amount), ("credits", max(amount, 0)), ("debits", max(-amount, 0))):
            if kind in kinds:
                found[kind, day] = found.get((kind, day), 0) + moved
    return found


def _apart(there: Days, here: Days) -> Days:
    """What days cut at one midnight have more than those cut at another, where that isn't nothing."""
    differences = {day: there.get(day, 0) - here.get(day, 0) for day in there.keys() | here.keys()}
    return {day: amount for day, amount in differences.items() if amount}
