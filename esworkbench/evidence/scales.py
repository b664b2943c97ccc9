"""One scale per currency: with how many decimals a ledger counts it."""

import json
import re
from collections.abc import Iterable

from esworkbench.errors import UnknownCurrency, UnusableInput
from esworkbench.evidence.ledger import LedgerDefinition
from esworkbench.money import iso_decimals


class Scales:
    """The decimals of every currency in one ledger: what the ledger says, else ISO 4217; never two for one currency.

    A ledger says them under ``[decimals]``, or as ``decimals`` beside the one ``currency`` of a rule or file. Only
    ``[decimals]`` may differ from ISO (some ledgers count dollars in hundredths of a cent): elsewhere a number that
    contradicts it is far more often a mistake, and one that makes every amount wrong by ten or a hundred times.

    Raises UnusableInput where the ledger gives a currency two scales, and UnknownCurrency where a rule or file has
    amounts to scale in a currency whose decimals nobody says.
    """

    def __init__(self, ledger: LedgerDefinition) -> None:
        self._said = dict(ledger.decimals)
        sections = ledger.sections_with_amounts()
        for _, currency, _, stated in sections:
            if currency is not None and stated is not None and self.of(currency) is None:
                self._said[currency] = stated
        for where, currency, scale, stated in sections:
            try:
                if currency is not None and scale == "major":
                    self.needed(currency, stated)
                elif currency is not None:
                    self._require_one(currency, stated)
            except UnusableInput as error:
                raise type(error)(f"ledger {ledger.name!r}, {where}: {error}") from None

    def of(self, currency: str) -> int | None:
        """How many decimals the currency has here; None if neither the ledger nor ISO 4217 says."""
        return self._said.get(currency, iso_decimals(currency))

    def of_all(self, currencies: Iterable[str]) -> dict[str, int | None]:
        """Like ``of``, for each of the currencies, in order."""
        return {currency: self.of(currency) for currency in sorted(currencies)}

    def needed(self, currency: str, stated: int | None) -> int:
        """Like ``of``, for an amount that has to be scaled, where the rule or file it comes from states ``stated``.

        Raises UnknownCurrency where nobody says, UnusableInput where what is stated is another number.
        """
        decimals = self.of(currency)
        if decimals is None:
            raise UnknownCurrency(
                f"ISO 4217 doesn't say how many decimals {currency!r} has: "
                f"add the line {_line(currency, '<number>')} under [decimals] in the ledger file"
            )
        self._require_one(currency, stated)
        return decimals

    def _require_one(self, currency: str, stated: int | None) -> None:
        decimals = self.of(currency)
        if stated is None or decimals == stated:
            return
        if currency in self._said:
            raise UnusableInput(
                f"{currency!r} is counted with {stated} decimals here and with {decimals} elsewhere in the ledger "
                "file: give it one scale"
            )
        raise UnusableInput(
            f"{currency!r} is given {stated} decimals and has {decimals} by ISO 4217: leave `decimals` out, or, if its "
            f"amounts really are counted so, add the line {_line(currency, stated)} under [decimals] in the ledger file"
        )


def _line(currency: str, decimals: object) -> str:
    """The line of TOML that says it."""
    key = currency if re.fullmatch(r"[A-Za-z0-9_-]+", currency) else json.dumps(currency)
    return f"`{key} = {decimals}`"
