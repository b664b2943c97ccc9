"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

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
    int | None,
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
