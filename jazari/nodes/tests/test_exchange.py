"""The exchange over real TLS: what an institute can do, and everything that others cannot."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.core import clock
from jazari.core.errors import DiskFull
from jazari.federation import exchange, presence, uploads
from jazari.federation.client import RootClient
from jazari.federation.errors import (
    BadRequest,
    BadSignature,
    ClockWrong,
    InstituteRevoked,
    Replayed,
    RootRefused,
    RootUnreachable,
    TooLarge,
    TooSlow,
    UnknownInstitute,
    UploadBusy,
)
from jazari.federation.models import Presence, UsedNonce
from jazari.federation.rules import LARGEST_ENROLMENT, OFFLINE_AFTER
from jazari.federation.signed_requests import sign_request
from jazari.governance.models import AuditEntry
from jazari.settings.home import Home
from jazari.testing.live_network import NAME, LiveNetwork, serving
from jazari.trust.errors import CardRefused
from jazari.trust.http_source import pinned_tls
from jazari.trust.keys import generate_key, load_signer
from jazari.trust.publication import Publication
from jazari.trust.records import Draft

CARD = {"title": {"fr": "Institut de Dakhla"}, "description": {"fr": "Un institut."}, "region": "MA-12"}


@pytest.fixture
def http(live: LiveNetwork) -> Iterator[httpx.Client]:
    """Anybody on the network, who has the invitation and nothing else."""
    with httpx.Client(
        base_url=live.network.root_url, verify=pinned_tls(live.network.tls_certificate_pem), trust_env=False
    ) as client:
        yield client


def code(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


def header(live: LiveNetwork, namespace: str = "dakhla", purpose: str = "notices", **options: Any) -> dict[str, str]:
    return {"authorization": sign_request(live.signer(namespace), namespace, NAME, purpose, **options)}


def draft(name: str = "about") -> Draft:
    return Draft("institute", name, CARD)


# --- what an institute does -----------------------------------------------------------------------------


def test_an_institute_publishes_and_the_other_reads_it(live: LiveNetwork) -> None:
    dakhla, fes = live.institutes["dakhla"], live.institutes["fes"]
    (record,) = exchange.publish(dakhla, [draft()])
    report = exchange.sync(fes)
    assert [found.ref for found in report.new_records] == [record.ref]
    assert exchange.open_reader(fes).record(record.ref) == record


def test_publishing_again_changes_nothing(live: LiveNetwork) -> None:
    dakhla = live.institutes["dakhla"]
    assert exchange.publish(dakhla, [draft()]) == exchange.publish(dakhla, [draft()])
    assert exchange.resume(dakhla, live.signer("dakhla")) == 0


def test_the_root_publishes_in_its_own_log(live: LiveNetwork) -> None:
    (record,) = exchange.publish(live.root, [draft("us")])
    assert record.namespace == "network"
    assert record.ref in {found.ref for found in exchange.sync(live.institutes["fes"]).new_records}


def test_what_could_not_be_sent_is_sent_later(network: LiveNetwork) -> None:
    dakhla = network.institutes["dakhla"]
    with pytest.raises(RootUnreachable, match="nothing is lost"):
        exchange.publish(dakhla, [draft()])
    with serving(network.root):
        assert exchange.resume(dakhla, network.signer("dakhla")) == 1
        assert len(exchange.sync(network.institutes["fes"]).new_records) == 1


def test_a_waiting_institute_hears_of_a_publication(live: LiveNetwork) -> None:
    with live.client("fes") as client:
        before = client.wait_for_change(0)
        heard: list[int] = []
        waiting = threading.Thread(target=lambda: heard.append(client.wait_for_change(before)))
        waiting.start()
        exchange.publish(live.institutes["dakhla"], [draft()])
        waiting.join(30)
    assert heard == [before + 1]


def test_a_server_that_stops_lets_go_of_those_who_wait(network: LiveNetwork) -> None:
    with network.client("fes") as client, serving(network.root) as server:
        before = client.wait_for_change(0)
        heard: list[int] = []
        waiting = threading.Thread(target=lambda: heard.append(client.wait_for_change(before)))
        waiting.start()
        while UsedNonce.objects.count() < 2:
            time.sleep(0.01)
        server.should_exit = True
        waiting.join(10)
    assert heard == [before]


def test_a_silent_institute_is_shown_offline_within_a_minute(live: LiveNetwork) -> None:
    with live.client("dakhla") as client:
        client.wait_for_change(0)
        assert shown(client, "dakhla")["online"] is True
        assert shown(client, "fes")["online"] is False
        with clock.frozen(clock.now() + OFFLINE_AFTER - timedelta(seconds=1)):
            assert shown(client, "dakhla")["online"] is True
        with clock.frozen(clock.now() + timedelta(seconds=60)):
            assert shown(client, "dakhla")["online"] is False
            assert shown(client, "dakhla")["last_seen"] is not None


def shown(client: RootClient, namespace: str) -> dict[str, Any]:
    return next(row for row in client.status()["institutes"] if row["namespace"] == namespace)


def test_the_status_tells_no_more_than_anybody_may_know(http: httpx.Client) -> None:
    document = http.get("/exchange/status").json()
    assert document["network"] == NAME
    assert set(document["institutes"][0]) == {
        "namespace", "titles", "region", "status", "online", "last_seen",
    }  # fmt: skip


def test_the_api_describes_itself(http: httpx.Client) -> None:
    paths = http.get("/exchange/openapi.json").json()["paths"]
    assert {"/exchange/enrolments", "/exchange/notices", "/exchange/status"} <= set(paths)


# --- who is not let in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "Bearer x", "Jazari", "Jazari x.y", "Jazari " + "A" * 5000, "Jazari e30=.00"])
def test_an_unsigned_request_is_refused(http: httpx.Client, value: str) -> None:
    response = http.get("/exchange/notices", headers={"authorization": value})
    assert (response.status_code, code(response)) == (400, BadRequest.code)


def test_a_stranger_is_refused(live: LiveNetwork, tmp_path: Path) -> None:
    generate_key(tmp_path / "key.pem", None)
    with (
        RootClient(live.network, "nobody", load_signer(tmp_path / "key.pem")) as client,
        pytest.raises(UnknownInstitute, match="ask to be admitted"),
    ):
        client.wait_for_change(0)


def test_nobody_speaks_for_another_institute(live: LiveNetwork) -> None:
    with RootClient(live.network, "dakhla", live.signer("fes")) as client, pytest.raises(BadSignature):
        client.wait_for_change(0)
    assert not Presence.objects.filter(namespace="dakhla").exists()


def test_the_steward_key_is_no_publishing_key(live: LiveNetwork) -> None:
    steward = load_signer(live.institutes["dakhla"].steward_key)
    with RootClient(live.network, "dakhla", steward) as client, pytest.raises(BadSignature):
        client.wait_for_change(0)


def test_a_request_counts_once(live: LiveNetwork, http: httpx.Client) -> None:
    headers = header(live)
    assert http.get("/exchange/notices", headers=headers).status_code == 200
    again = http.get("/exchange/notices", headers=headers)
    assert (again.status_code, code(again)) == (409, Replayed.code)


def test_a_nonce_is_remembered_for_longer_than_its_request_could_be_used(live: LiveNetwork) -> None:
    with live.client("dakhla") as client:
        client.wait_for_change(0)
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        assert presence.forget_nonces() == 0
    with clock.frozen(clock.now() + timedelta(hours=1)):
        assert presence.forget_nonces() == 1


def test_a_request_for_one_purpose_serves_no_other(live: LiveNetwork, http: httpx.Client) -> None:
    response = http.get("/exchange/notices", headers=header(live, purpose="publication"))
    assert (response.status_code, code(response)) == (400, BadRequest.code)


def test_a_request_for_another_network_is_refused(live: LiveNetwork, http: httpx.Client) -> None:
    value = sign_request(live.signer("dakhla"), "dakhla", "Jazari of elsewhere", "notices")
    assert code(http.get("/exchange/notices", headers={"authorization": value})) == BadRequest.code


@pytest.mark.parametrize(("days", "direction"), [(-1, "behind"), (1, "ahead of")])
def test_a_clock_wrong_by_a_day_is_told_so(live: LiveNetwork, http: httpx.Client, days: int, direction: str) -> None:
    with clock.frozen(clock.now() + timedelta(days=days)):
        headers = header(live)
    response = http.get("/exchange/notices", headers=headers)
    assert (response.status_code, code(response)) == (403, ClockWrong.code)
    assert re.search(rf"is 86(39|40)\d s {direction} the Root's", response.json()["error"]["message"])


def test_where_others_agree_with_the_root_it_is_known_which_clock_is_wrong(
    live: LiveNetwork, http: httpx.Client
) -> None:
    with live.client("fes") as client:
        client.wait_for_change(0)
    with clock.frozen(clock.now() - timedelta(days=1)):
        headers = header(live)
    message = http.get("/exchange/notices", headers=headers).json()["error"]["message"]
    assert "the institute's clock is the wrong one: set it forward" in message


def test_a_revoked_institute_is_shut_out(live: LiveNetwork) -> None:
    from jazari.federation import root_node
    from jazari.federation.founding import propose
    from jazari.trust.ceremonies.proposals import propose_revocation

    file = propose_revocation(root_node.repository(live.root), "dakhla")
    live.finish(propose(live.root, file))
    with live.client("dakhla") as client:
        with pytest.raises(InstituteRevoked, match="contact the board"):
            client.wait_for_change(0)
        assert shown(client, "dakhla")["status"] == "revoked"
    with pytest.raises(InstituteRevoked):
        exchange.publish(live.institutes["dakhla"], [draft()])
    assert exchange.sync(live.institutes["fes"]).directory_changed


def test_refusals_are_audited_once_and_do_not_fill_the_trail(live: LiveNetwork, http: httpx.Client) -> None:
    for _ in range(5):
        http.get("/exchange/notices", headers={"authorization": "Jazari x.y"})
        with RootClient(live.network, "dakhla", live.signer("fes")) as client, pytest.raises(BadSignature):
            client.wait_for_change(0)
    rows = AuditEntry.objects.filter(kind="federation.request-refused").values_list("subject", flat=True)
    assert sorted(rows) == ["dakhla", "stranger"]


# --- bodies ---------------------------------------------------------------------------------------------


def test_a_huge_request_to_join_is_refused_without_reading_it(http: httpx.Client) -> None:
    response = http.post("/exchange/enrolments", content=b"x" * (LARGEST_ENROLMENT + 1))
    assert (response.status_code, code(response)) == (413, TooLarge.code)


def test_a_huge_request_without_announced_length_is_cut(http: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield b"x" * 65_536

    try:
        response = http.post("/exchange/enrolments", content=endless())
    except httpx.TransportError:
        return  # the Root closed the connection while we were still sending
    assert (response.status_code, code(response)) == (413, TooLarge.code)


def test_a_slow_request_is_cut(network: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.nodes.exchange.SLOWEST_SECONDS", 0.3)
    with serving(network.root):
        answer = trickle(network, b"POST /exchange/enrolments HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
    assert b" 408 " in answer
    assert TooSlow.code.encode() in answer


def test_a_slow_publication_is_cut(network: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.federation.uploads.IDLE_SECONDS", 0.3)
    value = header(network, purpose="publication", body_sha256="0" * 64, body_size=100)["authorization"]
    head = f"POST /exchange/publications HTTP/1.1\r\nHost: x\r\nAuthorization: {value}\r\nContent-Length: 100\r\n\r\n"
    with serving(network.root):
        answer = trickle(network, head.encode())
    assert b" 408 " in answer
    assert TooSlow.code.encode() in answer
    assert list((network.root.run / "uploads").iterdir()) == []


def trickle(network: LiveNetwork, head: bytes) -> bytes:
    """Send ``head`` and one byte of body, and wait for what the Root says to that."""
    context = pinned_tls(network.network.tls_certificate_pem)
    address = ("127.0.0.1", network.root.config.port)
    with socket.create_connection(address, 10) as plain, context.wrap_socket(plain, server_hostname="x") as line:
        line.sendall(head + b"x")
        line.settimeout(20)
        answer = b""
        try:
            while part := line.recv(4096):
                answer += part
        except ssl.SSLError:
            pass
        return answer


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"request": 1, "signatures": {}}'])
def test_a_malformed_request_to_join_is_refused(http: httpx.Client, body: bytes) -> None:
    response = http.post("/exchange/enrolments", content=body)
    assert (response.status_code, code(response)) == (400, "federation.bad-enrolment")


def publication(live: LiveNetwork, namespace: str = "dakhla") -> Publication:
    """The next publication of an institute, taken on its way to the Root."""
    caught: list[Publication] = []

    class Stop(Exception):
        pass

    def keep(sent: Publication) -> Any:
        caught.append(sent)
        raise Stop

    publisher = exchange._publisher(live.institutes[namespace], live.signer(namespace))
    with pytest.raises(Stop):
        publisher.publish([draft()], keep)
    return caught[0]


def test_an_institute_cannot_publish_for_another(live: LiveNetwork) -> None:
    with live.client("fes") as client, pytest.raises(BadRequest, match="cannot publish in dakhla"):
        client.publish(publication(live, "dakhla"))
    assert len(exchange.sync(live.institutes["fes"]).new_records) == 0


def post(http: httpx.Client, live: LiveNetwork, body: bytes, **claim: Any) -> httpx.Response:
    import hashlib

    options = {"body_sha256": hashlib.sha256(body).hexdigest(), "body_size": len(body)} | claim
    headers = header(live, purpose="publication", **options)
    return http.post("/exchange/publications", content=body, headers=headers)


def test_a_body_that_is_not_the_signed_one_is_refused(live: LiveNetwork, http: httpx.Client) -> None:
    body = b"".join(publication(live).chunks())
    assert code(post(http, live, body, body_sha256="0" * 64)) == BadRequest.code
    assert code(post(http, live, body, body_size=len(body) - 1)) == BadRequest.code
    changed = body[:-1] + bytes([body[-1] ^ 1])
    assert post(http, live, changed).status_code == 403
    assert post(http, live, body).status_code == 200


@pytest.mark.parametrize("body", [b"", b"x", b"JZPUB001", b"JZPUB001\x00\x00\x00\x02{}", b"JZPUB001\xff\xff\xff\xff"])
def test_a_body_that_is_no_publication_is_refused(live: LiveNetwork, http: httpx.Client, body: bytes) -> None:
    response = post(http, live, body)
    assert response.status_code in (400, 403)
    assert code(response).startswith("trust.")
    assert list((live.root.run / "uploads").iterdir()) == []


def test_a_publication_that_is_too_large_is_refused_before_it_is_sent(live: LiveNetwork, http: httpx.Client) -> None:
    headers = header(live, purpose="publication", body_sha256="0" * 64, body_size=uploads.LARGEST + 1)
    response = http.post("/exchange/publications", headers=headers)
    assert (response.status_code, code(response)) == (413, TooLarge.code)


def test_an_unsigned_publication_is_refused_before_a_byte_is_kept(live: LiveNetwork, http: httpx.Client) -> None:
    response = http.post("/exchange/publications", content=b"x" * 1_000_000)
    assert (response.status_code, code(response)) == (400, BadRequest.code)
    assert http.get("/exchange/publications").status_code == 400


def test_a_full_disk_is_said_and_loses_nothing(live: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    dakhla = live.institutes["dakhla"]
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _path: usage(1, 1, 0))
        with pytest.raises(DiskFull, match="free space"):
            exchange.publish(dakhla, [draft()])
    assert exchange.resume(dakhla, live.signer("dakhla")) == 1


def test_one_upload_of_an_institute_at_a_time(network: LiveNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, go_on = threading.Event(), threading.Event()
    accept = uploads.RootService.accept_publication

    def slowly(*arguments: Any) -> Any:
        inside.set()
        go_on.wait(20)
        return accept(*arguments)

    monkeypatch.setattr(uploads.RootService, "accept_publication", slowly)
    one = publication(network)
    with serving(network.root), network.client("dakhla") as client:
        receipts: list[Any] = []
        first = threading.Thread(target=lambda: receipts.append(client.publish(one)))
        first.start()
        assert inside.wait(20)
        with pytest.raises(UploadBusy):
            client.publish(one)
        go_on.set()
        first.join(20)
    assert len(receipts) == 1


def test_a_card_that_is_not_valid_is_refused_and_the_sentence_says_why(live: LiveNetwork) -> None:
    with pytest.raises(CardRefused, match="region"):
        exchange.publish(live.institutes["dakhla"], [Draft("institute", "about", CARD | {"region": "x"})])


def test_a_mistake_of_ours_gives_nothing_away(
    network: LiveNetwork, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: Any) -> Any:
        raise ZeroDivisionError("secret-detail")

    monkeypatch.setattr(uploads.RootService, "accept_publication", broken)
    monkeypatch.setattr(uploads.RootService, "status", broken)
    with serving(network.root), network.client("dakhla") as client:
        for call in (lambda: client.publish(publication(network)), client.status):
            with pytest.raises(Exception, match=r"mistake|failed") as caught:
                call()
            assert "secret" not in str(caught.value)
    assert "secret-detail" in capfd.readouterr().err


# --- the other end --------------------------------------------------------------------------------------


def test_a_root_with_another_certificate_is_not_talked_to(live: LiveNetwork, tmp_path: Path) -> None:
    from dataclasses import replace

    other = live.institutes["dakhla"].tls_certificate.read_text()
    with (
        RootClient(replace(live.network, tls_certificate_pem=other)) as client,
        pytest.raises(RootUnreachable, match="pins"),
    ):
        client.status()


def test_a_root_that_is_not_there_is_said_plainly(network: LiveNetwork) -> None:
    with network.client("dakhla") as client, pytest.raises(RootUnreachable, match="cannot be reached"):
        client.wait_for_change(0)


def test_a_client_without_key_cannot_sign(live: LiveNetwork) -> None:
    with RootClient(live.network) as client, pytest.raises(RootRefused, match="publishing key"):
        client.wait_for_change(0)


def test_an_institute_serves_its_mirror_and_no_exchange(live: LiveNetwork) -> None:
    home: Home = live.institutes["fes"]
    exchange.sync(home)
    verify = pinned_tls(home.tls_certificate.read_text())
    with serving(home), httpx.Client(base_url=f"https://127.0.0.1:{home.config.port}", verify=verify) as http:
        assert http.get("/healthz").json() == {"status": "ok", "role": "institute", "namespace": "fes"}
        directory = http.get("/mirror/targets/directory.json")
        assert json.loads(directory.content)["network_name"] == NAME
        assert http.get("/exchange/status").status_code == 404
        assert http.get("/mirror/index.sqlite3").status_code == 404
