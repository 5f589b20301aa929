"""Requests to join as documents: signed by every key that they name, and by nobody else's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core import clock
from jazari.federation.enrolment import EnrolmentRequest, SignedEnrolment, parse_enrolment, sign_enrolment
from jazari.federation.errors import BadEnrolment
from jazari.federation.rules import LARGEST_ENROLMENT
from jazari.trust.keys import Signer, generate_key, load_signer, public_key


@dataclass
class Applicant:
    """An institute that asks, with two publishing keys and a steward."""

    signers: list[Signer]
    request: EnrolmentRequest


@pytest.fixture(scope="module")
def applicant(tmp_path_factory: pytest.TempPathFactory) -> Applicant:
    folder = tmp_path_factory.mktemp("keys")
    signers = []
    for name in ("one", "two", "steward"):
        generate_key(folder / f"{name}.pem", None)
        signers.append(load_signer(folder / f"{name}.pem"))
    request = EnrolmentRequest(
        kind="admission",
        network="Jazari",
        namespace="dakhla",
        titles={"fr": "Institut de Dakhla"},
        region="MA-12",
        publishing_keys=[public_key(signer) for signer in signers[:2]],
        threshold=2,
        steward_keys=[public_key(signers[2])],
        engine_request="PEM",
        log_metadata="{}",
        moment=clock.timestamp(),
    )
    return Applicant(signers, request)


def test_a_request_is_read_back_and_has_one_name(applicant: Applicant) -> None:
    signed = sign_enrolment(applicant.request, applicant.signers[:2])
    again = parse_enrolment(signed.to_bytes())
    assert again == signed
    assert again.request.digest == applicant.request.digest


def test_every_key_must_have_signed(applicant: Applicant) -> None:
    for some in ([], applicant.signers[:1], applicant.signers[1:]):
        with pytest.raises(BadEnrolment, match="every publishing key"):
            parse_enrolment(sign_enrolment(applicant.request, some).to_bytes())


@pytest.mark.parametrize(
    "change", [{"namespace": "fes"}, {"region": "MA-01"}, {"engine_request": "other"}, {"network": "other"}]
)
def test_nothing_can_be_changed_on_the_way(applicant: Applicant, change: dict[str, Any]) -> None:
    document = json.loads(sign_enrolment(applicant.request, applicant.signers[:2]).to_bytes())
    document["request"] |= change
    with pytest.raises(BadEnrolment):
        parse_enrolment(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "takeover"}, "kind"),
        ({"publishing_keys": []}, "publishing_keys"),
        ({"steward_keys": []}, "steward_keys"),
        ({"threshold": 0}, "threshold"),
        ({"titles": "x"}, "titles"),
        ({"engine_request": "x" * 70_000}, "engine_request"),
        ({"moment": "yesterday"}, "moment"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_field_is_named(applicant: Applicant, change: dict[str, Any], field: str) -> None:
    document = json.loads(sign_enrolment(applicant.request, applicant.signers[:2]).to_bytes())
    document["request"] |= change
    with pytest.raises(BadEnrolment, match=field):
        parse_enrolment(json.dumps(document).encode())


def test_a_key_that_is_none_is_refused(applicant: Applicant) -> None:
    document = json.loads(sign_enrolment(applicant.request, applicant.signers[:2]).to_bytes())
    document["request"]["publishing_keys"] = [{"keytype": "rsa"}]
    with pytest.raises(BadEnrolment):
        parse_enrolment(json.dumps(document).encode())


def test_what_breaks_a_rule_of_the_directory_is_refused(applicant: Applicant) -> None:
    publishing = applicant.request.publishing_keys
    shared = applicant.request.model_copy(update={"steward_keys": publishing[:1]})
    with pytest.raises(BadEnrolment, match="keep them apart"):
        shared.entry("", clock.now())
    high = applicant.request.model_copy(update={"threshold": 3})
    with pytest.raises(BadEnrolment, match="threshold"):
        high.entry("", clock.now())


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(BadEnrolment):
        parse_enrolment(data)


def test_a_huge_request_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BadEnrolment, match="larger"):
        parse_enrolment(b"[" * (LARGEST_ENROLMENT + 1))


def test_the_signatures_count_by_key(applicant: Applicant, tmp_path: Path) -> None:
    other = generate_key(tmp_path / "other.pem", None).key
    signed: SignedEnrolment = sign_enrolment(applicant.request, applicant.signers[:2])
    assert signed.signed_by(applicant.request.publishing_keys) == 2
    assert signed.signed_by([other]) == 0
