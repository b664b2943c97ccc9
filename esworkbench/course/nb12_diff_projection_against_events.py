"""Exercises of notebook 12: fair comparisons, late or wrong, what was covered twice, and the one repair that lasts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import select, text, update

from esworkbench.course.grader.exercise import Exercise, Exercises, Mistake
from esworkbench.course.grader.observe import reply
from esworkbench.course.small_bank import as_made
from esworkbench.course.small_log import day, posting
from esworkbench.domains.bank import AdjustBalance, Bank, Deposit, OpenAccount, Withdraw, bank_decoder
from esworkbench.domains.bank.read_models import AccountBalances, TransactionHistory
from esworkbench.domains.bank.read_models.account_balances import account_balances
from esworkbench.event_store import EventStore, write_transaction
from esworkbench.evidence import Posting
from esworkbench.forensics.diagnosis.context import Batch
from esworkbench.forensics.diagnosis.faults.double_apply import overlaps
from esworkbench.projections import ProjectionRunner, checkpoints

Key = tuple[str, str]
"""An account and a currency."""

# --- deltas -----------------------------------------------------------------------------------------------------------


def deltas(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    """Claimed − event sum up to the checkpoint, where it is not 0; no row counts as a claim of 0: as ``diff`` does."""
    found = dict(claims)
    for each in postings:
        if each.position <= checkpoint:
            key = (each.account, each.currency)
            found[key] = found.get(key, 0) - each.amount_minor
    return {key: delta for key, delta in found.items() if delta}


def _against_all(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas(claims, postings, max((each.position for each in postings), default=0))


def _before_checkpoint(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas(claims, postings, checkpoint - 1)


def _only_rows(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return {key: delta for key, delta in deltas(claims, postings, checkpoint).items() if key in claims}


def _only_events(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    seen = {(each.account, each.currency) for each in postings if each.position <= checkpoint}
    return {key: delta for key, delta in deltas(claims, postings, checkpoint).items() if key in seen}


def _other_way_round(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return {key: -delta for key, delta in deltas(claims, postings, checkpoint).items()}


def _currencies_added(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    seen = [each for each in postings if each.position <= checkpoint]
    sums: dict[str, int] = {}
    for each in seen:
        sums[each.account] = sums.get(each.account, 0) + each.amount_minor
    keys = {*claims, *((each.account, each.currency) for each in seen)}
    found = {key: claims.get(key, 0) - sums.get(key[0], 0) for key in keys}
    return {key: delta for key, delta in found.items() if delta}


def _zeros_too(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    seen = {(each.account, each.currency): 0 for each in postings if each.position <= checkpoint}
    return dict.fromkeys(claims, 0) | seen | deltas(claims, postings, checkpoint)


def _in_floats(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, Any]:
    return {key: delta / 100 for key, delta in deltas(claims, postings, checkpoint).items()}


ACCOUNTS = st.sampled_from(["ACC-1", "ACC-2"])
CURRENCIES = st.sampled_from(["USD", "EUR"])


# Of positions up to 5, ACC-1 is wrong in euros, ACC-2 is right in dollars, ACC-3 has no row, ACC-4 has no events.
POSTINGS = [
    posting(1, 10_000, account="ACC-1"),
    posting(2, 4_000, account="ACC-1", currency="EUR"),
    posting(3, 2_500, account="ACC-2"),
    posting(4, 900, account="ACC-3"),
    posting(5, -1_500, account="ACC-2"),
    posting(6, 7_000, account="ACC-2"),
    posting(7, 300, account="ACC-1"),
]
CLAIMS: dict[Key, int] = {
    ("ACC-1", "USD"): 10_000,
    ("ACC-1", "EUR"): 4_250,
    ("ACC-2", "USD"): 1_000,
    ("ACC-4", "USD"): 75,
}


ODD = "A|B:C-D/E,F G"
"""An account's id is anybody's choice."""


@st.composite
def _claims_and_postings(draw: st.DrawFn) -> tuple[dict[Key, int], list[Posting], int]:
    """Claims that are mostly right, or off by a cent; some have no events, some events no claim."""
    postings: list[Posting] = []
    position = 0
    for _ in range(draw(st.integers(0, 5))):
        position += draw(st.sampled_from([1, 1, 0, 2])) if postings else draw(st.integers(1, 2))
        amount = draw(st.sampled_from([1, 100, -1, -100, 0, 2**60 + 1]))
        each = posting(position, amount, account=draw(ACCOUNTS), currency=draw(CURRENCIES))
        postings.append(each._replace(ordinal=len(postings), version=draw(st.integers(1, 3))))
    checkpoint = draw(st.integers(0, position + 1))
    sums = {key: -delta for key, delta in deltas({}, postings, checkpoint).items()}
    claims = {}
    for key in draw(st.lists(st.tuples(ACCOUNTS, CURRENCIES), unique=True, max_size=4)):
        claims[key] = draw(st.sampled_from([sums.get(key, 0), 0, sums.get(key, 0) + 1, sums.get(key, 0) - 1]))
    return claims, postings, checkpoint


def _shown_deltas(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> str:
    posted = [f"{each.amount_minor:+} {each.currency} on {each.account} at {each.position}" for each in postings]
    return f"claims {dict(claims)}, checkpoint {checkpoint}, postings: {'; '.join(posted) or 'none'}"


DELTAS = Exercise(
    name="deltas",
    task=(
        "Compare what a projection claims with the events that it had seen. `claims` maps an account and a currency "
        "to minor units. `postings` come in order of `position`, and several may share one; the projection had seen "
        "those up to `checkpoint`, that position included. Return each delta, claimed minus event sum, that is not 0, "
        "by account and currency: a dictionary like `claims`, which stays as it is. Where there are postings and no "
        "claim, 0 is claimed; where there is a claim and no posting, the event sum is 0."
    ),
    stub=(
        "from esworkbench.evidence import Posting\n\n\n"
        "def my_deltas(\n"
        "    claims: dict[tuple[str, str], int], postings: list[Posting], checkpoint: int\n"
        ") -> dict[tuple[str, str], int]:\n"
        '    """A posting has a `position`, an `account`, a `currency` and an `amount_minor`."""'
    ),
    reference=deltas,
    cases=_claims_and_postings(),
    examples=[
        (CLAIMS, POSTINGS, 5),
        ({(ODD, "USD"): 5}, [posting(1, 3, account=ODD), posting(2, 4, account="A"), posting(2, 1, account="a")], 2),
    ],
    given=_shown_deltas,
    hints=(
        "Which postings can a row know that was written at the checkpoint?",
        "Start from a copy of the claims, and take each posting at or before the checkpoint off its key.",
    ),
    mistakes={
        "all events": Mistake(
            _against_all, "the claims are compared with all events: they have only seen those up to the checkpoint"
        ),
        "an exclusive bound": Mistake(
            _before_checkpoint, "the events at the checkpoint itself were seen too: the bound is inclusive"
        ),
        "no row": Mistake(
            _only_rows, "an account with events and no row is left out: it claims 0, and what is missing is wrong too"
        ),
        "no events": Mistake(
            _only_events, "a claim without any events is left out: its event sum is 0, and it may still claim something"
        ),
        "sign": Mistake(_other_way_round, "the sign is the other way round: delta is claimed minus event sum"),
        "two currencies": Mistake(
            _currencies_added, "dollars and euros are added up: an account has one balance for each currency"
        ),
        "zeros too": Mistake(_zeros_too, "deltas of 0 are listed as well: return only what is not 0"),
        "float money": Mistake(_in_floats, "money is counted in whole minor units: a float can't hold a cent"),
    },
)

# --- verdict ----------------------------------------------------------------------------------------------------------


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


def _a_cent_is_nothing(delta: int, checkpoint: int, head: int) -> str:
    return verdict(0 if abs(delta) <= 1 else delta, checkpoint, head)


def _only_too_much(delta: int, checkpoint: int, head: int) -> str:
    return verdict(max(delta, 0), checkpoint, head)


@st.composite
def _delta_and_positions(draw: st.DrawFn) -> tuple[int, int, int]:
    checkpoint = draw(st.sampled_from([0, 1, 346]))
    return draw(st.sampled_from([0, 1, -1, 2, -2, 26_923, -759])), checkpoint, checkpoint + draw(st.integers(0, 3))


VERDICT = Exercise(
    name="verdict",
    task=(
        "Say `'right'`, `'late'` or `'wrong'`, given the delta at the projection's own checkpoint (minor units, of "
        "either sign), that checkpoint, and the head of the log, which is never before it. Late means that waiting is "
        "all it takes. One position behind the head is behind, and a delta of one cent is a delta."
    ),
    stub="def my_verdict(delta: int, checkpoint: int, head: int) -> str: ...",
    reference=verdict,
    cases=_delta_and_positions(),
    examples=[(0, 2**53, 2**53 + 1)],
    hints=("Which of the two does time heal?", "Look at delta first."),
    mistakes={
        "late first": Mistake(
            _late_first, "late and wrong is wrong: waiting will not heal a delta at the projection's own checkpoint"
        ),
        "never late": Mistake(
            _never_late, "a projection that is behind, and right for what it has seen, is late and not wrong"
        ),
        "no head": Mistake(
            _no_head, "a checkpoint before the head of the log is late, even where all that it has seen is right"
        ),
        "a cent of tolerance": Mistake(
            _a_cent_is_nothing,
            "a delta of one cent is let pass: whole numbers leave no room for rounding, so it is a fault",
        ),
        "only too much": Mistake(_only_too_much, "a claim that is too low is wrong as well: its delta is negative"),
    },
)

# --- covered_twice ----------------------------------------------------------------------------------------------------


def _touching(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    """As ``_neighbours``, but the end is taken for the first position that was not covered."""
    pairs = pairwise(sorted(runs, key=lambda run: (run.from_position, run.to_position)))
    return [
        (b.from_position, min(a.to_position, b.to_position), 1)
        for a, b in pairs if b.from_position <= a.to_position + 1
    ]  # fmt: skip


def _neighbours(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    pairs = pairwise(sorted(runs, key=lambda run: (run.from_position, run.to_position)))
    return [
        (b.from_position, min(a.to_position, b.to_position), 1)
        for a, b in pairs if b.from_position <= a.to_position
    ]  # fmt: skip


def _each_pair(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    both = [
        (max(a.from_position, b.from_position), min(a.to_position, b.to_position)) for a, b in combinations(runs, 2)
    ]
    return [(first, last, 1) for first, last in both if first <= last]


def _end_excluded(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return overlaps([run._replace(to_position=run.to_position - 1) for run in runs])


def _counts_covers(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return [(first, last, extra + 1) for first, last, extra in overlaps(list(runs))]


def _once_at_most(runs: Sequence[Batch]) -> list[tuple[int, int, int]]:
    return [(first, last, 1) for first, last, _ in overlaps(list(runs))]


def _run(number: int, first: int, last: int, run_id: str = "run-1") -> Batch:
    return Batch(
        id=number, shard=0, from_position=first, to_position=last, run_id=run_id, code_version="1",
        saved_at=day(number),
    )  # fmt: skip


SPANS = st.builds(lambda first, more: (first, first + more), st.integers(1, 8), st.integers(0, 4))


@st.composite
def _runs(draw: st.DrawFn) -> tuple[list[Batch]]:
    """Runs at and about each other's ends, some of a single position, some twice over and by the same process."""
    spans = draw(st.lists(st.tuples(SPANS, st.sampled_from(["run-1", "run-2"])), max_size=5))
    return ([_run(number, first, last, run) for number, ((first, last), run) in enumerate(spans, start=1)],)


