"""The exercise ``breaks_contract``: which events break the contract, and must be parked."""

from collections.abc import Sequence

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.nb10_joining_four_aggregates.session import Session

TASK = (
    "Which events break the contract, so that they must be parked? `read` has the events in the order in which "
    "they are read, each as `(event_type, correlation_id)`; return the places of the broken ones, from 0, in "
    "order. Broken is an event of a session (`UserLoggedIn`, `UserPurchased`, `UserReferralSubmitted`) whose "
    "correlation id is `None` (an empty text is an id like any other), and a `UserLoggedIn` whose correlation id "
    "an earlier login has had. A `UserProfileUpdated` belongs to no session and never breaks anything. What merely "
    "comes before its login isn't broken: it waits."
)

LOGIN, PURCHASE, REFERRAL, PROFILE = "UserLoggedIn", "UserPurchased", "UserReferralSubmitted", "UserProfileUpdated"

Read = tuple[str, Session]
"""An event's type and its correlation id."""


def breaks_contract(read: Sequence[Read]) -> list[int]:
    logins, broken = set(), []
    for place, (event_type, session) in enumerate(read):
        if event_type == "UserProfileUpdated":
            continue
        if session is None or (event_type == "UserLoggedIn" and session in logins):
            broken.append(place)
        elif event_type == "UserLoggedIn":
            logins.add(session)
    return broken


def _told_in_order(read: Sequence[Read]) -> str:
    return (
        "".join(f"\n  {place}: {event_type}, {session!r}" for place, (event_type, session) in enumerate(read)) or "none"
    )


@st.composite
def _read_events(draw: st.DrawFn) -> tuple[list[Read]]:
    """Few sessions, so that they meet; a profile has an id of its own, or none."""
    types = st.sampled_from([LOGIN, LOGIN, PURCHASE, REFERRAL, PROFILE])
    sessions = st.sampled_from(["s1", "s1", "s1", "s2", "s2", None, None, "", "S1", "s", "None"])
    return (draw(st.lists(st.tuples(types, sessions), max_size=6)),)


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _profiles_too(read: Sequence[Read]) -> list[int]:
    return sorted({*breaks_contract(read), *(place for place, (_, session) in enumerate(read) if session is None)})


def _missing_ids_only(read: Sequence[Read]) -> list[int]:
    return [place for place in breaks_contract(read) if read[place][1] is None]


def _second_logins_only(read: Sequence[Read]) -> list[int]:
    return [place for place in breaks_contract(read) if read[place][1] is not None]


def _both_logins(read: Sequence[Read]) -> list[int]:
    twice = {read[place] for place in breaks_contract(read) if read[place][1] is not None}
    return [place for place, each in enumerate(read) if each in twice or place in breaks_contract(read)]


def _any_second_event(read: Sequence[Read]) -> list[int]:
    found = []
    for place, (event_type, session) in enumerate(read):
        known = session in {earlier for _, earlier in read[:place]}
        if event_type != PROFILE and (session is None or known):
            found.append(place)
    return found


def _what_follows_too(read: Sequence[Read]) -> list[int]:
    """Whatever comes in a session after its second login."""
    found = breaks_contract(read)
    spoilt = {read[place][1]: place for place in reversed(found)}
    return [place for place, (_, session) in enumerate(read)
            if place in found or (session is not None and place > spoilt.get(session, len(read)))]  # fmt: skip


def _purchases_without_a_login(read: Sequence[Read]) -> list[int]:
    logins = {session for event_type, session in read if event_type == LOGIN}
    early = {place for place, (event_type, session) in enumerate(read)
             if event_type in (PURCHASE, REFERRAL) and session not in logins}  # fmt: skip
    return sorted({*breaks_contract(read), *early})


# --- the exercise -----------------------------------------------------------------------------------------------------

BREAKS_CONTRACT = Exercise(
    name="breaks_contract",
    task=TASK,
    stub=(
        "from collections.abc import Sequence\n\n\n"
        "def my_breaks_contract(read: Sequence[tuple[str, str | None]]) -> list[int]: ..."
    ),
    reference=breaks_contract,
    cases=_read_events(),
    examples=[
        ([(PROFILE, None), (LOGIN, "s1"), (PURCHASE, "s1"), (PURCHASE, None), (LOGIN, "s1"), (PURCHASE, "s1")],),
        ([(PURCHASE, "s1"), (REFERRAL, "s1"), (LOGIN, "s2"), (LOGIN, None), (LOGIN, None)],),
        ([(PURCHASE, ""), (LOGIN, ""), (LOGIN, "")],),
        ([(LOGIN, session) for session in ("s12", "s1", "S1", " s1", "1")],),
        ([(kind, session) for session in ("None", "null") for kind in (LOGIN, PURCHASE)],),
    ],
    given=_told_in_order,
    hints=(
        "Two things break it: an id that is missing, and an id that a login has had before.",
        "Keep the correlation ids of the logins so far in a set, and pass over profiles.",
    ),
    mistakes={
        "profiles too": Mistake(_profiles_too, "a profile belongs to no session: it needs no correlation id"),
        "missing ids only": Mistake(
            _missing_ids_only, "a second login with the same id is missed: its purchases could belong to either"
        ),
        "second logins only": Mistake(
            _second_logins_only, "an event without a correlation id is missed: nobody can tell its session"
        ),
        "both logins": Mistake(
            _both_logins, "the first login was right when it was read, and is counted by then: park the second alone"
        ),
        "any second event": Mistake(
            _any_second_event, "a session has many events: only a second *login* with its id breaks the contract"
        ),
        "what follows too": Mistake(
            _what_follows_too, "what comes after a second login is joined to the first one, and isn't broken itself"
        ),
        "purchases without a login": Mistake(
            _purchases_without_a_login, "a purchase without its login isn't broken: the login may come, so it waits"
        ),
    },
)
