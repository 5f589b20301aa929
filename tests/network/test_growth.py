"""A network in the middle of its life: several studies at a time, newcomers, new keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from jazari.settings.home import Home
from jazari.testing.network import ROOT, Network, write_json
from jazari.testing.waiting import until
from tests.network.runs import ALL, MODELLED, OF_ALL, assert_sound, assert_trails_intact, in_mid_run, read_end, start

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.xdist_group("network")]
CARD = {"title": {"fr": "Avis"}, "description": {"fr": "Un avis."}}


def test_two_studies_run_at_the_same_time(trio: Network) -> None:
    first = trio.agree("rabat", "at-once-a", ALL, "glm", MODELLED)
    second = trio.agree("fes", "at-once-b", ALL, data_set=OF_ALL)
    one = start(trio, "rabat", first)
    with in_mid_run(one, "agadir"):
        other = start(trio, "fes", second)
        assert_sound(other, trio.finish_run("fes", other.reference))
    assert_sound(one, trio.finish_run("rabat", one.reference))
    # Compared afterwards: on a busy machine the engine has long replaced the held job when the commands above end.
    assert read_end(trio, other)["moment"] < read_end(trio, one)["moment"]
    assert_trails_intact(trio)


def test_an_institute_that_joins_later_reads_everything(duo: Network) -> None:
    study = duo.agree("rabat", "before-tetouan", ["fes", "rabat"])
    result = duo.finish_run("rabat", start(duo, "rabat", study).reference)
    everything = _records(duo, ROOT)

    duo.join("tetouan")
    try:
        assert _records(duo, "tetouan") >= everything
        assert duo.run("tetouan", "study", "result", result["result"])["values"] == result["values"]
        institutes = ["fes", "rabat", "tetouan"]
        duo.offer_together("plots-with-tetouan", *institutes)
        together = duo.agree("tetouan", "with-tetouan", institutes, data_set="plots-with-tetouan")
        run = start(duo, "tetouan", together)
        assert_sound(run, duo.finish_run("tetouan", run.reference))
    finally:
        duo.node("tetouan").stop()


def _records(network: Network, name: str) -> set[str]:
    """Every record that ``name`` has read and indexed."""
    network.run(name, "sync")
    found, more = set(), True
    while more:
        page = network.run(name, "search", "--all-versions", "--limit", "200", "--offset", str(len(found)))
        found |= {item["record"] for item in page["items"]}
        more = bool(page["items"]) and page["more"]
    return found


def test_a_new_publishing_key_comes_into_use_while_the_network_runs(trio: Network, tmp_path: Path) -> None:
    home = Home(trio.home("fes"))
    old = home.publishing_key.read_bytes()
    before = _records(trio, "fes")
    trio.run("fes", "institute", "rotate-keys", "--plain")
    trio.sign(Path(trio.run(ROOT, "root", "admit", "fes")["ceremony"]))
    assert trio.run("fes", "institute", "join")["rotated"]
    assert home.publishing_key.read_bytes() != old

    draft = write_json(tmp_path / "notice.json", {"type": "institute", "name": "new-key", "card": CARD})
    record = trio.run("fes", "publish", draft)["record"]
    trio.wait_for_record("rabat", record)
    assert _records(trio, "rabat") >= before
    until(lambda: trio.is_online("fes"), "fes is online with its new key")
    until(lambda: not trio.run("fes", "institute", "status")["problems"], "fes's worker uses the new key")

    run = start(trio, "rabat", trio.agree("rabat", "after-the-rotation", ALL, data_set=OF_ALL))
    assert_sound(run, trio.finish_run("rabat", run.reference))
    own = start(trio, "fes", trio.agree("fes", "by-the-new-key", ["fes", "rabat"]))
    assert_sound(own, trio.finish_run("fes", own.reference))

    assert trio.mirror(tmp_path / "outsider")["ok"]
    stolen = tmp_path / "old.pem"
    stolen.write_bytes(old)
    assert_trails_intact(trio)
