"""The Croissant 1.0 mapping, by the structure that the specification asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from jazari.catalog.cards.dataset import DatasetCard
from jazari.catalog.croissant import to_croissant
from jazari.catalog.mock import mock_csv
from jazari.catalog.tests.records import dataset_card, record
from jazari.core.canonical import canonical_json
from jazari.trust.records import FileRef, Record

REQUIRED = {
    "@context", "@type", "conformsTo", "description", "license", "name", "url", "creator", "datePublished",
}  # fmt: skip
# Properties of the specification that we use, by type; anything else would be a spelling mistake.
ALLOWED = {
    "sc:Dataset": REQUIRED | {
        "identifier", "version", "inLanguage", "isAccessibleForFree", "usageInfo", "variableMeasured", "citeAs",
        "keywords", "dateModified", "spatialCoverage", "temporalCoverage", "distribution", "recordSet",
    },
    "sc:Organization": {"@type", "name"},
    "sc:CreativeWork": {"@type", "name"},
    "sc:PropertyValue": {
        "@type", "name", "description", "unitText", "minValue", "maxValue", "valueReference",
    },
    "cr:FileObject": {
        "@type", "@id", "name", "description", "contentUrl", "contentSize", "encodingFormat", "sha256",
    },
    "cr:RecordSet": {"@type", "@id", "name", "description", "field"},
    "cr:Field": {"@type", "@id", "name", "description", "dataType", "source"},
}  # fmt: skip


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "@type" in value:
            yield value
        for key, item in value.items():
            if key != "@context":
                yield from nodes(item)
    elif isinstance(value, list):
        for item in value:
            yield from nodes(item)


def check_structure(document: dict[str, Any]) -> None:
    assert set(document) >= REQUIRED
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    for node in nodes(document):
        assert set(node) <= ALLOWED[node["@type"]], node
    for kind in ("distribution", "recordSet"):
        assert document.get(kind, [None]) != []
    ids = [node["@id"] for node in nodes(document) if "@id" in node]
    assert len(ids) == len(set(ids))
    files = {node["@id"] for node in document.get("distribution", [])}
    for field in (node for node in nodes(document) if node["@type"] == "cr:Field"):
        assert field["dataType"] in {"sc:Text", "sc:Float", "sc:Integer"}
        assert field["source"]["fileObject"]["@id"] in files
        assert field["@id"] == f"mock/{field['name']}"
    for name in ("recordSet", "field", "source", "extract", "column", "dataType", "citeAs", "conformsTo"):
        assert name in document["@context"]


def with_mock() -> tuple[Record, bytes]:
    card = dataset_card(
        {"fr": "Sols de Fès", "ar": "تربة فاس"},
        mock={"rows": 20, "seed": 1},
        citation="Institut de Fès (2026)",
        keywords=["sol"],
    )
    data = mock_csv(DatasetCard.model_validate_json(canonical_json(card)))
    file = FileRef(name="mock.csv", sha256=hashlib.sha256(data).hexdigest(), size=len(data), media_type="text/csv")
    return record("fes/dataset/soil@2", card, files=(file,)), data


def test_a_dataset_without_mock_rows_distributes_nothing() -> None:
    document = to_croissant(
        record("fes/dataset/soil@1", dataset_card()), creator="Institut de Fès", root_url="https://root.example/"
    )
    check_structure(document)
    assert "distribution" not in document
    assert [item["name"] for item in document["variableMeasured"]] == ["site", "soil_ph", "crop"]
    assert document["variableMeasured"][1] == {
        "@type": "sc:PropertyValue",
        "name": "soil_ph",
        "unitText": "pH",
        "minValue": 0,
        "maxValue": 14,
    }


def test_mock_rows_are_described_column_by_column_and_said_to_be_mock() -> None:
    published, data = with_mock()
    document = to_croissant(published, creator="Institut de Fès", root_url="https://root.example", language="ar")
    check_structure(document)
    (file,) = document["distribution"]
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert file["contentUrl"].startswith("https://root.example/repository/targets/blobs/sha256/")
    assert "no real row" in file["description"]
    (rows,) = document["recordSet"]
    columns = data.decode().splitlines()[0].split(",")
    assert [field["source"]["extract"]["column"] for field in rows["field"]] == columns
    assert document["name"] == "تربة فاس"
    assert document["@context"]["@language"] == "ar"
    assert document["version"] == "2.0.0"
    assert document["temporalCoverage"] == "2020/2024-06-30"
    assert document["citeAs"] == "Institut de Fès (2026)"


def test_a_licence_without_address_is_named_by_spdx() -> None:
    card = dataset_card(licence={"name": "CC0-1.0"}, coverage={})
    document = to_croissant(record("fes/dataset/soil@1", card), creator="x", root_url="https://root.example")
    assert document["license"] == "https://spdx.org/licenses/CC0-1.0.html"
    card = dataset_card(licence={"name": "Licence ouverte 2.0"})
    named = to_croissant(record("fes/dataset/soil@1", card), creator="x", root_url="https://root.example")
    check_structure(named)
    assert named["license"] == {"@type": "sc:CreativeWork", "name": "Licence ouverte 2.0"}
    assert "temporalCoverage" not in document
    assert "spatialCoverage" not in document
