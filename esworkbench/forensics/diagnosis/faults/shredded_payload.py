"""shredded_payload: personal fields were erased by destroying their key."""

from esworkbench.forensics.diagnosis.fault import Fault

FAULT = Fault(
    name="shredded_payload",
    meaning="personal fields were erased by destroying their key, while amounts and links are intact",
    look_alikes=("payload_edited",),
    remedy="none: this is as intended",
    repair="none",
    healthy=True,
    needs="a record of which keys were destroyed, and when",
)
