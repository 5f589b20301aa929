"""Model files: safetensors with one canonical form, read without executing anything.

::

    length of header, 8 bytes little-endian | header, JSON | arrays, one after the other

The format is that of https://github.com/huggingface/safetensors (README, "Format"), which other tools read. We
write it in one way only (arrays by name, no gaps, one metadata entry ``jazari`` of canonical JSON), so that equal
models are equal bytes, and accept nothing else: a file that is not byte for byte what we would write is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jazari.core.canonical import NotCanonical, canonical_json
from jazari.core.files import plain_os_errors, write_atomic
from jazari.studies.data.schema import first_problem
from jazari.studies.errors import BadModel
from jazari.studies.portable.kinds import check_model
from jazari.studies.portable.model import Array, Input, PortableModel
from jazari.studies.portable.words import MAX_FILE_BYTES, InputKind, ModelKind, Task

MAX_HEADER_BYTES = 4 * 2**20
MAX_ARRAYS = 500
MAX_DIMENSIONS = 4

_FORMAT = "jazari-model-1"
_METADATA = "__metadata__"
_TYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
_NAMES = {np.dtype(numpy_name): name for name, numpy_name in _TYPES.items()}
_ARRAY_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")


class _Closed(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Input(_Closed):
    name: str = Field(max_length=60)
    kind: InputKind
    unit: str = Field(max_length=60)
    levels: tuple[str, ...] = Field(max_length=100_000)
    lower: float | None
    upper: float | None


class _Description(_Closed):
    format: str
    kind: ModelKind
    task: Task
    response: str = Field(max_length=60)
    unit: str = Field(max_length=60)
    inputs: tuple[_Input, ...]
    classes: tuple[str, ...]
    settings: dict[str, Any]


class _Tensor(_Closed):
    dtype: str
    shape: tuple[int, ...] = Field(max_length=MAX_DIMENSIONS)
    data_offsets: tuple[int, int]


def model_bytes(model: PortableModel) -> bytes:
    """The one file of ``model``; raises ``BadModel`` if it is not valid or too large."""
    check_model(model)
    data = _write(model)
    if len(data) > MAX_FILE_BYTES:
        raise BadModel(f"The model has {len(data):,} bytes, more than {MAX_FILE_BYTES:,}: make it smaller.")
    return data


def read_model(data: bytes, where: str = "The model") -> PortableModel:
    """The model in ``data``; ``BadModel``, which names ``where``, unless it is exactly what we would write."""
    try:
        model = _parse(data)
        check_model(model)
        if _write(model) != data:
            raise BadModel("its bytes are not in the one form that is written")
    except BadModel as error:
        raise BadModel(f"{where} is no model file that may be used ({error}): fetch it again.") from error
    return model


def save(model: PortableModel, path: str | Path) -> None:
    """Write the file of ``model``, whole or not at all."""
    write_atomic(Path(path), model_bytes(model))


def load(path: str | Path) -> PortableModel:
    """The model in a file. Whoever made the file is not checked: ``jazari model predict RECORD`` does that.

    Raises ``BadModel``, or ``Unavailable`` when the file cannot be read.
    """
    return read_model(read_limited(Path(path)), str(path))


def read_limited(path: Path) -> bytes:
    """The bytes of a file, at most as many as a model may have; raises ``BadModel`` for more."""
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise BadModel(f"{path} has more than {MAX_FILE_BYTES:,} bytes and is no model file: check the path.")
    return data


def _write(model: PortableModel) -> bytes:
    header: dict[str, Any] = {_METADATA: {"jazari": _describe(model)}}
    parts, position = [], 0
    for name in sorted(model.arrays):
        part = _little_endian(name, model.arrays[name])
        raw = part.tobytes()
        offsets = [position, position + len(raw)]
        header[name] = {"dtype": _NAMES[part.dtype], "shape": list(part.shape), "data_offsets": offsets}
        parts.append(raw)
        position += len(raw)
    text = canonical_json(header)
    text += b" " * (-len(text) % 8)  # the arrays start on a multiple of 8, as readers that map the file want
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def _little_endian(name: str, array: Array) -> Array:
    if not _ARRAY_NAME.fullmatch(name) or array.dtype.newbyteorder("<") not in _NAMES:
        raise BadModel(f"the array {name[:60]!r} has a name or type that no model file holds")
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)


def _describe(model: PortableModel) -> str:
    value = {
        "format": _FORMAT,
        "kind": model.kind,
        "task": model.task,
        "response": model.response,
        "unit": model.unit,
        "inputs": [vars(one) | {"levels": list(one.levels)} for one in model.inputs],
        "classes": list(model.classes),
        "settings": dict(model.settings),
    }
    try:
        return canonical_json(value).decode()
    except NotCanonical as error:
        raise BadModel("its settings hold a value that JSON cannot carry exactly") from error


def _parse(data: bytes) -> PortableModel:
    header, body = _split(data)
    metadata = header.pop(_METADATA, None)
    if not isinstance(metadata, dict) or set(metadata) != {"jazari"} or not isinstance(metadata["jazari"], str):
        raise BadModel("it lacks the description that Jazari writes")
    arrays = _arrays(header, body)
    described = _description(metadata["jazari"])
    inputs = tuple(Input(**one.model_dump()) for one in described.inputs)
    fields = described.model_dump(exclude={"format", "inputs"})
    return PortableModel(inputs=inputs, arrays=arrays, **fields)


def _split(data: bytes) -> tuple[dict[str, Any], memoryview]:
    """The header and the rest. Sizes are checked before anything is read by them."""
    if len(data) > MAX_FILE_BYTES:
        raise BadModel("it is too large")
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > MAX_HEADER_BYTES:
        raise BadModel("it does not start as a safetensors file does")
    if len(data) < 8 + length:
        raise BadModel("it is cut short")
    header = _json_object(data[8 : 8 + length])
    if len(header) > MAX_ARRAYS + 1:
        raise BadModel("it holds too many arrays")
    return header, memoryview(data)[8 + length :]


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadModel("its header is no JSON") from error
    if not isinstance(value, dict):
        raise BadModel("its header is no JSON object")
    return value


def _description(text: str) -> _Description:
    try:
        described = _Description.model_validate_json(text)
    except (ValidationError, ValueError, RecursionError) as error:
        raise BadModel(f"its description is not valid: {first_problem(error)}") from error
    if described.format != _FORMAT:
        raise BadModel("it is of another version: update this node")
    return described


def _arrays(header: Mapping[str, Any], body: memoryview) -> dict[str, Array]:
    arrays, position = {}, 0
    for name in sorted(header):
        tensor = _tensor(name, header[name])
        start, stop = tensor.data_offsets
        size = np.dtype(_TYPES[tensor.dtype]).itemsize * math.prod(tensor.shape)
        if start != position or stop - start != size or stop > len(body):
            raise BadModel(f"the place of the array {name!r} is wrong or the file is cut short")
        arrays[name] = np.frombuffer(body[start:stop], dtype=_TYPES[tensor.dtype]).reshape(tensor.shape)
        position = stop
    if position != len(body):
        raise BadModel("something stands after its arrays")
    return arrays


def _tensor(name: str, value: Any) -> _Tensor:
    try:
        tensor = _Tensor.model_validate_json(json.dumps(value))
    except (ValidationError, ValueError, RecursionError) as error:
        raise BadModel("its header does not describe arrays") from error
    if not _ARRAY_NAME.fullmatch(name) or tensor.dtype not in _TYPES or min(tensor.shape, default=0) < 0:
        raise BadModel("an array has a name, type or shape that is not allowed")
    return tensor
