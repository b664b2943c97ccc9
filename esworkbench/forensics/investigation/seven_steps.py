"""The first six of the seven steps of an investigation, each a question put to the evidence and a table of the answer.

The order is the one a person on call would take: what is claimed, what the events say, what looks odd, what happened
at the point where the two part, what should have happened and didn't, and whether the read side did its own work.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

import msgspec

from esworkbench.evidence import Evidence, Posting
from esworkbench.forensics.compare.holds import hold_limit
from esworkbench.forensics.compare.records import ClaimStep
from esworkbench.forensics.compare.residuals import Residuals
from esworkbench.forensics.compare.unposted import unposted_events
from esworkbench.forensics.diagnosis.findings import FOUND, NOT_TESTABLE, Diagnosis
from esworkbench.forensics.verify import Verification
from esworkbench.money import format_minor

SHOWN = 12
NOT_KNOWN = "not known"
"""What is said of the time of an event whose log doesn't tell it."""


class InquiryStep(msgspec.Struct, frozen=True, kw_only=True):
    """One question, its answer in a sentence, and the numbers behind it.

    ``amounts`` are the numbers of the columns that hold minor units of the disputed currency, from 0.
    """

    number: int
    title: str
    answer: str
    columns: list[str] = []
    rows: list[list[Any]] = []
    amounts: list[int] = []


class Dispute(NamedTuple):
    """What is claimed of one account, and what its events sum to; minor units. ``delta`` = claimed − event sum.

    ``decimals`` is the scale of these amounts, None where nobody says. ``claimed_by`` is None where nothing claims
    a balance.
    """

    account: str
    currency: str
    claimed: int
    claimed_by: str | None
    event_sum: int
    decimals: int | None

    @property
    def delta(self) -> int:
        return self.claimed - self.event_sum

    def money(self, amount: int) -> str:
        return format_minor(amount, self.currency, self.decimals)


def projection_against_claim(residuals: Residuals, dispute: Dispute) -> InquiryStep:
    """What does the system show, and what is it said to be?"""
    if dispute.claimed_by is None:
        return InquiryStep(
            number=1, title="The projection against the claim", answer="nothing in the evidence claims a balance"
        )
    rows: list[list[Any]] = [[dispute.claimed_by, dispute.claimed, dispute.delta]]
    rows += [
        [source, step.claimed, step.claimed - step.event_sum]
        for source, step in _heads(residuals, dispute) if source != dispute.claimed_by
    ]  # fmt: skip
    side = "too little" if dispute.delta > 0 else "too much"
    answer = (
        f"the events and {dispute.claimed_by} agree on {dispute.money(dispute.claimed)}"
        if not dispute.delta
        else f"{dispute.claimed_by} says {dispute.money(dispute.claimed)}; compared with that, the events say "
        f"{dispute.money(abs(dispute.delta))} {side}"
    )
    return InquiryStep(
        number=1, title="The projection against the claim", answer=answer,
        columns=["who says it", "balance, minor units", "− events up to its checkpoint"], rows=rows, amounts=[1, 2],
    )  # fmt: skip


def event_sum(evidence: Evidence, residuals: Residuals, dispute: Dispute) -> InquiryStep:
    """Do the raw events, added up without any of our code's handlers, agree with what the system shows?"""
    totals: dict[str, list[int]] = {}
    for posting in evidence.postings(dispute.account, dispute.currency):
        totals.setdefault(posting.kind, []).append(posting.amount_minor)
    rows: list[list[Any]] = [[kind, len(amounts), sum(amounts)] for kind, amounts in sorted(totals.items())]
    opening = evidence.opening(dispute.account, dispute.currency)
    if opening:
        rows.insert(0, ["opening balance", 0, opening])
    heads = [step for _, step in _heads(residuals, dispute)]
    answer = f"{sum(row[1] for row in rows):,} postings sum to {dispute.money(sum(row[2] for row in rows))}; " + (
        "the read model agrees with those it has read, so look at what was recorded, not at the projection"
        if heads and not any(step.residual for step in heads)
        else "the read model differs, so look at the projection, or at events that were lost after it saw them"
        if heads
        else "there is no read model to compare it with"
    )
    if silent := events_that_post_nothing(evidence):
        answer += f"; not in that sum: {silent}"
    return InquiryStep(
        number=2, title="The event sum", answer=answer, columns=["kind", "events", "minor units"], rows=rows,
        amounts=[2],
    )  # fmt: skip


def _heads(residuals: Residuals, dispute: Dispute) -> Iterator[tuple[str, ClaimStep]]:
    """The account's current balance as each read model that keeps one has it, and the events it had read by then."""
    for source in residuals.sources():
        if source.kind == "head":
            for step in residuals.steps(source, dispute.account, dispute.currency):
                if step.made:
                    yield source.name, step


