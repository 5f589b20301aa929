"""Joining, changing keys and being revoked, with real keys, ceremonies, TLS and engine certificates."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from jazari.core import clock
from jazari.federation import admissions, exchange, founding, governing, joining, presence, root_node, rotation
from jazari.federation.enrolment import sign_enrolment
from jazari.federation.errors import (
    BadEnrolment,
    BadSignature,
    DirectoryDiffers,
    EnrolmentMissing,
    EnrolmentsFull,
    EnrolmentUnclear,
    NotAdmitted,
    NotRoot,
    Replayed,
    RootUnreachable,
)
from jazari.federation.models import Enrolment, Presence, UsedNonce
from jazari.federation.signed_requests import sign_request
from jazari.federation.standing import institute_status
from jazari.settings.home import Home
from jazari.settings.process_state import engine_restart
from jazari.studies.flare import pins
from jazari.studies.flare.errors import BadEngineCertificate
from jazari.testing.databases import DatabaseForTest
from jazari.testing.live_network import NAME, LiveNetwork, serving
from jazari.trust.ceremonies.proposals import propose_revocation
from jazari.trust.directory import Directory
from jazari.trust.errors import CeremonyOutdated, KeyExists, NotEnoughSignatures, WrongPassphrase
from jazari.trust.keys import generate_key, load_signer
from jazari.trust.records import Draft

CARD = {"title": {"fr": "Institut"}, "description": {"fr": "Un institut."}, "region": "MA-12"}


def directory_of(network: LiveNetwork) -> Directory:
    return root_node.repository(network.root).committed().directory


def test_the_whole_way_into_the_network(live: LiveNetwork) -> None:
    souss = live.create("souss")
    with pytest.raises(NotAdmitted, match="no network"):
        exchange.open_reader(souss)
    signed = joining.make_request(souss, live.network)
    assert joining.send_request(souss, signed)["state"] == "received"
    reader = exchange.open_reader(souss)
    reader.refresh()
    with pytest.raises(NotAdmitted, match="not admitted souss yet"):
        joining.join(souss, reader.directory())

    path, names = governing.propose_requests(live.root, ["souss"])
    assert names == ["souss"]
    assert joining.send_request(souss, signed)["state"] == "proposed"
    with pytest.raises(NotEnoughSignatures):
        founding.finish(live.root, [path])
    live.finish(path)
    live.join("souss")

    assert joining.send_request(souss, signed)["state"] == "admitted"
    assert institute_status(souss)["membership"] == "member"
    assert (souss.engine / "kit" / "startup" / "client.crt").exists()
    assert engine_restart(souss).exists()
    assert set(pins.read_pins(live.root.engine).institutes) == {"dakhla", "fes", "souss"}
    assert exchange.publish(souss, [Draft("institute", "about", CARD)])


def test_the_engine_certificate_is_issued_for_the_key_that_never_left(live: LiveNetwork) -> None:
    certificate = directory_of(live).entries["fes"].engine_certificate
    other = live.institutes["dakhla"]
    entries = dict(directory_of(live).entries)
    entries["dakhla"] = entries["dakhla"].model_copy(update={"engine_certificate": certificate})
    forged = directory_of(live).model_copy(update={"entries": entries})
    with pytest.raises(BadEngineCertificate, match="not for this node's key"):
        joining.join(other, forged)


@pytest.mark.parametrize("field", ["publishing_keys", "steward_keys", "titles", "region", "threshold", "url"])
def test_a_directory_that_says_otherwise_is_not_joined(live: LiveNetwork, field: str, tmp_path: Path) -> None:
    key = generate_key(tmp_path / "evil.pem", None).key
    mine = directory_of(live).entries["dakhla"]
    changes: dict[str, object] = {
        "publishing_keys": [key],
        "steward_keys": [key],
        "titles": {"fr": "Autre"},
        "region": "MA-01",
        "url": "https://evil",
        "threshold": 2,
    }
    entry = mine.model_copy(update={field: changes[field]})
    forged = directory_of(live).model_copy(update={"entries": {**directory_of(live).entries, "dakhla": entry}})
    with pytest.raises(DirectoryDiffers, match=field):
        joining.join(live.institutes["dakhla"], forged)


def test_the_same_request_twice_is_one(live: LiveNetwork) -> None:
    souss = live.create("souss")
    signed = joining.make_request(souss, live.network)
    first, second = joining.send_request(souss, signed), joining.send_request(souss, signed)
    assert first == second
    assert joining.make_request(souss, live.network) == signed
    assert Enrolment.objects.count() == 1


def test_a_request_may_travel_as_a_file(network: LiveNetwork) -> None:
    souss = network.create("souss")
    body = joining.make_request(souss, network.network).to_bytes()
    assert admissions.receive_enrolment(directory_of(network), body)["state"] == "received"


def test_a_taken_namespace_is_refused(network: LiveNetwork, tmp_path: Path) -> None:
    impostor = LiveNetwork(tmp_path / "elsewhere")
    impostor.folder.mkdir()
    body = joining.make_request(impostor.create("dakhla"), network.network).to_bytes()
    with pytest.raises(BadEnrolment, match="dakhla is taken"):
        admissions.receive_enrolment(directory_of(network), body)


def test_a_key_of_another_institute_is_refused(network: LiveNetwork) -> None:
    souss = network.create("souss")
    signed = joining.make_request(souss, network.network)
    theirs = directory_of(network).entries["fes"].publishing_keys
    request = signed.request.model_copy(update={"publishing_keys": theirs})
    body = sign_enrolment(request, [network.signer("fes")]).to_bytes()
    with pytest.raises(BadEnrolment, match="belongs to fes"):
        admissions.receive_enrolment(directory_of(network), body)


def test_a_request_for_another_network_or_engine_is_refused(network: LiveNetwork) -> None:
    souss, signer = network.create("souss"), None
    signed = joining.make_request(souss, network.network)
    signer = network.signer("souss")
    elsewhere = signed.request.model_copy(update={"network": "Elsewhere"})
    with pytest.raises(BadEnrolment, match="Elsewhere"):
        admissions.receive_enrolment(directory_of(network), sign_enrolment(elsewhere, [signer]).to_bytes())
    foreign = (network.institutes["fes"].keys / "engine.csr").read_text()
    with pytest.raises(BadEngineCertificate, match="souss"):
        admissions.receive_enrolment(
            directory_of(network),
            sign_enrolment(signed.request.model_copy(update={"engine_request": foreign}), [signer]).to_bytes(),
        )


def test_strangers_cannot_fill_the_database(network: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admissions, "MOST_PENDING_ENROLMENTS", 1)
    bodies = [joining.make_request(network.create(name), network.network).to_bytes() for name in ("one", "two")]
    admissions.receive_enrolment(directory_of(network), bodies[0])
    with pytest.raises(EnrolmentsFull):
        admissions.receive_enrolment(directory_of(network), bodies[1])
    assert admissions.receive_enrolment(directory_of(network), bodies[0])["state"] == "received"


def test_two_who_want_the_same_name_are_told_apart_by_digest(network: LiveNetwork, tmp_path: Path) -> None:
    rival = LiveNetwork(tmp_path / "rival")
    rival.folder.mkdir()
    digests = []
    for candidate in (network, rival):
        signed = joining.make_request(candidate.create("souss"), network.network)
        admissions.receive_enrolment(directory_of(network), signed.to_bytes())
        digests.append(signed.request.digest)
    with pytest.raises(EnrolmentUnclear, match=digests[1][7:19]):
        governing.propose_requests(network.root, ["souss"])
    path, _ = governing.propose_requests(network.root, [digests[0][7:19]])
    network.finish(path)
    states = {row["digest"]: row["state"] for row in admissions.enrolments(directory_of(network))}
    assert states == {digests[1]: "received"}
    with pytest.raises(BadEnrolment, match="taken"):
        governing.propose_requests(network.root, [digests[1]])


def test_a_refused_institute_is_told_why(live: LiveNetwork) -> None:
    souss = live.create("souss")
    signed = joining.make_request(souss, live.network)
    joining.send_request(souss, signed)
    admissions.refuse(admissions.find("souss"), "Come back with a statute.")
    state = joining.send_request(souss, signed)
    assert (state["state"], state["reason"]) == ("refused", "Come back with a statute.")
    with pytest.raises(EnrolmentMissing, match="jazari root requests"):
        governing.propose_requests(live.root, ["souss"])


def test_an_institute_changes_its_key_and_goes_on_publishing(live: LiveNetwork) -> None:
    dakhla = live.institutes["dakhla"]
    (before,) = exchange.publish(dakhla, [Draft("institute", "about", CARD)])
    signed = rotation.prepare_rotation(dakhla, None)
    assert joining.send_request(dakhla, signed)["state"] == "received"
    old = live.signer("dakhla")
    path, _ = governing.propose_requests(live.root, ["dakhla"])
    live.finish(path)
    live.join("dakhla")
    assert not rotation.next_key(dakhla).exists()
    assert live.signer("dakhla").public_key != old.public_key
    (after,) = exchange.publish(dakhla, [Draft("institute", "about", CARD | {"region": "MA-11"})])
    exchange.sync(live.institutes["fes"])
    reader = exchange.open_reader(live.institutes["fes"])
    assert [reader.record(record.ref) for record in (before, after)] == [before, after]
    assert joining.join(dakhla, exchange.open_reader(dakhla).directory())
    with pytest.raises(BadSignature):
        exchange.publish(dakhla, [Draft("institute", "other", CARD)], signer=old)


def test_publishing_while_the_board_signs_makes_the_change_outdated(live: LiveNetwork) -> None:
    dakhla = live.institutes["dakhla"]
    joining.send_request(dakhla, rotation.prepare_rotation(dakhla, None))
    path, _ = governing.propose_requests(live.root, ["dakhla"])
    exchange.publish(dakhla, [Draft("institute", "about", CARD)])
    with pytest.raises(CeremonyOutdated):
        live.finish(path)
    assert joining.send_request(dakhla, rotation.prepare_rotation(dakhla, None))["state"] == "received"


def test_a_change_of_keys_needs_the_present_key(network: LiveNetwork) -> None:
    dakhla = network.institutes["dakhla"]
    with serving(network.root):
        signed = rotation.prepare_rotation(dakhla, None)
    following = load_signer(rotation.next_key(dakhla))
    body = sign_enrolment(signed.request, [following]).to_bytes()
    with pytest.raises(BadEnrolment, match="present keys"):
        admissions.receive_enrolment(directory_of(network), body)


def test_admissions_and_changes_are_two_ceremonies(live: LiveNetwork) -> None:
    souss, dakhla = live.create("souss"), live.institutes["dakhla"]
    joining.send_request(souss, joining.make_request(souss, live.network))
    joining.send_request(dakhla, rotation.prepare_rotation(dakhla, None))
    with pytest.raises(EnrolmentUnclear, match="two ceremonies"):
        governing.propose_requests(live.root, ["souss", "dakhla"])


def test_a_revoked_institute_loses_the_engine_too(network: LiveNetwork) -> None:
    file = propose_revocation(root_node.repository(network.root), "dakhla")
    network.finish(founding.propose(network.root, file))
    assert set(pins.read_pins(network.root.engine).institutes) == {"fes"}
    with pytest.raises(NotAdmitted, match="revoked"):
        joining.check_admitted(network.institutes["dakhla"], directory_of(network))


def test_the_root_changes_its_online_keys(live: LiveNetwork) -> None:
    before = load_signer(live.root.snapshot_key)
    path = governing.propose_online_keys(live.root, None)
    assert root_node.next_online_key(live.root, "snapshot").exists()
    live.finish(path)
    assert load_signer(live.root.snapshot_key).public_key != before.public_key
    assert not root_node.next_online_key(live.root, "snapshot").exists()
    assert exchange.publish(live.institutes["fes"], [Draft("institute", "about", CARD)])
    assert live.network.trusted_root["signed"]["version"] == 2


def test_a_crash_between_ceremony_and_tidying_up_locks_nobody_out(
    live: LiveNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = governing.propose_online_keys(live.root, None)
    tidy = root_node.tidy_online_keys
    monkeypatch.setattr(root_node, "tidy_online_keys", interrupted)
    with pytest.raises(KeyboardInterrupt):
        live.finish(path)
    monkeypatch.setattr(root_node, "tidy_online_keys", tidy)
    assert root_node.next_online_key(live.root, "snapshot").exists()
    assert exchange.publish(live.institutes["fes"], [Draft("institute", "about", CARD)])
    root_node.tidy_online_keys(live.root)
    root_node.tidy_online_keys(live.root)
    assert root_node.writable_repository(live.root).refresh_timestamp(every_days=0)


def interrupted(_home: Home) -> None:
    raise KeyboardInterrupt


def test_the_wrong_passphrase_of_an_online_key_is_said(network: LiveNetwork, tmp_path: Path) -> None:
    (network.root.keys / "snapshot.pem").unlink()
    generate_key(network.root.keys / "snapshot.pem", b"right")
    (tmp_path / "passphrase").write_bytes(b"wrong")
    with pytest.raises(WrongPassphrase):
        root_node.writable_repository(network.root, tmp_path / "passphrase")


def test_founding_that_fails_leaves_nothing_behind(tmp_path: Path, network: LiveNetwork) -> None:
    home = tmp_path / "new"
    board = founding.Board([], 2)
    with pytest.raises(Exception, match="board keys"):
        founding.create_root(home, network.root.config, board, None)
    assert not home.exists()


def test_creating_that_fails_leaves_nothing_behind(tmp_path: Path, network: LiveNetwork) -> None:
    from dataclasses import replace

    steward = tmp_path / "steward.pem"
    generate_key(steward, None)
    config = replace(network.institutes["fes"].config, steward_key=str(steward))
    with pytest.raises(KeyExists):
        joining.create_institute(tmp_path / "new", config, None, None)
    assert not (tmp_path / "new").exists()
    assert steward.exists()


def test_a_steward_may_have_a_key_already(tmp_path: Path, network: LiveNetwork) -> None:
    key = generate_key(tmp_path / "steward.pem", None).key
    home = joining.create_institute(tmp_path / "new", network.institutes["fes"].config, None, None, [key])
    assert joining.steward_keys(home) == [key]
    assert not home.steward_key.exists()


def test_commands_of_the_other_role_are_refused(network: LiveNetwork) -> None:
    with pytest.raises(NotRoot, match="on the Root"):
        root_node.repository(network.institutes["fes"])
    with pytest.raises(NotRoot, match="institute's home"):
        joining.make_request(network.root, network.network)


def test_the_root_shows_how_it_stands(live: LiveNetwork) -> None:
    with live.client("dakhla") as client:
        client.wait_for_change(0)
    facts = governing.root_status(live.root)
    assert {row["namespace"]: row["online"] for row in facts["institutes"]} == {"dakhla": True, "fes": False}
    assert facts["days_valid"] in (29, 30)
    json.dumps(facts)


def test_a_request_without_root_is_kept(network: LiveNetwork) -> None:
    souss = network.create("souss")
    signed = joining.make_request(souss, network.network)
    with pytest.raises(RootUnreachable):
        joining.send_request(souss, signed)
    assert joining.kept_digest(souss) == signed.request.digest


def test_of_two_equal_requests_at_once_one_counts_on_either_database(
    any_database: DatabaseForTest, network_template: LiveNetwork
) -> None:
    from django.db import connection

    header = sign_request(network_template.signer("dakhla"), "dakhla", NAME, "notices")
    directory = directory_of(network_template)
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def call() -> None:
        start.wait()
        try:
            presence.authenticate(header, "notices", directory)
            outcomes.append("accepted")
        except Replayed:
            outcomes.append("replayed")
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", "replayed", "replayed", "replayed"]
    assert UsedNonce.objects.count() == 1
    assert Presence.objects.get().namespace == "dakhla"
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        assert not next(row for row in presence.institutes(directory) if row["namespace"] == "dakhla")["online"]
