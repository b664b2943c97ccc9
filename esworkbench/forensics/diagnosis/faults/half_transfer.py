"""half_transfer: one side of a transfer was recorded, and the other never was."""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from esworkbench.evidence.capturing.poster import account_of
from esworkbench.evidence.ledger import TransferSides
from esworkbench.forensics.compare.holds import REPAIRS, hold_limit, json_path
from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.compare.statement_lines import LATEST_BOOKING
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.lines_without_event import lost_with
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, LookAlike, NotTestable, whole
from esworkbench.forensics.diagnosis.whole_log import broken, is_whole
from esworkbench.forensics.diagnosis.wording import finding, places

# The two sides share the transfer's id; of those that don't, the correlation id, where as many were sent as received.
_SIDES = f"""
    WITH {REPAIRS}, sides AS (
        SELECT event_id, position, type = $sent AS out, correlation_id, recorded_at,
            json_extract_string(payload, $id) AS id,
            json_extract_string(payload, CASE WHEN type = $sent THEN $to ELSE $from END) AS other,
            json_extract_string(payload, $key) AS reference,
            row_number() OVER (PARTITION BY json_extract_string(payload, $id), type ORDER BY position) AS nth
        FROM events WHERE type IN ($sent, $received) AND json_valid(payload)
    ), pairs_of_sides AS (
        SELECT a.*, b.event_id IS NOT NULL AS complete, abs(epoch(a.recorded_at) - epoch(b.recorded_at)) AS took
        FROM sides AS a LEFT JOIN sides AS b ON a.id = b.id AND a.nth = b.nth AND a.out <> b.out
    ), correlated AS (
        SELECT correlation_id FROM sides WHERE correlation_id IS NOT NULL
        GROUP BY ALL HAVING count(*) FILTER (out) = count(*) FILTER (NOT out)
    ), accounts AS (
        SELECT account FROM postings UNION SELECT account FROM assertions
        UNION SELECT substr(stream_id, strpos(stream_id, '-') + 1) FROM events
    )
"""

_HALVES = (
    _SIDES
    + """
    SELECT p.account, p.currency, h.position, h.event_id, p.amount, h.out, h.other, coalesce(h.reference, ''),
        h.recorded_at
    FROM pairs_of_sides AS h JOIN (
        SELECT event_id, any_value(account) AS account, any_value(currency) AS currency,
            sum(amount_minor)::BIGINT AS amount
        FROM postings WHERE event_id IN (SELECT event_id FROM pairs_of_sides WHERE NOT complete) GROUP BY event_id
    ) AS p USING (event_id)
    WHERE NOT h.complete AND h.event_id NOT IN (SELECT original FROM made_good)
      AND coalesce(h.correlation_id NOT IN (SELECT correlation_id FROM correlated), true)
      AND (h.other IS NULL OR h.other IN (SELECT account FROM accounts))
    ORDER BY h.position
"""
)

# What is no side of a transfer, and moves just that back or on: a transfer that came back, or was received as something
# else.
_MADE_UP = """
    SELECT half.event_id, movements.position, half.reference <> '' AND movements.reference = half.reference
    FROM (
        SELECT unnest($ids::VARCHAR[]) AS event_id, unnest($accounts::VARCHAR[]) AS account,
            unnest($others::VARCHAR[]) AS other, unnest($currencies::VARCHAR[]) AS currency,
            unnest($amounts::BIGINT[]) AS amount, unnest($references::VARCHAR[]) AS reference
    ) AS half
    JOIN movements ON movements.currency = half.currency AND movements.amount = -half.amount
        AND movements.account IN (half.account, half.other) AND movements.type NOT IN ($sent, $received)
    JOIN events AS sent ON sent.event_id = half.event_id
    WHERE undoes IS NULL AND abs(epoch(movements.recorded_at) - epoch(sent.recorded_at)) <= epoch($latest)
    ORDER BY 1, 2
"""

_COMPLETE = _SIDES + "SELECT max(took) FROM pairs_of_sides WHERE complete"

# Whatever says the same as an event that a retry made: one of all these is too many. Surely so where a statement tells
# it, or where two of them are of one transfer.
_DOUBLES = """
    WITH alike AS (
        SELECT m.*, json_extract_string(e.payload, $id) AS id FROM movements AS m JOIN events AS e USING (event_id)
        WHERE (m.account, m.currency, m.type, m.amount, m.reference) IN
            (SELECT (account, currency, type, amount, reference) FROM movements WHERE list_contains($ids, event_id))
    )
    SELECT event_id, bool_or(list_contains($certain, event_id)) OVER same
        OR (id IS NOT NULL AND count(*) OVER (PARTITION BY account, currency, type, amount, reference, id) > 1)
    FROM alike WINDOW same AS (PARTITION BY account, currency, type, amount, reference)
"""


