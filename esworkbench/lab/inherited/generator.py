"""Eight years of the shop's log, from one seed: this wrote ``data/inherited/log.jsonl.gz``.

``python -m esworkbench.lab.inherited.generator FILE`` writes it again. A line is an event as the old system kept it:
``id, stream, type, at`` (RFC 3339, UTC), ``meta`` (with or without a ``schema_version``) and ``data``.
"""

import gzip
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from esworkbench.lab.inherited import shop
from esworkbench.lab.inherited.shop import RELEASES, Payload

SEED = 2015
FIRST_YEAR, YEARS = 2015, 8
ROLLOUT = timedelta(days=10)
"""How long two releases ran side by side: during it, three events in ten still came from the older one."""

SKUS = tuple(f"SKU-{number}" for number in range(100, 130))
STRAGGLER = datetime(2019, 7, 2, 3, 15, tzinfo=UTC)
"""A worker restarted from an old image: one order in a shape that had not been written for two years."""


class LogGenerator:
    """Lives month after month, and keeps what each release would have written."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.events: list[tuple[datetime, str, str, dict[str, Any], Payload]] = []
        self.customers: list[str] = []
        self.orders = 0

    def live(self) -> None:
        for month in range(12 * YEARS):
            start = datetime(FIRST_YEAR + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            for _ in range(3 + month // 24):
                self._register(self._moment(start))
            for _ in range(6 + month // 9):
                self._order(self._moment(start))
            for _ in range(4 + month // 40):
                sku = self.rng.choice(SKUS)
                self._write(self._moment(start), f"Product-{sku}", "StockAdjusted", sku)
            for _ in range(2 + month // 30):
                sku = self.rng.choice(SKUS)
                self._write(self._moment(start), f"Product-{sku}", "ReviewPosted", sku, self.rng.choice(self.customers))
        self._place(STRAGGLER, 5_990, SKUS[0], shape=2)

    def _moment(self, start: datetime) -> datetime:
        return start + timedelta(seconds=self.rng.randrange(27 * 86_400), milliseconds=self.rng.randrange(1000))

    def _register(self, at: datetime) -> None:
        customer = f"C{len(self.customers) + 1:04d}"
        self.customers.append(customer)
        self._write(at, f"Customer-{customer}", "CustomerRegistered", customer)

    def _order(self, at: datetime) -> None:
        cents = self.rng.randrange(499, 19_999)
        stream, order, customer = self._place(at, cents, self.rng.choice(SKUS))
        if self.rng.random() < 0.1:
            self._write(at + timedelta(hours=5), stream, "OrderCancelled", order)
            return
        self._write(at + timedelta(minutes=3), stream, "PaymentReceived", order, cents)
        self._write(at + timedelta(days=1), stream, "OrderShipped", order)
        if self.rng.random() < 0.5:
            points_at = at + timedelta(minutes=4)
            shape, noted = self._release("LoyaltyPointsGranted", points_at)
            points = shop.loyalty_points_granted(shape, customer, cents, points_at)
            self._keep(points_at, f"Customer-{customer}", "LoyaltyPointsGranted", noted, points)
        if self.rng.random() < 0.15:
            self._write(at + timedelta(days=6), stream, "RefundIssued", order, self.rng.randrange(99, cents))

    def _place(self, at: datetime, cents: int, sku: str, *, shape: int | None = None) -> tuple[str, str, str]:
        self.orders += 1
        order, customer = f"O{self.orders:05d}", self.rng.choice(self.customers)
        today, noted = self._release("OrderPlaced", at)
        placed = shop.order_placed(shape or today, order, customer, cents, sku, self.rng)
        self._keep(at, f"Order-{order}", "OrderPlaced", noted, placed)
        return f"Order-{order}", order, customer

    def _write(self, at: datetime, stream: str, event_type: str, *what: Any) -> None:
        shape, noted = self._release(event_type, at)
        write = WRITERS[event_type]
        self._keep(at, stream, event_type, noted, write(shape, *what, self.rng))

    def _release(self, event_type: str, at: datetime) -> tuple[int, int | None]:
        """The shape written at a moment, and the version noted beside it."""
        out = [release for release in RELEASES[event_type] if _midnight(release) <= at]
        rolling_out = len(out) > 1 and at < _midnight(out[-1]) + ROLLOUT
        chosen = out[-2] if rolling_out and self.rng.random() < 0.3 else out[-1]
        return chosen.shape, chosen.noted

    def _keep(self, at: datetime, stream: str, event_type: str, noted: int | None, data: Payload) -> None:
        meta = {"node": f"shop-{self.rng.randrange(1, 4)}"} | ({} if noted is None else {"schema_version": noted})
        self.events.append((at, stream, event_type, meta, data))


WRITERS: dict[str, Any] = {
    "CustomerRegistered": shop.customer_registered,
    "PaymentReceived": shop.payment_received,
    "OrderShipped": shop.order_shipped,
    "OrderCancelled": shop.order_cancelled,
    "RefundIssued": shop.refund_issued,
    "StockAdjusted": shop.stock_adjusted,
    "ReviewPosted": shop.review_posted,
}


def log_lines(seed: int = SEED) -> bytes:
    """The whole log as JSON lines, in the order of its moments; the same bytes for the same seed."""
    generator = LogGenerator(seed)
    generator.live()
    lines = []
    for number, (at, stream, event_type, meta, data) in enumerate(
        sorted(generator.events, key=lambda e: e[0]), start=1
    ):
        moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {"id": f"shop-{number:06d}", "stream": stream, "type": event_type, "at": moment}
        lines.append(json.dumps({**event, "meta": meta, "data": data}, separators=(",", ":")) + "\n")
    return "".join(lines).encode()


def _midnight(release: shop.Release) -> datetime:
    return datetime(release.since.year, release.since.month, release.since.day, tzinfo=UTC)


def main(path: str) -> None:
    Path(path).write_bytes(gzip.compress(log_lines(), mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
