"""Read models, checkpoints and snapshots that were changed outside the runner: by hand, by a restore, by a loss."""

from esworkbench.forensics.challenge.draw import CantPlant, Draw
from esworkbench.forensics.challenge.plants.planted import Planted
from esworkbench.forensics.challenge.working_copy import WorkingCopy, with_values


def manual_edit(copy: WorkingCopy, draw: Draw) -> Planted:
    _, account, currency = draw.account()
    by = draw.amount() * draw.random.choice((1, -1))
    projection = draw.projection()
    postings = [row for row in copy.table("postings", account) if row["account"] == account]
    middle = sorted(row["position"] for row in postings)[len(postings) // 2]
    copy.shift(projection, account, currency, middle, by)
    return Planted(account, currency, by, abs(by))


def row_lost(copy: WorkingCopy, draw: Draw) -> Planted:
    stream, account, currency = draw.account()
    projection, event = draw.projection("running"), draw.posting_event(stream)
    [(_, _, amount)] = copy.posted(event)
    copy.drop_row(projection, account, event["position"])
    return Planted(account, currency, -amount, abs(amount))


def restored_read_model(copy: WorkingCopy, draw: Draw) -> Planted:
    """A read model put back as it was some events ago, beside a checkpoint that wasn't."""
    projection = draw.projection("head")
    since = copy.head - draw.random.randint(5, 25)
    moved = copy.evidence.rows(
        "SELECT account, currency, sum(amount_minor)::BIGINT FROM postings WHERE position > $since GROUP BY 1, 2 "
        "HAVING sum(amount_minor) <> 0 ORDER BY 1, 2", since=since,
    )  # fmt: skip
    if not moved:
        raise CantPlant("the last events move nothing")
    for account, currency, amount in moved:
        copy.shift(projection, account, currency, since, -amount)
    account, currency, amount = moved[0]
    return Planted(account, currency, -amount, None)


def checkpoint_moved(copy: WorkingCopy, draw: Draw) -> Planted:
    projection = draw.projection("head")
    checkpoint = draw.chosen(
        [row for row in copy.table("checkpoints") if row["projection"] == projection], "no checkpoint is kept"
    )
    checkpoint["position"] -= draw.random.randint(3, max(4, checkpoint["position"] // 4))
    return Planted(None, None, None)


def bad_snapshot(copy: WorkingCopy, draw: Draw) -> Planted:
    """A snapshot's state with another balance."""
    said = copy.ledger.snapshot
    if said is None or not copy.table("snapshots"):
        raise CantPlant("there are no snapshots whose balance the ledger knows")
    snapshot = draw.chosen(
        [row for row in copy.table("snapshots") if row["stream_id"].startswith(f"{said.category}-")], "no snapshots"
    )
    account, by = snapshot["stream_id"].partition("-")[2], draw.amount()
    for claim in copy.claims(account, "snapshots", "snapshot"):
        if claim["version"] == snapshot["version"]:
            claim["claimed_minor"] += by
            snapshot["state"] = with_values(snapshot["state"], {said.claimed: claim["claimed_minor"]})
            return Planted(account, claim["currency"], by, by)
    raise CantPlant("no snapshot claims a balance")
