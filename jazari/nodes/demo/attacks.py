"""Attacks on the network that the demo has just built. Each must be refused, with a sentence.

An attack ends in the ``JazariError`` that refuses it, or returns what refused it; one that gets through
returns nothing.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jazari.core.errors import JazariError
from jazari.federation import exchange
from jazari.federation.client import RootClient
from jazari.federation.invitation import network_of
from jazari.federation.root_node import open_key
from jazari.nodes.demo.founding import DemoNetwork
from jazari.nodes.demo.outsider import mirror_folder
from jazari.nodes.demo.studying import StudyOutcome
from jazari.settings.home import Home
from jazari.studies.agreement import study_dict
from jazari.studies.cards import run_id
from jazari.studies.coordinator import Coordinator
from jazari.studies.engine import RunOrder
from jazari.studies.flare.engine import FlareEngine
from jazari.studies.guard import release
from jazari.studies.messages import Message, Sums, decode, encode
from jazari.studies.participant import Participant
from jazari.studies.permits import Permit, load_permit, write_permit
from jazari.studies.registered import load_registered
from jazari.studies.rounds import Fold, places_of
from jazari.studies.secure.member import announce
from jazari.studies.secure.roster import stack
from jazari.studies.secure.session import CERTIFICATE_BYTES, ROUND_KEY_BYTES, Session, open_session
from jazari.trust.keys import generate_key, load_signer
from jazari.trust.publishing import Publisher
from jazari.trust.records import Draft

Attack = Callable[[DemoNetwork, Sequence[StudyOutcome]], str]
PATIENCE_SECONDS = 40.0


def play(name: str, attack: Attack, network: DemoNetwork, studies: Sequence[StudyOutcome]) -> dict[str, Any]:
    """Try one attack; what the report says of it."""
    try:
        message, code = attack(network, studies), ""
    except JazariError as error:
        message, code = str(error), error.code
    return {"name": name, "refused": bool(message), "code": code, "message": message}


def one_byte_in_a_blob(network: DemoNetwork, _studies: Sequence[StudyOutcome]) -> str:
    """Somebody changes one byte of a file in a mirror; whoever verifies it is told which file."""
    tampered = network.folder / "outsider" / "tampered"
    shutil.copytree(mirror_folder(network), tampered)
    blob = next(path for path in sorted((tampered / "targets" / "blobs").rglob("*")) if path.is_file())
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    pinned = network.folder / "outsider" / "network.json"
    report = network.operator.finish("verify", tampered, "--network", pinned)
    return "" if report["ok"] else " ".join(report["problems"])


def another_namespace(network: DemoNetwork, _studies: Sequence[StudyOutcome]) -> str:
    """The proposer signs a publication in the second institute's namespace and sends it to the Root."""
    home = Home.open(network.proposer)
    victim = network.sites[1].namespace
    signer = open_key(home.publishing_key)
    publisher = Publisher(network.folder / "attacker" / "log", victim, [signer], exchange.open_reader(home))
    card = {"withdraws": f"{victim}/dataset/soil@1", "reason": {"en": "Forged."}}
    with RootClient(network_of(home), home.namespace, signer) as client:
        publisher.publish([Draft("withdrawal", "forged", card)], client.publish)
    return ""


def changed_study_text(network: DemoNetwork, studies: Sequence[StudyOutcome]) -> str:
    """Somebody on an institute's machine lowers the floor in the text that its steward approved."""
    engine, permit = _copy_of_engine(network, studies[0], "changed-text", network.sites[0].namespace)
    study = permit.study | {"floor": 1}
    write_permit(engine, permit.model_copy(update={"study": study}))
    Participant(engine, permit.namespace).answer(permit.run, encode(Message("request", permit.run, 1)))
    return ""


def not_approved(network: DemoNetwork, studies: Sequence[StudyOutcome]) -> str:
    """A stolen Root server submits a job, over FLARE, that includes an institute that did not approve."""
    study = studies[-1]
    run, outsider = "r-stolen-root-server", _outsider(network, study)
    permit = _permit_of(network, study, network.sites[0].namespace)
    named = tuple(sorted({*study.approved, outsider}))
    order = _order_of(study, permit).model_copy(update={"run": run, "participants": named})
    FlareEngine(network.root).start(order)
    return _refusal_in_trail(network, outsider, run)


def _outsider(network: DemoNetwork, study: StudyOutcome) -> str:
    """An institute that did not approve; with two institutes both did, but neither this run."""
    others = [site.namespace for site in network.sites if site.namespace not in study.approved]
    return others[0] if others else network.sites[1].namespace


