"""The files of the repository as the next clone will hold them."""

import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]


def tracked_files() -> list[Path]:
    """Paths relative to the top: everything git tracks or would offer to add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    names = [Path(name) for name in listing.stdout.split("\0") if name]
    return sorted(name for name in names if (TOP / name).is_file())


def copy_of_clone(into: Path) -> Path:
    """What a clone would hold, without the caches and environments of this working tree."""
    for name in tracked_files():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(TOP / name, target)
    return into
