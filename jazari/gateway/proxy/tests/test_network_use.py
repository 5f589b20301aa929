"""Institutes' gateways call each other over real TLS, without a Root anywhere: with node identity, once, one hop."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from jazari.core import clock
from jazari.federation.tls import write_certificate
from jazari.gateway.breaker import Health
from jazari.gateway.facts import facts_of, provider_card
from jazari.gateway.guests import Node
from jazari.gateway.knowledge import Knowledge
from jazari.gateway.node_calls import CLASS_HEADER, Bound
from jazari.gateway.offering import fingerprint
from jazari.gateway.proxy.tests.serving import MODEL, RULES, GatewayUnderTest, Membership, key
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.tests.network_builders import ROOT, directory, identity, offer_text
from jazari.testing.providers.openai_like import OpenAILike

SECRET, KEY = key()
MESSAGES: Any = [{"role": "user", "content": "Who built water clocks?"}]
ISSUERS = [ROOT, "rabat", "fes", "dakhla"]
OFFERED = build.provider_card(
    protocol="jazari", address="https://gateway.fes.example/v1", models=[{**MODEL, "name": "chat", "kinds": ["chat"]}]
)


def settings(targets: dict[str, str], **offer: str) -> str:
    """A route ``chat`` over providers by name: those with https are gateways, the others plain models."""
    parts, pairs = [], []
    for name, address in targets.items():
        node = address.startswith("https")
        namespace, protocol, model = (name, "jazari", "chat") if node else ("rabat", "openai", "stand-in")
        parts.append(
            f'[provider.{name}]\ncard = "{namespace}/provider/{name}@1"\nprotocol = "{protocol}"\n'
            f'address = "{address}"\nprivate_address = true\n'
        )
        pairs.append(f'{{ provider = "{name}", model = "{model}" }}')
    route = (
        f'[route.chat]\nkind = "chat"\ntargets = [{", ".join(pairs)}]\nmost_output_tokens = 200\nconnect_seconds = 1\n'
        "first_token_seconds = 5\n[route.chat.price]\ninput = 1\noutput = 2\n"
    )
    return "\n".join([*parts, route, offer_text(**offer)])


class Institute:
    """A gateway with a certificate of its own, which offers its route ``chat`` to everybody."""

    def __init__(self, folder: Path, name: str, targets: dict[str, Any], **offer: str) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self._files = (self.folder / "tls.crt", self.folder / "tls.key")
        self.certificate = fingerprint(write_certificate(*self._files, name, ["127.0.0.1"]).encode())
        self._targets = targets
        text = settings(
            {one: to.gateway.url if isinstance(to, Institute) else to for one, to in targets.items()}, **offer
        )
        member = Membership(Node(name, name == ROOT), identity(name), directory(), self._files)
        self.gateway = GatewayUnderTest(self.folder, text, KEY, known=Knowledge(), member=member)
        self.know()

    def know(self, **certificates: str) -> None:
        """Cards of all its providers, of gateways with the certificates that they have, or others if given."""
        facts, cards = {}, {}
        for one, to in self._targets.items():
            card, namespace = build.provider_card(models=[MODEL]), "rabat"
            if isinstance(to, Institute):
                shown = certificates.get(one, to.certificate)
                card, namespace = {**OFFERED, "address": to.gateway.url, "certificate": shown}, one
            record = build.record("provider", card, namespace=namespace, name=one)
            facts[one], cards[one] = facts_of(one, record), provider_card(record)
        offer = provider_card(build.record("provider", OFFERED, namespace=self.name))
        self.gateway.known = Knowledge(build.policy(*RULES, issuers=ISSUERS), facts, cards, offer=offer)

    def client(self) -> openai.OpenAI:
        """What a program of a project of this institute uses; it knows the certificate."""
        trusted = ssl.create_default_context(cafile=str(self._files[0]))
        http = httpx.Client(verify=trusted, trust_env=False)
        return openai.OpenAI(base_url=self.gateway.url, api_key=SECRET, max_retries=0, http_client=http)

    def ask(self) -> str:
        """What a program is answered."""
        answer = self.client().chat.completions.create(model="chat", messages=MESSAGES)
        return answer.choices[0].message.content or ""


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def open_gateways() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def fes(model: OpenAILike, tmp_path: Path, open_gateways: ExitStack) -> Institute:
    """Computes itself, and offers it."""
    made = Institute(tmp_path, "fes", {"campus": model.url})
    open_gateways.enter_context(made.gateway)
    return made


@pytest.fixture
def rabat(fes: Institute, model: OpenAILike, tmp_path: Path, open_gateways: ExitStack) -> Institute:
    """Calls fes first, and a model of its own where that fails."""
    made = Institute(tmp_path, "rabat", {"fes": fes, "own": model.url})
    open_gateways.enter_context(made.gateway)
    return made


def signed(to: Institute, caller: str = "rabat", signer: str = "", **content: Any) -> dict[str, Any]:
    """A call by hand, as keywords of ``post``."""
    body = json.dumps({"model": "chat", "messages": MESSAGES} | content).encode()
    bound = Bound(to.name, "/chat/completions", "internal")
    return {"content": body, "headers": identity(caller, signer).headers(bound, body)}


def post(to: Institute, call: dict[str, Any], path: str = "/chat/completions") -> tuple[int, str]:
    """Status and code of the refusal, empty if there is none."""
    answer = httpx.post(to.gateway.url + path, verify=False, trust_env=False, **call)  # noqa: S501  pinned elsewhere
    return answer.status_code, answer.json().get("code", "")


def test_an_institute_calls_another_with_its_identity(rabat: Institute, fes: Institute) -> None:
    assert "Al-Jazari" in rabat.ask()
    here, there = rabat.gateway.receipts()[-1], fes.gateway.receipts()[-1]
    assert (here.provider, here.project, here.outcome) == ("fes", "plots", "answered")
    assert (there.provider, there.key, there.data_class) == ("campus", "node:rabat", here.data_class)
    assert there.project == f"institute-rabat/{clock.now():%Y-%m}"
    assert not there.declassified
    assert there.usage == here.usage
    assert fes.gateway.spent(there.project) == there.charge > 0


def test_a_stream_passes_through_both(rabat: Institute, fes: Institute) -> None:
    chunks = list(rabat.client().chat.completions.create(model="chat", messages=MESSAGES, stream=True))
    assert "Al-Jazari" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert [one.gateway.receipts()[-1].outcome for one in (rabat, fes)] == ["answered", "answered"]


def test_a_call_counts_once_and_as_it_was_signed(fes: Institute) -> None:
    call = signed(fes)
    assert post(fes, call) == (200, "")
    assert post(fes, call) == (409, "gateway.node-replayed")
    fresh = signed(fes)
    assert post(fes, fresh | {"content": fresh["content"] + b" "}) == (401, "gateway.bad-node-call")
    lower = fresh | {"headers": fresh["headers"] | {CLASS_HEADER: "public"}}
    assert post(fes, lower) == (401, "gateway.bad-node-call")
    assert post(fes, fresh, "/embeddings") == (401, "gateway.bad-node-call")
    assert post(fes, fresh) == (200, "")
    assert len(fes.gateway.receipts()) == 2


def test_a_gateway_cannot_pass_off_a_call_that_it_received(rabat: Institute, fes: Institute) -> None:
    assert post(rabat, signed(fes, caller="dakhla")) == (401, "gateway.bad-node-call")


def test_strangers_and_the_revoked_are_refused(fes: Institute, model: OpenAILike) -> None:
    asked = model.counts.requests
    assert post(fes, signed(fes, caller="stranger")) == (403, "gateway.node-refused")
    assert post(fes, signed(fes, signer="stranger")) == (401, "gateway.bad-node-call")
    fes.gateway.join(directory=directory(revoked=["rabat"]))
    assert post(fes, signed(fes)) == (403, "gateway.node-refused")
    fes.gateway.join(directory=None)
    assert post(fes, signed(fes, caller="dakhla")) == (403, "gateway.not-offered")
    assert (fes.gateway.receipts(), model.counts.requests) == ([], asked)


def test_a_route_that_is_not_offered_and_questions_for_the_own_projects(fes: Institute) -> None:
    assert post(fes, signed(fes, model="other")) == (403, "gateway.route-not-allowed")
    body = b'{"model": "chat"}'
    headers = identity("rabat").headers(Bound("fes", "/explain"), body)
    assert post(fes, {"content": body, "headers": headers}, "/explain") == (403, "gateway.not-offered")
    headers = identity("rabat").headers(Bound("fes", "/models"), b"")
    found = httpx.get(f"{fes.gateway.url}/models", headers=headers, verify=False, trust_env=False)  # noqa: S501
    assert [one["id"] for one in found.json()["data"]] == ["chat"]


def test_the_caller_goes_on_without_a_gateway_that_vanished(rabat: Institute, fes: Institute) -> None:
    fes.gateway.do(fes.gateway.shut())
    assert "Al-Jazari" in rabat.ask()
    receipt = rabat.gateway.receipts()[-1]
    assert [(one.provider, one.outcome) for one in receipt.tried] == [("fes", "not reached"), ("own", "answered")]


def test_who_shows_another_certificate_is_sent_nothing(rabat: Institute, fes: Institute) -> None:
    rabat.know(fes="ab" * 32)
    rabat.gateway.swap_in(rabat.gateway.known)
    assert "Al-Jazari" in rabat.ask()
    receipt = rabat.gateway.receipts()[-1]
    assert [(one.provider, one.outcome) for one in receipt.tried] == [("fes", "not itself"), ("own", "answered")]
    assert fes.gateway.receipts() == []


def test_credits_of_the_month_end_and_the_caller_goes_on(
    model: OpenAILike, tmp_path: Path, open_gateways: ExitStack
) -> None:
    poor = Institute(tmp_path, "fes", {"campus": model.url}, credits_a_month="0.1")
    caller = Institute(tmp_path, "rabat", {"fes": poor, "own": model.url})
    for one in (poor, caller):
        open_gateways.enter_context(one.gateway)
    for _ in range(12):
        caller.ask()
    receipt = caller.gateway.receipts()[-1]
    assert [(one.provider, one.outcome) for one in receipt.tried] == [("fes", "declined"), ("own", "answered")]
    assert poor.gateway.receipts()[-1].status == 402
    # It answers, and so is not left alone as one that fails: another class or another month may be welcome.
    assert caller.gateway.live.providers["fes"].state(0.0).health is Health.CLOSED


def test_a_call_of_an_institute_goes_to_no_third_one(fes: Institute, tmp_path: Path, open_gateways: ExitStack) -> None:
    middle = Institute(tmp_path, "dakhla", {"fes": fes})
    open_gateways.enter_context(middle.gateway)
    assert post(middle, signed(middle)) == (403, "gateway.policy-refuses")
    assert middle.gateway.receipts()[-1].tried[0].decision == "not-passed-on"
    assert fes.gateway.receipts() == []
    assert "Al-Jazari" in middle.ask()  # its own projects may


def test_the_root_is_one_entry_over_all_for_one_hop(fes: Institute, tmp_path: Path, open_gateways: ExitStack) -> None:
    root = Institute(tmp_path, ROOT, {"fes": fes})
    open_gateways.enter_context(root.gateway)
    caller = Institute(tmp_path, "rabat", {ROOT: root})
    open_gateways.enter_context(caller.gateway)
    assert "Al-Jazari" in caller.ask()
    assert root.gateway.receipts()[-1].key == "node:rabat"
    assert fes.gateway.receipts()[-1].key == f"node:{ROOT}/rabat"
    # The Root itself takes nothing that was passed on before.
    body = signed(root)["content"]
    bound = Bound(ROOT, "/chat/completions", "internal", relayed_for="dakhla")
    call = {"content": body, "headers": identity("rabat").headers(bound, body)}
    assert post(root, call) == (403, "gateway.node-refused")


def test_what_only_a_provider_beyond_the_offer_could_take_is_a_bad_request_and_no_failure(
    model: OpenAILike, tmp_path: Path, open_gateways: ExitStack
) -> None:
    fes = Institute(tmp_path, "fes", {"campus": model.url, "far": model.url})
    open_gateways.enter_context(fes.gateway)
    cards = {
        "campus": build.provider_card(models=[{**MODEL, "tools": False}]),
        "far": build.provider_card(models=[MODEL], keeps=30),
    }
    records = {name: build.record("provider", card, name=name) for name, card in cards.items()}
    facts = {name: facts_of(name, record) for name, record in records.items()}
    known = {name: provider_card(record) for name, record in records.items()}
    fes.gateway.known = Knowledge(fes.gateway.known.residency, facts, known, offer=fes.gateway.known.offer)
    fes.gateway.swap_in(fes.gateway.known)
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    assert post(fes, signed(fes)) == (200, "")
    assert post(fes, signed(fes, tools=tools)) == (400, "gateway.bad-request")
