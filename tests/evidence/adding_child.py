"""Adds a statement to evidence in a process of its own, and kills it with SIGKILL when so many renames are left behind.

``python adding_child.py EVIDENCE STATEMENT RENAMES before|after``
"""

import os
import signal
import sys
from pathlib import Path

from esworkbench.evidence import Evidence
from esworkbench.evidence.adding import Additions, add_to

if __name__ == "__main__":
    folder, statement, renames, when = sys.argv[1:]
    really, seen = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        global seen
        seen += 1
        if seen == int(renames) and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        moved = really(self, target)
        if seen == int(renames) and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.replace = replace  # type: ignore[method-assign, assignment]
    add_to(Evidence.open(folder), Additions(statements=[Path(statement)]))
    print(seen)
