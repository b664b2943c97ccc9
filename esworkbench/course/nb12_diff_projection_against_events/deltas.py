"""The exercise ``deltas``: claims against the sums of the events, position for position."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from esworkbench.course.grader.exercise import Exercise, Mistake
from esworkbench.course.small_log import posting
from esworkbench.evidence import Posting

Key = tuple[str, str]
"""An account and a currency."""


def deltas(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    """Claimed − event sum up to the checkpoint, where it is not 0; no row counts as a claim of 0: as ``diff`` does."""
    found = dict(claims)
    for each in postings:
        if each.position <= checkpoint:
            key = (each.account, each.currency)
            found[key] = found.get(key, 0) - each.amount_minor
    return {key: delta for key, delta in found.items() if delta}


def _against_all(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas(claims, postings, max((each.position for each in postings), default=0))


def _before_checkpoint(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return deltas(claims, postings, checkpoint - 1)


def _only_rows(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return {key: delta for key, delta in deltas(claims, postings, checkpoint).items() if key in claims}


def _only_events(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    seen = {(each.account, each.currency) for each in postings if each.position <= checkpoint}
    return {key: delta for key, delta in deltas(claims, postings, checkpoint).items() if key in seen}


def _other_way_round(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    return {key: -delta for key, delta in deltas(claims, postings, checkpoint).items()}


def _currencies_added(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    seen = [each for each in postings if each.position <= checkpoint]
    sums: dict[str, int] = {}
    for each in seen:
        sums[each.account] = sums.get(each.account, 0) + each.amount_minor
    keys = {*claims, *((each.account, each.currency) for each in seen)}
    found = {key: claims.get(key, 0) - sums.get(key[0], 0) for key in keys}
    return {key: delta for key, delta in found.items() if delta}


def _zeros_too(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, int]:
    seen = {(each.account, each.currency): 0 for each in postings if each.position <= checkpoint}
    return dict.fromkeys(claims, 0) | seen | deltas(claims, postings, checkpoint)


def _in_floats(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> dict[Key, Any]:
    return {key: delta / 100 for key, delta in deltas(claims, postings, checkpoint).items()}


ACCOUNTS = st.sampled_from(["ACC-1", "ACC-2"])

CURRENCIES = st.sampled_from(["USD", "EUR"])

# Of positions up to 5, ACC-1 is wrong in euros, ACC-2 is right in dollars, ACC-3 has no row, ACC-4 has no events.
POSTINGS = [
    posting(1, 10_000, account="ACC-1"),
    posting(2, 4_000, account="ACC-1", currency="EUR"),
    posting(3, 2_500, account="ACC-2"),
    posting(4, 900, account="ACC-3"),
    posting(5, -1_500, account="ACC-2"),
    posting(6, 7_000, account="ACC-2"),
    posting(7, 300, account="ACC-1"),
]

CLAIMS: dict[Key, int] = {
    ("ACC-1", "USD"): 10_000,
    ("ACC-1", "EUR"): 4_250,
    ("ACC-2", "USD"): 1_000,
    ("ACC-4", "USD"): 75,
}

ODD = "A|B:C-D/E,F G"
"""An account's id is anybody's choice."""


@st.composite
def _claims_and_postings(draw: st.DrawFn) -> tuple[dict[Key, int], list[Posting], int]:
    """Claims that are mostly right, or off by a cent; some have no events, some events no claim."""
    postings: list[Posting] = []
    position = 0
    for _ in range(draw(st.integers(0, 5))):
        position += draw(st.sampled_from([1, 1, 0, 2])) if postings else draw(st.integers(1, 2))
        amount = draw(st.sampled_from([1, 100, -1, -100, 0, 2**60 + 1]))
        each = posting(position, amount, account=draw(ACCOUNTS), currency=draw(CURRENCIES))
        postings.append(each._replace(ordinal=len(postings), version=draw(st.integers(1, 3))))
    checkpoint = draw(st.integers(0, position + 1))
    sums = {key: -delta for key, delta in deltas({}, postings, checkpoint).items()}
    claims = {}
    for key in draw(st.lists(st.tuples(ACCOUNTS, CURRENCIES), unique=True, max_size=4)):
        claims[key] = draw(st.sampled_from([sums.get(key, 0), 0, sums.get(key, 0) + 1, sums.get(key, 0) - 1]))
    return claims, postings, checkpoint


def _shown_deltas(claims: Mapping[Key, int], postings: Sequence[Posting], checkpoint: int) -> str:
    posted = [f"{each.amount_minor:+} {each.currency} on {each.account} at {each.position}" for each in postings]
    return f"claims {dict(claims)}, checkpoint {checkpoint}, postings: {'; '.join(posted) or 'none'}"


DELTAS = Exercise(
    name="deltas",
    task=(
        "Compare what a projection claims with the events that it had seen. `claims` maps an account and a currency "
        "to minor units. `postings` come in order of `position`, and several may share one; the projection had seen "
        "those up to `checkpoint`, that position included. Return each delta, claimed minus event sum, that is not 0, "
        "by account and currency: a dictionary like `claims`, which stays as it is. Where there are postings and no "
        "claim, 0 is claimed; where there is a claim and no posting, the event sum is 0."
    ),
    stub=(
        "from esworkbench.evidence import Posting\n\n\n"
        "def my_deltas(\n"
        "    claims: dict[tuple[str, str], int], postings: list[Posting], checkpoint: int\n"
        ") -> dict[tuple[str, str], int]:\n"
        '    """A posting has a `position`, an `account`, a `currency` and an `amount_minor`."""'
    ),
    reference=deltas,
    cases=_claims_and_postings(),
    examples=[
        (CLAIMS, POSTINGS, 5),
        ({(ODD, "USD"): 5}, [posting(1, 3, account=ODD), posting(2, 4, account="A"), posting(2, 1, account="a")], 2),
    ],
    given=_shown_deltas,
    hints=(
        "Which postings can a row know that was written at the checkpoint?",
        "Start from a copy of the claims, and take each posting at or before the checkpoint off its key.",
    ),
    mistakes={
        "all events": Mistake(
            _against_all, "the claims are compared with all events: they have only seen those up to the checkpoint"
        ),
        "an exclusive bound": Mistake(
            _before_checkpoint, "the events at the checkpoint itself were seen too: the bound is inclusive"
        ),
        "no row": Mistake(
            _only_rows, "an account with events and no row is left out: it claims 0, and what is missing is wrong too"
        ),
        "no events": Mistake(
            _only_events, "a claim without any events is left out: its event sum is 0, and it may still claim something"
        ),
        "sign": Mistake(_other_way_round, "the sign is the other way round: delta is claimed minus event sum"),
        "two currencies": Mistake(
            _currencies_added, "dollars and euros are added up: an account has one balance for each currency"
        ),
        "zeros too": Mistake(_zeros_too, "deltas of 0 are listed as well: return only what is not 0"),
        "float money": Mistake(_in_floats, "money is counted in whole minor units: a float can't hold a cent"),
    },
)
