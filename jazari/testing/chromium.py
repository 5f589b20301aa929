"""Debian's Chromium for tests and benchmarks: the build without a screen, which draws no window of its own around each
page and so takes two thirds of the time."""

from __future__ import annotations

from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium-headless-shell")
"""The package has the same name."""
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
