"""The exercise of notebook 10 about the region in which a login counts."""

from collections.abc import Callable, Mapping

from esworkbench.course.mechanism import Exercise, Mistake, Wrong
from esworkbench.domains.activity.contracts import (
    NO_PROFILE,
    UNKNOWN_REGION,
    UserLoggedIn,
)

# --- region_of --------------------------------------------------------------------------------------------------------

Profiles = Mapping[tuple[str, int], str]
PROFILES = {("ada", 1): "north", ("ada", 2): "south"}


def examine_region_of(region_of: Callable[[UserLoggedIn, Profiles], str | None]) -> None:
    if region_of(UserLoggedIn(user_id="bob", profile_version=0), PROFILES) != "unknown":
        raise Wrong('a login that names version 0 saw no profile: its region is "unknown", and nothing is waited for')
    first = region_of(UserLoggedIn(user_id="ada", profile_version=1), PROFILES)
    if first == "south" and region_of(UserLoggedIn(user_id="ada", profile_version=2), PROFILES) == "south":
        raise Wrong("Ada moved after this login, which saw version 1: take the version it names, not the newest")
    if first != "north":
        raise Wrong("versions count from 1, and the login names the very one it saw: don't add to it or take from it")
    if region_of(UserLoggedIn(user_id="ada", profile_version=3), PROFILES) is not None:
        raise Wrong("version 3 has not been read yet: answer None, so that the login waits, and guess nothing")


def region_of(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version))


def newest_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    versions = [version for user, version in profiles if user == login.user_id]
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles[login.user_id, max(versions)]


def next_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version - 1))


def guessed_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version), UNKNOWN_REGION)


def region_or_wait(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version))


REGION_OF = Exercise(
    name="region_of",
    task=(
        "Write `region_of(login, profiles)`: the region in which a `UserLoggedIn` counts, or `None` if that can't be "
        "known yet. `profiles` has the regions read so far, by `(user_id, profile_version)`."
    ),
    examine=examine_region_of,
    reference=region_of,
    hints=("The login says which version of the profile it saw; 0 means none.", "Two lines: one `if`, one `get`."),
    mistakes={
        "the newest": Mistake(newest_region, "not the newest"),
        "off by one version": Mistake(next_region, "the very one it saw"),
        "guessed": Mistake(guessed_region, "guess nothing"),
        "waits for version 0": Mistake(region_or_wait, "saw no profile"),
    },
)
