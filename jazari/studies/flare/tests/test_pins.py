"""The directory of certificates that both ends enforce."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jazari.studies.flare import pins, pki
from jazari.studies.flare.errors import BadEngineCertificate


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    ca, ca_key = pki.create_ca("morocco")
    server, _ = pki.create_server(ca, ca_key, ["127.0.0.1"])
    return {
        "ca": ca,
        "server": server,
        "rabat": pki.issue(ca, ca_key, pki.create_request("rabat")[0], "rabat"),
        "fes": pki.issue(ca, ca_key, pki.create_request("fes")[0], "fes"),
    }


def _pins(made) -> pins.Pins:
    return pins.pins_from(made["ca"], made["server"], {"rabat": made["rabat"], "fes": made["fes"]})


def test_pins_tell_whose_a_fingerprint_is(made) -> None:
    found = _pins(made)
    assert found.name_of(pki.fingerprint(made["rabat"])) == "rabat"
    assert found.name_of(pki.fingerprint(made["server"])) == "server"
    assert found.name_of("sha256:" + "0" * 64) is None
    assert found.name_of("") is None
    assert pins.Pins().name_of("") is None


def test_a_certificate_of_somebody_else_pins_nobody(made) -> None:
    institutes = {"rabat": made["fes"], "fes": b"nonsense", "server": made["server"]}
    found = pins.pins_from(made["ca"], made["server"], institutes)
    assert dict(found.institutes) == {}


def test_without_a_good_server_certificate_there_are_no_pins(made) -> None:
    with pytest.raises(BadEngineCertificate):
        pins.pins_from(made["ca"], made["rabat"], {"rabat": made["rabat"]})


def test_what_is_written_is_read(tmp_path: Path, made) -> None:
    pins.write_pins(tmp_path, _pins(made))
    assert pins.read_pins(tmp_path) == _pins(made)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"server": "x"}', b'{"server": "x", "institutes": 3}'])
def test_a_damaged_file_names_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pins.json").write_bytes(content)
    assert pins.read_pins(tmp_path) == pins.Pins()


def test_no_file_names_nobody(tmp_path: Path) -> None:
    assert pins.read_pins(tmp_path) == pins.Pins()
    assert pins.PinBoard(tmp_path).current == pins.Pins()


def test_a_board_follows_its_file(tmp_path: Path, made) -> None:
    pins.write_pins(tmp_path, _pins(made))
    board = pins.PinBoard(tmp_path)
    assert set(board.current.institutes) == {"rabat", "fes"}
    pins.write_pins(tmp_path, _pins(made).without("fes"))
    assert set(board.current.institutes) == {"rabat"}
    (tmp_path / "pins.json").unlink()
    assert board.current == pins.Pins()


def test_a_board_notices_a_change_of_equal_size_and_time(tmp_path: Path) -> None:
    one, two = pins.Pins("sha256:a", {"rabat": "sha256:1"}), pins.Pins("sha256:a", {"rabat": "sha256:2"})
    pins.write_pins(tmp_path, one)
    os.utime(tmp_path / "pins.json", ns=(1, 1))
    board = pins.PinBoard(tmp_path)
    assert board.current == one
    pins.write_pins(tmp_path, two)
    os.utime(tmp_path / "pins.json", ns=(1, 1))
    assert board.current == two


def test_a_revoked_institute_stays_out_whatever_the_directory_says_later(tmp_path: Path, made) -> None:
    pins.write_pins(tmp_path, _pins(made))
    pins.revoke(tmp_path, "fes")
    assert set(pins.read_pins(tmp_path).institutes) == {"rabat"}
    pins.write_pins(tmp_path, _pins(made))
    assert set(pins.read_pins(tmp_path).institutes) == {"rabat"}
    pins.revoke(tmp_path, "fes")
    assert set(pins.read_pins(tmp_path).institutes) == {"rabat"}
