"""never_appended: a statement has a line with no event to match, and no event of the account is missing.

A line whose reference and amount another account's event has, or one in another currency, is told in
``written_elsewhere``.
"""

from esworkbench.forensics.compare.holds import json_path
from esworkbench.forensics.compare.records import NO_EVENT, Key, Residual
from esworkbench.forensics.diagnosis.booked_elsewhere import BookedElsewhere, booked_elsewhere, wrong_names
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty, Finding
from esworkbench.forensics.diagnosis.lines_of_unposted import UnpostedEvent, lines_of_unposted
from esworkbench.forensics.diagnosis.lines_without_event import lines_since_the_end
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.whole_log import broken
from esworkbench.forensics.diagnosis.witnesses import vouched_by_rows, was_reset
from esworkbench.forensics.diagnosis.wording import finding, places

SHOWN = 3
"""So many events under another account are named one by one."""

# A second answer to one hold is in the log, so what it booked is not missing from it: the hold was for once.
_ANSWERED_AGAIN = """
    SELECT DISTINCT h.account, h.currency, json_extract_string(asked.payload, $key)
    FROM events AS e JOIN holds AS h ON h.stream_id = e.stream_id AND h.hold = json_extract_string(e.payload, $id)
        JOIN events AS asked ON asked.event_id = h.event_id
    WHERE e.type = $settle AND json_valid(e.payload)
      AND e.event_id NOT IN (SELECT answered_by FROM holds WHERE answered_by IS NOT NULL)
"""

_AFTER_THE_END = """
    SELECT file, account, currency, s.place
    FROM statement_steps AS s JOIN statement_lines AS l USING (file, account, currency, line)
    WHERE s.reason = 'no event' AND l.booked_at >= (SELECT max(recorded_at) FROM events)
"""

_MEANT = r"lower(nfc_normalize(regexp_replace({0}, '[\s\p{{Z}}\p{{Cf}}]', '', 'g')))"
"""What is left of a name that people read as the same: not its blanks, its case, or how its letters are composed."""

_BOOKED_BEFORE = """
    SELECT mine.reference, min(told.line), min(e.position)
    FROM statement_steps AS s JOIN statement_lines AS mine USING (file, account, currency, line)
        JOIN statement_lines AS told
            ON (told.file, told.account, told.currency, told.reference, told.amount)
             = (mine.file, mine.account, mine.currency, mine.reference, mine.amount)
        JOIN pairs ON (pairs.file, pairs.account, pairs.currency, pairs.place)
                    = (told.file, told.account, told.currency, told.place)
        JOIN events AS e ON e.event_id = pairs.event_id
    WHERE s.file = $file AND s.account = $account AND s.currency = $currency AND mine.reference <> ''
      AND s.place IN (SELECT unnest($places::BIGINT[]))
    GROUP BY 1 ORDER BY 1
"""

_OF_ITS_OWN = "SELECT 1 FROM postings WHERE account = $account AND currency = $currency LIMIT 1"
_SPELT_OTHERWISE = f"""
    SELECT account, currency FROM (SELECT DISTINCT account, currency FROM postings)
    WHERE {_MEANT.format("account")} = {_MEANT.format("$account")}
      AND {_MEANT.format("currency")} = {_MEANT.format("$currency")}
    ORDER BY 1, 2
"""


# An event that was recorded after the statement's end may be of a day before it.
_UNTOLD = """
    SELECT p.position FROM postings AS p
    WHERE p.account = $account AND p.currency = $currency
      AND NOT EXISTS (SELECT 1 FROM pairs WHERE pairs.event_id = p.event_id AND pairs.account = p.account)
      AND p.valid_at < (SELECT max(booked_at) FROM statement_lines
                        WHERE file = $file AND account = $account AND currency = $currency) + INTERVAL 1 DAY
    GROUP BY p.position HAVING list_contains($amounts::BIGINT[], sum(p.amount_minor)::BIGINT)
    ORDER BY 1
"""


