"""What the bank's read models have in common: each row is of one account."""

from esworkbench.domains.bank.read_models.postings import STREAM_PREFIX
from esworkbench.projections import Projection


class PerAccount(Projection):
    """A stream without the category counts for the account it is named after, so both streams are one shard's."""

    shardable = True

    def shard_key(self, stream_id: str) -> str:
        return stream_id.removeprefix(STREAM_PREFIX)
