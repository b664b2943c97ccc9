"""Commands for an auditor: custody, examine."""

from typing import Annotated

import typer
from rich.console import Console

from esworkbench.cli.options import EvidencePath, Json
from esworkbench.cli.output import answer, table
from esworkbench.evidence import Evidence
from esworkbench.evidence.custody import UNSHOWN, CustodyLog, as_json


def custody(
    evidence: EvidencePath,
    head: Annotated[
        str | None, typer.Option(metavar="SHA256", help="A head that was noted elsewhere: it must still be in the log.")
    ] = None,
    json: Json = False,
) -> None:
    """Who handled this evidence, when by whose clock, where, why and how; and whether that log is as it was written.

    Exit code 1 means that a line was edited, removed, moved, torn or belongs to other evidence. To look adds no line.
    """
    opened = Evidence.open(evidence, verify=False)
    found = CustodyLog(opened.path).examine(head)

    def prose(console: Console) -> None:
        columns = ["", "act", "by", "at (UTC)", "on", "evidence", "exit", "why"]
        rows = [
            [each.number, each.act, each.operator, f"{each.at:%Y-%m-%d %H:%M}", each.host, each.evidence[:8],
             each.exit_code, each.reason]
            for each in found.lines
        ]  # fmt: skip
        console.print(table(f"custody of {evidence}", columns, rows, limit=1000))
        for sentence in found.breaks:
            console.print(f"broken: {sentence}", markup=False)
        for sentence in found.notes:
            console.print(f"note: {sentence}", markup=False)
        console.print(f"head, to be noted elsewhere: {found.head}")
        console.print(f"unprovable: {UNSHOWN}", markup=False)

    answer(as_json(found), prose, as_json=json, found=bool(found.breaks))