def _refusal_in_trail(network: DemoNetwork, institute: str, run: str) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        trail = network.operator.run("audit", "list", "--kind", "studies", home=network.home(institute))
        for entry in trail["entries"]:
            if run in json.dumps(entry) and "refused" in entry["kind"]:
                return f"{institute} refused the job: {entry['detail'].get('message') or entry['detail']['code']}"
        time.sleep(0.3)
    return ""


def beyond_the_contract(network: DemoNetwork, studies: Sequence[StudyOutcome]) -> str:
    """A recipe gone wrong adds raw soil values to an institute's outgoing sums."""
    permit = _permit_of(network, studies[0], network.sites[0].namespace)
    table = load_registered(Path(permit.data_path), permit.data_sha256, permit.schema_of_data())
    study = permit.study_text()
    fold = Fold(study, len(permit.participants))
    sums = fold.recipe.local(table, fold.state(0), fold.plan)
    release(fold.contract(0), sums | {"rows_of_soil_ph": np.nan_to_num(table.numbers("soil_ph"))}, study.floor)
    return ""


def crafted_state(network: DemoNetwork, studies: Sequence[StudyOutcome]) -> str:
    """The Root plays a true first round, then sends, with its total, a state of its own making."""
    copies = {name: _copy_of_engine(network, studies[0], "crafted-state", name) for name in studies[0].approved}
    participants = {name: Participant(engine, name) for name, (engine, _) in copies.items()}
    victim, (_, permit) = next(iter(copies.items()))
    coordinator = Coordinator(network.folder / "attacker" / "runs", _order_of(studies[0], permit))
    while coordinator.step() != (2, "sums"):
        for name in coordinator.pending():
            coordinator.receive(name, participants[name].answer(permit.run, coordinator.request(name)))
    told = decode(coordinator.request(victim))
    crafted = replace(told, arrays=told.arrays | {"state": np.array([1.0])})
    participants[victim].answer(permit.run, encode(crafted))
    return ""


def replaced_keys(network: DemoNetwork, studies: Sequence[StudyOutcome]) -> str:
    """The Root puts keys of its own in another institute's place, to open what is meant for that one."""
    engine, permit = _copy_of_engine(network, studies[0], "replaced-keys", network.sites[0].namespace)
    members = [Session(permit.run, name, bytes(32)) for name in permit.participants]
    forger = load_signer(generate_key(engine / "forger.pem", None).path.with_suffix(""))
    extra: Sums = {
        "members": places_of(permit.participants, permit.participants),
        "certificates": stack([member.certificate(forger).packed() for member in members], CERTIFICATE_BYTES),
        "keys": stack([announce(member, 1) for member in members], ROUND_KEY_BYTES),
    }
    request = encode(Message("request", permit.run, 1, step="shares", extra=extra))
    Participant(engine, permit.namespace).answer(permit.run, request)
    return ""


def _order_of(study: StudyOutcome, permit: Permit) -> RunOrder:
    """The order that the Root gave for a study's run."""
    return RunOrder(
        run=permit.run,
        agreement=study.agreement,
        study=study_dict(permit.study_text()),
        participants=permit.participants,
        max_rounds=3,
        round_deadline_seconds=PATIENCE_SECONDS,
    )


def _permit_of(network: DemoNetwork, study: StudyOutcome, namespace: str) -> Permit:
    return load_permit(network.home(namespace) / "engine", run_id(study.run))


def _copy_of_engine(network: DemoNetwork, study: StudyOutcome, name: str, namespace: str) -> tuple[Path, Permit]:
    """An institute's permit as it was before the run, in a folder where the attack can do no harm."""
    permit = _permit_of(network, study, namespace)
    engine = network.folder / "attacker" / name / namespace
    engine.mkdir(parents=True)
    shutil.copy(network.home(namespace) / "engine" / "stewards.json", engine)
    signer = open_key(Home.open(network.home(namespace)).publishing_key)
    certificate = open_session(engine, permit.run, namespace).certificate(signer)
    permit = permit.model_copy(update={"certificate": certificate if permit.certificate else None})
    write_permit(engine, permit)
    return engine, permit


ATTACKS: tuple[tuple[str, Attack], ...] = (
    ("one byte changed in a blob", one_byte_in_a_blob),
    ("writing in another institute's namespace", another_namespace),
    ("a study's text changed after approval", changed_study_text),
    ("a job for an institute that did not approve", not_approved),
    ("an outgoing message beyond the contract", beyond_the_contract),
    ("a crafted state sent by the Root", crafted_state),
    ("the Root's own keys in an institute's place", replaced_keys),
)
