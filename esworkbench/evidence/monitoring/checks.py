"""The hourly checks, at one read-only cut of a live store. The ledger says what is claimed where; no domain is known.

Each does bounded work: what is new since the last run, the latest ``WINDOW`` positions, one row for each claim. What
they can't see (an old event rewritten, a running balance changed far back) a look at the whole store does, now and
then: a capture, ``verify`` and ``diff``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy.engine import URL

from esworkbench.errors import EsworkbenchError, UnusableInput
from esworkbench.event_store.anchors.files import KEYS, anchors_in, read_anchors
from esworkbench.event_store.anchors.keys import read_public_keys
from esworkbench.event_store.anchors.own_copy import OwnCopy, copies_in, copies_query, trusted_copies
from esworkbench.event_store.anchors.tree import Frontier, Leaf, leaf_hash
from esworkbench.event_store.chain import GENESIS
from esworkbench.event_store.columns import moment_of
from esworkbench.event_store.missing_guards import missing_guards
from esworkbench.event_store.schema import anchors as own_table
from esworkbench.event_store.schema import events
from esworkbench.evidence.capturing.opening import opened, require_event_store
from esworkbench.evidence.capturing.poster import Poster
from esworkbench.evidence.capturing.source import Pace, SourceDatabase
from esworkbench.evidence.ledger import LedgerDefinition, ReadModel
from esworkbench.evidence.monitoring.state import WINDOW, LogSeen, MonitorState, Sums
from esworkbench.projections.tables import checkpoint_log

NAMED_AT_MOST = 3
"""So many rows of the store's own anchors that prove nothing are told."""

LISTED = 20
"""So many of what a check found are listed; all are counted."""

State = Literal["ok", "found", "not_checked"]

NEW_EVENTS = """
    SELECT global_position, stream_id, version, event_id, event_type, schema_version, payload FROM events
    WHERE global_position > {after} AND global_position <= {up_to} ORDER BY global_position LIMIT {limit}
"""
NOT_LINKED = """
    SELECT e.global_position, e.stream_id, e.version FROM events e
    WHERE e.global_position > {after} AND (
        (e.version = 1 AND e.prev_hash <> '{genesis}')
        OR e.version < 1
        OR (e.version > 1 AND NOT EXISTS (
            SELECT 1 FROM events b
            WHERE b.stream_id = e.stream_id AND b.version = e.version - 1 AND b.hash = e.prev_hash)))
    ORDER BY e.global_position LIMIT {limit}
"""
GAPS = """
    SELECT before + 1, global_position - 1 FROM (
        SELECT global_position, lag(global_position) OVER (ORDER BY global_position) AS before
        FROM events WHERE global_position > {after}
    ) AS placed WHERE global_position > before + 1 ORDER BY 1
"""
LEAVES = """
    SELECT global_position, stream_id, version, hash FROM events
    WHERE global_position > {after} AND global_position <= {up_to} ORDER BY global_position
"""


class MonitorCheck(NamedTuple):
    """One check: whether something was found, in words; ``found`` lists the first of ``total``."""

    name: str
    state: State
    words: str
    total: int = 0
    found: Sequence[Mapping[str, Any]] = ()


class Limits(NamedTuple):
    """``lag`` is the longest that an event may wait for a read model, ``pending`` that money may be held (the ledger's,
    where None), ``events`` how many events one run reads at most for each sum."""

    lag: timedelta = timedelta(minutes=1)
    pending: timedelta | None = None
    events: int = 1_000_000


class Round(NamedTuple):
    """One run of all checks: at what moment, by whose clock."""

    at: datetime
    clock: Literal["server", "this machine"]
    checks: list[MonitorCheck]
    notes: list[str]

    @property
    def found(self) -> list[MonitorCheck]:
        return [each for each in self.checks if each.state == "found"]


