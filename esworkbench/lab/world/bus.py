"""A message bus between the bank and the card network. It delivers at most once: a partition loses what it cuts.

That is the whole fault of the $47.23 case. A bus with an outbox behind it and acknowledgements would deliver later.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

REQUESTS = "card.requests"
ANSWERS = "card.answers"


class CardMessage(NamedTuple):
    """``event_id`` and ``position`` are those of its WithdrawalRequested; ``reason`` is why it was declined."""

    account: str
    withdrawal_id: str
    amount_minor: int
    currency: str
    reference: str
    event_id: str
    position: int
    settled: bool = False
    reason: str = ""


class Partition(NamedTuple):
    """While it lasts, from ``begins`` to ``ends`` inclusive, nothing published on ``topic`` arrives."""

    name: str
    topic: str
    begins: datetime
    ends: datetime

    def cuts(self, topic: str, moment: datetime) -> bool:
        return topic == self.topic and self.begins <= moment <= self.ends


class Bus:
    """Hands each message to the subscribers of its topic at once, unless a partition cuts it.

    ``lost`` is what the lab knows and nobody in the simulated world does.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.partitions: list[Partition] = []
        self.lost: list[CardMessage] = []
        self._clock = clock
        self._subscribers: dict[str, list[Callable[[CardMessage], None]]] = {}

    def subscribe(self, topic: str, subscriber: Callable[[CardMessage], None]) -> None:
        self._subscribers.setdefault(topic, []).append(subscriber)

    def publish(self, topic: str, message: CardMessage) -> None:
        now = self._clock()
        if any(partition.cuts(topic, now) for partition in self.partitions):
            self.lost.append(message)
            return
        for subscriber in self._subscribers.get(topic, []):
            subscriber(message)
