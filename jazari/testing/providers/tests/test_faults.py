"""Each fault as a client meets it, by the real client or by what is on the wire."""

import gzip
import itertools
import json
import socket
import time
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from jazari.testing.providers.faults import Fault, FaultPlan
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour, packed
from jazari.testing.waiting import until

ASK = [{"role": "user", "content": "How did the water clock work?"}]
SMALL = Behaviour(words=4, stall_seconds=0.2, drip_seconds=0.0001, huge_bytes=4 * 1024 * 1024)


@pytest.fixture(scope="module")
def served():
    with OpenAILike(behaviour=SMALL) as made:
        yield made


@pytest.fixture
def provider(served):
    served.faults.clear()
    return served


@pytest.fixture
def client(provider):
    with openai.OpenAI(base_url=provider.url, api_key="s3cret", max_retries=0, timeout=5) as made:
        yield made


def raw(provider, stream=False, timeout=5.0):
    body = {"model": "stand-in", "messages": ASK, "stream": stream, "stream_options": {"include_usage": True}}
    return httpx.post(f"{provider.url}/chat/completions", json=body, timeout=timeout)


def joined(client):
    events = client.chat.completions.create(model="stand-in", messages=ASK, stream=True)
    return "".join(event.choices[0].delta.content or "" for event in events)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNAUTHORIZED, openai.AuthenticationError),
        (Fault.NOT_FOUND, openai.NotFoundError),
        (Fault.RATE_LIMITED, openai.RateLimitError),
        (Fault.ERROR_500, openai.InternalServerError),
        (Fault.ERROR_502, openai.InternalServerError),
        (Fault.ERROR_503, openai.InternalServerError),
        (Fault.REFUSE, openai.APIConnectionError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_refusals(provider, client, fault, error, stream):
    provider.faults.next(fault)
    with pytest.raises(error):
        client.chat.completions.create(model="stand-in", messages=ASK, stream=stream)
    assert joined(client), "the call after it goes well"


def test_rate_limit_says_when(provider):
    provider.faults.next(Fault.RATE_LIMITED)
    assert raw(provider).headers["retry-after"] == "1"


def test_careless_provider_repeats_the_secret(provider, client):
    provider.faults.next(Fault.UNAUTHORIZED)
    with pytest.raises(openai.AuthenticationError, match="s3cret"):
        client.chat.completions.create(model="stand-in", messages=ASK)


def test_never_answers(provider):
    provider.faults.next(Fault.NEVER)
    with pytest.raises(httpx.ReadTimeout):
        raw(provider, timeout=0.3)


def test_vanishes_and_comes_back(provider, client):
    assert joined(client)
    provider.vanish()
    with pytest.raises(openai.APIConnectionError):
        joined(client)
    provider.come_back()
    assert joined(client)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Fault.STALL_FIRST, Fault.STALL_MID])
def test_stall_then_the_whole_answer(provider, fault, stream):
    provider.faults.next(fault)
    moments, got = [], b""
    body = {"model": "stand-in", "messages": ASK, "stream": stream}
    with httpx.stream("POST", f"{provider.url}/chat/completions", json=body, timeout=5) as response:
        moments.append(time.monotonic())
        for piece in response.iter_bytes():
            got += piece
            moments.append(time.monotonic())
    # Silence before the first piece, or between two of them.
    longest = max(later - earlier for earlier, later in itertools.pairwise(moments))
    assert longest > 0.15
    assert got.endswith(b"[DONE]\n\n" if stream else b"}")


@pytest.mark.parametrize("stream", [False, True])
def test_cut_in_the_middle(provider, stream):
    provider.faults.next(Fault.CUT_MID)
    got, torn = b"", None
    body = {"model": "stand-in", "messages": ASK, "stream": stream}
    with httpx.stream("POST", f"{provider.url}/chat/completions", json=body) as response:
        try:
            for piece in response.iter_raw():
                got += piece
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            torn = error
    assert torn is not None
    assert got, "half of the answer arrives"
    assert b"[DONE]" not in got


def test_a_cut_is_no_cancellation_by_the_client(provider):
    before = provider.counts.cancelled
    provider.faults.next(Fault.CUT_MID)
    with pytest.raises(httpx.HTTPError):
        raw(provider, stream=True)
    until(lambda: provider.counts.open == 0, "the call ends")
    assert provider.counts.cancelled == before


@pytest.mark.parametrize("stream", [False, True])
def test_slow_drip_is_the_same_answer(provider, stream):
    good = raw(provider, stream).content
    provider.faults.next(Fault.SLOW_DRIP)
    assert raw(provider, stream).content == good


def test_malformed(provider, client):
    provider.faults.next(Fault.MALFORMED, Fault.MALFORMED)
    with pytest.raises(json.JSONDecodeError):
        joined(client)
    with pytest.raises(json.JSONDecodeError):
        raw(provider).json()


