"""What the demo's people write: declarations of data, descriptions, proposals, a gateway's settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from jazari.core import clock
from jazari.nodes.demo.data import RECOMMENDED, SOIL, Site

CROPS = ("Wheat (Rainfed)", "Wheat (Irrigated)", "Barley (Rainfed)", "Maize (Grain)", "Maize (Silage)")
# Declared ranges: what could be there, not the smallest and largest value that is. The source states no unit for
# available P2O5 and K2O, so none is claimed.
_RANGES = {
    "soil_ph": ("pH", 0, 14),
    "organic_matter_pct": ("%", 0, 20),
    "available_p2o5": ("", 0, 1000),
    "available_k2o": ("", 0, 3000),
    **dict.fromkeys(RECOMMENDED, ("kg/ha", 0, 1000)),
}
EPSILON = 1.0
"""What each institute allows for its survey, and what one run of the private study spends."""

HISTOGRAMS = {
    "soil_ph": [4.0, 5.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5, 9.0],
    "organic_matter_pct": [0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0],
    "available_p2o5": [0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 100.0, 200.0],
    "available_k2o": [0.0, 100.0, 200.0, 300.0, 400.0, 600.0, 1000.0],
}


def declaration(site: Site) -> dict[str, Any]:
    """The schema of one region's soil records; the subject is the place, which has up to five crops."""
    numeric = [
        {"name": name, "kind": "numeric", "unit": unit, "lower": low, "upper": high}
        # The source writes 0.0 where a soil was not measured.
        | ({"missing": [0.0]} if name in SOIL else {})
        for name, (unit, low, high) in _RANGES.items()
    ]
    target = {
        "name": "target_yield", "column": "target_yield_value", "kind": "numeric", "unit": "qx/ha",
        "lower": 0, "upper": 2000, "units": {"column": "target_yield_unit", "factors": {"qx/ha": 1, "T/ha": 10}},
    }  # fmt: skip
    variables = [
        {"name": "site", "kind": "identifier"},
        {"name": "region", "column": "region_code", "kind": "category", "levels": [site.region]},
        {"name": "crop", "kind": "category", "levels": list(CROPS)},
        *numeric,
        target,
    ]
    return {"subject": ["site"], "variables": variables}


def description(site: Site, region: dict[str, str]) -> str:
    """The description of the data set (TOML)."""
    return f'''keywords = ["soil", "fertiliser", "cereals", "sol", "engrais", "céréales", "تربة", "ⴰⴽⴰⵍ"]
citation = "turba-data 0.1.0 (Turba Open Lab, MIT); region names: HCP, RGPH 2024, CC BY 4.0"
mock_rows = 20

[title]
fr = "Analyses de sol et recommandations de fertilisation, {region["fr"]}"
ar = "تحاليل التربة وتوصيات التسميد، {region["ar"]}"
en = "Soil analyses and fertiliser recommendations, {region["fr"]}"

[description]
fr = "Un relevé par lieu et céréale : mesures de sol là où elles existent, et doses conseillées de N, P2O5 et K2O."
en = "One record per place and cereal: soil measurements where there are any, and the recommended N, P2O5 and K2O."

[terms]
fr = "Études d'agronomie publique ; résultats publiés sous CC BY 4.0 ; plancher de 10 lieux par case."
en = "Studies for public agronomy; results published under CC BY 4.0; at least 10 places in each cell."

[licence]
name = "MIT"

[coverage]
regions = ["{site.region}"]
'''


def private_proposal(name: str, datasets: list[str]) -> str:
    """Study D (TOML): the mean pH by crop under a privacy budget, with noise from each institute's guard."""
    purpose = "Follow the soils month by month without telling anything about one place."
    title = "Soil pH by crop, with noise"
    return _head(name, title, purpose, "private-statistics", datasets) + f'''
[parameters]
variables = ["soil_ph"]
by = ["crop"]

[parameters.privacy]
epsilon = {EPSILON}
max_rows_per_subject = {len(CROPS)}
'''  # fmt: skip


MODEL_ABOUT = """[title]
fr = "Dose d'azote conseillée"
en = "Recommended dose of nitrogen"
[description]
fr = "Une fonction linéaire du sol et de la culture ; elle imite la règle qui a fait les recommandations."
en = "A linear function of soil and crop; it imitates the rule that made the recommendations."
[intended_use]
en = "To show how a model is trained, judged and used without any row leaving an institute."
[limits]
en = "Not for decisions on a field: the recommendations that it imitates follow from a rule, not from harvests."
[licence]
name = "CC-BY-4.0"
"""
FIELDS = """soil_ph,organic_matter_pct,available_p2o5,available_k2o,crop
7.9,1.8,25,310,Wheat (Rainfed)
8.1,2.4,40,420,Maize (Grain)
"""
"""What a farmer's adviser would ask the model about."""


