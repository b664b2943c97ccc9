"""Reading old shapes: the chain of named functions vN → vN+1, and the decoder that uses it."""

from esworkbench.upcasters.chain import Upcaster, UpcasterChain
from esworkbench.upcasters.decoder import EventDecoder

__all__ = ["EventDecoder", "Upcaster", "UpcasterChain"]
