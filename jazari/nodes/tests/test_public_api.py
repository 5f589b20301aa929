"""The public API: who may call what, in one form, as described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from ninja import Router

from jazari.accounts.api_access import everybody, needs
from jazari.accounts.rules import Permission, Role
from jazari.catalog.tests.home import root_home
from jazari.core.errors import JazariError
from jazari.federation.exchange import open_reader
from jazari.nodes.public_api import PublicApi, api
from jazari.nodes.tests.live_portal import serving
from jazari.settings.home import Home, NodeConfig
from jazari.testing.pages import People, anonymous

pytestmark = pytest.mark.usefixtures("portal", "unlimited")
DOCUMENT = api.get_openapi_schema()


@pytest.fixture
def root(tmp_path: Path, portal: Home, settings: Any) -> Home:
    """A Root that has read its own network: ``network`` and ``fes``."""
    home, _ = root_home(tmp_path / "network")
    open_reader(home).refresh()
    settings.HOME = home
    return home


def get(path: str, **headers: str) -> Any:
    return anonymous().get(f"/api/v1/{path}", headers=headers)


def test_a_node_says_who_it_is() -> None:
    told = get("node").json()
    assert told["namespace"] == "rabat"
    assert told["languages"] == ["fr", "ar", "zgh", "en"]
    assert told["titles"] == {"fr": "Institut de Rabat"}


@pytest.mark.usefixtures("root")
def test_institutes_are_those_of_the_verified_directory() -> None:
    told = get("institutes").json()
    assert [(item["namespace"], item["is_root"]) for item in told["items"]] == [("fes", False), ("network", True)]
    assert told["total"] == 2
    assert told["next"] is None
    assert get("institutes/fes").json() == told["items"][0]
    assert get("institutes/nobody").status_code == 404
    assert get("institutes/nobody").json()["error"]["code"] == "federation.not-in-directory"
    assert get("institutes?status=revoked").json()["items"] == []


@pytest.mark.usefixtures("root")
def test_lists_come_in_pages_that_name_the_next() -> None:
    first = get("institutes?limit=1&status=active").json()
    assert [item["namespace"] for item in first["items"]] == ["fes"]
    assert first["next"] == "/api/v1/institutes?limit=1&status=active&offset=1"
    second = anonymous().get(first["next"]).json()
    assert [item["namespace"] for item in second["items"]] == ["network"]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "offset=-1", "offset=99999999999999999999"])
def test_a_page_that_cannot_be_is_refused_with_what_is_wrong(query: str) -> None:
    refused = get(f"institutes?{query}")
    assert refused.status_code == 422
    assert query.split("=", maxsplit=1)[0] in refused.json()["error"]["message"]


def test_before_a_network_is_joined_the_list_says_so() -> None:
    refused = get("institutes")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "federation.not-admitted"


@pytest.mark.parametrize("path", ["", "nothing", "nothing/at/all", "node/"])
def test_what_is_not_there_is_said_as_json(path: str) -> None:
    for answer in (get(path), anonymous(enforce_csrf_checks=True).post(f"/api/v1/{path}")):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "api.not-found"


@pytest.mark.parametrize("path", ["node", "openapi.json", "catalogue"])
def test_another_method_is_refused_as_json(path: str) -> None:
    refused = anonymous(enforce_csrf_checks=True).post(f"/api/v1/{path}")
    assert refused.status_code == 405
    assert refused["Allow"] == "GET"
    assert refused.json()["error"]["code"] == "api.wrong-method"


def test_head_is_answered_as_get() -> None:
    head = anonymous().head("/api/v1/node")
    assert head.status_code == 200
    assert head.content == b""


def test_no_other_site_may_read_it() -> None:
    for answer in (get("node", origin="https://elsewhere.example"), anonymous().options("/api/v1/node")):
        assert not any(name.lower().startswith("access-control") for name in answer.headers)


def test_the_description_is_valid_and_needs_nothing_from_elsewhere() -> None:
    served = get("openapi.json")
    assert served.json() == json.loads(json.dumps(DOCUMENT))
    assert "://" not in served.content.decode().replace("https://HOST", "")
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert api.docs_url is None


class Trouble(JazariError):
    code = "test.trouble"


router = Router()


@router.get("silent")
def silent(request: Any) -> dict[str, str]:
    return {"secret": "told"}


@router.get("open", auth=everybody)
def open_to_all(request: Any) -> dict[str, str]:
    return {"hello": "all"}


@router.get("runs", auth=needs(Permission.FOLLOW_RUNS))
def runs(request: Any) -> dict[str, str]:
    return {"secret": "told"}


@router.get("keys", auth=needs(Permission.MANAGE_GATEWAY))
def keys(request: Any) -> dict[str, str]:
    return {"secret": "told"}


@router.post("runs", auth=needs(Permission.FOLLOW_RUNS))
def change(request: Any) -> dict[str, str]:
    return {"secret": "changed"}


@router.get("trouble", auth=everybody)
def trouble(request: Any) -> None:
    raise Trouble("Something is wrong: do this.")


@router.get("bug", auth=everybody)
def bug(request: Any) -> None:
    raise RuntimeError("the password is hunter2")


@pytest.fixture
def guarded(portal: Home, settings: Any) -> None:
    """An API as ours with operations for tests, in place of ours."""
    from django.urls import include, path

    from jazari.accounts.api_access import nobody
    from jazari.nodes import portal_urls

    other = PublicApi(docs_url=None, urls_namespace="guarded", auth=nobody)
    other.add_router("", router)

    urls = ModuleType("urls")
    urls.urlpatterns = [path("api/v1/", other.urls), path("", include(portal_urls))]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls


def statuses(client: Client) -> dict[str, int]:
    return {path: client.get(f"/api/v1/{path}").status_code for path in ("silent", "open", "runs", "keys")}


@pytest.mark.usefixtures("guarded")
def test_what_says_nothing_is_refused_to_everybody(people: People) -> None:
    assert statuses(anonymous()) == {"silent": 401, "open": 200, "runs": 401, "keys": 401}
    assert statuses(people.client(Role.MEMBER)) == {"silent": 401, "open": 200, "runs": 403, "keys": 403}
    assert statuses(people.client(Role.OPERATOR)) == {"silent": 401, "open": 200, "runs": 200, "keys": 200}
    assert anonymous().get("/api/v1/runs").json()["error"]["code"] == "api.sign-in"
    assert people.client(Role.MEMBER).get("/api/v1/runs").json()["error"]["code"] == "api.not-allowed"


@pytest.mark.usefixtures("guarded")
def test_a_password_alone_does_not_open_what_needs_a_second_factor(people: People) -> None:
    assert statuses(people.client(Role.OPERATOR, second_factor=False))["keys"] == 403


@pytest.mark.usefixtures("guarded")
def test_a_session_changes_nothing_for_another_site_could_ask_in_its_name(people: People) -> None:
    client = people.client(Role.RESEARCHER, enforce_csrf_checks=True)
    assert client.get("/api/v1/runs").status_code == 200
    assert client.post("/api/v1/runs").status_code == 403


@pytest.mark.usefixtures("guarded")
def test_a_token_that_is_not_valid_is_not_replaced_by_the_session(people: People) -> None:
    client = people.client(Role.RESEARCHER)
    assert client.get("/api/v1/runs", headers={"authorization": "Bearer invented"}).status_code == 401


@pytest.mark.usefixtures("guarded")
def test_errors_say_what_to_do_and_bugs_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told = anonymous().get("/api/v1/trouble")
    assert told.status_code == 500
    assert told.json() == {"error": {"code": "test.trouble", "message": "Something is wrong: do this."}}
    hidden = anonymous().get("/api/v1/bug")
    assert hidden.status_code == 500
    assert "hunter2" not in hidden.content.decode()
    assert "hunter2" in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
class TestServed:
    """Over a real server, with kept pages before it."""

    @pytest.fixture
    def url(self, root: Home) -> Iterator[str]:
        root.write(NodeConfig(**vars(root.config) | {"portal_port": 8655}))
        with serving(root) as url:
            yield url

    def test_public_reads_have_a_tag_and_are_not_sent_twice(self, url: str) -> None:
        first = httpx.get(f"{url}/api/v1/institutes")
        again = httpx.get(f"{url}/api/v1/institutes", headers={"if-none-match": first.headers["etag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        assert httpx.head(f"{url}/api/v1/institutes").headers["etag"] == first.headers["etag"]

    def test_health_is_told_without_pages(self, url: str) -> None:
        told = httpx.get(f"{url}/healthz", headers={"host": "10.0.0.1"})
        assert told.json() == {"status": "ok", "role": "root", "namespace": "network"}
        assert httpx.head(f"{url}/healthz").status_code == 200
