"""What the figures were measured on, and how busy it was with other things."""

from __future__ import annotations

import os
import platform
import sqlite3
import ssl
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("jazari", "nvflare", "numpy", "tuf", "django", "cryptography", "zstandard", "pandas")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system of this machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.platform(terse=True),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions() -> dict[str, str]:
    """Python, the libraries that matter for the figures, SQLite and OpenSSL."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version, "openssl": ssl.OPENSSL_VERSION}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


class Busyness:
    """How much of the machine others used while a benchmark ran; a context manager.

    ``others`` is the share (0 to 1) of all cores' time that neither this process, its descendants nor idling took.
    """

    def __init__(self) -> None:
        self.others = 0.0
        self.load_before = os.getloadavg()[0]

    def __enter__(self) -> Busyness:
        self._all, self._own = _busy_seconds(), _own_seconds()
        self._total = _total_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        passed = _total_seconds() - self._total
        others = (_busy_seconds() - self._all) - (_own_seconds() - self._own)
        self.others = max(0.0, min(1.0, others / passed)) if passed else 0.0

    def to_json(self) -> dict[str, Any]:
        """The load average before, and the share that others took."""
        return {"load_before": round(self.load_before, 2), "others_share": round(self.others, 3)}


def _total_seconds() -> float:
    return float(sum(psutil.cpu_times()[:8]))


def _busy_seconds() -> float:
    found = psutil.cpu_times()
    return float(sum(found[:8]) - found.idle - getattr(found, "iowait", 0.0))


def _own_seconds() -> float:
    """User and system seconds of this process and of every descendant that has ended."""
    return float(sum(os.times()[:4]))
