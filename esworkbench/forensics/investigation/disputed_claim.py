"""Whether the faults found explain what somebody claims about a balance."""

from collections.abc import Sequence

from esworkbench.evidence import Evidence
from esworkbench.forensics.diagnosis.findings import Diagnosis, Unexplained
from esworkbench.forensics.investigation.seven_steps import Dispute

MOST_SHARES = 16


def unexplained_claim(evidence: Evidence, dispute: Dispute, held: int, diagnosis: Diagnosis) -> list[Unexplained]:
    """The claim's difference from the events, if nothing explains it; else nothing.

    A claim is explained if a read model shows it too, because then the diagnosis covers the difference (or it is only
    lag); or if it is off by amounts of findings on the account, or by ``held``, the open holds (minor units) that are
    still young enough to be answered.
    """
    heads = evidence.assertions(dispute.account, dispute.currency, kind="head")
    if any(head.claimed_minor == dispute.claimed for head in heads):
        return []
    causes = [each for each in diagnosis.findings if each.currency == dispute.currency and each.alternative_to is None]
    shares = [each.amount for each in causes if each.account == dispute.account]
    shares += [each.elsewhere[dispute.account] for each in causes if dispute.account in each.elsewhere]
    if dispute.delta in _sums([held, *shares[:MOST_SHARES]]):
        return []
    words = (
        f"{dispute.claimed_by} claims {dispute.money(dispute.claimed)}, which differs from the events by "
        f"{dispute.money(dispute.delta)}, and no fault that was found explains it"
    )
    return [
        Unexplained(
            account=dispute.account, currency=dispute.currency, source=dispute.claimed_by or "", amount=dispute.delta,
            at_position=None, words=words,
        )
    ]  # fmt: skip


def _sums(shares: Sequence[int]) -> set[int]:
    """The sum of every possible selection of the shares."""
    sums = {0}
    for share in shares:
        sums |= {sum_ + share for sum_ in sums}
    return sums
