"""What steps are, and how their cases are played and made."""

from collections.abc import Mapping
from decimal import Decimal, getcontext, localcontext
from typing import Any

from hypothesis import strategies as st

from esworkbench.upcasters import Payload


class Written(str):
    """A value as it is written, where its kind counts: to Python, Decimal('10.00') is 10."""

    def __repr__(self) -> str:
        return str(self)


def play_step(answer: Any, payload: Payload) -> Any:
    """As the chain does, it gives the step a copy; Decimals are compared digit by digit."""
    with localcontext() as context:
        as_they_were = context.prec, context.rounding
        became = answer(dict(payload))
        now = getcontext()
        settings = {"precision": now.prec, "rounding": now.rounding}
    if not isinstance(became, Mapping):
        return became
    told = {name: Written(repr(each)) if isinstance(each, Decimal) else each for name, each in became.items()}
    return told if tuple(settings.values()) == as_they_were else (told, {"decimal's settings for all": settings})


ODD_FIELDS: Payload = {
    "coupon": None,
    "gift": False,
    "weight": Decimal("1.5"),
    "shipping_cents": 250,
    "shipping_dollars": Decimal("2.505"),
}
"""What a step has nothing to do with, however much it looks like the total."""

OTHER_FIELDS: st.SearchStrategy[Payload] = st.sampled_from(
    [{}, {}, {"coupon": "SPRING"}, *({name: value} for name, value in ODD_FIELDS.items())]
)
