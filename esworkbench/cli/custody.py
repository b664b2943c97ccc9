"""The one seam at which a command that handles evidence leaves a line in its custody log.

A command is one of them if it takes EVIDENCE, or is named in ``ALSO``. It gets ``--operator`` and ``--reason`` here,
unless it has its own, and its line when it ends: also where it refused or failed, with its exit code. Killed by SIGKILL
it leaves none.
"""

import functools
import getpass
import inspect
import os
import platform
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer

from esworkbench.cli.kept_arguments import kept_of
from esworkbench.cli.output import INTERRUPTED, NOTHING_FOUND, OUR_ERROR, UNUSABLE
from esworkbench.credentials import reads_one_way, shows_a_password, without_credentials
from esworkbench.errors import EsworkbenchError, UnusableInput
from esworkbench.version import __version__

ALSO = ("capture", "verify", "investigate")
"""Commands whose evidence is not yet there, or may be something else."""

NOT = ("custody",)
"""Who looks at the log adds nothing to it."""

PLACES = ("evidence", "into", "source")
"""Arguments that may name a folder of evidence."""

Operator = Annotated[
    str | None, typer.Option("--operator", help="Who answers for this, in the custody log; absent: the system's user.")
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why, in the custody log.")]

_arguments: ContextVar[Sequence[str]] = ContextVar("_arguments", default=())
_made: ContextVar[list[Path] | None] = ContextVar("_made", default=None)


@contextmanager
def command_line(arguments: Sequence[str]) -> Iterator[None]:
    """What was typed, for the lines that are written meanwhile."""
    token = _arguments.set(arguments)
    try:
        yield
    finally:
        _arguments.reset(token)


def evidence_made(folder: Path) -> None:
    """For a command that chooses itself where its evidence lies."""
    made = _made.get()
    if made is not None:
        made.append(folder)


def kept(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The command, leaving a line in the custody log of the evidence it handles; as it was if it handles none."""
    signature = inspect.signature(function)
    own = signature.parameters
    if name in NOT or not ("evidence" in own or name in ALSO):
        return function
    added = {
        option: inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for option, kind in (("operator", Operator), ("reason", Reason))
        if option not in own
    }

    @functools.wraps(function)
    def command(**given: Any) -> Any:
        operator, reason = given.get("operator"), given.get("reason")
        for option, words in (("--operator", operator), ("--reason", reason)):
            if words is not None and (shows_a_password(words) or any(kept_of(each) != each for each in words.split())):
                raise UnusableInput(
                    f"{option} holds a password, or a URL with a user, a query or a part of a page in it, and what it "
                    "says is kept for good: leave that out"
                )
        with _in_custody(name, given, operator, reason):
            return function(**{option: value for option, value in given.items() if option in own})

    command.__signature__ = signature.replace(parameters=[*own.values(), *added.values()])  # type: ignore[attr-defined]
    command.__annotations__ = {**function.__annotations__, **{each: added[each].annotation for each in added}}
    return command


@contextmanager
def _in_custody(name: str, given: Mapping[str, Any], operator: str | None, reason: str | None) -> Iterator[None]:
    places = {place: _digest(place) for place in _named(given)}
    made: list[Path] = []
    token = _made.set(made)
    code = OUR_ERROR
    try:
        yield
        code = NOTHING_FOUND
    except typer.Exit as end:
        code = end.exit_code
        raise
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
        raise
    except Exception as error:
        from esworkbench.cli.world import fault_of_the_world

        not_ours = isinstance(error, EsworkbenchError) or fault_of_the_world(error) is not None
        code = UNUSABLE if not_ours else OUR_ERROR
        raise
    finally:
        _made.reset(token)
        for place in dict.fromkeys([*places, *made]):
            _record(place, name, operator, reason, code, places.get(place))


def _named(given: Mapping[str, Any]) -> list[Path]:
    return [Path(given[name]) for name in PLACES if given.get(name) is not None and "://" not in str(given[name])]


def _digest(place: Path) -> str | None:
    from esworkbench.archive.manifest import MANIFEST, file_digest

    try:
        return file_digest(place / MANIFEST) if (place / MANIFEST).is_file() else None
    except (OSError, ValueError):
        return None


def _record(place: Path, name: str, operator: str | None, reason: str | None, code: int, before: str | None) -> None:
    if _digest(place) is None:
        return  # no evidence lies there: a store, a file, or a capture that was refused
    from esworkbench.cli.terminal import terminal
    from esworkbench.events import utc_now
    from esworkbench.evidence.custody import Act, CustodyLog

    account = _account()
    act = Act(
        act=name, operator=_text(operator or account), operator_from="--operator" if operator else "system",
        account=_text(account), host=platform.node() or "unknown", place=_text(str(place.resolve())), at=utc_now(),
        source_at=_source_time(place) if before is None else None, reason=None if reason is None else _text(reason),
        command=_typed(), exit_code=code, tool=f"esworkbench {__version__}", before=before,
    )  # fmt: skip
    log = CustodyLog(place)
    try:
        log.record(act)
    except (OSError, UnusableInput) as error:
        # The answer stands, and was given: whoever keeps custody on paper can still write the line.
        why = getattr(error, "strerror", None) or error
        terminal(stderr=True).print(
            f"this act is not in the custody log {log.path} ({why}): note it elsewhere, or work on a copy in a place "
            "of your own", markup=False,
        )  # fmt: skip


def _source_time(place: Path) -> Any:
    from esworkbench.archive.manifest import Manifest

    try:
        return Manifest.load(place).cut.server_time
    except EsworkbenchError:
        return None


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for this user id
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _typed() -> str:
    """The command line without what may be a secret; whole values are looked at, an option's without its name."""
    kept, given = [], []
    for argument in _arguments.get():
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        kept.append(option + equals + kept_of(value))
        if "://" not in value or reads_one_way(value):
            given.append(value)
    typed = _text(shlex.join(["esworkbench", *kept]))
    return without_credentials(
        typed, [*given, os.environ.get("ESWORKBENCH_PG_DSN", "")], [os.environ.get("PGPASSWORD", "")]
    )


def _text(value: str) -> str:
    """What was typed may hold bytes that are no text."""
    return value.encode("utf-8", "backslashreplace").decode()