def events_that_post_nothing(evidence: Evidence) -> str:
    """Events of the whole log that the ledger definition says nothing about, in words; empty if there are none."""
    manifest = evidence.manifest
    unknown = [
        f"{count:,} {kind}, which no rule of the ledger knows" for kind, count in unposted_events(evidence).items()
    ]
    if manifest.problem_count:
        unknown.append(
            f"what {manifest.problem_count:,} events or rows hold that no rule fits (the manifest lists them)"
        )
    return "; ".join(unknown)


def suspicious_events(evidence: Evidence, dispute: Dispute) -> InquiryStep:
    """Which events deserve a look, before any is accused?"""
    suspects = suspicious(evidence, dispute.account, dispute.currency, dispute.delta)
    exact = [suspect for suspect in suspects if suspect.why.startswith("moves exactly")]
    answer = f"events that stand out: {len(suspects):,}" + (
        f"; {len(exact)} of them move exactly {dispute.money(abs(dispute.delta))}" if dispute.delta else ""
    )
    rows = [[each.position, each.kind, each.amount_minor, _moment(each.recorded_at), each.why] for each in suspects]
    return InquiryStep(
        number=3, title="Suspicious events", answer=answer,
        columns=["position", "kind", "minor units", "recorded at", "why"], rows=rows[:SHOWN], amounts=[2],
    )  # fmt: skip


def replay_to_the_point(
    evidence: Evidence, dispute: Dispute, point: int | None, states: list[dict[str, Any]] | str
) -> InquiryStep:
    """What was the account just before and after the event in question, one event at a time?

    ``states`` are the real aggregate's, before the point and at it, where its handlers are known; or a sentence
    that says why they could not replay the stream.
    """
    title = "Replay to the point"
    if point is None:
        return InquiryStep(
            number=4, title=title, answer="there is no single event at which claim and events begin to differ"
        )
    postings = evidence.postings(dispute.account, dispute.currency)
    if not postings:
        return InquiryStep(
            number=4, title=title, answer=f"no event posts anything in {dispute.currency!r} on this account"
        )
    index = next((number for number, each in enumerate(postings) if each.position >= point), len(postings) - 1)
    balance = evidence.opening(dispute.account, dispute.currency) + sum(
        each.amount_minor for each in postings[: max(index - 3, 0)]
    )
    rows: list[list[Any]] = []
    for each in postings[max(index - 3, 0) : index + 4]:
        balance += each.amount_minor
        mark = "→" if each.position == point else ""
        rows.append([mark, each.position, each.kind, each.amount_minor, balance, _moment(each.recorded_at)])
    return InquiryStep(
        number=4, title=title, answer=_words_at(postings, index, point, dispute) + _changes(states),
        columns=["", "position", "kind", "minor units", "balance after", "recorded at"], rows=rows,
        amounts=[3, 4],
    )  # fmt: skip


def compensations_that_never_fired(
    evidence: Evidence, residuals: Residuals, dispute: Dispute, now: datetime
) -> InquiryStep:
    """Which requests were neither settled nor cancelled, and how old are they?"""
    title = "Compensations that never fired"
    pending = evidence.ledger.pending
    if pending is None:
        return InquiryStep(
            number=5, title=title, answer="this ledger names no two-phase events, so none can be unresolved"
        )
    limit = hold_limit(evidence.ledger)
    rows: list[list[Any]] = [
        [each.position, each.hold, -each.amount, _moment(each.asked), f"{age / timedelta(days=1):,.1f}"]
        for each in _open_holds(residuals, dispute)
        if (age := each.age(now)) is not None and age > limit
    ]
    undated = [each for each in _open_holds(residuals, dispute) if each.age(now) is None]
    answer = (
        f"every {pending.request} older than {pending.limit_hours} hours was settled or cancelled"
        if not rows
        else f"{len(rows)} {pending.request} older than {pending.limit_hours} hours without an answer, "
        f"{dispute.money(-sum(row[2] for row in rows))} in all"
    )
    rows += [[each.position, each.hold, -each.amount, NOT_KNOWN, NOT_KNOWN] for each in undated]
    if undated:
        answer += f"; of {len(undated)} more without an answer the age is not known, so they don't count as overdue"
    return InquiryStep(
        number=5, title=title, answer=answer,
        columns=["position", pending.id_field, "minor units", "recorded at", "age, days"], rows=rows,
        amounts=[2],
    )  # fmt: skip


def held_still(evidence: Evidence, residuals: Residuals, dispute: Dispute, now: datetime) -> int:
    """What a bank counts as booked: the account's open holds not known to be older than the limit, in minor units."""
    if evidence.ledger.pending is None:
        return 0
    limit = hold_limit(evidence.ledger)
    return sum(
        each.amount for each in _open_holds(residuals, dispute) if (age := each.age(now)) is None or age <= limit
    )


