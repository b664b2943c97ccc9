"""Where a balance first parts from its events, in ⌈log2 N⌉ probes.

Plain bisection asks "is the balance right here?", and that is not monotone: a later error may cancel an earlier one,
so the search ends at some boundary or never starts. With a running claim at every event there is a question that is
monotone: has any step up to here moved otherwise than its event? The prefix count of non-zero residuals
``claim[i] − claim[i−1] − posting[i]`` never falls, so bisection on it finds the true first divergence.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.residuals import ClaimSource, Comparisons


class Step(NamedTuple):
    """One event of an account beside the claim made after it, in minor units.

    ``claimed`` is the claim in force after the step. ``residual`` is what it moved by − ``posted``.
    """

    position: int
    version: int | None
    event_id: str | None
    claimed: int
    posted: int
    residual: int
    event_sum: int


class Search(NamedTuple):
    """The number, from 1, of the first bad step, None where the last one is good; and how many probes were asked."""

    first_bad: int | None
    probes: list[int]


class Bisection(NamedTuple):
    """The first step at which ``source`` parts from the events; position None where there is none, or none is known.

    ``delta`` = claimed − event sum after that step. ``last_good`` is the position up to which the claim agreed.
    ``sound`` says that no earlier divergence can exist in this source's claims; ``note`` says what was asked and why.
    """

    account: str
    currency: str
    source: str | None
    position: int | None
    version: int | None
    event_id: str | None
    probes: int
    delta: int
    sound: bool
    steps: int
    last_good: int | None
    note: str

    def as_json(self) -> dict[str, Any]:
        """What ``bisect --json`` prints."""
        return self._asdict()


def first_bad(count: int, is_bad: Callable[[int], bool]) -> Search:
    """Bisect steps 1 … ``count``, of which the last is known to be bad, by a question that stays true once true."""
    probes: list[int] = []
    good, bad = 0, count
    while bad - good > 1:
        middle = good + (bad - good) // 2
        probes.append(middle)
        if is_bad(middle):
            bad = middle
        else:
            good = middle
    return Search(bad, probes)


def bisect_running(residuals: Sequence[int]) -> Search:
    """The true first divergence, whatever cancels later: bisection on the prefix count of non-zero residuals."""
    seen = list(accumulate((1 if residual else 0 for residual in residuals), initial=0))
    if not seen[-1]:
        return Search(None, [])
    return first_bad(len(residuals), lambda step: seen[step] > 0)


def scan(residuals: Sequence[int]) -> list[int]:
    """Every divergence, as numbers of steps from 1: one pass. Its first is what ``bisect_running`` finds."""
    return [step for step, residual in enumerate(residuals, 1) if residual]


def plain_bisect(deltas: Sequence[int]) -> Search:
    """*A* boundary between a right and a wrong balance: what bisection by balance finds. Not sound: errors cancel.

    ``deltas`` are claimed − event sum after each step. Where the last is 0 the search never starts.
    """
    if not deltas or not deltas[-1]:
        return Search(None, [])
    return first_bad(len(deltas), lambda step: deltas[step - 1] != 0)


def bisect(evidence: Evidence, account: str, *, currency: str | None = None, against: str | None = None) -> Bisection:
    """The first divergence of one account: soundly on a running claim, else a boundary between claims.

    Without ``against`` the first source by name is taken that parts from the events, running claims first. Raises
    UnknownAccount, and UnusableInput for an unknown source or where several currencies need ``currency``.
    """
    currency = evidence.choose_currency(account, currency)
    comparisons = Comparisons(evidence)
    sources = comparisons.sources(against)
    clean: list[Bisection] = []
    for source in sorted(sources, key=lambda each: (_PREFERENCE.index(each.kind), each.name)):
        one = _on_steps if source.kind == "running" else _on_claims
        found = one(evidence, comparisons, source, account, currency)
        if found is not None and found.position is not None:
            return found
        if found is not None:
            clean.append(found)
    if clean:
        return clean[0]
    return Bisection(
        account, currency, against, None, None, None, 0, 0, False, 0, None, "no source claims a balance of this account"
    )


_PREFERENCE = ("running", "statement", "daily", "snapshot", "head")


def steps_of(
    evidence: Evidence, account: str, *, currency: str | None = None, against: str | None = None
) -> list[Step]:
    """All steps of one account beside a running claim, for looking at: the one named, else the first by name."""
    currency = evidence.choose_currency(account, currency)
    comparisons = Comparisons(evidence)
    for source in comparisons.sources(against):
        if source.kind == "running":
            return _steps(comparisons, source, account, currency)
    return []


def _steps(comparisons: Comparisons, source: ClaimSource, account: str, currency: str) -> list[Step]:
    # Rounded steps and days without an order are no divergences, as in diff: their residual counts as none.
    rows = comparisons.steps(
        source,
        "SELECT position, version, event_id, says, posted, CASE WHEN what = 'divergence' THEN residual ELSE 0 END, "
        "event_sum FROM result WHERE currency = $currency ORDER BY position, order_key",
        account,
        currency=currency,
    )
    return [Step(*row) for row in rows]


def _on_steps(
    evidence: Evidence, comparisons: Comparisons, source: ClaimSource, account: str, currency: str
) -> Bisection | None:
    steps = _steps(comparisons, source, account, currency)
    if not steps:
        return None
    found = bisect_running([step.residual for step in steps])
    if found.first_bad is None:
        note = f"every one of {len(steps)} steps of {source.name} moves as its event says"
        return Bisection(
            account, currency, source.name, None, None, None, 0, 0, True, len(steps), steps[-1].position, note
        )
    step = steps[found.first_bad - 1]
    return Bisection(
        account=account,
        currency=currency,
        source=source.name,
        position=step.position,
        version=step.version,
        event_id=step.event_id,
        probes=len(found.probes),
        delta=step.claimed - step.event_sum,
        sound=True,
        steps=len(steps),
        last_good=steps[found.first_bad - 2].position if found.first_bad > 1 else None,
        note=f"the first of {len(steps)} steps of {source.name} that moves otherwise than its event",
    )


def _on_claims(
    evidence: Evidence, comparisons: Comparisons, source: ClaimSource, account: str, currency: str
) -> Bisection | None:
    """A boundary between two claims that lie further apart than one event: never sound, and it says so."""
    rows = list(
        comparisons.claims(
            source,
            "SELECT claimed, event_sum, position FROM result WHERE currency = $currency ORDER BY place",
            account,
            currency=currency,
        )
    )
    if not rows:
        return None
    deltas = [(claimed or 0) - event_sum for claimed, event_sum, _ in rows]
    found = plain_bisect(deltas)
    if found.first_bad is None:
        note = f"the last of {len(rows)} claims of {source.name} agrees with the events; an earlier one may not"
        return Bisection(account, currency, source.name, None, None, None, 0, 0, False, len(rows), rows[-1][2], note)
    last_good = rows[found.first_bad - 2][2] if found.first_bad > 1 else None
    position = rows[found.first_bad - 1][2]
    between = "from the first event" if last_good is None else f"after position {last_good}"
    note = (
        f"a boundary, not proven to be the first: {source.name} claims no balance at every event; "
        f"it parts somewhere {between} and up to position {position}"
    )
    # A head claims one figure for all that ever happened: to name one event of that would accuse the last to come.
    event = None
    if source.kind != "head":
        query = "SELECT version, event_id FROM events WHERE position = ?"
        event = evidence.connection().execute(query, [position]).fetchone()
    version, event_id = event or (None, None)
    return Bisection(
        account, currency, source.name, position, version, event_id, len(found.probes), deltas[found.first_bad - 1],
        False, len(rows), last_good, note,
    )  # fmt: skip
