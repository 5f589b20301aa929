"""The policy changes while calls run and wait: nothing reaches a provider that the policy refuses at that moment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.gateway.knowledge import Knowledge
from jazari.gateway.proxy.tests.serving import RULES, GatewayUnderTest, key, knowledge, toml
from jazari.gateway.receipts import Receipt
from jazari.gateway.tests import policy_builders as build
from jazari.gateway.words import DataClass
from jazari.testing.providers.faults import Fault
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.providers.wire import Behaviour
from jazari.testing.waiting import until

OUTSIDE = {"operator": {"name": "Far Away Inc.", "jurisdiction": "US"}, "hosting": ["US"]}
EVERYWHERE = [build.rule("public", operators=["any"], hosting=["any"]), *RULES[1:]]
SECRET, KEY = key(highest=DataClass.PERSONAL, may_declassify=True)
PLAIN, PLAIN_KEY = key("plain", highest=DataClass.PERSONAL)
OTHER, OTHER_KEY = key("other", project="other", highest=DataClass.PERSONAL)
WEB = httpx.Client(timeout=60)


@pytest.fixture
def inside() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def outside() -> Iterator[OpenAILike]:
    with OpenAILike() as made:
        yield made


@pytest.fixture
def gateway(inside: OpenAILike, outside: OpenAILike, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    """``outside`` is asked first wherever it may be, and does one thing at a time."""
    text = toml({"outside": outside.url, "inside": inside.url}).replace("most_at_once = 1000", "most_at_once = 1", 1)
    with GatewayUnderTest(tmp_path, text, KEY, PLAIN_KEY, OTHER_KEY) as made:
        made.swap_in(everywhere(made))
        yield made


def everywhere(gateway: GatewayUnderTest, *rules: dict[str, Any], **changes: Any) -> Knowledge:
    """Public data may go anywhere (or ``rules``), and ``outside`` is what it is."""
    return knowledge(gateway.config, *(rules or EVERYWHERE), outside={**OUTSIDE, **changes})


def ask(gateway: GatewayUnderTest, data_class: str | None, secret: str = SECRET, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}"} | ({"jazari-data-class": data_class} if data_class else {})
    body = {"model": "chat", "messages": [{"role": "user", "content": "x"}], **more}
    return WEB.post(f"{gateway.url}/chat/completions", json=body, headers=headers)


def receipt_of(gateway: GatewayUnderTest, response: httpx.Response) -> Receipt:
    return next(one for one in gateway.receipts() if one.id == response.headers["jazari-receipt"])


def test_public_data_go_out_and_personal_data_stay(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike
) -> None:
    public, personal = ask(gateway, "public"), ask(gateway, "personal")
    assert (public.headers["jazari-provider"], personal.headers["jazari-provider"]) == ("outside", "inside")
    assert (outside.counts.requests, inside.counts.requests) == (1, 1)
    receipt = receipt_of(gateway, public)
    assert (receipt.data_class, receipt.declassified, receipt.rule) == (DataClass.PUBLIC, True, "1")
    assert not receipt_of(gateway, personal).declassified


def test_personal_data_stay_even_if_everybody_inside_fails(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike
) -> None:
    inside.faults.always(Fault.ERROR_500)
    for _ in range(8):
        assert ask(gateway, "personal").status_code == 503
    assert outside.counts.requests == 0


def test_who_may_not_declassify_gets_nothing_out(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike
) -> None:
    assert ask(gateway, "public", PLAIN).json()["code"] == "gateway.may-not-declassify"
    assert ask(gateway, None, PLAIN).headers["jazari-provider"] == "inside"
    assert (inside.counts.requests, outside.counts.requests) == (1, 0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"keeps": None}, "keeping-unknown"), ({"keeps": 400}, "kept-too-long"),
        ({"trains_on_prompts": None}, "training-unknown"), ({"trains_on_prompts": True}, "trains-on-prompts"),
        ({"valid_until": "2020-01-01"}, "facts-expired"),
    ],
)  # fmt: skip
def test_what_is_unknown_helps_nobody(
    gateway: GatewayUnderTest, outside: OpenAILike, change: dict[str, Any], code: str
) -> None:
    strict = build.rule("public", operators=["any"], hosting=["any"], most_kept_days=30, no_training=True)
    gateway.swap_in(everywhere(gateway, {**strict, "hosting": ["US"]}, **change))
    refused = ask(gateway, "public")
    assert (refused.status_code, refused.json()["code"]) == (403, "gateway.policy-refuses")
    assert {one.provider: one.decision for one in receipt_of(gateway, refused).tried}["outside"] == code
    assert (outside.counts.requests, gateway.spent()) == (0, 0)


@pytest.mark.parametrize("gone", ["facts", "residency", "issuer"])
def test_what_is_no_longer_attested_gets_nothing(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike, gone: str
) -> None:
    known = everywhere(gateway)
    without = {
        "facts": replace(known, facts={}, cards={}),
        "residency": replace(known, residency=None),
        "issuer": replace(known, residency=build.policy(*EVERYWHERE, issuers=["fes"])),
    }[gone]
    gateway.swap_in(without)
    assert [ask(gateway, one).status_code for one in ("public", "personal")] == [403, 403]
    assert (inside.counts.requests, outside.counts.requests) == (0, 0)


def test_a_provider_that_left_the_catalogue_is_passed_over(gateway: GatewayUnderTest, outside: OpenAILike) -> None:
    known = everywhere(gateway)
    cards = {name: card for name, card in known.cards.items() if name != "outside"}
    facts = {name: one for name, one in known.facts.items() if name != "outside"}
    public_inside = build.rule("public", operators=["MA"], hosting=["MA"])
    gateway.swap_in(Knowledge(build.policy(*EVERYWHERE, public_inside), facts, cards))
    assert ask(gateway, "public").headers["jazari-provider"] == "inside"
    assert outside.counts.requests == 0


@pytest.fixture
def busy(gateway: GatewayUnderTest, outside: OpenAILike) -> Iterator[tuple[ThreadPoolExecutor, Future[httpx.Response]]]:
    """The only place outside is taken by a call that takes half a second or so."""
    outside.behaviour = Behaviour(first_seconds=0.6)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask, gateway, "public")
        until(lambda: outside.counts.open == 1, "the first call is outside")
        yield pool, first


def test_a_call_that_waits_goes_where_the_policy_of_its_turn_lets_it(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike, busy: Any
) -> None:
    pool, first = busy
    waiting = [pool.submit(ask, gateway, "public") for _ in range(3)]
    until(lambda: gateway.live.providers["outside"].places.waiting == 3, "the others wait")
    gateway.swap_in(everywhere(gateway, *RULES))
    assert first.result().status_code == 200  # it was let go before
    for response in (one.result() for one in waiting):
        assert (response.status_code, response.headers["jazari-provider"]) == (200, "inside")
        assert [(one.provider, one.outcome, one.decision) for one in receipt_of(gateway, response).tried] == [
            ("outside", "refused", "operator-not-allowed"), ("inside", "answered", "allowed")
        ]  # fmt: skip
    assert (outside.counts.requests, inside.counts.requests) == (1, 3)


def test_a_call_that_waits_for_what_is_then_refused_everywhere_is_told_so(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike, busy: Any
) -> None:
    pool, _first = busy
    waiting = pool.submit(ask, gateway, "public")
    until(lambda: gateway.live.providers["outside"].places.waiting == 1, "the other waits")
    gateway.swap_in(replace(everywhere(gateway), residency=None))
    refused = waiting.result()
    assert (refused.status_code, refused.json()["code"]) == (403, "gateway.policy-refuses")
    receipt = receipt_of(gateway, refused)
    assert (receipt.outcome, receipt.provider, receipt.charge) == ("refused", "", 0)
    assert (outside.counts.requests, inside.counts.requests) == (1, 0)


def test_a_receipt_names_the_policy_that_let_the_call_go(
    gateway: GatewayUnderTest, outside: OpenAILike, busy: Any
) -> None:
    pool, first = busy
    waiting = pool.submit(ask, gateway, "public")
    until(lambda: gateway.live.providers["outside"].places.waiting == 1, "the other waits")
    gateway.swap_in(everywhere(gateway, *RULES[1:], EVERYWHERE[0]))  # the same rules in another order
    assert (receipt_of(gateway, first.result()).rule, receipt_of(gateway, waiting.result()).rule) == ("1", "3")


def test_a_policy_that_changes_all_the_time_is_obeyed_at_every_moment(
    gateway: GatewayUnderTest, inside: OpenAILike, outside: OpenAILike
) -> None:
    """A marker in each prompt tells its class; whatever is outside bears the mark of what may be there."""
    wide, narrow = everywhere(gateway), everywhere(gateway, *RULES)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            gateway.swap_in(narrow)
            gateway.swap_in(wide)

    def one(number: int) -> httpx.Response:
        data_class = ("public", "internal", "personal")[number % 3]
        messages = [{"role": "user", "content": f"class={data_class}"}]
        secret = OTHER if data_class == "personal" else SECRET
        return ask(gateway, None if secret == OTHER else data_class, secret, messages=messages)

    changing = threading.Thread(target=change)
    changing.start()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(one, range(90)))
    stop.set()
    changing.join()
    assert {answer.status_code for answer in answers} == {200}
    assert {call.document["messages"][0]["content"] for call in outside.counts.calls} <= {"class=public"}
    assert outside.counts.requests + inside.counts.requests == 90
    for receipt in gateway.receipts():
        assert receipt.provider == "inside" or receipt.data_class is DataClass.PUBLIC
        assert [one.decision for one in receipt.tried if one.outcome == "answered"] == ["allowed"]