def checkpoint_and_double_application(evidence: Evidence, diagnosis: Diagnosis, whole: Verification) -> InquiryStep:
    """Did each projection see each event once? Is the log itself whole?"""
    connection = evidence.connection()
    head = connection.execute("SELECT coalesce(max(position), 0) FROM events").fetchall()[0][0]
    parked = dict(connection.execute("SELECT projection, count(*) FROM dead_letters GROUP BY ALL").fetchall())
    rows: list[list[Any]] = [
        [projection, position, head - position, parked.get(projection, 0)]
        for projection, position in sorted(evidence.manifest.cut.checkpoints.items())
    ]
    told = {fault: diagnosis.tested.get(fault, "") for fault in ("double_apply", "gap_skipped")}
    wrong = [f"{fault} was found" for fault, outcome in told.items() if outcome == FOUND]
    untested = [f"{fault} can't be tested" for fault, outcome in told.items() if outcome.startswith(NOT_TESTABLE)]
    log = f"the log itself shows {len(whole.breaks)} breaks" if whole.breaks else "the log itself is whole"
    if not whole.breaks and not whole.hashed:
        log = "versions and positions of the log are whole, and it carries no hashes that could tell more"
    answer = (
        "; ".join([*wrong, *untested]) or "no range was applied twice or skipped"
    ) + f"; {sum(parked.values())} events are parked; {log}"
    return InquiryStep(
        number=6, title="Checkpoints and double application", answer=answer,
        columns=["projection", "checkpoint", "behind the head by", "parked"], rows=rows,
    )  # fmt: skip


class OpenHold(NamedTuple):
    """A request without an answer; the amount is in minor units. ``asked`` is None where its time isn't known."""

    position: int
    hold: str
    amount: int
    asked: datetime | None

    def age(self, now: datetime) -> timedelta | None:
        return None if self.asked is None else now - self.asked


def _open_holds(residuals: Residuals, dispute: Dispute) -> list[OpenHold]:
    """Each request of the account that has no answer, in order of position."""
    rows = residuals.connection.execute(
        "SELECT position, hold, amount, opened_at FROM holds WHERE account = $account AND currency = $currency "
        "AND answer IS NULL ORDER BY position",
        {"account": dispute.account, "currency": dispute.currency},
    )
    return [OpenHold(*row) for row in rows.fetchall()]


def _words_at(postings: Sequence[Posting], index: int, point: int, dispute: Dispute) -> str:
    posting = postings[index]
    if posting.position != point:
        return f"this account has no posting at position {point}; its neighbours are shown"
    return (
        f"at position {point} the account posted {dispute.money(posting.amount_minor)} ({posting.kind}, "
        f"version {posting.version}, event {posting.event_id})"
    )


def _changes(states: list[dict[str, Any]] | str) -> str:
    """What the event did to the aggregate, field by field."""
    if isinstance(states, str):
        return f"; the account's own code could not replay it: {states}"
    if len(states) < 2:
        return ""
    before, after = states
    changed = [f"{name} {before[name]} → {after[name]}" for name in after if after[name] != before[name]]
    return f"; the account itself: {', '.join(changed) or 'unchanged'}"


def _moment(moment: datetime | None) -> str:
    return NOT_KNOWN if moment is None else moment.strftime("%Y-%m-%d %H:%M:%SZ")


UNUSUAL = 10
"""An event is called unusual if it moves more than so many times the median amount of its kind."""


class Suspect(NamedTuple):
    """An event and why it was picked out."""

    position: int
    event_id: str
    kind: str
    amount_minor: int
    recorded_at: datetime | None
    why: str


def suspicious(evidence: Evidence, account: str, currency: str, delta: int) -> list[Suspect]:
    """Events of one account whose amount is the difference, is unusual for its kind, or repeats within one second.

    The strongest reason comes first: an event that moves exactly ``delta`` minor units, either way.
    """
    postings = evidence.postings(account, currency)
    typical = _typical_amounts(postings)
    seconds = Counter((_second(posting), posting.amount_minor) for posting in postings)
    ranked = []
    for posting in postings:
        if not posting.amount_minor:
            continue
        if abs(posting.amount_minor) == abs(delta):
            ranked.append((0, posting, "moves exactly the difference"))
        elif posting.recorded_at is not None and seconds[_second(posting), posting.amount_minor] > 1:
            ranked.append((1, posting, "the same amount was recorded twice within this second"))
        elif abs(posting.amount_minor) > UNUSUAL * typical[posting.kind]:
            ranked.append((2, posting, f"more than {UNUSUAL} times the median of its kind"))
    ranked.sort(key=lambda entry: (entry[0], entry[1].position))
    return [
        Suspect(posting.position, posting.event_id, posting.kind, posting.amount_minor, posting.recorded_at, why)
        for _, posting, why in ranked
    ]


def _second(posting: Posting) -> datetime | None:
    return posting.recorded_at and posting.recorded_at.replace(microsecond=0)


def _typical_amounts(postings: list[Posting]) -> dict[str, float]:
    amounts: dict[str, list[int]] = {}
    for posting in postings:
        amounts.setdefault(posting.kind, []).append(abs(posting.amount_minor))
    return {kind: median(each) for kind, each in amounts.items()}
