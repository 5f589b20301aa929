"""What a client or a provider could try at others' expense: prompts that nobody counts, places that nobody frees."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.gateway.errors import JournalUnwritable
from jazari.gateway.proxy.tests.serving import MODEL, GatewayUnderTest, key, knowledge, toml
from jazari.gateway.words import DataClass
from jazari.testing.providers.answers import count_tokens
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.stand_in import Refused
from jazari.testing.providers.wire import Answer, Behaviour
from jazari.testing.waiting import until

SECRET, KEY = key()
SLOW, SLOW_KEY = key("slow", requests_a_minute=1, project="other")
PERSONAL, PERSONAL_KEY = key("personal", highest=DataClass.PERSONAL)
PROVIDERS_SECRET = "sk-0123456789abcdef0123456789abcdef"
MESSAGES = [{"role": "user", "content": "x"}]
MANY = "word " * 5_000
WEB = httpx.Client(timeout=60)


class Honest(OpenAILike):
    """Counts every word it is sent as a model's template would, and refuses long-windedly when told so."""

    complaint = ""

    def _chat(self, document: dict[str, Any]) -> Answer:
        if self.complaint:
            raise Refused(400, self.complaint)
        answer = super()._chat(document)
        tokens = count_tokens(str(document))
        for one in answer.documents:
            if one.get("usage"):
                one["usage"] = {**one["usage"], "prompt_tokens": tokens}
        return answer


@pytest.fixture(scope="module")
def provider() -> Iterator[Honest]:
    with Honest(secret=PROVIDERS_SECRET) as made:
        yield made


