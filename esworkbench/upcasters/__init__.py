"""Reading old shapes: the chain of named functions vN → vN+1, and the decoder that uses it."""

from esworkbench.upcasters.chain import UpcasterChain
from esworkbench.upcasters.decoder import EventDecoder
from esworkbench.upcasters.downcasters import Downcaster, Downcasters
from esworkbench.upcasters.steps import Drop, Payload, Rename, Shape, Shaped, Split, Step, Upcaster
from esworkbench.upcasters.table import ChainRow, as_markdown, as_text, chain_table

__all__ = [
    "ChainRow",
    "Downcaster",
    "Downcasters",
    "Drop",
    "EventDecoder",
    "Payload",
    "Rename",
    "Shape",
    "Shaped",
    "Split",
    "Step",
    "Upcaster",
    "UpcasterChain",
    "as_markdown",
    "as_text",
    "chain_table",
]
