"""Put what arrived after the capture beside the evidence."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.console import Console

from esworkbench.cli.judge import judge_of, say_judge
from esworkbench.cli.options import EvidencePath, Json
from esworkbench.cli.output import answer
from esworkbench.errors import UnusableInput
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.evidence.agreement import open_agreeing
from esworkbench.forensics.investigation.case import Case

additions = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@additions.callback()
def _group() -> None:
    """Put what arrived after the capture beside the evidence."""


@additions.command()
def add(
    evidence: EvidencePath,
    statement: Annotated[list[Path] | None, typer.Option(help="A bank statement; may be given several times.")] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="What the columns of a bank's own CSV mean, as TOML with a [file] section.")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(metavar="STATEMENT=LEDGER", help="An account's name at the bank, such as its IBAN, and here."),
    ] = None,
    anchor: Annotated[
        list[Path] | None, typer.Option(help="An anchor that was kept elsewhere, or a folder of them.")
    ] = None,
    key: Annotated[
        list[Path] | None, typer.Option(help="The public key of those whose anchors you trust, as they gave it to you.")
    ] = None,
    json: Json = False,
) -> None:
    """Add what arrived after the capture: bank statements, anchors, the public key that anchors must bear.

    Statements are CAMT.053, MT940, OFX or CSV: which, is seen by what is in the file.

    All that is named is added, or nothing. Nothing that was evidence is written again: the new manifest names the one
    before, which is kept, and what was asked of the evidence before is still asked of what it was.
    """
    additions = Additions(statement or [], anchor or [], key or [], ledger, _names(account or []))
    if not (statement or anchor or key):
        raise UnusableInput("nothing to add: name a file with --statement, --anchor or --key")
    before = open_agreeing(evidence)
    after = add_to(before, additions)
    new = after.manifest.added[len(before.manifest.added) :]
    document = {
        "evidence": str(evidence), "manifest": after.digest, "previous": after.manifest.previous,
        "added": [{"kind": each.kind, "name": each.name, "sha256": each.sha256} for each in new],
        "assumptions": after.manifest.assumptions[len(before.manifest.assumptions) :],
    }  # fmt: skip
    told = ", ".join(f"{each.kind} {each.name}" for each in new)
    Case(evidence).record("add", {"files": told}, document, f"added {told}")

    def prose(console: Console) -> None:
        console.print(f"added to {evidence}: {told}", markup=False)
        console.print(f"digest (SHA-256 of the manifest), to be noted elsewhere: {after.digest}")
        say_judge(console, after)

    next_command = f"esworkbench diagnose {quote(str(evidence))}"
    answer({**document, **judge_of(after)}, prose, as_json=json, next_command=next_command)


def _names(given: list[str]) -> dict[str, str]:
    """What the bank's names of accounts mean. Raises UnusableInput for one that isn't of the form, or means two."""
    found: dict[str, str] = {}
    for each in given:
        theirs, equals, ours = each.partition("=")
        if not (theirs.strip() and equals and ours.strip()):
            raise UnusableInput(
                f"--account {each!r} is not of the form STATEMENT=LEDGER, as DE89370400440532013000=alice"
            )
        if found.setdefault(theirs.strip(), ours.strip()) != ours.strip():
            raise UnusableInput(
                f"--account says twice what {theirs.strip()!r} means: {found[theirs.strip()]!r} and {ours!r}"
            )
    return found
