"""What the numbers were measured on; without it they mean nothing."""

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import psycopg

POSTGRES_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers")
LIBRARIES = ("psycopg", "sqlalchemy", "msgspec", "eventsourcing")


def describe(folder: Path, server: str | None) -> dict[str, Any]:
    """Machine, versions, settings that bear on durability, and how fast this disk syncs. Takes about a second."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": _postgres(server) if server else None,
        "libraries": {name: _version(name) for name in LIBRARIES},
        "file_system": _file_system(folder),
        "fsync_milliseconds": _fsync_milliseconds(folder),
        "load_at_start": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _postgres(server: str) -> dict[str, str]:
    with psycopg.connect(server) as connection:
        found = {"version": str(connection.execute("SHOW server_version").fetchone()[0])}  # type: ignore[index]
        for name in POSTGRES_SETTINGS:
            found[name] = str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]
    return found


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def _file_system(folder: Path) -> str:
    """The type of the file system that holds a folder, where the system tells."""
    mounts = Path("/proc/mounts")
    if not mounts.is_file():
        return "unknown"
    best, kind = "", "unknown"
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _device, point, this_kind, *_ = line.split()
        holds = folder.resolve() == Path(point) or Path(point) in folder.resolve().parents
        if holds and len(point) >= len(best):
            best, kind = point, this_kind
    return kind


def _fsync_milliseconds(folder: Path, times: int = 200) -> dict[str, float]:
    """How long one appended 4 KiB page takes to reach the disk: median, and the slowest of twenty."""
    took = []
    path = folder / "fsync-probe"
    with path.open("wb", buffering=0) as probe:
        for _ in range(times):
            started = perf_counter()
            probe.write(b"\0" * 4096)
            os.fsync(probe.fileno())
            took.append((perf_counter() - started) * 1000)
    path.unlink()
    return {"median": round(median(took), 3), "slowest_of_20": round(quantiles(took, n=20)[-1], 3)}
