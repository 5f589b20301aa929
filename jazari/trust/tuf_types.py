"""The names we use of python-tuf and securesystemslib, exported so that type checkers see them.

Both packages build ``__all__`` from ``X.__name__``, which no type checker can read; saying so once here
spares every other module the same comment.
"""

from __future__ import annotations

from securesystemslib.signer import (  # type: ignore[attr-defined]
    CryptoSigner,
    Signature,
    Signer,
    SSlibKey,
)
from tuf.api.metadata import (  # type: ignore[attr-defined]
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

__all__ = [
    "CryptoSigner",
    "DelegatedRole",
    "Delegations",
    "Key",
    "MetaFile",
    "Metadata",
    "Role",
    "Root",
    "SSlibKey",
    "Signature",
    "Signer",
    "Snapshot",
    "TargetFile",
    "Targets",
    "Timestamp",
]
