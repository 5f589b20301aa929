"""A steward's inbox: what waits, the check on site, and a decision that a passkey confirms and another key signs."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.utils.html import strip_tags
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from jazari.accounts.rules import Role
from jazari.core import clock
from jazari.studies import checks, operations
from jazari.studies.decisions import Choice
from jazari.studies.errors import OtherAgreement
from jazari.studies.intents import command_of
from jazari.studies.models import DataSet, Intent
from jazari.studies.overview import study_of
from jazari.studies.privacy.budget import Budget
from jazari.studies.tests.pages import Site, address
from jazari.testing.pages import People, anonymous


@pytest.fixture
def study(site: Site) -> str:
    return site.propose()


@pytest.fixture
def steward(people: People) -> Client:
    """A steward with a passkey, who signed in with it."""
    client = people.client(Role.DATA_STEWARD)
    person = people.person(Role.DATA_STEWARD)
    Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data={"name": "key", "credential": {}})
    return client


def answer(client: Client, after_seconds: float = 0.0, **changes: object) -> None:
    """What the session holds once allauth has checked the passkey's answer."""
    at = clock.now().timestamp() + after_seconds
    session = client.session
    said = {"method": "mfa", "type": "webauthn", "id": 1, "reauthenticated": True, "at": at}
    session["account_authentication_methods"] = [*session["account_authentication_methods"], said | changes]
    session.save()


def intend(client: Client, study: str, choice: str = "approve", reason: str = "") -> str:
    """Post a decision; the page where it is to be confirmed."""
    page = client.post(address("study", study, "decide/"), {"choice": choice, "reason": reason})
    assert page.status_code == 302, page.content.decode()
    return str(page["Location"])


@pytest.mark.parametrize("role", [Role.MEMBER, Role.RESEARCHER, Role.OPERATOR, Role.BOARD, Role.AUDITOR, Role.TRAINER])
def test_the_inbox_is_for_stewards(site: Site, people: People, study: str, role: Role):
    for path in ("/studies/inbox/", address("study", study, "decide/")):
        assert people.client(role).get(path).status_code == 403
        assert anonymous().get(path).status_code == 302
    assert people.client(role).post(address("study", study, "check/")).status_code == 403


def test_a_password_alone_opens_no_inbox(site: Site, people: People):
    answer = people.client(Role.DATA_STEWARD, second_factor=False).get("/studies/inbox/")
    assert answer.status_code == 302
    assert "second-factor" in answer["Location"]


def test_the_inbox_lists_what_waits_until_it_is_decided(site: Site, steward: Client, study: str):
    assert address("study", study, "decide/") in steward.get("/studies/inbox/").content.decode()
    site.decide(study, "rabat")
    assert address("study", study, "decide/") not in steward.get("/studies/inbox/").content.decode()


def test_a_study_that_does_not_ask_this_institute_is_not_decided_here(site: Site, steward: Client):
    others = [record.ref for record in site.network.of("dataset") if record.namespace != "rabat"]
    study = site.propose(by="fes", datasets=others)
    assert steward.get(address("study", study, "decide/")).status_code == 403
    assert steward.post(address("study", study, "check/")).status_code == 403


def test_the_check_is_done_by_the_worker_and_shown_with_its_counts(site: Site, steward: Client, study: str):
    page = address("study", study, "decide/")
    steward.post(address("study", study, "check/"))
    waiting = steward.get(page).content.decode()
    assert looks_again_at(waiting) not in (page, ""), "a browser stays where only the fragment differs"
    assert looks_again_at(steward.get(f"{page}?again=1").content.decode()) == page
    assert "waits for the worker" in waiting
    assert checks.do_waiting_checks(site.here())
    done = steward.get(page).content.decode()
    assert "60 rows of 30 subjects would be used." in done
    assert "No rule refuses it." in done
    assert not checks.do_waiting_checks(site.here()), "a check is done once"


def test_the_sentences_and_the_cost_are_in_the_language_of_the_steward(site: Site, people: People):
    terms = {"variables": ["ph"], "by": ["crop"], "privacy": {"epsilon": 1.5, "max_rows_per_subject": 2}}
    study = site.propose(recipe="private-statistics", parameters=terms)
    Budget(site.here().engine_folder).declare("soil-rabat", 2.0, 0.0)
    page = people.client(Role.DATA_STEWARD, language="fr").get(address("study", study, "decide/")).content.decode()
    leaving = page[page.index('<section aria-labelledby="leaving">') :].partition("</section>")[0]
    assert "Cette étude dépenserait un epsilon de 1,5 sur les 2 accordés" in strip_tags(leaving)
    assert 'lang="en"' not in leaving


