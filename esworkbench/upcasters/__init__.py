"""Reading old shapes: the chain of named functions vN → vN+1, and the decoder that uses it."""

from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.decoder import EventDecoder
from esworkbench.upcasters.steps import Payload, Shape, Shaped, Step, Upcaster

__all__ = ["EventDecoder", "Payload", "Shape", "Shaped", "Step", "Upcaster", "UpcasterChain"]
