"""Writes docs/cli.md from the commands themselves: ``python -m tests.ground.cli_reference``, from the top."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from esworkbench.cli import app

PAGE = Path("docs") / "cli.md"

HEAD = """\
# The command line

Written by `python -m tests.ground.cli_reference` from the commands themselves, and held equal to them by a test: don't
edit it here.

Every command takes `--json`, but `lab`: exactly one JSON document goes to stdout, prose and the likely next command to
stderr. Amounts in it are integers in minor units beside their currency; times are RFC 3339.

| exit code | means |
| --- | --- |
| 0 | nothing found, or all that was found is healthy or repaired and verified |
| 1 | findings |
| 2 | unusable input: one sentence says what, where, and what to do; nothing was written |
| 3 | an error of ours, with its traceback |
| 130 | interrupted with Ctrl-C; nothing half-written is left to be taken for whole |
"""


def page() -> str:
    """The whole page, as Markdown."""
    commands: Any = typer.main.get_command(app)
    return "\n".join([HEAD, *(part for name in commands.commands for part in described(name, commands.commands[name]))])


def described(name: str, command: Any) -> Iterator[str]:
    """A command, or each command of a group, after the group itself where that answers alone."""
    if hasattr(command, "commands"):
        if command.invoke_without_command:
            yield from section(name, command)
        for sub in command.commands:
            yield from described(f"{name} {sub}", command.commands[sub])
    else:
        yield from section(name, command)


def section(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(f"esworkbench {name}", [], resilient_parsing=True)
    yield f"## {name}\n"
    yield f"{inspect.cleandoc(command.help)}\n"
    yield f"```\nesworkbench {name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    records = (parameter.get_help_record(context) for parameter in command.params if parameter.name != "json")
    lines = [f"- `{names}`: {told.replace('  [', ' [')}" for names, told in filter(None, records)]
    if lines:
        yield "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
