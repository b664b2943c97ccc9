"""manual_edit: a figure that was changed outside the runner, as far as everything else could be tested.

Nothing notes such an act down, so it is never proven. Two signs speak for it by themselves: a claim that is wrong in
one place while the next one doesn't follow it, and a row that no handler makes or leaves out. What only exclusion
suggests is possible, and the proof names what was not tested.
"""

from collections.abc import Iterator, Sequence

from esworkbench.evidence.ledger import COLUMN_KINDS
from esworkbench.forensics.compare.records import NO_ROW, Key, Residual, Source
from esworkbench.forensics.diagnosis.context import Batch, Facts
from esworkbench.forensics.diagnosis.fault import Fault
from esworkbench.forensics.diagnosis.findings import Certainty
from esworkbench.forensics.diagnosis.misplaced_rows import MisplacedRow, misplaced_rows, shares_of_misplaced
from esworkbench.forensics.diagnosis.unexplained import (
    Explanation,
    Explanations,
    Left,
    LookAlike,
    NotTestable,
    Share,
    whole,
)
from esworkbench.forensics.diagnosis.witnesses import was_reset
from esworkbench.forensics.diagnosis.wording import finding, places

BALANCES = ("running", "daily", "head")
SHOWN = 3
"""So many moved rows are told one by one."""


def row_misplaced(facts: Facts, left: Left) -> Explanations:
    """Rows that stand under another day, currency or account than the one whose figures they tell."""
    if all(facts.is_file or source.kind in ("snapshot", "statement") for source in facts.sources):
        return NotTestable("there is no read model whose rows could have been moved")
    return [each for source in (*facts.sources, *facts.columns) for each in _misplaced(facts, left, source)]


def manual_edit(facts: Facts, left: Left) -> Explanations:
    """What is left when log, hash chain and patterns have all been tried."""
    if not facts.count("checkpoint_log"):
        return NotTestable(
            "without a checkpoint log, a change without an event can't be told from a batch that was applied wrongly"
        )
    return [
        each
        for source in (*facts.sources, *facts.columns)
        if facts.batches(source.name)
        for each in _edits(facts, left, source)
    ]


FAULT = Fault(
    name="manual_edit",
    meaning="a row of the read model was changed outside the runner, with no event behind the change",
    look_alikes=(
        "double_apply", "gap_skipped", "row_lost", "twin_dropped", "restored_read_model", "checkpoint_moved",
        "handler_bug", "clamped_balance", "rounding", "rehashed_history",
        "event_misfiled",
    ),
    remedy="rebuild the read model, and revoke the grant that allowed the edit",
    repair="rebuild",
    detector=row_misplaced,
    by_exclusion=manual_edit,
)  # fmt: skip


