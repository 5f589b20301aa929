"""Where a portal may listen and under which address; how it sends mail. Each rule refuses what it says."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from jazari.settings.errors import BadSetting
from jazari.settings.home import Home, NodeConfig
from jazari.settings.portal_home import MAIL_PASSWORD, PortalConfig, mail_settings, secret_key


def home(folder: Path, **settings: Any) -> Home:
    values = {"role": "institute", "namespace": "rabat", "portal_port": 8655} | settings
    return Home.create(folder / "home", NodeConfig(**values))


def test_by_itself_a_portal_is_for_this_machine_under_a_name_that_passkeys_accept(tmp_path: Path) -> None:
    place = PortalConfig.of(home(tmp_path))
    assert (place.host, place.port, place.origin) == ("127.0.0.1", 8655, "http://localhost:8655")
    assert not place.is_secure


def test_behind_a_proxy_people_type_its_address(tmp_path: Path) -> None:
    place = PortalConfig.of(home(tmp_path, portal_origin="https://portail.example.ma/"))
    assert place.origin == "https://portail.example.ma"
    assert place.host_name == "portail.example.ma"
    assert place.is_secure


@pytest.mark.parametrize(
    "settings",
    [
        {"portal_host": "0.0.0.0"},
        {"portal_host": "192.0.2.1"},
        {"portal_origin": "http://portail.example.ma"},
        {"portal_host": "0.0.0.0", "portal_origin": "http://localhost:8655"},
        {"portal_host": "::", "portal_origin": "http://127.0.0.1:8655"},
    ],
)
def test_passwords_never_travel_in_clear(tmp_path: Path, settings: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="passwords in clear"):
        PortalConfig.of(home(tmp_path, **settings))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.4.5", "::1", "localhost"])
def test_on_loopback_they_may(tmp_path: Path, host: str) -> None:
    assert PortalConfig.of(home(tmp_path, portal_host=host)).origin == "http://localhost:8655"


@pytest.mark.parametrize(
    "origin", ["portail.example.ma", "ftp://x", "https://", "https://x/path", "https://x?q=1", "javascript:alert(1)"]
)
def test_an_address_that_is_none_is_refused_with_the_form(tmp_path: Path, origin: str) -> None:
    with pytest.raises(BadSetting, match="write https://HOST"):
        PortalConfig.of(home(tmp_path, portal_origin=origin))


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(BadSetting, match="portal_port"):
        home(tmp_path, portal_port=port)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    node = home(tmp_path)
    secret = secret_key(node)
    assert len(secret) >= 60
    assert secret_key(node) == secret
    assert stat.S_IMODE((node.keys / "portal.secret").stat().st_mode) == 0o600


def test_without_a_mail_server_mail_lies_in_the_home(tmp_path: Path) -> None:
    found = mail_settings(home(tmp_path, portal_origin="https://portail.example.ma"))
    assert found["EMAIL_FILE_PATH"].endswith("/home/mail")
    assert found["DEFAULT_FROM_EMAIL"] == "rabat@portail.example.ma"


@pytest.mark.parametrize(
    ("server", "port", "ssl", "tls", "user"),
    [
        ("smtp://rabat%40example.ma@mail.example.ma", 587, False, True, "rabat@example.ma"),
        ("smtps://mail.example.ma", 465, True, False, ""),
        ("smtp://127.0.0.1:2525", 2525, False, False, ""),
    ],
)
def test_mail_goes_by_tls_beyond_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, port: int, ssl: bool, tls: bool, user: str
) -> None:
    monkeypatch.setenv(MAIL_PASSWORD, "of the environment")
    found = mail_settings(home(tmp_path, mail_server=server, mail_from="portail@example.ma"))
    assert (found["EMAIL_PORT"], found["EMAIL_USE_SSL"], found["EMAIL_USE_TLS"]) == (port, ssl, tls)
    assert found["EMAIL_HOST_USER"] == user
    assert found["EMAIL_HOST_PASSWORD"] == "of the environment"
    assert found["DEFAULT_FROM_EMAIL"] == "portail@example.ma"


@pytest.mark.parametrize("server", ["mail.example.ma", "http://mail.example.ma", "smtp://"])
def test_a_mail_server_that_is_none_is_refused(tmp_path: Path, server: str) -> None:
    with pytest.raises(BadSetting, match="mail_server"):
        mail_settings(home(tmp_path, mail_server=server))
