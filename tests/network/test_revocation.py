"""An institute that the board revokes loses the catalogue and the engine at once; what it signed stays verifiable."""

from __future__ import annotations

from pathlib import Path

import pytest

from jazari.testing.network import ROOT, Network, write_json
from jazari.testing.waiting import until
from tests.network.runs import OneRun, assert_sound, events, in_mid_run, permits, read_end, start

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.xdist_group("network")]
CARD = {"title": {"fr": "Avis"}, "description": {"fr": "Un avis."}}
NAME = "nador"


def _root_log(network: Network) -> str:
    home = network.home(ROOT)
    logs = [home / "run" / "engine.log", *(home / "engine" / "kit").glob("*.txt")]
    return "".join(path.read_text(errors="replace") for path in logs if path.exists())


def _revoke(network: Network) -> None:
    network.sign(Path(network.run(ROOT, "root", "revoke", NAME)["ceremony"]))


def _connects(network: Network) -> bool:
    """Whether the institute's engine process holds a connection to the Root's engine."""
    port = int(next(word.split("=")[1] for word in (network.home(ROOT) / "jazari.toml").read_text().split("\n")
                    if word.startswith("engine_port")))  # fmt: skip
    found = network.node(NAME).part("engine").net_connections("tcp")
    return any(c.raddr and c.raddr.port == port and c.status == "ESTABLISHED" for c in found)


def test_a_revoked_institute_is_shut_out_of_everything(duo: Network, tmp_path: Path) -> None:
    duo.join(NAME)
    everybody = [NAME, "fes", "rabat"]
    duo.offer_together("plots-with-nador", *everybody)
    duo.offer_together("modelled-with-nador", *everybody)
    study = duo.agree("rabat", "with-nador", everybody, data_set="plots-with-nador")
    finished = start(duo, "rabat", study)
    result = duo.finish_run("rabat", finished.reference)
    assert_sound(finished, result)
    draft = write_json(tmp_path / "notice.json", {"type": "institute", "name": "notice", "card": CARD})
    notice = duo.run(NAME, "publish", draft)["record"]
    until(lambda: _connects(duo), "nador's engine is connected")

    run = start(duo, "rabat", duo.agree("rabat", "revoked-in-mid-run", everybody, "glm", "modelled-with-nador"))
    with in_mid_run(run, "fes"):
        _revoke(duo)
        until(run.has_ended, "the end of the run")
        assert f"{NAME} may not take part" in read_end(duo, run)["message"] or NAME in read_end(duo, run)["message"]

    _assert_no_catalogue(duo, tmp_path)
    _assert_no_engine(duo, run)
    _assert_frozen(duo, tmp_path, [notice, f"{NAME}/dataset/plots@1"], result)
    duo.node(NAME).stop()

    study = duo.agree("rabat", "after-nador", ["fes", "rabat"])
    run = start(duo, "rabat", study)
    assert_sound(run, duo.finish_run("rabat", run.reference))


def _assert_no_catalogue(network: Network, folder: Path) -> None:
    late = write_json(folder / "late.json", {"type": "institute", "name": "late", "card": CARD})
    refusal = network.refused(NAME, "publish", late)
    assert (refusal.code, refusal.status) == ("federation.institute-revoked", 3)
    assert "contact the board" in refusal.sentence
    assert not network.is_online(NAME)
    network.run(ROOT, "sync")
    found = network.run(ROOT, "search", "--institute", NAME, "--all-versions")["items"]
    assert f"{NAME}/institute/late@1" not in [item["record"] for item in found]
    assert "revoked" in network.run(NAME, "institute", "status")["membership"]


def _assert_no_engine(network: Network, run: OneRun) -> None:
    until(lambda: not network.node(NAME).jobs(), "the end of nador's jobs")
    until(lambda: not _connects(network), "the cut of nador's connection")
    until(lambda: run.id not in permits(network, NAME), "nador takes its permit back")
    until(lambda: "does not name this certificate" in _root_log(network), "nador's engine is refused")
    # Once more from a fresh process, which must not get in either.
    network.node(NAME).stop()
    network.serve(NAME)
    assert not _connects(network)
    # The agreement that named it cannot be run any more, with it or without it.
    assert NAME not in network.run("rabat", "study", "show", run.study)["approved"]
    assert events(network, ROOT, "studies.run-failed", run)


def _assert_frozen(network: Network, folder: Path, earlier: list[str], result: dict[str, object]) -> None:
    report = network.mirror(folder / "outsider")
    assert report["ok"], report["problems"]
    assert NAME in report["frozen"]
    network.run("fes", "sync")
    for reference in earlier:
        assert network.run("fes", "catalog", "show", reference)["problem"] is None
    shown = network.run("fes", "study", "result", str(result["result"]))
    assert shown["values"] == result["values"]
    assert NAME in shown["card"]["provenance"]["attested"]
