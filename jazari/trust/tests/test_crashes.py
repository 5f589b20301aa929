"""kill -9 at every step of a publication and of a ceremony: readers never see half of one, a repeat ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jazari.trust import errors
from jazari.trust.ceremonies.finishing import finish_ceremony
from jazari.trust.ceremonies.proposals import (
    propose_admission,
    propose_revocation,
    propose_root_rotation,
)
from jazari.trust.mirroring import write_mirror
from jazari.trust.steps import ACCEPTANCE_STEPS, INSTALL_STEPS, PUBLISHER_STEPS
from jazari.trust.tests.crash_child import act, opened
from jazari.trust.tests.world import World, draft
from jazari.trust.verification import verify_folder


def killed_at(world: World, action: str, step: str) -> None:
    """Run ``action`` in another process which is killed when it reaches ``step``."""
    command = [sys.executable, "-W", "ignore", "-m", "jazari.trust.tests.crash_child", str(world.path), action, step]
    result = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert result.returncode == -signal.SIGKILL, result.stderr.decode()


def everything_verifies(world: World, folder: Path) -> int:
    """What the repository commits to is whole; returns how many records it has."""
    write_mirror(opened(world.path).repository, folder)
    report = verify_folder(folder, world.trusted_root)
    assert report.ok, report.problems
    return report.records_verified


@pytest.mark.parametrize("step", [*PUBLISHER_STEPS, *ACCEPTANCE_STEPS])
def test_killed_while_publishing(world: World, step: str, tmp_path: Path) -> None:
    (world.path / "rows.csv").write_bytes(b"a,b\n" * 100)
    world.publish("dakhla", draft("zero"))
    reader = world.reader()
    reader.refresh()
    killed_at(world, "publish", step)

    assert reader.refresh().problems == {}
    committed = [record.name for record in reader.records("dakhla")]
    assert committed in (["zero"], ["zero", "one", "two"]), "all of it or nothing"
    assert everything_verifies(world, tmp_path / "mirror") == len(committed)

    act(opened(world.path), "publish")
    assert reader.refresh().problems == {}
    assert [record.ref for record in reader.records("dakhla")] == [
        f"dakhla/dataset/{name}@1" for name in ("zero", "one", "two")
    ]
    assert reader.file(reader.record("dakhla/dataset/one@1"), "rows.csv").read_bytes() == b"a,b\n" * 100
    opened(world.path).publisher("dakhla").publish([draft("three")], world.upload)
    assert everything_verifies(world, tmp_path / "mirror") == 4


@pytest.mark.parametrize("step", ["acceptance.log-written", "repository.snapshot-written"])
def test_another_publication_may_follow_a_killed_one(world: World, step: str) -> None:
    """What was written and not committed is overwritten, even by other content."""
    (world.path / "rows.csv").write_bytes(b"a,b\n")
    killed_at(world, "publish", step)
    elsewhere = world.publisher("dakhla", "elsewhere")
    elsewhere.publish([draft("other")], world.upload)
    reader = world.reader()
    assert reader.refresh().problems == {}
    assert [record.name for record in reader.records("dakhla")] == ["other"]


def finish_again(world: World) -> None:
    try:
        finish_ceremony(world.repository, [world.path / "ceremony.json"])
    except (errors.CeremonyOutdated, errors.RepositoryExists):
        return  # the journal was there: taking the lock finished it


@pytest.mark.parametrize("step", INSTALL_STEPS)
def test_killed_while_a_ceremony_is_installed(world: World, step: str, tmp_path: Path) -> None:
    """The hardest one: revoke an institute and replace a board member's key and the whole board's metadata."""
    world.publish("dakhla", draft("good"))
    world.publish("dakhla", draft("bad"))
    reader = world.reader()
    reader.refresh()
    if step == "install.root-written":
        world.new_key("driss")
        keys = [world.public(name) for name in ("brahim", "chama", "driss")]
        world.signed(propose_root_rotation(world.repository, keys, 2), "amina", "brahim", "driss")
    else:
        world.signed(propose_revocation(world.repository, "dakhla", 2))
    killed_at(world, "finish", step)
    finish_again(opened(world.path))
    assert reader.refresh().problems == {}
    expected = ["good", "bad"] if step == "install.root-written" else ["good"]
    assert [record.name for record in reader.records("dakhla")] == expected
    assert everything_verifies(world, tmp_path / "mirror") == len(expected)
    assert opened(world.path).publisher("fes").publish([draft()], world.upload)


def test_killed_while_the_network_is_founded(tmp_path: Path) -> None:
    world = World.__new__(World)
    full = World(tmp_path / "a", institutes=())
    world.__dict__.update(full.__dict__)
    world.path = tmp_path / "b"
    (tmp_path / "a/keys").rename(_made(tmp_path / "b") / "keys")
    (tmp_path / "a/ceremony.json").rename(tmp_path / "b/ceremony.json")
    killed_at(world, "finish", "repository.snapshot-written")
    repository = opened(world.path).repository
    assert repository.exists
    with repository.locked():
        assert repository.committed().directory.network_name == "Jazari"


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_every_step_is_reached(world: World) -> None:
    """The lists of steps are complete and in order, so that the tests above leave none out."""
    from jazari.trust import steps

    seen: list[str] = []
    steps.observe(seen.append)
    world.publish("dakhla")
    inside = seen.index("publisher.prepared") + 1
    after = seen.index("publisher.received")
    assert tuple(seen[:inside] + seen[after:]) == PUBLISHER_STEPS
    assert tuple(seen[inside:after]) == ACCEPTANCE_STEPS
    seen.clear()
    world.new_key("agadir")
    world.finish(propose_admission(world.repository, [world.request("agadir")]))
    assert tuple(seen) == tuple(step for step in INSTALL_STEPS if step != "install.root-written")
    steps.stop_observing(seen.append)
