"""Exercises of notebook 12: fair comparisons, late or wrong, what was covered twice, and the one repair that lasts."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import text

from esworkbench.course.mechanism import Exercise, Exercises, Mistake, Wrong
from esworkbench.course.small_log import day, posting
from esworkbench.domains.bank import Bank, Deposit, OpenAccount, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.evidence import Posting
from esworkbench.forensics.diagnosis.context import Batch
from esworkbench.forensics.diagnosis.faults.double_apply import overlaps
from esworkbench.projections import ProjectionRunner

Key = tuple[str, str]
"""An account and a currency."""

# The projection has seen positions up to 5. ACC-1 is wrong in euros, ACC-2 is right, ACC-3 has no row at all.
CHECKPOINT = 5
POSTINGS = [
    posting(1, 10_000, account="ACC-1"),
    posting(2, 4_000, account="ACC-1", currency="EUR"),
    posting(3, 2_500, account="ACC-2"),
    posting(4, 900, account="ACC-3"),
    posting(5, -1_500, account="ACC-2"),
    posting(6, 7_000, account="ACC-2"),
    posting(7, 300, account="ACC-1"),
]
CLAIMS: dict[Key, int] = {("ACC-1", "USD"): 10_000, ("ACC-1", "EUR"): 4_250, ("ACC-2", "USD"): 1_000}


def deltas(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    """Claimed − event sum up to the checkpoint, where it is not 0; no row counts as a claim of 0: as ``diff`` does."""
    found = dict(claims)
    for each in postings:
        if each.position <= checkpoint:
            key = (each.account, each.currency)
            found[key] = found.get(key, 0) - each.amount_minor
    return {key: delta for key, delta in found.items() if delta}


def _against_all(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas(claims, postings, max(each.position for each in postings))


def _before_checkpoint(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas(claims, postings, checkpoint - 1)


def _only_rows(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return {key: delta for key, delta in deltas(claims, postings, checkpoint).items() if key in claims}


def _other_way_round(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return {key: -delta for key, delta in deltas(claims, postings, checkpoint).items()}


def _currencies_added(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    in_dollars: dict[Key, int] = {}
    for (account, _), claimed in claims.items():
        in_dollars[account, "USD"] = in_dollars.get((account, "USD"), 0) + claimed
    return deltas(in_dollars, [each._replace(currency="USD") for each in postings], checkpoint)


def _in_floats(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, Any]:
    return {key: delta / 100 for key, delta in deltas(claims, postings, checkpoint).items()}


def _examine_deltas(answer: Callable[[Mapping[Key, int], Sequence[Posting], int], dict[Key, int]]) -> None:
    given = (CLAIMS, POSTINGS, CHECKPOINT)
    said = dict(answer(dict(CLAIMS), list(POSTINGS), CHECKPOINT))
    if any(isinstance(delta, float) for delta in said.values()):
        raise Wrong("money is counted in whole minor units: a float can't hold a cent")
    hints = [
        (_against_all, "the claims are compared with all events: they have only seen those up to the checkpoint"),
        (_before_checkpoint, "the event at the checkpoint was seen too: the bound is inclusive"),
        (_only_rows, "ACC-3 has events and no row at all: what is missing is wrong as well"),
        (_other_way_round, "the sign is the other way round: delta is claimed minus event sum"),
        (_currencies_added, "dollars and euros are added up: an account has one balance per currency"),
    ]
    for mistake, hint in hints:
        if said == mistake(*given):
            raise Wrong(hint)
    if said != deltas(*given):
        raise Wrong(f"the deltas that are not 0 are {deltas(*given)}, not {said}")


def verdict(delta: int, checkpoint: int, head: int) -> str:
    """``delta`` is taken at the projection's own checkpoint, so only a fault makes it anything but 0."""
    if delta:
        return "wrong"
    return "late" if checkpoint < head else "right"


def _late_first(delta: int, checkpoint: int, head: int) -> str:
    return "late" if checkpoint < head else verdict(delta, checkpoint, head)