def never_appended(facts: Facts, left: Left) -> Explanations:
    """Lines of a statement with no event to match, where no event of the account is missing."""
    if not facts.count("statements"):
        return NotTestable("there is no statement to say what happened outside")
    again = _answered_again(facts)
    elsewhere = {pair.line.number: pair for pair in booked_elsewhere(facts)}
    unposted = {each.line.number: each for each in lines_of_unposted(facts, left).values()}
    groups: dict[tuple[str, Key], list[Residual]] = {}
    for step in left.steps(kind="statement"):
        pair = elsewhere.get(step.number)
        told_later = pair and pair.same and (pair.event is None or (step.source, step.key) in wrong_names(facts))
        if told_later and _spelt_otherwise(facts, step.key):
            told_later = False  # the other account is this one
        if step.reason == NO_EVENT and (*step.key, step.type) not in again and not told_later:
            groups.setdefault((step.source, step.key), []).append(step)
    newest = _after_the_end(facts) if groups else set()
    explanations = []
    for (file, key), steps in groups.items():
        if _known_inside(facts, left, key, steps):
            continue
        events = [unposted[step.number] for step in steps if step.number in unposted]
        missing = [step for step in steps if step.number not in unposted]
        for late in (False, True):
            mine = [
                step for step in missing
                if ((file, key, step.place) in newest and step.number not in elsewhere) == late
            ]  # fmt: skip
            pairs = [elsewhere[step.number] for step in mine if step.number in elsewhere]
            explanations += [_missing(facts, left, file, key, mine, pairs, newest=late)] if mine else []
        explanations += [_unreadable(facts, file, key, events)] if events else []
    return explanations


FAULT = Fault(
    name="never_appended",
    meaning="something happened in the world, but no event was ever written for it",
    look_alikes=(
        "handler_bug", "wrong_upcaster", "unresolved_pending", "half_transfer", "valid_time_shift", "poison_skipped",
        "tail_truncated", "event_misfiled", "event_deleted", "statement_inconsistent",
    ),
    remedy="append the missing event, dated when it was true",
    repair="none",
    detector=never_appended,
)  # fmt: skip


def _answered_again(facts: Facts) -> set[tuple[str, str, str]]:
    pending = facts.evidence.ledger.pending
    if pending is None:
        return set()
    paths = {"key": json_path(facts.evidence.ledger.business_key), "id": json_path(pending.id_field)}
    return set(facts.rows(_ANSWERED_AGAIN, settle=pending.settle, **paths))


def _after_the_end(facts: Facts) -> set[tuple[str, Key, int]]:
    """File, key and place of lines that were booked when the log has no event any more, where no reader has seen how
    it once ended. A reader that was rebuilt has seen only the log as it is now.
    """
    readers = [source for source in facts.sources if source.cut >= facts.head and facts.batches(source.name)]
    if facts.is_file or any(not was_reset(facts, source.name) for source in readers):
        return set()
    return {(file, (account, currency), place) for file, account, currency, place in facts.rows(_AFTER_THE_END)}


def _known_inside(facts: Facts, left: Left, key: Key, steps: list[Residual]) -> bool:
    """A read model or snapshot that counts the same amount has seen an event: it was written, and is gone.

    A figure that parts from the rows of each event, where these agree with the log, has seen nothing.
    """
    amounts = {step.amount for step in steps} | {sum(step.amount for step in steps)}
    inside = [step.amount for step in left.steps(key=key) if step.kind != "statement"]
    return any(amount in amounts for amount in inside) or (
        any(amount in amounts for amount in left.heads_of(key)) and not vouched_by_rows(facts, key)
    )


