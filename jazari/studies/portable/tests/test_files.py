"""Model files: one form, readable by others, and refused whatever else they hold."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.core.errors import Unavailable
from jazari.studies.errors import BadModel
from jazari.studies.portable import Input, PortableModel, load, save
from jazari.studies.portable.files import MAX_HEADER_BYTES, model_bytes, read_model
from jazari.studies.tests.models import logistic


def split(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header: dict[str, Any], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def same(one: PortableModel, other: PortableModel) -> bool:
    arrays = one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(one.arrays[n], other.arrays[n]) and one.arrays[n].dtype == other.arrays[n].dtype
        for n in one.arrays
    )
    return arrays and replace(one, arrays={}) == replace(other, arrays={})


def test_what_is_written_is_read_and_written_again_byte_for_byte(tmp_path: Path) -> None:
    model = logistic()
    save(model, tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors")
    assert same(model, again)
    assert model_bytes(again) == (tmp_path / "model.safetensors").read_bytes()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), st.floats(-1e300, 1e300),
       st.text(max_size=20).filter(lambda text: text.isprintable()))  # fmt: skip
def test_any_model_goes_through_a_file(coefficients: list[float], lower: float, unit: str) -> None:
    inputs = (Input("ph", "numeric", unit, (), lower, None), Input("crop", "category", "", ("maize", "œufs", "قمح")))
    model = logistic(arrays={"coefficients": np.array(coefficients)}, inputs=inputs)
    assert same(model, read_model(model_bytes(model)))


def test_the_safetensors_library_reads_it() -> None:
    arrays = safetensors.numpy.load(model_bytes(logistic()))
    assert arrays["coefficients"].tolist() == [-6.5, 1.0, -0.5]


def test_a_foreign_safetensors_file_is_no_model() -> None:
    with pytest.raises(BadModel, match="lacks the description"):
        read_model(safetensors.numpy.save({"coefficients": np.zeros(3)}))


def test_the_order_of_arrays_and_memory_does_not_matter() -> None:
    turned = np.array([[-6.5, 9], [1.0, 9], [-0.5, 9]], order="F")[:, 0]
    assert model_bytes(logistic(arrays={"coefficients": turned})) == model_bytes(logistic())


@pytest.mark.parametrize("keep", [0, 7, 8, 40, -1, -8])
def test_a_truncated_file_is_refused(keep: int) -> None:
    data = model_bytes(logistic())
    with pytest.raises(BadModel):
        read_model(data[:keep])


def test_every_altered_byte_is_refused_or_changes_the_model() -> None:
    """What is altered within the rules is another model, with another hash; nothing altered reads as the same."""
    model = logistic()
    data = model_bytes(model)
    for place in range(len(data)):
        altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            assert not same(model, read_model(altered))
        except BadModel as refused:
            assert str(refused).endswith(".")  # noqa: PT017


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "owned",))

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / "model.safetensors"
        path.write_bytes(pickle.dumps(Attack(), protocol=protocol))
        with pytest.raises(BadModel):
            load(path)
    assert not (tmp_path / "owned").exists()


def test_a_pickle_inside_the_description_stays_text(tmp_path: Path) -> None:
    header, body = split(model_bytes(logistic()))
    header["__metadata__"]["jazari"] = pickle.dumps(logistic().settings, protocol=0).decode()
    with pytest.raises(BadModel, match="description"):
        read_model(joined(header, body))


@pytest.mark.parametrize("claimed", [10 * 2**30, 2**63, 2**64 - 1, MAX_HEADER_BYTES + 1])
def test_a_header_that_claims_to_be_huge_is_refused_before_it_is_read(claimed: int) -> None:
    with pytest.raises(BadModel, match="does not start as"):
        read_model(claimed.to_bytes(8, "little") + model_bytes(logistic())[8:])


def test_a_file_beyond_the_limit_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jazari.studies.portable.files.MAX_FILE_BYTES", 100)
    (tmp_path / "large").write_bytes(bytes(101))
    with pytest.raises(BadModel, match="more than 100 bytes"):
        load(tmp_path / "large")
    with pytest.raises(BadModel, match="make it smaller"):
        model_bytes(logistic())


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        load(tmp_path / "nothing")


def described(**changes: Any) -> bytes:
    header, body = split(model_bytes(logistic()))
    value = json.loads(header["__metadata__"]["jazari"]) | changes
    header["__metadata__"]["jazari"] = json.dumps(value)
    return joined(header, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "jazari-model-2"},
        {"kind": "oracle"},
        {"kind": "trees"},
        {"task": "clustering"},
        {"task": "regression"},
        {"task": "multiclass"},
        {"classes": ["0"]},
        {"classes": ["0", "0"]},
        {"response": "../etc"},
        {"inputs": []},
        {"inputs": [{"name": "ph"}]},
        {"unknown": 1},
        {"settings": {}},
        {"settings": {"terms": [["", None], ["ph", None], ["crop", "rice"]], "link": "logit"}},
        {"settings": {"terms": [["", None], ["ph", None], ["ph", None]], "link": "logit"}},
        {"settings": {"terms": [["", None], ["ph", []], ["crop", "maize"]], "link": "logit"}},
        {"settings": {"terms": [["", None]], "link": "logit"}},
        {"settings": {"terms": "none", "link": "logit"}},
        {"settings": {"terms": [["", None], ["ph", None], ["crop", "maize"]], "link": "identity"}},
    ],
    ids=str,
)
def test_a_wrong_description_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadModel):
        read_model(described(**changes))


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F16"},
        {"dtype": "I64"},
        {"shape": [4]},
        {"shape": [-3]},
        {"shape": [3, 1, 1, 1, 1]},
        {"shape": [2**62, 2**62]},
        {"data_offsets": [0, 16]},
        {"data_offsets": [8, 32]},
        {"data_offsets": [0, 2**40]},
        {"data_offsets": [-24, 0]},
        {"data_offsets": "0-24"},
        {"more": 1},
    ],
    ids=str,
)
def test_an_array_that_lies_about_itself_is_refused(tensor: dict[str, Any]) -> None:
    header, body = split(model_bytes(logistic()))
    header["coefficients"] |= tensor
    with pytest.raises(BadModel):
        read_model(joined(header, body))


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(BadModel, match="not finite"):
        model_bytes(logistic(arrays={"coefficients": np.array([0.0, np.nan, 1.0])}))


def test_bytes_after_the_arrays_another_spelling_and_hidden_arrays_are_refused() -> None:
    data = model_bytes(logistic())
    header, body = split(data)
    hidden = header | {"more": {"dtype": "U8", "shape": [4], "data_offsets": [24, 28]}}
    for altered in (data + b"tail", joined(header, body), joined(hidden, body + b"code")):
        with pytest.raises(BadModel):
            read_model(altered)


def test_objects_and_strange_names_are_never_written() -> None:
    for arrays in ({"coefficients": np.array([1, "a", None], dtype=object)}, {"../x": np.zeros(3)}):
        with pytest.raises(BadModel):
            model_bytes(logistic(arrays=arrays))


def test_deeply_nested_json_is_refused() -> None:
    text = b"[" * 100_000
    with pytest.raises(BadModel):
        read_model(len(text).to_bytes(8, "little") + text)
