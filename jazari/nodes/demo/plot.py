"""The demo's finding as a picture: the share of missing soil measurements by region (SVG)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path


def draw_missing(shares: Mapping[str, Mapping[str, float | None]], measures: Sequence[str], path: Path) -> None:
    """Write a heat map to ``path``: ``shares[region][measure]`` from 0 to 1, or None where it was left out."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    regions = list(shares)
    figure, axes = plt.subplots(figsize=(1.6 * len(measures) + 3.4, 0.55 * len(regions) + 1.8), layout="constrained")
    values = [[_or_nan(shares[region].get(measure)) for measure in measures] for region in regions]
    picture = axes.imshow(values, vmin=0, vmax=1, cmap="cividis_r", aspect="auto")
    axes.set_xticks(range(len(measures)), [measure.replace("_", " ") for measure in measures])
    axes.set_yticks(range(len(regions)), regions)
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            text = "left out" if math.isnan(value) else f"{value:.1%}"
            axes.text(column, row, text, ha="center", va="center", color="white" if value > 0.5 else "black")
    axes.set_title("Soil records without a measurement, by region")
    figure.colorbar(picture, ax=axes, format=lambda share, _: f"{share:.0%}")
    figure.supxlabel("Data: turba-data 0.1.0 (Turba Open Lab, MIT); region names: HCP, RGPH 2024 (CC BY 4.0)", size=7)
    figure.savefig(path, metadata={"Title": "Soil records without a measurement, by region", "Date": None})
    plt.close(figure)


def _or_nan(share: float | None) -> float:
    return float("nan") if share is None else share