def looks_again_at(page: str) -> str:
    found = re.search(r'http-equiv="refresh" content="4; url=([^"#]+)#check"', page)
    return found[1] if found else ""


def test_a_check_that_a_rule_refuses_says_which(site: Site, steward: Client, study: str):
    with open(DataSet.objects.get(name="soil-rabat").path, "a") as file:
        file.write("s9999,wheat,7.0\n")
    steward.post(address("study", study, "check/"))
    checks.do_waiting_checks(site.here())
    assert "has changed since" in steward.get(address("study", study, "decide/")).content.decode()


def test_a_steward_without_a_passkey_is_led_to_adding_one(site: Site, people: People, study: str):
    page = people.client(Role.DATA_STEWARD).get(address("study", study, "decide/")).content.decode()
    assert "your account has none" in page
    assert 'name="choice"' not in page


def test_a_confirmed_decision_shows_the_command_and_decides_nothing(site: Site, steward: Client, study: str):
    place = intend(steward, study, "refuse", "Too few sites; 'quoted'.")
    assert "Use my passkey" in steward.get(place).content.decode()
    answer(steward)
    assert steward.post(place).status_code == 302
    page = steward.get(address("study", study, "decide/")).content.decode()
    agreement = study_of(site.network, study).agreement
    assert f"jazari study refuse {study} --agreement {agreement} --reason" in page
    assert study_of(site.network, study).decisions == {}, "nothing was signed"
    operations.decide(
        site.here(), study, Choice.REFUSE, "Too few sites.", site.network.stewards["rabat"], agreement=agreement
    )
    assert "to be signed" not in steward.get(address("study", study, "decide/")).content.decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"after_seconds": -3600.0},
        {"reauthenticated": False},
        {"type": "totp"},
        {"method": "password"},
    ],
)
def test_only_a_fresh_answer_of_the_passkey_confirms(site: Site, steward: Client, study: str, changes: dict):
    place = intend(steward, study)
    answer(steward, **changes)
    assert steward.post(place).status_code == 403
    assert Intent.objects.get().confirmed is None


def test_an_answer_given_before_the_decision_was_chosen_does_not_confirm_it(site: Site, steward: Client, study: str):
    answer(steward, after_seconds=-1)
    place = intend(steward, study)
    assert steward.post(place).status_code == 403


def test_an_answer_is_good_for_five_minutes(site: Site, steward: Client, study: str):
    place = intend(steward, study)
    answer(steward)
    with clock.frozen(clock.now() + timedelta(seconds=301)):
        assert steward.post(place).status_code == 403


def test_one_answer_confirms_one_decision(site: Site, steward: Client, study: str):
    other = site.propose(name="other", purpose="Something else.")
    first, second = intend(steward, study), intend(steward, other)
    answer(steward)
    assert steward.post(first).status_code == 302
    assert steward.post(second).status_code == 403
    assert Intent.objects.exclude(confirmed=None).count() == 1


def test_nobody_confirms_the_decision_of_another(site: Site, steward: Client, people: People, study: str):
    place = intend(steward, study)
    other = people.client(Role.DATA_STEWARD, Role.MEMBER)
    answer(other)
    assert other.get(place).status_code == 404
    assert other.post(place).status_code == 404


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"choice": "refuse", "reason": " "}, "A refusal says why"),
        ({"choice": "withdraw", "reason": "x"}, "no approval"),
        ({"choice": "maybe"}, "Choose whether"),
        ({}, "Choose whether"),
    ],
)
def test_what_could_not_be_decided_is_not_confirmed_either(
    site: Site, steward: Client, study: str, said: dict[str, str], words: str
):
    page = steward.post(address("study", study, "decide/"), said)
    assert page.status_code == 422
    assert words in page.content.decode()
    assert not Intent.objects.exists()


def test_a_wild_reason_is_cut_and_quoted(site: Site, steward: Client, study: str):
    intend(steward, study, "refuse", "'; rm -rf / #<script>" + "x" * 5000)
    intent = Intent.objects.get()
    assert len(intent.reason) == 2000
    assert "'\"'\"'; rm -rf" in command_of(intent)


def test_the_command_refuses_a_text_that_was_not_read(site: Site, study: str):
    with pytest.raises(OtherAgreement, match="read this text"):
        operations.decide(
            site.here(), study, Choice.APPROVE, "", site.network.stewards["rabat"], agreement="sha256:" + "0" * 64
        )


