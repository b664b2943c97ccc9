"""Evidence: a frozen, hashed copy of a ledger, and what it says was posted and claimed.

evidence     opened and checked against its hashes: events, postings, balance assertions
origins      where an anchor or a public key comes from
agreement    whether it agrees with itself, as every command asks before it answers
adding       what arrived after the capture, put beside it
reading      DuckDB on it: what can't be read is damage, and said so
ledger       what each event type posts, as a TOML file says it
scales       how many decimals a currency is counted with
capturing/   how a store or a file becomes evidence
"""

from esworkbench.lazy_exports import exported_by

__getattr__, __dir__, __all__ = exported_by(__name__, __file__)
