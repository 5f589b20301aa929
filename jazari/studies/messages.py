"""What travels between the coordinator and an institute: one kind of message, one way to write it.

::

    "JZM2" | header length, 4 bytes big-endian | header, canonical JSON | arrays, little-endian, in order

The header is ``{"arrays": [{"dtype", "name", "shape"}...] sorted by name, "extra": the same for what secure
aggregation adds, "kind", "round", "run", "step", "text"}`` and nothing else. Equal messages have equal bytes and
every other byte string is refused, so that bytes can be stored, compared and sent again. Nothing is unpickled and
nothing is evaluated.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from jazari.core.canonical import canonical_json
from jazari.core.errors import JazariError
from jazari.studies.errors import BadMessage

Array: TypeAlias = npt.NDArray[Any]
Sums: TypeAlias = dict[str, Array]
"""Named arrays: what one institute sends, or the total over all of them (int64 or float64; uint64 once masked)."""

Kind = Literal["request", "final", "answer", "refusal", "confirmation"]
Step = Literal["keys", "shares", "sums", "agree", "unmask"]
"""The parts of a round. Without secure aggregation there is only ``sums`` (see ``secure``)."""

DTYPES = {name: np.dtype(code) for name, code in
          {"int64": "<i8", "float64": "<f8", "uint64": "<u8", "uint8": "u1"}.items()}  # fmt: skip
MAGIC = b"JZM2"
MAX_BYTES = 64 * 2**20
MAX_HEADER_BYTES = 2**20
MAX_ARRAYS = 4096
MAX_DIMENSIONS = 6
MAX_ROUND = 10_000
_KINDS = frozenset(get_args(Kind))
_STEPS = frozenset(get_args(Step))
_FIELDS = {"arrays", "extra", "kind", "round", "run", "step", "text"}
_NAME = re.compile(r"[a-z0-9][a-zA-Z0-9._\-]{0,119}")
_RUN = re.compile(r"[a-z0-9][a-z0-9\-]{0,79}")
_PREFIX = len(MAGIC) + 4


@dataclass(frozen=True)
class Message:
    """One message of a run.

    ``request``: compute ``round``; ``arrays`` is the total of the round before (empty in round 1).
    ``final``: no more rounds; ``arrays`` is the total of the last one, ``round`` that one plus 1.
    ``answer``: an institute's sums for ``round``. ``refusal``: ``text`` is an error code.
    ``confirmation``: ``text`` is the transcript digest that the institute computed itself.
    ``step`` is the part of the round that is asked for or answered, ``extra`` what belongs to it besides sums.
    """

    kind: Kind
    run: str
    round: int
    arrays: Sums = field(default_factory=dict)
    text: str = ""
    step: Step = "sums"
    extra: Sums = field(default_factory=dict)


def check_run_id(run: str) -> str:
    """``run`` if it can name a run and its folder: 1 to 80 small letters, digits and hyphens."""
    if not _RUN.fullmatch(run):
        raise BadMessage(f"{run[:80]!r} cannot name a run: use 1 to 80 small letters, digits and hyphens.")
    return run


def encode(message: Message) -> bytes:
    """The only bytes of ``message``; raises ``BadMessage`` for what ``decode`` would refuse."""
    arrays, extra = _in_order(message.arrays), _in_order(message.extra)
    header = canonical_json(
        {
            "arrays": [_describe(name, array) for name, array in arrays.items()],
            "extra": [_describe(name, array) for name, array in extra.items()],
            "kind": message.kind,
            "round": message.round,
            "run": message.run,
            "step": message.step,
            "text": message.text,
        }
    )
    bodies = [np.ascontiguousarray(a, DTYPES[a.dtype.name]).tobytes() for a in (*arrays.values(), *extra.values())]
    data = b"".join((MAGIC, len(header).to_bytes(4, "big"), header, *bodies))
    _check_fields(json.loads(header))
    _require(len(header) <= MAX_HEADER_BYTES and len(data) <= MAX_BYTES, "it is too large")
    return data


def decode(data: bytes, max_bytes: int = MAX_BYTES) -> Message:
    """The message in ``data``; raises ``BadMessage`` for anything that ``encode`` cannot have written."""
    _require(isinstance(data, bytes | bytearray) and len(data) <= max_bytes, "it is too large")
    data = bytes(data)
    _require(len(data) >= _PREFIX and data.startswith(MAGIC), "it does not start as one")
    size = int.from_bytes(data[len(MAGIC) : _PREFIX], "big")
    _require(size <= MAX_HEADER_BYTES and len(data) >= _PREFIX + size, "its header is cut off or too large")
    header = _parse(data[_PREFIX : _PREFIX + size])
    body = memoryview(data)[_PREFIX + size :]
    sizes = [_size(entry) for entry in (*header["arrays"], *header["extra"])]
    _require(sum(sizes) == len(body), "its length does not match its header")
    middle = sum(sizes[: len(header["arrays"])])
    arrays, extra = _read_arrays(header["arrays"], body[:middle]), _read_arrays(header["extra"], body[middle:])
    return Message(header["kind"], header["run"], header["round"], arrays, header["text"], header["step"], extra)


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise BadMessage(f"This is no message of a study: {problem}; ask the sender for its version.")


def _in_order(arrays: Mapping[str, Array]) -> Sums:
    return {name: arrays[name] for name in sorted(arrays)}


def _describe(name: str, array: Array) -> dict[str, object]:
    _require(isinstance(array, np.ndarray) and array.dtype.name in DTYPES, f"{name!r} has another type")
    return {"dtype": array.dtype.name, "name": name, "shape": list(array.shape)}


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
        _check_fields(header)
        canonical = canonical_json(header)
    except (ValueError, RecursionError, JazariError) as error:
        raise BadMessage(
            "This is no message of a study: its header is not valid; ask the sender for its version."
        ) from error
    _require(canonical == raw, "its header is not canonical")
    return header  # type: ignore[no-any-return]


def _check_fields(header: Any) -> None:
    _require(
        isinstance(header, dict) and set(header) == _FIELDS,
        "its header has other fields",
    )
    _require(isinstance(header["step"], str) and header["step"] in _STEPS, "its step is unknown")
    _require(isinstance(header["kind"], str) and header["kind"] in _KINDS, "its kind is unknown")
    _require(type(header["round"]) is int and 1 <= header["round"] <= MAX_ROUND, "its round is out of range")
    _require(isinstance(header["text"], str) and len(header["text"]) <= 200, "its text is too long")
    _require(isinstance(header["run"], str) and bool(_RUN.fullmatch(header["run"])), "its run has no name")
    _check_entries(header["arrays"])
    _check_entries(header["extra"])


def _check_entries(entries: Any) -> None:
    _require(isinstance(entries, list) and len(entries) <= MAX_ARRAYS, "too many arrays")
    for entry in entries:
        _check_entry(entry)
    names = [entry["name"] for entry in entries]
    _require(names == sorted(set(names)), "its arrays are not in order")


def _check_entry(entry: Any) -> None:
    _require(isinstance(entry, dict) and set(entry) == {"dtype", "name", "shape"}, "an array has no form")
    _require(isinstance(entry["name"], str) and bool(_NAME.fullmatch(entry["name"])), "an array has no name")
    _require(isinstance(entry["dtype"], str) and entry["dtype"] in DTYPES, "an array has another type")
    shape = entry["shape"]
    _require(isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS, "an array has too many dimensions")
    _require(all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape), "an array has no valid shape")
    _require(_size(entry) <= MAX_BYTES, "an array is too large")


def _size(entry: Mapping[str, Any]) -> int:
    return int(math.prod(entry["shape"])) * DTYPES[entry["dtype"]].itemsize


def _read_arrays(entries: list[dict[str, Any]], body: memoryview) -> Sums:
    arrays, start = {}, 0
    for entry in entries:
        size = _size(entry)
        flat = np.frombuffer(body[start : start + size], dtype=DTYPES[entry["dtype"]])
        arrays[entry["name"]] = flat.reshape(entry["shape"]).astype(flat.dtype.newbyteorder("="))
        start += size
    return arrays


def same_arrays(left: Mapping[str, Array], right: Mapping[str, Array]) -> bool:
    """Whether two sets of arrays are equal byte for byte."""
    return encode(Message("answer", "x", 1, dict(left))) == encode(Message("answer", "x", 1, dict(right)))
