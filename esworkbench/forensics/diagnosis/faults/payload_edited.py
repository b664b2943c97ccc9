"""payload_edited: an event's content doesn't match the hash stored beside it, in a chain that is otherwise intact."""

from collections.abc import Iterator, Sequence

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.edited_or_drifted import edited_or_drifted
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.witnesses import shares_of, vouched, witnessed
from esworkbench.forensics.diagnosis.wording import finding, places


def payload_edited(facts: Facts, left: Left) -> Explanations:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    found = edited_or_drifted(facts)
    contents: dict[Key | None, list[FailingHash]] = {}
    ids: dict[Key | None, list[FailingHash]] = {}
    for event in found.edited:
        of_id = event.id_then is not None or event.position in found.with_neighbours
        for key in _keys(facts, event):
            (ids if of_id else contents).setdefault(key, []).append(event)
    return [
        *(_explanation(facts, left, key, events) for key, events in contents.items()),
        *(_ids_replaced(left, key, events) for key, events in ids.items()),
        *(
            _versions_changed(key, stream.misnumbered)
            for stream in facts.renumbered
            if stream.misnumbered
            for key in (*facts.accounts_of_stream(stream.stream_id),) or (None,)
        ),
    ]


FAULT = Fault(
    name="payload_edited",
    meaning="the stored content of an event was changed after it was written",
    look_alikes=("serialization_drift", "rehashed_history", "shredded_payload"),
    remedy="restore the event from a good backup, and find out who could write to the table",
    repair="restore",
    detector=payload_edited,
)


def _keys(facts: Facts, event: FailingHash) -> Sequence[Key | None]:
    """What the event posts on now, and what claims say it posted on before: currency and account may be what was
    edited."""
    now = facts.rows(
        "SELECT DISTINCT account, currency FROM postings WHERE event_id = $event_id ORDER BY 1, 2",
        event_id=event.event_id,
    )
    before = [step.key for step in facts.residuals if step.event_id == event.event_id]
    return list(dict.fromkeys([*now, *before])) or [*facts.accounts_of_stream(event.stream_id)] or [None]


def _ids_replaced(left: Left, key: Key | None, edited: list[FailingHash]) -> Explanation:
    """The id alone was changed, which posts nothing: rows that name the id of then are of the event all the same."""
    names = {name for event in edited for name in (event.event_id, event.id_then) if name}
    proved = [event for event in edited if event.id_then]
    steps = [step for step in left.steps(key=key) if step.event_id in names] if key else []
    off = {source: sum(step.amount for step in steps if step.source == source) for source in {e.source for e in steps}}
    proofs = []
    if proved:
        shown = "; ".join(
            f"at position {event.position} from {event.id_then} to {event.event_id}" for event in proved[:5]
        )
        proofs.append(
            f"the id of {len(proved)} event(s) was replaced: {shown}; with the id of then the stored hash holds again, "
            "so nothing else of the event was touched"
        )
    if others := [event.position for event in edited if not event.id_then]:
        proofs.append(
            f"{len(others)} event(s), at {places(others)}, fail in a stretch of the log in which ids were replaced, "
            "and no row that names an event still tells theirs"
        )
    proof = "; ".join(proofs)
    events = [(event.position, event.event_id) for event in edited]
    shares = [whole(step) for step in steps if not off[step.source]]
    certainty: Certainty = "proven" if proved else "likely"
    return Explanation(finding(FAULT, key, events=events, certainty=certainty, proof=proof), shares)


def _versions_changed(key: Key | None, changed: Sequence[FailingHash]) -> Explanation:
    """The version alone was changed, which posts nothing."""
    shown = "; ".join(
        f"at position {event.position} from {event.home[1]} to {event.version}" for event in changed[:5] if event.home
    )
    proof = (
        f"the version of {len(changed)} event(s) of {changed[0].stream_id} was changed: {shown}; with the version of "
        "then the stored hash holds again, so nothing else of the event was touched"
    )
    events = [(event.position, event.event_id) for event in changed]
    return Explanation(finding(FAULT, key, events=events, proof=proof), [])


def _explanation(facts: Facts, left: Left, key: Key | None, edited: list[FailingHash]) -> Explanation:
    ids = [event.event_id for event in edited]
    steps = [step for step in left.steps(key=key) if step.event_id in ids] if key else []
    steps += _lines_instead(left, steps)
    spared = key is not None and not steps and vouched(facts, key, ids)
    amount, witness = (0, None) if spared else witnessed(facts, left, key, steps)
    many = len(edited) > 1
    versions = ", ".join(f"{event.stream_id} version {event.version}" for event in edited[:5])
    positions = [event.position for event in edited]
    cut = [each.position for each in facts.breaks if each.kind == "link" and each.position in positions]
    links = "every link before and after is intact" if not cut else (
        f"every link after is intact; what {places(cut)} names as the hash before was changed too"
    )  # fmt: skip
    proof = (
        f"the content of the event{'s' * many} at {places(positions)} ({versions}) doesn't "
        f"match the hash stored with {'them' if many else 'it'}, while {links}"
    )
    if witness and key:
        proof += f"; {witness} still counts what it said before: claimed − event sum = {facts.money(amount, key)}"
    else:
        proof += "; all claims agree with the events, so the amount was not touched, or all claims were rebuilt since"
    events = list(zip(positions, ids, strict=True))
    found = finding(FAULT, key, amount=amount, events=events, source=witness, proof=proof)
    shares: list[Share] = []
    if key is not None and witness:
        shares = list(shares_of(facts, left, key, amount, steps))
    elif key is not None:
        shares = [whole(step) for step in _moved_days(facts, left, key, ids)]
    return Explanation(found, shares)


def _lines_instead(left: Left, steps: Sequence[Residual]) -> list[Residual]:
    """Where a statement names no references, the nearest line without an event is what the event said before."""
    found: list[Residual] = []
    for step in steps:
        if step.kind == "statement" and step.reason == NO_ROW:
            lines = [
                line for line in left.steps(source=step.source, key=step.key, kind="statement")
                if line.reason == NO_EVENT and line not in found
            ]  # fmt: skip
            found += sorted(lines, key=lambda line: abs(line.place - step.place))[:1]
    return found


def _moved_days(facts: Facts, left: Left, key: Key, event_ids: Sequence[str]) -> Iterator[Residual]:
    """Days that lack the amount of an event whose time was edited, and days that have it instead."""
    for event_id in event_ids:
        [(posted,)] = facts.rows(
            "SELECT coalesce(sum(amount_minor), 0)::BIGINT FROM postings WHERE event_id = $event_id "
            "AND account = $account AND currency = $currency", event_id=event_id, account=key[0], currency=key[1],
        )  # fmt: skip
        days = left.steps(key=key, kind="daily")
        gained = next((day for day in days if day.amount == posted), None)
        lost = next((day for day in days if day.amount == -posted), None)
        if posted and gained and lost:
            yield from (gained, lost)
