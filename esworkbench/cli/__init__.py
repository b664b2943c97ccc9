"""Every step of an investigation from a shell.

This is where the wings meet: it hands the domain (handlers, compensator, ledger) to forensics, which knows none.
"""

import sqlite3
import sys
import traceback
from collections.abc import Sequence

import psycopg
import typer
from sqlalchemy.exc import DBAPIError

from esworkbench.cli import (
    archaeology_commands,
    case_commands,
    evidence_commands,
    lag_commands,
    outbox_commands,
    rebuild_commands,
    snapshot_commands,
    store_commands,
    upcaster_commands,
)
from esworkbench.cli.output import OUR_ERROR, refuse, to_json
from esworkbench.errors import EsworkbenchError
from esworkbench.event_store.database import gave_up

DEFECT = "this is a defect in esworkbench, not in your input: please report the lines above"

app = typer.Typer(
    name="esworkbench",
    help="A teaching and forensics workbench for event-sourced ledgers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (
    archaeology_commands,
    case_commands,
    evidence_commands,
    lag_commands,
    outbox_commands,
    rebuild_commands,
    snapshot_commands,
    store_commands,
    upcaster_commands,
):
    commands.register(app)


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
        return refuse("interrupted: nothing half-written is taken for evidence", as_json=as_json)
    except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
        sentence = gave_up(error)
        if sentence is None:
            return _ours(as_json)
        return refuse(sentence, as_json=as_json)
    except Exception:  # noqa: BLE001 - told in full, with the exit code that says whose fault it is
        return _ours(as_json)


def _ours(as_json: bool) -> int:
    traceback.print_exc()
    print(DEFECT, file=sys.stderr)
    if as_json:
        sys.stdout.write(to_json({"error": DEFECT}) + "\n")
    return OUR_ERROR


def main() -> None:
    sys.exit(run(sys.argv[1:]))
