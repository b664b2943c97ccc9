"""Broken systems on purpose: a bank that lives for years, and the things that really go wrong with such a bank."""

from esworkbench.lab.incidents.faults import FAULTS
from esworkbench.lab.incidents.incident import Complaint, Incident, build_incident, reveal
from esworkbench.lab.incidents.sealed import PlantedFault

__all__ = ["FAULTS", "Complaint", "Incident", "PlantedFault", "build_incident", "reveal"]
