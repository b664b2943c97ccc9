"""index_differs: a query through an index and a query through the table disagree."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="index_differs",
    meaning="the table holds rows that its index doesn't lead to, or the index leads to rows that aren't there",
    look_alikes=("row_lost",),
    remedy="rebuild the index, and check the disk",
    repair="none",
    needs="the live database, asked once through the index and once through the table; a capture reads only the table",
)
