"""Machines that let people down: full disks, wrong clocks, files cut short: said plainly, and nothing is lost."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jazari.settings.home import Home
from jazari.testing.clocks import DAY, with_clock
from jazari.testing.network import ROOT, Network, write_json
from jazari.testing.serving import ServedNode
from jazari.testing.waiting import until
from tests.network.runs import assert_sound, assert_trails_intact, read_end, start

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("network")]
CARD = {"title": {"fr": "Avis"}, "description": {"fr": "Un avis."}}
MEBIBYTE = 2**20


def _notice(folder: Path, name: str) -> Path:
    return write_json(folder / f"{name}.json", {"type": "institute", "name": name, "card": CARD})


def _published(network: Network, record: str) -> int:
    """How often the trail of fes says that ``record`` was published."""
    entries = network.trail("fes", "trust.published")
    return sum(record in entry["detail"]["records"] for entry in entries)


def _no_file_beyond(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("size", [0, *(pytest.param(size, marks=pytest.mark.slow) for size in (4096, 100_000))])
def test_a_disk_that_is_full_at_any_moment_loses_nothing(duo: Network, tmp_path: Path, size: int) -> None:
    draft, record = _notice(tmp_path, f"full-{size}"), f"fes/institute/full-{size}@1"
    ended = duo.commands("fes").end("publish", draft, home=duo.home("fes"), before=_no_file_beyond(size))
    if ended.status:  # a larger limit may be enough
        error = ended.document["error"]
        assert (error["code"], ended.status) == ("core.disk-full", 5), error
        assert "free some space" in error["message"]
    assert ended.status or size > 4096
    assert duo.run("fes", "publish", draft)["record"] == record
    assert duo.run("fes", "publish", draft)["record"] == record
    assert _published(duo, record) == 1
    assert duo.run("fes", "audit", "verify")["intact"]


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(DAY, id="a day ahead", marks=pytest.mark.slow), pytest.param(-DAY, id="a day behind")],
)
def test_a_clock_wrong_by_a_day_is_named_and_nothing_is_lost(duo: Network, tmp_path: Path, seconds: float) -> None:
    name = "ahead" if seconds > 0 else "behind"
    draft, record = _notice(tmp_path, f"clock-{name}"), f"fes/institute/clock-{name}@1"
    wrong = with_clock(seconds)
    refusal = wrong.refused("publish", draft, home=duo.home("fes"))
    assert (refusal.code, refusal.status) == ("federation.clock-wrong", 3)
    assert f"s {name}" in refusal.sentence
    assert wrong.run("sync", home=duo.home("fes"))["problems"] == {}
    assert wrong.run("search", "parcelles", home=duo.home("fes"))["items"]

    assert duo.run("fes", "publish", draft)["record"] == record
    assert _published(duo, record) == 1
    duo.run(ROOT, "sync")
    assert duo.run(ROOT, "catalog", "show", record)["problem"] is None


def _segments(folder: Path, namespace: str) -> list[Path]:
    return sorted((folder / "targets" / namespace / "log").glob("*.zst"))


def test_a_mirror_with_a_truncated_segment_is_refused_and_can_be_repaired(duo: Network, tmp_path: Path) -> None:
    whole = duo.mirror(tmp_path)
    (segment, *_) = _segments(tmp_path / "mirror", "rabat")
    segment.write_bytes(segment.read_bytes()[:-7])
    verify = ("verify", tmp_path / "mirror", "--network", tmp_path / "network.json")
    ended = duo.commands("rabat").end(*verify)
    assert ended.status == 7
    assert "Traceback" not in ended.err
    (problem,) = ended.document["problems"]
    assert "rabat" in problem
    assert "do not use" in problem
    again = duo.mirror(tmp_path)
    assert again["ok"]
    assert again["records_verified"] >= whole["records_verified"]


def test_a_node_whose_mirror_was_cut_says_so_and_fetches_it_again(duo: Network) -> None:
    mirror = Home(duo.home("fes")).mirror
    known = duo.run("fes", "search", "--all-versions", "--limit", "200")["total"]
    for segment in _segments(mirror, "rabat"):
        segment.write_bytes(segment.read_bytes()[:10])
    assert duo.run("fes", "sync")["problems"] == {}
    assert duo.run("fes", "catalog", "reindex")["problems"] == 0
    assert duo.run("fes", "search", "--all-versions", "--limit", "200")["total"] >= known


@pytest.mark.slow
def test_a_node_with_a_wrong_clock_says_so_and_comes_back_when_it_is_set(duo: Network) -> None:
    duo.node("fes").stop()
    late = ServedNode(duo.home("fes"), with_clock(-DAY))
    late.start()
    try:
        until(lambda: "behind the Root's" in str(duo.run("fes", "institute", "status")["problems"]), "the complaint")
        until(lambda: not duo.is_online("fes"), "fes is offline for the Root")
    finally:
        late.stop()
    duo.serve("fes")
    until(lambda: duo.is_online("fes"), "fes is online")
    run = start(duo, "rabat", duo.agree("rabat", "after-the-clock", ["fes", "rabat"]))
    assert_sound(run, duo.finish_run("rabat", run.reference))
    assert_trails_intact(duo)


@pytest.fixture
def small_disk(duo: Network) -> Iterator[Path]:
    """A disk of 24 MiB where the home of taza will be; skips where nobody may mount one."""
    folder = duo.home("taza")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={24 * MEBIBYTE},mode=700", "taza", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield folder
    duo.node("taza").kill()
    del duo.nodes["taza"]
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(folder: Path) -> Path:
    """Use up the disk, to the last byte."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (MEBIBYTE, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


@pytest.mark.slow
def test_an_institute_whose_disk_fills_up_goes_on_once_there_is_space(
    duo: Network, small_disk: Path, tmp_path: Path
) -> None:
    duo.join("taza")
    everybody = ["fes", "rabat", "taza"]
    duo.offer_together("plots-with-taza", *everybody)
    text = {"data_set": "plots-with-taza", "max_runs": 3, "round_deadline_seconds": 40}
    study = duo.agree("rabat", "on-a-full-disk", everybody, **text)
    ballast = _fill(small_disk)
    refusal = duo.refused("taza", "publish", _notice(tmp_path, "full"))
    assert (refusal.code, refusal.status) == ("core.disk-full", 5)
    assert duo.run("taza", "search", "parcelles")["items"]
    run = start(duo, "rabat", study)
    until(run.has_ended, "the end of the run", 180)
    assert "taza" in read_end(duo, run)["message"]
    assert duo.node("taza").running

    ballast.unlink()
    assert duo.run("taza", "publish", _notice(tmp_path, "full"))["record"] == "taza/institute/full@1"
    until(lambda: duo.is_online("taza"), "taza is online")
    run = start(duo, "rabat", study)
    assert_sound(run, duo.finish_run("rabat", run.reference))
    assert_trails_intact(duo)
