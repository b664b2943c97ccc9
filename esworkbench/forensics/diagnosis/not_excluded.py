"""What was looked for, not found, and is not excluded by that: a log changed with everything that had read it.

The hashes of a log are computed from the log. Whoever rewrites it, cuts its end off or takes a stream out, and makes
read models, snapshots and statements to match, leaves nothing that contradicts it. Only an anchor does that was signed
while the log was whole, with a key that whoever investigates brought, and only of what it covers.
"""

from collections.abc import Mapping

from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.findings import LOOKED_FOR, RULED_OUT

REWRITTEN = "a history rewritten and hashed again with all that follows from it would look the same"
CUT_OFF = "a log whose end was cut off with all that had read it would look the same"
TAKEN_OUT = "a stream deleted as a whole, or the end of one, with all that had read it would look the same"
SHOWN_BY_LINES = ("never_appended", "retry_duplicate", "settled_otherwise", "statement_incomplete")
"""Faults that a statement's single lines show."""
SHOWN = 3
_READ_AS_SUMS = """
    SELECT DISTINCT file, line FROM netted JOIN statement_lines USING (file, account, currency, place)
    WHERE is_guess ORDER BY 1, 2
"""
NOBODY_BROUGHT = "no anchor that stands is signed with a key that you brought"


def not_excluded(facts: Facts, tested: Mapping[str, str]) -> dict[str, str]:
    """What to say instead of those faults that ``tested`` calls ruled out and that could have happened all the same."""
    covered = _covered(facts)
    said = {"rehashed_history": REWRITTEN, "event_deleted": f"{TAKEN_OUT} ({_positions(facts)})"}
    if covered < facts.head:
        beyond = f"after position {covered}, the last that an anchor of a key you brought covers" if covered else ""
        remains = {name: f"{beyond or NOBODY_BROUGHT}: {words}" for name, words in said.items()}
    else:
        remains = {}
    # What came after the last anchor and is gone again, no anchor has seen, and every log ends somewhere.
    since = f"an anchor of a key you brought covers the log up to position {covered}: what was written since, and"
    remains["tail_truncated"] = (
        f"{since} cut off with all that had read it, would leave no trace"
        if covered
        else f"{NOBODY_BROUGHT}: {CUT_OFF}"
    )
    if guessed := _read_as_sums(facts):
        remains |= dict.fromkeys(SHOWN_BY_LINES, guessed)
    return {name: LOOKED_FOR + words for name, words in remains.items() if tested[name] == RULED_OUT}


def _read_as_sums(facts: Facts) -> str:
    """The first lines and movements that are taken to be one thing told in other parts because their sums agree."""
    rows = facts.rows(_READ_AS_SUMS)
    shown = ", ".join(f"line {line} of {file}" for file, line in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return f"{shown}{more} and the events beside agree in their sum alone" if rows else ""


def _covered(facts: Facts) -> int:
    """Up to which position an anchor of a trusted key says of every event what it was; 0 where none does."""
    apart = facts.anchored.contradiction
    told = [apart.by] if apart is not None and apart.exact and apart.all_told and apart.strength == "proven" else []
    return max([*told, *(each.position for each in facts.anchored.asked if each.trusted and each.stands)], default=0)


def _positions(facts: Facts) -> str:
    """What the positions say of events that are gone: no hash covers them, so that they can be given anew."""
    if not facts.evidence.manifest.cut.gaps:
        return "no version and no position is missing, but no hash covers a position"
    return "no version is missing inside a stream, but positions hold no event, as after a write that was rolled back"
