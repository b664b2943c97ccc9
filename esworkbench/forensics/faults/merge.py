"""One finding for each fault, account and currency, however many claims showed it."""

from collections.abc import Iterable

import msgspec

from esworkbench.forensics.diagnosis.context import Key, Source
from esworkbench.forensics.diagnosis.findings import Finding
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

Name = tuple[str, str | None, str | None]


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """The same fault seen by several claims is one fault: the first to see it gives the amount, all give events."""
    found: dict[Name, Finding] = {}
    for finding in findings:
        name = (finding.fault, finding.account, finding.currency)
        found[name] = _joined(found[name], finding) if name in found else finding
    return list(found.values())


def _joined(first: Finding, second: Finding) -> Finding:
    ids = list(dict.fromkeys([*first.event_ids, *second.event_ids]))
    proof = first.proof if second.proof in first.proof else f"{first.proof}; also: {second.proof}"
    return msgspec.structs.replace(
        first,
        positions=sorted({*first.positions, *second.positions}),
        event_ids=ids,
        proof=proof,
        sources=list(dict.fromkeys([*first.sources, *second.sources])),
        amount=first.amount or second.amount,
        alternative_to=None if None in (first.alternative_to, second.alternative_to) else first.alternative_to,
    )


def echoes(findings: list[Finding], left: Left, sources: list[Source]) -> list[Share]:
    """What is left in one claim and equals what another claim's finding has explained on the same account.

    A fault in the log shows in every claim made before it: one finding, several residuals.
    """
    amounts: dict[Key, list[int]] = {}
    for finding in findings:
        if finding.account is not None and finding.currency is not None and finding.alternative_to is None:
            amounts.setdefault((finding.account, finding.currency), []).append(finding.amount)
    shares: list[Share] = []
    for key, explained in amounts.items():
        known = {*explained, sum(explained)} - {0}
        for source in sources:
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
