"""A copy of every row that a rebuild is about to replace, kept beside the evidence: wrong rows are witnesses too."""

import os
from itertools import count
from pathlib import Path

import msgspec
from sqlalchemy import inspect, select

from esworkbench.errors import UnusableInput
from esworkbench.event_store import EventStore
from esworkbench.projections import Projection

BATCH = 5_000


def keep_rows(store: EventStore, projection: Projection, evidence: Path) -> list[Path]:
    """Copy the projection's tables, a file of JSON lines each, into ``EVIDENCE.replaced``; returns the files.

    A line is a row, its values by column, times in RFC 3339. The files are durable when this returns, and no earlier
    copy is overwritten. Raises UnusableInput where they can't be written: then nothing may be replaced.
    """
    evidence = evidence.resolve()
    folder = evidence.with_name(f"{evidence.name}.replaced")
    kept = []
    if folder.is_symlink():
        raise UnusableInput(f"{folder} is a link, and replaced rows are kept beside the evidence itself: remove it")
    try:
        folder.mkdir(exist_ok=True)
        with store.engine.connect() as connection:
            standing = set(inspect(connection).get_table_names())
            for table in projection.tables:
                if table.name not in standing:
                    continue
                path = next(
                    free for number in count(1) if not (free := folder / f"{table.name}-{number}.jsonl").exists()
                )
                with path.open("xb") as file:
                    rows = connection.execution_options(yield_per=BATCH).execute(select(table))
                    for row in rows.mappings():
                        file.write(msgspec.json.encode(dict(row)) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                kept.append(path)
    except OSError as error:
        raise UnusableInput(
            f"the rows of {projection.name} can't be kept in {folder} ({error.strerror}), so they are not replaced"
        ) from None
    return kept
