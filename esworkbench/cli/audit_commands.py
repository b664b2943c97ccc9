"""Commands for an auditor: custody, examine."""

import re
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from esworkbench.cli.evidence_commands import asked
from esworkbench.cli.judge import judge_of, say_judge
from esworkbench.cli.options import EvidencePath, Json
from esworkbench.cli.output import answer, table
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.evidence.custody import UNSHOWN, CustodyLog, as_json
from esworkbench.forensics.investigation.case import digest_of
from esworkbench.forensics.investigation.examination import (
    ASKED,
    BOUND_BY,
    LIMITS,
    differences,
    disagreements,
    recorded_in,
    recorded_in_case,
    totals_by_arrow,
    totals_by_duckdb,
)
from esworkbench.forensics.investigation.questions import ask
from esworkbench.kept_files import read_kept, unique_json
from esworkbench.version import __version__


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
    found = CustodyLog(opened.path).examine(None if head is None else _noted(head))

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


def examine(
    evidence: EvidencePath,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON", help="What examine, verify, diff or diagnose printed with --json; absent: the case."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """A second examiner: ask verify, diff and diagnose again, and compare with what was recorded; control totals.

    Exit code 0 means that the answers are identical and two engines agree on the totals, whatever the findings are; 1
    that something differs, and what; that the file holds only some of what an examination does, and which; or that
    nothing was recorded before that could be compared. A case that has only some of the answers so far is said to, and
    now has them all.
    """
    recorded = None if against is None else recorded_in(_document(against), str(against))
    opened = open_agreeing(evidence)
    first, second = totals_by_duckdb(opened), totals_by_arrow(opened)
    apart = disagreements(opened, first, second)
    answers: dict[str, Any] = {question: ask(opened, question, {}) for question in ASKED}
    if recorded is None:
        compared, found = recorded_in_case(opened, answers)
        missing, source = [each for each in ASKED if each not in compared], "the case"
    else:
        now = {**answers, "evidence": opened.digest, "totals": msgspec.to_builtins(second)}
        found = differences(recorded, {name: now[name] for name in recorded})
        compared, source = [each for each in ASKED if each in recorded], str(against)
        missing = [each for each in (*ASKED, *BOUND_BY) if each not in recorded]
    for question in ASKED:
        asked(opened, question, {}, answers[question])
    digests = {question: digest_of(answer) for question, answer in answers.items()}
    document = {
        "evidence": opened.digest, "tool": __version__, "totals": second, "totals_apart": apart,
        "compared": len(compared), "compared_with": source, "missing": missing,
        "differences": [each._asdict() for each in found],
        "digests": digests, "digest": digest_of(digests), "answers": answers, "unprovable": LIMITS,
        **judge_of(opened),
    }  # fmt: skip

    def prose(console: Console) -> None:
        _print_totals(console, msgspec.to_builtins(second), apart)
        if not compared:
            console.print(
                "nothing was compared: no answer was recorded before. This is the first examination; --against its "
                "JSON is the next"
            )
        elif not (found or missing):
            console.print(f"identical: {len(compared)} answers, with {source}", markup=False)
        if compared and missing:
            there = ", ".join(dict.fromkeys(compared))
            same = "compared" if found else "the same in"
            console.print(f"incomplete: {same} {there}; not in {source}: {', '.join(missing)}", markup=False)
        if found:
            columns = ["where", "recorded", "now"]
            console.print(table(f"differs from {source}", columns, found, limit=50))
        console.print(f"digest of the findings, for whoever examines next: {document['digest']}")
        say_judge(console, opened)
        for sentence in LIMITS:
            console.print(f"unprovable: {sentence}", markup=False)

    incomplete = recorded is not None and bool(missing)
    answer(document, prose, as_json=json, found=bool(found or apart or not compared) or incomplete)


def _noted(head: str) -> str:
    """A head as it was noted, however a person wrote its digits. Raises UnusableInput for what is none."""
    written = head.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", written):
        raise UnusableInput(f"{head!r} is no head: it is the 64 hex digits that `custody` printed")
    return written


def _print_totals(console: Console, totals: dict[str, Any], apart: list[str]) -> None:
    rows = [["events", "", totals["events"]]]
    rows += [["events", kind, number] for kind, number in totals["events_by_type"].items()]
    rows += [["postings", currency, number] for currency, number in totals["postings_by_currency"].items()]
    rows += [["sum, minor units", currency, total] for currency, total in totals["sum_by_currency"].items()]
    console.print(table("control totals, by Arrow", ["", "of", "total"], rows, limit=100))
    without = sum(last - first + 1 for first, last in totals["gaps"])
    console.print(
        f"positions {totals['first_position']} to {totals['last_position']}: {totals['positions']:,} hold an event, "
        + (f"{without:,} in {totals['gap_count']:,} gaps hold none" if totals["gap_count"] else "none is without one")
    )
    if not apart:
        console.print("DuckDB and the manifest say the same")
    for sentence in apart:
        console.print(f"totals differ: {sentence}", markup=False)


def _document(path: Path) -> Any:
    try:
        return unique_json(read_kept(path))
    except FileNotFoundError:
        raise UnusableInput(f"{path} does not exist: give what examine printed with --json") from None
    except UnusableInput:
        raise
    except (ValueError, RecursionError) as error:
        raise UnusableInput(
            f"{path} is no JSON document ({' '.join(str(error).split())[:80]}): give what examine, verify, diff or "
            "diagnose printed with --json (a report is for reading)"
        ) from None
