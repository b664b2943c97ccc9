"""The exercise ``region_of``: the region in which a login counts, or that it has to wait."""

from collections.abc import Mapping

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.domains.activity.contracts import NO_PROFILE, UNKNOWN_REGION, UserLoggedIn

TASK = (
    "The region in which a login counts: that of the profile version that it names, of its own user. The version 0 "
    "means that the user had no profile: then it is `UNKNOWN_REGION`. Return `None` if it can't be known yet, so "
    "that the login waits. `profiles` has the regions read so far, none of them an empty text, by `(user_id, "
    "profile_version)`; versions count from 1 for each user, and any of them may not have been read yet. "
    "Leave `profiles` as it is."
)

Profiles = Mapping[tuple[str, int], str]


def region_of(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version))


USERS = st.sampled_from(["ada", "bob"])
REGIONS = st.sampled_from(["north", "south", "east"])
LOGINS = st.builds(
    lambda user, version: UserLoggedIn(user_id=user, profile_version=version), USERS, st.sampled_from([0, 1, 2, 2, 3])
)
ADA_MOVED = {("ada", 1): "north", ("ada", 2): "south", ("bob", 1): "east", ("bob", 2): "east", ("bob", 3): "east"}


# --- mistakes ---------------------------------------------------------------------------------------------------------


def newest_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    versions = [version for user, version in profiles if user == login.user_id]
    return profiles[login.user_id, max(versions)] if versions else None


def newest_up_to_it(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    versions = [version for user, version in profiles if user == login.user_id and version <= login.profile_version]
    return profiles[login.user_id, max(versions)] if versions else None


def region_before(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return profiles.get((login.user_id, login.profile_version - 1))


def guessed_region(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version), UNKNOWN_REGION)


def region_or_wait(login: UserLoggedIn, profiles: Profiles) -> str | None:
    return profiles.get((login.user_id, login.profile_version))


def region_of_anybody(login: UserLoggedIn, profiles: Profiles) -> str | None:
    if login.profile_version == NO_PROFILE:
        return UNKNOWN_REGION
    return {version: region for (_, version), region in profiles.items()}.get(login.profile_version)


# --- the exercise -----------------------------------------------------------------------------------------------------

REGION_OF = Exercise(
    name="region_of",
    task=TASK,
    stub=(
        "from esworkbench.domains.activity.contracts import NO_PROFILE, UNKNOWN_REGION, UserLoggedIn\n\n\n"
        "def my_region_of(login: UserLoggedIn, profiles: dict[tuple[str, int], str]) -> str | None: ..."
    ),
    reference=region_of,
    cases=st.tuples(LOGINS, st.dictionaries(st.tuples(USERS, st.integers(1, 3)), REGIONS, max_size=5)),
    examples=[
        *[(UserLoggedIn(user_id="ada", profile_version=version), ADA_MOVED) for version in range(4)],
        (UserLoggedIn(user_id="bob", profile_version=2), {("bob", 1): "north"}),
        *[(UserLoggedIn(user_id="ada", profile_version=1), {(user, 1): "south"}) for user in ("Ada", "ad", "ada2")],
    ],
    hints=("The login says which version of the profile it saw; 0 means none.", "Two lines: one `if`, one `get`."),
    mistakes={
        "the newest": Mistake(
            newest_region, "the user may have moved since: take the version that the login names, not the newest"
        ),
        "the newest up to it": Mistake(
            newest_up_to_it, "an older version stands in for the one that hasn't been read yet: answer None and wait"
        ),
        "off by one version": Mistake(
            region_before, "versions count from 1, and the login names the very one it saw: don't take one from it"
        ),
        "guessed": Mistake(
            guessed_region,
            "a version that has not been read yet is no unknown region: answer None, so that the login waits",
        ),
        "waits for version 0": Mistake(
            region_or_wait,
            'a login that names version 0 saw no profile: its region is "unknown", and there is nothing to wait for',
        ),
        "anybody's": Mistake(
            region_of_anybody, "that is another user's profile: each user has versions of their own, counted from 1"
        ),
    },
)
