"""The shares of money that a diagnosis gives, said aloud, and held against what is required of them."""

from collections.abc import Mapping

from rich.console import Console

from esworkbench.cli.output import table
from esworkbench.forensics.diagnosis.findings import Shares
from esworkbench.forensics.diagnosis.shares import per_cent

COLUMNS = ["currency", "cleared", "timely", "complete", "unexplained"]


def below(shares: Mapping[str, Shares], required: float | None) -> bool:
    """Whether any currency falls short of the per-cent required; never where none is."""
    return required is not None and not all(each.reach(required) for each in shares.values())


def say_shares(console: Console, shares: Mapping[str, Shares], required: float | None) -> None:
    if not shares:
        return
    rows = [
        [
            currency, per_cent(each.cleared), per_cent(each.timely), per_cent(each.complete),
            per_cent(each.unexplained, upwards=True),
        ]
        for currency, each in shares.items()
    ]  # fmt: skip
    console.print(table("of all the money that moved, on every account", COLUMNS, rows))
    if required is not None:
        said = str(required).removesuffix(".0")
        short = [currency for currency, each in shares.items() if not each.reach(required)]
        words = f"less than the {said} % required: {', '.join(short)}" if short else f"{said} % is reached"
        console.print(words, markup=False)
