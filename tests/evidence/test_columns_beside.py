"""What stands beside a balance is captured and compared too, where the ledger names it."""

import pytest

from esworkbench.errors import UnusableInput
from esworkbench.evidence import LedgerDefinition

LEDGER = """
name = "small"
without_posting = ["Opened"]
[[read_model]]
table = "days"
projection = "days"
claimed = "closing"
"""


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ('kind = "head"\nstep = "amount"', "`step` of days belongs to a read model of kind 'running', not 'head'"),
        ('kind = "running"\ncredits = "credits"', "`credits` of days belongs to a read model of kind 'daily'"),
        ('kind = "daily"\nhold = "id"', "`hold` of days belongs to a read model of kind 'holds'"),
        ('kind = "holds"', "days is a table of holds and needs `hold`"),
    ],
)
def test_a_column_in_a_table_that_cannot_have_it_is_refused(settings: str, what: str) -> None:
    with pytest.raises(UnusableInput, match=what):
        LedgerDefinition.parse((LEDGER + settings).encode(), "ledger.toml")


def test_a_table_may_name_all_that_it_claims() -> None:
    settings = LEDGER + 'kind = "daily"\ncredits = "in"\ndebits = "out"\nday = "day"'
    [model] = LedgerDefinition.parse(settings.encode(), "ledger.toml").read_model
    assert model.beside == {"credits": "in", "debits": "out"}
