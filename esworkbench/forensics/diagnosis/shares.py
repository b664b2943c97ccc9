"""Of all the money that moved, how much is cleared, timely, complete and unexplained: per currency, in integers.

The *gross* of a currency is the sum of what its postings moved, without their signs, in minor units: what came in and
went out again counts twice, so that nothing cancels. Four shares are given, each as ``of`` and ``over``:

``cleared``: over the gross; of it, what was moved on accounts of which some claim (a read model, a statement, a
snapshot) has seen the posting, less what those claims differ by. Of several claims on one account the one that differs
most counts, and no account loses more than it moved.
``timely``: over the gross; of it, what every projection that claims a balance has read.
``complete``: over the number of events in the log; of it, those that the ledger knows and could post, or knows to post
nothing. An event that it doesn't know has no currency, so this share is the same for each.
``unexplained``: over the gross; of it, what differs and no fault explains; again by the claim that differs most.

A per-cent is never rounded in anybody's favour: 100 is said only of the whole, and 0 unexplained only of nothing.
"""

from collections.abc import Iterable, Mapping, Sequence

from esworkbench.evidence import Evidence
from esworkbench.forensics.compare.records import Key, Residual, Source, State
from esworkbench.forensics.diagnosis.findings import Ratio, Shares, Unexplained

_GROSS = """
    WITH seen AS (
        SELECT account, currency, max(cut) AS cut FROM assertions
        JOIN (SELECT unnest($names::VARCHAR[]) AS source, unnest($kinds::VARCHAR[]) AS kind,
                     unnest($cuts::BIGINT[]) AS cut) USING (source, kind)
        GROUP BY account, currency
    )
    SELECT p.account, p.currency, sum(abs(p.amount_minor))::BIGINT,
        coalesce(sum(abs(p.amount_minor)) FILTER (p.position <= s.cut), 0)::BIGINT,
        coalesce(sum(abs(p.amount_minor)) FILTER (p.position <= $read_by_all), 0)::BIGINT
    FROM postings p LEFT JOIN seen s ON s.account = p.account AND s.currency = p.currency
    GROUP BY p.account, p.currency
"""

_PROJECTED = ("head", "running", "daily")


def shares_of_money(
    evidence: Evidence, sources: Sequence[Source], residuals: Iterable[Residual], unexplained: Iterable[Unexplained],
    unposted: Mapping[str, int],
) -> dict[str, Shares]:  # fmt: skip
    """The shares of each currency that a posting or a difference names, sorted."""
    cuts = [
        source.cut for source in sources if source.kind in _PROJECTED and evidence.checkpoint(source.name) is not None
    ]
    [(events, head)] = evidence.rows("SELECT count(*), coalesce(max(position), 0) FROM events")
    rows = evidence.rows(
        _GROSS, names=[source.name for source in sources], kinds=[source.kind for source in sources],
        cuts=[source.cut for source in sources], read_by_all=min(cuts, default=head),
    )  # fmt: skip
    apart = _worst(
        ((each.account, each.currency), each.source, each.amount)
        for each in residuals
        if each.state is State.DIVERGENCE
    )
    loose = _worst(
        ((each.account, each.currency), each.source, each.amount)
        for each in unexplained
        if each.account is not None and each.currency is not None
    )
    known = events - min(events, sum(unposted.values()) + _unpostable(evidence))
    found: dict[str, Shares] = {}
    for currency in sorted({row[1] for row in rows} | {key[1] for key in (*apart, *loose)}):
        mine = [row for row in rows if row[1] == currency]
        gross = sum(row[2] for row in mine)
        cleared = sum(max(0, seen - apart.get((account, currency), 0)) for account, _, _, seen, _ in mine)
        found[currency] = Shares(
            cleared=Ratio(cleared, gross),
            timely=Ratio(sum(row[4] for row in mine), gross),
            complete=Ratio(known, events),
            unexplained=Ratio(sum(amount for (_, coin), amount in loose.items() if coin == currency), gross),
        )
    return found


def per_cent(share: Ratio, *, upwards: bool = False) -> str:
    """The share with two decimals, cut off rather than rounded (or, ``upwards``, raised): ``99.99 %`` is not all."""
    if not share.over:
        return "—"
    hundredths = -(-share.of * 10_000 // share.over) if upwards else share.of * 10_000 // share.over
    return f"{hundredths // 100}.{hundredths % 100:02d} %"


def _worst(differences: Iterable[tuple[Key, str, int]]) -> dict[Key, int]:
    """What each account's claims differ by, without signs, by the source that differs most."""
    by_source: dict[Key, dict[str, int]] = {}
    for key, source, amount in differences:
        of_key = by_source.setdefault(key, {})
        of_key[source] = of_key.get(source, 0) + abs(amount)
    return {key: max(of_key.values()) for key, of_key in by_source.items()}


def _unpostable(evidence: Evidence) -> int:
    """Events that a rule knows and that don't fit it: the first hundred problems name theirs, the others count one."""
    manifest = evidence.manifest
    named = {problem.event_id for problem in manifest.problems if problem.event_id}
    return len(named) + manifest.problem_count - len(manifest.problems)
