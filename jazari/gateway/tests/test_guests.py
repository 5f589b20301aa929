"""Calls of other institutes: only what was signed, for this gateway, once, and within what it offers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jazari.core import clock
from jazari.federation.signed_requests import sign_request
from jazari.gateway.authorization import KeyFacts, data_class_of
from jazari.gateway.cards import ProviderCard
from jazari.gateway.configuration import OfferConfig, parse_gateway
from jazari.gateway.errors import DataClassTooHigh, GatewayError, NotReady
from jazari.gateway.guests import REMEMBERED_SECONDS, Guest, Guests, Node, Nonces
from jazari.gateway.node_calls import CLASS_HEADER, RELAYED_HEADER, Bound, NodeIdentity
from jazari.gateway.node_errors import BadNodeCall, NodeClockWrong, NodeRefused, NodeReplayed, NotOffered
from jazari.gateway.policy import Decision, Facts, Reason
from jazari.gateway.tests.network_builders import ADMITTED, SIGNERS, directory, identity, offer_text
from jazari.gateway.tests.policy_builders import provider_card
from jazari.gateway.words import DataClass, Protocol

NOW = datetime(2026, 11, 20, 9, 30, 0, 500_000, tzinfo=UTC)
BODY = b'{"model": "chat", "messages": [{"role": "user", "content": "?"}]}'
BOUND = Bound("fes", "/chat/completions", "internal")
TARGET = '{ provider = "campus", model = "small" }'
GATEWAY = f"""
[provider.campus]
card = "fes/provider/campus@1"
protocol = "openai"
address = "https://llm.example.ma/v1"
[route.chat]
kind = "chat"
targets = [{TARGET}]
[route.inner]
kind = "chat"
targets = [{TARGET}]
"""
CARD = ProviderCard.model_validate_json(
    json.dumps(
        provider_card(
            protocol="jazari",
            address="https://gateway.fes.example/v1",
            models=[{"name": "chat", "kinds": ["chat"], "context_tokens": 8192}],
        )
    )
)
FACTS = Facts("campus", "MA", ("MA",), 0, False, "fes", "fes/provider/campus@1", ADMITTED.date() + timedelta(300))


def offered(**changes: str) -> OfferConfig:
    made = parse_gateway(GATEWAY + offer_text(**changes)).offer
    assert made is not None
    return made


def guests(card: ProviderCard | None = CARD, node: Node | None = None, **changes: Any) -> Guests:
    """The gateway of fes, started a minute ago."""
    since = changes.pop("since", NOW - timedelta(minutes=1))
    revoked = changes.pop("revoked", ())
    made = Guests(node or Node("fes"), offered(**changes), since)
    made.know(directory(revoked=revoked), card)
    return made


def signed(who: NodeIdentity, bound: Bound = BOUND, body: bytes = BODY, at: datetime = NOW) -> dict[str, str]:
    with clock.frozen(at):
        return who.headers(bound, body)


def arrive(at: Guests, headers: dict[str, str], path: str = BOUND.path, now: datetime = NOW) -> Any:
    return at.arrive(headers["authorization"], path, headers[CLASS_HEADER], headers.get(RELAYED_HEADER, ""), now)


def admit(at: Guests, headers: dict[str, str], body: bytes = BODY, **where: Any) -> tuple[KeyFacts, Guest]:
    return at.admit(arrive(at, headers, **where), body, NOW, 1000.0)


def test_what_an_institute_signed_is_admitted_within_the_offer() -> None:
    key, guest = admit(guests(), signed(identity("rabat")))
    assert guest == Guest("rabat")
    assert (key.id, key.project, key.routes) == ("node:rabat", "institute-rabat/2026-11", frozenset({"chat"}))
    assert (key.highest, key.may_declassify, key.requests_a_minute) == (DataClass.INTERNAL, False, 60)
    assert data_class_of(key, "internal") == (DataClass.INTERNAL, False)


def test_a_lower_class_is_the_callers_word_and_no_declassification() -> None:
    key, _ = admit(guests(), signed(identity("rabat"), replace(BOUND, data_class="public")))
    assert data_class_of(key, "public") == (DataClass.PUBLIC, False)
    unsaid, _ = admit(guests(), signed(identity("rabat"), replace(BOUND, data_class="")))
    assert unsaid.highest is DataClass.INTERNAL
    with pytest.raises(DataClassTooHigh):
        admit(guests(), signed(identity("rabat"), replace(BOUND, data_class="personal")))


@pytest.mark.parametrize(
    "other",
    [
        {"to": "dakhla"},
        {"path": "/completions"},
        {"data_class": "public"},
        {"relayed_for": "dakhla"},
    ],
)
def test_a_call_signed_for_anything_else_is_refused(other: dict[str, str]) -> None:
    headers = signed(identity("rabat"), replace(BOUND, **other)) | {CLASS_HEADER: "internal"}
    headers.pop(RELAYED_HEADER, None)
    with pytest.raises(BadNodeCall):
        admit(guests(), headers)


@given(st.integers(0, len(BODY)), st.binary(max_size=3), st.integers(0, 3))
def test_any_other_body_is_refused(at: int, inserted: bytes, left_out: int) -> None:
    changed = BODY[:at] + inserted + BODY[at + left_out :]
    assume(changed != BODY)
    with pytest.raises(BadNodeCall):
        admit(guests(), signed(identity("rabat")), changed)


def test_a_request_signed_for_the_root_opens_nothing_here() -> None:
    with clock.frozen(NOW):
        header = sign_request(SIGNERS["rabat"], "rabat", directory().network_name, "notices")
    with pytest.raises(BadNodeCall):
        guests().arrive(header, BOUND.path, "internal", "", NOW)


def test_once_only() -> None:
    at, headers = guests(), signed(identity("rabat"))
    admit(at, headers)
    with pytest.raises(NodeReplayed):
        admit(at, headers)
    admit(at, signed(identity("rabat")))


@pytest.mark.parametrize(
    ("who", "revoked", "error"),
    [
        (identity("stranger"), (), NodeRefused),
        (identity("rabat"), ("rabat",), NodeRefused),
        (identity("fes"), (), NodeRefused),
        (identity("rabat", signer="stranger"), (), BadNodeCall),
        (identity("rabat", network="Another"), (), BadNodeCall),
    ],
)
def test_who_is_not_admitted(who: NodeIdentity, revoked: tuple[str, ...], error: type[GatewayError]) -> None:
    with pytest.raises(error):
        arrive(guests(revoked=revoked), signed(who))


def test_a_revocation_counts_as_soon_as_it_is_known() -> None:
    at = guests()
    admit(at, signed(identity("rabat")))
    at.know(directory(revoked=["rabat"]), CARD)
    with pytest.raises(NodeRefused, match="revoked"):
        arrive(at, signed(identity("rabat")))


@pytest.mark.parametrize("seconds", [-61, 61])
def test_a_clock_that_is_wrong_is_told_by_how_much(seconds: int) -> None:
    with pytest.raises(NodeClockWrong, match=r"6[0-2] s (ahead of|behind) this gateway's"):
        arrive(guests(), signed(identity("rabat"), at=NOW + timedelta(seconds=seconds)))


def test_what_was_signed_before_the_start_may_have_been_used_then() -> None:
    old = signed(identity("rabat"), at=NOW - timedelta(seconds=2))
    admit(guests(), old)
    with pytest.raises(NodeClockWrong, match="started after"):
        arrive(guests(since=NOW), old)
    admit(guests(since=NOW), signed(identity("rabat")))


def test_nothing_is_offered_without_an_offer_a_card_or_a_directory() -> None:
    headers = signed(identity("rabat"))
    expired = CARD.model_copy(update={"valid_until": "2026-11-19"})
    unaware = guests()
    unaware.know(None, CARD)
    nothing = Guests(Node("fes"), None, NOW)
    nothing.know(directory(), CARD)
    for at in (guests(None), guests(expired), unaware, nothing, guests(institutes='["dakhla"]')):
        with pytest.raises(NotOffered):
            arrive(at, headers)


def test_routes_that_the_card_does_not_list_yet_are_not_offered() -> None:
    key, _ = admit(guests(routes='["chat", "inner"]'), signed(identity("rabat")))
    assert key.routes == {"chat"}


def test_only_the_root_passes_calls_on_and_only_for_members() -> None:
    relayed = replace(BOUND, relayed_for="rabat")
    key, guest = admit(guests(), signed(identity("network"), relayed))
    assert (key.id, key.project, guest) == (
        "node:network/rabat",
        "institute-network/2026-11",
        Guest("network", "rabat"),
    )
    with pytest.raises(NodeRefused, match="Only the Root"):
        arrive(guests(), signed(identity("dakhla"), relayed))
    for name in ("stranger", "nobody-knows", "network"):
        with pytest.raises(NodeRefused):
            arrive(guests(), signed(identity("network"), replace(BOUND, relayed_for=name)))
    with pytest.raises(NodeRefused):
        arrive(guests(revoked=["rabat"]), signed(identity("network"), relayed))
    with pytest.raises(NotOffered):
        arrive(guests(institutes='["network", "dakhla"]'), signed(identity("network"), relayed))


YES = Decision(True, Reason.ALLOWED, "Rule 1 allows it.", "fes/residency/main@1", 1)
NO = Decision(False, Reason.NO_RULE, "There is no rule.", "fes/residency/main@1")


def test_a_call_goes_at_most_one_institute_further_and_only_at_the_root() -> None:
    here, root = guests(), guests(node=Node("network", is_root=True))
    cases = [
        (here, Guest("rabat"), False),
        (here, Guest("network", "rabat"), False),
        (root, Guest("rabat"), True),
        (root, Guest("dakhla", "rabat"), False),
    ]
    for at, guest, allowed in cases:
        decision = at.judge(YES, guest, Protocol.JAZARI, FACTS)
        assert decision.allowed is allowed
        assert allowed or decision.code is Reason.NOT_PASSED_ON
        assert at.judge(YES, guest, Protocol.OPENAI, FACTS) == YES
        assert at.judge(NO, guest, Protocol.OPENAI, FACTS) == NO


@pytest.mark.parametrize(
    "change",
    [{"operator": "FR"}, {"hosting": ("MA", "FR")}, {"hosting": ()}, {"kept_days": None}, {"kept_days": 1},
     {"trains": None}, {"trains": True}],
)  # fmt: skip
def test_what_goes_beyond_the_card_takes_no_call_of_others(change: dict[str, Any]) -> None:
    decision = guests().judge(YES, Guest("rabat"), Protocol.OPENAI, replace(FACTS, **change))
    assert (decision.allowed, decision.code) == (False, Reason.BEYOND_OFFER)


def test_nonces_are_forgotten_when_they_can_no_longer_count() -> None:
    nonces = Nonces(most=3, most_of_one=2)
    nonces.use("rabat", "aa" * 16, 0.0)
    nonces.use("fes", "aa" * 16, 0.0)
    nonces.use("rabat", "bb" * 16, 1.0)
    with pytest.raises(NotReady):  # rabat's share
        nonces.use("rabat", "cc" * 16, 2.0)
    with pytest.raises(NotReady):  # all places
        nonces.use("dakhla", "cc" * 16, 2.0)
    with pytest.raises(NodeReplayed):
        nonces.use("rabat", "aa" * 16, REMEMBERED_SECONDS - 0.1)
    nonces.use("rabat", "cc" * 16, REMEMBERED_SECONDS)
    assert len(nonces) == 2
