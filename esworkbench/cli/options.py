"""Options and arguments that several commands share."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from esworkbench.errors import UnusableInput

UNITS = {"m": "minutes", "h": "hours", "d": "days"}

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")]
EvidencePath = Annotated[Path, typer.Argument(metavar="EVIDENCE", help="A folder that `capture` made.")]
Account = Annotated[str, typer.Option(help="The account.")]
MaybeAccount = Annotated[str | None, typer.Option("--account", help="Only this account.")]
Currency = Annotated[str | None, typer.Option(help="Required where an account has several.")]
Against = Annotated[str | None, typer.Option(help="Only the balance assertions of this source.")]
Ledger = Annotated[
    Path | None,
    typer.Option(help="What events or columns mean, as TOML; absent: the ledger of a store's domain."),
]
DomainName = Annotated[
    str | None,
    typer.Option(
        "--domain",
        metavar="NAME",
        help="Whose code: bank, orders, activity, document, or yours as module:object; absent: read off the log.",
    ),
]
Now = Annotated[str | None, typer.Option(help="Measure ages at this moment instead of the evidence's latest.")]
Require = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        metavar="PER_CENT",
        help="Exit 1 where, in any currency, less of the money is cleared, timely, complete or explained.",
    ),
]
ValidAt = Annotated[
    str | None, typer.Option("--at", help="Valid time: what was true then. RFC 3339, or time and zone.")
]
KnownAt = Annotated[str | None, typer.Option("--known-at", help="Recorded time: what the store knew then.")]


def duration(option: str, text: str) -> timedelta:
    """What an option says like ``24h``, ``90m`` or ``2d``. Raises UnusableInput, naming the option."""
    match = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if match is None:
        raise UnusableInput(f"{option} {text!r} is not a duration: write it like 24h, 90m or 2d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
