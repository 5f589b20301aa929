"""The file that travels between the Root and the board's machines.

It carries the trusted state that it starts from (the chain of roots, the current ``targets`` and directory),
the proposed state, and signatures. Whoever opens it checks everything again: ``Ceremony`` is the checked form.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from tuf.api.exceptions import RepositoryError

from jazari.core.files import plain_os_errors, write_atomic
from jazari.trust.board import check_board_targets, verify_root
from jazari.trust.directory import Directory
from jazari.trust.errors import BadCeremony, Untrusted
from jazari.trust.metadata import parse
from jazari.trust.tuf_types import Metadata, Root, Targets

Kind = Literal["create", "admit", "rotate", "revoke", "root", "renew"]
MAX_CEREMONY_BYTES = 64 * 1024 * 1024


class CeremonyFile(BaseModel):
    """The content of a ceremony file. Metadata stand as JSON objects, institutes' metadata as text."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    kind: Kind
    network: str
    prepared: str
    roots: list[dict[str, Any]] = []
    base_targets: dict[str, Any] | None = None
    base_directory: dict[str, Any] | None = None
    root: dict[str, Any] | None = None
    targets: dict[str, Any]
    directory: dict[str, Any]
    institutes: dict[str, str] = {}

    def write(self, path: Path) -> Path:
        """Write the file whole; returns its path."""
        write_atomic(path, (self.model_dump_json(indent=1) + "\n").encode())
        return path

    @classmethod
    def read(cls, path: Path) -> CeremonyFile:
        """Read the file; ``BadCeremony`` if it is no ceremony file."""
        with plain_os_errors(path), path.open("rb") as file:
            data = file.read(MAX_CEREMONY_BYTES + 1)
        try:
            if len(data) > MAX_CEREMONY_BYTES:
                raise ValueError("too large")
            return cls.model_validate_json(data)
        except (ValidationError, ValueError) as error:
            raise BadCeremony(f"{path} is no ceremony file, or damaged: get it from the Root again.") from error


@dataclass(frozen=True)
class Ceremony:
    """A ceremony file after all checks that need no key: it follows from ``base`` and says one thing only.

    ``base_root`` and ``base_targets`` are None when a network is created.
    """

    file: CeremonyFile
    base_root: Root | None
    base_targets: Targets | None
    base_directory: Directory | None
    root: Metadata[Root] | None
    targets: Metadata[Targets]
    directory: Directory

    @property
    def new_root(self) -> Root:
        """The root that is in force after the ceremony."""
        if self.root is not None:
            return self.root.signed
        assert self.base_root is not None  # noqa: S101  checked by open_ceremony
        return self.base_root


def open_ceremony(file: CeremonyFile, trusted_root: bytes | None = None) -> Ceremony:
    """Check ``file`` and return what it says; ``BadCeremony`` otherwise.

    ``trusted_root``: root metadata that the reader holds (from ``network.json``); the chain in the file must
    pass through it. Without it the file is only checked to be consistent in itself.
    """
    try:
        ceremony = _parsed(file)
        _check_chain(file, trusted_root)
        _check_base(ceremony)
        _check_proposal(ceremony)
    except (Untrusted, RepositoryError, ValueError, KeyError) as error:
        raise BadCeremony(
            f"The ceremony file does not hold together ({error}): get it from the Root again, do not sign it."
        ) from error
    return ceremony


def _parsed(file: CeremonyFile) -> Ceremony:
    return Ceremony(
        file,
        _metadata(Root, file.roots[-1]).signed if file.roots else None,
        _metadata(Targets, file.base_targets).signed if file.base_targets else None,
        _directory(file.base_directory) if file.base_directory else None,
        _metadata(Root, file.root) if file.root else None,
        _metadata(Targets, file.targets),
        _directory(file.directory),
    )


def _metadata(kind: Any, value: dict[str, Any]) -> Any:
    return parse(kind, json.dumps(value).encode(), "A part of the ceremony file")


def _directory(value: dict[str, Any]) -> Directory:
    return Directory.from_bytes(json.dumps(value).encode())


def _check_chain(file: CeremonyFile, trusted_root: bytes | None) -> None:
    chain = [_metadata(Root, value) for value in file.roots]
    for previous, following in pairwise(chain):
        verify_root(previous.signed, following)
    if chain:
        verify_root(None, chain[0])
    if trusted_root is not None and chain:
        pinned = parse(Root, trusted_root, "The trusted root")
        if all(link.signed_bytes != pinned.signed_bytes for link in chain):
            raise ValueError("its chain of roots does not pass through the root that you trust")


def _check_base(ceremony: Ceremony) -> None:
    file = ceremony.file
    if file.kind == "create":
        if file.roots or file.base_targets or file.base_directory or file.root is None:
            raise ValueError("a new network starts from nothing")
        return
    if ceremony.base_root is None or ceremony.base_targets is None or ceremony.base_directory is None:
        raise ValueError("it does not say what it starts from")
    metadata = _metadata(Targets, file.base_targets or {})
    ceremony.base_root.verify_delegate(Targets.type, metadata.signed_bytes, metadata.signatures)
    check_board_targets(ceremony.base_targets, ceremony.base_directory)


def _check_proposal(ceremony: Ceremony) -> None:
    root = ceremony.root.signed if ceremony.root else None
    if root is not None and root.version != (ceremony.base_root.version + 1 if ceremony.base_root else 1):
        raise ValueError("the proposed root is not the next version")
    base_version = ceremony.base_targets.version if ceremony.base_targets else 0
    if ceremony.targets.signed.version != base_version + 1:
        raise ValueError("the proposed targets are not the next version")
    if root is not None and root.roles["root"].keyids != root.roles["targets"].keyids:
        raise ValueError("root and targets must have the same board")
    check_board_targets(ceremony.targets.signed, ceremony.directory)