def _never_late(delta: int, checkpoint: int, head: int) -> str:
    return "wrong" if delta or checkpoint < head else "right"


def _no_head(delta: int, checkpoint: int, head: int) -> str:
    return "wrong" if delta else "right"


def _examine_verdict(answer: Callable[[int, int, int], str]) -> None:
    if answer(-759, 346, 354) == "late":
        raise Wrong("late and wrong is wrong: waiting will not heal a delta at the projection's own checkpoint")
    if answer(0, 346, 354) == "wrong":
        raise Wrong("a projection that is behind and right for what it has seen is late, not wrong")
    if answer(0, 346, 354) == "right":
        raise Wrong("eight positions behind the head, it is right for what it has seen, but late: say so")
    for delta, checkpoint, head in [(0, 354, 354), (26_923, 354, 354), (-759, 346, 354), (0, 346, 354)]:
        if answer(delta, checkpoint, head) != verdict(delta, checkpoint, head):
            raise Wrong(f"delta {delta} at checkpoint {checkpoint} of {head} is {verdict(delta, checkpoint, head)!r}")


def _run(first: int, last: int, run_id: str) -> Batch:
    return Batch(
        id=first, shard=0, from_position=first, to_position=last, run_id=run_id, code_version="1", saved_at=day(first)
    )


RUNS = [_run(1, 171, "a"), _run(172, 189, "b"), _run(190, 192, "c"), _run(193, 200, "d"), _run(180, 191, "e")]


