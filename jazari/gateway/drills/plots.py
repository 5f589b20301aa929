"""A drill in pictures (SVG), where matplotlib is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from jazari.gateway.drills.measures import Measured, Outcome

OUTCOMES_FILE, LATENCY_FILE = "outcomes.svg", "latency.svg"
NO_PLOTS = "No plots: matplotlib was not installed (pip install jazari[demo])."
_COLOURS = {Outcome.ANSWERED: "#1b7837", Outcome.REFUSED: "#e08214", Outcome.LOST: "#b2182b"}


def can_plot() -> bool:
    """Whether matplotlib is there."""
    return importlib.util.find_spec("matplotlib") is not None


def draw_plots(measured: Measured, folder: Path) -> list[Path]:
    """Draw both pictures into ``folder``."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same measurements give the same bytes.
    with mpl.rc_context({"svg.hashsalt": measured.id}):
        return [_outcomes(measured, folder / OUTCOMES_FILE), _latency(measured, folder / LATENCY_FILE)]


def _axes(measured: Measured, title: str) -> tuple[Any, Any]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    axes.axvspan(measured.cut_ms / 1000, measured.mended_ms / 1000, color="0.9", label=f"{measured.plan.what} cut off")
    axes.set_xlabel("seconds since the drill began")
    axes.set_xlim(0, measured.end_ms / 1000)
    axes.set_title(title)
    return figure, axes


def _outcomes(measured: Measured, path: Path) -> Path:
    """How many calls of each second ended how."""
    figure, axes = _axes(measured, "Calls by second and outcome")
    seconds = measured.end_ms // 1000 + 1
    bottom = [0] * seconds
    for outcome, colour in _COLOURS.items():
        heights = [0] * seconds
        for call in measured.calls:
            if call.outcome is outcome and call.at_ms // 1000 < seconds:
                heights[call.at_ms // 1000] += 1
        axes.bar(range(seconds), heights, 1.0, bottom, align="edge", color=colour, label=str(outcome))
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_ylabel("calls")
    return _saved(figure, axes, path, "Calls of a drill by second and outcome")


def _latency(measured: Measured, path: Path) -> Path:
    """The time of each answered call, by who answered."""
    figure, axes = _axes(measured, "Time to the whole answer, by provider")
    answered = [call for call in measured.calls if call.outcome is Outcome.ANSWERED and call.total_ms is not None]
    for provider in sorted({call.provider for call in answered}):
        points = [(call.at_ms / 1000, call.total_ms) for call in answered if call.provider == provider]
        axes.scatter(*zip(*points, strict=True), s=9, label=provider or "unknown")
    axes.set_ylabel("milliseconds")
    axes.set_ylim(bottom=0)
    return _saved(figure, axes, path, "Latency of a drill's answered calls by provider")


def _saved(figure: Any, axes: Any, path: Path, title: str) -> Path:
    from matplotlib import pyplot as plt

    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
    figure.savefig(path, format="svg", metadata={"Title": title, "Date": None})
    plt.close(figure)
    return path
