"""The swap: from one commit to the next, readers see other rows, all of them, and never fewer events than before.

(Fowler, *BlueGreenDeployment*: build the new beside the old, change over at once.) One transaction takes the
checkpoint, so that the live runner waits; drops the live tables and puts the next ones in their place; handles what was
appended since they were loaded; and sets checkpoint, dead letters and log. Killed before its commit, nothing happened.

On PostgreSQL a transaction whose snapshot is older than the swap, and that first touches the table after it, would find
the new table without rows it may see, as after TRUNCATE. Whoever reads in REPEATABLE READ takes ``LOCK TABLE … IN
ACCESS SHARE MODE`` first, before its snapshot.
"""

from sqlalchemy import Connection, insert
from sqlalchemy.exc import OperationalError

from esworkbench.errors import StoreBusy
from esworkbench.event_store import write_transaction
from esworkbench.events import RecordedEvent
from esworkbench.projections import built_tables, checkpoints
from esworkbench.projections.dead_letters import reset
from esworkbench.projections.projection_runner import ProjectionRunner
from esworkbench.projections.rebuilding.job import Job, Watch
from esworkbench.projections.rebuilding.shadow_tables import NextTables
from esworkbench.projections.rebuilding.staging import Built
from esworkbench.projections.tables import checkpoint_log, dead_letters

TRIES = 60
LOCK_NOT_AVAILABLE = "55P03"


def swap(job: Job, built: Built, tables: NextTables, watch: Watch) -> tuple[int, int]:
    """Make the next tables live. Returns the position they stand at and the events handled on the way.

    Raises StoreBusy when readers never let go of the live table.
    """
    for _ in range(TRIES):
        try:
            return _swap_once(job, built, tables, watch)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
    raise StoreBusy(
        f"the rebuilt {job.recipe.projection().name} is ready, but readers kept the old table locked {TRIES} times: "
        "end the longest of their transactions and rebuild again, which takes up where this stopped"
    )


def _swap_once(job: Job, built: Built, tables: NextTables, watch: Watch) -> tuple[int, int]:
    runner = ProjectionRunner(
        job.store, job.recipe.projection(), job.recipe.decoder(), run_id=job.run_id, clock=job.clock
    )
    with watch.folding(), write_transaction(job.store.engine) as connection:
        checkpoints.begin(connection, runner.projection.name, job.clock())
        # Read before the live tables are locked: reading may wait for a writer, and that writer may be reading them.
        with watch.reading():
            tail = _read_on(job, built.position)
        with watch.writing():
            tables.replace_live(connection)
            built_tables.record(connection, runner.projection, job.clock())
            _tell(connection, runner.run, built, job)
        position = built.position
        for batch in tail:
            runner.handle(batch, connection)
            last = batch[-1].global_position
            checkpoints.advance(connection, runner.run, after=position, to=last, now=job.clock())
            position = last
    return position, sum(map(len, tail))


def _read_on(job: Job, after: int) -> list[list[RecordedEvent]]:
    tail: list[list[RecordedEvent]] = []
    while batch := job.store.read_all(after=after, limit=job.batch_size):
        tail.append(batch)
        after = batch[-1].global_position
    return tail


def _tell(connection: Connection, run: checkpoints.Run, built: Built, job: Job) -> None:
    """Begun again, in these batches, with these events parked, up to this position."""
    reset(connection, run, job.clock())
    for table, rows in ((checkpoint_log, built.batches), (dead_letters, built.parked)):
        if rows:
            connection.execute(insert(table), rows)
    checkpoints.move(connection, run, built.position, job.clock())
