"""day_boundary: daily sums are cut at another midnight than the ledger's."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="day_boundary",
    meaning="daily sums are cut at a different midnight than the ledger's",
    look_alikes=("valid_time_shift",),
    remedy="correct the time zone, then rebuild the read model",
    repair="rebuild",
    needs="a read model of daily sums, and events near midnight that fall on another day in another time zone",
)
