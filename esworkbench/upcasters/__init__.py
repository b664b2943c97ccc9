"""Reading old shapes: the chain of named functions vN → vN+1, and the decoder that uses it.

- `chain`: the chain, checked when it is made
- `steps`: what a step is; the upcaster
- `reshaping`: the rarer steps: rename, split, drop
- `decoder`: from stored bytes to today's events
- `one_payload`: a payload alone, from one version of its type to another
- `downcasters`: the way back, for readers of an older contract
- `table`: the chain as a table, from its own docstrings
- `trace`: a chain watched at work
- `archaeology/`: chains that nobody documented
"""

from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.decoder import EventDecoder
from esworkbench.upcasters.steps import Payload, Shape, Shaped, Step, Upcaster

__all__ = ["EventDecoder", "Payload", "Shape", "Shaped", "Step", "Upcaster", "UpcasterChain"]
