"""From an offer to a call between two homes of a real network; and all of it goes on while the Root is away."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from jazari.catalog.operations import publish_draft
from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.federation import exchange, governing, joining, root_node, rotation
from jazari.federation.founding import propose
from jazari.gateway import operations
from jazari.gateway.configuration import FILE, read_gateway
from jazari.gateway.journal import segments
from jazari.gateway.network_commands import network_app
from jazari.gateway.node_calls import Bound, NodeIdentity
from jazari.gateway.proxy.identity import OwnIdentity
from jazari.gateway.proxy.running import running
from jazari.gateway.receipt_files import journal_folder
from jazari.gateway.scopes import Scope
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.tests.network_builders import offer_text
from jazari.gateway.words import DataClass
from jazari.nodes import wiring
from jazari.nodes.gateway import create_server
from jazari.nodes.supervision import bind
from jazari.settings.home import Home
from jazari.testing.live_network import LiveNetwork, free_port, serving
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.waiting import until
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.keys import generate_key
from jazari.trust.records import Draft

pytestmark = pytest.mark.slow
MODEL = {"name": "stand-in", "kinds": ["chat"], "context_tokens": 8192}
ROUTE = """
[route.{alias}]
kind = "chat"
targets = [{{ provider = "{provider}", model = "{model}" }}]
most_output_tokens = 200
"""


def types(home: Home, *words: str, code: int = 0) -> dict[str, Any]:
    """A command of the gateway at ``home``, and its JSON."""
    result = CliRunner().invoke(network_app, [*words, "--home", str(home.path), "--json"])
    assert result.exit_code == code, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def configure(home: Home, text: str) -> int:
    """Write gateway.toml with TLS; its port."""
    port = free_port()
    (home.path / FILE).parent.mkdir(exist_ok=True)
    (home.path / FILE).write_text(f'port = {port}\ntls = "always"\n' + text.replace("PORT", str(port)), "utf-8")
    return port


def publish(home: Home, kind: str, name: str, card: dict[str, Any]) -> None:
    publish_draft(home, Draft(kind, name, card))
    exchange.sync(home)


def policy(*issuers: str) -> dict[str, Any]:
    return build.residency_card(build.rule("public"), build.rule("internal"), issuers=list(issuers))


@contextmanager
def gateway(home: Home) -> Iterator[None]:
    """The gateway of ``home`` in a thread, as its process runs it."""
    config = read_gateway(home.path)
    listener = bind(config.host, config.port, "the gateway")
    servers: list[Any] = []
    stopped: list[None] = []

    async def serve() -> None:
        async with running(home, config) as live:
            server = create_server(home, config, live)
            servers.append(server)
            await server.serve([listener])
        stopped.append(None)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    try:
        until(lambda: servers and servers[0].started, f"the gateway of {home.namespace} serves", 20)
        yield
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(20)
    assert stopped, "the gateway did not end as it should"


def receipts(home: Home) -> list[dict[str, Any]]:
    lines = (line for path in segments(journal_folder(home.path)) for line in path.read_text("utf-8").splitlines())
    return [line["body"] for line in map(json.loads, lines) if line["kind"] == "receipt"]


def offer_at(home: Home, model: OpenAILike) -> None:
    """A home that computes and offers it."""
    configure(
        home,
        f'[provider.campus]\ncard = "{home.namespace}/provider/campus@1"\nprotocol = "openai"\n'
        f'address = "{model.url}"\nprivate_address = true\n'
        + ROUTE.format(alias="chat", provider="campus", model="stand-in")
        + offer_text(address='"https://127.0.0.1:PORT/v1"', certificate='"node"'),
    )
    assert types(home, "offer", code=2)["error"]["code"] == "gateway.bad-offer"  # nobody attests the provider yet
    publish(home, "provider", "campus", build.provider_card(models=[MODEL]))
    publish(home, "residency", "main", policy(home.namespace))
    shown = types(home, "offer", "--days", "30", "--check")["card"]
    assert shown["valid_until"] == f"{clock.now() + timedelta(days=30):%Y-%m-%d}"
    assert types(home, "offer", "--days", "30")["card"] == shown


def use_at(home: Home, offered_by: str) -> str:
    """A home that finds the offer and uses it; the secret of a key."""
    exchange.sync(home)
    (found,) = types(home, "discover")["offers"]
    assert (found["institute"], found["used"]) == (offered_by, "")
    assert {one["code"] for one in found["decisions"].values()} == {"no-policy"}
    publish(home, "residency", "main", policy(home.namespace))
    (found,) = types(home, "discover")["offers"]
    assert {one["code"] for one in found["decisions"].values()} == {"issuer-not-named"}
    publish(home, "residency", "main", policy(home.namespace, offered_by))
    (found,) = types(home, "discover")["offers"]
    allowed = {name: one["allowed"] for name, one in found["decisions"].items()}
    assert allowed == {"public": True, "internal": True, "personal": False, "secret": False}
    # As printed, and because this network is on loopback:
    configure(home, found["lines"].replace('protocol = "jazari"', 'protocol = "jazari"\nprivate_address = true'))
    assert types(home, "discover")["offers"][0]["used"] == found["record"]
    operations.create_project("plots", "Plots", home.namespace)
    operations.grant("plots", 1_000_000_000, "", home.namespace)
    scope = Scope(["*"], DataClass.INTERNAL, requests_a_minute=1000, tokens_a_minute=10_000_000, streams=10)
    return operations.create_key("plots", "app", scope, home.namespace, timedelta(days=1)).secret


def ask(home: Home, secret: str, alias: str) -> httpx.Response:
    body = {"model": alias, "messages": [{"role": "user", "content": "Who built water clocks?"}]}
    url = f"https://127.0.0.1:{read_gateway(home.path).port}/v1/chat/completions"
    return httpx.post(
        url, json=body, headers={"authorization": f"Bearer {secret}"}, verify=False, trust_env=False  # noqa: S501
    )  # fmt: skip


def revoke(network: LiveNetwork, name: str) -> None:
    network.finish(propose(network.root, propose_revocation(root_node.repository(network.root), name)))


def rotate(network: LiveNetwork, name: str) -> None:
    """A new publishing key for ``name``, which the board signs and the institute then takes into use."""
    home = network.institutes[name]
    joining.send_request(home, rotation.prepare_rotation(home, None))
    path, _ = governing.propose_requests(network.root, [name])
    network.finish(path)
    network.join(name)


def call_as(identity: NodeIdentity, home: Home) -> httpx.Response:
    """A call to the gateway of ``home``, signed by ``identity``."""
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "x"}]}).encode()
    headers = identity.headers(Bound(home.namespace, "/chat/completions", "internal"), body)
    url = f"https://127.0.0.1:{read_gateway(home.path).port}/v1/chat/completions"
    return httpx.post(url, content=body, headers=headers, verify=False, trust_env=False)  # noqa: S501


def test_the_own_identity_follows_the_key_that_can_be_opened(network: LiveNetwork) -> None:
    fes = network.institutes["fes"]
    identity = OwnIdentity(fes)
    first = identity.key_id
    assert not identity.renew()
    kept = fes.publishing_key.rename(fes.publishing_key.with_name("kept.pem"))
    assert not identity.renew()  # while the file is exchanged there may be none
    fes.publishing_key.write_text("no key")
    with pytest.raises(JazariError):
        identity.renew()
    assert identity.key_id == first
    fes.publishing_key.unlink()
    generate_key(fes.publishing_key, None)
    assert identity.renew()
    assert identity.key_id != first
    kept.replace(fes.publishing_key)
    assert identity.renew()
    assert identity.key_id == first


def test_a_rotated_key_signs_calls_without_a_restart(network: LiveNetwork) -> None:
    wiring.connect()
    wiring.register_cards()
    dakhla, fes = network.institutes["dakhla"], network.institutes["fes"]
    with ExitStack() as stack:
        model = stack.enter_context(OpenAILike())
        stack.enter_context(serving(network.root))
        offer_at(dakhla, model)
        secret = use_at(fes, "dakhla")
        stack.enter_context(gateway(dakhla))
        stack.enter_context(gateway(fes))
        assert ask(fes, secret, "dakhla").status_code == 200
        old = NodeIdentity("fes", network.network.name, network.signer("fes"))
        assert call_as(old, dakhla).status_code == 200
        rotate(network, "fes")
        exchange.sync(dakhla)
        until(lambda: call_as(old, dakhla).status_code == 401, "dakhla has heard of the new key", 20)
        until(lambda: ask(fes, secret, "dakhla").status_code == 200, "fes signs with the new key", 20)
        told = len(receipts(dakhla))
        assert ask(fes, secret, "dakhla").status_code == 200
        assert [one["key"] for one in receipts(dakhla)[told:]] == ["node:fes"]


def test_offered_found_called_and_revoked(network: LiveNetwork) -> None:
    wiring.connect()
    wiring.register_cards()
    dakhla, fes = network.institutes["dakhla"], network.institutes["fes"]
    with ExitStack() as stack:
        model = stack.enter_context(OpenAILike())
        with serving(network.root):
            offer_at(dakhla, model)
            secret = use_at(fes, "dakhla")
        # The Root is away from here on.
        stack.enter_context(gateway(dakhla))
        stack.enter_context(gateway(fes))
        answer = ask(fes, secret, "dakhla")
        assert answer.status_code == 200, answer.text
        assert "Al-Jazari" in answer.json()["choices"][0]["message"]["content"]
        assert [(one["key"], one["provider"]) for one in receipts(dakhla)] == [("node:fes", "campus")]
        assert [(one["project"], one["provider"]) for one in receipts(fes)] == [("plots", "dakhla")]
        with serving(network.root):
            revoke(network, "fes")
            exchange.sync(dakhla)
        until(lambda: ask(fes, secret, "dakhla").status_code == 503, "dakhla has heard of the revocation", 20)
        assert receipts(fes)[-1]["tried"][0]["outcome"] == "declined"
        asked = len(receipts(dakhla)), model.counts.requests
        with serving(network.root):
            revoke(network, "dakhla")
            exchange.sync(fes)
        # Nor is anything sent to an institute that was revoked, whatever it once published.
        until(lambda: ask(fes, secret, "dakhla").status_code == 403, "fes has heard of the other revocation", 20)
        assert receipts(fes)[-1]["tried"][0]["decision"] == "no-facts"
        assert types(fes, "discover")["offers"] == []
        assert (len(receipts(dakhla)), model.counts.requests) == asked
