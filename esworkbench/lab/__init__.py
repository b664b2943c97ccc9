"""Systems broken on purpose: a bank that lives for years, and the things that really go wrong in one.

``world``: the bank's customers, card network, message bus and books, in simulated time.
``incidents``: a year or eight of that bank with one fault in it, and the sealed answer.
``inherited``: a webshop's log that nobody documented, and the function that reads it.
``models``: what the notebooks' widgets play with, as pure models.
``processes``: child processes to hold or kill at a named point.
``old_orders``: a shop with orders in every shape its releases ever wrote.
``stream_profiles``: streams to measure snapshots on.
"""

from esworkbench.lab.incidents.faults import FAULTS, MYSTERIES
from esworkbench.lab.incidents.faults.split_view import AUDITOR
from esworkbench.lab.incidents.incident import Complaint, Incident, build_incident, reveal
from esworkbench.lab.incidents.sealed import KEY_BESIDE, PlantedFault

__all__ = [
    "AUDITOR", "FAULTS", "KEY_BESIDE", "MYSTERIES", "Complaint", "Incident", "PlantedFault", "build_incident", "reveal",
]  # fmt: skip
