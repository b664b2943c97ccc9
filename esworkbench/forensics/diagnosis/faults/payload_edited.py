"""payload_edited: an event's content doesn't match the hash stored beside it, in a chain that is otherwise intact."""

from collections.abc import Iterable, Iterator, Sequence

from esworkbench.forensics.compare.records import NO_EVENT, NO_ROW, Key, Residual
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.edited_or_drifted import edited_or_drifted
from esworkbench.forensics.diagnosis.failing_hashes import FailingHash
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.moved_positions import Moved, moved_positions
from esworkbench.forensics.diagnosis.unexplained import Explanation, Explanations, Left, NotTestable, Share, whole
from esworkbench.forensics.diagnosis.witnesses import shares_of, vouched, witnessed
from esworkbench.forensics.diagnosis.wording import finding, places


def payload_edited(facts: Facts, left: Left) -> Explanations:
    if not facts.hashed:
        return NotTestable("the events carry no hashes")
    found = edited_or_drifted(facts)
    contents: dict[Key | None, list[FailingHash]] = {}
    ids: dict[Key | None, list[FailingHash]] = {}
    for event in (*found.edited, *(event for event in facts.failing if event.named)):
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
        *_positions_changed(facts, left),
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


def _positions_changed(facts: Facts, left: Left) -> Iterator[Explanation]:
    """The position alone was changed, which no hash covers. What had read the event then seems ahead of the log."""
    told = {event_id for each in left.all_found() for event_id in each.event_ids}
    by_key: dict[Key, dict[str, Moved]] = {}
    for event in moved_positions(facts):
        if event.event_id not in told:
            by_key.setdefault(event.key, {}).setdefault(event.event_id, event)
    for key, events in by_key.items():
        ahead = [
            event for event in events.values()
            if (source := facts.source(event.source)) is not None and event.now > source.cut >= event.then
        ]  # fmt: skip
        amount = sum(event.amount for event in ahead)
        steps = [step for step in left.steps(key=key) if step.event_id in events]
        shown = "; ".join(
            f"of the event at position {event.now}, {event.source} says that it stands at {event.then}, where there is "
            f"none, and {event.noted} has been there too" for event in events.values()
        )  # fmt: skip
        proof = f"{shown}: its position was changed, which no hash covers"
        if ahead:
            proof += f"; what had read it at its old position seems ahead of the log, by {facts.money(amount, key)}"
        found = finding(
            FAULT, key, amount=amount, events=[(event.now, event.event_id) for event in events.values()],
            source=steps[0].source if steps else None, certainty="likely", proof=proof,
        )  # fmt: skip
        yield Explanation(found, [*shares_of(facts, left, key, amount, steps)] if amount else [])


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
    if named := [event.position for event in edited if event.named]:
        links = (
            f"at {places(named)} it matches what the next event names as the hash before it: there the stored hash was "
            "changed, or all that comes later was hashed again"
        )
    proof = (
        f"the content of the event{'s' * many} at {places(positions)} ({versions}) doesn't "
        f"match the hash stored with {'them' if many else 'it'}, while {links}"
    )
    moved = [*_moved_days(facts, left, key, ids)] if key and not witness else []
    holds = left.steps(key=key, kind="holds") if key else []
    if witness and key:
        proof += f"; {witness} still counts what it said before: claimed − event sum = {facts.money(amount, key)}"
    else:
        beside = [*_told_otherwise(facts, key, moved, holds)] if key else []
        proof += "; " + (
            f"no balance differs in the end, but {' and '.join(beside)}" if beside else
            "all claims agree with the events, so the amount was not touched, or all claims were rebuilt since"
        )  # fmt: skip
    events = list(zip(positions, ids, strict=True))
    found = finding(FAULT, key, amount=amount, events=events, source=witness, proof=proof)
    shares: list[Share] = []
    if key is not None and witness:
        shares = [*_but_for_open_holds(facts, steps, ids, shares_of(facts, left, key, amount, steps))]
    elif key is not None:
        shares = [whole(step) for step in (*moved, *_hold_and_release(facts, left, key, ids))]
    return Explanation(found, [*shares, *(whole(step) for step in holds)])


def _told_otherwise(facts: Facts, key: Key, moved: Sequence[Residual], holds: Sequence[Residual]) -> Iterator[str]:
    """What claims still tell of the events as they were, where no balance differs."""
    for source in dict.fromkeys(step.source for step in moved):
        yield f"{source} counts the amount on another day, so the time was changed"
    for source in dict.fromkeys(step.source for step in holds):
        amount = sum(step.amount for step in holds if step.source == source)
        yield f"the holds of {source} are not those that the log leaves open now, by {facts.money(amount, key)}"


def _hold_and_release(facts: Facts, left: Left, key: Key, event_ids: Sequence[str]) -> Iterator[Residual]:
    """What gave a hold back, and was edited so that it answers nothing, and the hold: a statement tells of neither."""
    steps = [step for step in left.steps(key=key, kind="statement") if step.reason == NO_ROW]
    waiting = facts.rows(
        "SELECT event_id FROM holds WHERE answer IS NULL AND event_id IN (SELECT unnest($ids))",
        ids=[step.event_id for step in steps],
    )
    holds = [step for step in steps if (step.event_id,) in waiting]
    for back in steps:
        if back.event_id in event_ids and back not in holds:
            hold = next((each for each in holds if each.source == back.source and each.amount == -back.amount), None)
            if hold is not None:
                holds.remove(hold)
                yield from (hold, back)


def _but_for_open_holds(
    facts: Facts, steps: Sequence[Residual], event_ids: Sequence[str], shares: Iterable[Share]
) -> Iterator[Share]:
    """Of a hold that is still open and that a statement has no line for, the edit explains what it has changed; the
    rest is the hold."""
    if any(step.kind == "statement" and step.reason == NO_EVENT for step in steps):
        yield from shares  # the line for it is there, and tells what it was
        return
    waiting = facts.rows(
        "SELECT event_id FROM holds WHERE answer IS NULL AND event_id IN (SELECT unnest($ids))", ids=list(event_ids)
    )
    rows = [step for step in steps if step.kind == "running" and (step.event_id,) in waiting]
    changed_by = {step.event_id: step.amount for step in reversed(rows)}
    lacking = {
        step.number: changed_by[step.event_id] for step in steps
        if step.kind == "statement" and step.reason == NO_ROW and step.event_id in changed_by
    }  # fmt: skip
    for share in shares:
        yield share._replace(amount=lacking.get(share.number or 0, share.amount)) if share.number else share


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
