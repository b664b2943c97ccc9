"""A command that explains: the words of the field, and every fault by name."""

from difflib import get_close_matches
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from esworkbench.cli.options import Json
from esworkbench.cli.output import answer
from esworkbench.errors import UnusableInput
from esworkbench.forensics.diagnosis.catalogue import FAULTS
from esworkbench.forensics.glossary import WORDS


def explain(
    word: Annotated[list[str], typer.Argument(help="A word of the field, or a fault.")], json: Json = False
) -> None:
    """What a word or a fault means, what it is mistaken for, and the notebook that shows it."""
    name = " ".join(word)
    key = name.replace("_", " ").replace("-", " ").lower()
    fault = FAULTS.get(key.replace(" ", "_"))
    if fault is None and key not in WORDS:
        near = get_close_matches(key, [*WORDS, *(name.replace("_", " ") for name in FAULTS)], n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"words: {', '.join(WORDS)}; faults: {', '.join(FAULTS)}"
        raise UnusableInput(f"there is no entry for {name!r}: {hint}")
    if fault is not None:
        document: dict[str, str | list[str] | bool | None] = {
            "fault": fault.name, "meaning": fault.meaning, "look_alikes": list(fault.look_alikes),
            "remedy": fault.remedy, "repair": fault.repair, "healthy": fault.healthy, "notebook": fault.notebook,
        }  # fmt: skip
    else:
        document = {"word": key, "meaning": WORDS[key].meaning, "notebook": WORDS[key].notebook}

    def prose(console: Console) -> None:
        for label, value in document.items():
            if isinstance(value, list):
                value = ", ".join(value)
            if isinstance(value, str):
                console.print(f"[bold]{label.replace('_', ' ')}[/bold]: {escape(value)}", markup=True)

    answer(document, prose, as_json=json)