def check_store(
    url: URL,
    ledger: LedgerDefinition,
    state: MonitorState,
    *,
    outside: Path,
    limits: Limits,
    pace: Pace,
    clock: Callable[[], datetime],
    all_anchors: bool = False,
) -> Round:
    """Run every check at one cut and bring ``state`` up to it. ``outside`` is where anchors and their keys lie.

    ``all_anchors``: hold the log against every anchor, not the last stretch alone. On SQLite, which has no server,
    ``clock`` is asked. Raises UnusableInput where the store can't be read.
    """
    named = [each.table for each in ledger.read_model]
    tables = ["checkpoints", "checkpoint_log", "dead_letters", own_table.name, *named]
    with opened(url, pace, tables, brief=True) as source:
        require_event_store(source.columns())
        server = source.server_time()
        cut = _Cut(source, ledger, server or clock(), limits)
        notes = cut.begin(state)
        checks = [
            cut.log(state), cut.lag(), cut.dead_letters(), *cut.balances(state), cut.pending(),
            cut.anchors(outside, all_anchors), cut.guards(),
        ]  # fmt: skip
    return Round(cut.now, "this machine" if server is None else "server", checks, notes)


class _Cut:
    """The store as it is at one moment."""

    def __init__(self, source: SourceDatabase, ledger: LedgerDefinition, now: datetime, limits: Limits) -> None:
        self._source = source
        self._ledger = ledger
        self._limits = limits
        self._columns = source.columns()
        self.now = now
        self.head: int = self._one("SELECT coalesce(max(global_position), 0) FROM events")
        self.checkpoints: dict[str, int] = (
            dict(self._ask("SELECT projection, position FROM checkpoints ORDER BY 1"))
            if "checkpoints" in self._columns
            else {}
        )

    def begin(self, state: MonitorState) -> list[str]:
        """Empty what an earlier run left, where that was about another log or followed another ledger."""
        first = self._ask("SELECT hash FROM events ORDER BY global_position LIMIT 1")
        first_hash = first[0][0] if first else None
        ledger = sha256(repr(self._ledger).encode()).hexdigest()
        notes = []
        if state.first_hash not in (None, first_hash):
            notes.append("the log's first event is another than at the last run, so this one begins anew")
            state.sums, state.log, state.whole = {}, None, None
        if state.ledger not in (None, ledger):
            notes.append("the ledger is another than at the last run, so sums begin anew")
            state.sums = {}
        state.first_hash, state.ledger = first_hash, ledger
        return notes

    def log(self, state: MonitorState) -> MonitorCheck:
        """Whether the latest stretch of the log is linked and whole, and still holds what it held at the last run."""
        found: list[dict[str, Any]] = []
        before = state.log
        if before is not None:
            if self.head < before.head:
                found.append({"what": "the log's end is gone", "from": self.head + 1, "to": before.head})
            still = self._count(before.after, before.head)
            if still < before.events:
                found.append({"what": "events are gone", "after": before.after, "events": before.events - still})
        gone = bool(found)
        astray = self._one("SELECT count(*) FROM events WHERE global_position < 1")
        if astray:
            found.append({"what": "events below position 1, where no reader looks", "events": astray})
        after = max(0, self.head - WINDOW)
        query = NOT_LINKED.format(after=after, genesis=GENESIS, limit=LISTED + 1)
        found += [
            {"what": "an event whose predecessor is not there as it was", "position": position, "stream_id": stream,
             "version": version}
            for position, stream, version in self._ask(query)
        ]  # fmt: skip
        gaps = self._ask(GAPS.format(after=after))
        if self._source.engine == "sqlite":
            # One writer, who takes a position back when rolled back: a gap is an event that was deleted.
            found += [{"what": "a position without an event", "from": first, "to": last} for first, last in gaps]
        if not gone:
            state.log = LogSeen(self.head, after, self._count(after, self.head))
        without = sum(last - first + 1 for first, last in gaps)
        words = f"the latest {self.head - after:,} positions: {without:,} hold no event"
        return _check("log", found, f"{words}; all others are linked", f"{words}; the log isn't what was written")

    def lag(self) -> MonitorCheck:
        """Which projections have an event waiting for longer than the limit, or have seen more than there is."""
        found: list[dict[str, Any]] = []
        for projection, position in self.checkpoints.items():
            if position > self.head:
                found.append({"projection": projection, "checkpoint": position, "head": self.head, "seconds": None})
                continue
            oldest = self._ask(
                f"SELECT recorded_at FROM events WHERE global_position > {position} ORDER BY global_position LIMIT 1"
            )
            moment = _moment(oldest[0][0]) if oldest else None
            seconds = 0.0 if moment is None else (self.now - moment).total_seconds()
            if seconds > self._limits.lag.total_seconds():
                found.append(
                    {"projection": projection, "checkpoint": position, "head": self.head, "seconds": round(seconds, 3)}
                )
        limit = f"{self._limits.lag.total_seconds():g} s"
        if not self.checkpoints:
            return MonitorCheck("lag", "not_checked", "no projection has ever run")
        return _check(
            "lag", found, f"no event has waited for more than {limit}",
            f"projections that an event waits for more than {limit} for, or that are ahead of the log",
        )  # fmt: skip

    def dead_letters(self) -> MonitorCheck:
        """What could not be handled: read models lack it until it is replayed."""
        if "dead_letters" not in self._columns:
            return MonitorCheck("dead_letters", "ok", "nothing was ever parked")
        found = [
            {"projection": projection, "events": count, "first": first}
            for projection, count, first in self._ask(
                "SELECT projection, count(*), min(position) FROM dead_letters GROUP BY projection ORDER BY projection"
            )
        ]
        return _check("dead_letters", found, "nothing is parked", "events that a projection parked")

    def balances(self, state: MonitorState) -> Iterator[MonitorCheck]:
        """Each table of current balances against the event sums at its own checkpoint."""
        models = [each for each in self._ledger.read_model if each.kind == "head"]
        if not models:
            yield MonitorCheck("balances", "not_checked", "the ledger names no table of current balances")
        for model in models:
            yield self._balances_of(model, state)

    def _balances_of(self, model: ReadModel, state: MonitorState) -> MonitorCheck:
        name = f"balances {model.table}"
        checkpoint = self.checkpoints.get(model.projection)
        if model.table not in self._columns or checkpoint is None:
            return MonitorCheck(name, "not_checked", f"there is no table {model.table} with a checkpoint")
        lacking = {model.account, model.currency, model.claimed} - self._columns[model.table]
        if lacking:
            raise UnusableInput(
                f"the ledger names columns {', '.join(sorted(lacking))} of {model.table}, which doesn't have them"
            )
        sums = state.sums.get(model.table)
        if sums is None or sums.position > checkpoint:
            sums = state.sums[model.table] = Sums()  # it is being rebuilt, or new to us
        self._go_on(sums, checkpoint)
        if sums.position < checkpoint:
            return MonitorCheck(
                name, "not_checked",
                f"{sums.position:,} of {checkpoint:,} positions are summed so far: the next runs go on from there",
            )  # fmt: skip
        apart = list(self._apart(model, sums))
        found: list[dict[str, Any]] = apart[:LISTED]
        unread = sum(sums.unposted.values()) + sums.problems
        if unread:
            found.append({"what": "events that the ledger can't post", "events": unread, "types": sums.unposted})
        accounts = sum(len(each) for each in sums.by_account.values())
        right = f"{accounts:,} balances are what the events up to {checkpoint:,} come to"
        wrong = f"{len(apart):,} balances are not what the events up to {checkpoint:,} come to"
        return MonitorCheck(
            name, "found" if found else "ok", wrong if found else right, len(apart) + bool(unread), found
        )

    def _go_on(self, sums: Sums, checkpoint: int) -> None:
        poster = Poster(self._ledger)
        read = 0
        query = NEW_EVENTS.format(after=sums.position, up_to=checkpoint, limit=self._limits.events)
        for batch in self._source.rows(query):
            for position, *event in batch:
                if not all(type(event[place]) is str for place in (0, 3, 5)):
                    sums.problems += 1  # no event of ours: the look at the whole store says what it is
                    sums.position = position
                    continue
                for posted in poster.post(*event):
                    of_account = sums.by_account.setdefault(posted.account, {})
                    of_account[posted.currency] = of_account.get(posted.currency, 0) + posted.amount_minor
                sums.position = position
            read += len(batch)
        if read < self._limits.events:
            sums.position = checkpoint  # what lies between holds no event
        for kind, count in poster.unposted.items():
            sums.unposted[kind] = sums.unposted.get(kind, 0) + count
        sums.problems += poster.problem_count

    def _apart(self, model: ReadModel, sums: Sums) -> Iterator[dict[str, Any]]:
        unseen = {(account, currency) for account, each in sums.by_account.items() for currency in each}
        rows = f"SELECT {model.account}, {model.currency}, {model.claimed} FROM {model.table}"
        for batch in self._source.rows(f"{rows} ORDER BY 1, 2"):
            for account, currency, claimed in batch:
                unseen.discard((account, currency))
                expected = sums.by_account.get(account, {}).get(currency, 0)
                if type(claimed) is not int or claimed != expected:
                    yield {"account": account, "currency": currency, "claimed": claimed, "event_sum": expected}
        for account, currency in sorted(unseen):
            expected = sums.by_account[account][currency]
            yield {"account": account, "currency": currency, "claimed": None, "event_sum": expected}

    def pending(self) -> MonitorCheck:
        """Holds older than the limit, by the server's clock, in every table of holds that the ledger names."""
        models = [each for each in self._ledger.read_model if each.kind == "holds" and each.table in self._columns]
        limit = self._limits.pending
        if limit is None and self._ledger.pending is not None:
            limit = timedelta(hours=self._ledger.pending.limit_hours)
        models = [each for each in models if each.recorded_at is not None]
        if not models or limit is None:
            return MonitorCheck("pending", "not_checked", "the ledger names no table of holds with the time of each")
        found = []
        for model in models:
            columns = (model.account, model.hold, model.claimed, model.currency, model.recorded_at)
            for batch in self._source.rows(f"SELECT {', '.join(map(str, columns))} FROM {model.table} ORDER BY 5, 2"):
                for account, hold, amount, currency, since in batch:
                    moment = _moment(since)
                    if moment is None or self.now - moment > limit:
                        found.append(
                            {"account": account, "request": hold, "amount": amount, "currency": currency,
                             "since": since if moment is None else moment.isoformat()}
                        )  # fmt: skip
        hours = f"{limit / timedelta(hours=1):g} h"
        return _check("pending", found, f"no hold is older than {hours}", f"holds older than {hours}")

    def anchors(self, outside: Path, every: bool) -> MonitorCheck:
        """The log against the last anchor outside it and the store's own copies: the stretch since the one before it,
        or all of it."""
        try:
            folder = anchors_in(outside)
            kept = read_anchors(folder, read_public_keys(folder.parent / KEYS) if folder.is_dir() else None)
        except EsworkbenchError as error:
            return MonitorCheck("anchors", "found", f"the anchors prove nothing: {error}", 1)
        own = self._own_copies()
        if not kept:
            return self._without_anchor_outside(outside, own)
        last = kept[-1]
        copies, unsigned = trusted_copies(own, read_public_keys(folder.parent / KEYS), last.anchor.log_id)
        before = None if every else next((each for each in kept[-2:-1] if each.frontier is not None), None)
        frontier = Frontier(before.frontier or (), before.anchor.count) if before else Frontier()
        start = before.anchor.position if before else 0
        due = [(each.anchor, "") for each in (kept if every else [last])]
        due += [(each, " in its own table") for each in copies if each.position > start]
        apart = []
        furthest, where = max(due, key=lambda each: each[0].position)
        if furthest.position > self.head:
            what = f"the log ends before an anchor{where}" if where else "the log ends before the last anchor"
            apart.append({"what": what, "head": self.head, "anchored": furthest.position})
        for each, _ in sorted(due, key=lambda each: each[0].position):
            if each.position > start:
                for batch in self._source.rows(LEAVES.format(after=start, up_to=each.position)):
                    frontier.extend(leaf_hash(Leaf(*row)) for row in batch if _is_leaf(row))
            start = each.position
            if frontier.root().hex() != each.root:
                apart.append({"what": "the log isn't what was anchored", "up_to": each.position,
                              "anchored_at": each.anchored_at})  # fmt: skip
                break
        reach = "every anchor" if every or before is None else "the last anchor's stretch"
        stands = f"the log is what was anchored up to {last.anchor.position:,}, by {reach}"
        # No finding: whoever may append to that table could keep every hour red, and hide in it what matters.
        told = "".join(f"; {each}" for each in unsigned[:NAMED_AT_MOST])
        more = f"; and {len(unsigned) - NAMED_AT_MOST:,} rows like it" if len(unsigned) > NAMED_AT_MOST else ""
        wrong = "the log was rewritten: `esworkbench anchor` says which events differ"
        return _check("anchors", apart, f"{stands}{told}{more}", f"{wrong}{told}{more}")

    def _own_copies(self) -> list[OwnCopy]:
        """The store's own table of anchors, empty where there is none."""
        there = self._columns.get(own_table.name)
        return copies_in(self._ask(copies_query(there, self._source.engine))) if there else []

    def _without_anchor_outside(self, outside: Path, own: Sequence[OwnCopy]) -> MonitorCheck:
        """Nobody vouches for a row of the own table here, and one past the log's end has to be looked at even so."""
        past = [each.anchor.position for each in own if each.anchor and each.anchor.position > self.head]
        words = f"there is no anchor in {outside}"
        if past:
            found = [{"what": "the log ends before an anchor in its own table", "head": self.head,
                      "anchored": max(past)}]  # fmt: skip
            return _check("anchors", found, "", f"{words}, and the log ends before what its own table of anchors says")
        held = f"; {len(own):,} rows of the store's own table prove nothing without it" if own else ""
        return MonitorCheck("anchors", "not_checked", f"{words}: take one with `esworkbench anchor`{held}")

    def guards(self) -> MonitorCheck:
        missing = missing_guards(self._ask, self._source.engine, (events, checkpoint_log))
        found = [{"what": each} for each in missing]
        return _check("guards", found, "all guards against rewriting are in place", "guards are not in place")

    def _count(self, after: int, up_to: int) -> int:
        counted: int = self._one(
            f"SELECT count(*) FROM events WHERE global_position > {after} AND global_position <= {up_to}"
        )
        return counted

    def _one(self, query: str) -> Any:
        return self._ask(query)[0][0]

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return [row for batch in self._source.rows(query) for row in batch]


def _check(name: str, found: Sequence[Mapping[str, Any]], right: str, wrong: str) -> MonitorCheck:
    return MonitorCheck(name, "found" if found else "ok", wrong if found else right, len(found), found[:LISTED])


def _is_leaf(row: tuple[Any, ...]) -> bool:
    """A row that no event of ours ever was adds nothing, so the root differs."""
    position, stream, version, event_hash = row
    return (
        type(position) is int and type(version) is int and type(stream) is str
        and type(event_hash) is str and len(event_hash) == len(GENESIS) and event_hash.isalnum()
    )  # fmt: skip


def _moment(value: object) -> datetime | None:
    """A time as either engine keeps it; None for what is none."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    try:
        return moment_of(str(value))
    except ValueError:
        return None