def _misplaced(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    """One finding an account and currency, as always: what was moved from one to another shows in both."""
    by_key: dict[Key, list[MisplacedRow]] = {}
    found = misplaced_rows(facts, left, source)
    others = (LookAlike("handler_bug", f"where it is {len(found)} rows, the handler may put them there itself"),)
    for row in found:
        for key in dict.fromkeys((row.belongs, row.stands)):
            by_key.setdefault(key, []).append(row)
    for key, rows in by_key.items():
        shares = shares_of_misplaced(left, rows, key)
        if not shares:
            continue
        what = "; ".join(row.words for row in rows[:SHOWN]) + "; …" * (len(rows) > SHOWN)
        proof = (
            f"in {source.name} {what}: to the minor unit it tells what the events make of the one place without a row, "
            "and the place where it stands has no event"
        )
        events = [(row.place, row.event_id) for row in rows if row.event_id]
        yield Explanation(
            finding(
                FAULT, key, amount=_amount_moved(left, source, key, shares), events=events,
                source=source.name, certainty="likely" if len(found) == 1 else "possible", proof=proof,
            ),
            shares,
            () if len(found) == 1 else others,
        )  # fmt: skip


def _amount_moved(left: Left, source: Source, key: Key, shares: Sequence[Share]) -> int:
    """By how much the balance is wrong in the end for the rows that were moved, or at the first one if that heals.

    Columns beside the balance tell the same amounts again, and holds claim no balance.
    """
    if source.kind == "holds":
        return 0
    if source.kind == "head":
        return shares[0].amount
    of_balance = {step.number for step in left.steps(source=source.name, key=key)}
    return sum(share.amount for share in shares if share.number in of_balance) or shares[0].amount


def _edits(facts: Facts, left: Left, source: Source) -> Iterator[Explanation]:
    if source.kind == "head":
        for key, amount in left.heads(source.name).items():
            yield _head_edited(facts, source, key, amount)
        return
    steps: dict[Key, list[Residual]] = {}
    balances = [step for step in left.steps(source=source.name) if step.reason != NO_ROW]
    for step in left.steps(source=source.name, kind=source.kind):
        if step.reason != NO_ROW or source.kind not in ("running", "daily"):
            steps.setdefault(step.key, []).append(step)
    for key, wrong in steps.items():
        if source.kind in ("running", "daily"):
            yield _rows_edited(facts, left, source, key, wrong)
        elif source.kind == "holds":
            yield _holds_edited(facts, source, key, wrong)
        else:
            told = {
                step.number for step in _in_one_row(left, source, key, [each for each in balances if each.key == key])
            }
            alone = [step for step in wrong if step.number not in told]
            if alone:
                yield _column_edited(facts, source, key, alone)


def _head_edited(facts: Facts, source: Source, key: Key, amount: int) -> Explanation:
    certainty, why = _of_the_row(facts, source, key)
    healed = facts.healed(source.name, key)
    if healed:
        why += "; a rebuild with the projection's own code heals it"
    lacking = untested(facts, source)
    others = _the_log_itself(facts, source, key, amount) if certainty == "possible" else ()
    if healed and not lacking and not others:
        certainty = "likely"
    proof = (
        f"{source.name} is {facts.money(amount, key)} off the event sum at its checkpoint {source.cut}{why}"
        f"{_same_amount(facts, source, key, amount)}{_not_tested(lacking)}"
    )
    found = finding(FAULT, key, amount=amount, source=source.name, certainty=certainty, proof=proof)
    return Explanation(found, [Share(source.name, key, amount)], others)


def _the_log_itself(facts: Facts, source: Source, key: Key, amount: int) -> tuple[LookAlike, ...]:
    """A log can be rewritten and hashed again. One claim against it is one witness; where none of another kind agrees
    with it about the account, there is no other. Two read models that tell the same against it may be right, even where
    a statement agrees with it: that file lies where whoever rewrote the log may write, too.
    """
    if not facts.hashed:
        return ()
    others = [other for other in facts.sources if other.kind != source.kind]
    agreeing = [other for other in others if _agrees(facts, other, key, source.cut)]
    alike = [other for other in others if _is_off_by(facts, other, key, amount)]
    if agreeing and (not alike or any(other.kind != "statement" for other in agreeing)):
        return ()
    if agreeing:
        words = (
            f"{source.name} and {_names(alike)} are off alike; the events of this account may have been changed and "
            f"hashed again, and {_names(agreeing)} with them, which an anchor from before would settle"
        )
        return (LookAlike("rehashed_history", words),)
    proof = (
        f"{source.name} contradicts the events of this account, and no claim of another kind agrees with them; they "
        "may have been changed and hashed again, which an anchor from before would settle"
    )
    return (LookAlike("rehashed_history", proof),)


def _names(sources: Sequence[Source]) -> str:
    return " and ".join(source.name for source in sources)


def _is_off_by(facts: Facts, source: Source, key: Key, amount: int) -> bool:
    off = [
        step.amount for step in facts.residuals if (step.key, step.source, step.kind) == (key, source.name, source.kind)
    ]
    return bool(off) and sum(off) == amount


# A claim that ends before says nothing of what came afterwards. Lines of a statement have times and no positions.
_LAST_CLAIMS = """
    WITH last AS (
        SELECT position, version, recorded_at FROM events WHERE position = (
            SELECT max(position) FROM postings WHERE account = $account AND currency = $currency AND position <= $cut
        )
    )
    SELECT max(a.position) >= last.position OR max(a.version) >= last.version
        OR max(coalesce(a.position, a.version)) IS NULL
            AND (max(a.recorded_at) >= last.recorded_at OR max(a.day) >= last.recorded_at::DATE)
    FROM assertions AS a, last WHERE source = $source AND kind = $kind AND account = $account AND currency = $currency
    GROUP BY last.position, last.version, last.recorded_at
"""


def _agrees(facts: Facts, source: Source, key: Key, cut: int) -> bool:
    """Whether the source speaks of the account's last event up to ``cut`` and finds nothing wrong.

    What was rebuilt repeats what the log says.
    """
    last = facts.rows(
        _LAST_CLAIMS, source=source.name, kind=source.kind, account=key[0], currency=key[1], cut=cut
    )  # fmt: skip
    against = any(step.key == key and step.source == source.name for step in facts.residuals)
    return last == [(True,)] and not against and not was_reset(facts, source.name)


def _of_the_row(facts: Facts, source: Source, key: Key) -> tuple[Certainty, str]:
    """A row that is not there, or that no event names, is no handler's arithmetic."""
    given = {"account": key[0], "currency": key[1]}
    [(rows,)] = facts.rows(
        "SELECT count(*) FROM assertions WHERE kind = 'head' AND source = $source AND account = $account "
        "AND currency = $currency",
        source=source.name, **given,
    )  # fmt: skip
    [(events,)] = facts.rows(
        "SELECT count(DISTINCT event_id) FROM postings WHERE account = $account AND currency = $currency "
        "AND position <= $cut",
        cut=source.cut, **given,
    )  # fmt: skip
    if not rows and events > 1:
        return "likely", f": it has no row for the account, on which {events} events post"
    if rows and not events:
        return "likely", ": it has a row, and no event posts on that account in that currency"
    return "possible", ""


def _same_amount(facts: Facts, source: Source, key: Key, amount: int) -> str:
    """Events that come to the amount by themselves: there may be several, so none of them is named as the cause."""
    found = facts.rows(
        "SELECT position FROM postings WHERE account = $account AND currency = $currency AND position <= $cut "
        "GROUP BY position HAVING abs(sum(amount_minor)) = $amount ORDER BY 1",
        account=key[0], currency=key[1], cut=source.cut, amount=abs(amount),
    )  # fmt: skip
    return f"; the amount is that of the event at {places([place for (place,) in found])}" if found else ""


def untested(facts: Facts, source: Source) -> list[str]:
    """What else it could be, and what the evidence lacks for a test of it."""
    found = []
    if facts.code_replay is None or facts.code_replay.source != source.name:
        found.append("handler_bug, wrong_upcaster, clamped_balance and twin_dropped (without the projection's code)")
    if not _covers(facts.batches(source.name), source.cut):
        found.append("double_apply, gap_skipped and checkpoint_moved (the checkpoint log has holes)")
    if not facts.hashed or facts.damage:
        found.append("rehashed_history and event_deleted (the log isn't whole by hash and gap check)")
    unposted = sum(facts.evidence.manifest.unposted.values())
    if unposted:
        found.append(f"a rule that the ledger lacks (for {unposted:,} event{'s' * (unposted > 1)})")
    return found


def _covers(batches: Sequence[Batch], cut: int) -> bool:
    """Whether the batches leave out no position up to the checkpoint."""
    reached = 0
    for batch in sorted(batches, key=lambda batch: batch.from_position):
        if batch.from_position > reached + 1:
            return False
        reached = max(reached, batch.to_position)
    return reached >= cut


def _not_tested(lacking: list[str]) -> str:
    return f"; not tested: {'; '.join(lacking)}" if lacking else ""


def _in_one_row(left: Left, source: Source, key: Key, balances: Sequence[Residual]) -> list[Residual]:
    """What stands beside wrong balances in their own rows and makes up the same difference: it is one change."""
    beside: dict[int, list[Residual]] = {}
    for kind in COLUMN_KINDS:
        for step in left.steps(source=source.name, key=key, kind=kind):
            beside.setdefault(step.place, []).append(step)
    return [
        step
        for balance in balances for step in beside.get(balance.place, [])
        if sum(-each.amount if each.kind == "debits" else each.amount for each in beside[balance.place])
        == balance.amount
    ]  # fmt: skip


def _rows_edited(facts: Facts, left: Left, source: Source, key: Key, steps: list[Residual]) -> Explanation:
    """An edited row shifts one running balance, and a later one shifts back: then the first is the amount."""
    wrong, healing = _healed(steps)
    amount = sum(step.amount for step in wrong)
    proof = f"{source.name} doesn't follow the events{_where(source, wrong)}, by {facts.money(amount, key)}"
    if healing:
        proof += f"; what comes after{_where(source, healing)} follows them again, so the runner never knew of it"
    alone = len(healing) == len(wrong)
    if not alone:
        proof += _not_tested(untested(facts, source))
    events = [(step.position or 0, step.event_id or "") for step in wrong] if source.kind == "running" else []
    found = finding(
        FAULT, key, amount=amount, events=events, source=source.name, certainty="likely" if alone else "possible",
        proof=proof,
    )  # fmt: skip
    others = () if alone or not amount else _the_log_itself(facts, source, key, amount)
    beside = _in_one_row(left, source, key, wrong)
    return Explanation(found, [whole(step) for step in (*steps, *beside)], others)


def _healed(steps: Sequence[Residual]) -> tuple[list[Residual], list[Residual]]:
    """The steps that go wrong, and those that undo one of them whole."""
    wrong: list[Residual] = []
    healing: list[Residual] = []
    open_: list[Residual] = []
    for step in steps:
        undone = next((each for each in reversed(open_) if each.amount == -step.amount), None)
        if undone is None:
            open_.append(step)
            wrong.append(step)
        else:
            open_.remove(undone)
            healing.append(step)
    return wrong, healing


def _where(source: Source, steps: Sequence[Residual]) -> str:
    if source.kind == "running":
        return f" at {places([step.position or 0 for step in steps])}"
    return f" on {len(steps)} day(s), the first of which ends at position {steps[0].at}"


def _column_edited(facts: Facts, source: Source, key: Key, steps: list[Residual]) -> Explanation:
    """What stands beside a right balance contradicts it in its own row."""
    amount = sum(step.amount for step in steps)
    balances = any((each.key, each.source) == (key, source.name) and each.kind in BALANCES for each in facts.residuals)
    beside = "differ in their own way" if balances else "don't"
    proof = (
        f"the {source.kind} of {source.name} differ from the events in {len(steps)} row(s), by "
        f"{facts.money(amount, key)} in all, and the balances beside {beside}"
    )
    if len(steps) > 1:
        proof += _not_tested(untested(facts, source))
    events = [(step.position or 0, step.event_id) for step in steps if step.event_id]
    found = finding(
        FAULT, key, amount=amount or steps[0].amount, events=events, source=source.name,
        certainty="likely" if len(steps) == 1 else "possible", proof=proof,
    )  # fmt: skip
    return Explanation(found, [whole(step) for step in steps])


def _holds_edited(facts: Facts, source: Source, key: Key, steps: list[Residual]) -> Explanation:
    """A row of a hold claims no balance, so the finding's amount is 0."""
    amounts = " and ".join(facts.money(step.amount, key) for step in steps[:5])
    proof = (
        f"the holds of {source.name} differ from what the events leave open at {source.cut}, by {amounts}; no balance "
        "is wrong for it"
    )
    if len(steps) > 1:
        proof += _not_tested(untested(facts, source))
    events = [(step.position or 0, step.event_id) for step in steps if step.event_id]
    found = finding(FAULT, key, events=events, source=source.name,
                    certainty="likely" if len(steps) == 1 else "possible", proof=proof)  # fmt: skip
    return Explanation(found, [whole(step) for step in steps])
