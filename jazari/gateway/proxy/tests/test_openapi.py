"""The description of the API is true: of every path, and of whatever a tool that reads it can think of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from jazari.gateway.openapi import openapi_document
from jazari.gateway.proxy.app import Gateway
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.gateway.words import DataClass
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.stand_in import Refused
from jazari.testing.providers.wire import Answer

load_all_checks()
SECRET, KEY = key(highest=DataClass.PERSONAL, may_declassify=True)
DOCUMENT = openapi_document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


class Sturdy(OpenAILike):
    """Refuses what it cannot read, so that no failure here is the provider's."""

    def _chat(self, document: dict[str, Any]) -> Answer:
        try:
            return super()._chat(document)
        except (LookupError, TypeError, AttributeError, ValueError):
            raise Refused(400, "This cannot be read.") from None


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    with Sturdy() as provider, GatewayUnderTest(folder, toml({"campus": provider.url}), KEY, credits=1e8) as made:
        yield made


def test_the_document_is_served_and_names_every_path(gateway: GatewayUnderTest) -> None:
    served = httpx.get(f"{gateway.url}/openapi.json").json()
    assert served == DOCUMENT
    described = {path.split("{")[0]: next(iter(methods)).upper() for path, methods in DOCUMENT["paths"].items()}
    assert described == Gateway(gateway.live).paths
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@SCHEMA.parametrize()
@pytest.mark.slow
@settings(max_examples=12, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(gateway: GatewayUnderTest, case: Any) -> None:
    """With any model's name: mostly refusals."""
    case.call_and_validate(
        base_url=gateway.url.removesuffix("/v1"), headers={"authorization": f"Bearer {SECRET}"}, checks=CHECKS
    )


@SCHEMA.include(path=["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/explain"]).parametrize()
@pytest.mark.slow
@settings(max_examples=25, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_to_calls_of_models_that_are_there(gateway: GatewayUnderTest, case: Any) -> None:
    names = {"/v1/completions": "text", "/v1/embeddings": "vectors"}
    if isinstance(case.body, dict):
        case.body["model"] = names.get(case.path, "chat")
    response = case.call_and_validate(
        base_url=gateway.url.removesuffix("/v1"), headers={"authorization": f"Bearer {SECRET}"}, checks=CHECKS
    )
    assert response.status_code < 500
    assert gateway.live.ledger.balance("plots").reserved == 0
