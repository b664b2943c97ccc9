"""What forensics must not know and is handed: the domain's handlers, its projections, its compensator."""

from collections.abc import Callable
from importlib import import_module

from esworkbench.domains.bank import BankAccount, bank_decoder
from esworkbench.domains.bank.read_models import BANK_PROJECTIONS
from esworkbench.errors import UnusableInput
from esworkbench.evidence import Evidence
from esworkbench.evidence.capturing.capture import OWN_LAYOUT
from esworkbench.forensics.diagnosis.replay_with_code import Code
from esworkbench.forensics.investigation.investigate import Handlers
from esworkbench.projections import Projection

DECODER = bank_decoder()
HANDLERS = Handlers(BankAccount, DECODER)
PROJECTIONS: dict[str, Callable[[], Projection]] = BANK_PROJECTIONS


def code_named(reference: str) -> Code:
    """A read model's own code, as ``module:object``: a Projection class, or a function that makes one."""
    module, _, name = reference.partition(":")
    try:
        factory = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnusableInput(f"--projection {reference!r} names no code ({error}): write it as module:object") from None
    if not callable(factory) or not isinstance(factory(), Projection):
        raise UnusableInput(f"--projection {reference!r} makes no Projection")
    return Code(factory, DECODER)


def handlers_for(evidence: Evidence) -> Handlers | None:
    """The bank's code for the bank's store, none for a stranger's."""
    return HANDLERS if evidence.manifest.layout == OWN_LAYOUT else None


def projection_named(name: str) -> Projection:
    """A new projection of the bank. Raises UnusableInput naming those that exist."""
    if name not in PROJECTIONS:
        raise UnusableInput(f"there is no projection {name!r}; there are {', '.join(sorted(PROJECTIONS))}")
    return PROJECTIONS[name]()
