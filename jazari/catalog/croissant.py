"""A dataset card as Croissant 1.0 metadata (MLCommons, http://mlcommons.org/croissant/1.0).

What maps: title to ``name``, description, licence to ``license``, citation to ``citeAs``, keywords,
institute to ``creator``, publication date and version, coverage to ``spatialCoverage`` and
``temporalCoverage``, terms to ``usageInfo``, columns to ``variableMeasured``. ``distribution`` and
``recordSet`` describe the mock rows where there are any, and say that they are mock: the real rows are not
distributed, and Croissant's fields need a file to come from.
"""

from __future__ import annotations

import re
from typing import Any

from jazari.catalog.cards.dataset import Coverage, DatasetCard, Licence, Variable
from jazari.catalog.mock import MARK
from jazari.catalog.texts import in_language
from jazari.core.canonical import canonical_json
from jazari.core.identifiers import RecordRef
from jazari.trust.metadata import blob_path
from jazari.trust.records import FileRef, Record

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
# Appendix 1 of the specification, and the terms of it that our output uses.
_CONTEXT: dict[str, Any] = {
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_DATA_TYPES = {"numeric": "sc:Float", "category": "sc:Text", "text": "sc:Text", "identifier": "sc:Text"}


def to_croissant(record: Record, *, creator: str, root_url: str, language: str = "fr") -> dict[str, Any]:
    """The JSON-LD object for a dataset record.

    ``creator`` is the institute's title; ``root_url`` where the network's files are served, e.g.
    ``https://root.example``. Text is taken in ``language`` where the card has it. Embedded in a web page,
    the JSON must be escaped by the page (``<`` as ``\\u003c``).
    """
    card = DatasetCard.model_validate_json(canonical_json(record.card))
    base = root_url.rstrip("/")
    return _dataset(record, card, creator, base, language) | _mock_part(record, card, base, language)


def _dataset(record: Record, card: DatasetCard, creator: str, base: str, language: str) -> dict[str, Any]:
    ref = RecordRef.parse(record.ref)
    facts: dict[str, Any] = {
        "@context": {"@language": language} | _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": in_language(card.title, language),
        "description": in_language(card.description, language),
        "license": _licence(card.licence),
        "url": f"{base}/catalogue/{ref.series}/{ref.version}",
        "identifier": record.ref,
        "creator": {"@type": "sc:Organization", "name": creator},
        "datePublished": record.published.date().isoformat(),
        "version": f"{record.version}.0.0",
        "inLanguage": language,
        "isAccessibleForFree": False,
        "usageInfo": in_language(card.terms, language),
        "variableMeasured": [_measured(variable, language) for variable in card.variables],
    }
    optional = {
        "citeAs": card.citation,
        "keywords": list(card.keywords) or None,
        "dateModified": card.collected,
        **_coverage(card.coverage, language),
    }
    return facts | {name: value for name, value in optional.items() if value}


def _licence(licence: Licence) -> str | dict[str, str]:
    if licence.url:
        return licence.url
    if re.fullmatch(r"[A-Za-z0-9.+-]+", licence.name):
        return f"https://spdx.org/licenses/{licence.name}.html"
    return {"@type": "sc:CreativeWork", "name": licence.name}


def _coverage(coverage: Coverage, language: str) -> dict[str, Any]:
    place = in_language(coverage.place or {}, language)
    dates = f"{coverage.start or '..'}/{coverage.end or '..'}" if coverage.start or coverage.end else None
    return {"spatialCoverage": [*coverage.regions, *([place] if place else [])], "temporalCoverage": dates}


def _measured(variable: Variable, language: str) -> dict[str, Any]:
    facts = {
        "@type": "sc:PropertyValue",
        "name": variable.name,
        "description": in_language(variable.description or {}, language),
        "unitText": variable.unit,
        "minValue": variable.lower,
        "maxValue": variable.upper,
        "valueReference": list(variable.levels),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [])}


def _mock_part(record: Record, card: DatasetCard, base: str, language: str) -> dict[str, Any]:
    file = record.file(card.mock.file) if card.mock else None
    if file is None:
        return {}
    return {"distribution": [_file(file, base)], "recordSet": [_record_set(card, file, language)]}


def _file(file: FileRef, base: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "description": "Mock rows made from the schema alone; no real row.",
        "contentUrl": f"{base}/repository/targets/{blob_path(file.sha256)}",
        "contentSize": f"{file.size} B",
        "encodingFormat": "text/csv",
        "sha256": file.sha256,
    }


def _record_set(card: DatasetCard, file: FileRef, language: str) -> dict[str, Any]:
    fields = [_field("mock", MARK, "sc:Integer", "1 in every row: this is mock data.", file)]
    for variable in card.variables:
        description = in_language(variable.description or {}, language)
        fields.append(_field("mock", variable.name, _DATA_TYPES[variable.kind], description, file))
    return {
        "@type": "cr:RecordSet",
        "@id": "mock",
        "name": "mock",
        "description": "Mock rows made from the schema alone; no real row.",
        "field": fields,
    }


def _field(parent: str, name: str, data_type: str, description: str, file: FileRef) -> dict[str, Any]:
    facts = {
        "@type": "cr:Field",
        "@id": f"{parent}/{name}",
        "name": name,
        "description": description,
        "dataType": data_type,
        "source": {"fileObject": {"@id": file.name}, "extract": {"column": name}},
    }
    return {key: value for key, value in facts.items() if value}