class Half(NamedTuple):
    """A side without its other side; the amount, in minor units, as it was posted."""

    account: str
    currency: str
    position: int
    event_id: str
    amount: int
    out: bool
    other: str | None
    reference: str
    recorded_at: datetime | None

    @property
    def key(self) -> Key:
        return self.account, self.currency


def half_transfer(facts: Facts, left: Left) -> Explanations:
    transfer = facts.evidence.ledger.transfer
    if transfer is None:
        return NotTestable("the ledger doesn't say which event types are the two sides of a transfer")
    given = _given(facts, transfer)
    retried = _retried(facts, left, transfer)
    halves: dict[Key, list[Half]] = {}
    copies = {event.event_id for event in facts.failing if event.is_copy}
    for half in map(Half._make, facts.rows(_HALVES, **given)):
        if half.event_id not in copies | retried.certain and not _lost_since(facts, half):
            halves.setdefault(half.key, []).append(half)
    if not halves:
        return []
    [(longest,)] = facts.rows(_COMPLETE, **given)
    limit = hold_limit(facts.evidence.ledger)
    # Where both sides have always come at once, none is under way.
    patience = limit if longest is None else max(limit, timedelta(seconds=longest)) if longest else None
    made_up = _made_up(facts, halves, transfer)
    found = []
    for key, sides in halves.items():
        mine = [half for half in sides if half.event_id not in made_up.surely]
        doubted = [half for half in mine if half.event_id in retried.possible and not _shown(left, half)]
        others = [half for half in mine if half not in doubted]
        found += [_explanation(facts, left, key, others, patience, made_up)] if others else []
        found += [_as_another_name(_explanation(facts, left, key, doubted, patience, made_up))] if doubted else []
    return found


FAULT = Fault(
    name="half_transfer",
    meaning="one side of a transfer is missing",
    look_alikes=("never_appended", "event_misfiled", "retry_duplicate"),
    remedy="complete the transfer, or reverse it",
    repair="none",
    detector=half_transfer,
)


class Retried(NamedTuple):
    """Sides of transfers of which a retry made one too many, by event id, and those of which that is possible."""

    certain: frozenset[str]
    possible: frozenset[str]


def _retried(facts: Facts, left: Left, transfer: TransferSides) -> Retried:
    """A leg that was recorded twice has no counterpart, and that is the retry's doing. Which of the two legs is the
    one too many makes no difference to any sum."""
    doubles = left.found("retry_duplicate")
    if not doubles:
        return Retried(frozenset(), frozenset())
    rows = facts.rows(
        _DOUBLES, ids=[event_id for each in doubles for event_id in each.event_ids],
        certain=[event_id for each in doubles if each.certainty != "possible" for event_id in each.event_ids],
        id=json_path(transfer.id_field),
    )  # fmt: skip
    certain = frozenset(event_id for event_id, sure in rows if sure)
    return Retried(certain, frozenset(event_id for event_id, _ in rows) - certain)


class MadeUp(NamedTuple):
    """Halves that another event makes up for under the transfer's own reference, by event id; and the positions of
    events that may make up for one, by its id."""

    surely: frozenset[str]
    perhaps: dict[str, list[int]]


def _made_up(facts: Facts, halves: dict[Key, list[Half]], transfer: TransferSides) -> MadeUp:
    every = [half for mine in halves.values() for half in mine]
    rows = facts.rows(
        _MADE_UP, sent=transfer.sent, received=transfer.received, latest=LATEST_BOOKING,
        ids=[half.event_id for half in every], accounts=[half.account for half in every],
        others=[half.other for half in every], currencies=[half.currency for half in every],
        amounts=[half.amount for half in every], references=[half.reference for half in every],
    )  # fmt: skip
    named: dict[str, set[int]] = {}
    perhaps: dict[str, list[int]] = {}
    for event_id, position, is_named in rows:
        perhaps.setdefault(event_id, []).append(position)
        if is_named:
            named.setdefault(event_id, set()).add(position)
    # One event makes up for one half: where there are more halves than such events, nothing tells for which.
    alike = Counter(half._replace(position=0, event_id="", recorded_at=None) for half in every)
    surely = [
        half.event_id for half in every
        if len(named.get(half.event_id, ())) >= alike[half._replace(position=0, event_id="", recorded_at=None)]
    ]  # fmt: skip
    return MadeUp(frozenset(surely), perhaps)