def _touching(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    ordered = sorted(runs, key=lambda run: run.from_position)
    pairs = pairwise(ordered)
    return [(b.from_position, a.to_position, 1) for a, b in pairs if b.from_position <= a.to_position + 1]


def _only_neighbours(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    pairs = pairwise(runs)
    return [
        (b.from_position, a.to_position, 1) for a, b in pairs if a.from_position <= b.from_position <= a.to_position
    ]


def _end_excluded(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return [(first, last - 1, extra) for first, last, extra in overlaps(list(runs))]


def _counts_covers(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return [(first, last, extra + 1) for first, last, extra in overlaps(list(runs))]


def _examine_covered_twice(answer: Callable[[list[Batch]], list[tuple[int, int, int]]]) -> None:
    clean = RUNS[:4]
    if answer(list(clean)):
        raise Wrong("172 begins where 171 ends: runs that touch cover nothing twice")
    said = sorted(tuple(each) for each in answer(list(RUNS)))
    joined = sorted(overlaps(list(RUNS)))
    if not said:
        raise Wrong("the last run reaches back over two others: compare each run with all, not with the one before it")
    if [each[:2] for each in said] == [each[:2] for each in joined] and said != joined:
        raise Wrong("covered twice is once too many: count the extra applications")
    if said == _end_excluded(RUNS):
        raise Wrong("off by one: to_position was covered as well")
    if said != joined:
        raise Wrong(f"what was covered too often is {joined}, not {said}")


def _look_again(runner: ProjectionRunner) -> int:
    return runner.catch_up()


def _edit_the_row(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE account_balances SET balance_minor = 1500 WHERE account_id = 'ACC-1'"))


def _empty_the_table(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
    runner.catch_up()


def _replay_on_top(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE checkpoints SET position = 0"))
    runner.catch_up()


def _examine_repair(answer: Callable[[ProjectionRunner], Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="esworkbench-") as folder:
        store = EventStore.open(f"sqlite:///{(Path(folder) / 'bank.db').as_posix()}")
        try:
            _examine_repair_of(answer, store)
        finally:
            store.engine.dispose()


def _examine_repair_of(answer: Callable[[ProjectionRunner], Any], store: EventStore) -> None:
    bank = Bank(store)
    for number, account in enumerate(("ACC-1", "ACC-2"), start=1):
        bank.handle(OpenAccount(account_id=account, owner="Ada", currency="USD"))
        for amount in (1_000 * number, 500):
            bank.handle(
                Deposit(account_id=account, amount_minor=amount, currency="USD", reference=f"{account}-{amount}")
            )
    runner = ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="exercise")
    runner.catch_up()
    with write_transaction(store.engine) as connection:
        connection.execute(text("UPDATE account_balances SET balance_minor = balance_minor + 500"))
    events = store.read_all()
    answer(runner)
    if store.read_all() != events:
        raise Wrong("the events were right: a wrong read model is no reason to write to the log")
    query = text("SELECT account_id, balance_minor FROM account_balances ORDER BY account_id")
    with store.engine.connect() as connection:
        rows = {account: balance for account, balance in connection.execute(query)}
    if rows == {"ACC-1": 2_000, "ACC-2": 3_000}:
        raise Wrong("nothing changed: the checkpoint says that all events were seen, so catching up reads none of them")
    if not rows:
        raise Wrong("the table is empty: the checkpoint must go back to 0 together with the rows")
    if rows == {"ACC-1": 3_500, "ACC-2": 5_500}:
        raise Wrong("every event was applied once more, on top of the old rows: the rows must go with the checkpoint")
    if rows["ACC-1"] == 1_500 != rows["ACC-2"] - 1_000:
        raise Wrong("the row somebody complained about was edited; the other, wrong for the same reason, was not")
    if rows != {"ACC-1": 1_500, "ACC-2": 2_500}:
        raise Wrong(f"the rows are {rows}; the events come to 1500 and 2500")


exercises = Exercises(
    Exercise(
        name="deltas",
        task=(
            "Compare claims (a dictionary from account and currency to minor units) with the postings that their "
            "projection had seen. Return each delta that is not 0."
        ),
        examine=_examine_deltas,
        reference=deltas,
        hints=(
            "Which postings can a row know that was written at the checkpoint?",
            "Start from a copy of the claims, and take each posting at or before the checkpoint off its key.",
        ),
        mistakes={
            "all events": Mistake(_against_all, "with all events"),
            "an exclusive bound": Mistake(_before_checkpoint, "inclusive"),
            "no row": Mistake(_only_rows, "no row at all"),
            "sign": Mistake(_other_way_round, "other way round"),
            "two currencies": Mistake(_currencies_added, "dollars and euros"),
            "float money": Mistake(_in_floats, "minor units"),
        },
    ),
    Exercise(
        name="verdict",
        task="Say 'right', 'late' or 'wrong', given the delta at the projection's own checkpoint, that checkpoint, and "
        "the head of the log.",
        examine=_examine_verdict,
        reference=verdict,
        hints=("Which of the two does time heal?", "Look at delta first."),
        mistakes={
            "late first": Mistake(_late_first, "late and wrong is wrong"),
            "never late": Mistake(_never_late, "late, not wrong"),
            "no head": Mistake(_no_head, "but late"),
        },
    ),
    Exercise(
        name="covered_twice",
        task="Given runs with `from_position` and `to_position`, both inclusive and in no order, list what was covered "
        "too often: (first, last, how often too many).",
        examine=_examine_covered_twice,
        reference=overlaps,
        hints=(
            "A run may reach back over several others.",
            "Count +1 where a run begins and −1 after it ends; walk along the positions and watch the depth.",
        ),
        mistakes={
            "touching": Mistake(_touching, "touch"),
            "neighbours": Mistake(_only_neighbours, "compare each run with all"),
            "end excluded": Mistake(_end_excluded, "off by one"),
            "covers counted": Mistake(_counts_covers, "once too many"),
        },
    ),
    Exercise(
        name="mend",
        task=(
            "Every row of `account_balances` is too high: a batch was applied twice. Repair the read model. You are "
            "given its `runner`; its database is `runner.engine`."
        ),
        examine=_examine_repair,
        reference=ProjectionRunner.rebuild,
        hints=("A read model is disposable.", "Rows and checkpoint go together: ask the runner what it can do."),
        mistakes={
            "catching up": Mistake(_look_again, "nothing changed"),
            "one row edited": Mistake(_edit_the_row, "was edited"),
            "rows without checkpoint": Mistake(_empty_the_table, "the table is empty"),
            "checkpoint without rows": Mistake(_replay_on_top, "on top of the old rows"),
        },
    ),
)
