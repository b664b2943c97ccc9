"""What forensics must not know and is handed: the domain's handlers, its projections, its compensator."""

from collections.abc import Callable

from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import UnusableInput
from esworkbench.forensics.investigate import Handlers
from esworkbench.projections import Projection

DECODER = bank_decoder()
HANDLERS = Handlers(BankAccount, DECODER)
PROJECTIONS: dict[str, Callable[[], Projection]] = BANK_PROJECTIONS


def projection_named(name: str) -> Projection:
    """A new projection of the bank. Raises UnusableInput naming those that exist."""
    if name not in PROJECTIONS:
        raise UnusableInput(f"there is no projection {name!r}; there are {', '.join(sorted(PROJECTIONS))}")
    return PROJECTIONS[name]()