def _as_another_name(explanation: Explanation) -> Explanation:
    """One cause under two names, of which a statement would tell the right one: the retry is named already."""
    found = msgspec.structs.replace(explanation.finding, alternative_to="retry_duplicate", certainty="possible")
    return explanation._replace(finding=found, look_alikes=())


def _lost_since(facts: Facts, half: Half) -> bool:
    """Whether the other side was recorded once: a read model still has a row of that amount, and no event is there; or
    an anchor's leaf beside this side, or all leaves of a stream that is gone, are of the other account."""
    apart = facts.anchored.contradiction
    gone = [each for each in apart.differences if each.kind == "missing"] if apart else []
    mine = [each for each in gone if account_of(each.stream_then) == half.other]
    if any(abs(each.position - half.position) == 1 or not facts.has_events(each.stream_then) for each in mine):
        return True
    return any(
        step.kind == "running" and step.reason == NO_EVENT and step.amount == -half.amount
        and step.account == half.other and step.currency == half.currency
        for step in facts.residuals
    )  # fmt: skip


def _given(facts: Facts, transfer: TransferSides) -> dict[str, str]:
    return {
        "sent": transfer.sent,
        "received": transfer.received,
        "id": json_path(transfer.id_field),
        "to": json_path(transfer.to_field),
        "from": json_path(transfer.from_field),
        "key": json_path(facts.evidence.ledger.business_key),
    }


def _explanation(
    facts: Facts, left: Left, key: Key, halves: list[Half], patience: timedelta | None, made_up: MadeUp
) -> Explanation:  # fmt: skip
    """A statement that books the missing side, or lacks the one that is there, shows what became of the money."""
    shown = {half.event_id: _shown(left, half) for half in halves}
    steps = [step for each in shown.values() for step in each]
    under_way = [half for half in halves if patience and _may_be_under_way(half, facts.now - patience)]
    amount = -sum(half.amount for half in halves)
    words = "; ".join(
        f"{facts.money(abs(half.amount), key)} {'sent' if half.out else 'received'} at {places([half.position])}, and "
        f"no event of {half.other or 'the other account'} has the other side"
        for half in halves
    )
    if steps:
        words += f"; {steps[0].source} shows it"
    elif under_way:
        words += "; it may still be under way"
    perhaps = sorted({place for half in halves for place in made_up.perhaps.get(half.event_id, [])})
    if perhaps:
        words += f"; but {places(perhaps)} may be what came back, or was received under another name"
    found = finding(
        FAULT, key, amount=amount, events=[(half.position, half.event_id) for half in halves],
        source=steps[0].source if steps else None, proof=words,
        certainty="possible" if perhaps
        else _certainty(facts, halves, all(shown.values()) and not lost_with(facts, steps), bool(under_way)),
    )  # fmt: skip
    elsewhere = Counter[str]()
    for half in halves:
        if half.other:
            elsewhere[half.other] -= half.amount
    found = msgspec.structs.replace(found, elsewhere=dict(elsewhere))
    other = LookAlike("event_misfiled", "the other side may stand in a stream where no account looks for it")
    return Explanation(found, [whole(step) for step in steps], () if found.certainty == "proven" else (other,))


def _may_be_under_way(half: Half, since: datetime) -> bool:
    """Whether it isn't known to be older."""
    return half.recorded_at is None or half.recorded_at >= since


def _shown(left: Left, half: Half) -> list[Residual]:
    missing = [
        step for step in left.steps(kind="statement")
        if step.reason == NO_EVENT and step.amount == -half.amount and step.currency == half.currency
        and step.account == half.other and step.type == half.reference
    ]  # fmt: skip
    own = [
        step for step in left.steps(key=half.key, kind="statement")
        if step.reason == NO_ROW and step.event_id == half.event_id
    ]  # fmt: skip
    return [*own, *missing[:1]]


def _certainty(facts: Facts, halves: list[Half], shown: bool, under_way: bool) -> Certainty:
    sides = {half.key for half in halves} | {(half.other, half.currency) for half in halves if half.other}
    if any(broken(facts, side) for side in sides) or (under_way and not shown):
        return "possible"
    return "proven" if shown and is_whole(facts, halves[0].key) else "likely"
