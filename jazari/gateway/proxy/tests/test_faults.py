"""Providers that fail in every way there is: another one answers, or the client is told; and the books are right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest

from jazari.gateway.breaker import Breaker, BreakerRules
from jazari.gateway.proxy.tests.serving import GatewayUnderTest, key, toml
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour
from jazari.testing.waiting import until

SECRET, KEY = key()
MESSAGES = [{"role": "user", "content": "Who built water clocks?"}]
BEFORE_ANY_BYTE = [
    Fault.REFUSE, Fault.NEVER, Fault.STALL_FIRST, Fault.UNAUTHORIZED, Fault.NOT_FOUND, Fault.RATE_LIMITED,
    Fault.ERROR_500, Fault.ERROR_502, Fault.ERROR_503, Fault.REDIRECT, Fault.WRONG_TYPE, Fault.GZIP_BOMB,
]  # fmt: skip
MID_STREAM = [Fault.STALL_MID, Fault.CUT_MID, Fault.ERROR_MID, Fault.NO_DONE, Fault.MALFORMED]


@pytest.fixture(scope="module")
def first() -> Iterator[OpenAILike]:
    with OpenAILike(behaviour=Behaviour(drip_seconds=0.3)) as made:
        yield made


@pytest.fixture(scope="module")
def second() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def gateway(first: OpenAILike, second: OpenAILike, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    first.faults.clear()
    second.faults.clear()
    with GatewayUnderTest(tmp_path, toml({"first": first.url, "second": second.url}), KEY) as made:
        yield made


@pytest.fixture
def client(gateway: GatewayUnderTest) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=SECRET, max_retries=0)


def balanced(gateway: GatewayUnderTest) -> None:
    """Nothing is reserved any more, and what was spent is what the receipts say."""
    until(lambda: gateway.live.ledger.balance("plots").reserved == 0, "every call is settled")
    assert gateway.spent() == sum(receipt.charge for receipt in gateway.receipts())


def pieces(client: openai.OpenAI) -> Iterator[str]:
    """The pieces of a streamed answer."""
    for chunk in client.chat.completions.create(model="chat", messages=MESSAGES, stream=True):
        yield chunk.choices[0].delta.content or ""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", BEFORE_ANY_BYTE)
def test_who_fails_before_the_first_byte_is_replaced(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike, fault: Fault, stream: bool
) -> None:
    if fault is Fault.STALL_FIRST and not stream:
        pytest.skip("a whole answer is bounded by the time of the whole call")
    first.faults.next(fault)
    answer = client.chat.completions.create(model="chat", messages=MESSAGES, stream=stream)
    said = "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
    assert "Al-Jazari" in said
    receipt = gateway.receipts()[-1]
    assert (receipt.provider, receipt.outcome) == ("second", "answered")
    assert [one.provider for one in receipt.tried] == ["first", "second"]
    assert all(one.decision == "allowed" for one in receipt.tried)
    balanced(gateway)


@pytest.mark.parametrize("fault", MID_STREAM)
def test_who_fails_in_mid_stream_is_told_of_in_the_stream_and_what_was_delivered_is_charged(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike, second: OpenAILike, fault: Fault
) -> None:
    before = second.counts.requests
    first.faults.next(fault)
    said: list[str] = []
    with pytest.raises(openai.APIError):
        said.extend(pieces(client))
    assert "".join(said)
    assert second.counts.requests == before
    receipt = gateway.receipts()[-1]
    assert receipt.outcome == "broken off"
    assert receipt.usage.estimated is (fault is not Fault.NO_DONE)  # it had told its usage by then
    assert receipt.charge > 0
    balanced(gateway)


@pytest.mark.parametrize("fault", [Fault.USAGE_HUGE, Fault.USAGE_NEGATIVE, Fault.USAGE_WORDS, Fault.USAGE_MISSING])
def test_a_provider_that_lies_about_usage_is_not_believed(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike, fault: Fault
) -> None:
    client.chat.completions.create(model="chat", messages=MESSAGES)
    honest = gateway.receipts()[-1]
    first.faults.next(fault)
    client.chat.completions.create(model="chat", messages=MESSAGES)
    receipt = gateway.receipts()[-1]
    assert receipt.usage.estimated
    assert 0 < receipt.charge <= 4 * honest.charge
    balanced(gateway)


def test_a_slow_drip_is_no_answer(client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike) -> None:
    first.faults.next(Fault.SLOW_DRIP)
    answer = client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    assert "Al-Jazari" in "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    assert gateway.receipts()[-1].provider == "second"


def test_a_huge_answer_is_cut(client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike) -> None:
    first.faults.next(Fault.HUGE)
    client.chat.completions.create(model="chat", messages=MESSAGES)
    assert gateway.receipts()[-1].tried[0].outcome == "bad answer"
    balanced(gateway)


def test_what_a_provider_says_when_it_fails_reaches_nobody(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike, second: OpenAILike
) -> None:
    first.faults.always(Fault.UNAUTHORIZED)
    second.faults.always(Fault.UNAUTHORIZED)
    with pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model="chat", messages=MESSAGES)
    assert refused.value.code == "gateway.no-provider-ready"
    assert "Incorrect" not in str(refused.value)
    assert gateway.receipts()[-1].charge == 0


def test_a_client_that_leaves_cancels_upstream_and_pays_for_what_it_got(
    gateway: GatewayUnderTest, first: OpenAILike
) -> None:
    first.behaviour.pace_seconds = 0.2
    before = first.counts.cancelled
    try:
        body = {"model": "chat", "messages": MESSAGES, "stream": True}
        headers = {"authorization": f"Bearer {SECRET}"}
        with httpx.stream("POST", f"{gateway.url}/chat/completions", json=body, headers=headers) as response:
            next(response.iter_raw())
        until(lambda: first.counts.cancelled == before + 1, "the provider hears of it")
    finally:
        first.behaviour.pace_seconds = 0.0
    until(gateway.receipts, "the receipt")
    receipt = gateway.receipts()[-1]
    assert (receipt.outcome, receipt.status) == ("client left", 499)
    assert receipt.charge > 0
    balanced(gateway)


def test_who_fails_again_and_again_is_left_alone(
    client: openai.OpenAI, gateway: GatewayUnderTest, first: OpenAILike
) -> None:
    # Open for long enough that all eight calls end meanwhile.
    breaker = gateway.live.providers["first"].breaker = Breaker(BreakerRules(first_open_seconds=3.0))
    first.faults.always(Fault.ERROR_500)
    for _ in range(8):
        client.chat.completions.create(model="chat", messages=MESSAGES)
    assert [one.provider for one in gateway.receipts()[-1].tried] == ["second"]
    first.faults.clear()
    until(lambda: breaker.ready(time.monotonic()), "its time is over")
    client.chat.completions.create(model="chat", messages=MESSAGES)
    assert gateway.receipts()[-1].provider == "first"
