"""The reference of the public API is that of the code, and leaves nothing out."""

from __future__ import annotations

import pytest

from jazari.nodes.public_api import CODES, PREFIX, api
from tests.docs import public_api_page

PAGE = public_api_page.PAGE.read_text(encoding="utf-8")
READS = {path: methods["get"] for path, methods in api.get_openapi_schema()["paths"].items()}


def test_the_page_is_that_of_the_code() -> None:
    assert public_api_page.render() == PAGE, "run `python -m tests.docs.write_reference` and read what changed"


@pytest.mark.parametrize("path", sorted(READS))
def test_every_operation_is_on_it_with_what_it_takes_and_whom_it_is_for(path: str) -> None:
    place = path.removeprefix(PREFIX)
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{place}` | ") and line.count("|") == 4]
    scopes = [scope for needed in READS[path]["security"] for scope in needed.get("ApiAccess", ())]
    assert (f"| `{scopes[0]}` |" if scopes else "| everybody |") in row
    for parameter in READS[path]["parameters"]:
        if parameter["in"] == "query":
            assert parameter.get("description"), f"{parameter['name']} of {path} has no description"
            assert f"`{parameter['name']}`" in PAGE


def test_every_code_is_on_it() -> None:
    for status, code in CODES.items():
        assert f"`{code}`" in PAGE
        assert status == 400 or f"| {status} | `{code}` |" in PAGE
