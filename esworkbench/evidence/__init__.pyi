from esworkbench.evidence.capturing.capture import capture as capture
from esworkbench.evidence.evidence import Assertion as Assertion
from esworkbench.evidence.evidence import Evidence as Evidence
from esworkbench.evidence.evidence import Posting as Posting
from esworkbench.evidence.ledger import LedgerDefinition as LedgerDefinition