def _play_covered(answer: Any, runs: list[Batch]) -> Any:
    """In order, and neighbours with the same count joined: where to split a stretch is anybody's choice."""
    said = answer(runs)
    said = list(said) if isinstance(said, Iterator) else said
    rows = reply(lambda: sorted((first, last, extra) for first, last, extra in said))
    if not isinstance(rows, list):
        return said
    joined: list[tuple[Any, Any, Any]] = []
    for first, last, extra in rows:
        if joined and joined[-1][1] + 1 == first and joined[-1][2] == extra:
            first = joined.pop()[0]
        joined.append((first, last, extra))
    return joined


def _shown_runs(runs: Sequence[Batch]) -> str:
    return "runs " + (", ".join(f"{run.from_position}–{run.to_position}" for run in runs) or "none")


COVERED_TWICE = Exercise(
    name="covered_twice",
    task=(
        "Given runs of one shard with `from_position` and `to_position`, both inclusive and in no order, list what was "
        "covered too often: `(first, last, extra)`, both positions inclusive, `extra` being how often too many (2 for "
        "what was covered three times). No position stands in two of them. Their order is yours to choose, and so is "
        "where a stretch is split, if anywhere."
    ),
    stub=(
        "from esworkbench.forensics.diagnosis.context import Batch\n\n\n"
        "def my_covered_twice(runs: list[Batch]) -> list[tuple[int, int, int]]: ..."
    ),
    reference=overlaps,
    cases=_runs(),
    examples=[
        ([_run(1, 1, 5), _run(2, 6, 9), _run(3, 13, 13), _run(4, 4, 8), _run(5, 5, 7), _run(6, 13, 13)],),
        ([_run(1, 1, 1_200), _run(2, 1_100, 1_300)],),
    ],
    play=_play_covered,
    given=_shown_runs,
    hints=(
        "A run may reach back over several others.",
        "Count +1 where a run begins and −1 after it ends; walk along the positions and watch the depth.",
    ),
    mistakes={
        "touching": Mistake(
            _touching, "runs that only touch cover nothing twice: one begins at the position after the other's last"
        ),
        "neighbours": Mistake(
            _neighbours, "a run may reach over several others: compare each run with all, not with the one before it"
        ),
        "each pair": Mistake(
            _each_pair,
            "a stretch that three runs share is listed once for each pair of them: list it once, and count all of them",
        ),
        "end excluded": Mistake(_end_excluded, "off by one: the position at which a run ends was covered as well"),
        "covers counted": Mistake(_counts_covers, "covered twice is once too many: count the extra applications"),
        "once at most": Mistake(_once_at_most, "what was covered three times is two times too many, not one"),
    },
)  # fmt: skip

