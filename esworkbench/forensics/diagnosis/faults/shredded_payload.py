"""shredded_payload: personal fields were erased by destroying their key."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="shredded_payload",
    meaning="personal fields were erased by destroying their key; amounts and links are whole",
    look_alikes=("payload_edited",),
    remedy="none: this is how it was meant",
    repair="none",
    healthy=True,
    needs="a record of which keys were destroyed, and when",
)
