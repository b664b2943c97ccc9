"""Compaction: a log written anew, every event in its latest shape, with the old log's stream heads recorded in it.

The old log isn't touched, and isn't to be thrown away: what was known when stands there, and so does the proof. What
the new one buys is code: once no event in an old shape is left, the steps that read it are dead (``dead_upcasters``).
(Greg Young, *Versioning in an Event Sourced System*, calls it copy-and-replace of a whole store.)

- `copy`: writing the new log
- `record`: what the new log says of the old one
- `verify`: holding the two against each other
"""

from esworkbench.compaction.copy import compact
from esworkbench.compaction.record import LogCompacted, first_event
from esworkbench.compaction.verify import CompactionCheck, verify_compaction

__all__ = ["CompactionCheck", "LogCompacted", "compact", "first_event", "verify_compaction"]
