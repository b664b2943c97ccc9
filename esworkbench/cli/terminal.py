"""The one way to a terminal: whatever is printed is text, and a string from data can't command the terminal.

Line ends are written out too, so one call prints one line.
"""

from typing import Any

from rich.console import Console
from rich.text import Text

from esworkbench.errors import UnusableInput
from esworkbench.shown import printable

NOBODY_READS = "the system refused the output: whoever read it has gone away"


class Terminal(Console):
    """A console that shows what can't be seen. Rich renders every string here, a table's cells and title included."""

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)

    def on_broken_pipe(self) -> None:
        """Whoever read the output is gone: no finding, which is what Rich's own exit code 1 would say."""
        raise UnusableInput(NOBODY_READS)


def terminal(*, stderr: bool) -> Console:
    """A console on stdout or stderr. Neither numbers nor ``:names:`` are dressed up: data is shown as it is.

    Nor is ``[markup]`` one, in a line or in a table, unless a call asks for it (``markup=True``) and escapes what isn't
    its own: a string of somebody's may stand anywhere, and what was forgotten has to be safe.
    """
    return Terminal(stderr=stderr, highlight=False, soft_wrap=True, emoji=False, markup=False)
