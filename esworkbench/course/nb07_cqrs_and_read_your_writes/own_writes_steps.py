"""What happens in the cases of own_writes, step by step."""

from typing import NamedTuple

from hypothesis import strategies as st


class Commit(NamedTuple):
    """An append by a user, who is given the reply, or by somebody else (None).

    ``heard``: it is announced at once, before the reply; otherwise at the next Hear. ``empties``: what the account
    holds is withdrawn.
    """

    user: str | None
    accounts: tuple[str, ...]
    heard: bool
    empties: bool = False


class TwoCommits(NamedTuple):
    """Two appends, whose replies the user is given in the wrong order."""

    user: str
    account: str


class Hear(NamedTuple):
    """What was not announced yet is."""


class Follow(NamedTuple):
    """The read model takes in so many events, or, where it ``stumbles``, puts them aside."""

    events: int
    stumbles: bool


class Pass(NamedTuple):
    seconds: int


class Ask(NamedTuple):
    """``arrives``: if the user has to wait, the read models catch up meanwhile.

    ``currency``: or ELSEWHERE, which asks another read model.
    """

    user: str
    account: str
    currency: str
    arrives: bool


Step = Commit | TwoCommits | Hear | Follow | Pass | Ask

PURSE = "joint-purse"
"""Its name begins with that of an account. It is asked how many cents are in it, and 0 is an answer."""

ELSEWHERE = "from another read model"
"""It follows only while somebody waits."""

USERS = st.sampled_from(["ada", "ada", "bob"])
ACCOUNTS = st.sampled_from(["joint", "joint", "joint", "joint", "savings", PURSE])
ASKS = st.builds(Ask, USERS, ACCOUNTS, st.sampled_from(["USD", "USD", "USD", "CHF", ELSEWHERE]), st.booleans())
STEPS = st.one_of(
    ASKS,
    st.builds(
        Commit, USERS, ACCOUNTS.map(lambda account: (account,)), st.booleans(), st.sampled_from([False, False, True])
    ),
    st.builds(Commit, USERS, st.sampled_from([("joint", "savings"), ("savings", "joint")]), st.booleans()),
    st.builds(
        Commit,
        st.none(),
        st.sampled_from(
            [
                ("joint",),
                ("savings",),
                ("savings", "joint"),
                ("joint", "savings"),
                ("joint", "joint"),
                (PURSE, "savings"),
            ]
        ),
        st.booleans(),
    ),
    st.builds(Follow, st.sampled_from([1, 9]), st.sampled_from([False, False, False, True])),
    st.just(Hear()),
    st.builds(Pass, st.sampled_from([10, 20, 29, 30])),
    st.builds(TwoCommits, USERS, ACCOUNTS),
)
HER_OWN = Commit("ada", ("joint",), heard=False)
HER_ASK = Ask("ada", "joint", "USD", arrives=False)
HIS_OWN, HIS_ASK = HER_OWN._replace(user="bob"), HER_ASK._replace(user="bob")
SAVED = Commit(None, ("savings",), heard=True)
LATER_AND_SHOWN: tuple[Step, ...] = (Commit(None, ("joint",), heard=False), Follow(9, stumbles=False))
"""A later event stands in the row before anybody was told of it."""
