"""A board member's part: sign a ceremony file offline, on a copy or in turn."""

from __future__ import annotations

from pathlib import Path

from jazari.trust.ceremonies.ceremony_file import Ceremony, CeremonyFile, open_ceremony
from jazari.trust.errors import NotABoardMember
from jazari.trust.tuf_types import Metadata, Root, Signer, Targets


def sign_ceremony(path: Path, signer: Signer, trusted_root: bytes | None = None) -> CeremonyFile:
    """Check the ceremony in ``path`` and add ``signer``'s signatures to it, in place.

    ``trusted_root``: the root metadata that the signer trusts, to refuse a file of another network.
    Raises ``NotABoardMember`` for a key that has no say in it, ``BadCeremony`` for a file not to be signed.
    """
    file = CeremonyFile.read(path)
    ceremony = open_ceremony(file, trusted_root)
    needed = parts_to_sign(ceremony, signer.public_key.keyid)
    if not needed:
        raise NotABoardMember(
            f"The key {signer.public_key.keyid[:12]} is not one of the board in this ceremony: use a board key."
        )
    for metadata in needed:
        metadata.sign(signer, append=True)
    store_signatures(ceremony)
    file.write(path)
    return file


def parts_to_sign(ceremony: Ceremony, keyid: str) -> list[Metadata[Root] | Metadata[Targets]]:
    """The metadata that the key ``keyid`` has a say in: old and new board for the root, new for targets."""
    parts: list[Metadata[Root] | Metadata[Targets]] = []
    old = ceremony.base_root.roles["root"].keyids if ceremony.base_root else []
    if ceremony.root is not None and keyid in {*old, *ceremony.root.signed.roles["root"].keyids}:
        parts.append(ceremony.root)
    if keyid in ceremony.new_root.roles["targets"].keyids:
        parts.append(ceremony.targets)
    return parts


def store_signatures(ceremony: Ceremony) -> None:
    """Put the signatures that the parsed metadata now have back into the file's content."""
    if ceremony.root is not None:
        ceremony.file.root = ceremony.root.to_dict()
    ceremony.file.targets = ceremony.targets.to_dict()
