"""Every step of an investigation from a shell.

``on_demand``: imports a command when it is called.
``options``: what several commands take.
``typed_numbers``: the one way a number that was typed is read.
``output``: an answer as prose or JSON, and the exit code that goes with it.
``custody``: the line that each command on evidence leaves in its custody log.
``kept_arguments``: what a log keeps of an argument: no user, query or fragment of a URL.
``shares``: how much of the money is cleared, and whether that is enough.
``judge``: which ledger an answer rests on.
``extras``: what to install for a library that is missing.
``terminal``: the one way to a terminal.
``output_files``: the one way to a file.
``world``: which errors are the world's, and what is said of them.

``case_commands``: investigate, repair, report, case.
``investigation``, ``repairing``: what these run.
``challenge_command``: challenge.
``explain_command``: explain.
``evidence_commands``: capture, replay, diff, bisect, verify, diagnose.
``audit_commands``: custody, examine.
``monitor_command``: monitor.
``restore_commands``: compare-logs, carry-over.
``anchor_commands``: anchor, prove, timestamp.
``adding_commands``: evidence add.
``reconcile_command``: reconcile.
``personal_commands``: erase-subject.
``incident_commands``: incident new, incident reveal.
``drill_commands``: drill start, hint, verdict, debrief, sheet, watch.
``rebuild_commands``: rebuild, archive, keep-read-model.
``lag_commands``: lag, pending.
``outbox_commands``: outbox.
``snapshot_commands``: snapshot-frequency, take-snapshots.
``upcaster_commands``: upcasters.
``archaeology_commands``: shapes, compact.
``progress_command``: progress.
``interview_commands``: interview, and its show, walk, mock, due, rate, deck.
``machine_commands``: lab, doctor.
``jupyter_lab``: what lab runs.
"""

import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from esworkbench.cli.custody import command_line
from esworkbench.cli.on_demand import group
from esworkbench.cli.output import INTERRUPTED, OUR_ERROR, UNUSABLE, refuse, to_json
from esworkbench.cli.terminal import terminal
from esworkbench.credentials import without_credentials
from esworkbench.errors import EsworkbenchError
from esworkbench.version import __version__

DEFECT = "this is a defect in esworkbench, not in your input: please report the lines above"
LONGEST_WORDS = 200

COMMANDS = {
    "investigate": "case_commands:investigate",
    "incident": "incident_commands:incident",
    "drill": "drill_commands:drill",
    "capture": "evidence_commands:freeze",
    "evidence": "adding_commands:additions",
    "replay": "evidence_commands:replay",
    "diff": "evidence_commands:diff",
    "bisect": "evidence_commands:bisect",
    "reconcile": "reconcile_command:reconcile",
    "verify": "evidence_commands:verify",
    "anchor": "anchor_commands:anchor",
    "prove": "anchor_commands:prove",
    "timestamp": "anchor_commands:timestamp",
    "erase-subject": "personal_commands:erase_subject",
    "diagnose": "evidence_commands:diagnose",
    "repair": "case_commands:repair",
    "compare-logs": "restore_commands:compare",
    "carry-over": "restore_commands:carry_over",
    "report": "case_commands:report",
    "case": "case_commands:case",
    "custody": "audit_commands:custody",
    "examine": "audit_commands:examine",
    "challenge": "challenge_command:challenge",
    "explain": "explain_command:explain",
    "rebuild": "rebuild_commands:rebuild",
    "archive": "rebuild_commands:archive",
    "keep-read-model": "rebuild_commands:keep_read_model",
    "lag": "lag_commands:measure_lag",
    "pending": "lag_commands:pending",
    "monitor": "monitor_command:monitor",
    "outbox": "outbox_commands:outbox",
    "snapshot-frequency": "snapshot_commands:snapshot_frequency",
    "take-snapshots": "snapshot_commands:take_snapshots",
    "upcasters": "upcaster_commands:upcasters",
    "shapes": "archaeology_commands:shapes",
    "compact": "archaeology_commands:compact",
    "progress": "progress_command:progress",
    "interview": "interview_commands:interview",
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
    """Run one command and return its exit code: 0, 1, 2, 3 or 130 (see ``output``)."""
    as_json = "--json" in arguments

    def refused(sentence: str) -> int:
        return refuse(_without_credentials(sentence, arguments), as_json=as_json)

    def interrupted() -> int:
        refused("interrupted: what was half-written is removed, or known as such; run the command again")
        return INTERRUPTED

    try:
        with command_line(arguments):
            code: int = app(list(arguments), prog_name="esworkbench", standalone_mode=False) or 0
        return interrupted() if code == INTERRUPTED else code  # Typer makes this silent code of Ctrl-C
    except typer.TyperException as error:
        return refused(_told(error))
    except EsworkbenchError as error:
        return refused(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return interrupted()
    except Exception as error:  # noqa: BLE001 - told with the exit code that says whose fault it is
        from esworkbench.cli.world import fault_of_the_world  # with the databases' libraries

        sentence = fault_of_the_world(error)
        return _ours(error, arguments, as_json) if sentence is None else refused(sentence)


def _told(error: typer.TyperException) -> str:
    """What is wrong with what was typed, and where it says what can be: the command's own help."""
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if context is None or message.endswith("?"):
        return message
    return f"{message.rstrip('.')}: `{context.command_path} --help` says what it takes"


def _without_credentials(sentence: str, arguments: Sequence[str]) -> str:
    """The sentence without a password that this process was given: no error may repeat one, whoever words it."""
    values = [re.sub(r"^--[\w-]+=", "", argument) for argument in arguments]
    given = [*values, os.environ.get("ESWORKBENCH_PG_DSN", "")]
    return without_credentials(sentence, given, [os.environ.get("PGPASSWORD", "")])


def _ours(error: Exception, arguments: Sequence[str], as_json: bool) -> int:
    """Where it happened, and one line of what: whole error texts of drivers hold rows and passwords."""
    told = terminal(stderr=True)
    for frame in traceback.format_tb(error.__traceback__):
        for line in frame.splitlines():
            told.print(without_credentials(line), markup=False)
    words = _without_credentials(next(iter(str(error).splitlines()), ""), arguments)
    shortened = words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]}…"
    told.print(f"{type(error).__qualname__}: {shortened}", markup=False)
    told.print(DEFECT)
    if as_json:
        sys.stdout.write(to_json({"error": DEFECT}) + "\n")
    return OUR_ERROR


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a letter gets its code instead of an error of ours.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        # Told already; what is left unwritten goes nowhere, or Python would try once more and exit with its own code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = max(code, UNUSABLE)
    sys.exit(code)
