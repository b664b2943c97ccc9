"""Holds what was said of a bank against what was planted in it.

Reads two plain documents, the opened answer and ``diagnose --json``, and the rules; nothing here comes from the code
that planted or from the code that diagnosed.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import msgspec

from benchmarks.confusion.rules import RULES, Precision

Outcome = Literal["right", "pair", "inexact", "unexplained", "missed", "mistaken"]
"""``right``: class, account, events and amount as the rule asks. ``pair``: named beside what it looks like here, where
neither is called proven. ``inexact``: the right class on the right account, with other events or another amount.
``unexplained``: the amount is reported and no cause given. ``missed``: nothing is said. ``mistaken``: told as
another fault."""

OUTCOMES: tuple[Outcome, ...] = ("right", "pair", "inexact", "unexplained", "missed", "mistaken")


class Planted(msgspec.Struct, frozen=True):
    """One fault on one account in one currency, as the opened answer tells it."""

    fault: str
    account: str | None
    currency: str | None
    amount: int
    event_ids: list[str]
    positions: list[int] = []


class Said(msgspec.Struct, frozen=True):
    """One finding."""

    fault: str
    account: str | None
    currency: str | None
    amount: int
    event_ids: list[str]
    positions: list[int]
    healthy: bool
    certainty: str
    proof: str
    alternative_to: str | None = None


class Rest(msgspec.Struct, frozen=True):
    """What was reported as unexplained."""

    account: str | None
    currency: str | None
    amount: int
    source: str = ""


class Diagnosed(msgspec.Struct, frozen=True):
    findings: list[Said]
    unexplained: list[Rest]


class Judged(msgspec.Struct, frozen=True):
    """What became of one planted fault. ``told_as`` names what was said in its place, or beside it."""

    fault: str
    outcome: Outcome
    told_as: list[str] = []


class Verdict(msgspec.Struct, frozen=True):
    """``false`` names what was said and not planted, ``false_proven`` what of that was called proven; ``healthy`` what
    was said beside and asks nobody to act; ``left_over`` counts what is unexplained and belongs to nothing planted.
    """

    planted: list[Judged]
    false: list[str] = []
    false_proven: list[str] = []
    healthy: list[str] = []
    left_over: int = 0

    @property
    def is_right(self) -> bool:
        """Each planted fault was named as its rule asks, or in its pair, and nothing else was said.

        What takes evidence that isn't there is right to be left unexplained.
        """
        named = all(
            each.outcome in ("right", "pair")
            or (each.outcome == "unexplained" and RULES[each.fault].unprovable_without)
            for each in self.planted
        )
        return named and not self.false and not self.left_over

    @property
    def is_honest(self) -> bool:
        """Each planted fault was named, or its amount left unexplained, and nothing that isn't there was proven."""
        told = all(each.outcome not in ("missed", "mistaken") for each in self.planted)
        return told and not self.false_proven


def judge(planted: Sequence[Planted], diagnosed: Diagnosed) -> Verdict:
    """Every planted fault, and every finding, is accounted for once."""
    used: set[int] = set()
    judged = []
    for each in planted:
        verdict, through = _judge_one(each, planted, diagnosed)
        judged.append(verdict)
        used |= through
    loose = [
        said for number, said in enumerate(diagnosed.findings)
        if number not in used and not _goes_with(said, [diagnosed.findings[each] for each in used])
    ]  # fmt: skip
    amounts = {(each.account, each.currency) for each in planted}
    return Verdict(
        planted=judged,
        false=[said.fault for said in loose if not said.healthy],
        false_proven=[said.fault for said in loose if not said.healthy and said.certainty == "proven"],
        healthy=[said.fault for said in loose if said.healthy],
        left_over=sum((rest.account, rest.currency) not in amounts for rest in diagnosed.unexplained),
    )


