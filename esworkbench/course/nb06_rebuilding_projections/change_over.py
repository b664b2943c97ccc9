"""The exercise ``change_over``: the next table takes the live one's place, in one instant."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.lab.models.crash import Killed

TASK = (
    "Build the next table and put it in the live table's place, so that readers find a complete table at any time, "
    "even if the process is killed on the way. `tables.build_next()` takes six hours, in which no transaction may "
    "be open, for its locks would hold everybody up. If it raises an error, of whatever class, half of the rows "
    "are there: let that very error out, not one of your own, and leave the live table as it is. "
    "`tables.drop_live()` drops the live table, `tables.rename_next()` gives its name to the next one, and `with "
    "tables.transaction():` shows readers nothing before its end."
)

OLD, HALF, NEW, NONE = "the old rows", "half of the new rows", "the new rows", "no table"


class BuildFailed(Exception):
    """The next table can't be built this time; what there is of it can't be used."""


WHY_IT_FAILS = "the next table can't be built"
FAILURES: list[BaseException] = [
    *(kind(WHY_IT_FAILS) for kind in (BuildFailed, OSError, RuntimeError, ValueError, KeyError, ZeroDivisionError)),
    TimeoutError(),
    MemoryError(),
    KeyboardInterrupt(),
    SystemExit(1),
]
"""A handler may raise anything, and so may the disk; whoever watches for six hours may stop it."""


class Tables:
    """A live table with wrong rows, and the next one. Readers look after each commit; any step may be the last.

    ``steps_left`` is how many more steps (a statement, a commit) the process lives; None: for ever.
    """

    def __init__(self, *, steps_left: int | None = None, build_fails: BaseException | None = None) -> None:
        self.readers_found = [OLD]
        self.found_while_building: set[str] = set()
        self.built_in_a_transaction = False
        self.steps_left = steps_left
        self.build_fails = build_fails
        self._live, self._next = OLD, NONE
        self._before: tuple[str, str] | None = None

    def build_next(self) -> None:
        """Build the next table from all events, from nothing. It takes six hours."""
        self.built_in_a_transaction |= self._before is not None
        self.found_while_building.add(self._before[0] if self._before else self._live)
        self._next = HALF
        self._step()
        if self.build_fails:
            error, self.build_fails = self.build_fails, None
            raise error
        self._next = NEW

    def drop_live(self) -> None:
        """Drop the live table, if there is one."""
        self._step()
        self._live = NONE
        self._look()

    def rename_next(self) -> None:
        """Give the next table the live table's name. Raises RuntimeError if that is taken, or if there is no next."""
        self._step()
        if self._live != NONE:
            raise RuntimeError("the name is still taken by the live table: drop that first, in the same transaction")
        if self._next == NONE:
            raise RuntimeError("there is no next table to rename: build it first")
        self._live, self._next = self._next, NONE
        self._look()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Readers see nothing of it before its commit, which is at its end; an error in it undoes all of it."""
        if self._before is not None:
            raise RuntimeError("a transaction is open already")
        self._before = self._live, self._next
        try:
            yield
            self._step()
        except BaseException:
            self._live, self._next = self._before
            raise
        finally:
            self._before = None
        self._look()

    def _step(self) -> None:
        if self.steps_left == 0:
            raise Killed
        if self.steps_left is not None:
            self.steps_left -= 1

    def _look(self) -> None:
        if self._before is None and self.readers_found[-1] != self._live:
            self.readers_found.append(self._live)


def change_over(tables: Tables) -> None:
    """As ``projections.rebuilding``: six hours beside the live table, one instant to take its place."""
    tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def _play_change_over(answer: Any, killed_after: int | None, build_fails: BaseException | None) -> dict[str, Any]:
    """Whoever is killed, or fails, is started again."""
    tables = Tables(steps_left=killed_after, build_fails=build_fails)
    failed = []
    for _ in range(3):
        try:
            answer(tables)
            break
        except Killed:
            tables.steps_left = None
        except BaseException as error:
            if repr(error) != repr(build_fails):
                raise
            failed.append(repr(error) if error is build_fails else f"a copy of {error!r}")
    return {
        "readers found, in turn": tables.readers_found,
        "while the next was built": sorted(tables.found_while_building),
        "built inside a transaction": tables.built_in_a_transaction,
        "errors let out": failed,
    }


def _given_change_over(killed_after: int | None, build_fails: BaseException | None) -> str:
    killed = "nobody is killed" if killed_after is None else f"killed after {killed_after} steps, and started again"
    return f"{killed}; {f'the first build raises {build_fails!r}' if build_fails else 'no build fails'}"


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _dropped_first(tables: Tables) -> None:
    tables.drop_live()
    tables.build_next()
    tables.rename_next()


def _in_two_steps(tables: Tables) -> None:
    tables.build_next()
    tables.drop_live()
    tables.rename_next()


def _in_two_transactions(tables: Tables) -> None:
    tables.build_next()
    with tables.transaction():
        tables.drop_live()
    with tables.transaction():
        tables.rename_next()


def _all_in_one(tables: Tables) -> None:
    with tables.transaction():
        tables.build_next()
        tables.drop_live()
        tables.rename_next()


def _never_renamed(tables: Tables) -> None:
    tables.build_next()


def _renamed_onto_the_live_table(tables: Tables) -> None:
    tables.build_next()
    with tables.transaction():
        tables.rename_next()
        tables.drop_live()


def _whatever_was_built(tables: Tables) -> None:
    with suppress(Exception):
        tables.build_next()
    with tables.transaction():
        tables.drop_live()
        tables.rename_next()


def _gives_up(tables: Tables) -> None:
    with suppress(Exception):
        tables.build_next()
        with tables.transaction():
            tables.drop_live()
            tables.rename_next()


# --- the exercise -----------------------------------------------------------------------------------------------------

CHANGE_OVER = Exercise(
    name="change_over",
    task=TASK,
    stub=(
        "from esworkbench.course.nb06_rebuilding_projections import Tables\n\n\n"
        "def my_change_over(tables: Tables) -> None: ..."
    ),
    reference=change_over,
    cases=st.tuples(st.none() | st.integers(0, 4), st.none() | st.sampled_from(FAILURES)),
    examples=[(None, None), (2, None), *((None, failure) for failure in FAILURES)],
    play=_play_change_over,
    given=_given_change_over,
    hints=("What takes long comes first, beside the live table.", "Drop and rename together, in one transaction."),
    mistakes={
        "dropped first": Mistake(
            _dropped_first, "the live table is dropped before the next one is built: for six hours readers find nothing"
        ),
        "two steps": Mistake(
            _in_two_steps,
            "between dropping and renaming there is no table at all, and a reader comes just then: make the two one",
        ),
        "two transactions": Mistake(
            _in_two_transactions,
            "readers look after each commit, and find no table between the two: one transaction for both",
        ),
        "one long transaction": Mistake(
            _all_in_one, "the rows are built inside the transaction: its locks hold everybody up for six hours"
        ),
        "never renamed": Mistake(
            _never_renamed, "the next table is built and never shown: drop the live one, and rename it"
        ),
        "renamed first": Mistake(
            _renamed_onto_the_live_table, "the name is still taken by the live table when you rename: drop that first"
        ),
        "whatever was built": Mistake(
            _whatever_was_built, "when the build fails its error is swallowed, and readers are given half of the rows"
        ),
        "gives up": Mistake(
            _gives_up, "when the build fails its error is swallowed, and whoever started it takes it for done"
        ),
    },
)
