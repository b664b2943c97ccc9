"""The examples of docs/statements.md are read as the page says: all of them say the same."""

import re
from datetime import date
from pathlib import Path

import pytest

from esworkbench.evidence.capturing.statements.recognise import read_lines
from esworkbench.evidence.ledger import LedgerDefinition

PAGE = (Path(__file__).parents[2] / "docs" / "statements.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(xml|mt940|ofx|csv|toml)\n(.*?)```", PAGE, re.DOTALL))
LEDGER = LedgerDefinition.parse(b'name = "l"\nwithout_posting = ["Nothing"]\n', "ledger.toml")


@pytest.mark.parametrize(
    ("block", "name"), [("xml", "CAMT.053"), ("mt940", "MT940"), ("ofx", "OFX"), ("csv", "described CSV")]
)
def test_each_example_says_what_the_page_says(tmp_path: Path, block: str, name: str) -> None:
    (tmp_path / "example").write_text(BLOCKS[block], encoding="utf-8")
    described = LedgerDefinition.parse(BLOCKS["toml"].encode(), "bank.toml")
    found = read_lines(tmp_path / "example", LEDGER, described)
    assert found.format == name
    [line] = [line for line in found.lines if line.kind == "entry"]
    assert (line.account, line.currency, line.amount_minor, line.balance_minor) == (
        "CH9300762011623852957", "EUR", -250, 750,
    )  # fmt: skip
    assert (line.reference, line.bank_id, line.value_day) == ("RENT-3", "B1", date(2026, 3, 6))
    assert line.booked_at.date() == date(2026, 3, 5)
    if name != "described CSV":
        assert [(each.kind, each.balance_minor) for each in found.lines if each.kind != "entry"] == [
            ("opening", 1_000), ("closing", 750),
        ]  # fmt: skip