def _judge_one(
    planted: Planted, all_planted: Sequence[Planted], diagnosed: Diagnosed
) -> tuple[Judged, set[int]]:  # fmt: skip
    """The verdict, and the numbers of the findings that speak of this fault."""
    rule = RULES[planted.fault]
    mine = {
        number: said for number, said in enumerate(diagnosed.findings)
        if said.fault == planted.fault and _same_place(said, planted)
    }  # fmt: skip
    alone = {number: said for number, said in mine.items() if said.alternative_to is None}
    beside = sorted({said.fault for said in diagnosed.findings if said.alternative_to == planted.fault})
    if alone:
        fits = any(_fits(planted, [said]) for said in alone.values()) or _fits(planted, list(alone.values()))
        return Judged(planted.fault, "right" if fits else "inexact", beside), set(alone)
    paired = {
        number: said for number, said in enumerate(diagnosed.findings)
        if said.alternative_to is None and _same_place(said, planted)
        and (said.certainty == "possible" or (said.fault in rule.pairs and said.certainty == "likely"))
        and (any(other.alternative_to == said.fault for other in mine.values()) or planted.fault in said.proof)
    }  # fmt: skip
    if paired:
        return Judged(planted.fault, "pair", sorted({said.fault for said in paired.values()})), set(paired) | set(mine)
    if _is_unexplained(planted, all_planted, diagnosed.unexplained):
        return Judged(planted.fault, "unexplained"), set()
    others = {(each.fault, each.account) for each in all_planted if each is not planted}
    instead = {
        number: said for number, said in enumerate(diagnosed.findings)
        if not said.healthy and said.alternative_to is None and (said.fault, said.account) not in others
        and _speaks_of(said, planted)
    }  # fmt: skip
    if instead:
        return Judged(planted.fault, "mistaken", sorted({said.fault for said in instead.values()})), set()
    return Judged(planted.fault, "missed"), set()


def _same_place(said: Said, planted: Planted) -> bool:
    """One account in one currency; a fault of the whole store may be told of it or of an account."""
    if planted.account is None or said.account is None:
        return planted.account is said.account or bool(set(said.event_ids) & set(planted.event_ids))
    return (said.account, said.currency) == (planted.account, planted.currency)


def _speaks_of(said: Said, planted: Planted) -> bool:
    return (said.account is not None and (said.account, said.currency) == (planted.account, planted.currency)) or bool(
        set(said.event_ids) & set(planted.event_ids)
    )


def _fits(planted: Planted, said: list[Said]) -> bool:
    rule = RULES[planted.fault]
    events = {event_id for each in said for event_id in each.event_ids}
    amount = sum(each.amount for each in said)
    return _as_asked(rule.events, set(planted.event_ids), events) and (
        rule.amount == "any" or amount == planted.amount
    )  # fmt: skip


def _as_asked(precision: Precision, planted: set[str], said: set[str]) -> bool:
    if precision == "exact":
        return planted == said
    return precision == "any" or planted <= said


def _is_unexplained(planted: Planted, all_planted: Sequence[Planted], unexplained: Sequence[Rest]) -> bool:
    """Its amount is reported, alone or together with those of others that hit the same account."""
    mine = [rest.amount for rest in unexplained if (rest.account, rest.currency) == (planted.account, planted.currency)]
    others = [
        each.amount for each in all_planted
        if each is not planted and (each.account, each.currency) == (planted.account, planted.currency)
    ]  # fmt: skip
    sums = {planted.amount + sum(some) for size in range(len(others) + 1) for some in combinations(others, size)}
    return any(sum(some) in sums for size in (1, 2, 3) for some in combinations(mine[:12], size)) if mine else False


def _goes_with(said: Said, told: Sequence[Said]) -> bool:
    """A look-alike named beside a finding that is right."""
    return said.alternative_to is not None and any(
        each.fault == said.alternative_to and (each.account, each.currency) == (said.account, said.currency)
        for each in told
    )