def statistics_proposal(name: str, by: str, title: str, datasets: list[str]) -> str:
    """Study A (TOML): what is measured, and where it is missing, by ``by``."""
    histograms = "\n".join(f"{variable} = {edges}" for variable, edges in HISTOGRAMS.items())
    return _head(name, title, "Plan where the next soil samples should be taken.", "statistics", datasets) + f'''
[parameters]
variables = {_toml(SOIL)}
by = ["{by}"]
quantiles = [0.25, 0.5, 0.75]

[parameters.histograms]
{histograms}
'''  # fmt: skip


def linear_proposal(datasets: list[str]) -> str:
    """Study B (TOML): recommended N, P2O5 and K2O from soil and crop."""
    purpose = "See how far soil and crop alone explain the recommended doses."
    return _head("fertiliser-model", "Recommended doses from soil and crop", purpose, "glm", datasets) + f'''
[parameters]
family = "gaussian"
responses = {_toml(RECOMMENDED)}
predictors = {_toml((*SOIL, 'crop'))}
'''  # fmt: skip


def _head(name: str, title: str, purpose: str, recipe: str, datasets: list[str]) -> str:
    return f'''name = "{name}"
title = "{title}"
purpose = "{purpose}"
recipe = "{recipe}"
datasets = {_toml(datasets)}
round_deadline_seconds = 120
{"" if len(datasets) > 2 else "secure_aggregation = false"}
'''


def _toml(texts: Iterable[str]) -> str:
    return json.dumps(list(texts), ensure_ascii=False)


ROUTE, ROUTE_ABROAD, ABROAD, SMALL = "chat", "chat-abroad", "stand-in-abroad", "smollm2-135m"
QUESTION, ANSWER = "Greet a citizen in one short sentence. Begin with the word Hello.", "[Hh]ello"


def gateway_settings(namespace: str, port: int, here: str, addresses: Mapping[str, str]) -> str:
    """``gateway.toml``: one route that ends abroad only if the institute's own provider fails, and one abroad alone."""
    own = (
        ""
        if here in addresses
        else f'''[provider.{here}]
card = "{namespace}/provider/{here}@1"
protocol = "embedded"
threads = 1

'''
    )
    others = "\n".join(_stand_in(namespace, name, address) for name, address in addresses.items())
    return f'''port = {port}

{own}{others}
[route.{ROUTE}]
kind = "chat"
targets = [
  {{ provider = "{here}", model = "{_model(here)}" }},
  {{ provider = "{ABROAD}", model = "{_model(ABROAD)}" }},
]
most_output_tokens = 64

[route.{ROUTE}.price]
input = 0.2
output = 0.6
weights = {{ tifinagh = 0.3 }}

[route.{ROUTE_ABROAD}]
kind = "chat"
targets = [{{ provider = "{ABROAD}", model = "{_model(ABROAD)}" }}]
'''


def _stand_in(namespace: str, name: str, address: str) -> str:
    return f'''[provider.{name}]
card = "{namespace}/provider/{name}@1"
protocol = "openai"
address = "{address}"
private_address = true
'''


def _model(provider: str) -> str:
    return SMALL if provider == "embedded" else "stand-in"


def gateway_cards(namespace: str, here: str) -> dict[str, dict[str, Any]]:
    """What the institute publishes for its gateway: where data may go, and what it attests about who computes."""
    policy = {
        "issuers": [namespace],
        "rules": [
            {"data_class": "public", "operators": ["MA", "FR"], "hosting": ["MA", "FR"]},
            {"data_class": "personal", "operators": ["MA"], "hosting": ["MA"], "most_kept_days": 0},
        ],
        "valid_until": _in_a_year(),
    }
    told = "Modèle embarqué du nœud" if here == "embedded" else "Remplaçant d'un modèle du nœud (démonstration)"
    return {
        "policy": {"type": "residency", "name": "main", "card": policy},
        here: {"type": "provider", "name": here, "card": _provider(here, told, "MA")},
        ABROAD: {
            "type": "provider", "name": ABROAD,
            "card": _provider(ABROAD, "Remplaçant d'un fournisseur à l'étranger (démonstration)", "FR"),
        },
    }  # fmt: skip


def _provider(name: str, title: str, country: str) -> dict[str, Any]:
    operator = "Institut de Rabat" if country == "MA" else "Stand-in of the demo"
    return {
        "title": {"fr": title}, "operator": {"name": operator, "jurisdiction": country},
        "hosting": [country], "keeps": 0, "trains_on_prompts": False,
        "protocol": "embedded" if name == "embedded" else "openai",
        "models": [{"name": _model(name), "kinds": ["chat"], "context_tokens": 2048}],
        "valid_until": _in_a_year(),
    }  # fmt: skip


def _in_a_year() -> str:
    return (clock.now() + timedelta(days=365)).date().isoformat()
