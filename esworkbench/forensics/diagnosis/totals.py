"""What a source is off by in all, account by account: one figure of a head, or what the steps of its rows come to."""

from esworkbench.forensics.compare.records import Key, Source
from esworkbench.forensics.diagnosis.context import Facts
from esworkbench.forensics.diagnosis.unexplained import Left, Share, whole

BALANCES = ("head", "running", "daily")
"""The kinds of source that a projection of ours keeps."""


def errors_of(left: Left, source: Source) -> dict[Key, int]:
    """What isn't explained of each account, in minor units, where that isn't 0."""
    if source.kind == "head":
        return left.heads(source.name)
    found: dict[Key, int] = {}
    for step in left.steps(source=source.name, kind=source.kind):
        found[step.key] = found.get(step.key, 0) + step.amount
    return {key: amount for key, amount in found.items() if amount}


def shares_of_all(left: Left, source: Source, key: Key) -> list[Share]:
    """All that isn't explained of one account."""
    if source.kind == "head":
        return [Share(source.name, key, left.head(source.name, key))]
    return [whole(step) for step in left.steps(source=source.name, key=key, kind=source.kind)]


def events_between(facts: Facts, key: Key, after: int, up_to: int) -> list[tuple[int, str, str]]:
    """Position, id and type of the account's events after one position and up to another that post anything."""
    rows = facts.rows(
        "SELECT p.position, p.event_id, any_value(e.type) FROM postings AS p JOIN events AS e USING (event_id) "
        "WHERE p.account = $account AND p.currency = $currency AND p.position > $after AND p.position <= $up_to "
        "GROUP BY ALL HAVING sum(p.amount_minor) <> 0 ORDER BY 1",
        account=key[0], currency=key[1], after=after, up_to=up_to,
    )  # fmt: skip
    return [(position, event_id, type_) for position, event_id, type_ in rows]


def posted_between(facts: Facts, first: int, last: int) -> dict[Key, int]:
    """What the events from one position to another, both inclusive, post on each account, in minor units."""
    rows = facts.rows(
        "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings WHERE position BETWEEN $first AND $last "
        "GROUP BY ALL ORDER BY 1, 2",
        first=first, last=last,
    )  # fmt: skip
    return {(account, currency): amount for account, currency, amount in rows}