def test_what_is_confirmed_reaches_the_audit_trail_without_a_name(site: Site, steward: Client, study: str, audit):
    place = intend(steward, study)
    answer(steward)
    steward.post(place)
    (event,) = [event for event in audit if event.kind == "studies.decision-confirmed"]
    assert event.actor.startswith("person:")
    assert event.subject == study
    assert set(event.detail) == {"agreement", "choice"}


class SoftKey:
    """A passkey in software: real keys and signatures, as a browser hands them on."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = b"soft-key-of-tests"
        self._relying_party = hashlib.sha256(b"testserver").digest()

    def credential(self) -> dict[str, Any]:
        """What registering it leaves at the server."""
        public = AttestedCredentialData.create(Aaguid(bytes(16)), self._id, ES256.from_cryptography_key(
            self._key.public_key()))  # fmt: skip
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV | AuthenticatorData.FLAG.AT
        data = AuthenticatorData.create(self._relying_party, flags, 0, bytes(public))
        client_data = CollectedClientData.create("webauthn.create", b"any", "http://testserver")
        said = {"clientDataJSON": client_data, "attestationObject": AttestationObject.create("none", data, {})}
        return self._named({name: websafe_encode(bytes(value)) for name, value in said.items()})

    def answer(self, challenge: str) -> dict[str, Any]:
        """What it signs when it is asked again."""
        flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.UV
        data = bytes(AuthenticatorData.create(self._relying_party, flags, 1))
        client_data = bytes(CollectedClientData.create("webauthn.get", websafe_decode(challenge), "http://testserver"))
        signature = self._key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        said = {"clientDataJSON": client_data, "authenticatorData": data, "signature": signature}
        return self._named({name: websafe_encode(value) for name, value in said.items()})

    def _named(self, response: dict[str, str]) -> dict[str, Any]:
        name = websafe_encode(self._id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}


def test_a_real_answer_of_a_passkey_leads_back_and_confirms(site: Site, people: People, study: str):
    client, person, key = people.client(Role.DATA_STEWARD), people.person(Role.DATA_STEWARD), SoftKey()
    data = {"name": "key", "credential": key.credential()}
    Authenticator.objects.create(user=person, type=Authenticator.Type.WEBAUTHN, data=data)
    place = intend(client, study)
    (again,) = re.findall(r'href="(/account/[^"]*reauthenticate[^"]*)"', client.get(place).content.decode())
    assert client.get(again).status_code == 200
    signed = key.answer(client.session["mfa.webauthn.state"]["challenge"])
    back = client.post(again, {"credential": json.dumps(signed), "next": place})
    assert back["Location"] == place
    assert "Your passkey has answered." in client.get(place).content.decode()
    assert client.post(place)["Location"] == address("study", study, "decide/")
    assert Intent.objects.get().confirmed is not None


@pytest.mark.parametrize(
    ("said", "meaning", "detail"),
    [
        ({"choice": "refuse", "reason": " "}, "ou une raison manque", "A refusal says why"),
        ({"choice": "maybe"}, "Choisissez d’approuver, de refuser ou de retirer une approbation.", ""),
    ],
)
def test_why_it_cannot_be_decided_is_in_the_language_of_the_steward(
    site: Site, people: People, study: str, said: dict[str, str], meaning: str, detail: str
):
    steward = people.client(Role.DATA_STEWARD, language="fr")
    Authenticator.objects.create(
        user=people.person(Role.DATA_STEWARD), type=Authenticator.Type.WEBAUTHN, data={"name": "key", "credential": {}}
    )
    page = steward.post(address("study", study, "decide/"), said).content.decode()
    told = page[page.index('id="decision-error"') :].partition("</p>")[0]
    assert meaning in told
    assert ('<span lang="en" dir="ltr">' + detail in told) if detail else ('lang="en"' not in told)


def test_a_refused_check_is_in_the_language_of_the_steward(site: Site, people: People, study: str):
    with open(DataSet.objects.get(name="soil-rabat").path, "a") as file:
        file.write("s9999,wheat,7.0\n")
    steward = people.client(Role.DATA_STEWARD, language="fr")
    steward.post(address("study", study, "check/"))
    checks.do_waiting_checks(site.here())
    page = steward.get(address("study", study, "decide/")).content.decode()
    told = page[page.index("Une règle refuse") :].partition("</p>")[0]
    assert "remettez-le tel qu’il était" in told
    assert re.search(r'<span lang="en" dir="ltr">The file [^<]* has changed since', told)
