"""What the demo writes for its gateway is valid, with a model of the node's own and with a stand-in for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jazari.catalog.registry import check_form
from jazari.gateway.configuration import GatewayConfig, read_gateway
from jazari.gateway.listening import FILE
from jazari.nodes.demo import inference, texts
from jazari.nodes.demo.data import SITES
from jazari.nodes.demo.founding import DemoNetwork
from jazari.nodes.demo.inference import Inference
from jazari.nodes.demo.operator import Operator

MODEL = Path("a-model.gguf")


@pytest.fixture(params=[MODEL, None], ids=["embedded", "stand-in"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inference]:
    monkeypatch.setattr(inference, "has_engine", lambda: request.param is not None)
    monkeypatch.setattr(inference, "sample_model", lambda: request.param)
    with inference.providers(DemoNetwork(tmp_path, SITES[:2], Operator())) as found:
        yield found


def settings_of(gateway: Inference) -> GatewayConfig:
    file = gateway.home / FILE
    file.parent.mkdir(parents=True)
    file.write_text(texts.gateway_settings("rabat", gateway.port, gateway.here, gateway.addresses))
    return read_gateway(gateway.home)


def test_its_settings_and_cards_are_valid_and_speak_of_the_same(gateway: Inference) -> None:
    config, cards = settings_of(gateway), texts.gateway_cards("rabat", gateway.here)
    for document in cards.values():
        check_form(document["type"], json.loads(json.dumps(document["card"])))
    providers = {name: document["card"] for name, document in cards.items() if document["type"] == "provider"}
    assert set(config.provider) == set(providers)
    for route in config.route.values():
        for target in route.targets:
            card = providers[target.provider]
            assert str(config.provider[target.provider].protocol) == card["protocol"]
            assert target.model in [model["name"] for model in card["models"]]


def test_a_stand_in_is_called_so_and_answers(gateway: Inference) -> None:
    assert all("stand-in" in name for name in gateway.addresses)
    assert (gateway.here in gateway.addresses) is (gateway.model is None)
    for address in gateway.addresses.values():
        assert httpx.get(f"{address}/models", trust_env=False).json()["data"][0]["owned_by"] == "stand-in"
