"""One way to answer: a JSON document or prose, and the exit code that goes with it."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from esworkbench.cli.terminal import NOBODY_READS, terminal
from esworkbench.errors import UnusableInput

NOTHING_FOUND, FOUND, UNUSABLE, OUR_ERROR, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: nothing (or only healthy things) found; findings; unusable input; an error of ours; Ctrl-C."""

Prose = Callable[[Console], None]


def answer(
    document: Mapping[str, Any], prose: Prose, *, as_json: bool, found: bool = False, next_command: str | None = None
) -> None:
    """Print the answer and leave the command with exit code 0 or 1.

    With ``as_json`` exactly one JSON document goes to stdout and the prose to stderr, so that a pipe stays clean.
    """
    if as_json:
        _print_json(document)
    prose(terminal(stderr=as_json))
    if next_command is not None:
        guide = terminal(stderr=True)
        guide.print()
        guide.print(f"next: [bold]{escape(next_command)}[/bold]", markup=True)
    raise typer.Exit(FOUND if found else NOTHING_FOUND)


def refuse(sentence: str, *, as_json: bool) -> int:
    """One clear sentence on stderr (and as JSON on stdout if that was asked for); exit code 2."""
    if as_json:
        with contextlib.suppress(OSError, UnusableInput):  # the sentence also goes to stderr, which may still work
            _print_json({"error": sentence})
    terminal(stderr=True).print(sentence, markup=False)
    return UNUSABLE


def _print_json(document: Any) -> None:
    """At once, so that an output that nobody takes is noticed here."""
    try:
        sys.stdout.write(to_json(document) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise UnusableInput(NOBODY_READS) from None


def to_json(document: Any) -> str:
    """The document as indented JSON: times in RFC 3339, paths as text, structs as objects, nothing else guessed.

    It is ASCII: what isn't is written as JSON's own escapes, so that no string in it can command a terminal.
    """
    return json.dumps(msgspec.to_builtins(document, enc_hook=_path_as_text, str_keys=True), indent=2)


def _path_as_text(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON form for {type(value).__name__}")


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, limit: int = 20) -> Table:
    """A terminal table; cells are text, never markup. Past ``limit`` rows the caption says how many more."""
    rows = list(rows)
    shown = Table(title=title, title_justify="left", caption_justify="left")
    for number, column in enumerate(columns):
        numeric = bool(rows) and isinstance(rows[0][number], int)
        shown.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows[:limit]:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    if len(rows) > limit:
        shown.caption = f"and {len(rows) - limit:,} more; --json lists them all"
    return shown
