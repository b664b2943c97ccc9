"""The ledger of residuals: what of each is still unexplained. Every residual is explained once.

Detectors read it and never write it: they return what they would explain, and ``diagnose`` books that before the next
detector looks.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from esworkbench.forensics.compare.columns import COLUMN_KINDS
from esworkbench.forensics.compare.records import Key, Residual, Source
from esworkbench.forensics.diagnosis.findings import Certainty, Finding, Unexplained


class Share(NamedTuple):
    """``amount`` minor units of a source's residual: of one step, or of the head figure where ``number`` is None."""

    source: str
    key: Key
    amount: int
    number: int | None = None


class LookAlike(NamedTuple):
    """Another fault, by name, that would look the same on this evidence; ``proof`` says what tells the two apart."""

    fault: str
    proof: str


class Explanation(NamedTuple):
    """A finding, the residuals it accounts for, and the faults it can't be told apart from here."""

    finding: Finding
    shares: list[Share]
    look_alikes: tuple[LookAlike, ...] = ()


class NotTestable(NamedTuple):
    """What the evidence lacks for a test."""

    missing: str


Explanations = list[Explanation] | NotTestable


class NotConserved(Exception):
    """Findings and what is unexplained don't add up to the difference between claims and events."""


class Left:
    """What is left of each residual, in minor units. A head that agrees with the events has none to explain."""

    def __init__(self, residuals: list[Residual]) -> None:
        self._residuals = residuals
        # Detectors ask account by account, so that a look through all residuals each time would take their square.
        self._of_key: dict[Key, list[Residual]] = {}
        for residual in residuals:
            self._of_key.setdefault(residual.key, []).append(residual)
        self._steps = {residual.number: residual.amount for residual in residuals if residual.kind != "head"}
        self._heads: dict[tuple[str, Key], int] = {
            (residual.source, residual.key): residual.amount for residual in residuals if residual.kind == "head"
        }
        self._residuals = residuals
        self._taken = Counter[tuple[str, Key, int | None]]()
        self._findings: list[Finding] = []

    def head(self, source: str, key: Key) -> int:
        return self._heads.get((source, key), 0)

    def heads(self, source: str) -> dict[Key, int]:
        """The source's figures that are not explained, by account and currency."""
        return {key: amount for (name, key), amount in self._heads.items() if name == source and amount}

    def heads_of(self, key: Key) -> list[int]:
        """What is left of every source's figure for one account and currency."""
        sources = [each.source for each in self._of_key.get(key, []) if each.kind == "head"]
        return [amount for source in sources if (amount := self._heads[source, key])]

    def step(self, residual: Residual) -> int:
        return self._steps[residual.number]

    def steps(self, *, source: str | None = None, key: Key | None = None, kind: str | None = None) -> list[Residual]:
        """The steps that are not explained, with what is left of each as their amount, in the evidence's order.

        Without a ``kind``, those of balances: what stands beside a balance is in ``columns``.
        """
        return [
            residual._replace(amount=self._steps[residual.number])
            for residual in (self._residuals if key is None else self._of_key.get(key, []))
            if self._steps.get(residual.number)
            and source in (None, residual.source)
            and (residual.kind not in COLUMN_KINDS if kind is None else kind == residual.kind)
        ]

    def columns(self) -> list[Residual]:
        """What is not explained of the claims that stand beside a balance."""
        return [step for kind in COLUMN_KINDS for step in self.steps(kind=kind)]

    def found(self, fault: str) -> list[Finding]:
        """What was found of that fault so far: whoever is asked later tells no second cause of the same events."""
        return [finding for finding in self._findings if finding.fault == fault]

    def all_found(self) -> list[Finding]:
        return list(self._findings)

    def note(self, finding: Finding) -> None:
        self._findings.append(finding)

    def book(self, shares: list[Share]) -> None:
        """Subtract what a finding explains."""
        for share in shares:
            self._taken[share.source, share.key, share.number] += share.amount
            if share.number is None:
                self._heads[share.source, share.key] -= share.amount
            else:
                self._steps[share.number] -= share.amount

    def require_conserved(self, unexplained: Iterable[Unexplained]) -> None:
        """Every minor unit of every residual was taken by a finding or is reported as unexplained, once.

        Raises NotConserved: an error of ours, after which no answer may be given.
        """
        told = Counter((each.source, each.account, each.currency, each.amount) for each in unexplained)
        for residual in self._residuals:
            place = (residual.source, residual.key, None if residual.kind == "head" else residual.number)
            rest = residual.amount - self._taken[place]
            if rest:
                told[residual.source, *residual.key, rest] -= 1
        for (source, _, currency, amount), surplus in told.items():
            if surplus:
                raise NotConserved(
                    f"of what {source} differs by, {amount} minor units of {currency} on one account are told "
                    f"{'twice' if surplus > 0 else 'by nobody'}"
                )

    def accounts(self) -> list[Key]:
        """Accounts and currencies with anything left, sorted."""
        heads = {key for (_, key), amount in self._heads.items() if amount}
        return sorted(heads | {residual.key for residual in (*self.steps(), *self.columns())})


