"""The tables of files that people write name every field of the code, with what it is if left out."""

from __future__ import annotations

import json
import re
import tomllib
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from jazari.gateway.configuration import (
    DrillSettings,
    GatewayConfig,
    OfferConfig,
    PriceText,
    ProviderConfig,
    RouteConfig,
    Target,
)
from jazari.studies.data.mapped import harmonised
from jazari.studies.data.mapping import ColumnMapping, Rule, check_mapping, parse_mapping
from jazari.studies.data.schema import AgreedVariable, Schema, UnitRule, Variable, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.datasets import About
from jazari.studies.portable.publishing import AboutModel
from jazari.studies.privacy.terms import PrivacyTerms
from jazari.studies.proposals import Proposal, make_proposal
from jazari.studies.recipes.registry import find_recipe, recipe_names

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "Declaration of a data set": Schema,
    "A variable": Variable,
    "Units by row": UnitRule,
    "What a data set is": About,
    "What a model is": AboutModel,
    "Proposal of a study": Proposal,
    "A variable of a study": AgreedVariable,
    "Mapping of columns": ColumnMapping,
    "A mapped variable": Rule,
    "Privacy terms": PrivacyTerms,
    "The inference gateway": GatewayConfig,
    "A provider": ProviderConfig,
    "A route": RouteConfig,
    "A target": Target,
    "A price": PriceText,
    "An offer": OfferConfig,
    "A drill": DrillSettings,
    **{f"Recipe {name}": find_recipe(name).Parameters for name in recipe_names()},
}
_ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (.*?) \| .+ \|$", re.MULTILINE)


def told(title: str) -> dict[str, str]:
    section = re.split(rf"^#+ {title}$", PAGE, flags=re.MULTILINE)[1]
    return dict(_ROW.findall(re.split(r"^#+ ", section, maxsplit=1, flags=re.MULTILINE)[0]))


def default_of(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value == ("",):
        return '`""`'
    if isinstance(value, BaseModel):
        return "empty" if value == type(value)() else str(value)
    if isinstance(value, Decimal):
        return f"`{value}`"
    return "empty" if value in (None, "", (), {}) else f"`{value if isinstance(value, str) else json.dumps(value)}`"


@pytest.mark.parametrize("title", sorted(TABLES))
def test_every_field_and_what_it_is_if_left_out(title: str) -> None:
    model = TABLES[title]
    fields = {field.alias or name: default_of(model, name) for name, field in model.model_fields.items()}
    assert told(title) == fields


def test_every_recipe_has_a_table() -> None:
    titles = re.findall(r"^### Recipe (.+)$", PAGE, re.MULTILINE)
    assert sorted(titles) == list(recipe_names())


def examples(page: str) -> dict[str, dict[str, object]]:
    """The TOML blocks of a page by the file name in their first line."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(# \S+\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return {block.split()[1]: tomllib.loads(block) for block in blocks}


@pytest.mark.parametrize("page", ["how-to/run-a-study.md", "tutorial/run-a-network.md"])
def test_the_examples_are_valid(page: str) -> None:
    files = examples(page)
    declared = {variable.name: variable for variable in parse_schema(files["soil.schema.toml"]).variables}
    About.model_validate(files["soil.about.toml"])
    for name in set(files) - {"soil.schema.toml", "soil.about.toml"}:
        proposal = make_proposal(files[name])
        recipe = find_recipe(proposal.recipe)
        assert set(recipe.variables(recipe.parse(proposal.parameters))) <= set(declared), name


def test_the_example_of_a_mapping_makes_the_columns_shown_the_variables_shown() -> None:
    files = examples("how-to/map-your-columns.md")
    proposal = make_proposal(files["heart.toml"])
    recipe = find_recipe(proposal.recipe)
    assert set(recipe.variables(recipe.parse(proposal.parameters))) == {v.name for v in proposal.variables}
    schema, mapping = parse_schema(files["cardio.schema.toml"]), parse_mapping(files["heart.mapping.toml"])
    check_mapping(mapping, schema, proposal.variables)
    codes = {"gender": np.array([0, 1, 2])}
    numeric = {"age_months": np.array([240.0, 1440.0, 12.0]), "chol": np.array([5.0, 0.0, 6.0])}
    found = harmonised(Table(schema, 3, np.arange(3), 3, numeric, codes), mapping, proposal.variables)
    np.testing.assert_allclose(found.numeric["age"], [20, 120, 1])
    np.testing.assert_allclose(found.numeric["cholesterol"], [193.35, np.nan, 232.02])
    assert found.levels("sex", ("F", "M")).tolist() == [0, 1, -1]
