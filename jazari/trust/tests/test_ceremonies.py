"""Ceremonies: the board decides offline, by files, and nothing happens without enough of it."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jazari.core.audit import AuditEvent
from jazari.core.clock import frozen, now
from jazari.core.events import subscribe, unsubscribe
from jazari.trust import errors
from jazari.trust.ceremonies.ceremony_file import CeremonyFile, open_ceremony
from jazari.trust.ceremonies.describing import describe, short
from jazari.trust.ceremonies.finishing import finish_ceremony
from jazari.trust.ceremonies.proposals import (
    create_network,
    propose_admission,
    propose_renewal,
    propose_revocation,
    propose_root_rotation,
    propose_rotation,
)
from jazari.trust.ceremonies.requests import AdmissionRequest, RotationRequest, make_admission_request
from jazari.trust.ceremonies.signing import sign_ceremony
from jazari.trust.keys import key_id
from jazari.trust.metadata import LogHead, institute_metadata
from jazari.trust.repository import Repository
from jazari.trust.tests.world import World, draft


def admission(world: World, *names: str) -> CeremonyFile:
    for name in names:
        world.new_key(name)
    return propose_admission(world.repository, [world.request(name) for name in names])


def test_a_founded_network_is_readable(world: World) -> None:
    reader = world.reader()
    report = reader.refresh()
    assert report.directory_changed
    directory = reader.directory()
    assert directory.network_name == "Jazari"
    assert set(directory.entries) == {"network", "dakhla", "fes"}
    assert directory.root_entry.namespace == "network"
    assert {name: reader.standing(name) for name in directory.entries} == dict.fromkeys(directory.entries, "fresh")


def test_one_signature_of_two_is_not_enough(world: World) -> None:
    path = world.signed(admission(world, "agadir"), "amina")
    with pytest.raises(errors.NotEnoughSignatures, match="1 more board signature for the directory"):
        finish_ceremony(world.repository, [path])
    assert "agadir" not in world.repository.committed().directory.entries


def test_the_same_member_twice_is_one(world: World) -> None:
    path = world.signed(admission(world, "agadir"), "amina", "amina")
    with pytest.raises(errors.NotEnoughSignatures):
        finish_ceremony(world.repository, [path])


def test_each_member_may_sign_a_copy(world: World) -> None:
    original = admission(world, "agadir", "tiznit").write(world.path / "c.json")
    copies = [Path(shutil.copy(original, world.path / f"{name}.json")) for name in ("brahim", "chama")]
    for copy, name in zip(copies, ("brahim", "chama"), strict=True):
        sign_ceremony(copy, world.signers[name])
    finish_ceremony(world.repository, copies)
    assert {"agadir", "tiznit"} <= set(world.repository.committed().directory.entries)
    world.publish("agadir")
    assert world.reader().refresh().new_records


def test_copies_of_different_ceremonies_do_not_mix(world: World) -> None:
    first = world.signed(admission(world, "agadir"), "amina")
    first = first.rename(world.path / "first.json")
    second = world.signed(admission(world, "tiznit"), "brahim")
    with pytest.raises(errors.BadCeremony, match="not a copy"):
        finish_ceremony(world.repository, [first, second])


def test_only_board_keys_sign(world: World) -> None:
    path = admission(world, "agadir").write(world.path / "c.json")
    for name in ("dakhla", "snapshot", "agadir"):
        with pytest.raises(errors.NotABoardMember):
            sign_ceremony(path, world.signers[name])


def test_a_forged_signature_does_not_count(world: World) -> None:
    path = world.signed(admission(world, "agadir"), "amina")
    value = json.loads(path.read_text())
    forged = dict(value["targets"]["signatures"][0]) | {"keyid": key_id(world.public("brahim"))}
    value["targets"]["signatures"].append(forged)
    path.write_text(json.dumps(value))
    with pytest.raises(errors.NotEnoughSignatures):
        finish_ceremony(world.repository, [path])


def test_finishing_twice_changes_nothing(world: World) -> None:
    path = world.signed(admission(world, "agadir"))
    finish_ceremony(world.repository, [path])
    with pytest.raises(errors.CeremonyOutdated):
        finish_ceremony(world.repository, [path])


def test_a_ceremony_that_was_overtaken_is_refused(world: World) -> None:
    slow = admission(world, "agadir")
    world.finish(admission(world, "tiznit"))
    with pytest.raises(errors.CeremonyOutdated, match="prepare it again"):
        finish_ceremony(world.repository, [world.signed(slow)])


def test_a_network_is_founded_once(world: World) -> None:
    file = create_network(
        "Other",
        [world.public("amina")],
        1,
        snapshot_key=world.public("snapshot"),
        timestamp_key=world.public("timestamp"),
        node=world.request("network"),
    )
    with pytest.raises(errors.RepositoryExists):
        finish_ceremony(world.repository, [world.signed(file, "amina")])


@pytest.mark.parametrize(("threshold", "members"), [(0, 3), (4, 3), (1, 0)])
def test_an_impossible_board_is_refused(world: World, threshold: int, members: int) -> None:
    with pytest.raises(errors.BadCeremony):
        propose_root_rotation(world.repository, [world.public(name) for name in world.board[:members]], threshold)


def test_an_online_key_is_no_board_key(world: World) -> None:
    with pytest.raises(errors.BadCeremony, match="must stay offline"):
        propose_root_rotation(world.repository, [world.public("snapshot"), world.public("amina")], 1)


def test_the_board_is_told_everything_that_changes(world: World) -> None:
    world.new_key("steward")
    world.new_key("agadir")
    entry = world.entry("agadir", steward_keys=[world.public("steward")], url="https://agadir.example.ma")
    request = make_admission_request(entry, [world.signers["agadir"]])
    text = "\n".join(describe(propose_admission(world.repository, [request])))
    assert "agadir (Institut agadir; agadir) is admitted" in text
    assert short(key_id(world.public("agadir"))) in text
    assert f"Approvals of agadir are signed by: {short(key_id(world.public('steward')))}" in text
    assert "https://agadir.example.ma" in text
    assert "2 more board signatures" in text
    assert "dakhla" not in text


def test_the_founding_is_described(tmp_path: Path) -> None:
    world = World(tmp_path, institutes=())
    file = create_network(
        "Jazari",
        [world.public(name) for name in world.board],
        2,
        snapshot_key=world.public("snapshot"),
        timestamp_key=world.public("timestamp"),
        node=world.request("network"),
    )
    text = "\n".join(describe(file))
    assert "A new network is founded; 2 of these 3 keys decide" in text
    assert "called 'Jazari'" in text
    assert f"online timestamp key becomes {short(key_id(world.public('timestamp')))}" in text


def _edited(file: CeremonyFile, change: Any) -> CeremonyFile:
    value = json.loads(file.model_dump_json())
    change(value)
    return CeremonyFile.model_validate(value)


def _another_key(value: dict[str, Any]) -> None:
    keys = value["targets"]["signed"]["delegations"]["keys"]
    first = next(iter(keys))
    keys[first]["keyval"]["public"] = "11" * 32


def _wider_path(value: dict[str, Any]) -> None:
    value["targets"]["signed"]["delegations"]["roles"][0]["paths"] = ["*/log/*"]


def _other_title(value: dict[str, Any]) -> None:
    value["directory"]["entries"]["dakhla"]["titles"]["fr"] = "Autre"


def _extra_target(value: dict[str, Any]) -> None:
    value["targets"]["signed"]["targets"]["fes/log/1.ndjson.zst"] = {"length": 1, "hashes": {"sha256": "0" * 64}}


def _skipped_version(value: dict[str, Any]) -> None:
    value["targets"]["signed"]["version"] += 1


def _no_base(value: dict[str, Any]) -> None:
    value["base_targets"] = None


def _unsigned_base(value: dict[str, Any]) -> None:
    value["base_targets"]["signatures"] = []


def _no_chain(value: dict[str, Any]) -> None:
    value["roots"] = []


def _unsigned_chain(value: dict[str, Any]) -> None:
    value["roots"][0]["signatures"] = []


@pytest.mark.parametrize(
    "change",
    [
        _another_key,
        _wider_path,
        _other_title,
        _extra_target,
        _skipped_version,
        _no_base,
        _unsigned_base,
        _no_chain,
        _unsigned_chain,
    ],
)
def test_a_file_that_does_not_hold_together_is_not_signed(world: World, change: Any) -> None:
    """Whatever is hidden in the file beside the directory that the board reads is noticed."""
    path = _edited(admission(world, "agadir"), change).write(world.path / "c.json")
    with pytest.raises(errors.BadCeremony):
        describe(CeremonyFile.read(path))
    with pytest.raises(errors.BadCeremony):
        sign_ceremony(path, world.signers["amina"])


@pytest.mark.parametrize("text", ["", "{}", "[]", "x", '{"kind":"admit"}'])
def test_what_is_no_ceremony_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(errors.BadCeremony):
        CeremonyFile.read(tmp_path / "c.json")


def test_a_file_of_another_network_is_not_signed(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", institutes=())
    path = admission(world, "agadir").write(world.path / "c.json")
    with pytest.raises(errors.BadCeremony, match="root that you trust"):
        sign_ceremony(path, world.signers["amina"], other.trusted_root)
    sign_ceremony(path, world.signers["amina"], world.trusted_root)


def test_a_request_proves_its_keys(world: World) -> None:
    world.new_key("agadir")
    with pytest.raises(errors.BadCeremony, match="not signed by enough"):
        make_admission_request(world.entry("agadir"), [world.signers["dakhla"]])
    entry = world.entry("agadir")
    started = institute_metadata("agadir", LogHead(1, 1, 5, "0" * 64, 1), [world.signers["agadir"]])
    with pytest.raises(errors.BadCeremony, match="empty log"):
        AdmissionRequest(entry=entry, metadata=started.decode()).check()
    with frozen(now() - timedelta(days=200)):
        old = institute_metadata("agadir", LogHead(1), [world.signers["agadir"]])
    with pytest.raises(errors.BadCeremony, match="expired"):
        AdmissionRequest(entry=entry, metadata=old.decode()).check()


def test_keys_and_namespaces_are_not_shared(world: World) -> None:
    entry = world.entry("agadir", key="dakhla")
    request = make_admission_request(entry, [world.signers["dakhla"]])
    with pytest.raises(errors.BadCeremony, match="same key"):
        propose_admission(world.repository, [request])
    with pytest.raises(errors.BadCeremony, match="admitted before"):
        propose_admission(world.repository, [world.request("dakhla")])


def rotation(world: World, namespace: str = "dakhla", key: str = "dakhla-new") -> RotationRequest:
    world.new_key(key)
    publisher = world.publisher(namespace, reader=world.reader("rotating"))
    metadata = publisher.prepare_rotation([world.signers[key]])
    return RotationRequest(entry=world.entry(namespace, key=key), metadata=metadata.decode())


def test_keys_of_an_institute_rotate_without_a_gap(world: World) -> None:
    world.publish("dakhla", draft("one"))
    file = propose_rotation(world.repository, [rotation(world)])
    text = "\n".join(describe(file))
    assert f"publishing key of dakhla {short(key_id(world.public('dakhla')))} is removed" in text
    assert f"publishing key of dakhla {short(key_id(world.public('dakhla-new')))} is added" in text
    world.finish(file)
    reader = world.reader()
    assert reader.refresh().problems == {}
    assert reader.record("dakhla/dataset/one@1")
    with pytest.raises(errors.WrongSigner):
        world.publisher("dakhla", reader=world.reader()).publish([draft("two")], world.upload)
    world.signers["dakhla"] = world.signers["dakhla-new"]
    world.publisher("dakhla", reader=world.reader()).publish([draft("two")], world.upload)
    assert reader.refresh().problems == {}
    assert reader.record("dakhla/dataset/two@1")


def test_a_rotation_that_was_overtaken_by_a_publication_is_refused(world: World) -> None:
    path = world.signed(propose_rotation(world.repository, [rotation(world)]))
    world.publish("dakhla")
    with pytest.raises(errors.CeremonyOutdated, match="new request"):
        finish_ceremony(world.repository, [path])
    publisher = world.publisher("dakhla", reader=world.reader())
    later = publisher.prepare_rotation([world.signers["dakhla-new"]])
    finish_ceremony(world.repository, [path], {"dakhla": later})
    assert world.reader().refresh().problems == {}


def test_new_keys_need_the_log_signed_by_them(world: World) -> None:
    world.new_key("dakhla-new")
    request = RotationRequest(entry=world.entry("dakhla", key="dakhla-new"))
    with pytest.raises(errors.BadCeremony, match="signed by them"):
        propose_rotation(world.repository, [request])
    with pytest.raises(errors.BadCeremony, match="propose its admission"):
        propose_rotation(world.repository, [RotationRequest(entry=world.entry("agadir", key="dakhla-new"))])


def test_particulars_change_without_new_metadata(world: World) -> None:
    world.new_key("steward")
    entry = world.entry("dakhla", steward_keys=[world.public("steward")], titles={"fr": "Nouveau"})
    file = propose_rotation(world.repository, [RotationRequest(entry=entry)])
    assert "The titles of dakhla becomes Nouveau." in describe(file)
    world.finish(file)
    assert world.publish("dakhla")


def test_two_of_three_institute_keys(world: World) -> None:
    names = ["d-one", "d-two", "d-three"]
    for name in names:
        world.new_key(name)
    publisher = world.publisher("dakhla", reader=world.reader())
    metadata = publisher.prepare_rotation([world.signers[name] for name in names[:2]])
    entry = world.entry("dakhla", publishing_keys=[world.public(name) for name in names], threshold=2)
    world.finish(propose_rotation(world.repository, [RotationRequest(entry=entry, metadata=metadata.decode())]))
    publisher.recover()
    publisher._signers = [world.signers["d-one"]]
    with pytest.raises(errors.WrongSigner):
        publisher.publish([draft()], world.upload)
    publisher._signers = [world.signers["d-one"], world.signers["d-three"]]
    publisher.publish([draft()], world.upload)
    assert len(world.reader().refresh().new_records) == 1


def test_the_board_replaces_itself(world: World) -> None:
    world.publish("dakhla")
    reader = world.reader()
    reader.refresh()
    world.new_key("driss")
    board = ["brahim", "chama", "driss"]
    file = propose_root_rotation(world.repository, [world.public(name) for name in board], 2)
    text = "\n".join(describe(file))
    assert f"board key {short(key_id(world.public('amina')))} is removed" in text
    assert "2 more board signatures for the root, by the present board" in text
    with pytest.raises(errors.NotEnoughSignatures):
        finish_ceremony(world.repository, [world.signed(file, "driss", "brahim")])
    world.finish(file, "amina", "brahim", "driss")
    world.board = board
    world.publish("dakhla", draft("later"))
    assert [record.ref for record in reader.refresh().new_records] == ["dakhla/dataset/later@1"]
    assert world.reader("new").refresh().problems == {}
    assert reader.root_version() == 2
    with pytest.raises(errors.NotABoardMember):
        world.finish(admission(world, "agadir"), "amina")
    world.finish(admission(world, "tiznit"), "driss", "chama")


def test_stolen_online_keys_are_replaced(world: World) -> None:
    reader = world.reader()
    reader.refresh()
    for role in ("snapshot", "timestamp"):
        world.new_key(f"{role}-new")
    file = propose_root_rotation(
        world.repository,
        [world.public(name) for name in world.board],
        2,
        snapshot_key=world.public("snapshot-new"),
        timestamp_key=world.public("timestamp-new"),
    )
    path = world.signed(file)
    with pytest.raises(errors.OnlineKeyMissing, match="install the new key"):
        finish_ceremony(world.repository, [path])
    renewed = Repository(world.path / "root", world.signers["snapshot-new"], world.signers["timestamp-new"])
    finish_ceremony(renewed, [path])
    world.repository = renewed
    world.publish("fes")
    assert len(reader.refresh().new_records) == 1


def test_renewal_only_moves_the_dates(world: World) -> None:
    before = world.repository.committed()
    with frozen(now() + timedelta(days=10)):
        file = propose_renewal(world.repository)
        text = "\n".join(describe(file))
        world.finish(file)
    after = world.repository.committed()
    assert "board key" not in text
    assert "online" not in text
    assert after.directory == before.directory
    assert after.root.expires - before.root.expires >= timedelta(days=9)
    assert after.targets.expires - before.targets.expires >= timedelta(days=9)


def test_without_online_keys_nothing_changes(world: World) -> None:
    reading = Repository(world.path / "root")
    path = world.signed(admission(world, "agadir"))
    with pytest.raises(errors.OnlineKeyMissing):
        finish_ceremony(reading, [path])
    assert reading.committed().directory.entries.keys() == {"network", "dakhla", "fes"}


def test_an_empty_folder_holds_no_network(tmp_path: Path) -> None:
    with pytest.raises(errors.RepositoryMissing, match="jazari root create"):
        Repository(tmp_path).committed()


def test_revocation_is_described_and_bounded(world: World) -> None:
    world.publish("dakhla", draft("one"), draft("two"))
    file = propose_revocation(world.repository, "dakhla")
    assert any("revoked: nothing new" in line and "with 2 records" in line for line in describe(file))
    with pytest.raises(errors.BadCeremony, match="cannot be revoked"):
        propose_revocation(world.repository, "network")
    with pytest.raises(errors.BadCeremony, match="not an active institute"):
        propose_revocation(world.repository, "agadir")
    with pytest.raises(errors.RepositoryMissing):
        propose_revocation(world.repository, "dakhla", 99)


def test_a_revoked_institute_may_come_back(world: World) -> None:
    world.publish("dakhla", draft("good"))
    world.publish("dakhla", draft("bad"))
    reader = world.reader()
    reader.refresh()
    world.finish(propose_revocation(world.repository, "dakhla", 2))
    reader.refresh()
    world.new_key("dakhla-new")
    head = world.repository.head("dakhla")
    following = LogHead(4, head.segment, head.length, head.sha256, head.records)
    metadata = institute_metadata("dakhla", following, [world.signers["dakhla-new"]]).decode()
    request = RotationRequest(entry=world.entry("dakhla", key="dakhla-new"), metadata=metadata)
    file = propose_rotation(world.repository, [request])
    assert "dakhla is admitted again and goes on from its frozen log." in describe(file)
    world.finish(file)
    world.signers["dakhla"] = world.signers["dakhla-new"]
    world.publisher("dakhla", reader=world.reader()).publish([draft("again")], world.upload)
    assert reader.refresh().problems == {}
    assert [record.name for record in reader.records("dakhla")] == ["good", "again"]
    assert [record.name for record in _fresh(world)] == ["good", "again"]


def _fresh(world: World) -> list[Any]:
    reader = world.reader("fresh")
    assert reader.refresh().problems == {}
    return list(reader.records("dakhla"))


def test_ceremonies_are_in_the_audit_trail(world: World) -> None:
    heard: list[AuditEvent] = []
    subscribe(AuditEvent, heard.append)
    try:
        world.finish(admission(world, "agadir"))
    finally:
        unsubscribe(AuditEvent, heard.append)
    assert [(event.kind, event.subject) for event in heard] == [("trust.ceremony-finished", "admit")]
    assert sorted(heard[0].detail["signed_by"]) == sorted(key_id(world.public(n)) for n in ("amina", "chama"))


def test_the_checked_form_is_what_was_signed(world: World) -> None:
    ceremony = open_ceremony(admission(world, "agadir"))
    assert ceremony.new_root == world.repository.committed().root