def _missing(
    facts: Facts, left: Left, file: str, key: Key, steps: list[Residual], pairs: list[BookedElsewhere], *, newest: bool
) -> Explanation:  # fmt: skip
    """``newest``: they would be the end of the log, which may as well have been cut off."""
    amount = sum(step.amount for step in steps)
    references = ", ".join(step.type or "?" for step in steps[:5])
    proof = f"{file} books {references}, {facts.money(amount, key)} in all, and no event says the same"
    lost = broken(facts, key)
    proof += (
        ", but events of this account are missing from the log: it may be one of them" if lost
        else ", and no version of the account's stream is missing"
    )  # fmt: skip
    words = (
        f"they are the newest, and {file} alone tells of them: the end of the log may have been cut off, which an "
        "anchor or a reader's checkpoint from before would show"
    )
    others: tuple[LookAlike, ...] = (LookAlike("tail_truncated", words),) if newest else ()
    holes = sum(last - first + 1 for first, last in facts.evidence.manifest.cut.gaps)
    if holes >= len(steps) and not facts.rows(_OF_ITS_OWN, account=key[0], currency=key[1]):
        others += (
            LookAlike(
                "event_deleted",
                f"the log has no event of this account, and {holes} positions without one: its stream may have been "
                "deleted as a whole, which an anchor from before would show",
            ),
        )
    remedy = None
    if pairs:
        proof += "; " + "; ".join(pair.words_at_line() for pair in pairs[:SHOWN])
        remedy = pairs[0].remedy()
    twice = facts.rows(
        _BOOKED_BEFORE, places=[step.place for step in steps], file=file, account=key[0], currency=key[1]
    )
    if twice:
        before = ", ".join(
            f"line {line} books {reference} with the same amount already, for the event at {places([position])}"
            for reference, line, position in twice[:SHOWN]
        )
        proof += f"; {before}: either it happened again, or the statement booked it twice"
        words = f"{before}: {file} may have booked it twice, and then no event is missing"
        others += (LookAlike("statement_inconsistent", words),)
        remedy = "find out from the other side whether it happened twice, and append an event only if it did"
    amounts = [step.amount for step in steps]
    untold = facts.rows(_UNTOLD, account=key[0], currency=key[1], file=file, amounts=amounts)
    if untold:
        there = places([place for (place,) in untold])
        proof += f"; {there}, of which no line tells, posts that amount: it may be this, told late or by another name"
        remedy = f"find out whether {there} is this movement, and append an event only if it isn't"
    since = {step.number for step in lines_since_the_end(facts, left, key)} if left.found("tail_truncated") else set()
    cut_too = not since.isdisjoint(step.number for step in steps)
    if cut_too:
        proof += "; it was booked since the log's end, whose tail was cut off, perhaps with the event of this"
        remedy = "restore the tail first, and append an event only for what it doesn't bring back"
    doubted = _told_as_another(left, key, steps)
    if doubted:
        proof += f"; it may be what {doubted.fault} at {places(doubted.positions)} seems to lack, under another name"
    meant = _spelt_otherwise(facts, key)
    if meant:
        proof += (
            f"; no event is of account {key[0]!r} in {key[1]!r}, and the log has {' and '.join(meant)}, which differs "
            "only in blanks, case or how its letters are composed"
        )
        remedy = "if that account is meant, have the statement spell it as the log does, and capture again"
    certainty: Certainty = "possible" if lost or others or cut_too or doubted or meant or untold or pairs else "likely"
    found = finding(FAULT, key, amount=amount, source=file, certainty=certainty, proof=proof, remedy=remedy)
    return Explanation(found, [whole(step) for step in steps], others)


def _told_as_another(left: Left, key: Key, steps: list[Residual]) -> Finding | None:
    """A finding of which these lines make a mere possibility, since they may book what it takes for not booked."""
    money_out = any(step.amount < 0 for step in steps)
    amounts = {step.amount for step in steps} | {sum(step.amount for step in steps)}
    holds = [each for each in left.found("unresolved_pending") if each.amount > 0 and money_out]
    repeats = [each for each in left.found("retry_duplicate") if -each.amount in amounts]
    return next(
        (each for each in (*holds, *repeats) if (each.account, each.currency) == key and each.certainty == "possible"),
        None,
    )


def _spelt_otherwise(facts: Facts, key: Key) -> list[str]:
    """The accounts of the log that a statement about an account without any event may mean."""
    account, currency = key
    if facts.rows(_OF_ITS_OWN, account=account, currency=currency):
        return []
    return [f"{each!r} in {code!r}" for each, code in facts.rows(_SPELT_OTHERWISE, account=account, currency=currency)]


def _unreadable(facts: Facts, file: str, key: Key, events: list[UnpostedEvent]) -> Explanation:
    """The event was written. What it moved is what nobody says, so what is missing may be a rule of the ledger."""
    amount = sum(event.line.amount for event in events)
    named = ", ".join(f"{event.kind} at position {event.position}" for event in events[:5])
    proof = (
        f"{file} books {', '.join(event.line.type or '?' for event in events[:5])}, {facts.money(amount, key)} in all, "
        f"and the log has that reference in {named}, of which the ledger can't tell what it posts"
    )
    found = finding(
        FAULT, key, amount=amount, events=[(event.position, event.event_id) for event in events], source=file,
        certainty="possible", proof=proof, remedy="have the ledger say what these events post, and capture again",
    )  # fmt: skip
    return Explanation(found, [whole(event.line) for event in events])
