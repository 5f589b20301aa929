"""Messages: one way to write each, and nothing but our error for anything else."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jazari.core.canonical import canonical_json
from jazari.studies import messages
from jazari.studies.errors import BadMessage
from jazari.studies.messages import MAGIC, Message, check_run_id, decode, encode, same_arrays

_names = st.from_regex(r"[a-z][a-z0-9._]{0,12}", fullmatch=True)
_arrays = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in ("int64", "float64", "uint64", "uint8")]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
_messages = st.builds(
    Message,
    kind=st.sampled_from(["request", "final", "answer", "refusal", "confirmation"]),
    run=st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True),
    round=st.integers(1, 10_000),
    arrays=st.dictionaries(_names, _arrays, max_size=4),
    text=st.text(max_size=50),
    step=st.sampled_from(["keys", "shares", "sums", "agree", "unmask"]),
    extra=st.dictionaries(_names, _arrays, max_size=2),
)


@given(_messages)
def test_what_is_written_is_read_again_and_has_one_form(message: Message) -> None:
    data = encode(message)
    read = decode(data)
    for field in ("kind", "run", "round", "text", "step"):
        assert getattr(read, field) == getattr(message, field)
    assert {n: (a.dtype, a.shape) for n, a in read.arrays.items()} == {
        n: (a.dtype, a.shape) for n, a in message.arrays.items()
    }
    assert same_arrays(read.arrays, message.arrays)
    assert same_arrays(read.extra, message.extra)
    assert encode(read) == data


@given(_messages, st.data())
def test_a_changed_message_is_another_one_or_refused(message: Message, data: st.DataObject) -> None:
    raw = bytearray(encode(message))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    try:
        read = decode(bytes(raw))
    except BadMessage:
        return
    assert encode(read) == bytes(raw)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    for candidate in (data, MAGIC + data, MAGIC + len(data).to_bytes(4, "big") + data):
        with pytest.raises(BadMessage):
            decode(candidate)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(["arrays", "extra", "kind", "round", "run", "step", "text", "state"]), _json, max_size=8
    )
)
def test_any_header_is_a_message_or_refused(header: dict[str, object]) -> None:
    raw = json.dumps(header).encode()
    with pytest.raises(BadMessage):
        decode(MAGIC + len(raw).to_bytes(4, "big") + raw)


def _with_header(**changes: object) -> bytes:
    header = {"arrays": [], "extra": [], "kind": "answer", "round": 1, "run": "r", "step": "sums", "text": ""} | changes
    raw = canonical_json(header)
    return MAGIC + len(raw).to_bytes(4, "big") + raw


def test_the_smallest_message_by_hand() -> None:
    assert decode(_with_header()) == Message("answer", "r", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": {"beta": [1]}},
        {"kind": "state"},
        {"step": "state"},
        {"step": 1},
        {"extra": None},
        {"extra": [{"name": "a", "dtype": "uint8", "shape": [1]}]},
        {"round": 0},
        {"round": True},
        {"round": 10_001},
        {"run": "../r"},
        {"run": ""},
        {"text": "x" * 201},
        {"arrays": [{"name": "a", "dtype": "object", "shape": [1]}]},
        {"arrays": [{"name": "a", "dtype": "<U8", "shape": [1]}]},
        {"arrays": [{"name": "a", "dtype": "int64", "shape": [2**40]}]},
        {"arrays": [{"name": "a", "dtype": "int64", "shape": [-1]}]},
        {"arrays": [{"name": "a", "dtype": "int64", "shape": [0], "data": ""}]},
        {"arrays": [{"name": "/etc", "dtype": "int64", "shape": [0]}]},
        {"arrays": [{"name": n, "dtype": "int64", "shape": [0]} for n in ("b", "a")]},
        {"arrays": [{"name": "a", "dtype": "int64", "shape": [0]}] * 2},
        {"arrays": [{"name": "a", "dtype": "int64", "shape": [1]}]},
        {"arrays": [{"name": "a", "dtype": "int64", "shape": [1] * 7}]},
    ],
)
def test_a_header_beyond_the_form_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadMessage):
        decode(_with_header(**changes))


def test_spaces_in_the_header_are_refused() -> None:
    raw = json.dumps(
        {"arrays": [], "extra": [], "kind": "answer", "round": 1, "run": "r", "step": "sums", "text": ""}
    ).encode()
    with pytest.raises(BadMessage, match="canonical"):
        decode(MAGIC + len(raw).to_bytes(4, "big") + raw)


def test_a_deeply_nested_header_is_refused() -> None:
    raw = b"[" * 100_000
    with pytest.raises(BadMessage):
        decode(MAGIC + len(raw).to_bytes(4, "big") + raw)


def test_a_pickle_is_only_bytes() -> None:
    with pytest.raises(BadMessage):
        decode(pickle.dumps({"state": 1}))


def test_too_much_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_BYTES", 1000)
    with pytest.raises(BadMessage, match="large"):
        encode(Message("answer", "r", 1, {"a": np.zeros(200)}))
    with pytest.raises(BadMessage, match="large"):
        decode(bytes(1001), max_bytes=1000)


@pytest.mark.parametrize("array", [np.zeros(2, dtype=np.float32), np.array(["x"]), np.array([None]), [1, 2]])
def test_other_arrays_are_not_written(array: object) -> None:
    with pytest.raises(BadMessage):
        encode(Message("answer", "r", 1, {"a": array}))  # type: ignore[dict-item]


@pytest.mark.parametrize("run", ["", "R", "a/b", "..", "a" * 81, "a\n"])
def test_a_run_id_cannot_be_a_path(run: str) -> None:
    with pytest.raises(BadMessage):
        check_run_id(run)


def test_big_endian_and_strided_arrays_are_the_same_message() -> None:
    array = np.arange(12.0).reshape(3, 4)
    other = np.asfortranarray(array).astype(">f8")
    assert encode(Message("answer", "r", 1, {"a": array})) == encode(Message("answer", "r", 1, {"a": other}))
