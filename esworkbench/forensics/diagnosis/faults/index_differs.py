"""index_differs: a query through an index and one through the table disagree."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="index_differs",
    meaning="the table holds rows that its index doesn't lead to, or the other way round",
    look_alikes=("row_lost",),
    remedy="rebuild the index; check the disk",
    repair="none",
    needs="the live database, asked once through the index and once through the table; a capture reads the table alone",
)
