"""A small TUF repository in a folder, for driving our client over its command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from jazari.trust.tuf_types import CryptoSigner

TOP = ("root", "timestamp", "snapshot", "targets")


class Simulated:
    """Real metadata and signatures; every method changes the state, ``publish`` writes it for readers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
        self.signers = {role: [CryptoSigner.generate_ed25519()] for role in TOP}
        self.root = Root(expires=self.expires, consistent_snapshot=True)
        for role in TOP:
            self.root.add_key(self.signers[role][0].public_key, role)
        self.timestamp = Timestamp(expires=self.expires)
        self.snapshot = Snapshot(expires=self.expires)
        self.targets: dict[str, Targets] = {"targets": Targets(expires=self.expires)}
        self.named: dict[str, bytes] = {}
        self.publish("root", "targets", "snapshot", "timestamp")

    def publish(self, *roles: str) -> None:
        """Write ``roles`` in this order; each is named by the next one up."""
        for role in roles:
            signed = {"root": self.root, "timestamp": self.timestamp, "snapshot": self.snapshot}.get(role)
            metadata = Metadata(signed or self.targets[role])
            for signer in self.signers[role]:
                metadata.sign(signer, append=True)
            self._write(role, metadata)

    def next(self, *roles: str) -> None:
        """The next version of ``roles``, published."""
        for role in roles:
            signed = {"root": self.root, "timestamp": self.timestamp, "snapshot": self.snapshot}.get(role)
            (signed or self.targets[role]).version += 1
            self.publish(role)

    def _write(self, role: str, metadata: Metadata) -> None:
        data = metadata.to_bytes()
        version = metadata.signed.version
        name = "timestamp" if role == "timestamp" else f"{version}.{quote(role, '')}"
        path = self.folder / "metadata" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if role == "snapshot":
            self.timestamp.snapshot_meta = MetaFile(version, len(data))
        elif role in self.targets:
            self.snapshot.meta[f"{role}.json"] = MetaFile(version, len(data))

    def add(self, role: str, path: str, content: bytes) -> None:
        """A target named by ``role``."""
        file = TargetFile.from_data(path, content, ["sha256"])
        self.targets[role].targets[path] = file
        folder, _, name = path.rpartition("/")
        place = self.folder / "targets" / folder / f"{file.hashes['sha256']}.{name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def delegate(self, role: str, *patterns: str) -> None:
        """A delegated role with its own key; publish it afterwards."""
        signer = CryptoSigner.generate_ed25519()
        parent = self.targets["targets"]
        parent.delegations = parent.delegations or Delegations({}, {})
        assert parent.delegations.roles is not None
        parent.delegations.roles[role] = DelegatedRole(role, [], 1, True, paths=list(patterns))
        parent.add_key(signer.public_key, role)
        self.signers[role] = [signer]
        self.targets[role] = Targets(expires=self.expires)
