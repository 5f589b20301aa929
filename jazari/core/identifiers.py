"""Names that people type and machines compare: namespaces and record references."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from jazari.core.errors import BadIdentifier

_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,39}")
RESERVED = frozenset({"root", "targets", "snapshot", "timestamp", "directory", "blobs", "log", "jazari"})


def check_name(name: str, what: str = "name") -> str:
    """``name`` if it is 2 to 40 of ``a-z 0-9 -``, starting with a letter, no double or final hyphen."""
    if not _NAME.fullmatch(name):
        raise BadIdentifier(
            f"The {what} {name[:60]!r} is not valid: use 2 to 40 small letters, digits and single hyphens, "
            "starting with a letter."
        )
    return name


def check_namespace(name: str) -> str:
    """``name`` if an institute may own it: a valid name that TUF and the repository do not reserve."""
    check_name(name, "namespace")
    if name in RESERVED:
        raise BadIdentifier(f"The namespace {name!r} is reserved: choose another.")
    return name


@dataclass(frozen=True, order=True)
class RecordRef:
    """``<namespace>/<type>/<name>@<version>``: one version of one record, for good."""

    namespace: str
    type: str
    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.type}/{self.name}@{self.version}"

    @property
    def series(self) -> str:
        """What all versions of the record share: ``<namespace>/<type>/<name>``."""
        return f"{self.namespace}/{self.type}/{self.name}"

    def previous(self) -> RecordRef | None:
        """The version before this one, or None for the first."""
        if self.version == 1:
            return None
        return RecordRef(self.namespace, self.type, self.name, self.version - 1)

    @classmethod
    def parse(cls, text: str) -> RecordRef:
        series, at, version = text.rpartition("@")
        parts = series.split("/")
        if not at or len(parts) != 3 or not re.fullmatch(r"[1-9][0-9]{0,8}", version):
            raise BadIdentifier(f"{text[:80]!r} is no record: write namespace/type/name@version.")
        namespace, kind, name = parts
        return cls(check_namespace(namespace), check_name(kind, "type"), check_name(name), int(version))


def token(nbytes: int = 8) -> str:
    """A random lower-case hex string for identifiers that nobody should guess or repeat."""
    return secrets.token_hex(nbytes)
