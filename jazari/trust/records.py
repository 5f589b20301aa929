"""Records: what an institute publishes, one signed line of its log each.

A record is immutable. ``ref`` is ``<namespace>/<type>/<name>@<version>``; version n replaces version n-1 of
the same series. Its card is a JSON object whose form the card type decides (a slice above); its files
are named by SHA-256 and size and travel apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from jazari.core.canonical import NotCanonical, canonical_json, digest
from jazari.core.clock import timestamp
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef, check_name
from jazari.trust.errors import BadRecord

MAX_RECORD_BYTES = 1024 * 1024
"""Largest canonical form of one record; larger content belongs in its files."""
MAX_FILES = 64
MAX_FILE_BYTES = 64 * 1024**3

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MEDIA_TYPE = r"^[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}$"


class FileRef(BaseModel):
    """A file of a record: ``sha256`` in hexadecimal, ``size`` in bytes."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    name: str
    sha256: Sha256
    size: int = Field(ge=0, le=MAX_FILE_BYTES)
    media_type: str = Field(default="application/octet-stream", pattern=_MEDIA_TYPE)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        return check_file_name(name)


class Record(BaseModel):
    """One published version. ``type``, ``name`` and ``version`` repeat what ``ref`` says and must agree."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    ref: str
    type: str
    name: str
    version: int
    replaces: str | None = None
    published: AwareDatetime
    card: dict[str, Any]
    files: tuple[FileRef, ...] = Field(default=(), max_length=MAX_FILES)

    @model_validator(mode="after")
    def _agrees_with_ref(self) -> Record:
        ref = _parsed(self.ref)
        if (ref.type, ref.name, ref.version) != (self.type, self.name, self.version):
            raise ValueError("type, name or version differ from ref")
        previous = ref.previous()
        if self.replaces != (str(previous) if previous else None):
            raise ValueError("replaces must be the version before this one")
        if len({file.name for file in self.files}) != len(self.files):
            raise ValueError("two files have the same name")
        return self

    @property
    def namespace(self) -> str:
        """The institute that published it."""
        return self.ref.partition("/")[0]

    @property
    def series(self) -> str:
        """What all versions share: ``<namespace>/<type>/<name>``."""
        return self.ref.rpartition("@")[0]

    @property
    def digest(self) -> str:
        """``sha256:<hex>`` of the canonical form."""
        return digest(self.to_json())

    def file(self, name: str) -> FileRef | None:
        """The file called ``name``, or None."""
        return next((file for file in self.files if file.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The JSON object whose canonical form is signed."""
        return {
            "ref": self.ref,
            "type": self.type,
            "name": self.name,
            "version": self.version,
            "replaces": self.replaces,
            "published": timestamp(self.published),
            "card": self.card,
            "files": [file.model_dump() for file in self.files],
        }

    def to_line(self) -> bytes:
        """The canonical form with a line feed, as it stands in the log; ``BadRecord`` if too large."""
        line = canonical_json(self.to_json())
        if len(line) > MAX_RECORD_BYTES:
            raise BadRecord(
                f"{self.ref} has {len(line):,} bytes, more than {MAX_RECORD_BYTES:,}: move some into a file."
            )
        return line + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Record:
        """The record in one line of a log (without line feed); ``BadRecord`` unless it is canonical.

        Canonical means that the bytes determine the value and back: no double keys, no other spelling.
        """
        if len(line) > MAX_RECORD_BYTES:
            raise BadRecord(f"A record is larger than {MAX_RECORD_BYTES:,} bytes: move content into a file.")
        try:
            record = cls.model_validate(json.loads(line))
            canonical = canonical_json(record.to_json())
        except (ValueError, TypeError, RecursionError, NotCanonical, BadIdentifier) as error:
            raise BadRecord(f"A line of the log is no record ({_short(error)}): publish it again.") from error
        if canonical != line:
            raise BadRecord(f"The line of {record.ref} is not canonical JSON: publish it with Jazari.")
        return record


@dataclass(frozen=True)
class Draft:
    """What somebody wants to publish: ``files`` maps names in the record to paths on this machine."""

    type: str
    name: str
    card: dict[str, Any]
    files: Mapping[str, Path] = field(default_factory=dict)
    media_types: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.type, "type")
        check_name(self.name)
        for name in self.files:
            try:
                check_file_name(name)
            except ValueError as error:
                raise BadRecord(f"The file name {name[:60]!r} is not usable: {error}.") from error


def make_record(ref: RecordRef, draft: Draft, published: datetime, files: tuple[FileRef, ...]) -> Record:
    """The record of ``draft`` under ``ref``; ``BadRecord`` says what breaks a rule."""
    previous = ref.previous()
    try:
        record = Record(
            ref=str(ref),
            type=ref.type,
            name=ref.name,
            version=ref.version,
            replaces=str(previous) if previous else None,
            published=published.replace(microsecond=0),
            card=draft.card,
            files=files,
        )
    except ValidationError as error:
        raise BadRecord(f"{ref} cannot be published ({_short(error)}): correct the card.") from error
    # A card may hold tuples or such, which change on the way through JSON: what is kept is what is signed.
    return Record.from_line(record.to_line()[:-1])


def check_file_name(name: str) -> str:
    """``name`` if it is a plain file name: letters, digits, ``. _ -``, at most 100; else ``ValueError``."""
    if not _FILE_NAME.fullmatch(name) or ".." in name:
        raise ValueError("file names are letters, digits, dots, hyphens and underscores")
    return name


def _parsed(ref: str) -> RecordRef:
    try:
        return RecordRef.parse(ref)
    except BadIdentifier as error:
        raise ValueError(str(error)) from error


def _short(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"{where}: {first['msg']}"[:160] if where else str(first["msg"])[:160]
    return str(error)[:160]
