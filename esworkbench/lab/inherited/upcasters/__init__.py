"""The folder of small named functions that replaces the inherited function, each with its reason, or without one.

What was found in old tickets stands there as the reason; where nothing was found it says *unknown origin: do not remove
without investigation*. That it reads every event of the log as the inherited function does is held by a test.
"""

from esworkbench.lab.inherited.legacy import LATEST_VERSIONS
from esworkbench.lab.inherited.upcasters.customers import CUSTOMER_UPCASTERS
from esworkbench.lab.inherited.upcasters.orders import ORDER_UPCASTERS
from esworkbench.lab.inherited.upcasters.payments import PAYMENT_UPCASTERS
from esworkbench.lab.inherited.upcasters.products import PRODUCT_UPCASTERS
from esworkbench.lab.inherited.upcasters.telltales import INHERITED_TELLTALES
from esworkbench.upcasters import UpcasterChain
from esworkbench.upcasters.archaeology import through_chain, version_by

INHERITED_UPCASTERS = UpcasterChain(
    [*CUSTOMER_UPCASTERS, *ORDER_UPCASTERS, *PAYMENT_UPCASTERS, *PRODUCT_UPCASTERS],
)

inherited_latest_shape = through_chain(INHERITED_UPCASTERS, LATEST_VERSIONS, version_by(INHERITED_TELLTALES))
"""Reads the inherited log through the chain."""

compacted_latest_shape = through_chain(INHERITED_UPCASTERS, LATEST_VERSIONS)
"""Reads what compaction made of it, where every version is noted."""
