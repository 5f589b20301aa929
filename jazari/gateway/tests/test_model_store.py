"""The store of models: what is kept is what was added, under the name that was given, and nothing else."""

import hashlib
import json
import os
from collections import namedtuple

import pytest

from jazari.core.errors import DiskFull, Unavailable
from jazari.gateway.embedded import store
from jazari.gateway.embedded.errors import BadModelName, ModelChanged, ModelMissing, ModelNameTaken, NotAModel
from jazari.gateway.tests.gguf_files import PLAIN, gguf


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf())
    return path


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def held(home):
    return sorted(path.name for path in (home / store.FOLDER).iterdir() if path.name != ".lock")


def test_added_model_is_found_with_what_its_file_says(home, file):
    added = store.add(home, file, "tiny")
    assert (added.licence, added.architecture, added.size) == ("apache-2.0", "llama", file.stat().st_size)
    assert added.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert store.find(home, "tiny") == added == store.check_content(home, "tiny")
    assert store.models(home) == [added]


def test_store_keeps_its_own_copy(home, file):
    added = store.add(home, file, "tiny")
    file.write_bytes(b"changed")
    assert hashlib.sha256(added.path(home).read_bytes()).hexdigest() == added.sha256
    assert added.path(home).stat().st_mode & 0o777 == 0o400


def test_adding_again_is_harmless_and_another_model_needs_another_name(home, file):
    assert store.add(home, file, "tiny") == store.add(home, file, "tiny")
    file.write_bytes(gguf({**PLAIN, "general.name": "Other"}))
    before = held(home)
    with pytest.raises(ModelNameTaken):
        store.add(home, file, "tiny")
    assert held(home) == before
    assert store.find(home, "tiny").title == "Tiny"


def test_a_file_with_two_names_stays_until_both_are_gone(home, file):
    one, other = store.add(home, file, "one"), store.add(home, file, "other")
    assert one.path(home) == other.path(home)
    store.remove(home, "one")
    assert store.check_content(home, "other") == other
    store.remove(home, "other")
    assert held(home) == []


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "A", "é", "a..b", "a b", "x" * 65, "a\n"])
def test_names(home, file, name):
    with pytest.raises(BadModelName):
        store.add(home, file, name)
    with pytest.raises(BadModelName):
        store.find(home, name)
    assert not home.exists()


def test_refused_files_leave_nothing(home, file, tmp_path):
    link, pipe = tmp_path / "link.gguf", tmp_path / "pipe.gguf"
    link.symlink_to(file)
    os.mkfifo(pipe)
    text = tmp_path / "text.gguf"
    text.write_text("no model")
    for path in (link, pipe, text, tmp_path):
        with pytest.raises((NotAModel, Unavailable)):
            store.add(home, path, "tiny")
    with pytest.raises(Unavailable):
        store.add(home, tmp_path / "nowhere", "tiny")
    assert held(home) == []


def test_a_model_larger_than_the_disk_is_refused_before_it_is_copied(home, file, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage(0, 0, store.SPARE_BYTES))
    with pytest.raises(DiskFull, match="free some space"):
        store.add(home, file, "tiny")
    assert held(home) == []


def test_what_a_killed_command_left_is_cleared(home, file):
    store.add(home, file, "tiny")
    (home / store.FOLDER / ".adding-left").write_bytes(b"half")
    store.add(home, file, "tiny")
    assert not [name for name in held(home) if name.startswith(".adding")]


@pytest.mark.parametrize("how", ["changed", "gone", "linked"])
def test_file_that_is_not_what_was_added_is_never_used(home, file, how):
    path = store.add(home, file, "tiny").path(home)
    path.chmod(0o600)
    if how == "changed":
        path.write_bytes(gguf(data=b"\1" * 64))
    else:
        path.unlink()
    if how == "linked":
        path.symlink_to(file)
    with pytest.raises((ModelChanged, Unavailable)):
        store.check_content(home, "tiny")


@pytest.mark.parametrize("raw", ["", "[]", "{}", '{"name": "other"}', "null"])
def test_damaged_document(home, file, raw):
    store.add(home, file, "tiny")
    (home / store.FOLDER / "tiny.json").write_text(raw)
    with pytest.raises(ModelChanged, match="damaged"):
        store.find(home, "tiny")


def test_hash_in_a_document_cannot_lead_elsewhere(home, file):
    store.add(home, file, "tiny")
    document = home / store.FOLDER / "tiny.json"
    document.write_text(json.dumps({**json.loads(document.read_text()), "sha256": "../../etc/passwd"}))
    with pytest.raises(ModelChanged):
        store.find(home, "tiny")


def test_missing_model_says_how_to_add_it(home):
    with pytest.raises(ModelMissing, match="jazari models add"):
        store.find(home, "tiny")
    with pytest.raises(ModelMissing):
        store.remove(home, "tiny")
