"""Where a balance first departs from its events, in ⌈log2 N⌉ probes.

Plain bisection asks "is the balance right here?", and that is not monotone: a later error may cancel an earlier one,
so the search ends at some boundary or never starts. With a running claim at every event there is a question that is
monotone: has any step up to here differed from its event? The prefix count of non-zero residuals
``claim[i] − claim[i−1] − posting[i]`` never falls, so bisection on it finds the true first divergence.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import NO_EVENT, ClaimStep, Source, State
from esworkbench.forensics.compare.residuals import EVERY_EVENT, Residuals


class Search(NamedTuple):
    """The number, from 1, of the first bad step, None where the last one is good; and how many probes were asked."""

    first_bad: int | None
    probes: list[int]


class Bisection(NamedTuple):
    """The first step at which ``source`` differs from the events; position None where there is none, or none is known.

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
    """Bisect steps 1 … ``count``, the last known to be bad, by a question whose answer stays yes once it is yes."""
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
    seen = list(accumulate((residual != 0 for residual in residuals), initial=0))
    if not seen[-1]:
        return Search(None, [])
    return first_bad(len(residuals), lambda step: seen[step] > 0)


def scan(residuals: Sequence[int]) -> list[int]:
    """Every divergence, as numbers of steps from 1: one pass. Its first is what ``bisect_running`` finds."""
    return [step for step, residual in enumerate(residuals, 1) if residual]


def plain_bisect(deltas: Sequence[int]) -> Search:
    """*A* boundary between a right and a wrong balance: what bisection by balance finds. Not sound: errors cancel.

    ``deltas`` are claimed − event sum after each step. If the last is 0, the search never starts.
    """
    if not deltas or not deltas[-1]:
        return Search(None, [])
    return first_bad(len(deltas), lambda step: deltas[step - 1] != 0)


def bisect(
    evidence: Evidence,
    account: str,
    *,
    currency: str | None = None,
    against: str | None = None,
    residuals: Residuals | None = None,
) -> Bisection:
    """The first divergence of one account, by one source.

    Without ``against`` it takes the first source by name that differs from the events, running claims first. Every
    claim of a source counts, so one that is wrong and then right again is found too. Raises UnknownAccount, and
    UnusableInput for an unknown source or where several currencies need ``currency``.
    """
    currency = evidence.choose_currency(account, currency)
    residuals = residuals or Residuals(evidence, account=account)
    clean: list[Bisection] = []
    for source in sorted(residuals.sources(against), key=lambda each: (_PREFERENCE.index(each.kind), each.name)):
        steps = residuals.steps(source, account, currency)
        if not steps:
            continue
        found = _first_divergence(evidence, source, account, currency, steps)
        if found.position is not None:
            return found
        clean.append(found)
    if clean:
        return clean[0]
    return Bisection(
        account, currency, against, None, None, None, 0, 0, False, 0, None, "no source claims a balance of this account"
    )


_PREFERENCE = ("running", "statement", "daily", "snapshot", "head", *COLUMN_KINDS)


def steps_of(
    evidence: Evidence, account: str, *, currency: str | None = None, against: str | None = None
) -> list[ClaimStep]:
    """All steps of one account beside a running claim, to look at: the claim named, else the first by name."""
    currency = evidence.choose_currency(account, currency)
    residuals = Residuals(evidence, account=account)
    for source in residuals.sources(against):
        if source.kind == "running":
            return residuals.steps(source, account, currency)
    return []


def divergence(step: ClaimStep) -> int:
    """The step's residual in minor units, 0 where it is no divergence but rounding."""
    return step.residual if step.state is State.DIVERGENCE else 0


def _first_divergence(
    evidence: Evidence, source: Source, account: str, currency: str, steps: Sequence[ClaimStep]
) -> Bisection:
    found = bisect_running([divergence(step) for step in steps])
    sound = source.kind in EVERY_EVENT
    if found.first_bad is None:
        agree = f"every one of {len(steps)} claims of {source.name} agrees with the events"
        return Bisection(account, currency, source.name, None, None, None, 0, 0, sound, len(steps), steps[-1].at, agree)
    step = steps[found.first_bad - 1]
    last_good = steps[found.first_bad - 2].at if found.first_bad > 1 else None
    version, event_id = step.version, step.event_id
    note = f"the first of {len(steps)} claims of {source.name} that doesn't follow the events"
    if source.kind in ("daily", "snapshot", "head"):
        between = "from the first event" if last_good is None else f"after position {last_good}"
        note = (
            f"{source.name} doesn't claim a balance at every event: it departs from them somewhere {between} "
            f"and up to position {step.at}"
        )
    if source.kind in COLUMN_KINDS:
        note = f"the first of {len(steps)} claims in the {source.kind} of {source.name} that differs from the events"
    if source.kind == "statement" and step.reason == NO_EVENT:
        note = f"a line of {source.name} that no event answers to; it stands after the events up to position {step.at}"
    if rows := rows_without_order(evidence, step.position):
        note += f"; the {rows} rows of its day add up in no order, so it may be another of them"
    if source.kind == "snapshot":
        event = evidence.rows("SELECT version, event_id FROM events WHERE position = $position", position=step.at)
        version, event_id = event[0] if event else (None, None)
    return Bisection(
        account=account,
        currency=currency,
        source=source.name,
        position=_place(step, steps[: found.first_bad]),
        version=version,
        event_id=event_id,
        probes=len(found.probes),
        delta=step.claimed - step.event_sum,
        sound=sound,
        steps=len(steps),
        last_good=last_good,
        note=note,
    )


def rows_without_order(evidence: Evidence, position: int | None) -> int:
    """How many rows the day of a file's row has, if it has several and they add up in no order; else 0."""
    found = evidence.rows(
        "SELECT d.rows FROM order_days d JOIN assertions a USING (account, currency, day) "
        "WHERE d.verdict = 'unresolved' AND d.rows > 1 AND a.position = $position",
        position=position,
    )
    return int(found[0][0]) if found else 0


def _place(step: ClaimStep, up_to_it: Sequence[ClaimStep]) -> int:
    """Where in the log the step stands: at its event, else after the last one before it; 0 before all of them."""
    if step.position is not None:
        return step.position
    return next((each.at for each in reversed(up_to_it) if each.at is not None), 0)
