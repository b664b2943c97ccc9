"""Commands on this machine: lab, doctor."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from esworkbench import doctor
from esworkbench.cli.jupyter_lab import open_course
from esworkbench.cli.options import Json
from esworkbench.cli.output import answer


def lab(
    into: Annotated[Path | None, typer.Option(help="Where your copy of the course is kept.")] = None,
    reset: Annotated[str | None, typer.Option(help="Give a fresh copy of one notebook, by its number.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port JupyterLab listens on.")] = 8888,
) -> None:
    """Open JupyterLab on the course. You work in a copy, so the original stays as it is."""
    raise typer.Exit(open_course(into, reset=reset, browser=browser, port=port))


def examine(
    store: Annotated[str | None, typer.Option(help="An event store: are all its guards in place?")] = None,
    json: Json = False,
) -> None:
    """Check this machine: versions, kernel, widgets, databases, browser; and say what to do if something is missing."""
    checks = doctor.check(store)
    missed = [check for check in checks if check.required and not check.ok]

    def prose(console: Console) -> None:
        for check in checks:
            mark = "ok  " if check.ok else ("MISS" if check.required else "none")
            console.print(f"{mark} {check.name}: {check.found}", markup=False)
            if not check.ok:
                console.print(f"     → {check.advice}", markup=False)

    answer({"checks": [check._asdict() for check in checks]}, prose, as_json=json, found=bool(missed))
