"""The demo's real input: every region's rows fit their declaration, whichever institutes take part."""

from __future__ import annotations

import pandas as pd
import pytest

from jazari.nodes.demo import data, texts
from jazari.studies.data.loading import load_table
from jazari.studies.data.schema import parse_schema


@pytest.fixture(scope="module")
def frame():
    return data.soil_records()


@pytest.mark.parametrize("site", data.SITES, ids=lambda site: site.namespace)
def test_each_region_gets_its_own_rows_and_they_fit_the_declaration(frame, site, tmp_path):
    schema = texts.declaration(site)
    rows = 0
    for name in (data.SURVEY, data.TRIALS):
        path, _ = data.write_data_set(frame, site, tmp_path, schema, name)
        table = load_table(path, parse_schema(schema))
        rows += table.rows
        assert set(table.codes["region"].tolist()) == {0}
    assert rows == (frame["region_code"] == site.region).sum()


def test_no_place_is_in_both_data_sets(frame, tmp_path):
    site = data.SITES[0]
    files = [data.write_data_set(frame, site, tmp_path, {}, name)[0] for name in (data.SURVEY, data.TRIALS)]
    survey, trials = (set(pd.read_parquet(path)["site"]) for path in files)
    assert survey
    assert trials
    assert not survey & trials


def test_one_of_the_first_four_regions_has_no_soil_measurement(frame):
    measured = {site.namespace: (frame.loc[frame["region_code"] == site.region, "soil_ph"] > 0).any()
                for site in data.SITES[:4]}  # fmt: skip
    assert [name for name, any_value in measured.items() if not any_value] == ["guelmim"]


def test_every_region_of_the_records_has_a_site(frame):
    assert {site.region for site in data.SITES} == set(frame["region_code"])
