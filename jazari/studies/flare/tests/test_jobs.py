"""The one job: fixed bytes, and nothing else passes for it."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies.flare import jobs


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()


def test_the_archive_holds_the_app_below_its_two_folders() -> None:
    with zipfile.ZipFile(io.BytesIO(jobs.archive())) as found:
        assert {entry.filename for entry in found.infolist()} == {
            f"{jobs.APP}/{jobs.APP}/{name}" for name in jobs.APP_FILES
        }
    assert jobs.archive() == jobs.archive()


def test_our_app_is_known_again() -> None:
    assert jobs.is_our_app(_zip(dict(jobs.APP_FILES)))
    assert jobs.is_our_app(_zip({"config/": b"", **jobs.APP_FILES}))


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"config/config_fed_client.json": b"{}"},
        {**jobs.APP_FILES, "custom/code.py": b"import os"},
        {**jobs.APP_FILES, "config/config_fed_client.json": jobs.APP_FILES["config/config_fed_client.json"] + b" "},
        {f"../{name}": content for name, content in jobs.APP_FILES.items()},
    ],
)
def test_any_other_app_is_not_ours(files: dict[str, bytes]) -> None:
    assert not jobs.is_our_app(_zip(files))


def test_a_name_given_twice_is_not_ours() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in jobs.APP_FILES.items():
            target.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate"):
            target.writestr("config/config_fed_client.json", jobs.APP_FILES["config/config_fed_client.json"])
    assert not jobs.is_our_app(buffer.getvalue())


def test_a_bomb_is_not_unpacked() -> None:
    assert not jobs.is_our_app(_zip({**jobs.APP_FILES, "zeros": b"\0" * 50_000_000}))


@given(st.one_of(st.binary(max_size=200), st.none(), st.integers(), st.text(max_size=20)))
def test_what_is_no_archive_is_not_ours(data: object) -> None:
    assert not jobs.is_our_app(data)


def test_our_description_is_known_again() -> None:
    meta = jobs.describe("run-1", ["fes", "rabat"])
    assert jobs.run_of(meta) == "run-1"
    assert jobs.is_our_description(meta, "fes")
    assert jobs.sites_of(meta) == {"fes", "rabat"}
    assert jobs.is_our_description(jobs.describe("run-1", ["fes", "rabat"], needs_all=False), "fes")
    assert not jobs.is_our_description(meta, "oujda")


@pytest.mark.parametrize(
    "change",
    [
        {"deploy_map": {"other": ["server", "fes"]}},
        {"deploy_map": {jobs.APP: ["server", "fes"], "other": ["fes"]}},
        {"deploy_map": {jobs.APP: ["fes"]}},
        {"deploy_map": {jobs.APP: ["@ALL"]}},
        {"deploy_map": None},
        {"custom_props": {"run": "run-1", "more": 1}},
        {"custom_props": None},
        {"scope": ""},
        {"resource_spec": {"fes": {"docker": {"image": "evil"}}}},
        {"launcher_spec": {"fes": {"docker": {"image": "evil"}}}},
        {"byoc": True},
    ],
)
def test_any_other_wish_is_not_ours(change: dict[str, object]) -> None:
    assert not jobs.is_our_description({**jobs.describe("run-1", ["fes"]), **change}, "fes")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["deploy_map", "custom_props", "scope", "byoc", "x"]), _json) | _json)
def test_no_meta_makes_the_check_fail(meta: object) -> None:
    assert jobs.is_our_description(meta, "fes") is False
    assert isinstance(jobs.run_of(meta), str)
    assert isinstance(jobs.sites_of(meta), frozenset)
