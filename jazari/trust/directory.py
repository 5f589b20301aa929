"""The directory: who is admitted, with which keys; a TUF target that the board signs."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from jazari.core.canonical import canonical_json
from jazari.core.clock import timestamp
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import check_namespace
from jazari.trust.errors import BadKey, Untrusted
from jazari.trust.keys import key_id, tuf_key
from jazari.trust.tuf_types import SSlibKey

DIRECTORY_TARGET = "directory.json"
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
Status = Literal["active", "revoked"]
PublicKey = dict[str, Any]
"""A public key as TUF writes it (see ``jazari.trust.keys``)."""


class DirectoryEntry(BaseModel):
    """One institute (or the Root's own node).

    ``publishing_keys`` sign its log, ``threshold`` of them together; ``steward_keys`` sign its approvals;
    ``engine_certificate`` is PEM that trust does not read. ``frozen_version``: for a revoked institute, the
    last log version that the board vouches for.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    namespace: str
    titles: dict[str, str]
    region: str = ""
    publishing_keys: list[PublicKey] = Field(min_length=1, max_length=16)
    threshold: int = Field(default=1, ge=1)
    steward_keys: list[PublicKey] = Field(default_factory=list, max_length=16)
    engine_certificate: str = Field(default="", max_length=64 * 1024)
    url: str | None = Field(default=None, max_length=500)
    admitted: AwareDatetime
    status: Status = "active"
    frozen_version: int | None = Field(default=None, ge=1)

    @field_validator("namespace")
    @classmethod
    def _namespace(cls, value: str) -> str:
        return check_namespace_value(value)

    @field_validator("titles")
    @classmethod
    def _titles(cls, value: dict[str, str]) -> dict[str, str]:
        if not value or any(len(language) > 12 or not 0 < len(text) <= 300 for language, text in value.items()):
            raise ValueError("give a title of at most 300 characters in at least one language")
        return value

    @field_validator("publishing_keys", "steward_keys")
    @classmethod
    def _keys(cls, value: list[PublicKey]) -> list[PublicKey]:
        keys = [_key(key) for key in value]
        if len({key.keyid for key in keys}) != len(keys):
            raise ValueError("a key is named twice")
        return [dict(key.to_dict()) for key in keys]

    @model_validator(mode="after")
    def _consistent(self) -> DirectoryEntry:
        if self.threshold > len(self.publishing_keys):
            raise ValueError("the threshold is larger than the number of publishing keys")
        if (self.status == "revoked") != (self.frozen_version is not None):
            raise ValueError("an entry names a frozen version if and only if it is revoked")
        shared = set(self.key_ids()) & {key_id(key) for key in self.steward_keys}
        if shared:
            raise ValueError("a steward key must not be a publishing key: keep them apart")
        return self

    def key_ids(self) -> list[str]:
        """The ids of the publishing keys."""
        return [key_id(key) for key in self.publishing_keys]

    def to_json(self) -> dict[str, Any]:
        """The JSON object as it is signed."""
        return self.model_dump(mode="json") | {"admitted": timestamp(self.admitted)}


class Directory(BaseModel):
    """Everybody in the network; ``root`` is the namespace of the Root's own node, one of ``entries``."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    network_name: str = Field(min_length=1, max_length=200)
    root: str
    entries: dict[str, DirectoryEntry]
    engine_ca: str = Field(default="", max_length=64 * 1024)

    @model_validator(mode="after")
    def _consistent(self) -> Directory:
        if any(name != entry.namespace for name, entry in self.entries.items()):
            raise ValueError("an entry stands under another namespace than its own")
        if self.root not in self.entries:
            raise ValueError("the Root's own node is not among the entries")
        return self

    @property
    def root_entry(self) -> DirectoryEntry:
        """The entry of the Root's own node."""
        return self.entries[self.root]

    def active(self) -> list[DirectoryEntry]:
        """The institutes (and the Root's node) that may publish, in the order of their namespaces."""
        return [entry for _, entry in sorted(self.entries.items()) if entry.status == "active"]

    def to_bytes(self) -> bytes:
        """The canonical JSON that the board signs (through the hash in ``targets``)."""
        return canonical_json(
            {
                "network_name": self.network_name,
                "root": self.root,
                "entries": {name: entry.to_json() for name, entry in self.entries.items()},
                "engine_ca": self.engine_ca,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Directory:
        """The directory in ``data``; ``Untrusted`` if it is malformed."""
        try:
            return cls.model_validate(json.loads(data))
        except (ValidationError, ValueError, RecursionError) as error:
            raise Untrusted(
                "The directory of the network is malformed: ask the Root's board to sign a correct one."
            ) from error


def check_namespace_value(value: str) -> str:
    """``check_namespace`` for pydantic, which expects ``ValueError``."""
    try:
        return check_namespace(value)
    except BadIdentifier as error:
        raise ValueError(str(error)) from error


def _key(value: PublicKey) -> SSlibKey:
    try:
        return tuf_key(value)
    except BadKey as error:
        raise ValueError(str(error)) from error
