"""Lines and events that are one movement under two accounts, or in two currencies, by reference and amount.

Where most lines of an account mean events of one other account, the statement names the wrong account. Else somebody
took the wrong account for a movement: whoever wrote the event, whose hash holds since it was never moved, or the bank.
Which of the two is wrong they don't say. Told last, so that nothing else that is wrong with the log is taken for a
consequence.
"""

from collections.abc import Iterator

from esworkbench.forensics.compare.records import DIFFERS, TOTAL, Key
from esworkbench.forensics.diagnosis.booked_elsewhere import BookedElsewhere, booked_elsewhere, wrong_names
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.faults.event_misfiled import FAULT
from esworkbench.forensics.diagnosis.faults.statement_inconsistent import FAULT as WRONG_STATEMENT
from esworkbench.forensics.diagnosis.unexplained import Explanation, Left, whole
from esworkbench.forensics.diagnosis.wording import finding

SHOWN = 3
REMEDY = "find out which of the two accounts is right before anything is appended, and correct the other"


def written_elsewhere(facts: Facts, left: Left) -> Iterator[Explanation]:
    """One explanation for each statement under wrong names; else one for each account of which a line means an event
    that no statement covers. Where one does, the log and it agree that the event is of that account.
    """
    unexplained = {step.number for step in left.steps(kind="statement")}
    pairs = [pair for pair in booked_elsewhere(facts) if pair.same and pair.line.number in unexplained]
    names = wrong_names(facts)
    for file in dict.fromkeys(file for file, _ in names):
        mine = [pair for pair in pairs if (pair.line.source, pair.line.key) in names and pair.line.source == file]
        if mine:  # else what was done to the log explains them all
            yield _statement(left, file, mine, unexplained)
    lines: dict[Key, list[BookedElsewhere]] = {}
    for pair in pairs:
        if pair.event is None and (pair.line.source, pair.line.key) not in names:
            lines.setdefault(pair.line.key, []).append(pair)
    for key, mine in lines.items():
        yield _events(facts, key, mine)


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


def _events(facts: Facts, key: Key, pairs: list[BookedElsewhere]) -> Explanation:
    words = [
        f"{pair.line.source} books {pair.line.type}, {facts.money(pair.line.amount, key)}, and {pair.words_at_line()}"
        for pair in pairs
    ]
    rest = [f"and so are {len(pairs) - SHOWN} others"] * (len(pairs) > SHOWN)
    found = finding(
        FAULT, key, amount=sum(pair.line.amount for pair in pairs), source=pairs[0].line.source, certainty="possible",
        events=[(pair.position, pair.event_id) for pair in pairs], proof="; ".join([*words[:SHOWN], *rest]),
        remedy=REMEDY,
    )  # fmt: skip
    return Explanation(found, [whole(pair.line) for pair in pairs])
