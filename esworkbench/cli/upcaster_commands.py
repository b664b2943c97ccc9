"""Commands on the upcaster chains: upcasters."""

from typing import Annotated

import typer
from rich.console import Console

from esworkbench.cli.options import DomainName, Json
from esworkbench.cli.output import answer
from esworkbench.composition import DOMAINS, domain_named
from esworkbench.upcasters.table import as_markdown, as_text, chain_table


def upcasters(
    domain: DomainName = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as tables in Markdown.")] = False,
    json: Json = False,
) -> None:
    """Every step from an old shape of an event to today's, with the reason why it exists."""
    chosen = list(DOMAINS.values()) if domain is None else [domain_named(domain)]
    decoders = {each.name: each.decoder() for each in chosen}
    tables = {name: chain_table(decoder.upcasters, decoder.event_types) for name, decoder in decoders.items()}

    def prose(console: Console) -> None:
        for name, rows in tables.items():
            console.print(f"{'## ' if markdown else ''}Upcasters of {name}", markup=False)
            console.print()
            text = as_markdown(rows) if markdown else as_text(rows)
            for line in text.splitlines() if rows else ["none: every event has the shape it was first written in"]:
                console.print(line, markup=False)
            console.print()

    steps = [{"domain": name} | row._asdict() for name, rows in tables.items() for row in rows]
    answer({"steps": steps}, prose, as_json=json)
