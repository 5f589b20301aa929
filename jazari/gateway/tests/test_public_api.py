"""The JSON API of the gateway and of the audit trail: what it tells, and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from jazari.accounts.rules import Role
from jazari.core.audit import AuditEvent
from jazari.gateway import operations
from jazari.gateway.scopes import Scope
from jazari.gateway.tests.page_homes import give_gateway, publish, serve
from jazari.gateway.tests.test_drill_pages import published  # noqa: F401  a fixture
from jazari.gateway.words import DataClass
from jazari.governance.operations import record
from jazari.settings.home import Home
from jazari.testing.pages import People, anonymous

Caller = Callable[..., tuple[int, Any]]
pytestmark = pytest.mark.usefixtures("portal")
AUDIT, SEES, READS = Role.AUDITOR, Role.MEMBER, Role.OPERATOR


@pytest.fixture
def caller(people: People) -> Caller:
    """Asks the API of the node as somebody with a role, or as a stranger."""

    def get(path: str, *roles: Role) -> tuple[int, Any]:
        response = (people.client(*roles) if roles else anonymous()).get(f"/api/v1{path}")
        return response.status_code, response.json()

    return get


def test_records_are_for_everybody(published: Home, caller: Caller) -> None:  # noqa: F811
    status, found = caller("/gateway/drills?limit=1")
    assert status == 200
    assert found["next"].endswith("?limit=1&offset=1")
    assert found["items"][0]["card"]["what"] == "campus"
    assert caller("/gateway/providers?limit=0")[0] == 422
    assert caller("/gateway/providers?offset=99999999999")[0] == 422
    closed = ("gateway/routes", "gateway/projects", "gateway/keys", "gateway/receipts", "gateway/use", "audit/entries")
    for path in closed:
        assert caller(f"/{path}")[0] == 401


def test_providers_policy_routes_and_explanations(portal: Home, caller: Caller) -> None:
    give_gateway(portal)
    publish()
    assert [one["ref"] for one in caller("/gateway/providers")[1]["items"]] == [
        "rabat/provider/first@1", "rabat/provider/second@1",
    ]  # fmt: skip
    assert caller("/gateway/policy")[1]["items"][0]["ref"] == "rabat/residency/main@1"
    routes = caller("/gateway/routes", SEES)[1]["items"]
    assert {one["route"] for one in routes} == {"chat", "text", "vectors"}
    assert "127.0.0.1" not in json.dumps(routes)
    said = caller("/gateway/routes/chat/explanation?data_class=secret", SEES)[1]
    assert said["first"] is None
    assert caller("/gateway/routes/nowhere/explanation?data_class=public", SEES)[0] == 404
    assert caller("/gateway/routes/chat/explanation?data_class=top", SEES)[0] == 422


def test_projects_keys_receipts_and_use(portal: Home, caller: Caller) -> None:
    give_gateway(portal)
    operations.create_project("archives", "Archives", "tests")
    operations.grant("archives", 10**6, "why", "tests")
    made = operations.create_key("archives", "web", Scope(["chat"], DataClass.INTERNAL), "tests")
    (call,) = serve(portal, {})
    (project,) = caller("/gateway/projects", READS)[1]["items"]
    assert (project["granted_microcredits"], project["spent_microcredits"]) == (10**6, 250_000)
    whole = caller("/gateway/projects/archives", READS)[1]
    assert whole["grants"][0]["note"] == "why"
    assert made.secret[10:] not in json.dumps(whole)
    assert made.key.digest not in json.dumps(caller("/gateway/keys", READS)[1])
    assert caller("/gateway/projects/nobody", READS)[0] == 404
    assert [one["id"] for one in caller("/gateway/receipts?project=archives", READS)[1]["items"]] == [call]
    assert caller(f"/gateway/receipts/{call}", READS)[1]["proof"]["count"] == 1
    assert caller("/gateway/receipts/rc-1", READS)[0] == 404
    use = caller("/gateway/use?since=2026-11-01&until=2026-11-30", READS)[1]
    assert use["total"]["calls"] == 1
    assert len(use["days"]) == 30
    assert caller("/gateway/use?since=0001-01-01&until=9999-12-31", READS)[0] == 422
    for query in ("before=0", "limit=201", "project=%00", "since=soon"):
        assert caller(f"/gateway/receipts?{query}", READS)[0] == 422


def test_the_audit_trail(portal: Home, caller: Caller) -> None:
    for number in range(3):
        record(AuditEvent("test.written", "rabat", f"soil-{number}", {"number": number}))
    status, found = caller("/audit/entries?limit=2&kind=test", AUDIT)
    assert status == 200
    assert [one["seq"] for one in found["items"]] == [3, 2]
    assert found["next"] == "/api/v1/audit/entries?limit=2&kind=test&before=2"
    assert [one["seq"] for one in caller("/audit/entries?before=2", AUDIT)[1]["items"]] == [1]
    assert caller("/audit/entries/2", AUDIT)[1]["subject"] == "soil-1"
    assert caller("/audit/entries/9", AUDIT)[0] == 404
    assert caller("/audit/entries/99999999999999999999", AUDIT)[0] == 422
    said = caller("/audit/verification", AUDIT)[1]
    assert (said["part"]["last"], said["part"]["problems"], said["whole"]) == (3, [], None)
