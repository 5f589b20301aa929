"""Rows of a Parquet file, in batches, with the declared columns only."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jazari.studies.data.loading import CHUNK_ROWS, Cells, Chunk
from jazari.studies.errors import BadData, ColumnMissing, UnreadableData


def read_chunks(path: Path, wanted: list[str]) -> Iterator[Chunk]:
    """The columns ``wanted`` of the rows of ``path``; raises ``UnreadableData``, ``ColumnMissing`` or ``BadData``."""
    with _plain_errors(path), pq.ParquetFile(path, memory_map=True, pre_buffer=False) as file:
        _require_columns(wanted, list(file.schema_arrow.names), path)
        first = 2
        for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=wanted, use_threads=False):
            columns = {name: _cells(batch.column(name), name) for name in wanted}
            yield Chunk(first, batch.num_rows, columns)
            first += batch.num_rows


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UnreadableData(f"{path} is no readable Parquet file: export it again.") from error


def _require_columns(wanted: list[str], names: list[str], path: Path) -> None:
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise BadData(f"{path} has the column {twice[0]!r} twice: rename one.")
    missing = [name for name in wanted if name not in names]
    if missing:
        found = ", ".join(names[:20])[:300]
        raise ColumnMissing(
            f"The column {missing[0]!r} is missing in {path}, which has {found}: correct the file or its schema."
        )


def _cells(column: Any, name: str) -> Cells:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return np.asarray(numbers, dtype=np.float64)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise BadData(f"The column {name!r} is of type {kind}: only numbers and texts can be read.")
    return [_text(value) for value in column.to_pylist()]


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.date | datetime.datetime | datetime.time):
        return value.isoformat()
    return str(value)