@pytest.fixture
def gateway(provider: Honest, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    provider.faults.clear()
    provider.complaint, provider.behaviour = "", Behaviour()
    text = toml({"campus": provider.url}).replace("most_at_once = 1000", "most_at_once = 2")
    keys = (KEY, SLOW_KEY, PERSONAL_KEY)
    with GatewayUnderTest(tmp_path, text, *keys, secrets={"campus": PROVIDERS_SECRET}) as made:
        yield made


def ask(gateway: GatewayUnderTest, secret: str = SECRET, **changes: Any) -> httpx.Response:
    body = {"model": "chat", "messages": MESSAGES, **changes}
    return WEB.post(f"{gateway.url}/chat/completions", json=body, headers={"authorization": f"Bearer {secret}"})


@pytest.mark.parametrize(
    "hidden",
    [
        {"functions": [{"name": "f", "description": MANY}]}, {"documents": [{"text": MANY}]}, {"prediction": MANY},
        {"messages": [*MESSAGES, {"role": "assistant", "content": "", "reasoning_content": MANY}, *MESSAGES]},
        {"messages": [{"role": "user", "content": "x", "name": MANY}]}, {"suffix": MANY}, {"grammar": MANY},
        {"tools": [{"type": "function", "function": {"name": "f", "description": MANY}}]},
    ],
)  # fmt: skip
def test_a_prompt_is_counted_wherever_it_is(gateway: GatewayUnderTest, hidden: dict[str, Any]) -> None:
    assert ask(gateway, **hidden).status_code == 200
    receipt = gateway.receipts()[-1]
    assert receipt.usage.prompt_tokens > 5_000
    assert not receipt.usage.estimated
    assert receipt.charge > 5_000 * 1_000


def test_no_other_name_of_the_limit_goes_round_what_was_reserved(gateway: GatewayUnderTest, provider: Honest) -> None:
    ask(gateway, n_predict=100_000, max_new_tokens=100_000, max_length=100_000, max_tokens=7)
    sent = provider.counts.calls[-1].document
    assert sent["max_tokens"] == 7
    assert not {"n_predict", "max_new_tokens", "max_length"} & set(sent)


def test_answers_that_are_computed_and_not_given_are_reserved_for(gateway: GatewayUnderTest) -> None:
    def reserved(**changes: Any) -> int:
        body = {"model": "text", "prompt": "x", **changes}
        WEB.post(f"{gateway.url}/completions", json=body, headers={"authorization": f"Bearer {SECRET}"})
        return [line.body["amount"] for line in gateway.lines() if line.kind == "reserve"][-1]

    assert reserved(best_of=4) - reserved() >= 3 * 200 * 2_000


def test_half_of_a_secret_is_not_told_either(gateway: GatewayUnderTest, provider: Honest) -> None:
    for padding in range(440, 500, 4):
        provider.complaint = "x" * padding + f" {PROVIDERS_SECRET} is wrong."
        refused = ask(gateway, seed=padding)  # each its own call, or it counts as the same one again
        assert refused.status_code == 400
        assert PROVIDERS_SECRET[:6] not in refused.text


def test_json_that_is_no_answer_is_no_answer(gateway: GatewayUnderTest, provider: Honest) -> None:
    for stream in (False, True):
        provider.faults.next(Fault.NOT_AN_ANSWER)
        assert ask(gateway, stream=stream).json()["code"] == "gateway.no-provider-ready"
        assert gateway.receipts()[-1].tried[0].outcome == "bad answer"
    assert gateway.spent() == 0


def test_images_and_tools_that_no_model_takes_are_the_clients_to_leave_out(gateway: GatewayUnderTest) -> None:
    plain = {**MODEL, "images": False, "tools": False}
    gateway.swap_in(knowledge(gateway.config, campus={"models": [plain]}))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    tools = [{"type": "function", "function": {"name": "f"}}]
    for response in (ask(gateway, messages=[{"role": "user", "content": [image]}]), ask(gateway, tools=tools)):
        assert (response.status_code, response.json()["code"]) == (400, "gateway.bad-request")
        assert gateway.receipts()[-1].outcome == "refused"
    assert ask(gateway).status_code == 200


def test_a_refusal_without_a_receipt_names_none(gateway: GatewayUnderTest) -> None:
    first, second = ask(gateway, SLOW), ask(gateway, SLOW)
    assert first.headers["jazari-receipt"] == gateway.receipts()[-1].id
    assert second.status_code == 429
    assert "jazari-receipt" not in second.headers
    assert int(second.headers["retry-after"]) > 0


def test_a_client_that_does_not_read_gives_its_place_up(gateway: GatewayUnderTest, provider: Honest) -> None:
    """Two such clients hold both places; a third call is answered all the same, within the time of a stall."""
    provider.behaviour = Behaviour(text="w" * 100_000 + " ", words=200)
    body = b'{"model":"chat","stream":true,"messages":[{"role":"user","content":"x"}]}'
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: x", f"authorization: Bearer {SECRET}"]
    head = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode()
    asleep = []
    for _ in range(2):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", gateway.port))
        connection.sendall(head + body)
        asleep.append(connection)
    until(lambda: gateway.live.providers["campus"].places.busy == 2, "both places are taken")
    until(lambda: gateway.live.open_calls == 0, "they are given up")
    assert {(one.outcome, one.status) for one in gateway.receipts()} == {("client left", 499)}
    assert gateway.spent() > 0
    for connection in asleep:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    provider.behaviour = Behaviour()
    assert ask(gateway).status_code == 200


def test_a_long_source_of_energy_figures_stops_no_receipt(gateway: GatewayUnderTest) -> None:
    model = {**MODEL, "energy_wh_per_1000_tokens": 1e6, "energy_source": "s" * 300}
    gateway.swap_in(knowledge(gateway.config, campus={"models": [model]}))
    assert ask(gateway).status_code == 200
    assert gateway.receipts()[-1].energy_source == "s" * 200
    assert gateway.live.ledger.balance("plots").reserved == 0


def test_refusals_while_nothing_can_be_written_keep_no_debt_from_being_paid(
    gateway: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills while a call runs; others are refused meanwhile; then there is room again."""
    journal = gateway.live.ledger._journal
    append, full = journal.append, [False]

    def failing(kind: str, body: str, *, owed: bool = False) -> int:
        if full[0]:
            raise JournalUnwritable("The disk is full.")
        if kind == "reserve":
            full[0] = True
        return append(kind, body, owed=owed)

    monkeypatch.setattr(journal, "append", failing)
    assert ask(gateway).status_code == 200
    for _ in range(3):
        refused = ask(gateway)
        assert (refused.status_code, refused.json()["code"]) == (503, "gateway.journal-unwritable")
        assert "jazari-receipt" not in refused.headers
    assert len(gateway.live.owed) == 1
    monkeypatch.setattr(journal, "append", append)

    async def pay() -> None:
        gateway.live.pay_owed()

    gateway.do(pay())
    (receipt,) = gateway.receipts()
    assert (receipt.outcome, receipt.charge) == ("answered", gateway.spent())
    assert gateway.live.ledger.balance("plots").reserved == 0
