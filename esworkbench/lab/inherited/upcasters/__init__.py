"""The small named functions that replace the inherited one, each with the reason it exists.

A reason found in old tickets is given; where none was found, it says *unknown origin: do not remove without
investigation*. A test holds that the chain reads every event of the log as the inherited function does.

``customers``: CustomerRegistered and LoyaltyPointsGranted.
``orders``: OrderPlaced, OrderShipped, OrderCancelled.
``payments``: PaymentReceived and RefundIssued.
``products``: StockAdjusted and ReviewPosted.
``telltales``: which version an event really has, where the recorded number can't be trusted.
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
