"""Answers to the exercises of notebook 12."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

import pandas as pd
from sqlalchemy import delete, text, update

from esworkbench.course.nb12_diff_projection_against_events import Key
from esworkbench.domains.bank.read_models.account_balances import account_balances, row_of
from esworkbench.event_store import write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.evidence import Posting
from esworkbench.forensics.diagnosis.context import Batch
from esworkbench.forensics.diagnosis.faults.double_apply import overlaps
from esworkbench.projections import ProjectionRunner
from esworkbench.projections.built_tables import drop_and_reset


def deltas_by_counter(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    found = Counter(claims)
    for each in takewhile(lambda each: each.position <= checkpoint, postings):
        found[each.account, each.currency] -= each.amount_minor
    return {key: found[key] for key in found if found[key] != 0}


def deltas_by_keys(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> defaultdict[Key, int]:
    seen = [each for each in postings if not each.position > checkpoint]
    found: defaultdict[Key, int] = defaultdict(int)
    for key in set(claims) | {(each.account, each.currency) for each in seen}:
        events = sum(each.amount_minor for each in seen if (each.account, each.currency) == key)
        if claims.get(key, 0) != events:
            found[key] = claims.get(key, 0) - events
    return found


def deltas_in_place(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    for each in postings:
        if each.position <= checkpoint:
            key = each.account, each.currency
            claims[key] = claims.get(key, 0) - each.amount_minor
    return {key: delta for key, delta in claims.items() if delta}


def deltas_by_version(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas_by_keys(claims, [each._replace(position=each.version) for each in postings], checkpoint)


def deltas_of_the_claims(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    sums: Counter[Key] = Counter()
    for each in postings:
        if each.position <= checkpoint:
            sums[each.account, each.currency] += each.amount_minor
    return {key: claims.get(key, 0) - total for key, total in sums.items() if claims.get(key, 0) != total}


def deltas_by_counters_minus(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    sums: Counter[Key] = Counter()
    for each in postings:
        if each.position <= checkpoint:
            sums[each.account, each.currency] += each.amount_minor
    return dict(Counter(claims) - sums)


def deltas_by_numpy_floats(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    seen = [(each.account, each.currency, float(each.amount_minor)) for each in postings if each.position <= checkpoint]
    found = dict(claims)
    for account, currency, amount in seen:
        found[account, currency] = int(found.get((account, currency), 0) - amount)
    return {key: delta for key, delta in found.items() if delta}


def deltas_by_joined_keys(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    found = Counter({f"{account}|{currency}": claimed for (account, currency), claimed in claims.items()})
    for each in postings:
        if each.position <= checkpoint:
            found[f"{each.account}|{each.currency}"] -= each.amount_minor
    keys = {key: key.split("|", 1) for key in found}
    return {(account, currency): found[key] for key, (account, currency) in keys.items() if found[key]}


def deltas_in_small_letters(claims: dict[Key, int], postings: list[Posting], checkpoint: int) -> dict[Key, int]:
    names = {each.account.lower(): each.account for each in postings} | {
        account.lower(): account for account, _ in claims
    }
    return deltas_by_counter(
        claims, [each._replace(account=names[each.account.lower()]) for each in postings], checkpoint
    )


def verdict_by_table(delta: int, checkpoint: int, head: int) -> str:
    return {(True, True): "right", (True, False): "late"}.get((delta == 0, checkpoint == head), "wrong")


def verdict_by_match(delta: int, checkpoint: int, head: int) -> str:
    match delta, head - checkpoint:
        case 0, 0:
            return "right"
        case 0, _:
            return "late"
    return "wrong"


def verdict_with_tolerance(delta: int, checkpoint: int, head: int) -> str:
    if abs(delta) > 1:
        return "wrong"
    return "late" if checkpoint < head else "right"


def verdict_with_patience(delta: int, checkpoint: int, head: int) -> str:
    if delta:
        return "wrong"
    return "late" if head - checkpoint > 1 else "right"


def verdict_too_late_to_say(delta: int, checkpoint: int, head: int) -> str:
    if delta > 0:
        return "wrong"
    return "late" if checkpoint < head else "wrong" if delta else "right"


def verdict_in_floats(delta: int, checkpoint: int, head: int) -> str:
    return "wrong" if float(delta) else "late" if float(checkpoint) < float(head) else "right"


def covered_by_position(runs: list[Batch]) -> Iterator[tuple[int, int, int]]:
    times = Counter(place for run in runs for place in range(run.from_position, run.to_position + 1))
    return ((place, place, count - 1) for place, count in times.items() if count > 1)


def covered_joined(runs: list[Batch]) -> list[list[int]]:
    """Longest stretches, whatever run begins or ends in them, from the last to the first."""
    found: list[list[int]] = []
    for place in range(1, max((run.to_position for run in runs), default=0) + 1):
        extra = sum(run.from_position <= place <= run.to_position for run in runs) - 1
        if extra < 1:
            continue
        if found and found[-1][1:] == [place - 1, extra]:
            found[-1][1] = place
        else:
            found.append([place, place, extra])
    return found[::-1]


def covered_by_edges(runs: list[Batch]) -> list[tuple[int, int, int]]:
    """Split at every edge, as each stretch between two of them is covered evenly."""
    edges = sorted({run.from_position for run in runs} | {run.to_position + 1 for run in runs})
    found = []
    for first, after in pairwise(edges):
        extra = sum(run.from_position <= first and run.to_position >= after - 1 for run in runs) - 1
        if extra > 0:
            found.append((first, after - 1, extra))
    return found


def covered_by_frame(runs: list[Batch]) -> pd.DataFrame:
    rows = [(first, last, extra) for first, last, extra in overlaps(runs)]
    return pd.DataFrame(rows, columns=["first", "last", "extra"]).to_records(index=False)


def covered_in_the_order_given(runs: list[Batch]) -> list[tuple[int, int, int]]:
    return [
        (b.from_position, min(a.to_position, b.to_position), 1)
        for a, b in pairwise(runs) if a.from_position <= b.from_position <= a.to_position
    ]  # fmt: skip


def covered_beyond_the_furthest(runs: list[Batch]) -> list[tuple[int, int, int]]:
    """Against the furthest end so far, which finds every place but not how often."""
    found, furthest = [], 0
    for run in sorted(runs, key=lambda run: run.from_position):
        if run.from_position <= furthest:
            found.append((run.from_position, min(furthest, run.to_position), 1))
        furthest = max(furthest, run.to_position)
    return found


def covered_by_set(runs: list[Batch]) -> list[tuple[int, int, int]]:
    """Two runs that are the same count as one."""
    spans = {(run.from_position, run.to_position) for run in runs}
    kept = [next(run for run in runs if (run.from_position, run.to_position) == span) for span in spans]
    return overlaps(kept)


def covered_without_single_positions(runs: list[Batch]) -> list[tuple[int, int, int]]:
    return [each for each in overlaps(runs) if each[0] < each[1]]


def covered_once_a_run(runs: list[Batch]) -> list[tuple[int, int, int]]:
    return overlaps(list({(run.run_id, run.from_position): run for run in runs}.values()))


def covered_by_other_runs(runs: list[Batch]) -> list[tuple[int, int, int]]:
    """Counts runs by their name, and a run that went over the same events again for one."""
    ids = {place: set() for run in runs for place in range(run.from_position, run.to_position + 1)}
    for run in runs:
        for place in range(run.from_position, run.to_position + 1):
            ids[place].add(run.run_id)
    return [(place, place, len(names) - 1) for place, names in ids.items() if len(names) > 1]


def covered_by_short_runs(runs: list[Batch]) -> list[tuple[int, int, int]]:
    return overlaps([run._replace(to_position=min(run.to_position, run.from_position + 999)) for run in runs])


def rebuild_by_hand(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(delete(account_balances))
        connection.execute(text("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'"))
    runner.catch_up()


def rebuild_with_what_a_rebuild_is_made_of(runner: ProjectionRunner) -> str:
    with write_transaction(runner.engine) as connection:
        drop_and_reset(connection, runner.projection, "mine", runner.clock())
    while runner.run_once():
        pass
    return "mended"


def rebuild_while_it_looks(runner: ProjectionRunner) -> int:
    with runner.engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM account_balances")).scalar_one()
    return runner.rebuild()


def rebuild_by_half(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(update(account_balances).values(balance_minor=account_balances.c.balance_minor / 2))


def rebuild_to_right_rows_and_a_wrong_checkpoint(runner: ProjectionRunner) -> None:
    runner.rebuild()
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE checkpoints SET position = 0"))


def rebuild_with_known_numbers(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE account_balances SET balance_minor = 700 WHERE account_id = 'ACC-1'"))
        connection.execute(text("UPDATE account_balances SET balance_minor = 2500 WHERE account_id = 'ACC-2'"))
        connection.execute(text("UPDATE checkpoints SET position = position + 1"))


def rebuild_the_last_batch(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE checkpoints SET position = position - 2"))
    runner.catch_up()


def rebuild_and_reset_the_others(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(delete(account_balances))
        connection.execute(text("UPDATE checkpoints SET position = 0"))
    runner.catch_up()


def rebuild_from_the_second_event(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(delete(account_balances))
        connection.execute(text("UPDATE checkpoints SET position = 1 WHERE projection = 'account_balances'"))
    runner.catch_up()


def rebuild_without_other_checkpoints(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM checkpoints WHERE projection != 'account_balances'"))
    runner.rebuild()


def rebuild_one_batch(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        drop_and_reset(connection, runner.projection, "mine", runner.clock())
    runner.run_once()


def rebuild_without_versions(runner: ProjectionRunner) -> None:
    runner.rebuild()
    with write_transaction(runner.engine) as connection:
        connection.execute(update(account_balances).values(version=0))


def rebuild_without_positions(runner: ProjectionRunner) -> None:
    runner.rebuild()
    with write_transaction(runner.engine) as connection:
        connection.execute(update(account_balances).values(position=0))


def rebuild_without_rows_of_nothing(runner: ProjectionRunner) -> None:
    runner.rebuild()
    with write_transaction(runner.engine) as connection:
        connection.execute(delete(account_balances).where(account_balances.c.balance_minor == 0))


def _sums(runner: ProjectionRunner, events: Sequence[RecordedEvent]) -> None:
    """Balances alone; the checkpoint stays where it is."""
    sums: Counter[tuple[str, str]] = Counter()
    for event in runner.decoder.decode_all(events):
        if row := row_of(event):
            sums[row["account_id"], row["currency"]] += row["amount_minor"]
    table = account_balances
    with write_transaction(runner.engine) as connection:
        for (account, currency), balance in sums.items():
            row_is = (table.c.account_id == account) & (table.c.currency == currency)
            connection.execute(update(table).where(row_is).values(balance_minor=balance))


def _every_event(runner: ProjectionRunner) -> list[RecordedEvent]:
    events: list[RecordedEvent] = []
    while batch := runner.store.read_all(after=events[-1].global_position if events else 0):
        events += batch
    return events


def rebuild_from_the_first_thousand(runner: ProjectionRunner) -> None:
    runner.catch_up()
    _sums(runner, runner.store.read_all())


def rebuild_by_sums_alone(runner: ProjectionRunner) -> None:
    _sums(runner, _every_event(runner))


def rebuild_up_to_the_old_checkpoint(runner: ProjectionRunner) -> None:
    before = runner.checkpoint()
    with write_transaction(runner.engine) as connection:
        connection.execute(delete(account_balances))
        connection.execute(text("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'"))
    runner.catch_up(up_to=before)


def rebuild_and_leave_the_checkpoint(runner: ProjectionRunner) -> None:
    events = list(runner.decoder.decode_all(_every_event(runner)))
    with write_transaction(runner.engine) as connection:
        connection.execute(delete(account_balances))
        for event in events:
            runner.projection.handle(event, connection)


def rebuild_without_a_commit(runner: ProjectionRunner) -> None:
    with runner.engine.connect() as connection:
        connection.execute(delete(account_balances))
        connection.execute(text("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'"))
    runner.catch_up()


def rebuild_that_touches_the_others(runner: ProjectionRunner) -> None:
    runner.rebuild()
    with write_transaction(runner.engine) as connection:
        connection.execute(
            text("UPDATE checkpoints SET updated_at = '2000-01-01T00:00:00Z' WHERE projection != 'account_balances'")
        )


RIGHT = {
    "deltas": [deltas_by_counter, deltas_by_keys],
    "verdict": [verdict_by_table, verdict_by_match],
    "covered_twice": [covered_by_position, covered_joined, covered_by_edges, covered_by_frame],
    "rebuild": [rebuild_by_hand, rebuild_with_what_a_rebuild_is_made_of, rebuild_while_it_looks],
}
WRONG = {
    "deltas": [
        deltas_in_place,
        deltas_by_version,
        deltas_of_the_claims,
        deltas_by_counters_minus,
        deltas_by_numpy_floats,
        deltas_by_joined_keys,
        deltas_in_small_letters,
    ],
    "verdict": [verdict_with_tolerance, verdict_with_patience, verdict_too_late_to_say, verdict_in_floats],
    "covered_twice": [
        covered_in_the_order_given,
        covered_beyond_the_furthest,
        covered_by_set,
        covered_without_single_positions,
        covered_once_a_run,
        covered_by_other_runs,
        covered_by_short_runs,
    ],
    "rebuild": [
        rebuild_by_half,
        rebuild_to_right_rows_and_a_wrong_checkpoint,
        rebuild_with_known_numbers,
        rebuild_the_last_batch,
        rebuild_and_reset_the_others,
        rebuild_from_the_second_event,
        rebuild_without_other_checkpoints,
        rebuild_one_batch,
        rebuild_without_versions,
        rebuild_without_positions,
        rebuild_without_rows_of_nothing,
        rebuild_that_touches_the_others,
        rebuild_from_the_first_thousand,
        rebuild_by_sums_alone,
        rebuild_up_to_the_old_checkpoint,
        rebuild_and_leave_the_checkpoint,
        rebuild_without_a_commit,
    ],
}
EQUIVALENT: dict[str, dict[str, str]] = {}
