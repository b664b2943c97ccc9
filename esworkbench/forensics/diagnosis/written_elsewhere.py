"""Lines and events that are one movement under two accounts, or in two currencies, by reference and amount.

Where most lines of an account mean events of one other account, the statement names the wrong account. Else somebody
took the wrong account for a movement: whoever wrote the event, whose hash holds since it was never moved, or the bank.
Which of the two is wrong they don't say. Told last, so that nothing else that is wrong with the log is taken for a
consequence.
"""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import DIFFERS, TOTAL, Key, Residual
from esworkbench.forensics.diagnosis.booked_elsewhere import BookedElsewhere, booked_elsewhere
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.faults.event_misfiled import FAULT
from esworkbench.forensics.diagnosis.faults.statement_inconsistent import FAULT as WRONG_STATEMENT
from esworkbench.forensics.diagnosis.unexplained import Explanation, Left, whole
from esworkbench.forensics.diagnosis.wording import finding

SHOWN = 3
MANY = 5
"""So many lines, and most of those that there are, aren't each taken for another by chance."""
REMEDY = "find out which of the two accounts is right before anything is appended, and correct the other"

Part = tuple[str, Key]
"""A statement's file, and the account and currency that its lines name."""

_LINES = "SELECT file, account, currency, count(*) FROM statement_lines GROUP BY ALL"


def written_elsewhere(facts: Facts, left: Left) -> Iterator[Explanation]:
    """One explanation for each statement under wrong names; else one for each account that has the line, and for each
    that has the event and a statement without it.
    """
    unexplained = {step.number for step in left.steps(kind="statement")}
    pairs = [pair for pair in booked_elsewhere(facts) if pair.same and pair.line.number in unexplained]
    names = _wrong_names(facts, pairs)
    for file in dict.fromkeys(file for file, _ in names):
        mine = [pair for pair in pairs if (pair.line.source, pair.line.key) in names and pair.line.source == file]
        yield _statement(left, file, mine, unexplained)
    sides: dict[Key, list[tuple[BookedElsewhere, Residual]]] = {}
    for pair in pairs:
        if (pair.line.source, pair.line.key) in names:
            continue
        sides.setdefault(pair.line.key, []).append((pair, pair.line))
        if pair.event is not None and pair.event.number in unexplained:
            sides.setdefault(pair.key, []).append((pair, pair.event))
    for key, side in sides.items():
        yield _events(facts, key, side)


def _wrong_names(facts: Facts, pairs: list[BookedElsewhere]) -> set[Part]:
    """The parts of statements of which most lines book what is recorded of one other account."""
    if not pairs:
        return set()
    lines = {(file, (account, currency)): count for file, account, currency, count in facts.rows(_LINES)}
    meant: dict[tuple[Part, Key], int] = {}
    for pair in pairs:
        names = (pair.line.source, pair.line.key), pair.key
        meant[names] = meant.get(names, 0) + 1
    return {part for (part, _), count in meant.items() if count >= MANY and 2 * count > lines[part]}


def _statement(left: Left, file: str, pairs: list[BookedElsewhere], unexplained: set[int]) -> Explanation:
    """The lines, the events that they mean, and the opening balances, which are another's as well.

    A transfer between the two accounts has its reference on both, and so its line has an event, of the other sign.
    """
    moved = list(dict.fromkeys((pair.line.key, pair.key) for pair in pairs))
    accounts = {key for names in moved for key in names}
    others = [
        step for step in left.steps(source=file, kind="statement")
        if step.key in accounts
        and (step.reason == TOTAL or (step.reason == DIFFERS and step.amount == -2 * step.posted))
    ]  # fmt: skip
    events = [pair.event for pair in pairs if pair.event is not None and pair.event.number in unexplained]
    words = "; ".join(
        f"{sum((pair.line.key, pair.key) == (told, meant) for pair in pairs)} lines of {told[0]} in {told[1]} have "
        f"reference and amount of events of {meant[0]} in {meant[1]}, and no event of their own account"
        for told, meant in moved
    )
    found = finding(
        WRONG_STATEMENT, None, source=file, certainty="likely",
        proof=f"{file} names the wrong accounts: {words}",
        remedy="ask for the statement under the right accounts, and leave events and read models as they are",
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in (*(pair.line for pair in pairs), *events, *others)])


def _events(facts: Facts, key: Key, side: list[tuple[BookedElsewhere, Residual]]) -> Explanation:
    words = [
        f"{step.source} books {pair.line.type}, {facts.money(pair.line.amount, key)}, and {pair.words_at_line()}"
        if step is pair.line else pair.words_at_event()
        for pair, step in side
    ]  # fmt: skip
    rest = [f"and so are {len(side) - SHOWN} others"] * (len(side) > SHOWN)
    found = finding(
        FAULT, key, amount=sum(step.amount for _, step in side), source=side[0][1].source, certainty="possible",
        events=[(pair.position, pair.event_id) for pair, _ in side], proof="; ".join([*words[:SHOWN], *rest]),
        remedy=REMEDY,
    )  # fmt: skip
    return Explanation(found, [whole(step) for _, step in side])
