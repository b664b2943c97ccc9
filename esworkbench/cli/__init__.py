"""Every step of an investigation from a shell.

``on_demand``: imports a command when it is called.
``options``: what several commands take.
``output``: an answer as prose or JSON, and the exit code that goes with it.
``judge``: which ledger an answer rests on.
``extras``: what to install for a library that is missing.

``case_commands``: investigate, repair, report, case.
``investigation``, ``repairing``: what these run.
``explain_command``: explain.
``evidence_commands``: capture, replay, diff, bisect, verify, diagnose.
``incident_commands``: incident new, incident reveal.
``rebuild_commands``: rebuild, archive, keep-read-model.
``lag_commands``: lag, pending.
``outbox_commands``: outbox.
``snapshot_commands``: snapshot-frequency, take-snapshots.
``upcaster_commands``: upcasters.
``archaeology_commands``: shapes, compact.
``machine_commands``: lab, doctor.
``jupyter_lab``: what lab runs.
"""

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from esworkbench.cli.extras import advice_on
from esworkbench.cli.on_demand import group
from esworkbench.cli.output import OUR_ERROR, refuse, to_json
from esworkbench.errors import EsworkbenchError
from esworkbench.version import __version__

DEFECT = "this is a defect in esworkbench, not in your input: please report the lines above"

COMMANDS = {
    "investigate": "case_commands:investigate",
    "incident": "incident_commands:incident",
    "capture": "evidence_commands:freeze",
    "replay": "evidence_commands:replay",
    "diff": "evidence_commands:diff",
    "bisect": "evidence_commands:bisect",
    "verify": "evidence_commands:verify",
    "diagnose": "evidence_commands:diagnose",
    "repair": "case_commands:repair",
    "report": "case_commands:report",
    "case": "case_commands:case",
    "explain": "explain_command:explain",
    "rebuild": "rebuild_commands:rebuild",
    "archive": "rebuild_commands:archive",
    "keep-read-model": "rebuild_commands:keep_read_model",
    "lag": "lag_commands:measure_lag",
    "pending": "lag_commands:pending",
    "outbox": "outbox_commands:outbox",
    "snapshot-frequency": "snapshot_commands:snapshot_frequency",
    "take-snapshots": "snapshot_commands:take_snapshots",
    "upcasters": "upcaster_commands:upcasters",
    "shapes": "archaeology_commands:shapes",
    "compact": "archaeology_commands:compact",
    "lab": "machine_commands:lab",
    "doctor": "machine_commands:examine",
}
"""Where to find each command, in the order in which ``--help`` lists them."""

app = typer.Typer(
    name="esworkbench",
    cls=group(__name__, COMMANDS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"esworkbench {__version__}")
        raise typer.Exit()


@app.callback()
def workbench(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A teaching and forensics workbench for event-sourced ledgers."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0, 1, 2 or 3 (see ``output``)."""
    as_json = "--json" in arguments
    try:
        return app(list(arguments), standalone_mode=False) or 0
    except typer.TyperException as error:
        return refuse(error.format_message(), as_json=as_json)
    except EsworkbenchError as error:
        return refuse(str(error), as_json=as_json)
    except KeyboardInterrupt:
        return refuse("interrupted: nothing half-written will be taken for evidence", as_json=as_json)
    except Exception as error:  # noqa: BLE001 - told in full, with the exit code that says whose fault it is
        sentence = _not_ours(error)
        return _ours(as_json) if sentence is None else refuse(sentence, as_json=as_json)


def _not_ours(error: Exception) -> str | None:
    """A sentence for an extra that isn't installed or a database that stopped serving; None for our mistakes."""
    if isinstance(error, ModuleNotFoundError):
        return advice_on(error.name)
    from esworkbench.event_store.database import gave_up

    return gave_up(error)


def _ours(as_json: bool) -> int:
    traceback.print_exc()
    print(DEFECT, file=sys.stderr)
    if as_json:
        sys.stdout.write(to_json({"error": DEFECT}) + "\n")
    return OUR_ERROR


def main() -> None:
    sys.exit(run(sys.argv[1:]))
