"""Our TUF client over the command line that tuf-conformance defines, as another process, over real HTTP."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jazari.trust.tests.web import WebFolder
from jazari.trust.tuf_types import CryptoSigner
from tests.conformance.simulated import Simulated

COMMAND = [sys.executable, "-W", "ignore", "-m", "jazari.trust.tuf_client"]


class Client:
    """The client under test with its own folders."""

    def __init__(self, folder: Path, repository: Simulated, web: WebFolder) -> None:
        self.metadata = folder / "metadata"
        self.downloads = folder / "targets"
        self.metadata.mkdir(parents=True)
        self.downloads.mkdir()
        self.web = web
        trusted = folder / "trusted.json"
        trusted.write_bytes((repository.folder / "metadata/1.root.json").read_bytes())
        assert self.run("init", str(trusted)) == 0
        assert web.requests == [], "init asks nobody"

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> int:
        base = ["--metadata-dir", str(self.metadata), *options]
        result = subprocess.run([*COMMAND, *base, *arguments], check=False, capture_output=True, timeout=60)
        assert b"Traceback" not in result.stderr, result.stderr.decode()
        return result.returncode

    def refresh(self) -> int:
        return self.run("refresh", options=("--metadata-url", f"{self.web.url}/metadata/"))

    def download(self, name: str) -> int:
        options = ("--metadata-url", f"{self.web.url}/metadata", "--target-base-url", f"{self.web.url}/targets")
        return self.run("download", options=(*options, "--target-name", name, "--target-dir", str(self.downloads)))

    def version(self, role: str) -> int:
        path = self.metadata / f"{role}.json"
        return int(json.loads(path.read_bytes())["signed"]["version"]) if path.exists() else 0

    def contents(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.downloads.iterdir())]


@pytest.fixture
def repository(tmp_path: Path) -> Simulated:
    return Simulated(tmp_path / "repository")


@pytest.fixture
def web(repository: Simulated) -> Iterator[WebFolder]:
    server = WebFolder(repository.folder)
    yield server
    server.close()


@pytest.fixture
def client(tmp_path: Path, repository: Simulated, web: WebFolder) -> Client:
    return Client(tmp_path / "client", repository, web)


def versions(client: Client) -> tuple[int, ...]:
    return tuple(client.version(role) for role in ("root", "timestamp", "snapshot", "targets"))


def test_refresh_in_the_order_of_the_specification(client: Client) -> None:
    assert client.refresh() == 0
    assert versions(client) == (1, 1, 1, 1)
    assert [path for path, _, _ in client.web.requests] == [
        "metadata/2.root.json",
        "metadata/timestamp.json",
        "metadata/1.snapshot.json",
        "metadata/1.targets.json",
    ]
    client.web.requests.clear()
    assert client.refresh() == 0
    assert [path for path, _, _ in client.web.requests] == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_an_unreachable_repository(client: Client) -> None:
    client.web.down = True
    assert client.refresh() == 1
    assert client.version("timestamp") == 0


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_rollback(client: Client, repository: Simulated, role: str) -> None:
    for _ in range(2):
        repository.next("targets", "snapshot", "timestamp")
    assert client.refresh() == 0
    kept = versions(client)
    if role == "targets":
        repository.targets["targets"].version -= 1
        repository.publish("targets")
    elif role == "snapshot":
        repository.snapshot.version -= 2
    if role == "timestamp":
        repository.timestamp.version -= 2
        repository.next("snapshot")
        repository.publish("timestamp")
    else:
        repository.next("snapshot", "timestamp")
    assert client.refresh() == 1
    assert versions(client)[0::3] == kept[0::3]
    assert client.version(role) == kept[("root", "timestamp", "snapshot", "targets").index(role)]


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_expired(client: Client, repository: Simulated, role: str) -> None:
    past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    signed = {"root": repository.root, "timestamp": repository.timestamp, "snapshot": repository.snapshot}
    signed.get(role, repository.targets["targets"]).expires = past
    repository.next(*{"root": ["root"]}.get(role, ["targets", "snapshot", "timestamp"]))
    assert client.refresh() == 1


@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_a_wrong_key_signs_nothing(client: Client, repository: Simulated, role: str) -> None:
    repository.signers[role] = [CryptoSigner.generate_ed25519()]
    repository.next(*{"root": ["root"]}.get(role, ["targets", "snapshot", "timestamp"]))
    assert client.refresh() == 1
    assert client.version(role) == int(role == "root")


def test_a_threshold_counts_different_keys(client: Client, repository: Simulated) -> None:
    second = CryptoSigner.generate_ed25519()
    repository.root.add_key(second.public_key, "timestamp")
    repository.root.roles["timestamp"].threshold = 2
    repository.next("root")
    assert client.refresh() == 1
    repository.signers["timestamp"].append(second)
    repository.next("timestamp")
    assert client.refresh() == 0


def test_root_rotation_over_several_versions(client: Client, repository: Simulated) -> None:
    for _ in range(3):
        old, new = repository.signers["root"][0], CryptoSigner.generate_ed25519()
        repository.root.revoke_key(old.public_key.keyid, "root")
        repository.root.add_key(new.public_key, "root")
        repository.signers["root"] = [old, new]
        repository.next("root")
        repository.signers["root"] = [new]
    assert client.refresh() == 0
    assert client.version("root") == 4


def test_a_root_that_the_old_keys_did_not_sign(client: Client, repository: Simulated) -> None:
    old, new = repository.signers["root"][0], CryptoSigner.generate_ed25519()
    repository.root.revoke_key(old.public_key.keyid, "root")
    repository.root.add_key(new.public_key, "root")
    repository.signers["root"] = [new]
    repository.next("root")
    assert client.refresh() == 1
    assert client.version("root") == 1


def test_new_online_keys_recover_from_a_fast_forward(client: Client, repository: Simulated) -> None:
    repository.timestamp.version = 10**6
    repository.next("timestamp")
    assert client.refresh() == 0
    for role in ("timestamp", "snapshot"):
        old, new = repository.signers[role][0], CryptoSigner.generate_ed25519()
        repository.root.revoke_key(old.public_key.keyid, role)
        repository.root.add_key(new.public_key, role)
        repository.signers[role] = [new]
    repository.next("root")
    repository.timestamp.version = 1
    repository.next("snapshot", "timestamp")
    assert client.refresh() == 0
    assert client.version("timestamp") == 2


def test_mixed_and_missing_files(client: Client, repository: Simulated) -> None:
    repository.next("targets", "snapshot", "timestamp")
    client.web.replaced["metadata/2.targets.json"] = (repository.folder / "metadata/1.targets.json").read_bytes()
    assert client.refresh() == 1
    client.web.replaced["metadata/2.targets.json"] = b""
    assert client.refresh() == 1
    assert client.version("targets") == 0
    client.web.replaced.clear()
    assert client.refresh() == 0


def test_a_target_is_downloaded_once(client: Client, repository: Simulated) -> None:
    repository.add("targets", "folder/a.txt", b"first")
    repository.next("targets", "snapshot", "timestamp")
    assert client.download("folder/a.txt") == 0
    assert client.download("folder/a.txt") == 0
    assert client.contents() == [b"first"]
    assert sum("targets/folder" in path for path, _, _ in client.web.requests) == 1
    repository.add("targets", "folder/a.txt", b"second")
    repository.next("targets", "snapshot", "timestamp")
    assert client.download("folder/a.txt") == 0
    assert client.contents() == [b"second"], "under the same name"
    assert client.download("folder/b.txt") == 1


def test_a_target_that_is_not_what_was_signed(client: Client, repository: Simulated) -> None:
    repository.add("targets", "a.txt", b"right")
    repository.next("targets", "snapshot", "timestamp")
    path = next((repository.folder / "targets").iterdir())
    for wrong in (b"wrong", b"right and more", b"righ", b""):
        client.web.replaced[f"targets/{path.name}"] = wrong
        assert client.download("a.txt") == 1
    assert client.contents() == []
    client.web.replaced.clear()
    assert client.download("a.txt") == 0


def test_a_target_that_was_cut_is_resumed(client: Client, repository: Simulated) -> None:
    content = bytes(range(256)) * 1000
    repository.add("targets", "a.bin", content)
    repository.next("targets", "snapshot", "timestamp")
    path = f"targets/{next((repository.folder / 'targets').iterdir()).name}"
    client.web.cut_after[path] = 200_000
    assert client.download("a.bin") == 1
    assert client.download("a.bin") == 0
    assert client.contents() == [content]
    assert (path, "bytes=200000-", len(content) - 200_000) in client.web.requests


def test_delegated_targets(client: Client, repository: Simulated) -> None:
    repository.delegate("dakhla", "dakhla/log/*")
    repository.add("dakhla", "dakhla/log/1", b"in its own place")
    repository.add("dakhla", "fes/log/1", b"in the place of another")
    repository.publish("dakhla")
    repository.next("targets", "snapshot", "timestamp")
    assert client.download("dakhla/log/1") == 0
    assert client.download("fes/log/1") == 1
    assert client.contents() == [b"in its own place"]
    repository.signers["dakhla"] = [CryptoSigner.generate_ed25519()]
    repository.next("dakhla", "snapshot", "timestamp")
    assert client.download("dakhla/log/1") == 1


@pytest.mark.parametrize("role", ["?", "#", "/delegatedrole", "../delegatedrole", "dé légué", "..", "."])
def test_odd_role_names_stay_inside_the_folder(
    client: Client, repository: Simulated, role: str, tmp_path: Path
) -> None:
    repository.delegate(role, "odd/*")
    repository.add(role, "odd/a", b"content")
    repository.publish(role)
    repository.next("targets", "snapshot", "timestamp")
    inside = {path for path in tmp_path.rglob("*") if client.metadata not in path.parents}
    outcome = client.download("odd/a")
    outside = {path for path in tmp_path.rglob("*") if client.metadata not in path.parents} - inside
    assert {path.parent for path in outside} <= {client.downloads}
    assert outcome == 0 or client.contents() == []


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tuf_conformance") is None, reason="tuf_conformance is not installed")
def test_the_official_suite(tmp_path: Path) -> None:
    specification = importlib.util.find_spec("tuf_conformance")
    assert specification is not None
    assert specification.origin is not None
    entrypoint = tmp_path / "jazari-tuf"
    entrypoint.write_text(f'#!/bin/sh\nexec {sys.executable} -m jazari.trust.tuf_client "$@"\n')
    entrypoint.chmod(0o755)
    suite = Path(specification.origin).parent
    command = [sys.executable, "-m", "pytest", "-q", str(suite), f"--rootdir={suite}", "--entrypoint", str(entrypoint)]
    command += ["-p", "no:django", "-p", "no:cacheprovider", f"--ignore={suite / 'test_static_repositories.py'}"]
    result = subprocess.run(command, check=False, capture_output=True, timeout=600, cwd=suite)
    assert result.returncode == 0, result.stdout.decode()[-3000:]
