"""A process made to be killed: it says ``ready``, waits to be told, and says a line for each commit it comes to."""

import subprocess
import sys


class Killable:
    """One life of it. It is being loaded when this returns and works when told ``go``."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def go(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def comes_to_commit(self, number: int) -> bool:
        """Whether it gets so far; if not, it has ended."""
        assert self.process.stdout is not None
        return all(self.process.stdout.readline() == "commit\n" for _ in range(number))

    def ends(self) -> tuple[int, str]:
        """The exit code and the last words, once it has ended by itself."""
        _, words = self.process.communicate(timeout=120)
        return self.process.returncode, words
