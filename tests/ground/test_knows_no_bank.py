"""The bench knows no bank: below the domains, no string names an event type, a read model or a ledger of one.

Import contracts (see pyproject.toml) keep a domain's *code* out of these rooms; this keeps its *words* out. What the
bench must know of a domain stands in that domain's ledger, or is handed to it by ``composition``.
"""

import ast
import re
from pathlib import Path

import pytest

from esworkbench.composition import DOMAINS
from esworkbench.evidence.ledger import LedgerDefinition
from tests.ground.tracked import TOP

PACKAGE = TOP / "esworkbench"
ROOMS = (
    "aggregates", "archive", "compaction", "cqrs", "event_store", "evidence", "forensics", "outbox", "projections",
    "snapshotting", "upcasters", "published_contracts.py",
)  # fmt: skip
EXPLAINS_WORDS = {"forensics/glossary.py"}
"""An entry of the glossary may name an event as an example: nothing is decided by it."""


def words_of_domains() -> set[str]:
    """Event types, read models and their tables, ledger files, and the bank."""
    words = {"bank"}
    for domain in DOMAINS.values():
        words |= domain.event_types() | set(domain.read_models) | {domain.ledger.name}
        words |= {table.name for each in domain.read_models.values() for table in each.projection().tables}
    return words


def kinds_of_postings() -> set[str]:
    """As the ledgers call their postings: everyday words, so only a string that is nothing else counts.

    Not ``order``, which is also the sequence of things.
    """
    return {rule.kind for domain in DOMAINS.values() for rule in LedgerDefinition.load(domain.ledger).posting} - {
        "order"
    }


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / room]]


def strings_in(source: str) -> list[tuple[int, str]]:
    """Every string of a module with its line, parts of f-strings too; no docstring or other that stands alone."""
    nodes = list(ast.walk(ast.parse(source)))
    alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return sorted(
        (node.lineno, node.value)
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
    )


def naming(source: str) -> list[tuple[int, str]]:
    """Where a module's strings name something of a domain."""
    words = "|".join(map(re.escape, sorted(words_of_domains())))
    prefixes = "|".join(f"{each.category}-" for domain in DOMAINS.values() for each in domain.aggregates)
    named = re.compile(rf"(?<!\w)(({words})(?!\w)|{prefixes})")
    kinds = kinds_of_postings()
    return [(line, text) for line, text in strings_in(source) if named.search(text) or text in kinds]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_string_names_what_is_a_domains(path: Path) -> None:
    if path.relative_to(PACKAGE).as_posix() not in EXPLAINS_WORDS:
        assert naming(path.read_text(encoding="utf-8")) == []


def test_the_look_finds_what_it_looks_for() -> None:
    source = '''
"""A MoneyDeposited in a docstring is an example."""
PATH = "ledgers/bank.toml"
KINDS = {"fee": "a fee in a sentence"}
words = f"append the missing WithdrawalCancelled of {PATH}"
sql = "SELECT balance_minor FROM account_balances"
stream = "BankAccount-" + account
harmless = "the orderly bankrupt", "ORDER BY order_key"
'''
    assert [line for line, _ in naming(source)] == [3, 4, 5, 6, 7]
