"""What this learner has tried and solved."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer, table, to_json
from esworkbench.cli.output_files import PROGRESS, write_output
from esworkbench.course.progress import progress as rows_of

COURSE = Path("work") / "course" / "work"
"""Where notebooks that ``esworkbench lab`` opened keep what they make."""


def progress(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks keep their work.")] = COURSE,
    out: Annotated[
        Path | None, typer.Option(help="Write it to a file too, to hand over: nothing else is told.")
    ] = None,
    json: Json = False,
) -> None:
    """Which exercises were tried and solved, from the record that checks keep on this machine alone."""
    rows = rows_of(folder)
    document = {"exercises": [row._asdict() for row in rows]}
    if out is not None:
        write_output(out, to_json({"kind": "esworkbench progress", **document}) + "\n", PROGRESS)
    tried = [row for row in rows if row.attempts]
    solved = [row for row in rows if row.solved]

    def prose(console: Console) -> None:
        columns = ["notebook", "exercise", "attempts", "solved"]
        cells = [[row.notebook, row.exercise, row.attempts, f"{row.solved:%Y-%m-%d}" if row.solved else ""]
                 for row in tried]  # fmt: skip
        if cells:
            console.print(table("progress", columns, cells))
        essential = [row for row in rows if row.essential]
        done = [row for row in essential if row.solved]
        console.print(
            f"{len(solved)} of {len(rows)} exercises solved, {len(done)} of {len(essential)} essential ones",
            markup=False,
        )

    answer(document, prose, as_json=json)
