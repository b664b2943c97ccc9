"""The choices of one trial: which account, which event, how much; and new events made after those that are there."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from esworkbench.evidence.ledger import PostingRule
from esworkbench.forensics.challenge.working_copy import (
    Row,
    WorkingCopy,
    amount_as_written,
    at_path,
    with_values,
)

SMALLEST = 1
"""The first trial of each fault is about one minor unit."""


class CantPlant(Exception):
    """What this evidence lacks for a plant."""


_ODD = """
    SELECT stream_id FROM events WHERE type IS NULL OR recorded_at IS NULL OR valid_at IS NULL OR version IS NULL
        OR schema_version IS NULL OR TRY(json_type(payload)) IS DISTINCT FROM 'OBJECT'
        OR TRY(json_type(metadata)) IS DISTINCT FROM 'OBJECT'
    UNION SELECT stream_id FROM oddities WHERE stream_id IS NOT NULL
"""
"""Streams with an event that is no plain one: what is planted there couldn't be told from what is odd already."""


def odd_streams(copy: WorkingCopy) -> set[str]:
    return {stream_id for (stream_id,) in copy.evidence.rows(_ODD)}


class Draw:
    """The choices of one trial: an account, an amount, an event. One seed gives the same."""

    def __init__(self, copy: WorkingCopy, trial: int, random: Random) -> None:
        self.copy = copy
        self.trial = trial
        self.random = random
        self.now: datetime = copy.evidence.now

    def amount(self, most: int = 100_000) -> int:
        """One minor unit in the first trial, then evenly over the orders of magnitude up to ``most``."""
        largest = max(1, most)
        return SMALLEST if self.trial == 0 else min(largest, int(largest ** self.random.random()) + 1)

    def chosen(self, what: list[Any], lacking: str) -> Any:
        """One of a list; CantPlant where it is empty."""
        if not what:
            raise CantPlant(lacking)
        return what[self.random.randrange(len(what))]

    def account(self, *, stated: bool = False) -> tuple[str, str, str]:
        """Stream, account and currency of an account with a stream to itself that is still in use; another each trial.

        ``stated``: that a statement goes on about.
        """
        closing = self.copy.ledger.invariants.closing_event
        found = self.copy.evidence.rows(
            "SELECT min(stream_id), account, min(currency) FROM postings GROUP BY account "
            "HAVING count(DISTINCT stream_id) = 1 AND count(DISTINCT currency) = 1 AND count(*) >= 6 "
            "AND min(stream_id) NOT IN (SELECT stream_id FROM postings GROUP BY stream_id "
            "    HAVING count(DISTINCT account) > 1) "
            "AND min(stream_id) NOT IN (SELECT stream_id FROM events WHERE type = $closing) "
            f"AND min(stream_id) NOT IN ({_ODD}) "
            "AND (NOT $stated OR account IN (SELECT account FROM statements)) ORDER BY md5(account || $seed)",
            closing=closing or "", stated=stated, seed=str(self.random.getrandbits(20)),
        )  # fmt: skip
        if not found:
            raise CantPlant("no account has a stream to itself, six postings" + (" and a statement" * stated))
        stream, account, currency = found[0]
        return stream, account, currency

    def posting_event(
        self, stream: str, *, inner: bool = True, among: Callable[[Row, PostingRule], bool] = lambda *_: True
    ) -> Row:
        """An event of the stream that moves money by one rule; ``inner``: neither among the first nor the last."""
        events = self.copy.stream(stream)
        mine = [each for each in (events[2:-1] if inner else events) if self._moves(each, among)]
        found: Row = self.chosen(mine, "no account has such an event in the middle of its stream")
        return found

    def _moves(self, event: Row, among: Callable[[Row, PostingRule], bool]) -> bool:
        posted = self.copy.posted(event)
        rule = self.copy.rule_of(event)
        return len(posted) == 1 and posted[0][2] != 0 and rule is not None and rule.sign != 0 and among(event, rule)

    def projection(self, *kinds: str) -> str:
        """A projection that keeps current balances or a history (or ``kinds``), and has claims here."""
        there = {(name, kind) for name, kind in self.copy.evidence.rows("SELECT DISTINCT source, kind FROM assertions")}
        names = {
            model.projection for model in self.copy.ledger.read_model
            if model.kind in (kinds or ("head", "running")) and (model.projection, model.kind) in there
        }  # fmt: skip
        return str(self.chosen(sorted(names), f"no read model of kind {' or '.join(kinds or ('head', 'running'))}"))

    def statement(self, account: str) -> str:
        files = sorted({row["file"] for row in self.copy.table("statements") if row["account"] == account})
        return str(self.chosen(files, "no statement"))

    # new events

    def template(
        self, stream: str, sign: int, *, of: str | None = None, without: tuple[str, ...] = (), rounds: bool = False
    ) -> Row:
        """The latest event that moves money in this direction, of the stream if there is one, and is no part of two:
        no hold and no transfer; none that was worked out and
        rounded unless ``rounds``. ``of`` names a type instead."""
        ledger = self.copy.ledger
        parts = {*without}
        if ledger.pending is not None:
            parts |= {ledger.pending.request, ledger.pending.settle, ledger.pending.cancel}
        if ledger.transfer is not None:
            parts |= {ledger.transfer.sent, ledger.transfer.received}

        def fits(event: Row) -> bool:
            if of is not None:
                return bool(event["type"] == of and self.copy.rule_of(event) is not None)
            rule = self.copy.rule_of(event)
            plain = rule is not None and (rounds or not rule.rounds) and event["type"] not in parts
            return plain and any(amount * sign > 0 for _, _, amount in self.copy.posted(event))

        mine = [each for each in self.copy.stream(stream) if fits(each)]
        if mine:
            return mine[-1]
        others = self.copy.evidence.rows(
            "SELECT stream_id FROM events WHERE (type = $of OR $of IS NULL) "
            f"AND stream_id NOT IN ({_ODD}) GROUP BY 1 ORDER BY max(position) DESC LIMIT 9",
            of=of,
        )
        for (other,) in others:
            found = [each for each in self.copy.stream(other) if fits(each)]
            if found:
                return found[-1]
        raise CantPlant(f"no event of type {of}" if of else "no plain event that moves money in this direction")

    def draft(
        self, stream: str, template: Row, minor: int, at: datetime, *, currency: str, reference: str | None = None,
        values: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None,
    ) -> Row:  # fmt: skip
        """An event like the template, with another amount (minor units, without sign) and a business key of its own."""
        rule = self.copy.rule_of(template)
        assert rule is not None
        decimals = self.copy.evidence.decimals(currency)
        changed = {rule.amount: amount_as_written(template, rule, minor, decimals)}
        if rule.currency_field is not None:
            changed[rule.currency_field] = currency
        key = self.copy.ledger.business_key
        if key is not None and at_path(template["payload"], key) is not None:
            changed[key] = reference or self.name()
        said = json.loads(template["metadata"])
        kept = {"correlation_id": self.name(), "actor": said.get("actor")} if said else {}
        return {
            "stream_id": stream, "type": template["type"], "schema_version": template["schema_version"],
            "payload": with_values(template["payload"], changed | (values or {})),
            "metadata": {name: value for name, value in kept.items() if value} | (metadata or {}), "recorded_at": at,
        }  # fmt: skip

    def name(self) -> str:
        """An id that nothing else has, and that says nothing."""
        return f"N-{self.random.getrandbits(40):010x}"

    def reference(self, draft: Row) -> str:
        key = self.copy.ledger.business_key
        found = None if key is None else at_path(draft["payload"], key)
        if found is None:
            raise CantPlant("the ledger names no business key, so no line can be said to be an event's")
        return str(found)

    def later(self, hours: float = 1) -> datetime:
        """So long after the latest event so far."""
        try:
            return self.now + timedelta(hours=hours)
        except OverflowError:
            raise CantPlant("the latest event is at the end of all times, so nothing can come after it") from None

    def append(self, *drafts: Row, **given: Any) -> list[Row]:
        """As WorkingCopy.append; the clock goes on."""
        events = self.copy.append(*drafts, **given)
        self.now = max(self.now, *(event["recorded_at"] for event in events))
        return events

    def go_on(self, stream: str, account: str, currency: str, days: float = 12) -> None:
        """Life goes on: an honest event later, on the statement too, so that what came before isn't merely the end."""
        at = self.later(24 * days)
        template = self.template(stream, 1)
        draft = self.draft(stream, template, 5_000, at, currency=currency)
        self.append(draft)
        files = {row["file"] for row in self.copy.table("statements") if row["account"] == account}
        for file in sorted(files):
            self.copy.book(file, account, at, self.reference(draft), 5_000)
