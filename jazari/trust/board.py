"""What the board signs: the chain of roots, and ``targets`` that say exactly what the directory says."""

from __future__ import annotations

from jazari.trust.delegation import delegations
from jazari.trust.directory import DIRECTORY_TARGET, Directory
from jazari.trust.metadata import frozen_head, head_target
from jazari.trust.tuf_types import Metadata, Root, TargetFile, Targets


def verify_root(previous: Root | None, metadata: Metadata[Root]) -> None:
    """Raise unless ``metadata`` is signed by itself and is the next root after ``previous``."""
    root = metadata.signed
    if previous is not None:
        if root.version != previous.version + 1:
            raise ValueError("a root version is missing")
        previous.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    root.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)


def check_board_targets(targets: Targets, directory: Directory) -> None:
    """The signed targets say exactly what the directory says, and nothing else."""
    if targets.delegations != delegations(directory.entries.values()):
        raise ValueError("the delegations are not those of the directory")
    expected = board_targets(directory, targets)
    if targets.targets != expected:
        raise ValueError("the targets are not the directory and the frozen logs")


def board_targets(directory: Directory, frozen_in: Targets) -> dict[str, TargetFile]:
    """What ``targets`` must name: the directory, and the heads (taken from ``frozen_in``) of frozen logs."""
    named = {DIRECTORY_TARGET: directory_target(directory)}
    for entry in directory.entries.values():
        if entry.frozen_version is not None:
            head = frozen_head(entry.namespace, entry.frozen_version, frozen_in)
            named |= head_target(entry.namespace, head)
    return named


def directory_target(directory: Directory) -> TargetFile:
    """How ``targets`` names the directory."""
    return TargetFile.from_data(DIRECTORY_TARGET, directory.to_bytes(), ["sha256"])
