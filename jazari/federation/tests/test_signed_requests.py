"""Signed requests: whatever is changed in one, it is refused; only the claim that was signed passes."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.federation.errors import BadRequest, BadSignature, ClockWrong, InstituteRevoked, RequestRefused
from jazari.federation.signed_requests import (
    LONGEST_HEADER,
    WINDOW,
    Claim,
    SignedClaim,
    check,
    clock_sentence,
    parse,
    sign_request,
)
from jazari.trust.directory import DirectoryEntry
from jazari.trust.keys import Signer, generate_key, load_signer, public_key

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    generate_key(path, None)
    return load_signer(path)


@pytest.fixture(scope="module")
def entry(signer: Signer) -> DirectoryEntry:
    return DirectoryEntry(
        namespace="dakhla", titles={"fr": "Dakhla"}, publishing_keys=[public_key(signer)], admitted=NOW
    )


@pytest.fixture(scope="module")
def signed(signer: Signer) -> SignedClaim:
    with clock.frozen(NOW):
        return parse(sign_request(signer, "dakhla", "Jazari", "publication", body_sha256="ab" * 32, body_size=7))


def checked(signed: SignedClaim, entry: DirectoryEntry, **options: Any) -> Claim:
    given = {"network": "Jazari", "purpose": "publication", "now": NOW} | options
    return check(signed, entry, **given)


def test_what_was_signed_passes(signed: SignedClaim, entry: DirectoryEntry) -> None:
    claim = checked(signed, entry)
    assert (claim.namespace, claim.purpose, claim.body_size, claim.time) == ("dakhla", "publication", 7, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": "fes"},
        {"network": "Other"},
        {"purpose": "notices"},
        {"moment": "2026-11-01T09:30:01Z"},
        {"nonce": "0" * 32},
        {"body_sha256": "cd" * 32},
        {"body_size": 8},
    ],
)
def test_nothing_in_it_can_be_changed(signed: SignedClaim, entry: DirectoryEntry, change: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        checked(replace(signed, claim=replace(signed.claim, **change)), entry)


@pytest.mark.parametrize("signature", ["", "00", "zz" * 64, "0" * 128, "0" * 100_000])
def test_no_other_signature_passes(signed: SignedClaim, entry: DirectoryEntry, signature: str) -> None:
    with pytest.raises(BadSignature):
        checked(replace(signed, signature=signature), entry)


@given(st.integers(-100_000, 100_000))
def test_the_window_is_a_minute_to_both_sides(signed: SignedClaim, entry: DirectoryEntry, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    if abs(seconds) <= WINDOW.total_seconds():
        assert checked(signed, entry, now=now)
    else:
        with pytest.raises(ClockWrong, match=f"{abs(seconds)} s"):
            checked(signed, entry, now=now)


def test_the_sentence_tells_both_times() -> None:
    assert "ahead of" in clock_sentence(NOW + timedelta(hours=1), NOW)
    assert "2026-11-01T09:30:00Z" in clock_sentence(NOW - timedelta(hours=1), NOW)


def test_a_revoked_institute_is_told_only_if_it_is_itself(signed: SignedClaim, entry: DirectoryEntry) -> None:
    revoked = entry.model_copy(update={"status": "revoked", "frozen_version": 1})
    with pytest.raises(InstituteRevoked):
        checked(signed, revoked)
    with pytest.raises(BadSignature):
        checked(replace(signed, signature="00"), revoked)


def test_either_key_of_two_may_sign(signer: Signer, entry: DirectoryEntry, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other.pem", None).key
    both = entry.model_copy(update={"publishing_keys": [other, public_key(signer)]})
    with clock.frozen(NOW):
        signed = parse(sign_request(signer, "dakhla", "Jazari", "publication"))
    assert checked(signed, both)


def header_of(claim: Any) -> str:
    return f"Jazari {base64.urlsafe_b64encode(canonical_json(claim)).decode()}.00"


GOOD = asdict(Claim("dakhla", "Jazari", "notices", "2026-11-01T09:30:00Z", "0" * 32))


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": "../etc"},
        {"namespace": "root"},
        {"namespace": 3},
        {"network": ""},
        {"network": "a\nb"},
        {"purpose": "A"},
        {"moment": "2026-11-01T09:30:00+00:00"},
        {"moment": "2026-13-01T09:30:00Z"},
        {"moment": None},
        {"nonce": "x"},
        {"nonce": ["0"] * 32},
        {"body_sha256": "x"},
        {"body_size": -1},
        {"body_size": True},
        {"body_size": 1.5},
        {"surprise": 1},
    ],
)
def test_a_claim_in_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        parse(header_of(GOOD | change))
    assert parse(header_of(GOOD))


@given(st.text(max_size=200))
def test_any_header_is_parsed_or_refused(text: str) -> None:
    for header in (text, f"Jazari {text}", f"Jazari {text}.00"):
        with pytest.raises(RequestRefused):
            parse(header)


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9), st.lists, max_leaves=5))
def test_any_json_is_refused_unless_it_is_a_claim(value: Any) -> None:
    with pytest.raises(BadRequest):
        parse(header_of(value))


def test_text_that_cannot_be_signed_is_refused() -> None:
    claim = base64.urlsafe_b64encode(json.dumps(GOOD | {"network": "a\ud800"}).encode()).decode()
    with pytest.raises(BadRequest):
        parse(f"Jazari {claim}.00")


def test_a_deep_or_long_header_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 2500).decode()
    with pytest.raises(BadRequest):
        parse(f"Jazari {deep}.00")
    with pytest.raises(BadRequest):
        parse("Jazari " + "A" * LONGEST_HEADER + ".00")


def test_every_request_has_a_nonce_of_its_own(signer: Signer) -> None:
    nonces = {parse(sign_request(signer, "fes", "Jazari", "notices")).claim.nonce for _ in range(50)}
    assert len(nonces) == 50


def test_the_signature_of_a_request_is_none_of_anything_else(signed: SignedClaim) -> None:
    assert signed.claim.signed_bytes().startswith(b"jazari request\n")
    assert json.loads(signed.claim.signed_bytes().partition(b"\n")[2])["namespace"] == "dakhla"
