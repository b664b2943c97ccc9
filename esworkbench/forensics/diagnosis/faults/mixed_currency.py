"""mixed_currency: one figure adds amounts of two currencies."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="mixed_currency",
    meaning="one figure adds up amounts of two currencies",
    look_alikes=("handler_bug",),
    remedy="rebuild the read model with one figure per currency",
    repair="rebuild",
    needs="an account with postings in two currencies, and a figure that equals their plain sum",
)
