"""The pure decisions of federation, and what its errors look like over HTTP."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.errors import DiskFull, ExitCode, JazariError, known_errors
from jazari.federation import errors
from jazari.federation.client import error_from
from jazari.federation.errors import BadRequest, RootRefused, TooLarge, UploadBusy
from jazari.federation.http import SmallBodies, content_length, error_document, http_status
from jazari.federation.rules import LONG_POLL_SECONDS, OFFLINE_AFTER, is_online, which_clock
from jazari.trust.errors import PublicationRefused, VersionConflict

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.integers(-1000, 1000))
def test_online_means_heard_of_lately(seconds: int) -> None:
    assert is_online(NOW - timedelta(seconds=seconds), NOW) == (seconds <= 45)


def test_who_never_called_is_offline_and_the_times_fit_together() -> None:
    assert not is_online(None, NOW)
    assert timedelta(seconds=LONG_POLL_SECONDS) < OFFLINE_AFTER < timedelta(seconds=60)


def test_whose_clock_is_wrong_is_said_only_when_others_vouch_for_the_root() -> None:
    assert which_clock(90.0, 0) == ""
    assert "another institute agrees" in which_clock(90.0, 1)
    assert "set it back" in which_clock(90.0, 3)
    assert "set it forward" in which_clock(-90.0, 3)


def test_every_error_of_federation_has_a_status_that_fits() -> None:
    for kind in known_errors().values():
        if kind.__module__ == errors.__name__:
            assert 400 <= http_status(kind("Do this.")) < 600
    assert http_status(DiskFull("x.")) == 507
    assert http_status(UploadBusy("x.")) == 409


@pytest.mark.parametrize("kind", [BadRequest, VersionConflict, PublicationRefused, DiskFull])
def test_an_error_arrives_as_what_it_was(kind: type[JazariError]) -> None:
    import json

    document = json.dumps(error_document(kind("Do this."))).encode()
    arrived = error_from(400, document)
    assert type(arrived) is kind
    assert str(arrived) == "Do this."


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b'{"error": 1}', b'{"error": {"code": "x"}}', b"[" * 100_000])
def test_an_answer_that_is_none_of_ours_is_still_a_sentence(data: bytes) -> None:
    error = error_from(502, data)
    assert isinstance(error, RootRefused)
    assert "502" in str(error)
    assert error.status == 502


def test_an_unknown_code_is_kept_and_control_characters_are_not() -> None:
    error = error_from(400, b'{"error": {"code": "new.thing", "message": "a\\u001b[31mb"}}')
    assert isinstance(error, RootRefused)
    assert (str(error), error.remote_code, error.exit_code) == ("a[31mb", "new.thing", ExitCode.REFUSED)


def test_a_defect_gives_nothing_away() -> None:
    assert "secret" not in str(error_document(ZeroDivisionError("secret")))


@pytest.mark.parametrize("value", [b"x", b"-1", b"1" * 19, b"1.5"])
def test_an_odd_length_is_refused(value: bytes) -> None:
    with pytest.raises(BadRequest):
        content_length({"headers": [(b"content-length", value)]})


class Exchange:
    """One request through ``SmallBodies`` to an application that echoes the body."""

    def __init__(self, *parts: bytes | float, announced: int | None = None, largest: int = 10) -> None:
        self.sent: list[Any] = []
        self.heard: bytes | None = None
        self._parts = list(parts)
        headers = [] if announced is None else [(b"content-length", str(announced).encode())]
        application = SmallBodies(self._application, largest, 0.2)
        asyncio.run(application({"type": "http", "headers": headers}, self._receive, self._send))

    async def _receive(self) -> Any:
        part = self._parts.pop(0)
        if isinstance(part, float):
            await asyncio.sleep(part)
            part = b""
        return {"type": "http.request", "body": part, "more_body": bool(self._parts)}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    async def _application(self, _scope: Any, receive: Any, _send: Any) -> None:
        self.heard = (await receive())["body"]

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=5))
def test_a_small_body_arrives_whole_and_a_large_one_not_at_all(parts: list[bytes]) -> None:
    exchange = Exchange(*parts)
    if sum(map(len, parts)) <= 10:
        assert exchange.heard == b"".join(parts)
    else:
        assert exchange.heard is None
        assert exchange.status == 413


def test_a_body_that_announces_too_much_is_not_even_read() -> None:
    exchange = Exchange(b"", announced=11)
    assert (exchange.heard, exchange.status) == (None, TooLarge.http_status)


def test_a_body_that_takes_too_long_is_cut() -> None:
    assert Exchange(b"a", 5.0, b"b").status == 408
