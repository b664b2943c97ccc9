"""Progress bars on stderr, or none."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Progress:
    """Shows how far each part of a capture is."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown

    @contextmanager
    def of(self, what: str, total: int | None = None) -> Iterator[Callable[[int], object]]:
        """A bar; call what this yields with the number of rows done since the last call."""
        from tqdm.auto import tqdm

        with tqdm(desc=what, total=total, unit=" rows", disable=not self._shown, file=sys.stderr, leave=False) as bar:
            yield bar.update
