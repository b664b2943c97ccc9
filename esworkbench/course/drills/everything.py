"""All the evidence there is in a drill's bank: the capture, and the anchor that the lab left with somebody else."""

from pathlib import Path

from esworkbench.composition import capture
from esworkbench.event_store.sidecar import outside_folder
from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to
from esworkbench.lab import AUDITOR


def with_all_evidence(url: str, into: Path) -> Evidence:
    """The bank at ``url`` captured, with the anchors that an auditor was given."""
    evidence = capture(url, into, progress=False)
    given = auditors_anchors(url)
    return add_to(evidence, Additions(anchors=given)) if given else evidence


def auditors_anchors(url: str) -> list[Path]:
    """Where there are any, no capture looks for them."""
    return sorted((outside_folder(url) / AUDITOR).glob("*.json"))
