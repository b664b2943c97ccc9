"""Exercises of notebook 10: which region, a join that waits, what still waits, and what breaks the contract.

``region_of``: the region in which a login counts, or that it has to wait.
``join``: profiles, logins and purchases, read in any order.
``waits``: what is still waiting, for what, and for how long.
``breaks_contract``: which events break the contract, and must be parked.
``session``: the id by which the events of a session belong together.
"""

from esworkbench.course.grader.exercise import Exercises
from esworkbench.course.nb10_joining_four_aggregates.breaks_contract import BREAKS_CONTRACT, Read, breaks_contract
from esworkbench.course.nb10_joining_four_aggregates.join import JOIN, STORY, Join, JoinInParts, orders
from esworkbench.course.nb10_joining_four_aggregates.region_of import REGION_OF, Profiles, region_of
from esworkbench.course.nb10_joining_four_aggregates.waits import WAITS

__all__ = [
    "BREAKS_CONTRACT",
    "JOIN",
    "REGION_OF",
    "STORY",
    "WAITS",
    "Join",
    "JoinInParts",
    "Profiles",
    "Read",
    "breaks_contract",
    "exercises",
    "orders",
    "region_of",
]

exercises = Exercises(__name__, REGION_OF, JOIN, WAITS, BREAKS_CONTRACT)
