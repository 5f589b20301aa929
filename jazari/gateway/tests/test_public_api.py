"""The JSON API of the gateway and of the audit trail: what it tells, and that every operation names who may call it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ninja import NinjaAPI
from ninja.testing import TestClient

from jazari.accounts.access import Access, Anyone
from jazari.accounts.rules import Permission
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.federation.http import http_status
from jazari.gateway import operations
from jazari.gateway import public_api as gateway_api
from jazari.gateway.scopes import Scope
from jazari.gateway.tests.page_homes import give_gateway, publish, serve
from jazari.gateway.tests.test_drill_pages import published  # noqa: F401  a fixture
from jazari.gateway.words import DataClass
from jazari.governance import public_api as audit_api
from jazari.governance.operations import record
from jazari.settings.home import Home

pytestmark = pytest.mark.usefixtures("portal")
PUBLIC = {"gateway/providers", "gateway/drills", "gateway/policy"}
SEEN = {"gateway/routes", "gateway/routes/{alias}/explanation"}


class Guards:
    """Remembers who may call what, and lets in whoever is named."""

    def __init__(self) -> None:
        self.held: set[Access] = {Anyone.PUBLIC}

    def __call__(self, access: Access) -> Any:
        def check(request: Any) -> bool:
            return access in self.held

        check.access = access  # type: ignore[attr-defined]
        return check


@pytest.fixture
def guards() -> Guards:
    return Guards()


@pytest.fixture
def api(guards: Guards) -> NinjaAPI:
    made = NinjaAPI(urls_namespace=f"test-{id(guards)}")
    made.add_router("gateway", gateway_api.router(guards))
    made.add_router("audit", audit_api.router(guards))

    @made.exception_handler(JazariError)
    def on_error(request: Any, error: JazariError) -> Any:
        return made.create_response(request, {"error": {"code": error.code}}, status=http_status(error))

    return made


@pytest.fixture
def caller(api: NinjaAPI, guards: Guards) -> TestClient:
    client = TestClient(api)
    client.guards = guards  # type: ignore[attr-defined]
    return client


def get(caller: TestClient, path: str, *held: Access) -> tuple[int, Any]:
    caller.guards.held = {Anyone.PUBLIC, *held}  # type: ignore[attr-defined]
    response = caller.get(path)
    return response.status_code, response.json()


def operations_of(api: NinjaAPI) -> dict[str, Access]:
    found = {}
    for bound in api._get_bound_routers():
        for path, view in bound.path_operations.items():
            for operation in view.operations:
                (check,) = operation.auth_callbacks
                found[f"{bound.prefix}/{path}".strip("/").replace("//", "/")] = check.access
    return found


def test_every_operation_names_who_may_call_it(api: NinjaAPI) -> None:
    for path, access in operations_of(api).items():
        expected: Access = Permission.READ_AUDIT if path.startswith("audit") else Permission.READ_GATEWAY
        expected = Anyone.PUBLIC if path in PUBLIC else Permission.SEE_GATEWAY if path in SEEN else expected
        assert access is expected, path


def test_records_are_for_everybody(published: Home, caller: TestClient) -> None:  # noqa: F811
    status, found = get(caller, "/gateway/drills?limit=1")
    assert status == 200
    assert found["next"].endswith("?limit=1&offset=1")
    assert found["items"][0]["card"]["what"] == "campus"
    assert get(caller, "/gateway/providers?limit=0")[0] == 422
    assert get(caller, "/gateway/providers?offset=99999999999")[0] == 422
    closed = ("gateway/routes", "gateway/projects", "gateway/keys", "gateway/receipts", "gateway/use", "audit/entries")
    for path in closed:
        assert get(caller, f"/{path}")[0] == 401


def test_providers_policy_routes_and_explanations(portal: Home, caller: TestClient) -> None:
    give_gateway(portal)
    publish()
    assert [one["ref"] for one in get(caller, "/gateway/providers")[1]["items"]] == [
        "rabat/provider/first@1", "rabat/provider/second@1",
    ]  # fmt: skip
    assert get(caller, "/gateway/policy")[1]["items"][0]["ref"] == "rabat/residency/main@1"
    see = Permission.SEE_GATEWAY
    routes = get(caller, "/gateway/routes", see)[1]["items"]
    assert {one["route"] for one in routes} == {"chat", "text", "vectors"}
    assert "127.0.0.1" not in json.dumps(routes)
    said = get(caller, "/gateway/routes/chat/explanation?data_class=secret", see)[1]
    assert said["first"] is None
    assert get(caller, "/gateway/routes/nowhere/explanation?data_class=public", see)[0] == 404
    assert get(caller, "/gateway/routes/chat/explanation?data_class=top", see)[0] == 422


def test_projects_keys_receipts_and_use(portal: Home, caller: TestClient) -> None:
    give_gateway(portal)
    operations.create_project("archives", "Archives", "tests")
    operations.grant("archives", 10**6, "why", "tests")
    made = operations.create_key("archives", "web", Scope(["chat"], DataClass.INTERNAL), "tests")
    (call,) = serve(portal, {})
    read = Permission.READ_GATEWAY
    (project,) = get(caller, "/gateway/projects", read)[1]["items"]
    assert (project["granted_microcredits"], project["spent_microcredits"]) == (10**6, 250_000)
    whole = get(caller, "/gateway/projects/archives", read)[1]
    assert whole["grants"][0]["note"] == "why"
    assert made.secret[10:] not in json.dumps(whole)
    assert made.key.digest not in json.dumps(get(caller, "/gateway/keys", read)[1])
    assert get(caller, "/gateway/projects/nobody", read)[0] == 404
    assert [one["id"] for one in get(caller, "/gateway/receipts?project=archives", read)[1]["receipts"]] == [call]
    assert get(caller, f"/gateway/receipts/{call}", read)[1]["proof"]["count"] == 1
    assert get(caller, "/gateway/receipts/rc-1", read)[0] == 404
    use = get(caller, "/gateway/use?since=2026-11-01&until=2026-11-30", read)[1]
    assert use["total"]["calls"] == 1
    assert len(use["days"]) == 30
    assert get(caller, "/gateway/use?since=0001-01-01&until=9999-12-31", read)[0] == 422
    for query in ("before=0", "limit=201", "project=%00", "since=soon"):
        assert get(caller, f"/gateway/receipts?{query}", read)[0] == 422


def test_the_audit_trail(portal: Home, caller: TestClient) -> None:
    for number in range(3):
        record(AuditEvent("test.written", "rabat", f"soil-{number}", {"number": number}))
    audit = Permission.READ_AUDIT
    status, found = get(caller, "/audit/entries?limit=2&kind=test", audit)
    assert status == 200
    assert [one["seq"] for one in found["entries"]] == [3, 2]
    assert found["before"] == 2
    assert [one["seq"] for one in get(caller, "/audit/entries?before=2", audit)[1]["entries"]] == [1]
    assert get(caller, "/audit/entries/2", audit)[1]["subject"] == "soil-1"
    assert get(caller, "/audit/entries/9", audit)[0] == 404
    assert get(caller, "/audit/entries/99999999999999999999", audit)[0] == 422
    said = get(caller, "/audit/verification", audit)[1]
    assert (said["part"]["last"], said["part"]["problems"], said["whole"]) == (3, [], None)
