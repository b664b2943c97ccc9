"""Tick the lines of bank statements off against the events."""

from typing import Annotated, Any

import typer
from rich.console import Console

from esworkbench.cli.judge import judge_of, say_judge
from esworkbench.cli.options import EvidencePath, Json
from esworkbench.cli.output import answer, table
from esworkbench.evidence import Evidence
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.forensics.investigation.case import Case
from esworkbench.forensics.investigation.questions import ask, in_words

SHOWN = 50
"""Rows of each table; the JSON document has all."""


def reconcile(
    evidence: EvidencePath,
    statement: Annotated[str | None, typer.Option(help="Only this statement, by its file's name.")] = None,
    json: Json = False,
) -> None:
    """Tick the lines of bank statements off against the events: what is missing, extra, altered, of another day."""
    opened = open_agreeing(evidence)
    found = ask(opened, "reconcile", {"statement": statement})
    Case(evidence).record("reconcile", {"statement": statement}, found, in_words(opened, "reconcile", found))
    wrong = any(found[name] for name in ("missing", "extra", "altered"))

    def prose(console: Console) -> None:
        by = ", ".join(f"{count:,} by {name}" for name, count in found["matched"].items())
        names = ", ".join(found["statements"])
        console.print(f"{sum(found['matched'].values()):,} lines of {names} have their event: {by}", markup=False)
        if found["told_twice"]:
            console.print(f"{found['told_twice']:,} lines stand in several statements and were counted once")
        if found["taken_back"]:
            console.print(f"{found['taken_back']:,} lines without an event come to nothing together: taken back")
        if found["not_yet"]:
            console.print(f"{found['not_yet']:,} events near a statement's end may be booked in the next one")
        say_judge(console, opened)
        for title, name, columns in (
            ("events without a line", "missing", ["day", "reference", "position", "type"]),
            ("lines without an event", "extra", ["day", "reference", "bank_id", "file", "line"]),
        ):
            _print(console, opened, title, found[name], columns)
        for title, rows in (("one id, another amount", found["altered"]), ("booked on another day", found["shifted"])):
            _print_both(console, opened, title, rows)

    answer({**found, **judge_of(opened)}, prose, as_json=json, found=wrong)


def _print(console: Console, evidence: Evidence, title: str, rows: list[dict[str, Any]], names: list[str]) -> None:
    if rows:
        shown = [
            [row["account"], evidence.money(row["amount"], row["currency"]), *(row[name] for name in names)]
            for row in rows[:SHOWN]
        ]
        console.print(table(_counted(title, rows), ["account", "amount", *names], shown))


def _print_both(console: Console, evidence: Evidence, title: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        shown = []
        for row in rows[:SHOWN]:
            line, event = row["line"], row["movement"]
            amounts = [evidence.money(each["amount"], each["currency"]) for each in (line, event)]
            where = [line["reference"], event["position"], line["file"]]
            shown.append([line["account"], *amounts, line["day"], event["day"], *where])
        columns = ["account", "line", "event", "booked", "event's day", "reference", "position", "file"]
        console.print(table(_counted(title, rows), columns, shown))


def _counted(title: str, rows: list[dict[str, Any]]) -> str:
    return f"{title}: {len(rows):,}" + (f", of which the first {SHOWN}" if len(rows) > SHOWN else "")