def test_not_an_answer(provider):
    provider.faults.next(Fault.NOT_AN_ANSWER, Fault.NOT_AN_ANSWER)
    assert raw(provider).json() == {"pong": 1}
    assert b"choices" not in raw(provider, stream=True).content


def test_page_instead_of_an_answer(provider):
    provider.faults.next(Fault.WRONG_TYPE)
    response = raw(provider)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html")


def test_error_in_the_middle_of_a_stream(provider, client):
    provider.faults.next(Fault.ERROR_MID)
    with pytest.raises(openai.APIError, match="in the middle"):
        joined(client)


def test_stream_without_its_end(provider):
    provider.faults.next(Fault.NO_DONE)
    found = raw(provider, stream=True).content
    assert b"finish_reason" in found
    assert b"[DONE]" not in found


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Fault.HUGE, Fault.HUGE_EVENT])
def test_huge(provider, fault, stream):
    provider.faults.next(fault)
    found = raw(provider, stream).content
    assert len(found) >= SMALL.huge_bytes
    if not stream:
        assert json.loads(found)
    longest = max(len(line) for line in found.splitlines())
    assert (longest >= SMALL.huge_bytes) is (not stream or fault is Fault.HUGE_EVENT)


def test_gzip_bomb_is_small_on_the_wire(provider):
    provider.faults.next(Fault.GZIP_BOMB)
    body = {"model": "stand-in", "messages": ASK}
    with httpx.stream("POST", f"{provider.url}/chat/completions", json=body) as response:
        wire = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == "gzip"
    assert len(wire) * 100 < SMALL.huge_bytes <= len(gzip.decompress(wire))


def test_redirect(provider):
    provider.faults.next(Fault.REDIRECT)
    response = raw(provider)
    assert (response.status_code, response.headers["location"]) == (307, SMALL.redirect_to)


@pytest.mark.parametrize(
    ("fault", "said"),
    [(Fault.USAGE_HUGE, 10**12), (Fault.USAGE_NEGATIVE, -5), (Fault.USAGE_WORDS, "many")],
)
def test_usage_that_cannot_be(provider, fault, said):
    provider.faults.next(fault, fault)
    assert raw(provider).json()["usage"]["completion_tokens"] == said
    last = raw(provider, stream=True).text.split("\n\n")[-3]
    assert json.loads(last.removeprefix("data: "))["usage"]["completion_tokens"] == said


def test_missing_usage(provider):
    provider.faults.next(Fault.USAGE_MISSING, Fault.USAGE_MISSING)
    assert "usage" not in raw(provider).json()
    assert "usage" not in raw(provider, stream=True).text


def leave_after_a_while(provider):
    body = packed({"model": "stand-in", "messages": ASK, "stream": True})
    with socket.create_connection((urlsplit(provider.url).hostname, urlsplit(provider.url).port)) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        until(lambda: provider.counts.open == 1, "the call arrives")


@pytest.mark.parametrize("fault", [Fault.NEVER, Fault.STALL_FIRST, Fault.STALL_MID, Fault.SLOW_DRIP])
def test_client_that_leaves_is_counted(fault):
    with OpenAILike(behaviour=Behaviour(stall_seconds=60, drip_seconds=0.05)) as provider:
        provider.faults.next(fault)
        leave_after_a_while(provider)
        until(lambda: provider.counts.cancelled == 1, "the stand-in sees that its client left")
        assert (provider.counts.finished, provider.counts.open) == (0, 0)


def test_a_model_can_be_named_for_its_fault(client):
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="fault-rate-limited", messages=ASK)


def test_order_of_faults(provider):
    provider.faults.next(Fault.ERROR_500, None, Fault.ERROR_503)
    assert [raw(provider).status_code for _ in range(4)] == [500, 200, 503, 200]
    provider.faults.always(Fault.ERROR_502)
    assert [raw(provider).status_code for _ in range(3)] == [502, 502, 502]


def test_chance_is_fixed_by_its_seed_and_keeps_its_shares():
    def draw(seed):
        plan = FaultPlan()
        plan.at_random({Fault.CUT_MID: 0.1, Fault.ERROR_500: 0.3}, seed)
        return [plan.choose("stand-in") for _ in range(4000)]

    drawn = draw(7)
    assert draw(7) == drawn != draw(8)
    assert drawn.count(Fault.CUT_MID) == pytest.approx(400, rel=0.2)
    assert drawn.count(Fault.ERROR_500) == pytest.approx(1200, rel=0.2)


def test_shares_above_one_are_refused():
    with pytest.raises(ValueError, match="more than 1"):
        FaultPlan().at_random({Fault.CUT_MID: 0.7, Fault.ERROR_500: 0.7}, 1)
