from esworkbench.composition import capture, repair
from esworkbench.event_store.store import EventStore
from esworkbench.evidence.evidence import Evidence
from esworkbench.forensics.compare.bisect import bisect
from esworkbench.forensics.compare.diff import diff
from esworkbench.forensics.diagnosis.diagnose import diagnose
from esworkbench.forensics.investigation.investigate import investigate
from esworkbench.forensics.investigation.report import render as report
from esworkbench.forensics.replay.replay import balance_at as replay
from esworkbench.version import __version__ as __version__

# A checker takes a name that was renamed on its way here for a private one, unless it is listed.
__all__ = [
    "EventStore",
    "Evidence",
    "bisect",
    "capture",
    "diagnose",
    "diff",
    "investigate",
    "repair",
    "replay",
    "report",
]
