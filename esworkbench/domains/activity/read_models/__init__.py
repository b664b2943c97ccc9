"""Read models of the activity domain; they know its public contract and nothing else of it.

- `user_activity_by_region`: who did what from where
- `waiting`: events that came before those they belong to
"""

from esworkbench.domains.activity.read_models.user_activity_by_region import UserActivityByRegion
from esworkbench.domains.activity.read_models.waiting import StillWaiting, still_waiting

__all__ = ["StillWaiting", "UserActivityByRegion", "still_waiting"]
