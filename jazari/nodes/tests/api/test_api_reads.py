"""What holds for every read of the public API, found in its description: tags, lists, and answers as described."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from jazari.accounts.api_access import MADE_ANEW
from jazari.nodes.tests.api.api_nodes import DOCUMENT, READS, Node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unlimited")]
MADE_EACH_TIME = {
    "/api/v1/catalogue/{institute}/{kind}/{name}/{version}/verify",
    "/api/v1/audit/verification",
}


def untagged(node: Node, addresses: list[tuple[str, str]]) -> list[str]:
    """What is wrong with the tags of answers to whoever may read everything, and to strangers."""
    wrong = []
    for _path, address in addresses:
        for get in (node.get, node.get_as_a_stranger):
            first = get(address)
            if first.status_code == 401 and get == node.get_as_a_stranger:
                continue
            tag = first.headers.get("etag", "")
            if first.status_code != 200 or not tag:
                wrong.append(f"{address}: {first.status_code} with tag {tag!r}, {first.text[:200]}")
                continue
            again = get(address, if_none_match=f'"other", {tag}')
            other = get(address, if_none_match='"other"')
            if (again.status_code, again.content, again.headers.get("etag")) != (304, b"", tag):
                wrong.append(f"{address}: then {again.status_code} for its own tag")
            if (other.status_code, other.content) != (200, first.content):
                wrong.append(f"{address}: then {other.status_code} for another tag")
    return wrong


@pytest.mark.parametrize("node", ["institute", pytest.param("root", marks=pytest.mark.slow)], indirect=True)
def test_every_read_has_a_tag_and_is_not_sent_twice(node: Node) -> None:
    known = [("/api/v1/openapi.json", "/api/v1/openapi.json"), *node.known()]
    assert len(known) > 20
    assert untagged(node, [(path, address) for path, address in known if path not in MADE_EACH_TIME]) == []
    for path, address in known:
        if path in MADE_EACH_TIME:
            answer = node.get(address, if_none_match="*")
            assert (answer.status_code, "etag" in answer.headers) == (200, False), path
            assert "no-store" in answer.headers["cache-control"], path


@pytest.mark.parametrize(
    ("tag", "says"),
    [(None, "200 with tag ''"), ('"always"', "then 200 for its own tag")],
    ids=["without a tag", "sends it twice"],
)
def test_the_check_itself_finds_an_answer_that_is_not_as_it_should_be(tag: str | None, says: str) -> None:
    headers = {"etag": tag} if tag else {}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=b"{}", headers=headers))
    with httpx.Client(transport=transport, base_url="http://node.example") as client:
        (wrong, again) = untagged(Node("institute", client, "", {}), [("/", "/api/v1/node")])
    assert wrong == again
    assert says in wrong


def test_the_description_says_which_answers_have_no_tag() -> None:
    assert {path for path, told in READS.items() if told.get(MADE_ANEW)} == MADE_EACH_TIME
    tagged = {path for path, told in READS.items() if "ETag" in told["responses"]["200"].get("headers", {})}
    assert tagged == set(READS) - MADE_EACH_TIME
    assert {path for path, told in READS.items() if "304" in told["responses"]} == tagged
    assert all("Retry-After" in told["responses"]["429"]["headers"] for told in READS.values())


def schema_of(path: str) -> dict[str, Any]:
    content = READS[path]["responses"]["200"]["content"]["application/json"]["schema"]
    name = content.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["schemas"].get(name, content)


LISTS = sorted(path for path in READS if "items" in schema_of(path).get("properties", {}))


def test_whatever_has_a_limit_is_a_list_and_every_list_says_what_follows() -> None:
    limited = {path for path, told in READS.items() if "limit" in {one["name"] for one in told["parameters"]}}
    assert limited == set(LISTS)
    assert len(LISTS) > 10
    for path in LISTS:
        assert {"items", "next"} <= set(schema_of(path)["required"]), path
        parameters = {one["name"]: one["schema"] for one in READS[path]["parameters"]}
        assert (parameters["limit"]["default"], parameters["limit"]["maximum"]) == (50, 200), path
        assert len({"offset", "before"} & set(parameters)) == 1, path
        assert ("total" in schema_of(path)["properties"]) == ("offset" in parameters), path


def followed(node: Node, address: str) -> list[Any]:
    """All items, one at a time."""
    found: list[Any] = []
    following: str | None = f"{address}?limit=1"
    while following:
        answer = node.get(following).json()
        assert len(answer["items"]) <= 1
        found += answer["items"]
        following = answer["next"]
        assert len(found) < 300, "it never ends"
    return found


def test_every_list_is_read_whole_by_following_next(node: Node) -> None:
    for path in LISTS:
        address = node.address(path)
        whole = node.get(f"{address}?limit=200").json()
        assert whole["next"] is None, path
        assert whole.get("total", len(whole["items"])) == len(whole["items"]), path
        assert len(whole["items"]) > 1, f"{path}: a second page needs a second item"
        assert followed(node, address) == whole["items"], path
    answer = node.get("/api/v1/catalogue?kind=drill&kind=provider&limit=1&sort=newest").json()
    asked = httpx.URL(answer["next"]).params
    assert asked.get_list("kind") == ["drill", "provider"]
    assert (asked["sort"], asked["offset"]) == ("newest", "1")
    answer = node.get("/api/v1/gateway/receipts?project=archives&limit=1").json()
    assert httpx.URL(answer["next"]).params["project"] == "archives"
