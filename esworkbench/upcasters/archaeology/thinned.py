"""An even selection of a stream of unknown length, in bounded memory."""

from typing import Generic, TypeVar

MOST = 1024

T = TypeVar("T")


class Thinned(Generic[T]):
    """Keeps every n-th item it is given, and doubles n whenever that would be more than ``MOST``."""

    def __init__(self) -> None:
        self.kept: list[T] = []
        self._seen = 0
        self._every = 1

    def add(self, item: T) -> None:
        if self._seen % self._every == 0:
            self.kept.append(item)
        self._seen += 1
        if len(self.kept) > MOST:
            self.kept = self.kept[::2]
            self._every *= 2
