"""Who calls, and what that key may do: the pure part, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jazari.gateway.authorization import (
    EMPTY,
    KeyFacts,
    KeySnapshot,
    data_class_of,
    find_key,
    may_use,
    require_route,
    secret_digest,
)
from jazari.gateway.errors import (
    BadKey,
    DataClassTooHigh,
    ExpiredKey,
    GatewayError,
    MayNotDeclassify,
    RevokedKey,
    RouteNotAllowed,
    UnknownDataClass,
)
from jazari.gateway.words import DataClass

NOW = datetime(2026, 11, 26, tzinfo=UTC)
SECRET = "jz-00112233aabbccdd-" + "Ab_-" * 10 + "xyz"
KEY = KeyFacts(
    id="00112233aabbccdd",
    project="civil-registry",
    name="web",
    digest=secret_digest(SECRET),
    routes=frozenset({"small", "large"}),
    highest=DataClass.PERSONAL,
    may_declassify=False,
    requests_a_minute=60,
    tokens_a_minute=10_000,
    streams=4,
    expires=NOW + timedelta(days=1),
)
SNAPSHOT = KeySnapshot(version=1, keys={KEY.id: KEY}, projects={})
CLASSES = st.sampled_from(DataClass)


def holding(key: KeyFacts) -> KeySnapshot:
    return replace(SNAPSHOT, keys={key.id: key})


@pytest.mark.parametrize(
    "header", [f"Bearer {SECRET}", f"bearer {SECRET}", f"BEARER   {SECRET}", f" Bearer {SECRET} ".encode()]
)
def test_a_key_is_found_however_its_header_is_legally_written(header: str | bytes) -> None:
    assert find_key(SNAPSHOT, header, NOW) is KEY


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        b"",
        "Bearer",
        "Bearer ",
        SECRET,
        f"Basic {SECRET}",
        f"Bearer{SECRET}",
        f"Bearer {SECRET} {SECRET}",
        f"Bearer {SECRET}, Bearer {SECRET}",
        f"Bearer {SECRET}\n",
        f"Bearer {SECRET}\x00",
        f"Bearer {SECRET}\u0661",
        f"Bearer {SECRET}".encode("utf-16"),
        f"Bearer {SECRET.upper()}",
        f"Bearer {SECRET[:-1]}",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}!",
        "Bearer jz-ffffffffffffffff-" + "A" * 43,
        "Bearer " + "A" * 100_000,
        b"\xff\xfe\x00",
    ],
)
def test_any_other_header_is_a_bad_key(header: str | bytes | None) -> None:
    with pytest.raises(BadKey):
        find_key(SNAPSHOT, header, NOW)


@given(st.binary(max_size=120) | st.text(max_size=120))
@example(b"Bearer jz-")
def test_no_header_whatever_opens_but_the_secret(header: str | bytes) -> None:
    with pytest.raises(BadKey):
        find_key(SNAPSHOT, header, NOW)


@given(st.integers(0, len(SECRET) - 1), st.characters(codec="latin-1"))
def test_one_wrong_character_is_a_bad_key(place: int, character: str) -> None:
    wrong = SECRET[:place] + character + SECRET[place + 1 :]
    if wrong == SECRET:
        assert find_key(SNAPSHOT, f"Bearer {wrong}", NOW) is KEY
        return
    with pytest.raises(BadKey):
        find_key(SNAPSHOT, f"Bearer {wrong}", NOW)


def test_no_key_opens_before_the_database_was_read() -> None:
    with pytest.raises(BadKey):
        find_key(EMPTY, f"Bearer {SECRET}", NOW)


def test_a_key_opens_until_the_moment_it_expires() -> None:
    last = KEY.expires - timedelta(microseconds=1)
    assert find_key(SNAPSHOT, f"Bearer {SECRET}", last) is KEY
    with pytest.raises(ExpiredKey):
        find_key(SNAPSHOT, f"Bearer {SECRET}", KEY.expires)


def test_a_revoked_key_is_refused_also_where_it_has_expired() -> None:
    with pytest.raises(RevokedKey):
        find_key(holding(replace(KEY, revoked=True, expires=NOW)), f"Bearer {SECRET}", NOW)


@pytest.mark.parametrize("key", [replace(KEY, revoked=True), replace(KEY, expires=NOW)])
def test_without_the_secret_nobody_learns_that_a_key_existed(key: KeyFacts) -> None:
    header = f"Bearer {SECRET[:-1]}A"
    with pytest.raises(BadKey) as known:
        find_key(holding(key), header, NOW)
    with pytest.raises(BadKey) as unknown:
        find_key(EMPTY, header, NOW)
    assert str(known.value) == str(unknown.value)


@pytest.mark.parametrize("key", [KEY, replace(KEY, revoked=True), replace(KEY, expires=NOW)])
def test_no_refusal_names_the_project_the_key_or_the_secret(key: KeyFacts) -> None:
    header = f"Bearer {SECRET}" if key is not KEY else f"Bearer {SECRET}x"
    with pytest.raises(GatewayError) as refused:
        find_key(holding(key), header, NOW)
    assert not any(word in str(refused.value) for word in (KEY.project, KEY.id, SECRET))


def test_a_key_in_a_log_does_not_show_its_digest() -> None:
    assert repr(KEY.digest) not in repr(KEY)
    assert KEY.digest.hex() not in repr(SNAPSHOT)


@given(CLASSES)
def test_the_data_class_is_the_keys_highest_unless_the_call_says_otherwise(highest: DataClass) -> None:
    key = replace(KEY, highest=highest)
    assert data_class_of(key, None) == (highest, False)
    assert data_class_of(key, str(highest)) == (highest, False)


@given(CLASSES, CLASSES, st.booleans())
def test_a_call_is_never_above_its_key_and_below_it_only_with_the_right(
    highest: DataClass, asked: DataClass, right: bool
) -> None:
    key = replace(KEY, highest=highest, may_declassify=right)
    if asked.rank > highest.rank:
        with pytest.raises(DataClassTooHigh):
            data_class_of(key, asked)
    elif asked.rank < highest.rank and not right:
        with pytest.raises(MayNotDeclassify):
            data_class_of(key, asked)
    else:
        assert data_class_of(key, asked) == (asked, asked is not highest)


@pytest.mark.parametrize("asked", ["", "Public", "PUBLIC", " public", "none", "public,internal", "0", "x" * 10_000])
def test_what_is_no_data_class_is_refused_never_guessed(asked: str) -> None:
    with pytest.raises(UnknownDataClass) as refused:
        data_class_of(replace(KEY, may_declassify=True), asked)
    assert len(str(refused.value)) < 200


def test_a_key_is_for_the_routes_it_names() -> None:
    assert may_use(KEY, "small")
    require_route(KEY, "large")
    for route in ("", "smal", "Small", "small ", "*"):
        assert not may_use(KEY, route)
        with pytest.raises(RouteNotAllowed):
            require_route(KEY, route)
    assert may_use(replace(KEY, routes=frozenset({"*"})), "added-later")
    assert not may_use(replace(KEY, routes=frozenset()), "small")
