"""Commands on the upcaster chains: upcasters."""

from typing import Annotated

import typer
from rich.console import Console

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer
from esworkbench.domains.bank import bank_decoder
from esworkbench.domains.orders import order_decoder
from esworkbench.errors import UnusableInput
from esworkbench.upcasters.table import as_markdown, as_text, chain_table

DECODERS = {"bank": bank_decoder(), "orders": order_decoder()}
"""Every domain with events that are stored: what its code reads, and through which chain."""


def upcasters(
    domain: Annotated[str | None, typer.Option(help=f"Only this domain: {' or '.join(DECODERS)}.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as tables in Markdown.")] = False,
    json: Json = False,
) -> None:
    """Every step from an old shape of an event to today's, with the reason it exists."""
    if domain is not None and domain not in DECODERS:
        raise UnusableInput(f"there is no domain {domain!r}; there are {', '.join(DECODERS)}")
    chosen = DECODERS if domain is None else {domain: DECODERS[domain]}
    tables = {name: chain_table(decoder.upcasters, decoder.event_types) for name, decoder in chosen.items()}

    def prose(console: Console) -> None:
        for name, rows in tables.items():
            console.print(f"{'## ' if markdown else ''}Upcasters of {name}\n", markup=False)
            console.print(as_markdown(rows) if markdown else as_text(rows), markup=False)

    steps = [{"domain": name} | row._asdict() for name, rows in tables.items() for row in rows]
    answer({"steps": steps}, prose, as_json=json)