# --- rebuild --------------------------------------------------------------------------------------------------------


def rebuild(runner: ProjectionRunner) -> None:
    """Rows and checkpoint go together, and then every event comes once."""
    runner.rebuild()


def _look_again(runner: ProjectionRunner) -> None:
    runner.catch_up()


def _edit_the_row(runner: ProjectionRunner) -> None:
    right = Bank(_store_of(runner)).accounts.load("ACC-1").balance_minor
    table = account_balances
    with write_transaction(runner.engine) as connection:
        connection.execute(update(table).where(table.c.account_id == "ACC-1").values(balance_minor=right))


def _empty_the_table(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
    runner.catch_up()


def _replay_on_top(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("UPDATE checkpoints SET position = 0 WHERE projection = 'account_balances'"))
    runner.catch_up()


def _every_checkpoint(runner: ProjectionRunner) -> None:
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
        connection.execute(text("UPDATE checkpoints SET position = 0"))
    runner.catch_up()


def _from_position_1(runner: ProjectionRunner) -> None:
    """Takes a checkpoint for the next event to handle."""
    with write_transaction(runner.engine) as connection:
        connection.execute(text("DELETE FROM account_balances"))
        connection.execute(text("UPDATE checkpoints SET position = 1 WHERE projection = 'account_balances'"))
    runner.catch_up()


def _make_up_for_it(runner: ProjectionRunner) -> None:
    """Events against rows that are too high: now both are wrong."""
    bank = Bank(_store_of(runner))
    for row in _rows(runner.engine):
        state = bank.accounts.load(row["account_id"])
        missing = state.balance_minor - row["balance_minor"]
        if missing:
            command = AdjustBalance(
                account_id=row["account_id"], amount_minor=missing, currency=row["currency"], reason="applied twice",
                operator="you", case_id="CASE-1", reference="REBUILD",
            )  # fmt: skip
            bank.handle(command)
    runner.catch_up()


def _store_of(runner: ProjectionRunner) -> EventStore:
    assert isinstance(runner.store, EventStore)
    return runner.store


LOG = [
    OpenAccount(account_id="ACC-0", owner="Bob", currency="USD"),
    OpenAccount(account_id="ACC-1", owner="Ada", currency="USD"),
    Deposit(account_id="ACC-1", amount_minor=1_000, currency="USD", reference="A"),
    OpenAccount(account_id="ACC-2", owner="Ada", currency="EUR"),
    Deposit(account_id="ACC-2", amount_minor=2_000, currency="EUR", reference="B"),
    Withdraw(account_id="ACC-1", amount_minor=300, currency="USD", reference="C"),
    Deposit(account_id="ACC-2", amount_minor=500, currency="EUR", reference="D"),
    OpenAccount(account_id="ACC-3", owner="Bob", currency="USD"),
]
"""One event each, so a command's place here is its event's position."""


def _all_seen(store: EventStore) -> None:
    bank = Bank(store)
    for command in LOG:
        bank.handle(command)
    _runner(store).catch_up()
    ProjectionRunner(store, TransactionHistory(), bank_decoder(), run_id="other").catch_up()


def _some_unseen(store: EventStore, number: int = 2) -> None:
    _all_seen(store)
    accounts = Bank(store).accounts
    account = accounts.load("ACC-0")
    for _ in range(number):
        account.deposit(1, "USD", "UNSEEN")
    accounts.save(account)


def _many_unseen(store: EventStore) -> None:
    """More than ``read_all`` gives at once, unless told."""
    _some_unseen(store, 1_100)


MADE = {0: _all_seen, 2: _some_unseen, 1_100: _many_unseen}
"""By how many events the projection is behind."""


def _runner(store: EventStore, *, batch_size: int = 1_000) -> ProjectionRunner:
    return ProjectionRunner(store, AccountBalances(), bank_decoder(), run_id="exercise", batch_size=batch_size)


def _play_rebuild(answer: Any, first: int, last: int, unseen: int) -> Any:
    """What the table holds when the answer is through, and what it holds when it has then seen one event more.

    The runner that is given takes a few events at a time, so that one batch isn't all.
    """
    store = as_made(MADE[unseen])
    events, before = store.read_all(limit=10_000), _other_checkpoints(store.engine)
    with write_transaction(store.engine) as connection:
        for recorded in events[first - 1 : last]:
            AccountBalances().handle(bank_decoder().decode(recorded), connection)
    answer(_runner(store, batch_size=500 if unseen > len(LOG) else 3))
    mended, others = reply(_rows, store.engine), reply(_other_checkpoints, store.engine)
    after = store.read_all(limit=10_000)
    Bank(store).handle(Deposit(account_id="ACC-1", amount_minor=70, currency="USD", reference="LATER"))
    return {
        "rows": mended,
        "checkpoints of other projections": "as they were" if others == before else others,
        "events": "as they were" if after == events else "changed, or others appended",
        "rows after a later deposit of 70 on ACC-1": reply(lambda: (_runner(store).catch_up(), _rows(store.engine))[1]),
    }


def _rows(engine: Any) -> list[dict[str, Any]]:
    query = select(account_balances).order_by(account_balances.c.account_id)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _other_checkpoints(engine: Any) -> list[dict[str, Any]]:
    table = checkpoints.checkpoints
    query = select(table).where(table.c.projection != AccountBalances.name).order_by(table.c.projection)
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _shown_rebuild(first: int, last: int, unseen: int) -> str:
    posted = "ACC-1 +1000 USD at 3, ACC-2 +2000 EUR at 5, ACC-1 −300 USD at 6, ACC-2 +500 EUR at 7"
    events = f"ACC-0 opened at 1, {posted}, ACC-3 opened at 8"
    later = f"; {unseen} deposits of 1 USD on ACC-0 after them, which the projection hasn't seen" if unseen else ""
    return f"{events}; the rows have seen those from {first} to {last} twice, the others once{later}"


REBUILD = Exercise(
    name="rebuild",
    task=(
        "Some rows of `account_balances` are wrong, because a batch of events was applied twice; which one, you are "
        "not told. Repair the read model, so that every row is what all events say, and stays so when the next one "
        "comes. There may be thousands of them, and the projection may be behind. You are given its `runner`, which "
        "has not run yet; its database is `runner.engine`, with the tables `account_balances` and `checkpoints`. The "
        "events are right, and so are other projections: leave both as they are."
    ),
    stub=(
        "from sqlalchemy import text\n\n"
        "from esworkbench.event_store import write_transaction\n"
        "from esworkbench.projections import ProjectionRunner\n\n\n"
        "def my_rebuild(runner: ProjectionRunner) -> None: ..."
    ),
    reference=rebuild,
    cases=st.sampled_from(
        [
            (*twice, unseen)
            for twice in [(3, 3), (3, 4), (1, 5), (3, 7), (5, 5), (5, 6), (5, 7), (6, 6), (6, 7), (7, 7)]
            for unseen in (0, 2)
        ]
    ),
    examples=[(3, 7, 0), (3, 7, 2), (5, 6, 1_100)],
    play=_play_rebuild,
    given=_shown_rebuild,
    hints=("A read model is disposable.", "Rows and checkpoint go together: ask the runner what it can do."),
    mistakes={
        "catching up": Mistake(
            _look_again,
            "the rows are as wrong as before: catching up reads only what comes after the checkpoint, and what was "
            "changed on a connection without a commit is taken back (`write_transaction` commits)",
        ),
        "one row edited": Mistake(
            _edit_the_row, "the row of ACC-1 was edited; one that is wrong for the same reason, ACC-2's, was not"
        ),
        "rows without checkpoint": Mistake(
            _empty_the_table, "the table is empty: the checkpoint must go back to 0 together with the rows"
        ),
        "checkpoint without rows": Mistake(
            _replay_on_top,
            "every event was applied once more, on top of the old rows: the rows must go with the checkpoint",
        ),
        "every checkpoint": Mistake(
            _every_checkpoint,
            "the checkpoints of other projections went back as well, which will apply all events again: name yours "
            "after `WHERE projection =`",
        ),
        "from position 1": Mistake(
            _from_position_1, "the event at position 1 was never handled: a checkpoint is what *was* seen, so 0 is none"
        ),
        "events appended": Mistake(
            _make_up_for_it,
            "events were appended to a log that was right: a wrong read model is no reason to write to it",
        ),
    },
)

exercises = Exercises(__name__, DELTAS, VERDICT, COVERED_TWICE, REBUILD)
