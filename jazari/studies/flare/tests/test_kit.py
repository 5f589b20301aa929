"""What the kits close, read back from the files that FLARE will read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from jazari.studies.flare import kit, pki, processes
from jazari.studies.flare.errors import BadEngineCertificate, EngineNotReady


@pytest.fixture(scope="module")
def authority() -> tuple[bytes, bytes]:
    return pki.create_ca("morocco")


@pytest.fixture
def site(tmp_path: Path, authority) -> Path:
    request, key = pki.create_request("rabat")
    certificate = pki.issue(*authority, request, "rabat")
    kit.write_site_kit(tmp_path / "engine", kit.SiteKit(authority[0], certificate, key, "rabat", "root.example", 8102))
    return tmp_path


@pytest.fixture
def root(tmp_path: Path, authority) -> Path:
    certificate, key = pki.create_server(*authority, ["root.example"])
    kit.write_server_kit(tmp_path / "engine", kit.ServerKit(authority[0], certificate, key, "127.0.0.1", 8102))
    return tmp_path


def _read(home: Path, name: str) -> dict:
    return json.loads((home / "engine" / "kit" / name).read_text())


def test_a_site_runs_nothing_but_our_executor(site) -> None:
    resources = _read(site, "local/resources.json")
    assert resources["class_allow_list"] == ["jazari.studies.flare.executor.ParticipantExecutor"]
    assert resources["class_list_enforcement_mode"] == "enforce"
    assert resources["allow_log_streaming"] is False
    paths = {component["path"] for component in resources["components"]}
    assert not any("log" in path or "stream" in path for path in paths)
    assert "jazari.studies.flare.gate.Gate" in paths


def test_a_site_grants_no_right_but_to_run_jobs(site) -> None:
    permissions = _read(site, "local/authorization.json")["permissions"]
    assert set(permissions) == {kit.ROLE}
    granted = {right for right, who in permissions[kit.ROLE].items() if who != "none"}
    assert granted == {"submit_job", "manage_job"}


def test_a_site_offers_one_privacy_scope_with_its_own_filter(site) -> None:
    privacy = _read(site, "local/privacy.json")
    assert [scope["name"] for scope in privacy["scopes"]] == [kit.SCOPE] == [privacy["default_scope"]]
    assert privacy["scopes"][0]["task_result_filters"][0]["path"] == "jazari.studies.flare.gate.OnlyTheAnswer"


def test_a_site_tells_the_server_nothing_about_itself(site) -> None:
    assert _read(site, "startup/fed_client.json")["client"]["site_config"] == {}


@pytest.mark.parametrize("name", ["site", "root"])
def test_every_connection_is_mutual_tls_even_on_loopback(name, request) -> None:
    home = request.getfixturevalue(name)
    transport = _read(home, "local/comm_config.json")
    assert transport["internal"]["resources"] == {"host": "127.0.0.1", "connection_security": "mtls"}
    assert transport["allow_adhoc_conns"] is False
    assert transport["backbone_conn_gen"] == 1


def test_the_server_keeps_everything_inside_its_home(root) -> None:
    text = (root / "engine/kit/local/resources.json").read_text()
    assert "/tmp/nvflare" not in text
    folders = [part for part in text.split('"') if part.startswith("/") and part != "/"]
    assert folders
    assert all(Path(folder).is_relative_to(root) for folder in folders)


@pytest.mark.parametrize("name", ["site", "root"])
def test_keys_and_settings_are_readable_by_their_owner_only(name, request) -> None:
    home = request.getfixturevalue(name)
    for path in (home / "engine" / "kit").rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_kit_with_somebody_elses_certificate_is_refused(tmp_path, authority) -> None:
    request, key = pki.create_request("fes")
    certificate = pki.issue(*authority, request, "fes")
    with pytest.raises(BadEngineCertificate):
        kit.write_site_kit(tmp_path, kit.SiteKit(authority[0], certificate, key, "rabat", "root.example", 8102))
    assert not (tmp_path / "kit").exists()


def test_writing_a_kit_again_leaves_nothing_of_the_first(site, authority) -> None:
    stale = site / "engine/kit/local/custom"
    stale.mkdir()
    request, key = pki.create_request("rabat")
    certificate = pki.issue(*authority, request, "rabat")
    kit.write_site_kit(site / "engine", kit.SiteKit(authority[0], certificate, key, "rabat", "root.example", 8102))
    assert not stale.exists()
    assert kit.own_pin(site / "engine") == pki.fingerprint(certificate)


def test_the_kit_tells_whose_it_is(site, tmp_path) -> None:
    assert kit.site_name(site / "engine") == "rabat"
    with pytest.raises(EngineNotReady, match="join the network"):
        kit.site_name(tmp_path / "elsewhere")
    with pytest.raises(EngineNotReady, match="join the network"):
        kit.own_pin(tmp_path / "elsewhere")


def test_commands_need_a_kit_of_their_role(site, tmp_path) -> None:
    command = processes.site_command(site)
    assert command.argv[1:4] == ("-m", "jazari.studies.flare.process", "site")
    with pytest.raises(EngineNotReady, match="server kit"):
        processes.server_command(site)


def test_engine_processes_see_no_secret_of_the_node(monkeypatch, site) -> None:
    for name in ("JAZARI_PASSPHRASE", "DATABASE_URL", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "SSLKEYLOGFILE"):
        monkeypatch.setenv(name, "secret")
    environment = processes.site_command(site).env
    assert "secret" not in environment.values()
    assert environment["NVFLARE_SECURE_LOGGING"] == "true"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"


def test_engine_processes_compute_with_the_kernels_that_the_operator_chose(monkeypatch, site) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert processes.site_command(site).env["OPENBLAS_CORETYPE"] == "Haswell"