def whole(residual: Residual) -> Share:
    """All that is left of one step."""
    return Share(residual.source, residual.key, residual.amount, residual.number)


def explained(finding: Finding, shares: Iterable[Share]) -> Finding:
    """The finding, what it takes of each source's residuals, and the other accounts that it takes any of."""
    takes = Counter(finding.explains)
    others: dict[str, Counter[str]] = {}
    for share in shares:
        takes[share.source] += share.amount
        if finding.account not in (None, share.key[0]):
            of_source = others.setdefault(share.key[0], Counter())
            of_source[share.source] += share.amount if share.key[1] == finding.currency else 0
    elsewhere = {account: max(each.values(), key=abs) for account, each in others.items()}
    return msgspec.structs.replace(finding, explains=dict(takes), elsewhere=elsewhere | finding.elsewhere)


Name = tuple[str, str | None, str | None, bool, bool]


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """A fault that shows in several claims is one fault, where they give one amount or none: all give events."""
    found: list[Finding] = []
    by_name: dict[Name, list[int]] = {}
    for finding in findings:
        places = by_name.setdefault(
            (finding.fault, finding.account, finding.currency, finding.alternative_to is None, finding.healthy), []
        )
        place = next((each for each in places if _of_one_amount(found[each], finding)), None)
        if place is None:
            places.append(len(found))
            found.append(finding)
        else:
            found[place] = _joined(found[place], finding)
    return found


STRENGTHS: tuple[Certainty, ...] = ("possible", "likely", "proven")


def _of_one_amount(first: Finding, second: Finding) -> bool:
    return first.amount == second.amount or not first.amount or not second.amount


def _joined(first: Finding, second: Finding) -> Finding:
    ids = list(dict.fromkeys([*first.event_ids, *second.event_ids]))
    proof = first.proof if second.proof in first.proof else f"{first.proof}; also: {second.proof}"
    # What each proves of the same events by itself, the stronger proves; of other events it says nothing.
    weights = [STRENGTHS.index(each.certainty) for each in (first, second)]
    stronger = second if weights[1] > weights[0] and {*first.event_ids} <= {*second.event_ids} else first
    return msgspec.structs.replace(
        first,
        certainty=stronger.certainty,
        positions=sorted({*first.positions, *second.positions}),
        event_ids=ids,
        proof=proof,
        sources=list(dict.fromkeys([*first.sources, *second.sources])),
        amount=first.amount or second.amount,
        explains={
            name: first.explains.get(name, 0) + second.explains.get(name, 0)
            for name in dict.fromkeys([*first.explains, *second.explains])
        },
        elsewhere={**second.elsewhere, **first.elsewhere},
        alternative_to=None if None in (first.alternative_to, second.alternative_to) else first.alternative_to,
    )


def echoes(findings: list[Finding], left: Left, sources: list[Source]) -> list[Share]:
    """What is left in one claim and equals what another claim's finding has explained on the same account.

    A fault in the log shows in every claim made before it: one finding, several residuals. In a claim of which the
    finding has taken its share already, the same amount once more is another difference.
    """
    told: dict[Key, list[Finding]] = {}
    for finding in findings:
        if finding.account is not None and finding.currency is not None and finding.alternative_to is None:
            told.setdefault((finding.account, finding.currency), []).append(finding)
    shares: list[Share] = []
    for key, mine in told.items():
        for source in sources:
            amounts = [finding.amount for finding in mine if not finding.explains.get(source.name)]
            known = {*amounts, sum(amounts)} - {0}
            if source.kind == "head":
                if left.head(source.name, key) in known:
                    shares.append(Share(source.name, key, left.head(source.name, key)))
                continue
            steps = left.steps(source=source.name, key=key)
            if sum(step.amount for step in steps) in known:
                shares += [whole(step) for step in steps]
            else:
                shares += [whole(step) for step in steps if step.amount in known]
    return shares
